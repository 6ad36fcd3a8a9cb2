//! A family of attention mechanisms, taken apart into slots that combine freely.
//!
//! ```text
//! x → project → split heads → position → score → mask → weigh → dropout → mix → merge heads → project
//! ```
//!
//! - [`Score`] says how a query meets a key, [`Weigh`] how the scores of a query become weights. The pair is what
//!   most papers change: [`ScaledDot`] with [`Softmax`] is the usual attention, [`ScaledDot`] with [`Expressive`] is expressive attention
//!   (arXiv 2407.18601).
//! - A [`Mask`] is a span of keys for each query. The weighing owns what masking means; no large negative number ever enters
//!   a score, and a query that sees no key gets zeros.
//! - [`Position`] is where order enters: added to the input, rotated into queries and keys, or a bias on the scores.
//! - [`attend`] is the composed form of all of it, out of ordinary ops: the definition that faster forms are tested against.
//! - [`attend_tiled`] is the fast form, forward and backward: the same tile by tile, for every weighing that is a [`TileWeigh`]. Its memory
//!   grows with the length and not with its square.
//! - [`MultiHeadAttention`] is the layer, built from a validated [`AttentionConfig`]; [`KeyValueCache`] lets it decode token by token.
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

mod cache;
mod config;
mod context;
mod core;
mod driver;
mod mask;
mod multi_head;
pub mod position;
mod score;
mod weigh;

pub use cache::KeyValueCache;
pub use config::{AttentionConfig, ConfigError, Weighing};
pub use context::AttentionContext;
pub use core::attend;
pub use driver::{Normaliser, TileWeigh, attend_tiled};
pub use mask::Mask;
pub use multi_head::MultiHeadAttention;
pub use position::Position;
pub use score::{ScaledDot, Score};
pub use weigh::{Expressive, Softmax, Weigh};

// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
