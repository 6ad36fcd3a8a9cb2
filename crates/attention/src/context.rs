//! What all attention layers of one forward pass share.

use anther_tensor::{Element, Tensor};

use crate::config::AttentionConfig;
use crate::mask::Mask;
use crate::pattern::Seen;
use crate::position::{Position, alibi, rotary};

/// What queries see, position bias and rotation tables, made once for all layers of a forward pass.
pub struct AttentionContext<T: Element> {
    pub(crate) seen: Seen,
    /// Whether the mask is causal: what one query alone sees does not tell.
    pub(crate) causal: bool,
    /// By distance, as [`crate::Operands::bias`] before a weighing prepares it.
    pub(crate) bias: Option<Tensor<T>>,
    pub(crate) rotation: Option<(Tensor<T>, Tensor<T>)>,
}

impl<T: Element> AttentionContext<T> {
    /// The context of self-attention over `length` new tokens that follow `past` cached ones, for heads of width `d`.
    ///
    /// The mask and the window of the configuration intersect.
    pub fn new(
        config: &AttentionConfig,
        mask: &Mask,
        batch: usize,
        length: usize,
        past: usize,
        heads: usize,
        d: usize,
    ) -> Self {
        let keys = past + length;
        let windowed;
        let mask = match config.window {
            Some(window) => {
                windowed = mask.clone().within(window);
                &windowed
            }
            None => mask,
        };
        let bias = (config.position == Position::Alibi)
            .then(|| alibi::distance_bias(config.alibi_slopes, heads, length, keys, past));
        let rotation =
            (config.position == Position::Rotary).then(|| rotary::tables(config.rotary_base, d, length, past));
        AttentionContext { seen: mask.seen(batch, length, keys, past), causal: mask.is_causal(), bias, rotation }
    }

    /// The context of attention from `queries` tokens of one sequence to `keys` tokens of another. The rules of the mask but its padding lengths
    /// would compare positions of the two.
    pub fn across(mask: &Mask, batch: usize, queries: usize, keys: usize) -> Self {
        let (seen, causal) = (mask.seen(batch, queries, keys, 0), mask.is_causal());
        AttentionContext { seen, causal, bias: None, rotation: None }
    }
}
