//! Slabs and parameters on their way into a checkpoint and back.

use std::fmt;

use anther_tensor::{Element, Parameters};

use crate::checkpoint::LoadedTensor;

/// One tensor of a checkpoint that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The checkpoint does not have it.
    Missing {
        /// The tensor.
        name: String,
    },
    /// The run does not know it.
    Unknown {
        /// The tensor.
        name: String,
    },
    /// It has another shape.
    Shape {
        /// The tensor.
        name: String,
        /// Shape in this run.
        expected: Vec<usize>,
        /// Shape in the checkpoint.
        found: Vec<usize>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Missing { name } => write!(f, "{name} is missing"),
            Mismatch::Unknown { name } => write!(f, "{name} is unknown here"),
            Mismatch::Shape { name, expected, found } => {
                write!(f, "{name} has shape {found:?} instead of {expected:?}")
            }
        }
    }
}

/// The tensors of a checkpoint are not those of the run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tensors belong to another model or another optimiser: {}; use the recipe they were saved with",
    list(problems)
)]
pub struct RestoreError {
    /// Everything that does not fit; at least one.
    pub problems: Vec<Mismatch>,
}

/// The most mismatches that a message lists.
const LISTED: usize = 8;

fn list(problems: &[Mismatch]) -> String {
    let listed: Vec<String> = problems.iter().take(LISTED).map(Mismatch::to_string).collect();
    let more = problems.len().saturating_sub(LISTED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    listed.join(", ") + &more
}

/// Name and shape of every parameter in slab order: what the meaning of a slab depends on.
#[must_use]
pub fn slab_layout<T: Element>(parameters: &Parameters<T>) -> Vec<(String, Vec<u64>)> {
    let shape = |id| parameters.spec(id).shape.iter().map(|&n| n as u64).collect();
    parameters.ids().map(|id| (parameters.spec(id).name.clone(), shape(id))).collect()
}

/// Copies loaded tensors into the slabs of the same names; every slab must be met and every tensor used.
///
/// # Errors
/// [`RestoreError`] with every tensor that does not fit; those that fit are overwritten all the same.
pub fn restore_slabs<'s>(
    slabs: impl Iterator<Item = (&'static str, &'s mut [f32])>,
    loaded: &[LoadedTensor],
) -> Result<(), RestoreError> {
    let mut meeting = Meeting::new(loaded);
    for (name, slab) in slabs {
        if let Some(data) = meeting.take(name, &[slab.len()]) {
            slab.copy_from_slice(data);
        }
    }
    meeting.end()
}

/// Copies loaded tensors into the parameters of the same names; every parameter must be met and every tensor used.
///
/// # Errors
/// [`RestoreError`] with every tensor that does not fit; those that fit are overwritten all the same.
pub fn restore_parameters(parameters: &mut Parameters<f32>, loaded: &[LoadedTensor]) -> Result<(), RestoreError> {
    let mut meeting = Meeting::new(loaded);
    for id in parameters.ids() {
        let spec = parameters.spec(id);
        if let Some(data) = meeting.take(&spec.name, &spec.shape) {
            parameters.set(id, data);
        }
    }
    meeting.end()
}

/// Matches loaded tensors by name and notes what does not fit.
struct Meeting<'l> {
    loaded: Vec<Option<&'l LoadedTensor>>,
    problems: Vec<Mismatch>,
}

impl<'l> Meeting<'l> {
    fn new(loaded: &'l [LoadedTensor]) -> Self {
        Meeting { loaded: loaded.iter().map(Some).collect(), problems: Vec::new() }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Option<&'l [f32]> {
        let found = self.loaded.iter_mut().find(|slot| slot.is_some_and(|tensor| tensor.name == name));
        let Some(tensor) = found.and_then(Option::take) else {
            self.problems.push(Mismatch::Missing { name: name.to_owned() });
            return None;
        };
        if tensor.shape != shape {
            let (expected, found) = (shape.to_vec(), tensor.shape.clone());
            self.problems.push(Mismatch::Shape { name: name.to_owned(), expected, found });
            return None;
        }
        Some(&tensor.data)
    }

    fn end(mut self) -> Result<(), RestoreError> {
        let left = self.loaded.into_iter().flatten();
        self.problems.extend(left.map(|tensor| Mismatch::Unknown { name: tensor.name.clone() }));
        if self.problems.is_empty() { Ok(()) } else { Err(RestoreError { problems: self.problems }) }
    }
}
