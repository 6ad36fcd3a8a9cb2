//! What training does: accumulation, averages, early stopping, targets, and numbers that run away.

use std::fs;

use anther_tensor::Tensor;
use anther_train::batch::Batch;
use anther_train::evaluate::Evaluation;
use anther_train::generate::Sampling;
use anther_train::learner::{LearnError, Learner};
use anther_train::recipe::Recipe;
use anther_train::task::{self, Batches, Metric, Symbols, Task, TaskError};
use anther_train::trained::{TrainedModel, Which};
use anther_train::trainer::{EvaluationReport, Observer, Out, Reason, StartOptions, StepReport, TrainError, Trainer};

use crate::altered::Altered;
use crate::runs::{data, digest, finish, recipe, resume, start};

fn learner(recipe: &Recipe) -> Learner {
    Learner::new(recipe, task::of_recipe(recipe, &data()).unwrap()).unwrap()
}

#[test]
fn accumulation_changes_the_result_by_rounding_only() {
    let no_dropout = ["model.dropout=0", "model.attention.dropout=0", "data.noise=0.2", "train.optimizer=sgd"];
    let trained = |accumulate: &str| {
        let mut learner = learner(&recipe(&[&no_dropout[..], &[accumulate]].concat()));
        let results: Vec<_> = (0..5).map(|_| learner.step().unwrap()).collect();
        (results, learner)
    };
    let (whole, reference) = trained("train.accumulate=1");
    for accumulate in ["train.accumulate=2", "train.accumulate=4", "train.accumulate=8"] {
        let (parts, learner) = trained(accumulate);
        for (a, b) in whole.iter().zip(&parts) {
            assert!((a.loss - b.loss).abs() < 1e-5, "{accumulate}: {a:?} {b:?}");
            assert!((a.gradient_norm - b.gradient_norm).abs() < 1e-4 * a.gradient_norm, "{accumulate}: {a:?} {b:?}");
        }
        let (a, b) = (reference.parameters().values(), learner.parameters().values());
        let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-5, "{accumulate}: {difference}");
    }
}

#[test]
fn a_batch_without_targets_that_count_changes_nothing_but_the_step() {
    struct Nothing(Box<dyn Task>);
    impl Task for Nothing {
        fn metric(&self) -> Metric {
            Metric::Loss
        }
        fn symbols(&self) -> &Symbols {
            self.0.symbols()
        }
        fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
            self.0.batch(step, batch)?;
            batch.sequences_mut().weights.fill(0.0);
            Ok(())
        }
        fn evaluation(&self) -> Batches<'_> {
            Batches::new(1, |_, batch| self.batch(0, batch))
        }
        fn fixed_embedding(&self, width: usize) -> Result<Tensor<f64>, TaskError> {
            self.0.fixed_embedding(width)
        }
        fn fingerprint(&self) -> String {
            String::new()
        }
    }
    let recipe = recipe(&["train.weight_decay=0"]);
    let task = task::of_recipe(&recipe, &data()).unwrap();
    let mut learner = Learner::new(&recipe, Box::new(Nothing(task))).unwrap();
    let before = digest(learner.parameters());
    let result = learner.step().unwrap();
    assert_eq!((result.step, result.loss, result.gradient_norm), (1, 0.0, 0.0));
    assert_eq!(digest(learner.parameters()), before);
    let evaluation = learner.evaluate().unwrap();
    assert!(evaluation.loss.is_nan() && evaluation.accuracy.is_nan());
}

#[test]
fn clipping_bounds_the_step() {
    let moved = |clip: &str| {
        let edits = [
            "train.optimizer=sgd",
            "train.momentum=0",
            "train.weight_decay=0",
            "train.warmup=0",
            "train.learning_rate=1",
            clip,
        ];
        let mut learner = learner(&recipe(&edits));
        let before = learner.parameters().clone();
        let norm = learner.step().unwrap().gradient_norm;
        let difference = before.values().iter().zip(learner.parameters().values());
        (difference.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt(), norm)
    };
    let (free, norm) = moved("train.clip=0");
    assert!((free - norm).abs() < 1e-4 * norm, "{free} {norm}");
    let (clipped, same) = moved("train.clip=0.01");
    assert!((clipped - 0.01).abs() < 1e-5 && same == norm, "{clipped} {same}");
}

#[test]
fn evaluations_use_the_average_of_the_weights() {
    let recipe = recipe(&["train.learning_rate=0.05", "train.ema=0.99"]);
    let mut averaged = learner(&recipe);
    for _ in 0..8 {
        averaged.step().unwrap();
    }
    let average = averaged.average().unwrap().clone();
    assert_ne!(digest(&average), digest(averaged.parameters()));
    let measured =
        |parameters| Evaluation::measure(averaged.model(), parameters, &averaged.task().evaluation()).unwrap();
    let (of_average, of_weights) = (measured(&average), measured(averaged.parameters()));
    assert_ne!(of_average, of_weights);
    assert_eq!(averaged.evaluate().unwrap(), of_average);
}

#[test]
fn a_loaded_model_is_the_average_and_measures_the_same() {
    let temporary = tempfile::tempdir().unwrap();
    for (name, ema) in [("with", "train.ema=0.9"), ("without", "train.ema=0")] {
        let dir = temporary.path().join(name);
        let mut trainer = start(recipe(&[ema]), &dir).unwrap();
        let outcome = finish(&mut trainer);
        let model = TrainedModel::load(&dir, Which::Latest, true).unwrap();
        let weights = trainer.learner().average().unwrap_or(trainer.learner().parameters());
        assert_eq!(digest(&model.parameters), digest(weights));
        let (metric, evaluation) = model.evaluate(&data()).unwrap();
        assert_eq!(evaluation.of(metric), outcome.last.unwrap().value);
        let best = TrainedModel::load(&dir, Which::Best, true).unwrap();
        assert_eq!(best.step, outcome.best.unwrap().step);
        assert_eq!(best.evaluate(&data()).unwrap().1.of(metric), outcome.best.unwrap().value);
    }
}

#[test]
fn early_stopping_ends_a_run_that_does_not_improve() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    // With a learning rate of 0 the first evaluation is the best for ever.
    let edits = ["train.learning_rate=0", "train.steps=100", "train.eval_every=2", "train.early_stopping=3"];
    let outcome = finish(&mut start(recipe(&edits), &dir).unwrap());
    assert_eq!((outcome.stopped, outcome.steps), (Reason::EarlyStopping, 8));
    assert_eq!(outcome.best.unwrap().step, 2);
    let again = finish(&mut resume(&dir).unwrap());
    assert_eq!((again.stopped, again.steps), (Reason::EarlyStopping, 8));
}

#[test]
fn a_target_that_is_reached_ends_the_run() {
    let temporary = tempfile::tempdir().unwrap();
    let edits = ["train.steps=100", "train.eval_every=3", "train.target=0.0"];
    let outcome = finish(&mut start(recipe(&edits), &temporary.path().join("run")).unwrap());
    assert_eq!((outcome.stopped, outcome.steps, outcome.metric_name), (Reason::Target, 3, "accuracy"));
}

/// What the observer of a run saw.
#[derive(Default)]
struct Seen {
    steps: Vec<u64>,
    evaluated: Vec<(u64, bool)>,
    saved: Vec<(u64, bool)>,
}

impl Observer for Seen {
    fn step(&mut self, report: &StepReport) {
        assert!(report.result.loss.is_finite() && report.tokens_per_second > 0.0 && report.steps == 12);
        self.steps.push(report.result.step);
    }
    fn evaluated(&mut self, report: &EvaluationReport) {
        self.evaluated.push((report.step, report.improved));
    }
    fn saved(&mut self, step: u64, path: &std::path::Path, best: bool) {
        assert!(path.join("manifest.json").is_file());
        self.saved.push((step, best));
    }
}

#[test]
fn an_observer_is_told_of_every_step_evaluation_and_checkpoint() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let mut seen = Seen::default();
    start(recipe(&["train.learning_rate=0"]), &dir).unwrap().run(&mut seen, &|| None).unwrap();
    assert_eq!(seen.steps, (1..=12).collect::<Vec<_>>());
    assert_eq!(seen.evaluated, [(4, true), (8, false), (12, false)]);
    assert_eq!(seen.saved, [(4, true), (5, false), (10, false), (12, false)]);
    // Two are kept, and the best.
    let steps = anther_train::run_dir::RunDir::open(&dir).unwrap().store().steps().unwrap();
    assert_eq!(steps, [4, 10, 12]);
    let log = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 7, "{log}");
    assert!(!log.contains("second"), "{log}");
    assert!(fs::read_to_string(dir.join("loss.svg")).unwrap().contains("</svg>"));
    assert_eq!(fs::read_to_string(dir.join("speed.jsonl")).unwrap().lines().count(), 7);
}

#[test]
fn a_run_away_stops_and_what_was_saved_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    // Adam's first step makes every parameter as large as the learning rate: still finite, and the last step that is.
    let wild = ["train.learning_rate=1e36", "train.warmup=0", "train.checkpoint_every=1", "train.ema=0"];
    let mut trainer = start(recipe(&wild), &dir).unwrap();
    let error = trainer.run(&mut (), &|| None).unwrap_err();
    assert!(error.is_not_finite(), "{error}");
    let message = error.to_string();
    assert!(message.contains("step 2") && message.contains("model."), "{message}");
    assert_eq!(trainer.run_dir().store().steps().unwrap(), [1]);
    let loaded = trainer.run_dir().store().load_latest(true).unwrap();
    assert!(loaded.tensors.iter().all(|tensor| tensor.data.iter().all(|x| x.is_finite())));
    drop(trainer);
    assert_eq!(resume(&dir).unwrap().learner().steps(), 1);
}

#[test]
fn parameters_that_are_not_finite_are_never_saved() {
    let temporary = tempfile::tempdir().unwrap();
    // Loss and gradient of the first step are as they should be; only the step itself overflows.
    let edits = ["train.learning_rate=1e38", "train.warmup=0", "train.checkpoint_every=1"];
    let mut trainer = start(recipe(&edits), &temporary.path().join("run")).unwrap();
    let error = trainer.run(&mut (), &|| None).unwrap_err();
    assert!(matches!(&error, TrainError::NotFinite { step: 1, .. }), "{error}");
    assert!(error.is_not_finite() && error.to_string().contains("model.embed_tokens.weight"), "{error}");
    assert_eq!(trainer.run_dir().store().steps().unwrap(), [0; 0]);
}

#[test]
fn a_model_that_diverged_in_its_last_step_is_never_saved() {
    let temporary = tempfile::tempdir().unwrap();
    // Loss, gradient and parameters of the first step are finite, but what these parameters predict is not.
    let edits = ["train.steps=1", "train.learning_rate=1e30", "train.warmup=0"];
    let mut trainer = start(recipe(&edits), &temporary.path().join("run")).unwrap();
    let error = trainer.run(&mut (), &|| None).unwrap_err();
    assert!(matches!(&error, TrainError::NotFiniteEvaluation { step: 1, .. }), "{error}");
    assert!(error.is_not_finite(), "{error}");
    assert_eq!(trainer.run_dir().store().steps().unwrap(), [0; 0]);
}

#[test]
fn a_run_whose_checkpoints_are_gone_keeps_its_log() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    finish(&mut start(recipe(&["train.checkpoint_every=1"]), &dir).unwrap());
    fs::remove_dir_all(dir.join("ckpt")).unwrap();
    let log = fs::read(dir.join("metrics.jsonl")).unwrap();
    let error = resume(&dir).err().unwrap().to_string();
    assert!(error.contains("no checkpoint") && error.contains("ckpt"), "{error}");
    assert_eq!(fs::read(dir.join("metrics.jsonl")).unwrap(), log);
}

/// The fourth batch has a weight that is not a number.
fn poisoned(task: &dyn Task, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
    task.batch(step, batch)?;
    if step == 3 {
        batch.sequences_mut().weights[5] = f32::NAN;
    }
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_is_never_saved() {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, whole) = (temporary.path().join("run"), temporary.path().join("whole"));
    // The poisoned step would be evaluated and saved, too.
    let recipe = recipe(&["train.checkpoint_every=1"]);
    let out = Out::Directory(dir.clone());
    let task = Box::new(Altered { task: task::of_recipe(&recipe, &data()).unwrap(), batch: poisoned });
    let options = StartOptions { out, data: data(), command: String::new() };
    let mut trainer = Trainer::with_task(recipe.clone(), task, &options).unwrap();
    let error = trainer.run(&mut (), &|| None).unwrap_err();
    assert!(error.is_not_finite() && error.to_string().contains("step 4 has a loss of NaN"), "{error}");
    assert_eq!(trainer.run_dir().store().steps().unwrap(), [2, 3]);
    drop(trainer);
    // With the poison gone the run goes on from step 3 as if nothing had happened.
    let mut resumed = resume(&dir).unwrap();
    finish(&mut resumed);
    let mut reference = start(recipe, &whole).unwrap();
    finish(&mut reference);
    assert_eq!(digest(resumed.learner().parameters()), digest(reference.learner().parameters()));
    assert_eq!(fs::read(dir.join("metrics.jsonl")).unwrap(), fs::read(whole.join("metrics.jsonl")).unwrap());
}

#[test]
fn a_step_that_is_not_finite_changes_nothing() {
    let recipe = recipe(&["train.optimizer=sgd", "train.learning_rate=1e37", "train.warmup=0", "train.clip=0"]);
    let mut learner = learner(&recipe);
    let mut before = digest(learner.parameters());
    for step in 1..20 {
        match learner.step() {
            Ok(_) => before = digest(learner.parameters()),
            Err(LearnError::NotFinite { step: named, .. }) => {
                assert_eq!((named, learner.steps()), (step, step - 1));
                assert_eq!(digest(learner.parameters()), before);
                return;
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("a learning rate of 1e37 must run away");
}

#[test]
fn runs_are_numbered() {
    let temporary = tempfile::tempdir().unwrap();
    let begin = || {
        let out = Out::Numbered { parent: temporary.path().join("runs"), name: "tiny".into() };
        Trainer::new(recipe(&[]), &StartOptions { out, data: data(), command: "anther train tiny".into() }).unwrap()
    };
    let (first, second) = (begin(), begin());
    assert!(first.run_dir().path().ends_with("runs/tiny-1") && second.run_dir().path().ends_with("runs/tiny-2"));
    let facts = second.run_dir().read_facts().unwrap();
    assert_eq!(facts["command"], "anther train tiny");
    assert_eq!(
        (facts["seed"].as_str(), facts["metric"].as_str(), facts["vocabulary"].as_str()),
        ("5", "accuracy", "3")
    );
    assert_eq!(facts["parameters"], second.learner().parameters().count().to_string());
    assert_eq!(second.run_dir().read_recipe().unwrap(), recipe(&[]).to_toml().unwrap());
}

#[test]
fn mistakes_in_the_data_leave_no_directory() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let missing = recipe_of_text("missing.txt");
    let error = start(missing, &dir).err().unwrap();
    assert!(error.to_string().contains("missing.txt") && error.to_string().contains("ANTHER_DATA"), "{error}");
    let path = temporary.path().join("short.txt");
    fs::write(&path, "abc").unwrap();
    let error = start(recipe_of_text(path.to_str().unwrap()), &dir).err().unwrap();
    assert!(error.to_string().contains("context"), "{error}");
    assert!(!dir.exists());
}

fn recipe_of_text(path: &str) -> Recipe {
    let path = format!("data.path={path}");
    Recipe::read("data.task = \"text\"", "text.toml", &[path]).unwrap()
}

#[test]
fn the_rule_of_a_task_is_learned() {
    let temporary = tempfile::tempdir().unwrap();
    for weighing in ["softmax", "expressive"] {
        let weighing = format!("model.attention.weighing={weighing}");
        let edits = [
            weighing.as_str(),
            "data.n=2",
            "train.steps=600",
            "train.batch=32",
            "train.accumulate=1",
            "train.eval_every=50",
            "train.ema=0",
            "train.target=0.99",
            "model.width=32",
            "model.dropout=0",
            "model.attention.dropout=0",
        ];
        let dir = temporary.path().join(&weighing);
        let outcome = finish(&mut start(recipe(&edits), &dir).unwrap());
        assert_eq!(outcome.stopped, Reason::Target, "{weighing}: {outcome:?}");
        // Greedy generation continues the exclusive or of the last two symbols.
        let model = TrainedModel::load(&dir, Which::Best, true).unwrap();
        let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
        let text = model.generate("0 1 1 0", 6, &greedy, 0, &mut |_| ()).unwrap();
        assert_eq!(text, "1 1 0 1 1 0 ");
    }
}
