//! The encoder–decoder model: reads one sequence and predicts another, token by token.

mod beam;
mod config;
mod decoding;
mod output;
mod preset;
mod sentences;

use std::rc::Rc;

use anther_attention::{AttentionContext, ConfigError, Mask, Memory};
use anther_tensor::{Element, Ids, Init, Parameters, Scope, Tape, Tensor, Var};

pub use beam::BeamSearch;
pub use config::{Embeddings, EncoderDecoderConfig, OutputKind};
pub use decoding::DecoderCache;
pub use sentences::Sentences;

use crate::block::BlockNames;
use crate::block_config::NormPosition;
use crate::chains;
use crate::decoder_block::{DecoderBlock, DecoderContext};
use crate::embedder::{Embedder, Tokens};
use crate::norm::Norm;
use crate::positions::Positions;
use crate::stack::{PerLayer, Stack};
use output::Output;

/// An encoder whose blocks see all of the source, and a decoder whose blocks see the target up to each token and the output of the encoder (Vaswani et
/// al. 2017); logits of the next token of the target.
///
/// Nothing sees the padding of either side. Parameters `model.shared` or `model.encoder.embed_tokens` and `model.decoder.embed_tokens`, then below
/// `model.encoder` and `model.decoder` `embed_positions`, `layers.N` and, if pre-norm, `layer_norm`, and `lm_head` or `final_logits_bias`: the names of the BART and Marian models
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
    /// The way of the tokens of the source into the model.
    source: Embedder,
    encoder: Stack,
    decoder: Decoder,
    output: Output,
    recompute: bool,
}

/// The way of the tokens of one side into the model, in the scope of the side.
fn embedder(scope: &mut Scope<'_>, config: &EncoderDecoderConfig, tokens: Tokens) -> Embedder {
    let (context, width, std) = (config.context, config.width, config.position_std);
    let positions = Positions::new(&mut scope.child("embed_positions"), &config.attention, context, width, std);
    // H-SoftPOS scales its own table.
    let scale = (config.scale_embedding && tokens.table().is_some()).then(|| (width as f64).sqrt());
    Embedder::new(tokens, positions, scale, (config.dropout, scope.stream("embed_dropout")))
}

/// The blocks of the decoder, with their norm and what makes vectors of the target.
#[derive(Clone, Debug)]
struct Decoder {
    embedder: Embedder,
    blocks: Vec<DecoderBlock>,
    norm: Option<Norm>,
}

impl Decoder {
    fn new(mut scope: Scope<'_>, config: &EncoderDecoderConfig, tokens: Tokens) -> Result<Self, ConfigError> {
        let block = config.decoder_block();
        let embedder = embedder(&mut scope, config, tokens);
        let make = |layer| DecoderBlock::new(&mut scope.child(format_args!("layers.{layer}")), &block.of_layer(layer));
        let blocks = (0..config.decoder_layers).map(make).collect::<Result<_, _>>()?;
        let pre = config.norm_position == NormPosition::Pre;
        let norm = pre.then(|| Norm::new(&mut scope.child("layer_norm"), &block));
        Ok(Decoder { embedder, blocks, norm })
    }

    #[track_caller]
    fn normed<'t, T: Element>(&self, x: Var<'t, T>) -> Var<'t, T> {
        match &self.norm {
            Some(norm) => norm.forward(&x, None),
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
        let mut at = scope.child("model.encoder");
        let source = embedder(&mut at, config, source);
        let (block, layers) = (config.encoder_block(), config.encoder_layers);
        let encoder = Stack::new(&mut at, &block, layers, BlockNames::Bart, "layer_norm")?;
        drop(at);
        let table = target.table();
        let decoder = Decoder::new(scope.child("model.decoder"), config, target)?;
        let output = Output::new(scope, config, table)?;
        Ok(EncoderDecoder { config: config.clone(), source, encoder, decoder, output, recompute: false })
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
        EncoderDecoder { recompute, encoder: self.encoder.recomputing(recompute), ..self }
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
        self.check_length(0, source.axes()[1]);
        let contexts = self.encoder.contexts(&mask, source.axes(), 0);
        let x = self.source.forward(tape, source.ids(), 0, None);
        self.encoder.forward(x, None, &contexts, None)
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
        let mask = Mask::causal().padded(inputs.lengths().to_vec());
        let contexts = self.contexts(&mask, [batch, length], 0, (source.lengths(), keys));
        let mut x = self.decoder.embedder.forward(tape, inputs.ids(), 0, None);
        for (layer, block) in self.decoder.blocks.iter().enumerate() {
            let context = contexts.of(layer);
            x = if self.recompute {
                let (block, context) = (block.clone(), Rc::clone(context));
                tape.recomputed(&[&x, &memory], move |_, x| block.forward(&x[0], Memory::Tokens(&x[1]), &context, None))
            } else {
                block.forward(&x, Memory::Tokens(&memory), context, None)
            };
        }
        self.decoder.normed(x)
    }

    /// What the blocks of the decoder see of targets, of which so many tokens follow `past` others, and of sources of these lengths in rows of `keys` tokens.
    #[track_caller]
    fn contexts<T: Element>(
        &self,
        mask: &Mask,
        [batch, length]: [usize; 2],
        past: usize,
        (lengths, keys): (&[usize], usize),
    ) -> PerLayer<DecoderContext<T>> {
        self.check_length(past, length);
        let (heads, width) = (self.config.heads, self.config.width);
        let sources = Mask::full().padded(lengths.to_vec());
        PerLayer::new(&self.config.attention, |attention| DecoderContext {
            own: AttentionContext::new(attention, mask, batch, length, past, heads, width / heads),
            across: AttentionContext::across(&sources, lengths.len(), length, keys),
        })
    }

    #[track_caller]
    fn check_length(&self, past: usize, length: usize) {
        let context = self.config.context;
        assert!(past + length <= context, "{past} + {length} tokens are longer than the context of {context}");
    }
}
