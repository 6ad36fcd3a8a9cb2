//! Small checkpoints whose content depends on the step, and ways to spoil them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anther_train::checkpoint::{Loaded, NamedTensor, Snapshot, Store};
use anther_train::fs::{Disk, Fs};
use sha2::{Digest, Sha256};

/// Owns what a [`Snapshot`] borrows.
pub struct Sample {
    step: u64,
    weight: Vec<f32>,
    bias: Vec<f32>,
    moment: Vec<f32>,
    state: Vec<u8>,
    recipe: String,
}

impl Sample {
    pub fn new(step: u64) -> Self {
        let x = step as f32;
        Self {
            step,
            weight: vec![x, -0.0, f32::MIN_POSITIVE / 4.0, 1.0 / 3.0, f32::MAX, -x],
            bias: vec![x + 0.5],
            moment: vec![x * 2.0, 1e-30],
            state: vec![step as u8, 1, 2, 3],
            recipe: format!("# step {step}\nname = \"sample\"\n"),
        }
    }

    /// The same step with another recipe and other weights.
    pub fn other(step: u64) -> Self {
        let mut sample = Self::new(step);
        sample.weight.reverse();
        sample.recipe.push_str("# other\n");
        sample
    }

    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            step: self.step,
            tensors: vec![
                NamedTensor { name: "layer.weight", shape: &[2, 3], data: &self.weight },
                NamedTensor { name: "layer.bias", shape: &[1], data: &self.bias },
                NamedTensor { name: "empty", shape: &[0, 4], data: &[] },
            ],
            optimizer: vec![NamedTensor { name: "adam.m", shape: &[2], data: &self.moment }],
            state: &self.state,
            recipe: &self.recipe,
            extra: vec![("vocabulary.json".to_owned(), b"[\"a\",\"b\"]".to_vec())],
            metadata: BTreeMap::from([("simd".to_owned(), "avx2".to_owned()), ("threads".to_owned(), "2".to_owned())]),
        }
    }

    /// Whether what was loaded is this sample, bit for bit.
    pub fn is(&self, loaded: &Loaded) -> bool {
        let snapshot = self.snapshot();
        let same = |saved: &[NamedTensor], loaded: &[anther_train::checkpoint::LoadedTensor]| {
            saved.len() == loaded.len()
                && saved.iter().all(|saved| {
                    loaded.iter().any(|found| {
                        found.name == saved.name
                            && found.shape == saved.shape
                            && found.data.iter().map(|x| x.to_bits()).eq(saved.data.iter().map(|x| x.to_bits()))
                    })
                })
        };
        loaded.step == self.step
            && same(&snapshot.tensors, &loaded.tensors)
            && same(&snapshot.optimizer, &loaded.optimizer)
            && loaded.state == self.state
            && loaded.recipe == self.recipe
            && loaded.extra == snapshot.extra
            && loaded.manifest.metadata == snapshot.metadata
    }
}

/// A store in a fresh directory with the checkpoints of these steps, the first one marked as best.
pub fn store_with(steps: &[u64]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), Disk);
    for (i, &step) in steps.iter().enumerate() {
        store.save(&Sample::new(step).snapshot(), 10, i == 0).unwrap();
    }
    (dir, store)
}

/// All files of the store, directories first, sorted.
pub fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for name in Disk.list(dir).unwrap() {
        let path = dir.join(name);
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Seals the text of a manifest that ends in `\n}` as a hostile writer could.
pub fn seal(body: &str) -> String {
    let body = body.strip_suffix("\n}").unwrap();
    let digest: String = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{body},\n  \"sha256\": \"{digest}\"\n}}\n")
}

/// The text of a manifest without its seal.
pub fn unsealed(manifest: &Path) -> String {
    let text = fs::read_to_string(manifest).unwrap();
    let end = text.rfind(",\n  \"sha256\"").unwrap();
    format!("{}\n}}", &text[..end])
}

/// A small generator, so that a failing case can be repeated.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}
