//! Whole training steps: batch, forward, backward, optimiser, with the loss read each time.

use anther_train::learner::Learner;

use super::encoder_decoder::ENCODER_DECODER;
use super::gpt::{GPT, Size};
use super::vit::VIT;
use crate::case::{Case, Item, Limit, Work};

pub(super) fn cases() -> Vec<Case> {
    let pairs = ENCODER_DECODER;
    let translation =
        learning("train_encoder_decoder", (Item::Token, pairs.tokens() as f64), pairs.flops(), move || pairs.learner());
    let images = learning("train_vit", (Item::Image, VIT.batch as f64), VIT.flops(), || VIT.learner());
    vec![step("train_gpt", GPT).quick().fresh(), translation.fresh(), images.fresh()]
}

/// Steps of a model of that size.
pub(crate) fn step(name: impl Into<String>, size: Size) -> Case {
    learning(name, (Item::Token, size.tokens() as f64), size.flops(), move || size.learner())
}

/// Steps of a learner with so many items and operations a step.
fn learning(
    name: impl Into<String>,
    (of, count): (Item, f64),
    flops: f64,
    learner: impl Fn() -> Learner + Send + Sync + 'static,
) -> Case {
    let work = Work::Items { of, count, limit: Limit::Flops(flops) };
    Case::new(name, work, move || {
        let mut learner = learner();
        move || {
            let result = learner.step().expect("the loss is finite");
            assert!(result.loss.is_finite());
        }
    })
}
