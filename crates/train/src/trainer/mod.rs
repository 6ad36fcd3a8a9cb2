//! The training loop with its run directory: log, evaluations, checkpoints and exact resumption.
//!
//! A run that was stopped after any step and resumed ends with the same parameters, the same state of the optimiser and the same log
//! as one that was not, byte for byte: whatever influences the future is in the checkpoint, and nothing that depends on the
//! clock is in either.
//!
//! ```
//! use anther_data::DataDir;
//! use anther_train::recipe::Recipe;
//! use anther_train::trainer::{Out, Reason, StartOptions, Trainer};
//!
//! let text = "model = { width = 8, layers = 1, context = 12 }\ntrain = { steps = 3, batch = 4, eval_batches = 1 }";
//! let recipe = Recipe::read(text, "tiny", &["data.tau=2"])?;
//! let dir = tempfile::tempdir()?;
//! let options = StartOptions {
//!     out: Out::Directory(dir.path().join("run")),
//!     data: DataDir::resolve(None, None),
//!     command: String::new(),
//! };
//! let outcome = Trainer::new(recipe, &options)?.run(&mut (), &|| None)?;
//! assert_eq!((outcome.steps, outcome.stopped), (3, Reason::Finished));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod facts;
mod observer;
mod options;
mod outcome;
mod progress;
mod report;
mod snapshot;

use std::path::Path;

use anther_tensor::Parameters;

pub use error::TrainError;
pub use observer::{EvaluationReport, Observer, Started, StepReport};
pub use options::{Out, ResumeOptions, StartOptions};
pub use outcome::{Outcome, Reason, Signal};
pub use progress::Measured;
pub use snapshot::AVERAGE;
pub(crate) use snapshot::restore_weights;

use crate::checkpoint::{LoadError, Loaded, Store};
use crate::evaluate::Evaluation;
use crate::fs::{Disk, Fs, FsError};
use crate::learner::{Learner, StepResult};
use crate::lock::RunLock;
use crate::log::{METRICS_CSV, METRICS_JSONL, read_rows};
use crate::optim::slab_layout;
use crate::recipe::{Recipe, TrainConfig};
use crate::run_dir::RunDir;
use crate::task::{self, Metric, Task};
use progress::Progress;
use report::{Clock, Reports};

/// A run: a learner and its directory, locked against other processes.
pub struct Trainer {
    config: TrainConfig,
    recipe: String,
    learner: Learner,
    progress: Progress,
    run: RunDir,
    store: Store,
    reports: Reports,
    clock: Clock,
    saved: Option<u64>,
    warnings: Vec<String>,
    /// Held until the trainer is dropped.
    lock: RunLock,
}

impl Trainer {
    /// Starts a run. Everything that can be wrong with the recipe or the data is found before the directory is made.
    ///
    /// # Errors
    /// [`TrainError`]: the recipe, the data, or a directory that cannot be made or already holds a run.
    pub fn new(recipe: Recipe, options: &StartOptions) -> Result<Self, TrainError> {
        let task = task::of_recipe(&recipe, &options.data)?;
        Self::with_task(recipe, task, options)
    }

    /// As [`Trainer::new`] with data that the caller made. Such a run cannot be resumed unless `task` is that of the recipe.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_task(recipe: Recipe, task: Box<dyn Task>, options: &StartOptions) -> Result<Self, TrainError> {
        let learner = Learner::new(&recipe, task)?;
        Self::with_learner(recipe, learner, options)
    }

    /// As [`Trainer::with_task`] with the learner of that recipe and task, which has taken no step. What takes long is done by then: all that remains is to make the
    /// directory.
    ///
    /// # Errors
    /// [`TrainError`]: a directory that cannot be made or already holds a run.
    pub fn with_learner(recipe: Recipe, learner: Learner, options: &StartOptions) -> Result<Self, TrainError> {
        let warnings = learner.task().warnings();
        let text = recipe.to_toml()?;
        let facts = facts::of_run(&recipe, &learner, &options.command);
        let (run, lock) = match &options.out {
            Out::Directory(path) => {
                std::fs::create_dir_all(path).map_err(FsError::at("create the directory", path))?;
                let lock = RunLock::acquire(path)?;
                (RunDir::create(path, &text, &facts)?, lock)
            }
            Out::Numbered { parent, name } => {
                let run = RunDir::create_numbered(parent, name, &text, &facts)?;
                let lock = RunLock::acquire(run.path())?;
                (run, lock)
            }
        };
        let mut trainer = Self::fresh(recipe, text, learner, run, lock)?;
        trainer.warnings = warnings;
        Ok(trainer)
    }

    /// As [`Trainer::new`] with these first parameters in the place of random ones. They are measured, and saved as the checkpoint of step 0, so the run can be
    /// used before it is trained.
    ///
    /// # Errors
    /// As [`Trainer::new`] and [`Trainer::run`].
    ///
    /// # Panics
    /// If the parameters are not those of the recipe's model.
    pub fn with_parameters(
        recipe: Recipe,
        parameters: &Parameters<f32>,
        options: &StartOptions,
    ) -> Result<Self, TrainError> {
        let task = task::of_recipe(&recipe, &options.data)?;
        Trainer::with_task_and_parameters(recipe, task, parameters, options)
    }

    /// As [`Trainer::with_parameters`] with data that the caller made; see [`Trainer::with_task`]. What has nothing to be measured on is not measured.
    ///
    /// # Errors
    /// As [`Trainer::with_parameters`].
    ///
    /// # Panics
    /// As [`Trainer::with_parameters`].
    pub fn with_task_and_parameters(
        recipe: Recipe,
        task: Box<dyn Task>,
        parameters: &Parameters<f32>,
        options: &StartOptions,
    ) -> Result<Self, TrainError> {
        let mut trainer = Trainer::with_task(recipe, task, options)?;
        trainer.learner.start_from(parameters);
        if trainer.learner.can_evaluate() {
            let (metric, evaluation) = (trainer.metric(), trainer.learner.evaluate()?);
            trainer.progress.note(metric, Measured { step: 0, value: evaluation.of(metric) });
        }
        trainer.save(true, &mut ())?;
        Ok(trainer)
    }

    fn fresh(recipe: Recipe, text: String, learner: Learner, run: RunDir, lock: RunLock) -> Result<Self, TrainError> {
        let progress = Progress {
            layout: slab_layout(learner.parameters()),
            data: learner.task().fingerprint(),
            ..Progress::default()
        };
        let reports = Reports::create(&run)?;
        Ok(Self::assemble(recipe, text, learner, progress, run, reports, lock))
    }

    fn assemble(
        recipe: Recipe,
        text: String,
        learner: Learner,
        progress: Progress,
        run: RunDir,
        reports: Reports,
        lock: RunLock,
    ) -> Self {
        Trainer {
            config: recipe.train,
            recipe: text,
            learner,
            progress,
            store: run.store(),
            run,
            reports,
            clock: Clock::default(),
            saved: None,
            warnings: Vec::new(),
            lock,
        }
    }

    /// Goes on with the run in `dir` from its newest checkpoint, or from the start if it was stopped before the first one.
    ///
    /// # Errors
    /// [`TrainError`]: no run there, another process has it, a damaged checkpoint, or data that have changed.
    pub fn resume(dir: &Path, options: &ResumeOptions) -> Result<Self, TrainError> {
        let run = RunDir::open(dir)?;
        let lock = RunLock::acquire(dir)?;
        run.create_checkpoints()?;
        let loaded = match run.store().load_latest(options.strict) {
            Ok(loaded) => Some(loaded),
            Err(LoadError::Empty { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let text = match &loaded {
            Some(loaded) => loaded.recipe.clone(),
            None => run.read_recipe()?,
        };
        let origin = format!("the recipe of {}", dir.display());
        let edits: Vec<String> = options.steps.map(|steps| format!("train.steps={steps}")).into_iter().collect();
        let recipe = Recipe::read(&text, &origin, &edits)?;
        let text = if edits.is_empty() { text } else { recipe.to_toml()? };
        let task = task::of_recipe(&recipe, &options.data)?;
        let mut learner = Learner::new(&recipe, task)?;
        match loaded {
            Some(loaded) => {
                let progress = snapshot::restore(dir, &mut learner, &loaded)?;
                let reports = Reports::resume(&run, progress.log)?;
                let step = progress.step;
                let best = progress.best.is_some_and(|best| best.step == step);
                let mut trainer = Self::assemble(recipe, text, learner, progress, run, reports, lock);
                trainer.saved = Some(step);
                trainer.warnings = warnings(loaded, &trainer.lock);
                if options.steps.is_some() {
                    // The recipe of the newest checkpoint is what the next resumption reads, so it must know the new length now.
                    trainer.save(best, &mut ())?;
                    trainer.run.write_recipe(&trainer.recipe)?;
                }
                Ok(trainer)
            }
            None => {
                refuse_lost_checkpoints(&run, recipe.train.checkpoint_every)?;
                if options.steps.is_some() {
                    run.write_recipe(&text)?;
                }
                // What the cut-off start has logged will be logged again.
                for name in [METRICS_JSONL, METRICS_CSV] {
                    let path = run.file(name);
                    if path.exists() {
                        Disk.remove(&path).map_err(FsError::at("remove", &path))?;
                    }
                }
                Self::fresh(recipe, text, learner, run, lock)
            }
        }
    }

    /// Trains until the run is over or `stop`, asked before each step, says so; then the run is saved.
    ///
    /// # Errors
    /// [`TrainError`]; whatever happens, the checkpoints that were saved stay as they are. A loss, gradient or parameter that is
    /// not finite stops the run before a checkpoint could keep it, see [`TrainError::is_not_finite`].
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &dyn Fn() -> Option<Signal>,
    ) -> Result<Outcome, TrainError> {
        observer.started(&Started {
            run_dir: self.run.path(),
            step: self.learner.steps(),
            steps: self.config.steps,
            parameters: self.learner.parameters().count(),
            warnings: &self.warnings,
        });
        let reason = loop {
            if let Some(reason) = self.ended() {
                break reason;
            }
            if let Some(signal) = stop() {
                break Reason::Signal(signal);
            }
            self.step(observer)?;
        };
        if self.saved != Some(self.learner.steps()) {
            self.save(false, observer)?;
        }
        self.reports.draw(&self.run)?;
        let is_over = !matches!(reason, Reason::Signal(_));
        Ok(Outcome {
            steps: self.learner.steps(),
            metric_name: self.metric().name(),
            last: self.progress.last,
            best: self.progress.best,
            test: if is_over { self.test()? } else { None },
            tokens_per_second: self.clock.tokens_per_second(),
            flops_per_token: self.clock.flops_per_token(),
            parameters: self.learner.parameters().count(),
            run_dir: self.run.path().to_path_buf(),
            stopped: reason,
        })
    }

    /// What the best model reaches on the test part.
    fn test(&self) -> Result<Option<Evaluation>, TrainError> {
        let Some(batches) = self.learner.task().test() else {
            return Ok(None);
        };
        if self.progress.best.is_none() {
            return Ok(None);
        }
        let mut parameters = self.learner.parameters().clone();
        restore_weights(self.run.path(), &mut parameters, &self.store.load_best()?)?;
        Ok(Some(Evaluation::measure(self.learner.model(), &parameters, &batches)?))
    }

    /// One step with what is due after it: evaluation, log, checkpoint.
    fn step(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let result = {
            let began = std::time::Instant::now();
            let result = self.learner.step()?;
            self.clock.add(began.elapsed(), &result);
            result
        };
        self.progress.step = result.step;
        let steps = self.config.steps;
        let remaining = self.clock.remaining(steps - result.step);
        observer.step(&StepReport { result, steps, tokens_per_second: self.clock.tokens_per_second(), remaining });
        let improved = self.measure(&result, observer)?;
        if improved || self.is_due(self.config.checkpoint_every) || self.ended().is_some() {
            self.save(improved, observer)?;
        }
        Ok(())
    }

    /// Evaluates and logs if it is time; whether the model is the best so far.
    fn measure(&mut self, result: &StepResult, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let metric = self.metric();
        let mut improved = false;
        let evaluation = self.is_due(self.config.eval_every).then(|| self.learner.evaluate()).transpose()?;
        if let Some(evaluation) = evaluation {
            let step = result.step;
            // Where nothing counts there is nothing to be measured, and the loss is no number for that reason.
            if !evaluation.loss.is_finite() && evaluation.counted > 0.0 {
                return Err(TrainError::NotFiniteEvaluation { step, loss: evaluation.loss });
            }
            improved = self.progress.note(metric, Measured { step, value: evaluation.of(metric) });
            observer.evaluated(&EvaluationReport { step, metric, evaluation, improved });
        }
        if evaluation.is_some() || result.step == 1 || self.is_due(self.config.log_every) {
            self.reports.append(result, evaluation.as_ref(), &self.clock)?;
        }
        Ok(improved)
    }

    /// Whether something that is done each so many steps, and at the end, is to be done now.
    fn is_due(&self, every: u64) -> bool {
        let step = self.learner.steps();
        step.is_multiple_of(every) || step == self.config.steps
    }

    fn save(&mut self, best: bool, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.progress.log = self.reports.sync()?;
        let step = self.learner.steps();
        let saved = snapshot::save(&self.store, &self.learner, &self.progress, &self.recipe, self.config.keep, best);
        match saved {
            Ok(saved) => {
                saved.warnings.iter().for_each(|warning| observer.warning(warning));
                observer.saved(step, &saved.dir, best);
            }
            Err(TrainError::Save(error)) if error.is_saved() => observer.warning(&error.to_string()),
            Err(error) => return Err(error),
        }
        self.saved = Some(step);
        Ok(())
    }

    fn ended(&self) -> Option<Reason> {
        self.progress.ended(&self.config, self.metric())
    }

    fn metric(&self) -> Metric {
        self.learner.task().metric()
    }

    /// The learner.
    #[must_use]
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// The run directory.
    #[must_use]
    pub fn run_dir(&self) -> &RunDir {
        &self.run
    }
}

/// A run that logged a step after one that is saved had checkpoints. To start it anew would throw away what it has logged.
fn refuse_lost_checkpoints(run: &RunDir, checkpoint_every: u64) -> Result<(), TrainError> {
    let path = run.file(METRICS_JSONL);
    let last = if path.exists() { read_rows(&path)?.last().map_or(0, |row| row.step) } else { 0 };
    if last > checkpoint_every {
        return Err(TrainError::CheckpointsGone { run: run.path().to_path_buf(), step: last });
    }
    Ok(())
}

/// What must be told about a run that goes on: what loading it found, a process that was ended, and a level of vector instructions that
/// rounds differently.
fn warnings(loaded: Loaded, lock: &RunLock) -> Vec<String> {
    let mut warnings = loaded.warnings;
    if let Some(process) = lock.taken_over_from() {
        warnings.push(format!("process {process}, which trained here before, was ended in the middle; the run goes on from its last checkpoint"));
    }
    let now = anther_kernels::level().to_string();
    if let Some(before) = loaded.manifest.metadata.get(facts::SIMD_LEVEL).filter(|&before| *before != now) {
        warnings.push(format!(
            "the run was started at the SIMD level {before} and goes on at {now}; its results may differ by rounding from a run \
             that was not resumed, choose --simd {before} to avoid it"
        ));
    }
    warnings
}
