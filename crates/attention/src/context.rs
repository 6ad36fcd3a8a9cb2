//! What all attention layers of one forward pass share.

use anther_tensor::{Element, Tensor};

use crate::config::AttentionConfig;
use crate::mask::Mask;
use crate::pattern::Seen;
use crate::position::{Position, alibi, rotary};
use crate::probe::{AttentionMap, Probe};

/// What queries see, position bias and rotation tables, made once for all layers of a forward pass.
pub struct AttentionContext<T: Element> {
    pub(crate) seen: Seen,
    /// Whether the mask is causal: what one query alone sees does not tell.
    pub(crate) causal: bool,
    /// Whether no query sees a key after its own.
    pub(crate) past_only: bool,
    /// By distance, as [`crate::Operands::bias`] before a weighing prepares it.
    pub(crate) bias: Option<Tensor<T>>,
    pub(crate) rotation: Option<(Tensor<T>, Tensor<T>)>,
    /// Where layers leave their maps, if somebody wants them.
    pub(crate) probe: Option<Probe<T>>,
}

impl<T: Element> AttentionContext<T> {
    /// The context of self-attention over `length` new tokens that follow `past` cached ones, for heads of width `d`.
    ///
    /// The mask, the window and the blocks of the configuration intersect.
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
        let mut own = mask.clone();
        if let Some(window) = config.window {
            own = own.within(window);
        }
        if let Some(sparse) = &config.sparse {
            own = own.only(sparse.pattern(keys));
        }
        let mask = &own;
        let bias = (config.position == Position::Alibi)
            .then(|| alibi::distance_bias(config.alibi_slopes, heads, length, keys, past));
        let rotation =
            (config.position == Position::Rotary).then(|| rotary::tables(config.rotary_base, d, length, past));
        let (seen, causal) = (mask.seen(batch, length, keys, past), mask.is_causal());
        AttentionContext { seen, causal, past_only: mask.shows_past_only(), bias, rotation, probe: None }
    }

    /// The context of attention from `queries` tokens of one sequence to `keys` tokens of another. The rules of the mask but its padding lengths
    /// would compare positions of the two.
    pub fn across(mask: &Mask, batch: usize, queries: usize, keys: usize) -> Self {
        let (seen, causal) = (mask.seen(batch, queries, keys, 0), mask.is_causal());
        AttentionContext { seen, causal, past_only: false, bias: None, rotation: None, probe: None }
    }

    /// The same context, in which every layer that is given it leaves what it attended to, for [`AttentionContext::take_maps`]. It is for whole sequences
    /// without a cache, on tapes that do not record.
    ///
    /// ```
    /// use anther_attention::{AttentionConfig, AttentionContext, Mask, MultiHeadAttention};
    /// use anther_tensor::{ParamSet, Parameters, Tape, Tensor};
    ///
    /// let config = AttentionConfig::default();
    /// let mut set = ParamSet::new();
    /// let layer = MultiHeadAttention::new(&mut set.root(), &config, 8, 2).unwrap();
    /// let parameters = Parameters::<f64>::initialise(&set, 1);
    ///
    /// let tape = Tape::inference(&parameters);
    /// let context = AttentionContext::new(&config, &Mask::causal(), 1, 3, 0, 2, 4).probed();
    /// layer.forward(&tape.constant(Tensor::ones([1, 3, 8])), &context);
    /// let maps = context.take_maps();
    /// // Equal tokens have equal weights: of the queries, one sees one key, one two, and one three.
    /// let expected = (0.0 + 2.0f64.ln() + 3.0f64.ln()) / 3.0;
    /// assert!(maps[0].entropy().iter().all(|entropy| (entropy - expected).abs() < 1e-12));
    /// ```
    #[must_use]
    pub fn probed(self) -> Self {
        AttentionContext { probe: Some(Probe::new()), ..self }
    }

    /// The maps that layers have left since they were last taken, in the order in which the layers ran; none if the context is not
    /// [`probed`](AttentionContext::probed).
    pub fn take_maps(&self) -> Vec<AttentionMap<T>> {
        self.probe.as_ref().map(Probe::take).unwrap_or_default()
    }
}
