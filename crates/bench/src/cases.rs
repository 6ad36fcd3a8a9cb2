//! All cases, a file for each family.

mod attention;
mod chain;
mod decode;
mod elementwise;
mod encoder_decoder;
mod fixed;
mod gemm;
pub mod gpt;
pub mod limits;
mod loss;
mod mechanisms;
pub mod startup;
mod train;
mod vit;

use crate::case::Case;
pub(crate) use attention::both as attention_step;
pub(crate) use train::step as training_step;

/// Every case on `threads` threads, in the order of a report. `anther` is the command line whose start is measured, if it is known.
#[must_use]
pub fn all(threads: usize, anther: Option<&std::path::Path>) -> Vec<Case> {
    let mut cases = limits::cases(threads);
    cases.extend(gemm::cases());
    cases.extend(elementwise::cases());
    cases.extend(loss::cases());
    cases.extend(attention::cases());
    cases.extend(mechanisms::cases());
    cases.extend(chain::cases());
    cases.extend(train::cases());
    cases.extend(decode::cases());
    cases.extend(anther.map(startup::case));
    cases
}
