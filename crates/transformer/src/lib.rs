//! Transformer blocks and models, built from validated configurations.
//!
//! Parameter names follow Hugging Face (`model.layers.0.self_attn.q_proj.weight`, …), weights of linear layers are `[out, in]`.
//!
//! ```
//! use anther_tensor::{Ids, ParamSet, Parameters, Tape};
//! use anther_transformer::{CausalLm, CausalLmConfig};
//!
//! let config = CausalLmConfig { vocab_size: 11, layers: 2, heads: 2, width: 16, context: 8, ..CausalLmConfig::default() };
//! let mut set = ParamSet::new();
//! let model = CausalLm::new(&mut set.root(), &config)?;
//! let parameters = Parameters::<f32>::initialise(&set, 1);
//!
//! let tape = Tape::inference(&parameters);
//! let logits = model.logits(&tape, &Ids::new([1, 3], vec![1, 5, 2]));
//! assert_eq!(*logits.shape(), [1, 3, 11]);
//! # Ok::<(), anther_transformer::ConfigError>(())
//! ```
#![forbid(unsafe_code)]

mod block;
mod block_config;
mod causal_lm;
mod chains;
mod classifier;
mod config;
mod decoder_block;
mod embedder;
mod encoder_decoder;
mod feed_forward;
pub mod hugging_face;
mod masked_lm;
mod model_config;
mod norm;
mod positions;
mod stack;
mod sublayer;
mod summary;

pub use anther_attention::{AttentionConfig, AttentionMap, ConfigError, HeadDistance, Position, Weighing};
pub use block::{Block, BlockNames};
pub use block_config::{Activation, BlockConfig, NormKind, NormPosition};
pub use causal_lm::{CausalLm, LmCache};
pub use classifier::{Classifier, ClassifierConfig, ExampleForm, Examples, Pooling, patches};
pub use config::CausalLmConfig;
pub use decoder_block::{DecoderBlock, DecoderContext};
pub use embedder::EmbeddingKind;
pub use encoder_decoder::{
    BeamSearch, DecoderCache, Embeddings, EncoderDecoder, EncoderDecoderConfig, OutputKind, Sentences,
};
pub use feed_forward::FeedForward;
pub use masked_lm::{MaskedLm, MaskedLmConfig};
pub use model_config::ModelConfig;
pub use norm::Norm;
pub use summary::{Measure, ModelSummary, ParameterRow, TRAINING_COST};
