//! The files of a checkpoint of `transformers`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anther_transformer::hugging_face::{ForeignTensor, Form, FormError};
use serde_json::Value;

use super::{CONFIG_FILE, HuggingFaceError, INDEX_FILE, TENSOR_FILE};
use crate::checkpoint::decode_foreign_tensors;
use crate::fs::{Disk, Fs, FsError};

/// The most bytes of a `config.json` or of an index, 16 MiB.
const JSON_LIMIT: u64 = 16 << 20;

/// The most bytes of all files of tensors together, 64 GiB.
const TENSORS_LIMIT: u64 = 64 << 30;

/// What a checkpoint describes, its tensors, and what was not looked at in it.
///
/// # Errors
/// [`HuggingFaceError`] naming the file and the key or tensor.
pub fn read_checkpoint(dir: &Path) -> Result<(Form, Vec<ForeignTensor>, Vec<String>), HuggingFaceError> {
    let path = dir.join(CONFIG_FILE);
    if !path.is_file() {
        let hint = "; name the directory of a checkpoint of transformers";
        return Err(HuggingFaceError::Missing { dir: dir.to_path_buf(), file: CONFIG_FILE, hint });
    }
    let (form, unknown) =
        Form::read(&json(&path)?).map_err(|cause| HuggingFaceError::Form { path: path.clone(), cause })?;
    let (file, tensors) = tensors(dir)?;
    let unused = form.check(&tensors).map_err(|cause| match cause {
        FormError::Tensor { .. } => HuggingFaceError::Form { path: file.clone(), cause },
        cause => HuggingFaceError::Form { path: path.clone(), cause },
    })?;
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        warnings.push(format!(
            "{} has keys that are not known and were not looked at: {}",
            path.display(),
            shown(&unknown)
        ));
    }
    if !unused.is_empty() {
        warnings.push(format!("{} has tensors that the model here does not use: {}", file.display(), shown(&unused)));
    }
    Ok((form, tensors, warnings))
}

/// The first few names, and how many there are besides.
fn shown(names: &[String]) -> String {
    match names.split_at_checked(4) {
        Some((first, more)) if !more.is_empty() => format!("{} and {} more", first.join(", "), more.len()),
        _ => names.join(", "),
    }
}

pub(super) fn json(path: &Path) -> Result<Value, HuggingFaceError> {
    let bytes = Disk.read(path, JSON_LIMIT).map_err(FsError::at("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| content(path, format!("it is not JSON: {error}")))
}

pub(super) fn content(path: &Path, reason: impl Into<String>) -> HuggingFaceError {
    HuggingFaceError::Content { path: path.to_path_buf(), reason: reason.into() }
}

/// All tensors of a checkpoint, and the file that messages about one of them name.
fn tensors(dir: &Path) -> Result<(PathBuf, Vec<ForeignTensor>), HuggingFaceError> {
    let (whole, index) = (dir.join(TENSOR_FILE), dir.join(INDEX_FILE));
    if whole.is_file() {
        let tensors = decoded(&whole, TENSORS_LIMIT)?.0;
        return Ok((whole, tensors));
    }
    if !index.is_file() {
        let hint = "; weights in other formats are read once transformers has saved them again with save_pretrained";
        return Err(HuggingFaceError::Missing { dir: dir.to_path_buf(), file: TENSOR_FILE, hint });
    }
    let tensors = sharded(dir, &index)?;
    Ok((index, tensors))
}

fn decoded(path: &Path, limit: u64) -> Result<(Vec<ForeignTensor>, u64), HuggingFaceError> {
    let bytes = Disk.read(path, limit).map_err(FsError::at("read", path))?;
    Ok((decode_foreign_tensors(&bytes, path)?, bytes.len() as u64))
}

/// The tensors of all files that an index names: each tensor where the index says, and nothing else in any of them.
fn sharded(dir: &Path, index: &Path) -> Result<Vec<ForeignTensor>, HuggingFaceError> {
    let value = json(index)?;
    let map = value.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| content(index, "it has no object \"weight_map\" that says where each tensor is"))?;
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (tensor, file) in map {
        let plain =
            |file: &&str| file.ends_with(".safetensors") && !file.starts_with('.') && !file.contains(['/', '\\', ':']);
        let Some(file) = file.as_str().filter(plain) else {
            return Err(content(
                index,
                format!("the tensor {tensor} is in {file}, which is not the name of a file beside it"),
            ));
        };
        files.entry(file).or_default().insert(tensor);
    }
    let (mut all, mut left) = (Vec::new(), TENSORS_LIMIT);
    for (file, names) in files {
        let path = dir.join(file);
        let (tensors, bytes) = decoded(&path, left)?;
        left = left.saturating_sub(bytes);
        let found: BTreeSet<&str> = tensors.iter().map(|tensor| &tensor.name[..]).collect();
        if let Some(tensor) = names.symmetric_difference(&found).next() {
            let (has, says) = if found.contains(tensor) { ("has", "elsewhere") } else { ("does not have", "there") };
            let reason = format!("it {has} the tensor {tensor}, which {INDEX_FILE} says is {says}");
            return Err(content(&path, reason));
        }
        all.extend(tensors);
    }
    Ok(all)
}
