//! The position slot: where the order of the sequence enters.

pub mod alibi;
pub mod relative;
pub mod rotary;
pub mod sinusoidal;

use anther_tensor::RotaryPairing;
use serde::{Deserialize, Serialize};

/// How a model knows the order of its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// Not at all, beyond what a causal mask tells.
    None,
    /// A learned vector for each position, added to the input of the model.
    #[default]
    Learned,
    /// Fixed sines and cosines, added to the input of the model; see [`sinusoidal`].
    Sinusoidal,
    /// A penalty on the scores that grows with the distance; see [`alibi`].
    Alibi,
    /// A number on the scores for each range of distances, learned for each head; see [`relative`].
    Relative,
    /// Queries and keys rotated by angles that grow with the position; see [`rotary`].
    Rotary,
}

/// Which coordinates rotary positions pair up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// Coordinate `i` with `i + d/2`, as in Llama and GPT-NeoX.
    #[default]
    Halves,
    /// Coordinate `2i` with `2i + 1`, as in the paper.
    Interleaved,
}

impl From<Pairing> for RotaryPairing {
    fn from(pairing: Pairing) -> Self {
        match pairing {
            Pairing::Halves => RotaryPairing::Halves,
            Pairing::Interleaved => RotaryPairing::Interleaved,
        }
    }
}
