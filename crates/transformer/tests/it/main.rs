//! The tests of the transformer models.

mod causal_lm;
mod classifier;
mod encoder_decoder;
mod generation;
mod hugging_face;
mod layers;
mod maps;
mod masked_lm;
mod names;
mod precision;
mod recompute;
