//! Gated projections: KgV and the five other orders (Herranz-Celotti and Rrapaj, arXiv 2305.10991).
//!
//! One of queries, keys and values is raw and opens a gate, one goes through the gate, the third is projected as usual. `YgX` names the raw
//! one Y and the gated one X. For KgV:
//!
//! ```text
//! G = σ(X_k W_gᵀ + b_g)      V = (X_v ⊙ G) W_vᵀ + b_v      Q = X_q W_qᵀ + b_q      K = X_k
//! ```
//!
//! All matrices are `[width, width]`: the projection of the raw one is spent on the gate `g_proj`, so the layer has as many parameters as a linear one
//! and costs the same products. These equations are those of the released code; the text of the paper was not at hand, and its abstract
//! says of KgV only that it gains much without parameters.
//!
//! [`GateForm::Projected`] is the other reading that the wording allows, and a guess: all three are projected, and the projected Y opens the
//! gate, `V = σ(X_k W_kᵀ) ⊙ (X_v W_vᵀ)`, `K = X_k W_kᵀ`.
//!
//! In self-attention gate and gated are the same token, so every order is causal under a causal mask. Across two sequences QgV and QgK multiply the
//! encoder's token j by a function of the decoder's token j: each position then sees later targets, which is how the released code of July 2023
//! leaks. [`GateOrder::leaks_across`] says so, and the layer refuses them there; KgQ and VgQ would pair unrelated positions and
//! are refused with them.

use serde::{Deserialize, Serialize};

/// Which of queries, keys and values is raw and gates which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateOrder {
    /// Keys are raw and gate the values: the order of the paper.
    #[default]
    KgV,
    /// Values are raw and gate the keys.
    VgK,
    /// Keys are raw and gate the queries.
    KgQ,
    /// Values are raw and gate the queries.
    VgQ,
    /// Queries are raw and gate the values: the default of the released code since July 2023.
    QgV,
    /// Queries are raw and gate the keys.
    QgK,
}

impl GateOrder {
    /// All orders.
    pub const ALL: [GateOrder; 6] =
        [GateOrder::KgV, GateOrder::VgK, GateOrder::KgQ, GateOrder::VgQ, GateOrder::QgV, GateOrder::QgK];

    /// Whether a causal decoder that attends to another sequence would see its own future.
    pub fn leaks_across(self) -> bool {
        matches!(self, GateOrder::QgV | GateOrder::QgK)
    }

    /// Whether gate and gated come from different sequences in attention to another sequence.
    pub(crate) fn mixes_sequences(self) -> bool {
        !matches!(self, GateOrder::KgV | GateOrder::VgK)
    }

    /// The places of the raw one and of the gated one among queries, keys and values.
    pub(super) fn places(self) -> (usize, usize) {
        const Q: usize = 0;
        const K: usize = 1;
        const V: usize = 2;
        match self {
            GateOrder::KgV => (K, V),
            GateOrder::VgK => (V, K),
            GateOrder::KgQ => (K, Q),
            GateOrder::VgQ => (V, Q),
            GateOrder::QgV => (Q, V),
            GateOrder::QgK => (Q, K),
        }
    }
}

/// Where the gate is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateForm {
    /// Before the projection, as in the released code.
    #[default]
    Raw,
    /// After the projections: a guess.
    Projected,
}

/// Settings of gated projections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Which of queries, keys and values gates which.
    pub order: GateOrder,
    /// Where the gate is.
    pub form: GateForm,
}
