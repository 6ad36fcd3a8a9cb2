//! Losses over a large vocabulary, with and without the product before them.

use super::elementwise::{Op, bytes};
use crate::case::{Case, Work};

const LOGITS: usize = 4096 * 32000;
const PRODUCT: f64 = 2.0 * 4096.0 * 32000.0 * 256.0;

/// Logits are read once; their gradient is read from them once more and written.
const CROSS_ENTROPY: Op = Op {
    name: "cross_entropy",
    size: "4096x32000",
    leaves: &[&[4096, 32000]],
    ids: (4096, 32000),
    function: |x, ids| x[0].cross_entropy(ids, None, 0.0),
    forward: Work::Bytes(bytes(LOGITS)),
    both: Work::Bytes(bytes(3 * LOGITS)),
};

/// The end of a language model: hidden states, output matrix, targets.
const LINEAR_CROSS_ENTROPY: Op = Op {
    name: "linear_cross_entropy",
    size: "4096x32000x256",
    leaves: &[&[4096, 256], &[32000, 256]],
    ids: (4096, 32000),
    function: |x, ids| x[0].linear_cross_entropy(&x[1], None, ids, None, 0.0),
    forward: Work::Flops(PRODUCT),
    both: Work::Flops(3.0 * PRODUCT),
};

pub(super) fn cases() -> Vec<Case> {
    [CROSS_ENTROPY, LINEAR_CROSS_ENTROPY].into_iter().flat_map(|op| [op.forward(), op.both()]).collect()
}
