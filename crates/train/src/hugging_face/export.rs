//! A run as a checkpoint of `transformers`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anther_data::tokenizer::TokenizerKind;
use anther_tensor::Tensor;
use anther_transformer::hugging_face::{Architecture, Form, Numbers, TokenIds};
use serde_json::Value;

use super::{CONFIG_FILE, HuggingFaceError, PREPROCESSOR_FILE, TENSOR_FILE, TOKENIZER_FILE, preprocessor};
use crate::checkpoint::{NamedTensor, encode_tensors};
use crate::export::{Written, dense_tensors, own_tensors};
use crate::fs::{Disk, Fs, FsError, parent_of};
use crate::task::Symbols;
use crate::trained::TrainedModel;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// As what.
    pub architecture: Architecture,
    /// How much.
    pub written: Written,
    /// Whether there is a `tokenizer.json`. Only tokenizers of the library of Hugging Face have one that others read.
    pub tokenizer: bool,
    /// Whether there is a `preprocessor_config.json`. Only runs on images that know what these are standardised by have one.
    pub preprocessor: bool,
}

/// Writes a directory with `config.json`, `model.safetensors` and, if the tokenizer has that form, `tokenizer.json`, or for images `preprocessor_config.json`; with
/// `dense`, weights that are tensor chains as matrices.
///
/// # Errors
/// [`HuggingFaceError`], naming the key of the recipe that has no form there; then there is no directory.
pub fn export(trained: &TrainedModel, dir: &Path, dense: bool) -> Result<Exported, HuggingFaceError> {
    if dir.symlink_metadata().is_ok() {
        return Err(HuggingFaceError::Exists { path: dir.to_path_buf() });
    }
    let config = if dense { trained.recipe.model.without_chains() } else { trained.recipe.model.clone() };
    let form =
        Form::of(trained.symbols.form().applied_to(&config), token_ids(trained)).map_err(HuggingFaceError::NoForm)?;
    let tensors: BTreeMap<String, Tensor<f32>> = if dense { dense_tensors(trained)? } else { own_tensors(trained) }
        .into_iter()
        .map(|(name, (tensor, _))| (name, tensor))
        .collect();
    let theirs = form.export(|name| tensors[name].clone());
    let named: Vec<NamedTensor<'_>> = theirs
        .iter()
        .filter_map(|tensor| match &tensor.numbers {
            Numbers::F32(data) => Some(NamedTensor { name: &tensor.name, shape: &tensor.shape, data }),
            Numbers::Other(_) => None,
        })
        .collect();
    let mut files = vec![(CONFIG_FILE, json(&form.config_json())), (TENSOR_FILE, encode_tensors(&named)?)];
    let tokenizer = match &trained.symbols {
        Symbols::Text(tokenizer) if tokenizer.kind() == TokenizerKind::Bpe => Some(tokenizer.to_json().into_bytes()),
        _ => None,
    };
    let has_tokenizer = tokenizer.is_some();
    files.extend(tokenizer.map(|json| (TOKENIZER_FILE, json)));
    let preprocessor = match (&trained.standard, form.model.image_shape()) {
        (Some(standard), Some(shape)) => Some(json(&preprocessor::written(standard, shape))),
        _ => None,
    };
    let has_preprocessor = preprocessor.is_some();
    files.extend(preprocessor.map(|json| (PREPROCESSOR_FILE, json)));
    write(dir, &files)?;
    let numbers = named.iter().map(|tensor| tensor.data.len()).sum();
    let written = Written { tensors: named.len(), numbers };
    Ok(Exported { architecture: form.architecture, written, tokenizer: has_tokenizer, preprocessor: has_preprocessor })
}

/// A file that people may read.
fn json(value: &Value) -> Vec<u8> {
    let mut json = serde_json::to_string_pretty(value).expect("the keys of a JSON object are strings");
    json.push('\n');
    json.into_bytes()
}

fn token_ids(trained: &TrainedModel) -> TokenIds {
    let Symbols::Text(tokenizer) = &trained.symbols else { return TokenIds::default() };
    let (special, config) = (tokenizer.special(), &trained.recipe.data);
    let start = trained.model.encoder_decoder().and_then(|_| trained.symbols.pair_tokens(config));
    let start = start.map(|tokens| tokens.begin);
    TokenIds { padding: special.padding, begin: special.begin, end: special.end, start }
}

/// All files under the name of the directory at once, or none.
fn write(dir: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), HuggingFaceError> {
    let scratch = scratch_beside(dir);
    let written = fill(&scratch, files).and_then(|()| {
        Disk.rename(&scratch, dir).map_err(FsError::at("rename to its final name", &scratch))?;
        let parent = parent_of(dir);
        Disk.sync_dir(parent).map_err(FsError::at("sync the directory", parent))
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = Disk.remove(&scratch);
    }
    Ok(written?)
}

fn scratch_beside(dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parent_of(dir).join(format!(".{name}-{}", std::process::id()))
}

fn fill(scratch: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), FsError> {
    let parent = parent_of(scratch);
    std::fs::create_dir_all(parent).map_err(FsError::at("create the directory", parent))?;
    Disk.create_dir(scratch).map_err(FsError::at("create the directory", scratch))?;
    for (name, bytes) in files {
        let path = scratch.join(name);
        Disk.write_new(&path, bytes).map_err(FsError::at("write", &path))?;
    }
    Disk.sync_dir(scratch).map_err(FsError::at("sync the directory", scratch))
}
