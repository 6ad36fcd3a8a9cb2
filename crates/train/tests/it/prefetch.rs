//! Batches that are made ahead: the same bytes, in order, at most one too early; errors and panics where they belong; and a thread that ends.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use anther_train::batch::Batch;
use anther_train::learner::{LearnError, Learner};
use anther_train::recipe::Recipe;
use anther_train::task::{self, Task, TaskError};

use crate::altered::Altered;
use crate::runs::{data, finish, recipe, resume, start, stop_after, text_recipe};

/// Runs something where kernels have so many threads; with one of them no batch is made ahead.
fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

/// What a run has left after its last step.
fn remains(dir: &Path, steps: u64) -> Vec<Vec<u8>> {
    let checkpoint = format!("ckpt/step-{steps:08}");
    let files = ["model.safetensors", "optim.safetensors", "state.bin"].map(|name| format!("{checkpoint}/{name}"));
    let logs = ["metrics.jsonl", "metrics.csv"].map(str::to_owned);
    files.into_iter().chain(logs).map(|name| fs::read(dir.join(name)).unwrap()).collect()
}

#[test]
fn a_run_has_the_same_bytes_and_goes_on_from_the_middle() {
    let place = tempfile::tempdir().unwrap();
    let pairs = "data = { task = \"reverse-map\", n = 9, longest = 6 }\nmodel = { kind = \"encoder-decoder\", width = 16, context = 8 }\n\
        train = { steps = 12, batch = 4, eval_every = 4, eval_batches = 2, checkpoint_every = 5 }";
    let lists = "data = { task = \"listops\", shortest = 4, longest = 9, depth = 2, examples = 50 }\nmodel = { kind = \"classifier\", width = 16 }\n\
        train = { steps = 12, batch = 40, eval_every = 12, checkpoint_every = 5, log_every = 2 }";
    let read = |text: &str| Recipe::read(text, "test", &[] as &[&str]).unwrap();
    let recipes = [recipe(&[]), text_recipe(place.path(), &[]), read(pairs), read(lists)];
    for (number, recipe) in recipes.into_iter().enumerate() {
        let dir = |name: &str| place.path().join(format!("{name}-{number}"));
        let whole = |threads, name| {
            with_threads(threads, || finish(&mut start(recipe.clone(), &dir(name)).unwrap()));
            remains(&dir(name), 12)
        };
        let expected = whole(1, "between");
        assert!(whole(2, "ahead") == expected, "recipe {number}");
        // Stopped when the batch of the next step has been asked for.
        with_threads(3, || stop_after(&mut start(recipe.clone(), &dir("parts")).unwrap(), 7));
        with_threads(1, || stop_after(&mut resume(&dir("parts")).unwrap(), 1));
        with_threads(2, || finish(&mut resume(&dir("parts")).unwrap()));
        assert!(remains(&dir("parts"), 12) == expected, "recipe {number} in parts");
    }
}

/// A batch that was made: its step, the thread, and the place of its tokens.
type Made = (u64, ThreadId, usize);

/// A learner of twelve steps whose task does something before it makes a batch, and notes each.
fn watched(before: impl Fn(u64) -> Result<(), TaskError> + Send + Sync + 'static) -> (Learner, Arc<Mutex<Vec<Made>>>) {
    let made = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&made);
    let batch = move |task: &dyn Task, step: u64, batch: &mut Batch| {
        before(step)?;
        task.batch(step, batch)?;
        let place = batch.sequences_mut().inputs.as_ptr() as usize;
        notes.lock().unwrap().push((step, thread::current().id(), place));
        Ok(())
    };
    let recipe = recipe(&[]);
    let task = task::of_recipe(&recipe, &data()).unwrap();
    (Learner::new(&recipe, Box::new(Altered { task, batch })).unwrap(), made)
}

#[test]
fn batches_are_made_in_order_at_most_one_ahead_in_two_places() {
    for threads in [1, 2] {
        with_threads(threads, || {
            let (mut learner, made) = watched(|_| Ok(()));
            assert_eq!(made.lock().unwrap().len(), 0);
            for step in 1..=12 {
                learner.step().unwrap();
                assert!((step..=step + 1).contains(&made.lock().unwrap().len()));
            }
            let all = made.lock().unwrap().clone();
            assert!(all.iter().map(|&(step, ..)| step).eq(0..12), "{all:?}");
            let here = thread::current().id();
            let ahead = all.iter().filter(|&&(_, thread, _)| thread != here).count();
            assert_eq!(ahead, if threads == 1 { 0 } else { 11 });
            // Both places come empty the first time.
            let places: BTreeSet<_> = all[2..].iter().map(|&(.., place)| place).collect();
            assert_eq!(places.len(), threads, "{all:?}");
            // Past the end of the recipe nothing is made that may not be asked for.
            learner.step().unwrap();
            assert_eq!(
                made.lock().unwrap()[12..].iter().map(|&(step, thread, _)| (step, thread)).collect::<Vec<_>>(),
                [(12, here)]
            );
            // The task goes with the learner, and with it the other half of the notes: the thread has ended.
            drop(learner);
            assert_eq!(Arc::strong_count(&made), 1);
        });
    }
}

#[test]
fn an_error_belongs_to_the_step_whose_batch_cannot_be_made() {
    for threads in [1, 2] {
        with_threads(threads, || {
            let broken = Arc::new(Mutex::new(true));
            let flag = Arc::clone(&broken);
            let (mut learner, made) = watched(move |step| match (step, *flag.lock().unwrap()) {
                (3, true) => Err(TaskError::Kind),
                _ => Ok(()),
            });
            (0..3).for_each(|_| assert!(learner.step().is_ok()));
            for _ in 0..2 {
                assert!(matches!(learner.step(), Err(LearnError::Task(TaskError::Kind))));
                assert_eq!(learner.steps(), 3);
            }
            // Once the data are mended the step can be taken, and the rest as well.
            *broken.lock().unwrap() = false;
            (0..9).for_each(|_| assert!(learner.step().is_ok()));
            assert!(made.lock().unwrap().iter().map(|&(step, ..)| step).eq(0..12));
        });
    }
}

#[test]
fn a_panic_belongs_to_the_step_whose_batch_cannot_be_made() {
    for threads in [1, 2] {
        with_threads(threads, || {
            let (mut learner, made) =
                watched(|step| if step == 3 { panic!("no batch of step {step}") } else { Ok(()) });
            (0..3).for_each(|_| assert!(learner.step().is_ok()));
            let panic = catch_unwind(AssertUnwindSafe(|| learner.step())).unwrap_err();
            assert_eq!(panic.downcast_ref::<String>().unwrap(), "no batch of step 3");
            drop(learner);
            assert_eq!((made.lock().unwrap().len(), Arc::strong_count(&made)), (3, 1));
            // Nobody waits for the batch of the fourth step here.
            let (mut learner, made) =
                watched(|step| if step == 3 { panic!("no batch of step {step}") } else { Ok(()) });
            (0..3).for_each(|_| assert!(learner.step().is_ok()));
            drop(learner);
            assert_eq!(Arc::strong_count(&made), 1);
        });
    }
}
