//! How far `f32` may be from `f64`: the one table, by class of op.

/// Bounds on the distance of an `f32` result from the `f64` one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Relative to the element.
    pub rtol: f64,
    /// Relative to the largest element of the tensor, or to 1 if that is larger: sums cancel, and what is left of a small sum carries
    /// the rounding of its large terms.
    pub atol: f64,
}

/// Moves numbers or changes signs: exact.
const EXACT: Tolerance = Tolerance { rtol: 0.0, atol: 0.0 };
/// A few correctly rounded operations, or sums of few terms in `f64`: about eight roundings.
const ARITHMETIC: Tolerance = Tolerance { rtol: 1e-6, atol: 1e-6 };
/// One transcendental function and its derivative: a few units in the last place each, and 1 − y² cancels near ±1.
const FUNCTION: Tolerance = Tolerance { rtol: 4e-6, atol: 2e-6 };
/// Sums of many products, in `f32` within a block.
const PRODUCT: Tolerance = Tolerance { rtol: 1e-5, atol: 4e-6 };
/// Rows scaled by a statistic of their own: sums, a root or a function, and differences of large terms in the gradient.
const ROWS: Tolerance = Tolerance { rtol: 2e-5, atol: 5e-6 };
/// Layers and models: many of the above after one another.
pub(crate) const COMPOSED: Tolerance = Tolerance { rtol: 1e-3, atol: 1e-4 };

/// The tolerance of an op, by its name. An op of another crate counts as composed until it says otherwise.
pub(crate) fn of_op(op: &str) -> Tolerance {
    match op {
        "reshape" | "transpose" | "split_heads" | "merge_heads" | "slice" | "concat" | "neg" | "abs" | "relu" => EXACT,
        "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "affine" | "sum" | "sum_last" | "square" | "sqrt"
        | "reciprocal" | "dropout" | "rotary" | "embedding" | "squash" => ARITHMETIC,
        "exp" | "ln" | "sin" | "cos" | "tanh" | "sigmoid" | "erf" | "silu" | "gelu" | "gelu_tanh" | "softplus"
        | "elu_plus_one" | "swiglu" => FUNCTION,
        "matmul" => PRODUCT,
        "softmax"
        | "normalize"
        | "layer_norm"
        | "rms_norm"
        | "cross_entropy"
        | "linear"
        | "linear_residual"
        | "linear_cross_entropy"
        | "add_layer_norm"
        | "add_rms_norm" => ROWS,
        _ => COMPOSED,
    }
}

impl Tolerance {
    /// Whether `a` is close enough to `b`, an element of a tensor whose largest element is `largest`.
    pub(crate) fn allows(self, a: f64, b: f64, largest: f64) -> bool {
        crate::close(a, b, self.rtol, self.atol * largest.max(1.0))
    }
}
