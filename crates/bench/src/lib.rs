//! The cases that Anther is measured by: products, ops, attention, a training step, decoding, start-up and the machine's limits.
//!
//! A [`Case`] has a name, its work and a function that builds its inputs; [`cases::all`] lists them. [`measure()`] times one as
//! carefully as a shared machine allows. The program `anther-bench` prints a JSON object for each case, `cargo xtask bench`
//! drives it beside the peers, and `benches/cases.rs` gives the same cases to criterion.
#![forbid(unsafe_code)]

pub mod case;
pub mod cases;
pub mod inputs;
pub mod measure;
pub mod memory;
pub mod report;
pub mod scaling;
pub mod serve;

pub use case::{Case, Item, Limit, Work};
pub use measure::{Budget, Timing, measure};
