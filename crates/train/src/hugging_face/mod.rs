//! Checkpoints of the Python package `transformers` as runs, and runs as such checkpoints.
//!
//! What is what on both sides is in [`anther_transformer::hugging_face`]; here are files, tokenizers and recipes.

mod error;
mod export;
mod files;
mod import;
mod preprocessor;

pub use error::HuggingFaceError;
pub use export::{Exported, export};
pub use files::read_checkpoint;
pub use import::{Checkpoint, Import};

/// What a model is, in numbers.
pub const CONFIG_FILE: &str = "config.json";
/// Its tensors.
pub const TENSOR_FILE: &str = "model.safetensors";
/// In which files its tensors are, if they are in several.
pub const INDEX_FILE: &str = "model.safetensors.index.json";
/// Its tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// What is made of images before it reads them.
pub const PREPROCESSOR_FILE: &str = "preprocessor_config.json";
