//! Every kernel at every level of this CPU against the `f64` twins, and what the crate promises beside numbers.

#[macro_use]
mod common;

mod accuracy;
mod aligned;
mod decode;
mod elementwise;
mod fused;
mod layout;
mod level;
mod loss;
#[allow(unsafe_code)]
mod matmul;
mod norms;
mod optim;
mod panics;
mod probe;
mod properties;
mod random;
mod reductions;
mod rotary;
mod threads;
mod tiles;
mod unary;
mod volume;
mod weigh;
mod weights;
