//! What can be wrong with a factorisation, each in one sentence.

/// Why a size, a chain, a decomposition or a rule cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A size or a number of cores that cannot be factorised.
    #[error("{size} cannot be split into {legs} factors: {why}")]
    Factors {
        /// The size.
        size: usize,
        /// The number of factors.
        legs: usize,
        /// What is in the way, and the way out.
        why: String,
    },
    /// A chain whose numbers contradict each other.
    #[error("this is no tensor chain: {0}")]
    Spec(String),
    /// A dense matrix that the legs of a chain do not multiply up to.
    #[error("a weight [out = {}, in = {}] does not fit a chain of [out = {}, in = {}]; choose factors whose products are its sizes", .weight[0], .weight[1], .chain[0], .chain[1])]
    Shape {
        /// The shape of the weight, `[out, in]`.
        weight: [usize; 2],
        /// What the factors multiply up to, `[out, in]`.
        chain: [usize; 2],
    },
    /// A number that is no number, or infinite.
    #[error("the {what} holds {value} at element {index}; a factorisation needs finite numbers")]
    NotFinite {
        /// The matrix.
        what: &'static str,
        /// The first such element, in row-major order.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A tolerance outside of `[0, 1)`.
    #[error("a tolerance of {0} makes no sense: give the relative error that is allowed, at least 0 and below 1")]
    Tolerance(f64),
    /// A rank of zero.
    #[error("a rank of 0 would leave nothing of the weight; give at least 1")]
    Rank,
    /// A share of the parameters that is no share.
    #[error("{0} is no share of the parameters to keep: give a number above 0 and at most 1")]
    Ratio(f64),
    /// A covariance that is none.
    #[error("the inputs' covariance cannot weight a factorisation: {0}")]
    Covariance(String),
    /// A rule that says too little or too much.
    #[error("the chain rule for {layers} cannot be followed: {why}")]
    Rule {
        /// The globs of the rule.
        layers: String,
        /// What is wrong, and how to mend it.
        why: String,
    },
    /// A glob that names no layer.
    #[error("no layer matches {glob}{}", near_by(.near))]
    Unmatched {
        /// The glob.
        glob: String,
        /// Names that look like it.
        near: Vec<String>,
    },
}

fn near_by(names: &[String]) -> String {
    if names.is_empty() {
        "; this model has no weight that can be factorised".to_owned()
    } else {
        format!("; near it are {}", names.join(", "))
    }
}
