//! The tests of the attention family.

mod causality;
mod decoding;
mod expressive;
mod golden;
mod layers;
