//! Generating from a trained model: [`Sampling`] draws one token from its scores,
//! [`TrainedModel::generate`](crate::trained::TrainedModel::generate) a text.

mod sample;
mod text;

pub use sample::{SampleError, Sampling};
pub use text::GenerateError;
