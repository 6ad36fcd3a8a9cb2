//! Runs of classifiers: they learn, they are resumed to the bit, every attention trains them, and mixed examples have two classes.

use anther_data::LabelledBatch;
use anther_tensor::Tape;
use anther_train::batch::{Batch, Part};
use anther_train::learner::Learner;
use anther_train::model::Model;
use anther_train::recipe::{Presets, Recipe};
use anther_train::task::{self, Batches, Metric};
use anther_transformer::{AttentionConfig, ExampleForm};

use crate::runs::{data, digest, finish, resume, start, stop_after};

/// Dropout, stochastic depth, accumulation and a moving average, so that all of them are resumed.
const TINY: &str = r#"
data = { task = "listops", shortest = 4, longest = 9, depth = 2, examples = 50 }

[model]
kind = "classifier"
layers = 2
heads = 2
width = 16
dropout = 0.1
drop_path = 0.2

[train]
steps = 12
batch = 8
accumulate = 2
learning_rate = 0.01
warmup = 2
optimizer = "radam"
ema = 0.9
seed = 5
eval_every = 4
checkpoint_every = 5
log_every = 2
"#;

fn read(edits: &[&str]) -> Recipe {
    Recipe::read(TINY, "classes.toml", edits).unwrap()
}

fn all(batches: &Batches<'_>) -> Vec<Batch> {
    batches.iter().map(Result::unwrap).collect()
}

#[test]
fn a_run_that_was_interrupted_equals_one_that_was_not() {
    let temporary = tempfile::tempdir().unwrap();
    for (i, edits) in [
        &[][..],
        &["train.recompute=true", "model.pooling=class-token"],
        &["model.pooling=flatten"],
        &["model.norm=batch-norm", "model.norm_position=post"],
    ]
    .into_iter()
    .enumerate()
    {
        let at = |name: &str| temporary.path().join(format!("{name}-{i}"));
        let mut whole = start(read(edits), &at("whole")).unwrap();
        finish(&mut whole);
        let mut first = start(read(edits), &at("parts")).unwrap();
        stop_after(&mut first, 7);
        drop(first);
        let mut rest = resume(&at("parts")).unwrap();
        finish(&mut rest);
        let [whole, rest] = [&whole, &rest].map(|trainer| digest(trainer.learner().parameters()));
        assert_eq!(whole, rest, "{edits:?}");
    }
}

#[test]
fn an_evaluation_is_the_whole_validation_part_and_the_test_is_another() {
    let task = task::of_recipe(&read(&[]), &data()).unwrap();
    assert_eq!(task.metric(), Metric::Accuracy);
    let rows = |batches: &[Batch]| batches.iter().map(Batch::rows).sum::<usize>();
    let (validation, test) = (all(&task.evaluation()), all(&task.test().unwrap()));
    assert_eq!((rows(&validation), rows(&test)), (2000, 2000));
    assert_ne!(validation[0], test[0]);
    // Epochs: seven batches of 8 have each of the 50 lists at least once.
    let mut batch = Batch::default();
    let mut seen = Vec::new();
    for step in 0..7 {
        task.batch(step, &mut batch).unwrap();
        let Batch::Labelled { batch, .. } = &batch else { panic!("examples") };
        seen.extend(batch.tokens.chunks_exact(9).map(<[u32]>::to_vec));
    }
    let first: std::collections::BTreeSet<_> = seen[..50].iter().collect();
    assert!(seen[50..].iter().all(|list| first.contains(list)));
}

#[test]
fn what_is_held_out_changes_nothing_that_is_learned_from() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("uea/Steps");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("Steps_TEST.ts"), "@data\n1,2:a\n3,4:b\n").unwrap();
    let data = anther_data::DataDir::resolve(Some(root.path()), None);
    let edits = ["data={ task = \"series\", name = \"Steps\", hold_out = 0.25 }", "train.batch=6"];
    let (_, held_out) = anther_data::hold_out(&[0, 0, 0, 0, 1, 1, 1, 1], 0.25, 5);
    let of_outlier = |outlier: usize| {
        let case = |i: usize| {
            let value = if i == outlier { 1000 } else { i };
            format!("{value},{}:{}\n", i * i, if i < 4 { "a" } else { "b" })
        };
        let cases: String = (0..8).map(case).collect();
        std::fs::write(folder.join("Steps_TRAIN.ts"), format!("@data\n{cases}")).unwrap();
        let task = task::of_recipe(&read(&edits), &data).unwrap();
        let mut batch = Batch::default();
        task.batch(0, &mut batch).unwrap();
        (batch, all(&task.evaluation()))
    };
    let (learned, measured) = of_outlier(usize::MAX);
    let (same, other) = of_outlier(held_out[0]);
    assert_eq!(learned, same);
    assert_ne!(measured, other);
    let in_training = (0..8).find(|case| !held_out.contains(case)).unwrap();
    assert_ne!(of_outlier(in_training).1, measured);
    // A tenth of four cases is none, and evaluations would look at the test part unasked.
    let edits = ["data={ task = \"series\", name = \"Steps\", hold_out = 0.1 }", "train.batch=6"];
    let error = task::of_recipe(&read(&edits), &data).err().unwrap().to_string();
    assert!(error.contains("data.hold_out = 0.1 holds none of the 8"), "{error}");
}

#[test]
fn every_attention_lowers_the_loss() {
    for name in AttentionConfig::preset_names() {
        for pooling in ["mean", "class-token"] {
            let edits = [format!("model.pooling={pooling}"), "train.steps=20".to_owned(), "train.ema=0".to_owned()];
            let presets = Presets { attention: Some(name), ..Presets::default() };
            let recipe = Recipe::read_with(TINY, "classes.toml", presets, &edits).unwrap();
            let task = task::of_recipe(&recipe, &data()).unwrap();
            let mut learner = Learner::new(&recipe, task).unwrap();
            let before = learner.evaluate().unwrap();
            let losses: Vec<f64> = (0..20).map(|_| learner.step().unwrap().loss).collect();
            let after = learner.evaluate().unwrap();
            assert!(losses.iter().all(|loss| loss.is_finite()), "{name}, {pooling}: {losses:?}");
            assert!(after.loss < before.loss, "{name}, {pooling}: {} to {}", before.loss, after.loss);
            assert!(after.top5.unwrap() >= after.accuracy && after.counted == 1.0);
        }
    }
}

#[test]
fn the_loss_of_mixed_examples_is_that_of_both_classes() {
    let recipe = read(&["model.dropout=0", "model.drop_path=0"]);
    let task = task::of_recipe(&recipe, &data()).unwrap();
    let (model, parameters) = Model::build(&recipe.model, task.symbols().form(), |_| unreachable!(), 1).unwrap();
    let form = ExampleForm::Tokens { vocabulary: 16, longest: 9 };
    let examples = |labels: [u32; 2], second: &[u32], first_share| Batch::Labelled {
        batch: LabelledBatch {
            tokens: (0..18).map(|i| i % 16).collect(),
            lengths: vec![9, 5],
            labels: labels.to_vec(),
            second_labels: second.to_vec(),
            first_share,
            ..LabelledBatch::default()
        },
        form,
    };
    let loss = |batch: Batch| {
        let tape = Tape::inference(&parameters);
        model.loss(&tape, &Part::new(&batch, 0..2), 0.1).value().item()
    };
    let (a, b) = (loss(examples([1, 2], &[], 1.0)), loss(examples([7, 3], &[], 1.0)));
    let mixed = loss(examples([1, 2], &[7, 3], 0.75));
    assert!(a != b && (mixed - (0.75 * a + 0.25 * b)).abs() < 1e-6, "{a} {b} {mixed}");
}

#[test]
fn running_statistics_are_those_of_what_was_seen() {
    let still = ["train.learning_rate=0", "train.ema=0", "model.dropout=0", "model.drop_path=0", "train.warmup=0"];
    let norm = ["model.norm=batch-norm", "train.batch=48", "train.accumulate=1", "data.examples=64"];
    let recipe = read(&[&still[..], &norm].concat());
    let mut learner = Learner::new(&recipe, task::of_recipe(&recipe, &data()).unwrap()).unwrap();
    let first = learner.parameters().values().to_vec();
    let trained: Vec<_> = learner.parameters().ids().filter(|&id| learner.parameters().spec(id).trained).collect();
    let before = learner.evaluate().unwrap();
    (0..60).for_each(|_| assert!(learner.step().unwrap().loss.is_finite()));
    let parameters = learner.parameters();
    // Nothing learns at a rate of 0, and what is observed moves all the same.
    assert!(trained.iter().all(|&id| parameters.values()[parameters.range(id)] == first[parameters.range(id)]));
    let variance = parameters.find("model.layers.0.input_layernorm.running_var").unwrap();
    assert!(parameters.tensor(variance).data().iter().all(|&one| one > 0.0 && one != 1.0));
    // With statistics that have settled, an evaluation sees what training sees.
    let (after, training) = (learner.evaluate().unwrap(), learner.step().unwrap().loss);
    assert!(
        (after.loss - training).abs() < (before.loss - training).abs().max(0.05),
        "{before:?} {after:?} {training}"
    );
}
