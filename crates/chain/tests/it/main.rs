//! The tests of tensor chains.

mod cases;
mod golden;
mod hostile;
mod layers;
mod properties;
mod random;
mod rules;
mod weighted;
