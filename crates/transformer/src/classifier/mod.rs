//! The classifier: an encoder without a causal mask, whose states become one vector and that a class.

mod config;
mod examples;

use anther_attention::{AttentionContext, AttentionMap, ConfigError, Mask};
use anther_tensor::layers::{Embedding, Linear};
use anther_tensor::{Element, Ids, Init, ParamId, Scope, Stream, Tape, Tensor, Var};

pub use config::{ClassifierConfig, ExampleForm, Pooling};
use examples::Content;
pub use examples::{Examples, patches};

use crate::block::BlockNames;
use crate::block_config::NormKind;
use crate::chains;
use crate::positions::Positions;
use crate::stack::{PerLayer, Stack};

/// Input layer, class token, positions, blocks in which all see all that is no padding, pooling, and a layer or two for the classes.
///
/// Parameters, each with the prefix `model.`: `embeddings.patch_embeddings.projection` (images), `embeddings.input_projection` (series) or
/// `embeddings.word_embeddings` (tokens), `embeddings.cls_token`, `embeddings.distillation_token`, `embeddings.position_embeddings`, `layers.N` and `norm` (pre-norm); and without it
/// `classifier`, or `classifier.dense` and `classifier.out_proj` with a hidden layer.
///
/// Lengths are masks everywhere: padding reaches nothing that counts, not even NaN.
#[derive(Clone, Debug)]
pub struct Classifier {
    config: ClassifierConfig,
    input: Input,
    /// What stands before the places.
    first: Vec<ParamId>,
    positions: Positions,
    embedded: Stream,
    stack: Stack,
    pooled: Stream,
    dense: Option<Linear>,
    output: Linear,
}

/// What makes tokens of an example.
#[derive(Clone, Debug)]
enum Input {
    Patches(Linear),
    Steps(Linear),
    Tokens(Embedding),
}

impl Classifier {
    /// A model as configured.
    ///
    /// # Errors
    /// If the configuration is not valid.
    pub fn new(scope: &mut Scope<'_>, config: &ClassifierConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        chains::build_with(scope, &config.chains, |scope| Classifier::build(scope, config))
    }

    fn build(scope: &mut Scope<'_>, config: &ClassifierConfig) -> Result<Self, ConfigError> {
        let (width, block) = (config.width, config.block());
        let linear = |scope: &mut Scope<'_>, name: &str, inputs, outputs| {
            Linear::with_init(&mut scope.child(name), inputs, outputs, true, block.weight_init(inputs))
        };
        let model = &mut scope.child("model");
        let embeddings = &mut model.child("embeddings");
        let input = match config.form {
            ExampleForm::Images { shape } => {
                let size = shape[0] * config.patch * config.patch;
                Input::Patches(linear(embeddings, "patch_embeddings.projection", size, width))
            }
            ExampleForm::Series { channels, .. } => {
                Input::Steps(linear(embeddings, "input_projection", channels, width))
            }
            ExampleForm::Tokens { vocabulary, .. } => {
                let at = &mut embeddings.child("word_embeddings");
                Input::Tokens(Embedding::new(at, vocabulary, width, block.embedding_init()))
            }
        };
        let mut token = |name: &str| embeddings.param(name, [1, 1, width], Init::Normal { std: config.position_std });
        let first =
            ["cls_token", "distillation_token"][..config.extra_tokens()].iter().map(|name| token(name)).collect();
        let at = &mut embeddings.child("position_embeddings");
        let positions = Positions::new(at, &config.attention, config.positions(), width, config.position_std);
        let embedded = embeddings.stream("dropout");
        let stack = Stack::new(model, &block, config.layers, BlockNames::Llama, "norm")?;
        let pooled = scope.stream("classifier.dropout");
        let states = if config.pooling == Pooling::Flatten { config.places() * width } else { width };
        let (dense, output) = match config.head_hidden {
            None => (None, linear(scope, "classifier", states, config.classes)),
            Some(hidden) => {
                let head = &mut scope.child("classifier");
                (Some(linear(head, "dense", states, hidden)), linear(head, "out_proj", hidden, config.classes))
            }
        };
        Ok(Classifier { config: config.clone(), input, first, positions, embedded, stack, pooled, dense, output })
    }

    /// The same model, which computes each block a second time in the backward pass if `recompute` is true; see [`CausalLm::recomputing`].
    ///
    /// [`CausalLm::recomputing`]: crate::CausalLm::recomputing
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        Classifier { stack: self.stack.recomputing(recompute), ..self }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// Logits of the classes, `[batch, classes]`.
    ///
    /// # Panics
    /// If the examples are not of the form of the configuration. Series and tokens may be shorter, except for `flatten`.
    #[track_caller]
    pub fn logits<'t, T: Element>(&self, tape: &'t Tape<T>, examples: &Examples) -> Var<'t, T> {
        let trimmed = (self.config.pooling != Pooling::Flatten).then(|| examples.trimmed());
        let examples = trimmed.as_ref().unwrap_or(examples);
        let x = self.embed(tape, examples);
        let (contexts, kept) = (self.contexts(&x, examples), self.kept(&x, examples));
        let states = self.stack.forward(x, kept.as_ref(), &contexts, None);
        let pooled = self.pool(&states, examples);
        match &self.dense {
            None => self.output.forward(&pooled),
            Some(dense) => self.output.forward(&dense.forward(&pooled).relu()),
        }
    }

    /// The mean cross-entropy of the classes `targets`, `[batch]`, in nats an example: what training minimises. Arguments as those of
    /// [`Var::cross_entropy`].
    ///
    /// # Panics
    /// As [`Classifier::logits`], or if the targets or weights do not fit the examples.
    #[track_caller]
    pub fn loss<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        examples: &Examples,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        self.logits(tape, examples).cross_entropy(targets, weights, smoothing)
    }

    /// What the attention of each block looks at when the model reads the examples: one map a block, the first block first.
    ///
    /// # Panics
    /// As [`Classifier::logits`], or if the tape records: this is for inference.
    #[track_caller]
    pub fn attention_maps<T: Element>(&self, tape: &Tape<T>, examples: &Examples) -> Vec<AttentionMap<T>> {
        assert!(!tape.is_recording(), "attention_maps: this is for inference, but the tape records");
        let x = self.embed(tape, examples);
        let contexts = self.contexts(&x, examples).map(AttentionContext::probed);
        self.stack.forward(x, None, &contexts, None);
        contexts.in_order(self.config.layers, AttentionContext::take_maps)
    }

    /// `[batch, positions, width]`
    #[track_caller]
    fn embed<'t, T: Element>(&self, tape: &'t Tape<T>, examples: &Examples) -> Var<'t, T> {
        let x = match (&self.input, examples.content()) {
            (Input::Patches(linear), Content::Images(images)) => {
                linear.forward(&tape.constant(patches(images, self.config.patch)))
            }
            (Input::Steps(linear), Content::Series(values)) => {
                let lengths = examples.lengths().expect("series have lengths");
                linear.forward(&tape.constant(examples::without_padding(values, lengths)))
            }
            (Input::Tokens(table), Content::Tokens(ids)) => table.forward(tape, ids),
            _ => panic!("the model reads {:?}, which these examples are not", self.config.form),
        };
        let x = if self.config.scale_input { x.scale((self.config.width as f64).sqrt()) } else { x };
        let zeros = || tape.constant(Tensor::zeros([examples.batch(), 1, self.config.width]));
        let first: Vec<_> = self.first.iter().map(|&token| zeros() + tape.param(token)).collect();
        let x = match &first[..] {
            [] => x,
            first => tape.concat(1, &first.iter().chain([&x]).collect::<Vec<_>>()),
        };
        let [length, most] = [x.shape()[1], self.config.positions()];
        assert!(length <= most, "{length} places are more than the {most} that the model has");
        self.positions.add(x, 0).dropout(self.config.dropout, self.embedded)
    }

    /// Which rows of `x` count in the statistics of a batch, `[1, rows]`; nothing if all of them do.
    fn kept<T: Element>(&self, x: &Var<'_, T>, examples: &Examples) -> Option<Tensor<T>> {
        let &[batch, length, _] = &*x.shape() else { unreachable!("states have three axes") };
        let lengths = examples.lengths().filter(|_| self.config.norm == NormKind::BatchNorm)?;
        let more = self.first.len();
        let is_kept = |row: usize| row % length < lengths[row / length] + more;
        Some(Tensor::from_fn([1, batch * length], |row| if is_kept(row) { T::ONE } else { T::ZERO }))
    }

    /// What the attention of all blocks shares.
    fn contexts<T: Element>(&self, x: &Var<'_, T>, examples: &Examples) -> PerLayer<AttentionContext<T>> {
        let more = self.first.len();
        let mask = match examples.lengths() {
            // A mask without lengths lets linear attention and statistics take shorter ways.
            Some(lengths) if lengths.iter().any(|&length| length + more < x.shape()[1]) => {
                Mask::full().padded(lengths.iter().map(|length| length + more).collect())
            }
            _ => Mask::full(),
        };
        self.stack.contexts(&mask, [x.shape()[0], x.shape()[1]], 0)
    }

    /// States `[batch, positions, width]` to a vector for each example.
    #[track_caller]
    fn pool<'t, T: Element>(&self, states: &Var<'t, T>, examples: &Examples) -> Var<'t, T> {
        let &[batch, length, width] = &*states.shape() else { unreachable!("states have three axes") };
        let tape = states.tape();
        let kept = |case: usize| examples.lengths().map_or(length, |lengths| lengths[case]);
        match self.config.pooling {
            Pooling::ClassToken => states.slice(1, 0..1).reshape([batch, width]),
            Pooling::Mean => {
                let shares = Tensor::from_fn([batch, 1, length], |i| {
                    let (case, place) = (i / length, i % length);
                    if place < kept(case) { T::from_f64(1.0 / kept(case) as f64) } else { T::ZERO }
                });
                tape.constant(shares).matmul(states).reshape([batch, width])
            }
            Pooling::Flatten => {
                let places = self.config.places();
                assert_eq!(length, places, "flatten needs all {places} places, padding included");
                let states = states.gelu().dropout(self.config.dropout, self.pooled);
                let shown =
                    Tensor::from_fn(
                        [batch, length, 1],
                        |i| {
                            if i % length < kept(i / length) { T::ONE } else { T::ZERO }
                        },
                    );
                (states * tape.constant(shown)).reshape([batch, length * width])
            }
        }
    }
}
