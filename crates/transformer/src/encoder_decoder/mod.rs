//! The encoder–decoder model: reads one sequence and predicts another, token by token.

mod config;
mod decoding;
mod output;
mod preset;
mod sentences;

use std::rc::Rc;

use anther_attention::{AttentionContext, ConfigError, Mask, Memory};
use anther_tensor::{Element, Ids, Init, Parameters, Scope, Tape, Tensor, Var};

pub use config::{Embeddings, EncoderDecoderConfig, OutputKind};
pub use decoding::DecoderCache;
pub use sentences::Sentences;

use crate::block::{Block, BlockNames};
use crate::block_config::{BlockConfig, NormPosition};
use crate::chains;
use crate::decoder_block::{DecoderBlock, DecoderContext};
use crate::embedder::{Embedder, Tokens};
use crate::norm::Norm;
use crate::positions::Positions;
use output::Output;

/// An encoder whose blocks see all of the source, and a decoder whose blocks see the target up to each token and the output of the encoder (Vaswani et
/// al. 2017); logits of the next token of the target.
///
/// Nothing sees the padding of either side. Parameters `model.shared` or `model.encoder.embed_tokens` and `model.decoder.embed_tokens`, then below
/// `model.encoder` and `model.decoder` `embed_positions`, `layers.N` and, if pre-norm, `layer_norm`, and `lm_head`: the names of the BART and Marian models
/// of Hugging Face, but for `o_proj` where they say `out_proj`.
///
/// ```
/// use anther_tensor::{ParamSet, Parameters, Tape};
/// use anther_transformer::{EncoderDecoder, EncoderDecoderConfig, Sentences};
///
/// let config = EncoderDecoderConfig { source_vocabulary: 11, target_vocabulary: 7, context: 8, ..EncoderDecoderConfig::default() };
/// let mut set = ParamSet::new();
/// let model = EncoderDecoder::new(&mut set.root(), &config)?;
/// let parameters = Parameters::<f32>::initialise(&set, 1);
///
/// // Two sources of different lengths. Targets begin after token 1, and end at token 2 or after 6 tokens.
/// let tape = Tape::inference(&parameters);
/// let sources = Sentences::padded(&[vec![3, 10, 5], vec![9]], 0);
/// let targets = model.greedy(&tape, &sources, [1, 2], 6);
/// assert_eq!(targets.len(), 2);
/// assert!(targets.iter().all(|target| target.len() <= 6 && !target.contains(&2)));
/// # Ok::<(), anther_transformer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EncoderDecoder {
    config: EncoderDecoderConfig,
    encoder: Side<Block>,
    decoder: Side<DecoderBlock>,
    output: Output,
    recompute: bool,
}

/// Encoder or decoder.
#[derive(Clone, Debug)]
struct Side<B> {
    embedder: Embedder,
    blocks: Vec<B>,
    norm: Option<Norm>,
}

impl<B> Side<B> {
    fn new(
        mut scope: Scope<'_>,
        config: &EncoderDecoderConfig,
        (layers, block): (usize, &BlockConfig),
        tokens: Tokens,
        make: impl Fn(&mut Scope<'_>, &BlockConfig) -> Result<B, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let (context, width, std) = (config.context, config.width, config.position_std);
        let positions = Positions::new(&mut scope.child("embed_positions"), &config.attention, context, width, std);
        // H-SoftPOS scales its own table.
        let scale = (config.scale_embedding && tokens.table().is_some()).then(|| (width as f64).sqrt());
        let embedder = Embedder::new(tokens, positions, scale, (config.dropout, scope.stream("embed_dropout")));
        let blocks = (0..layers).map(|layer| make(&mut scope.child(format_args!("layers.{layer}")), block));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let pre = config.norm_position == NormPosition::Pre;
        let norm = pre.then(|| Norm::new(&mut scope.child("layer_norm"), block));
        Ok(Side { embedder, blocks, norm })
    }

    #[track_caller]
    fn normed<'t, T: Element>(&self, x: Var<'t, T>) -> Var<'t, T> {
        match &self.norm {
            Some(norm) => norm.forward(&x),
            None => x,
        }
    }
}

impl EncoderDecoder {
    /// A model as configured. One with a frozen output must be given the values of it, [`EncoderDecoder::frozen_at`].
    ///
    /// # Errors
    /// If the configuration is not valid.
    pub fn new(scope: &mut Scope<'_>, config: &EncoderDecoderConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        chains::build_with(scope, &config.chains, |scope| EncoderDecoder::build(scope, config))
    }

    fn build(scope: &mut Scope<'_>, config: &EncoderDecoderConfig) -> Result<Self, ConfigError> {
        let kind = (config.embedding, config.embedding_levels);
        let init = config.encoder_block().embedding_init();
        let init = config.embedding_std.map_or(init, |std| Init::Normal { std });
        let mut tokens =
            |name: &str, vocabulary| Tokens::new(&mut scope.child(name), kind, vocabulary, config.width, init);
        let (source, target) = match config.embeddings {
            Embeddings::Shared => {
                let shared = tokens("model.shared", config.source_vocabulary)?;
                (shared.clone(), shared)
            }
            Embeddings::Separate => (
                tokens("model.encoder.embed_tokens", config.source_vocabulary)?,
                tokens("model.decoder.embed_tokens", config.target_vocabulary)?,
            ),
        };
        let encoder = (config.encoder_layers, &config.encoder_block());
        let encoder = Side::new(scope.child("model.encoder"), config, encoder, source, |scope, block| {
            Block::new(scope, block, BlockNames::Bart)
        })?;
        let table = target.table();
        let decoder = (config.decoder_layers, &config.decoder_block());
        let decoder = Side::new(scope.child("model.decoder"), config, decoder, target, DecoderBlock::new)?;
        let output = Output::new(scope, config, table)?;
        Ok(EncoderDecoder { config: config.clone(), encoder, decoder, output, recompute: false })
    }

    /// The same model, whose output, if it is frozen, is the table of the target as it is in `parameters`: the first ones of a run. Any other
    /// output stays as it is.
    #[must_use]
    pub fn frozen_at<T: Element>(mut self, parameters: &Parameters<T>) -> Self {
        self.output.freeze(parameters);
        self
    }

    /// The same model, which on a recording tape keeps nothing of a block but its inputs and runs the block again in the backward pass, if
    /// `recompute` is true; see [`CausalLm::recomputing`](crate::CausalLm::recomputing).
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        EncoderDecoder { recompute, ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &EncoderDecoderConfig {
        &self.config
    }

    /// What the encoder makes of the source, `[batch, source, width]`.
    ///
    /// # Panics
    /// If a sequence is longer than the context, or an id names no token.
    #[track_caller]
    pub fn encode<'t, T: Element>(&self, tape: &'t Tape<T>, source: &Sentences) -> Var<'t, T> {
        let mask = Mask::full().padded(source.lengths().to_vec());
        let context = Rc::new(self.context(&mask, source.ids(), 0));
        let mut x = self.encoder.embedder.forward(tape, source.ids(), 0, None);
        for block in &self.encoder.blocks {
            x = if self.recompute {
                let (block, context) = (block.clone(), Rc::clone(&context));
                tape.recomputed(&[&x], move |_, x| block.forward(&x[0], &context, None))
            } else {
                block.forward(&x, &context, None)
            };
        }
        self.encoder.normed(x)
    }

    /// Logits of the next token at every position of the target, `[batch, target, tokens]`, for what the decoder reads: a token that says "begin" and the
    /// target without its last token. Those at padding mean nothing.
    ///
    /// # Panics
    /// If the numbers of sequences differ, one is longer than the context, or an id names no token.
    #[track_caller]
    pub fn logits<'t, T: Element>(&self, tape: &'t Tape<T>, source: &Sentences, inputs: &Sentences) -> Var<'t, T> {
        self.output.logits(&self.hidden(tape, source, inputs))
    }

    /// The mean cross-entropy of the targets, in nats a token: what training minimises. `inputs` as for [`EncoderDecoder::logits`], the other arguments as
    /// those of [`Var::cross_entropy`]; padding is to have the weight 0. The logits are never held whole.
    ///
    /// # Panics
    /// As [`EncoderDecoder::logits`], or if the targets or weights do not fit the inputs.
    #[track_caller]
    pub fn loss<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        source: &Sentences,
        inputs: &Sentences,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        self.output.loss(&self.hidden(tape, source, inputs), targets, weights, smoothing)
    }

    /// What the decoder makes of its inputs, `[batch, target, width]`.
    #[track_caller]
    fn hidden<'t, T: Element>(&self, tape: &'t Tape<T>, source: &Sentences, inputs: &Sentences) -> Var<'t, T> {
        let ([sources, keys], [batch, length]) = (source.axes(), inputs.axes());
        assert_eq!(sources, batch, "{sources} sources do not fit {batch} targets");
        let memory = self.encode(tape, source);
        let own = self.context(&Mask::causal().padded(inputs.lengths().to_vec()), inputs.ids(), 0);
        let across = self.context_across(source.lengths(), length, keys);
        let context = Rc::new(DecoderContext { own, across });
        let mut x = self.decoder.embedder.forward(tape, inputs.ids(), 0, None);
        for block in &self.decoder.blocks {
            x = if self.recompute {
                let (block, context) = (block.clone(), Rc::clone(&context));
                tape.recomputed(&[&x, &memory], move |_, x| block.forward(&x[0], Memory::Tokens(&x[1]), &context, None))
            } else {
                block.forward(&x, Memory::Tokens(&memory), &context, None)
            };
        }
        self.decoder.normed(x)
    }

    /// What the queries of one side see of that side, if ids `[batch, length]` follow `past` tokens.
    #[track_caller]
    fn context<T: Element>(&self, mask: &Mask, ids: &Ids, past: usize) -> AttentionContext<T> {
        let [batch, length] = sentences::axes(ids);
        assert!(
            past + length <= self.config.context,
            "{past} + {length} tokens are longer than the context of {}",
            self.config.context
        );
        let (heads, config) = (self.config.heads, &self.config.attention);
        AttentionContext::new(config, mask, batch, length, past, heads, self.config.width / heads)
    }

    /// What so many queries of the decoder see of sources of these lengths, in rows of `keys` tokens.
    #[track_caller]
    fn context_across<T: Element>(&self, lengths: &[usize], queries: usize, keys: usize) -> AttentionContext<T> {
        AttentionContext::across(&Mask::full().padded(lengths.to_vec()), lengths.len(), queries, keys)
    }
}
