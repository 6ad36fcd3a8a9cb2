//! A family of attention mechanisms, taken apart into slots that combine freely.
//!
//! ```text
//! x → project → split heads → condition, position → score → mask → weigh → dropout → mix → after → merge heads → project
//! ```
//!
//! - [`Project`] is how tokens become queries, keys and values: linear maps, small networks (arXiv 2310.11398), or a gate that spends the projection
//!   of one of them on another (arXiv 2305.10991).
//! - [`Condition`] is what happens to queries and keys of a head: convolution, query–key normalisation, pooling
//!   (Attention-SH) or the shift of Attention-BN (both arXiv 2406.13781).
//! - [`Score`] says how a query meets a key, [`Weigh`] how the scores of a query become weights. The pair is what
//!   most papers change: [`ScaledDot`] with [`Softmax`] is the usual attention, [`ScaledDot`] with [`Expressive`] is expressive attention
//!   (arXiv 2407.18601).
//! - A [`Mask`] is a span of keys for each query. The weighing owns what masking means; no large negative number ever enters
//!   a score, and a query that sees no key gets zeros.
//! - [`Position`] is where order enters: added to the input, rotated into queries and keys, or a bias on the scores.
//! - [`After`] is what happens to what was gathered: centring (arXiv 2306.01610), or a gate on the output.
//! - [`attend`] is the composed form of all of it, out of ordinary ops: the definition that faster forms are tested against.
//! - [`attend_tiled`] is the fast form, forward and backward: the same tile by tile, for every [`TileScore`] and [`TileWeigh`]. Its memory
//!   grows with the length and not with its square.
//! - [`linear_attention`] is a driver of its own for weights that are products of features: a running state takes the place of keys and values.
//! - [`MultiHeadAttention`] is the layer, built from a validated [`AttentionConfig`]; [`KeyValueCache`] lets it decode token by token.
//!   [`AttentionConfig::preset`] knows mechanisms by name.
//! - [`AttentionMap`] is what a layer attended to, if a context asks for it ([`AttentionContext::probed`]), with entropy, head distance and live pairs.
//!
//! ```
//! use anther_attention::{AttentionConfig, AttentionContext, Mask, MultiHeadAttention, Weighing};
//! use anther_tensor::{ParamSet, Parameters, Tape, Tensor};
//!
//! let config = AttentionConfig { weighing: Weighing::Expressive, ..AttentionConfig::default() };
//! let mut set = ParamSet::new();
//! let layer = MultiHeadAttention::new(&mut set.root().child("self_attn"), &config, 8, 2).unwrap();
//! let parameters = Parameters::<f32>::initialise(&set, 1);
//!
//! let tape = Tape::inference(&parameters);
//! let context = AttentionContext::new(&config, &Mask::causal(), 1, 5, 0, 2, 4);
//! let y = layer.forward(&tape.constant(Tensor::ones([1, 5, 8])), &context);
//! assert_eq!(*y.shape(), [1, 5, 8]);
//! ```
#![forbid(unsafe_code)]

mod after;
mod cache;
mod combinations;
mod condition;
mod config;
mod context;
mod core;
mod driver;
mod linear;
mod mask;
mod multi_head;
mod pattern;
pub mod position;
mod preset;
mod probe;
mod project;
mod running;
mod score;
mod sight;
mod sparse;
pub mod statistics;
mod weigh;

pub use after::{After, CentredConfig};
pub use cache::KeyValueCache;
pub use condition::{BatchNormConfig, Condition, ConvolutionConfig, PoolingConfig, QkNormConfig};
pub use config::{AttentionConfig, ConfigError, Weighing};
pub use context::AttentionContext;
pub use core::{attend, attention_weights};
pub use driver::{
    Distances, Normaliser, Operands, Pairs, Rows, TileGradients, TileScore, TileWeigh, attend_boxed, attend_tiled,
};
pub use linear::linear_attention;
pub use mask::Mask;
pub use multi_head::{Memory, MemoryCache, MultiHeadAttention};
pub use pattern::{Pattern, Seen};
pub use position::Position;
pub use probe::{AttentionMap, HeadDistance};
pub use project::{GateConfig, GateForm, GateOrder, LinearConfig, MlpActivation, MlpConfig, Project, Role};
pub use score::{
    CosineConfig, Distance, DotScore, Neural, NeuralConfig, OfDot, PairGradients, PairScore, Pairwise, ScaledDot,
    Score, ScoreActivation, ScoreConfig, SquaredDot, Yat,
};
pub use sparse::SparseConfig;
pub use weigh::{Expressive, ReluPower, Sigmoid, Softmax, Weigh};

// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
