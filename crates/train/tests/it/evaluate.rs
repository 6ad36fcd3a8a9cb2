//! Evaluations: what is in memory, and a batch that cannot be made.

use std::cell::RefCell;

use anther_train::batch::Batch;
use anther_train::evaluate::Evaluation;
use anther_train::learner::{LearnError, Learner};
use anther_train::task::{self, Batches, TaskError};

use crate::runs::{data, recipe};

#[test]
fn each_batch_is_made_in_the_place_of_the_one_before() {
    let recipe = recipe(&["train.eval_batches=5"]);
    let learner = Learner::new(&recipe, task::of_recipe(&recipe, &data()).unwrap()).unwrap();
    let batches = learner.task().evaluation();
    let given = RefCell::new(Vec::new());
    let watched = Batches::new(batches.len(), |number, batch| {
        given.borrow_mut().push((number, batch.clone()));
        batches.refill(number, batch)
    });
    let measured = Evaluation::measure(learner.model(), learner.parameters(), &watched).unwrap();
    assert_eq!(measured.tokens, 5 * 8 * 10);
    let before = std::iter::once(Ok(Batch::default())).chain(batches.iter());
    let expected: Vec<_> = before.map(Result::unwrap).take(5).enumerate().collect();
    assert_eq!(*given.borrow(), expected);
    // The place of a batch says nothing about it.
    let mut place = batches.iter().nth(4).unwrap().unwrap();
    batches.refill(1, &mut place).unwrap();
    assert_eq!(place, expected[2].1);
}

#[test]
fn a_batch_that_cannot_be_made_is_an_error() {
    let recipe = recipe(&[]);
    let mut empty = recipe.clone();
    empty.train.batch = 0;
    let refused = Learner::new(&recipe, task::of_recipe(&empty, &data()).unwrap());
    assert!(matches!(refused, Err(LearnError::Task(TaskError::Nt(_)))), "it is found after the first steps only");
    let learner = Learner::new(&recipe, task::of_recipe(&recipe, &data()).unwrap()).unwrap();
    let batches = learner.task().evaluation();
    let damaged = Batches::new(2, |number, batch| match number {
        0 => batches.refill(0, batch),
        _ => Err(TaskError::Kind),
    });
    let error = Evaluation::measure(learner.model(), learner.parameters(), &damaged).unwrap_err();
    assert!(matches!(error, TaskError::Kind), "{error}");
}
