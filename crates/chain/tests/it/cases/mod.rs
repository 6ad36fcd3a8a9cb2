//! Cases of the ops of this crate.

mod layers;
mod ops;
