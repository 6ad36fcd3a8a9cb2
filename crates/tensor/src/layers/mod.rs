//! Elementary layers: parameters by name and the ops that use them.

mod batch_norm;
mod embedding;
mod linear;
mod norm;

pub use batch_norm::BatchNorm;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{LayerNorm, RmsNorm};
