//! The condition slot: what happens to queries and keys, head by head, between projection and score.

mod batch_norm;
mod convolution;
mod pooling;
mod qk_norm;

use anther_tensor::{Element, Scope, Var};
use serde::{Deserialize, Serialize};

pub use batch_norm::BatchNormConfig;
pub use convolution::ConvolutionConfig;
pub use pooling::PoolingConfig;
pub(crate) use pooling::{Group, Pooled};
pub use qk_norm::QkNormConfig;

use crate::config::ConfigError;
use crate::project::repeat_heads;
use crate::sight::{Sight, Statistics};
use batch_norm::BatchNorm;
use convolution::Convolution;
use qk_norm::QkNorm;

/// A condition on queries and keys. A layer has each kind at most once: convolution comes first, then normalisation, then rotary positions, then
/// pooling, then the shift of Attention-BN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Condition {
    /// Convolution over the tokens; see [`ConvolutionConfig`].
    Convolution(ConvolutionConfig),
    /// Query–key normalisation; see [`QkNormConfig`].
    QkNorm(QkNormConfig),
    /// Attention-SH; see [`PoolingConfig`].
    Pooling(PoolingConfig),
    /// Attention-BN; see [`BatchNormConfig`].
    BatchNorm(BatchNormConfig),
}

/// Checks the conditions of a layer of `heads`.
pub(crate) fn validate(conditions: &[Condition], heads: usize) -> Result<(), ConfigError> {
    let refuse = |reason: String| Err(ConfigError::new("model.attention.condition", reason));
    let kind = std::mem::discriminant::<Condition>;
    for (i, condition) in conditions.iter().enumerate() {
        if conditions[..i].iter().any(|other| kind(other) == kind(condition)) {
            return refuse("a kind of condition is there twice; keep one".into());
        }
        let (eps, beta) = match condition {
            Condition::Convolution(config) if !(1..=1 << 10).contains(&config.taps) => {
                return refuse(format!("a convolution of {} taps is not between 1 and {}", config.taps, 1 << 10));
            }
            Condition::Convolution(_) => continue,
            Condition::Pooling(PoolingConfig { scales })
                if scales.is_empty() || !heads.is_multiple_of(scales.len()) =>
            {
                return refuse(format!(
                    "{} pooling scales cannot be shared out to {heads} heads; give a number of scales that divides model.heads",
                    scales.len()
                ));
            }
            Condition::Pooling(PoolingConfig { scales }) => match scales.iter().find(|s| !(1..=1 << 20).contains(*s)) {
                Some(scale) => return refuse(format!("a pooling scale of {scale} is not between 1 and {}", 1 << 20)),
                None => continue,
            },
            Condition::QkNorm(config) => (config.eps, 1.0),
            Condition::BatchNorm(config) => (config.eps, config.beta),
        };
        if !((eps as f32).is_normal() && eps > 0.0) {
            return refuse(format!("an eps of {eps} is not a positive number that f32 holds"));
        }
        if !(beta as f32).is_finite() {
            return refuse(format!("a beta of {beta} is not a finite number that f32 holds"));
        }
    }
    Ok(())
}

/// The conditions of one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    convolution: Option<Convolution>,
    qk_norm: Option<QkNorm>,
    pooling: Option<Vec<Group>>,
    batch_norm: Option<BatchNorm>,
}

impl Conditions {
    pub(crate) fn new(scope: &mut Scope<'_>, config: &[Condition], heads: usize, d: usize) -> Self {
        let mut conditions = Conditions::default();
        for condition in config {
            match condition {
                Condition::Convolution(config) => {
                    conditions.convolution = Some(Convolution::new(scope, config, heads * d));
                }
                Condition::Pooling(config) => conditions.pooling = Some(pooling::groups(scope, config, heads)),
                Condition::QkNorm(config) => conditions.qk_norm = Some(QkNorm::new(scope, config, d)),
                Condition::BatchNorm(config) => conditions.batch_norm = Some(BatchNorm::new(scope, config, heads)),
            }
        }
        conditions
    }

    /// The groups of heads that pool their keys and values, if any do.
    pub(crate) fn pooling(&self) -> Option<&[Group]> {
        self.pooling.as_deref()
    }

    /// Whether each head gets keys of its own, also where heads share them.
    pub(crate) fn part_shared_keys(&self) -> bool {
        self.convolution.is_some()
    }

    /// Whether pooling or [`Conditions::after_position`] reads the keys.
    pub(crate) fn read_all_keys(&self) -> bool {
        self.pooling.is_some() || self.batch_norm.is_some()
    }

    /// New queries `[batch, heads, length, d]`, before they are rotated.
    #[track_caller]
    pub(crate) fn queries_before_position<'t, T: Element>(&self, queries: Var<'t, T>) -> Var<'t, T> {
        let queries = match &self.convolution {
            Some(convolution) => convolution.forward(&queries),
            None => queries,
        };
        match &self.qk_norm {
            Some(norm) => norm.on_queries(&queries),
            None => queries,
        }
    }

    /// New keys `[batch, kv_heads, length, d]` of a layer of `heads` heads of queries, before they are rotated.
    #[track_caller]
    pub(crate) fn keys_before_position<'t, T: Element>(&self, keys: Var<'t, T>, heads: usize) -> Var<'t, T> {
        let keys = match &self.convolution {
            // The kernel has numbers of its own for every head of queries.
            Some(convolution) => convolution.forward(&repeat_heads(&keys, heads)),
            None => keys,
        };
        match &self.qk_norm {
            Some(norm) => norm.on_keys(&keys),
            None => keys,
        }
    }

    /// Queries and keys after rotation, for features that a shift of all scores of a query does change; all keys of a sequence are seen by all its
    /// queries.
    #[track_caller]
    pub(crate) fn on_features<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        sight: &Sight,
    ) -> (Var<'t, T>, Var<'t, T>) {
        match &self.batch_norm {
            Some(norm) => norm.shift_both(queries, keys, sight),
            None => (queries.clone(), keys.clone()),
        }
    }

    /// Whether [`Conditions::after_position`] asks for the mean of the keys, and whether for their variance too.
    pub(crate) fn statistics(&self) -> (bool, bool) {
        (self.batch_norm.is_some(), self.batch_norm.is_some_and(|norm| norm.scales()))
    }

    /// Queries after rotation, given statistics of the keys that they see.
    #[track_caller]
    pub(crate) fn after_position<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Statistics<'_, 't, T>,
        sight: &Sight,
    ) -> Var<'t, T> {
        match &self.batch_norm {
            Some(norm) => norm.shift(queries, keys, sight),
            None => queries.clone(),
        }
    }
}
