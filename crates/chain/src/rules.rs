//! [`ChainRules`]: which layers of a model hold their weight as a chain, by name.

use std::sync::Arc;

use anther_tensor::{FactoredWeight, Factoring, Init, Scope};
use serde::{Deserialize, Serialize};

use crate::error::ChainError;
use crate::factors::{FactorRule, FactorShape};
use crate::glob::{matches, nearest};
use crate::spec::ChainSpec;
use crate::weight::{ChainWeight, LowRankWeight};

/// In what form a weight is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A chain of cores, [`ChainWeight`].
    #[default]
    Chain,
    /// Two factors, [`LowRankWeight`].
    LowRank,
}

/// One rule: the layers it is for, and how small their weights become. Exactly one of `ratio`, `rank` and `spec` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainRule {
    /// Globs over dotted names of layers, without `.weight`: `*` is any characters, dots too, `?` is one.
    pub layers: Vec<String>,
    /// The share of the dense parameters to stay within ([`ChainSpec::within`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The bond, the same everywhere up to what each can use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Legs and bonds written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<ChainSpec>,
    /// Number of cores, for `ratio` and `rank`.
    #[serde(default = "two")]
    pub cores: usize,
    /// How sizes are split, for `ratio` and `rank`.
    #[serde(default)]
    pub factors: FactorRule,
    /// The least bond, for `ratio`. The program released with Anthe has 2.
    #[serde(default = "one")]
    pub min_rank: usize,
    /// Chain or low rank.
    #[serde(default)]
    pub kind: Kind,
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

/// The form of one weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A chain of these legs and bonds.
    Chain(ChainSpec),
    /// Two factors; as a chain it has the legs of [`LowRankWeight::legs`].
    LowRank {
        /// `[out, in]`
        shape: [usize; 2],
        /// The inner size.
        rank: usize,
    },
}

impl Plan {
    /// The chain that this is; low rank is one of two cores.
    pub fn spec(&self) -> ChainSpec {
        match self {
            Plan::Chain(spec) => spec.clone(),
            Plan::LowRank { shape, rank } => {
                let (inputs, outputs) = LowRankWeight::legs(*shape);
                ChainSpec { inputs, outputs, ranks: vec![*rank] }
            }
        }
    }
}

/// Rules for a model; the first one that matches a layer is followed, a layer that none matches stays dense.
///
/// ```
/// use std::sync::Arc;
/// use anther_chain::{ChainRule, ChainRules, Survey};
/// use anther_tensor::layers::Linear;
/// use anther_tensor::{Factoring, ParamSet, Parameters};
///
/// let rules = ChainRules(vec![ChainRule { rank: Some(3), ..ChainRule::of("*.q_proj") }]);
/// let build = |set: &mut ParamSet, factoring: Arc<dyn Factoring>| {
///     Linear::new(&mut set.root().factored_by(factoring).child("attn").child("q_proj"), 64, 64, true)
/// };
///
/// let survey = Arc::new(Survey::default());
/// build(&mut ParamSet::new(), survey.clone());
/// rules.check(&survey.layers())?;
/// let mut small = ParamSet::new();
/// build(&mut small, Arc::new(rules));
/// assert_eq!(Parameters::<f32>::initialise(&small, 0).count(), 3 * 2 * 64 + 64);
/// # Ok::<(), anther_chain::ChainError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainRules(pub Vec<ChainRule>);

impl ChainRule {
    /// A rule for the layers that one glob matches, which still says nothing of the size: give it a ratio, a rank or a specification.
    pub fn of(glob: &str) -> Self {
        ChainRule {
            layers: vec![glob.to_owned()],
            ratio: None,
            rank: None,
            spec: None,
            cores: two(),
            factors: FactorRule::default(),
            min_rank: one(),
            kind: Kind::default(),
        }
    }

    /// Whether the rule is for a layer of this name.
    pub fn is_for(&self, layer: &str) -> bool {
        self.layers.iter().any(|glob| matches(glob, layer))
    }

    /// The form of a weight `[out, in]` under this rule.
    ///
    /// # Errors
    /// If the rule says too little or too much, or its numbers do not fit the shape.
    pub fn plan(&self, shape: [usize; 2]) -> Result<Plan, ChainError> {
        self.chosen(shape).map_err(|error| match error {
            ChainError::Rule { .. } => error,
            other => self.refuse(&other.to_string()),
        })
    }

    fn refuse(&self, why: &str) -> ChainError {
        ChainError::Rule { layers: self.layers.join(", "), why: why.to_owned() }
    }

    fn chosen(&self, shape: [usize; 2]) -> Result<Plan, ChainError> {
        let [out, inputs] = shape;
        let legs = || match self.kind {
            Kind::LowRank => Ok(LowRankWeight::legs(shape)),
            Kind::Chain => {
                let (inputs, outputs) = FactorShape::pair(inputs, out, self.cores, self.factors)?;
                Ok((inputs.into_vec(), outputs.into_vec()))
            }
        };
        let spec = match (self.ratio, self.rank, &self.spec) {
            (Some(ratio), None, None) => {
                let (inputs, outputs) = legs()?;
                ChainSpec::within(inputs, outputs, ratio, self.min_rank)?
            }
            (None, Some(rank), None) => {
                let (inputs, outputs) = legs()?;
                ChainSpec::with_rank(inputs, outputs, rank)?
            }
            (None, None, Some(_)) if self.kind == Kind::LowRank => {
                return Err(self.refuse("low rank has no legs to specify; give a ratio or a rank"));
            }
            (None, None, Some(spec)) => {
                spec.validate()?;
                if spec.shape() != shape {
                    return Err(ChainError::Shape { weight: shape, chain: spec.shape() });
                }
                spec.clone()
            }
            _ => return Err(self.refuse("give exactly one of ratio, rank and spec")),
        };
        Ok(match self.kind {
            Kind::Chain => Plan::Chain(spec),
            Kind::LowRank => Plan::LowRank { shape, rank: spec.ranks[0] },
        })
    }
}

impl ChainRules {
    /// Whether there are no rules, so that every layer is dense.
    pub fn are_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form of the weight of a layer, or `None` where it stays dense.
    ///
    /// # Errors
    /// If its rule cannot be followed.
    pub fn plan(&self, layer: &str, shape: [usize; 2]) -> Result<Option<Plan>, ChainError> {
        self.0.iter().find(|rule| rule.is_for(layer)).map(|rule| rule.plan(shape)).transpose()
    }

    /// What [`ChainRules::plan`] says of all layers of a model, which [`Survey`](crate::Survey) finds: name, shape and form of those that become small.
    ///
    /// # Errors
    /// If a glob matches none of them, with names near it, or a rule cannot be followed for a layer.
    pub fn check(&self, layers: &[(String, [usize; 2])]) -> Result<Vec<(String, [usize; 2], Plan)>, ChainError> {
        self.unmatched(&layers.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>())?;
        let mut plans = Vec::new();
        for (name, shape) in layers {
            if let Some(plan) = self.plan(name, *shape)? {
                plans.push((name.clone(), *shape, plan));
            }
        }
        Ok(plans)
    }

    /// Checks that every glob matches one of these layers.
    ///
    /// # Errors
    /// With the first glob that does not, and up to three names near it.
    pub fn unmatched(&self, layers: &[&str]) -> Result<(), ChainError> {
        let globs = self.0.iter().flat_map(|rule| &rule.layers);
        match globs.into_iter().find(|glob| !layers.iter().any(|layer| matches(glob, layer))) {
            Some(glob) => Err(ChainError::Unmatched { glob: glob.clone(), near: nearest(glob, layers) }),
            None => Ok(()),
        }
    }
}

impl Factoring for ChainRules {
    /// # Panics
    /// If the rule of a layer cannot be followed, or its weight starts as a constant other than 0. [`ChainRules::check`] tells the first before a model
    /// is made.
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], init: Init) -> Option<Arc<dyn FactoredWeight>> {
        let made = self.plan(scope.name(), shape).and_then(|plan| {
            Ok(match plan {
                None => None,
                Some(Plan::Chain(spec)) => {
                    Some(Arc::new(ChainWeight::new(scope, spec, init)?) as Arc<dyn FactoredWeight>)
                }
                Some(Plan::LowRank { rank, .. }) => Some(Arc::new(LowRankWeight::new(scope, shape, rank, init)?) as _),
            })
        });
        made.unwrap_or_else(|error| panic!("{}: {error}", scope.name()))
    }
}
