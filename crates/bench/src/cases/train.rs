//! Whole training steps: batch, forward, backward, optimiser, with the loss read each time.

use super::gpt::{GPT, Size};
use crate::case::{Case, Limit, Work};

pub(super) fn cases() -> Vec<Case> {
    vec![step("train_gpt", GPT).quick().fresh()]
}

/// Steps of a model of that size.
pub(crate) fn step(name: impl Into<String>, size: Size) -> Case {
    let work = Work::Tokens { tokens: size.tokens() as f64, limit: Limit::Flops(size.flops()) };
    Case::new(name, work, move || {
        let mut learner = size.learner();
        move || {
            let result = learner.step().expect("the loss is finite");
            assert!(result.loss.is_finite());
        }
    })
}
