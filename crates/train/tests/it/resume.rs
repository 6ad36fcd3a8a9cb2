//! A run that is stopped and resumed against one that is not: the same, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anther_kernels::{Level, with_level};
use anther_train::checkpoint::{NamedTensor, Snapshot};
use anther_train::generate::Sampling;
use anther_train::run_dir::RunDir;
use anther_train::trained::{TrainedModel, Which};
use anther_train::trainer::{Observer, Reason, ResumeOptions, Signal, Started, TrainError, Trainer};

use crate::runs::{data, digest, finish, recipe, resume, start, stop_after, text_recipe};

/// Everything that must agree.
#[derive(Debug, PartialEq)]
struct Remains {
    parameters: String,
    average: Option<String>,
    moments: Vec<u32>,
    metrics: [String; 2],
    checkpoint: [Vec<u8>; 3],
    generated: String,
}

fn remains(trainer: &Trainer, dir: &Path, prompt: &str) -> Remains {
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let last = format!("ckpt/step-{:08}", trainer.learner().steps());
    let model = TrainedModel::load(dir, Which::Latest, true).unwrap();
    Remains {
        parameters: digest(trainer.learner().parameters()),
        average: trainer.learner().average().map(digest),
        moments: trainer.learner().optimizer().slabs().flat_map(|(_, slab)| slab).map(|x| x.to_bits()).collect(),
        metrics: ["metrics.jsonl", "metrics.csv"].map(|name| String::from_utf8(read(name)).unwrap()),
        checkpoint: ["model.safetensors", "optim.safetensors", "state.bin"].map(|name| read(&format!("{last}/{name}"))),
        generated: model.generate(prompt, 30, &Sampling::default(), 1, &mut |_| ()).unwrap(),
    }
}

/// Runs the recipe once in one go and once for each way of cutting it into pieces.
fn check(recipe: &anther_train::recipe::Recipe, prompt: &str, cuts: &[&[u32]]) {
    let temporary = tempfile::tempdir().unwrap();
    let whole = temporary.path().join("whole");
    let mut trainer = start(recipe.clone(), &whole).unwrap();
    let outcome = finish(&mut trainer);
    let expected = remains(&trainer, &whole, prompt);
    assert!(expected.metrics[0].lines().count() > 3, "{}", expected.metrics[0]);

    for (i, pieces) in cuts.iter().enumerate() {
        let dir = temporary.path().join(format!("cut-{i}"));
        let mut trainer = start(recipe.clone(), &dir).unwrap();
        let mut done = 0;
        for &steps in *pieces {
            let stopped = stop_after(&mut trainer, steps);
            done += u64::from(steps);
            assert_eq!((stopped.stopped, stopped.steps), (Reason::Signal(Signal::Interrupt), done));
            drop(trainer);
            trainer = resume(&dir).unwrap();
            assert_eq!(trainer.learner().steps(), done);
        }
        let resumed = finish(&mut trainer);
        assert_eq!((resumed.steps, resumed.best, resumed.last), (outcome.steps, outcome.best, outcome.last));
        assert_eq!(remains(&trainer, &dir, prompt), expected, "stopped after {pieces:?}");
    }
}

/// Cores are parameters like any other: they move at the first step, and a checkpoint has them to the bit.
#[test]
fn a_model_of_chains_resumes_to_the_bit() {
    let temporary = tempfile::tempdir().unwrap();
    let chains = "model.chains=[{ layers = ['*.q_proj', '*.fc*', '*.embed_tokens'], rank = 2 }]";
    let recipe = text_recipe(temporary.path(), &[chains, "model.embedding=h-softpos", "model.attention.position=none"]);
    assert!(start(recipe, &temporary.path().join("none")).is_err(), "there is no plain table to make a chain of");
    for embedding in [&["model.embedding=learned"][..], &["model.embedding=h-softpos", "model.attention.position=none"]]
    {
        let chains = chains.replace("*.embed_tokens", "*.embed_tokens*");
        let recipe = text_recipe(temporary.path(), &[&[&chains[..]], embedding].concat());
        check(&recipe, "the ", &[&[5], &[1, 3]]);
        let dir = temporary.path().join(format!("moved-{}", embedding.len()));
        let mut trainer = start(recipe, &dir).unwrap();
        let first = trainer.learner().parameters().clone();
        stop_after(&mut trainer, 1);
        let now = trainer.learner().parameters();
        let cores: Vec<_> = now.ids().filter(|&id| now.spec(id).name.contains(".cores.")).collect();
        assert!(cores.len() >= 10, "{} cores", cores.len());
        for id in cores {
            assert_ne!(first.tensor(id).data(), now.tensor(id).data(), "{} has not moved", now.spec(id).name);
        }
    }
}

#[test]
fn an_interrupted_run_equals_one_that_was_not() {
    // After the first step, between evaluations, at an evaluation, at a checkpoint, before the last step, and several times.
    check(&recipe(&[]), "0 1 2", &[&[1], &[3], &[4], &[5], &[11], &[0], &[2, 1, 5]]);
}

#[test]
fn so_do_runs_of_other_kinds() {
    check(&recipe(&["model.attention.weighing=expressive", "train.ema=0"]), "0 1", &[&[5]]);
    check(&recipe(&["train.optimizer=sgd", "model.embedding=fixed", "data.noise=0.1"]), "2 2", &[&[1], &[6]]);
    check(&recipe(&["data.rules=[\"sum\",\"diff\"]", "train.optimizer=adam", "train.accumulate=1"]), "1", &[&[7]]);
}

#[test]
fn so_does_a_run_on_text() {
    let temporary = tempfile::tempdir().unwrap();
    check(&text_recipe(temporary.path(), &[]), "the ", &[&[4], &[6, 2]]);
}

#[test]
fn what_was_logged_after_the_checkpoint_is_logged_again() {
    let temporary = tempfile::tempdir().unwrap();
    let (whole, killed) = (temporary.path().join("whole"), temporary.path().join("killed"));
    finish(&mut start(recipe(&[]), &whole).unwrap());
    stop_after(&mut start(recipe(&[]), &killed).unwrap(), 6);
    // As if the process had gone on and been killed before its next checkpoint.
    let log = killed.join("metrics.jsonl");
    let mut text = fs::read_to_string(&log).unwrap();
    text += "{\"step\":7,\"loss\":9.0}\n{\"step\":8,\"lo";
    fs::write(&log, text).unwrap();
    finish(&mut resume(&killed).unwrap());
    assert_eq!(fs::read(&log).unwrap(), fs::read(whole.join("metrics.jsonl")).unwrap());
}

#[test]
fn a_run_that_is_over_stays_over() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let first = finish(&mut start(recipe(&[]), &dir).unwrap());
    let before = fs::read(dir.join("metrics.jsonl")).unwrap();
    let again = finish(&mut resume(&dir).unwrap());
    assert_eq!((again.stopped, again.steps, again.best), (first.stopped, first.steps, first.best));
    assert_eq!(fs::read(dir.join("metrics.jsonl")).unwrap(), before);
}

#[test]
fn a_run_stopped_before_its_first_checkpoint_starts_again() {
    let temporary = tempfile::tempdir().unwrap();
    let (whole, early) = (temporary.path().join("whole"), temporary.path().join("early"));
    finish(&mut start(recipe(&[]), &whole).unwrap());
    drop(start(recipe(&[]), &early).unwrap());
    fs::write(early.join("metrics.jsonl"), "{\"step\":1}\n").unwrap();
    finish(&mut resume(&early).unwrap());
    assert_eq!(fs::read(early.join("metrics.jsonl")).unwrap(), fs::read(whole.join("metrics.jsonl")).unwrap());
}

#[test]
fn a_directory_is_for_one_run_and_one_process() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let trainer = start(recipe(&[]), &dir).unwrap();
    assert!(matches!(start(recipe(&[]), &dir), Err(TrainError::Lock(_))));
    assert!(matches!(resume(&dir), Err(TrainError::Lock(_))));
    drop(trainer);
    let taken = start(recipe(&[]), &dir).err().unwrap();
    assert!(matches!(taken, TrainError::RunDir(_)) && taken.to_string().contains("--resume"), "{taken}");
    let nothing = resume(&temporary.path().join("nowhere")).err().unwrap();
    assert!(nothing.to_string().contains("holds no run"), "{nothing}");
}

#[test]
fn a_text_that_changed_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    stop_after(&mut start(text_recipe(temporary.path(), &[]), &dir).unwrap(), 1);
    let path = temporary.path().join("text.txt");
    let text = fs::read_to_string(&path).unwrap();
    // The same characters in another order: the vocabulary is the same.
    fs::write(&path, text.replacen("cat", "tac", 1)).unwrap();
    let error = resume(&dir).err().unwrap();
    assert!(matches!(error, TrainError::Mismatch { .. }) && error.to_string().contains("data have changed"), "{error}");
    // More characters make a larger model: the data are still what is to blame.
    fs::write(&path, format!("{text}{text}1 2 3")).unwrap();
    let error = resume(&dir).err().unwrap();
    assert!(error.to_string().contains("data have changed"), "{error}");
    fs::write(&path, text).unwrap();
    assert!(resume(&dir).is_ok());
}

#[test]
fn a_log_that_is_gone_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    stop_after(&mut start(recipe(&[]), &dir).unwrap(), 1);
    fs::remove_file(dir.join("metrics.csv")).unwrap();
    let error = resume(&dir).err().unwrap().to_string();
    assert!(error.contains("metrics.csv") && error.contains("put it back or start another run"), "{error}");
}

/// What a checkpoint of three numbers with this recipe and this file of examples is refused with.
fn refusal_of_claims(recipe: &str, examples: Option<&str>) -> String {
    let temporary = tempfile::tempdir().unwrap();
    let run = RunDir::create(temporary.path(), recipe, &BTreeMap::new()).unwrap();
    let snapshot = Snapshot {
        step: 1,
        tensors: vec![NamedTensor { name: "bias", shape: &[3], data: &[0.0; 3] }],
        recipe,
        extra: examples.map(|json| ("examples.json".to_owned(), json.into())).into_iter().collect(),
        ..Snapshot::default()
    };
    run.store().save(&snapshot, 1, false).unwrap();
    let error = TrainedModel::load(temporary.path(), Which::Latest, true).err().unwrap();
    assert!(matches!(error, TrainError::Mismatch { .. }), "{error}");
    error.to_string()
}

#[test]
fn a_checkpoint_that_claims_a_larger_model_than_it_has_is_refused_before_memory_is_taken() {
    let wide = recipe(&["model.width=65536", "model.layers=1024"]).to_toml().unwrap();
    let refusal = refusal_of_claims(&wide, None);
    assert!(refusal.contains("numbers, but it has 3; use the recipe it was saved with"), "{refusal}");

    let lists =
        "data = { task = \"listops\", shortest = 4, longest = 9, depth = 2 }\nmodel = { kind = \"classifier\" }\n";
    for (form, classes) in [
        ("\"tokens\":{\"vocabulary\":16,\"longest\":9}", u64::MAX),
        ("\"tokens\":{\"vocabulary\":16,\"longest\":9}", 1_000_000_000),
        ("\"tokens\":{\"vocabulary\":18446744073709551615,\"longest\":9}", 10),
        ("\"series\":{\"channels\":18446744073709551615,\"longest\":9}", 10),
        ("\"images\":{\"shape\":[3,4294967296,4294967296]}", 10),
    ] {
        let refusal = refusal_of_claims(lists, Some(&format!("[{{{form}}},{classes}]")));
        assert!(refusal.contains("more than 1048576; use another checkpoint"), "{refusal}");
    }
    let refusal = refusal_of_claims(lists, Some("[{\"tokens\":{\"vocabulary\":16,\"longest\":9}},1000000]"));
    assert!(refusal.contains("numbers, but it has 3"), "{refusal}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused_with_every_mismatch() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let mut wide = start(recipe(&["model.width=32"]), &dir).unwrap();
    stop_after(&mut wide, 1);
    drop(wide);
    // A checkpoint whose recipe was exchanged for that of a narrower model, saved correctly in every other way.
    let store = RunDir::open(&dir).unwrap().store();
    let loaded = store.load_latest(true).unwrap();
    let named = |t: &'static [anther_train::checkpoint::LoadedTensor]| {
        t.iter().map(|t| NamedTensor { name: &t.name, shape: &t.shape, data: &t.data }).collect::<Vec<_>>()
    };
    let tensors: &'static [_] = loaded.tensors.clone().leak();
    let optimizer: &'static [_] = loaded.optimizer.clone().leak();
    let narrow = recipe(&[]).to_toml().unwrap();
    let snapshot = Snapshot {
        step: 1,
        tensors: named(tensors),
        optimizer: named(optimizer),
        state: &loaded.state,
        recipe: &narrow,
        ..Default::default()
    };
    store.save(&snapshot, 1, false).unwrap();
    let options = ResumeOptions { data: data(), strict: true, steps: None };
    let error = Trainer::resume(&dir, &options).err().unwrap();
    assert!(matches!(error, TrainError::Restore { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("model.embed_tokens.weight has shape [3, 32] instead of [3, 16]")
            && message.contains("and 29 more"),
        "{message}"
    );
}

#[test]
fn a_run_that_is_over_can_be_lengthened() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let constant = ["train.schedule=constant", "train.steps=6"];
    finish(&mut start(recipe(&constant), &dir).unwrap());
    let options = ResumeOptions { data: data(), strict: true, steps: Some(12) };
    let mut trainer = Trainer::resume(&dir, &options).unwrap();
    assert_eq!(finish(&mut trainer).steps, 12);
    // At a constant rate the longer run is the one that was meant to be long, but for the evaluation at the end of the short one.
    let long = temporary.path().join("long");
    let mut reference = start(recipe(&["train.schedule=constant"]), &long).unwrap();
    finish(&mut reference);
    assert_eq!(digest(trainer.learner().parameters()), digest(reference.learner().parameters()));
    assert_eq!(trainer.run_dir().read_recipe().unwrap(), reference.run_dir().read_recipe().unwrap());
}

#[test]
fn a_lengthened_run_stays_long_when_it_is_killed_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    let constant = ["train.schedule=constant", "train.steps=6"];
    finish(&mut start(recipe(&constant), &dir).unwrap());
    drop(Trainer::resume(&dir, &ResumeOptions { data: data(), strict: true, steps: Some(12) }).unwrap());
    let mut again = Trainer::resume(&dir, &ResumeOptions { data: data(), strict: true, steps: None }).unwrap();
    assert_eq!(finish(&mut again).steps, 12);
    // The checkpoint of step 6 was written anew; whatever pointed to it must still load.
    assert!(again.run_dir().store().load_best().is_ok());
}

/// What a run warns of when it begins.
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn started(&mut self, started: &Started<'_>) {
        self.0 = started.warnings.to_vec();
    }
}

#[test]
fn a_damaged_checkpoint_costs_steps_but_changes_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (whole, dir) = (temporary.path().join("whole"), temporary.path().join("run"));
    let mut reference = start(recipe(&[]), &whole).unwrap();
    finish(&mut reference);
    stop_after(&mut start(recipe(&[]), &dir).unwrap(), 7);
    let damaged = dir.join("ckpt/step-00000007/optim.safetensors");
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();

    assert!(matches!(resume(&dir), Err(TrainError::Load(_))), "a strict resumption takes the newest or nothing");
    let options = ResumeOptions { data: data(), strict: false, steps: None };
    let mut trainer = Trainer::resume(&dir, &options).unwrap();
    assert_eq!(trainer.learner().steps(), 5);
    let mut warnings = Warnings(Vec::new());
    trainer.run(&mut warnings, &|| None).unwrap();
    assert!(warnings.0[0].contains("step-00000007") && warnings.0[0].contains("step-00000005"), "{:?}", warnings.0);
    assert_eq!(remains(&trainer, &dir, "0 1"), remains(&reference, &whole, "0 1"));
}

#[test]
fn another_simd_level_is_warned_of() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    with_level(Level::Scalar, || stop_after(&mut start(recipe(&[]), &dir).unwrap(), 1)).unwrap();
    let resumed = |level| {
        let mut warnings = Warnings(Vec::new());
        with_level(level, || {
            resume(&dir).unwrap().run(&mut warnings, &|| Some(Signal::Terminate)).unwrap();
        })
        .unwrap();
        warnings.0
    };
    assert_eq!(resumed(Level::Scalar), [""; 0]);
    let warned = resumed(Level::Portable);
    assert!(warned.len() == 1 && warned[0].contains("scalar") && warned[0].contains("portable"), "{warned:?}");
}
