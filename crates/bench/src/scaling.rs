//! How time and memory grow with the length of a sequence, the width and depth of a model and the number of threads.

mod plot;
mod sweep;

pub use plot::{Curve, PlotError, render};
pub use sweep::{FULL, Grid, pictures};
