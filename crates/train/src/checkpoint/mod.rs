//! Checkpoints that survive a crash at any instant, and the way back from them.
//!
//! A checkpoint is a directory `step-00000500` in the run's `ckpt/`:
//!
//! | file | what |
//! |---|---|
//! | `model.safetensors` | the parameters, readable by PyTorch and Hugging Face |
//! | `optim.safetensors` | moments, averages: whatever the optimiser keeps a number per parameter of |
//! | `state.bin` | the rest of the training state, see [`crate::codec`] |
//! | `recipe.toml` | the resolved recipe |
//! | others | such as a vocabulary |
//! | `manifest.json` | size and SHA-256 of all of these, and of itself |
//!
//! Beside them, `latest` and `best` name a directory and the SHA-256 of its manifest.
//!
//! # Writing
//! 1. Create `.tmp-<step>-<pid>`. 2. Write and sync each file. 3. Write and sync the manifest. 4. Sync the directory.
//! 5. Rename it to `step-<step>`. 6. Sync `ckpt/`. 7. Replace `latest` (and `best`) by a synced file and sync `ckpt/`.
//! 8. Only now remove what is beyond the number to keep, never what `latest` or `best` names.
//!
//! The directory is renamed as a whole because files renamed one by one could leave the weights of one step beside the
//! moments of another. An error up to step 5 removes the scratch directory and leaves everything as it was; an error
//! after it says that the checkpoint is saved but that its durability is unconfirmed.
//!
//! # Reading
//! Size and SHA-256 of every file are verified before any of it is parsed. If the checkpoint that `latest` names is not
//! whole, the newest that is takes its place with a warning that names both; a strict load refuses instead.

mod error;
mod load;
mod manifest;
mod pointer;
mod save;
mod snapshot;
mod store;
mod tensor_file;

pub use error::{Damage, LoadError, SaveError};
pub use load::Loaded;
pub use manifest::{FileEntry, MANIFEST_FORMAT, MANIFEST_LIMIT, Manifest};
pub use save::Saved;
pub use snapshot::{
    EXTRA_LIMIT, LoadedTensor, MODEL_FILE, NamedTensor, OPTIMIZER_FILE, RECIPE_FILE, RECIPE_LIMIT, STATE_FILE,
    STATE_LIMIT, Snapshot,
};
pub use store::Store;
pub use tensor_file::{HEADER_LIMIT, TensorFileError, decode_foreign_tensors, decode_tensors, encode_tensors};

/// Name of the manifest inside a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the file that names the checkpoint to resume from.
pub const LATEST: &str = "latest";
/// Name of the file that names the checkpoint with the best metric.
pub const BEST: &str = "best";
