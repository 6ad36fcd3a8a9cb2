//! The NT prediction tasks: sequences whose next symbol is a function of the last one and of one `tau` steps back.
//!
//! The family is named in Gros, "Reorganizing attention-space geometry with expressive attention" (arXiv 2407.18601): next-token
//! tasks over a basis of `N` symbols with a delay `T`, graded by complexity. **\[guess\]** What follows is *our reading*: the
//! formulas of that paper were not at hand, so none of it may be quoted as the paper's own task.
//!
//! ```text
//! x_t = f(x_{t-1}, x_{t-tau}),   x in 0..N,   x_0 .. x_{tau-1} uniform
//! ```
//!
//! The state is the last `tau` symbols, so there are `C = N^tau` of them, and without noise every sequence ends on a cycle of that
//! finite graph. [`NtRule`] lists the functions `f`, [`NtTask::batch`] makes data, [`NtTask::cycles`] measures the graph and
//! [`NtEmbedding`] gives the fixed vectors that stand for the symbols.
//!
//! Two cautions, both measured on small models. `C` is *not* the difficulty when positions are learned: an `N x N` table and two
//! fixed offsets are all that there is to learn. And `window` never needs more than two taps, since
//! `x_t = 2 x_{t-1} - x_{t-tau-1} (mod N)`; for `N = 2` it is a copy at lag `tau + 1`.

mod config;
mod cycles;
mod embedding;
mod error;
mod law;
mod task;

pub use config::{MAX_SYMBOLS, MAX_TABLE_ENTRIES, NtConfig, NtRule};
pub use cycles::{CycleSpectrum, MAX_CYCLE_STATES};
pub use embedding::{MAX_EMBEDDING_ENTRIES, NtEmbedding};
pub use error::NtError;
pub use task::NtTask;
