//! A part of a block, attention or feed-forward, with what surrounds it: norm, dropout and the sum with the residual stream.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, Memory, MultiHeadAttention};
use anther_tensor::{Element, Residual, Scope, Stream, Tensor, Var};

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
    /// The probability that f adds nothing to a sequence, and what that draws from.
    drop_path: (f64, Stream),
}

impl<F> Sublayer<F> {
    /// Around `f`; dropout draws from the stream of this name, the choice of sequences that f leaves alone from one beside it.
    pub(crate) fn new(f: F, norm: Norm, config: &BlockConfig, scope: &Scope<'_>, stream: &str) -> Self {
        let drop_path = (config.drop_path, scope.stream(&format!("{stream}.path")));
        let (norm_position, stream) = (config.norm_position, scope.stream(stream));
        Sublayer { f, norm, norm_position, dropout: config.dropout, stream, drop_path }
    }

    /// One part of a block; `f` adds what it makes to the residual.
    fn around<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        kept: Option<&Tensor<T>>,
        f: impl FnOnce(&Var<'t, T>, Residual<'_, 't, T>) -> Var<'t, T>,
    ) -> Var<'t, T> {
        let dropout = Some((self.dropout, self.stream));
        if self.drop_path.0 > 0.0 && x.tape().is_training() {
            let nothing = x.tape().constant(Tensor::zeros(x.shape()));
            let branch = |x: &Var<'t, T>| f(x, Residual { to: &nothing, dropout });
            return match self.norm_position {
                NormPosition::Pre => x + self.kept(branch(&self.norm.forward(x, kept))),
                NormPosition::Post => self.norm.forward(&(x + self.kept(branch(x))), kept),
            };
        }
        let residual = Residual { to: x, dropout };
        match self.norm_position {
            NormPosition::Pre => f(&self.norm.forward(x, kept), residual),
            NormPosition::Post => self.norm.forward(&f(x, residual), kept),
        }
    }

    /// What is added, `[batch, length, width]`, with all of a sequence 0 with the probability of stochastic depth and the others divided by the rest of it.
    fn kept<'t, T: Element>(&self, branch: Var<'t, T>) -> Var<'t, T> {
        let (probability, stream) = self.drop_path;
        let ones = branch.tape().constant(Tensor::ones([branch.shape()[0], 1, 1]));
        branch * ones.dropout(probability, stream)
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
        Ok(Sublayer::new(layer, norm, config, scope, stream))
    }

    /// The attention itself.
    pub(crate) fn layer(&self) -> &MultiHeadAttention {
        &self.f
    }

    /// Self-attention. With a cache, the tokens follow those that it holds. `kept` says which rows count in the statistics of a batch.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        kept: Option<&Tensor<T>>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        self.around(x, kept, |x, residual| self.f.forward_residual(x, residual, context, cache))
    }

    /// Attention to another sequence.
    #[track_caller]
    pub(crate) fn forward_across<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: Memory<'_, 't, T>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        self.around(x, None, |x, residual| self.f.attend_to(x, memory, Some(residual), context))
    }
}

impl Sublayer<FeedForward> {
    /// The feed-forward block.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(&self, x: &Var<'t, T>, kept: Option<&Tensor<T>>) -> Var<'t, T> {
        self.around(x, kept, |x, residual| self.f.forward_residual(x, residual))
    }
}
