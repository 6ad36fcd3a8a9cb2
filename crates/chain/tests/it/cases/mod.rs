//! Cases of the ops of this crate.

mod ops;
