//! The slot after mixing: what happens to the weighted means of values before they go back to the residual stream.

mod centred;
mod output_gate;

use anther_tensor::{Element, Init, Scope, Var};
use serde::{Deserialize, Serialize};

pub use centred::CentredConfig;

use crate::config::ConfigError;
use crate::sight::{Sight, Statistics};
use centred::Centred;
use output_gate::OutputGate;

/// What happens after mixing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum After {
    /// Nothing.
    None {},
    /// The mean of the values is taken away; see [`CentredConfig`].
    Centred(CentredConfig),
    /// A gate `σ(x W_gᵀ + b_g)` on every coordinate, opened by the token itself (arXiv 2505.06708).
    OutputGate {},
}

impl Default for After {
    fn default() -> Self {
        After::None {}
    }
}

impl After {
    /// Checks the settings.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            After::Centred(config) if !(config.gain as f32).is_finite() => Err(ConfigError::new(
                "model.attention.after.gain",
                format!("{} is not a finite number that f32 holds", config.gain),
            )),
            _ => Ok(()),
        }
    }
}

/// What one layer does after mixing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Afterwards {
    Nothing,
    Centred(Centred),
    OutputGate(OutputGate),
}

impl Afterwards {
    pub(crate) fn new(
        scope: &mut Scope<'_>,
        config: &After,
        width: usize,
        heads: usize,
        bias: bool,
        init: Init,
    ) -> Self {
        match config {
            After::None {} => Afterwards::Nothing,
            After::Centred(config) => Afterwards::Centred(Centred::new(scope, config, heads)),
            After::OutputGate {} => Afterwards::OutputGate(OutputGate::new(scope, width, bias, init)),
        }
    }

    /// Whether [`Afterwards::on_heads`] reads the values.
    pub(crate) fn reads_all_values(&self) -> bool {
        matches!(self, Afterwards::Centred(_))
    }

    /// On `[batch, heads, queries, d]`, given statistics of the values that queries see.
    #[track_caller]
    pub(crate) fn on_heads<'t, T: Element>(
        &self,
        mixed: Var<'t, T>,
        values: &Statistics<'_, 't, T>,
        sight: &Sight,
    ) -> Var<'t, T> {
        match self {
            Afterwards::Centred(centred) => centred.correct(&mixed, values, sight),
            _ => mixed,
        }
    }

    /// On merged heads `[batch, queries, width]`, given the tokens that ask.
    #[track_caller]
    pub(crate) fn on_merged<'t, T: Element>(&self, merged: Var<'t, T>, x: &Var<'t, T>) -> Var<'t, T> {
        match self {
            Afterwards::OutputGate(gate) => gate.forward(&merged, x),
            _ => merged,
        }
    }
}
