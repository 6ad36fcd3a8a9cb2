//! The same numbers for any number of threads.

use anther_train::learner::Learner;
use anther_train::recipe::Recipe;
use anther_train::task;

use crate::runs::{data, digest, recipe};

fn trained(recipe: &Recipe, threads: usize, steps: u64) -> (String, Vec<u64>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut learner = Learner::new(recipe, task::of_recipe(recipe, &data()).unwrap()).unwrap();
        let losses = (0..steps).map(|_| learner.step().unwrap().loss.to_bits()).collect();
        (digest(learner.parameters()), losses)
    })
}

fn check(weighing: &str) {
    // Wide enough for products and reductions to be cut into several pieces.
    let weighing = format!("model.attention.weighing={weighing}");
    let edits = [weighing.as_str(), "model.width=64", "model.context=32", "train.batch=16", "train.accumulate=1"];
    let recipe = recipe(&edits);
    let expected = trained(&recipe, 1, 20);
    for threads in [2, 3, 8] {
        assert_eq!(trained(&recipe, threads, 20), expected, "{threads} threads");
    }
    assert_eq!(trained(&recipe, 1, 20), expected, "a second run");
}

#[test]
fn softmax_attention_does_not_depend_on_the_number_of_threads() {
    check("softmax");
}

#[test]
fn expressive_attention_does_not_depend_on_the_number_of_threads() {
    check("expressive");
}

#[test]
fn recomputation_changes_no_number_of_a_run() {
    for weighing in ["softmax", "expressive"] {
        let weighing = format!("model.attention.weighing={weighing}");
        let expected = trained(&recipe(&[&weighing]), 1, 10);
        for threads in [1, 2, 3] {
            let again = trained(&recipe(&[&weighing, "train.recompute=true"]), threads, 10);
            assert_eq!(again, expected, "{weighing}, {threads} threads");
        }
    }
}

#[test]
fn the_seed_changes_everything() {
    let with = |seed: &str| trained(&recipe(&[seed]), 1, 3);
    let (a, b) = (with("train.seed=1"), with("train.seed=2"));
    assert_ne!(a.0, b.0);
    assert!(a.1.iter().zip(&b.1).all(|(a, b)| a != b));
}
