//! Cases of the ops of this crate.

mod driver;
mod linear;
mod statistics;
