//! What goes into a checkpoint and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{MANIFEST_FILE, manifest::is_plain_name};
use crate::codec;

/// File of the parameters.
pub const MODEL_FILE: &str = "model.safetensors";
/// File of the optimiser's tensors.
pub const OPTIMIZER_FILE: &str = "optim.safetensors";
/// File of the encoded training state.
pub const STATE_FILE: &str = "state.bin";
/// File of the resolved recipe.
pub const RECIPE_FILE: &str = "recipe.toml";

/// The most bytes of a recipe, 256 KiB.
pub const RECIPE_LIMIT: u64 = 256 << 10;
/// The most bytes of an encoded state: the codec's limit and its header.
pub const STATE_LIMIT: u64 = codec::LIMIT + codec::HEADER as u64;
/// The most bytes of one extra file, 64 MiB.
pub const EXTRA_LIMIT: u64 = 64 << 20;
/// The most extra files.
const EXTRA_COUNT: usize = 64;

/// A borrowed tensor on its way to a file.
#[derive(Debug, Clone, Copy)]
pub struct NamedTensor<'a> {
    /// Its name, unique in its file.
    pub name: &'a str,
    /// Its shape; the product is the number of elements.
    pub shape: &'a [usize],
    /// Its elements in row-major order.
    pub data: &'a [f32],
}

/// A tensor read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements in row-major order.
    pub data: Vec<f32>,
}

/// Everything that one checkpoint keeps.
#[derive(Debug, Clone, Default)]
pub struct Snapshot<'a> {
    /// Optimiser steps done; names the checkpoint.
    pub step: u64,
    /// The parameters.
    pub tensors: Vec<NamedTensor<'a>>,
    /// The optimiser's tensors, under names of its own such as `adam.m`.
    pub optimizer: Vec<NamedTensor<'a>>,
    /// The training state as [`codec::encode`] made it.
    pub state: &'a [u8],
    /// The resolved recipe.
    pub recipe: &'a str,
    /// Further files by name, such as a vocabulary. Names are letters, digits, `.`, `_` and `-`.
    pub extra: Vec<(String, Vec<u8>)>,
    /// Facts for people, kept in the manifest: program version, SIMD level, threads. Nothing is computed from them.
    pub metadata: BTreeMap<String, String>,
}

impl Snapshot<'_> {
    /// Refuses what could be written but not read back.
    pub(super) fn check(&self) -> Result<(), String> {
        check_tensors(&self.tensors)?;
        check_tensors(&self.optimizer)?;
        check_size(STATE_FILE, self.state.len(), STATE_LIMIT)?;
        check_size(RECIPE_FILE, self.recipe.len(), RECIPE_LIMIT)?;
        if self.extra.len() > EXTRA_COUNT {
            return Err(format!("there are {} extra files, at most {EXTRA_COUNT} are allowed", self.extra.len()));
        }
        let mut names = BTreeSet::from([MODEL_FILE, OPTIMIZER_FILE, STATE_FILE, RECIPE_FILE, MANIFEST_FILE]);
        for (name, bytes) in &self.extra {
            if !is_plain_name(name) {
                return Err(format!("{name:?} is no name for a file: use letters, digits, `.`, `_` and `-`"));
            }
            if !names.insert(name) {
                return Err(format!("there are two files named {name}"));
            }
            check_size(name, bytes.len(), EXTRA_LIMIT)?;
        }
        Ok(())
    }
}

/// The limit that the size of a file of this name has to keep; tensors are limited by their real size only.
pub(super) fn limit_of(name: &str) -> u64 {
    match name {
        MODEL_FILE | OPTIMIZER_FILE => u64::MAX,
        STATE_FILE => STATE_LIMIT,
        RECIPE_FILE => RECIPE_LIMIT,
        _ => EXTRA_LIMIT,
    }
}

fn check_size(name: &str, bytes: usize, limit: u64) -> Result<(), String> {
    if bytes as u64 > limit {
        return Err(format!("{name} would hold {bytes} bytes, at most {limit} are allowed"));
    }
    Ok(())
}

pub(super) fn check_tensors(tensors: &[NamedTensor]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for tensor in tensors {
        if tensor.name == "__metadata__" || !names.insert(tensor.name) {
            return Err(format!("the tensor name {:?} is reserved or used twice", tensor.name));
        }
        let size = tensor.shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        if size != Some(tensor.data.len()) {
            let (shape, found) = (tensor.shape, tensor.data.len());
            return Err(format!("the tensor {:?} of shape {shape:?} has {found} elements", tensor.name));
        }
    }
    Ok(())
}
