//! The tests of the transformer models.

mod causal_lm;
mod generation;
mod names;
mod precision;
mod recompute;
