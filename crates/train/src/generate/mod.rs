//! Generating from a trained model: [`Sampling`] draws one token from its scores,
//! [`TrainedModel::generate`](crate::trained::TrainedModel::generate) a text, and
//! [`TrainedModel::translate`](crate::trained::TrainedModel::translate) answers sources.

mod sample;
mod shown;
mod text;
mod translate;

pub use sample::{SampleError, Sampling};
pub use text::GenerateError;
pub use translate::{TranslateError, TranslatedPart};
