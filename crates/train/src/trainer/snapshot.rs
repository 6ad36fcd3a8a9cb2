//! A run into a checkpoint and back.

use std::path::Path;

use anther_tensor::Parameters;

use super::error::TrainError;
use super::facts;
use super::progress::Progress;
use crate::checkpoint::{Loaded, NamedTensor, STATE_FILE, Saved, Snapshot, Store};
use crate::codec;
use crate::learner::Learner;
use crate::log::{METRICS_CSV, METRICS_JSONL};
use crate::optim::{restore_parameters, restore_slabs, slab_layout};
use crate::task::standard_file;

/// The tensor of a checkpoint that holds the moving average of the parameters, one slab.
pub const AVERAGE: &str = "ema";

/// Saves the state of a run.
pub(super) fn save(
    store: &Store,
    learner: &Learner,
    progress: &Progress,
    recipe: &str,
    keep: usize,
    best: bool,
) -> Result<Saved, TrainError> {
    let step = learner.steps();
    if let Some(parameter) = learner.first_not_finite() {
        return Err(TrainError::NotFinite { step, parameter });
    }
    let parameters = learner.parameters();
    let tensors = parameters.ids().map(|id| {
        let spec = parameters.spec(id);
        NamedTensor { name: &spec.name, shape: &spec.shape, data: &parameters.values()[parameters.range(id)] }
    });
    let slab = [parameters.values().len()];
    let average = learner.average().map(|average| (AVERAGE, average.values()));
    let slabs = learner.optimizer().slabs().chain(average);
    let state = codec::encode(progress)?;
    let mut extra = learner.task().symbols().files()?;
    extra.extend(learner.task().standard().map(standard_file).transpose()?);
    let snapshot = Snapshot {
        step,
        tensors: tensors.collect(),
        optimizer: slabs.map(|(name, data)| NamedTensor { name, shape: &slab, data }).collect(),
        state: &state,
        recipe,
        extra,
        metadata: facts::of_process(),
    };
    Ok(store.save(&snapshot, keep, best)?)
}

/// Puts a checkpoint into a fresh learner of the same recipe.
pub(super) fn restore(run: &Path, learner: &mut Learner, loaded: &Loaded) -> Result<Progress, TrainError> {
    let mismatch = |reason: String| TrainError::Mismatch { run: run.to_path_buf(), reason };
    let unfit = |cause| TrainError::Restore { run: run.to_path_buf(), cause };
    let data = learner.task().fingerprint();
    let progress = progress_of(run, loaded)?;
    // Other data may make a model of other shapes, which would then be blamed.
    if progress.data != data {
        return Err(mismatch(
            "the data have changed since the checkpoint was saved; restore them or start another run".to_owned(),
        ));
    }
    if let Some(name) = [METRICS_JSONL, METRICS_CSV].into_iter().find(|name| !run.join(name).exists()) {
        return Err(mismatch(format!(
            "the log {name}, which a resumed run goes on with, is gone; put it back or start another run"
        )));
    }
    let (parameters, optimizer, average) = learner.state_mut();
    restore_parameters_of(run, parameters, loaded, &progress)?;
    let average = average.map(|average| (AVERAGE, average.values_mut()));
    restore_slabs(optimizer.slabs_mut().chain(average), &loaded.optimizer).map_err(unfit)?;
    learner.set_steps(progress.step);
    Ok(progress)
}

/// Puts the weights that a model is used with into its parameters: the moving average if the checkpoint has one.
pub(crate) fn restore_weights(run: &Path, parameters: &mut Parameters<f32>, loaded: &Loaded) -> Result<(), TrainError> {
    restore_parameters_of(run, parameters, loaded, &progress_of(run, loaded)?)?;
    if let Some(average) = loaded.optimizer.iter().find(|tensor| tensor.name == AVERAGE) {
        let slab = parameters.values_mut();
        restore_slabs([(AVERAGE, slab)].into_iter(), std::slice::from_ref(average))
            .map_err(|cause| TrainError::Restore { run: run.to_path_buf(), cause })?;
    }
    Ok(())
}

/// The state of a checkpoint.
fn progress_of(run: &Path, loaded: &Loaded) -> Result<Progress, TrainError> {
    let progress: Progress = codec::decode(&loaded.state, Path::new(STATE_FILE))?;
    if progress.step == loaded.step {
        return Ok(progress);
    }
    let (state, step) = (progress.step, loaded.step);
    let reason = format!("the state is that of step {state}, the checkpoint that of step {step}");
    Err(TrainError::Mismatch { run: run.to_path_buf(), reason })
}

/// Puts the parameters of a checkpoint with this state in their places.
fn restore_parameters_of(
    run: &Path,
    parameters: &mut Parameters<f32>,
    loaded: &Loaded,
    progress: &Progress,
) -> Result<(), TrainError> {
    restore_parameters(parameters, &loaded.tensors)
        .map_err(|cause| TrainError::Restore { run: run.to_path_buf(), cause })?;
    if progress.layout != slab_layout(parameters) {
        let reason = "its parameters are in another order; use the version of the program that saved it".to_owned();
        return Err(TrainError::Mismatch { run: run.to_path_buf(), reason });
    }
    Ok(())
}
