//! Linear projections, with as many key–value heads as wanted.
//!
//! ```text
//! q = x W_qᵀ + b_q     k = x W_kᵀ + b_k     v = x W_vᵀ + b_v     y = merge(o) W_oᵀ + b_o
//! ```
//!
//! W_q and W_o are `[width, width]`, W_k and W_v `[kv_heads · d, width]`. With fewer key–value heads than heads (grouped-query attention,
//! Ainslie et al. 2023, arXiv 2305.13245; one of them is multi-query attention, Shazeer 2019, arXiv 1911.02150) head h uses the key–value head
//! ⌊h · kv_heads / heads⌋. Cost 2·(2·width + 2·kv_heads·d)·width a token.
//!
//! Keys and values stay as few as they are: conditions, rotation, the cache and the driver take the heads of a group to theirs. A cache is smaller by
//! heads / kv_heads, and decoding reads it once for up to four queries. What needs keys of each head's own repeats them itself: convolution (whose kernel
//! is not the same for all heads), pooling, and linear attention.

use anther_tensor::{Element, Var};
use serde::{Deserialize, Serialize};

/// Settings of linear projections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearConfig {
    /// Heads of keys and values, a divisor of the heads of queries; without it as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
}

/// `[batch, kv_heads, length, d] → [batch, heads, length, d]`, each head repeated for its group. A copy, for what needs as many heads as there are queries.
pub(crate) fn repeat_heads<'t, T: Element>(x: &Var<'t, T>, heads: usize) -> Var<'t, T> {
    let [batch, kv_heads, length, d] = *x.shape() else { unreachable!("heads have four axes") };
    if kv_heads == heads {
        return x.clone();
    }
    let one = x.reshape([batch, kv_heads, length * d]);
    let group = vec![&one; heads / kv_heads];
    x.tape().concat(2, &group).reshape([batch, heads, length, d])
}
