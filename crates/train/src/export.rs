//! The weights of a trained model as one safetensors file, for other programs.

use std::path::{Path, PathBuf};

use anther_tensor::{Element, ParamSet, Tape, Tensor};

use crate::checkpoint::{NamedTensor, TensorFileError, encode_tensors};
use crate::fs::{Disk, FsError, replace_file};
use crate::learner::LearnError;
use crate::prune::survey;
use crate::trained::TrainedModel;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Number of tensors.
    pub tensors: usize,
    /// Numbers in them.
    pub numbers: usize,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is a file.
    #[error("{} exists already; choose another name or remove it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The model cannot be built again.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The tensors do not fit the format.
    #[error(transparent)]
    Encode(#[from] TensorFileError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// Writes all parameters under their names; with `dense`, a weight that is made of other parameters goes out as its matrix, under the name that it has in a
/// model without chains.
///
/// # Errors
/// [`ExportError`]; then there is no file, or the one that was there.
pub fn export(trained: &TrainedModel, path: &Path, dense: bool) -> Result<Written, ExportError> {
    if path.exists() {
        return Err(ExportError::Exists { path: path.to_path_buf() });
    }
    let tensors = if dense { dense_tensors(trained)? } else { own_tensors(trained) };
    let named: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| {
            let (shape, data) = (&tensor.1[..], tensor.0.data());
            NamedTensor { name, shape, data }
        })
        .collect();
    replace_file(&Disk, path, &encode_tensors(&named)?)?;
    let numbers = named.iter().map(|tensor| tensor.data.len()).sum();
    Ok(Written { tensors: named.len(), numbers })
}

/// A tensor and its shape, by name.
pub(crate) type Tensors = Vec<(String, (Tensor<f32>, Vec<usize>))>;

fn with_shape(tensor: Tensor<f32>) -> (Tensor<f32>, Vec<usize>) {
    let shape = tensor.shape().to_vec();
    (tensor, shape)
}

pub(crate) fn own_tensors(trained: &TrainedModel) -> Tensors {
    let parameters = &trained.parameters;
    parameters.ids().map(|id| (parameters.spec(id).name.clone(), with_shape(parameters.tensor(id)))).collect()
}

/// The tensors of the same model without chains.
pub(crate) fn dense_tensors(trained: &TrainedModel) -> Result<Tensors, LearnError> {
    let mut dense = ParamSet::new();
    trained.define(&mut dense.root())?;
    let found = survey(trained)?;
    let (parameters, tape) = (&trained.parameters, Tape::inference(&trained.parameters));
    let tensor = |name: &str| match parameters.find(name) {
        Some(id) => parameters.tensor(id),
        None => {
            let weight = found.iter().find(|found| name.strip_suffix(".weight") == Some(&found.layer.name));
            let weight = weight.and_then(|found| found.factored.as_deref());
            f32::factored(weight.expect("what a chain replaces is the weight of a layer")).dense(&tape).into_value()
        }
    };
    Ok(dense.specs().iter().map(|spec| (spec.name.clone(), with_shape(tensor(&spec.name)))).collect())
}
