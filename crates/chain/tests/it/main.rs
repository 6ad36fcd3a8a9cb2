//! The tests of tensor chains.

mod cases;
