//! Blocks one after the other, with the norm after the last one.

use std::rc::Rc;

use anther_attention::{AttentionConfig, AttentionContext, ConfigError, KeyValueCache, Mask};
use anther_tensor::{Element, Scope, Tensor, Var};

use crate::block::{Block, BlockNames};
use crate::block_config::{BlockConfig, NormPosition};
use crate::norm::Norm;

/// What the blocks of a stack share when they attend. Blocks with the mechanism of the configuration share one, the others another.
#[derive(Clone, Debug)]
pub(crate) struct PerLayer<C> {
    layers: Vec<usize>,
    mechanism: Rc<C>,
    plain: Option<Rc<C>>,
}

impl<C> PerLayer<C> {
    /// Makes what is shared for each kind of attention that the layers of `config` have.
    pub(crate) fn new(config: &AttentionConfig, make: impl Fn(&AttentionConfig) -> C) -> Self {
        let plain = (!config.layers.is_empty()).then(|| Rc::new(make(&config.without_mechanism())));
        PerLayer { layers: config.layers.clone(), mechanism: Rc::new(make(config)), plain }
    }

    /// The same with each of them changed.
    ///
    /// # Panics
    /// If a block has been given one of them already.
    pub(crate) fn map(self, change: impl Fn(C) -> C) -> Self {
        let change = |shared: Rc<C>| Rc::new(change(Rc::into_inner(shared).expect("no block has been given it")));
        PerLayer { layers: self.layers, mechanism: change(self.mechanism), plain: self.plain.map(change) }
    }

    /// What so many blocks have left in what they were given, each of them one, in the order of the blocks.
    pub(crate) fn in_order<R>(&self, blocks: usize, take: impl Fn(&C) -> Vec<R>) -> Vec<R> {
        let mut mechanism = take(&self.mechanism).into_iter();
        let mut plain = self.plain.iter().flat_map(|plain| take(plain));
        let mut next = |layer| {
            if Rc::ptr_eq(self.of(layer), &self.mechanism) { mechanism.next() } else { plain.next() }
        };
        (0..blocks).filter_map(&mut next).collect()
    }

    /// What the block of this number is given.
    pub(crate) fn of(&self, layer: usize) -> &Rc<C> {
        match &self.plain {
            Some(plain) if !self.layers.contains(&layer) => plain,
            _ => &self.mechanism,
        }
    }
}

/// Blocks with self-attention `x ← block(x)`, and with pre-norm a norm after the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    config: BlockConfig,
    blocks: Vec<Block>,
    norm: Option<Norm>,
    recompute: bool,
}

impl Stack {
    /// So many blocks as configured: the parameters `layers.N`, named after `names`, and those of the norm under `norm`.
    ///
    /// # Errors
    /// If the attention cannot be built.
    pub(crate) fn new(
        scope: &mut Scope<'_>,
        config: &BlockConfig,
        layers: usize,
        names: BlockNames,
        norm: &str,
    ) -> Result<Self, ConfigError> {
        let block = |layer| {
            let config = config.of_layer(layer);
            Block::new(&mut scope.child(format_args!("layers.{layer}")), &config, names)
        };
        let blocks = (0..layers).map(block).collect::<Result<_, _>>()?;
        let norm = (config.norm_position == NormPosition::Pre).then(|| Norm::new(&mut scope.child(norm), config));
        Ok(Stack { config: config.clone(), blocks, norm, recompute: false })
    }

    /// The same stack, which computes each block a second time in the backward pass if `recompute` is true; see [`Tape::recomputed`].
    ///
    /// [`Tape::recomputed`]: anther_tensor::Tape::recomputed
    pub(crate) fn recomputing(self, recompute: bool) -> Self {
        Stack { recompute, ..self }
    }

    /// Empty caches for the attention of all blocks.
    pub(crate) fn caches<T: Element>(&self, batch: usize, capacity: usize) -> Vec<KeyValueCache<T>> {
        self.blocks.iter().map(|block| block.cache(batch, capacity)).collect()
    }

    /// What the attention of all blocks shares, for so many tokens that follow `past` others.
    pub(crate) fn contexts<T: Element>(
        &self,
        mask: &Mask,
        [batch, length]: [usize; 2],
        past: usize,
    ) -> PerLayer<AttentionContext<T>> {
        let (heads, width) = (self.config.heads, self.config.width);
        PerLayer::new(&self.config.attention, |attention| {
            AttentionContext::new(attention, mask, batch, length, past, heads, width / heads)
        })
    }

    /// `[batch, length, width] → [batch, length, width]`. With caches, one a block, the tokens follow those that they hold. `kept` as for a block.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(
        &self,
        mut x: Var<'t, T>,
        kept: Option<&Tensor<T>>,
        contexts: &PerLayer<AttentionContext<T>>,
        mut caches: Option<&mut [KeyValueCache<T>]>,
    ) -> Var<'t, T> {
        for (layer, block) in self.blocks.iter().enumerate() {
            let context = contexts.of(layer);
            x = match caches.as_mut() {
                Some(caches) => block.forward(&x, kept, context, Some(&mut caches[layer])),
                None if self.recompute => {
                    let (block, context, kept) = (block.clone(), Rc::clone(context), kept.cloned());
                    x.tape().recomputed(&[&x], move |_, x| block.forward(&x[0], kept.as_ref(), &context, None))
                }
                None => block.forward(&x, kept, context, None),
            };
        }
        match &self.norm {
            Some(norm) => norm.forward(&x, kept),
            None => x,
        }
    }
}
