//! A part of a block, attention or feed-forward, with what surrounds it: norm, dropout and the sum with the residual stream.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, Memory, MultiHeadAttention};
use anther_tensor::{Element, Residual, Scope, Stream, Var};

use crate::block_config::{BlockConfig, NormPosition};
use crate::feed_forward::FeedForward;
use crate::norm::Norm;

/// `x ← x + f(norm(x))` (pre-norm) or `x ← norm(x + f(x))` (post-norm), with dropout on what f gives.
#[derive(Clone, Debug)]
pub(crate) struct Sublayer<F> {
    f: F,
    norm: Norm,
    norm_position: NormPosition,
    dropout: f64,
    stream: Stream,
}

impl<F> Sublayer<F> {
    /// Around `f`; `stream` is where dropout draws from.
    pub(crate) fn new(f: F, norm: Norm, config: &BlockConfig, stream: Stream) -> Self {
        Sublayer { f, norm, norm_position: config.norm_position, dropout: config.dropout, stream }
    }

    /// One part of a block; `f` adds what it makes to the residual.
    fn around<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        f: impl FnOnce(&Var<'t, T>, Residual<'_, 't, T>) -> Var<'t, T>,
    ) -> Var<'t, T> {
        let residual = Residual { to: x, dropout: Some((self.dropout, self.stream)) };
        match self.norm_position {
            NormPosition::Pre => f(&self.norm.forward(x), residual),
            NormPosition::Post => self.norm.forward(&f(x, residual)),
        }
    }
}

impl Sublayer<MultiHeadAttention> {
    /// Attention with the parameters `attention` and `norm` of `scope`.
    pub(crate) fn attention(
        scope: &mut Scope<'_>,
        config: &BlockConfig,
        [attention, norm, stream]: [&str; 3],
    ) -> Result<Self, ConfigError> {
        let norm = Norm::new(&mut scope.child(norm), config);
        let (init, output_init) = (config.weight_init(config.width), config.residual_init(config.width));
        let layer = MultiHeadAttention::with_init(
            &mut scope.child(attention),
            &config.attention,
            config.width,
            config.heads,
            init,
            output_init,
        )?;
        Ok(Sublayer::new(layer, norm, config, scope.stream(stream)))
    }

    /// The attention itself.
    pub(crate) fn layer(&self) -> &MultiHeadAttention {
        &self.f
    }

    /// Self-attention. With a cache, the tokens follow those that it holds.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        self.around(x, |x, residual| self.f.forward_residual(x, residual, context, cache))
    }

    /// Attention to another sequence.
    #[track_caller]
    pub(crate) fn forward_across<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: Memory<'_, 't, T>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        self.around(x, |x, residual| self.f.attend_to(x, memory, Some(residual), context))
    }
}

impl Sublayer<FeedForward> {
    /// The feed-forward block.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        self.around(x, |x, residual| self.f.forward_residual(x, residual))
    }
}
