//! The tests of the attention family.

mod cases;
mod causality;
mod cost;
mod decoding;
mod degenerate;
mod expressive;
mod golden;
mod golden_slots;
mod identities;
mod laplace;
mod layers;
mod probe;
mod slots;
