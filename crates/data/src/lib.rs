//! Data for Anther: task generators, character text, resumable batches, and data sets on disk.
//!
//! This crate knows no tensor. What it makes is a [`SequenceBatch`]: token ids, the tokens that follow them, and how much each
//! prediction counts; or a [`PairBatch`] of sequences to read and sequences to predict, as [`reverse_map`] makes them;
//! or a [`LabelledBatch`] of [`images`], [`series`] or token sequences ([`listops`]) with a class each.
//!
//! # A synthetic task
//!
//! ```
//! use anther_data::nt::{NtConfig, NtRule, NtTask};
//! use anther_data::Split;
//!
//! // x_t = x_{t-1} xor x_{t-5}: 32 states on cycles of length 1, 3, 7 and 21.
//! let task = NtTask::new(NtConfig::single(NtRule::Sum, 2, 5))?;
//! assert!(task.cycles(0)?.cycles.keys().eq(&[1, 3, 7, 21]));
//!
//! // Step 10 of the training data of seed 1: 50 fresh sequences. The same call gives the same data.
//! let batch = task.batch(1, Split::Train, 10, 50, 16)?;
//! assert_eq!((batch.inputs.len(), batch.counted()), (50 * 16, 50 * (16 - 5 + 1)));
//! # Ok::<(), anther_data::nt::NtError>(())
//! ```
//!
//! # Text
//!
//! ```
//! use anther_data::text::CharText;
//! use anther_data::{Cursor, Split};
//!
//! let text = CharText::from_text(&"to be or not to be ".repeat(20), 0.9)?;
//! let mut blocks = text.block_epochs(8, 1, Cursor::default())?;
//! let batch = blocks.next_batch(4)?;
//! println!("{:?}", text.vocabulary().decode(batch.row(0).0)?);
//!
//! // A checkpoint keeps `blocks.cursor()`; resuming from it gives the batches that would have come.
//! let mut resumed = text.block_epochs(8, 1, blocks.cursor())?;
//! assert_eq!(blocks.next_batch(4)?, resumed.next_batch(4)?);
//!
//! let evaluation = text.sequential_blocks(Split::Validation, 8, 4, 100)?;
//! assert_eq!(evaluation.batches().map(|batch| batch.batch).sum::<usize>(), evaluation.blocks());
//! # Ok::<(), anther_data::DataError>(())
//! ```
//!
//! [`corpus`] finds the parts of a text in a folder, and [`tokenizer`] makes tokens of other kinds: bytes, words, and byte-pair encoding behind the feature `tokenizers`.
//!
//! # Data sets on disk
//!
//! [`DataDir`] finds files, [`manifest`] describes data sets, and `fetch` (behind the feature of that name) downloads them.
//!
//! # Determinism
//!
//! Everything random is a pure function of a seed and of where it is used: ChaCha8, with the purpose in the key and the step or the
//! epoch as the stream. There is no hidden state, so a run resumes from its step and its [`Cursor`] alone, and data are the same on every
//! platform, for any number of threads, and in any order of calls. Training and validation share no stream.
//!
//! # Untrusted input
//!
//! Configurations, texts, cursors, vocabularies and manifests may come from anyone: whatever is wrong with them is a typed error of
//! one sentence, and sizes are limited before memory is taken. Downloads are https, no longer than declared, and checked before they
//! get their name.
#![forbid(unsafe_code)]

mod address;
mod batch;
mod blocks;
mod checksum;
pub mod corpus;
mod cursor;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod images;
mod labelled;
mod lines;
pub mod listops;
mod locate;
pub mod manifest;
pub mod masked;
pub mod metrics;
pub mod nt;
mod packed;
mod pair;
pub mod parallel;
mod permutation;
mod random;
pub mod reverse_map;
pub mod series;
pub mod text;
pub mod tokenizer;
mod tokens;
mod vocabulary;

pub use batch::{BatchError, MAX_BATCH_TOKENS, SequenceBatch, Split};
pub use blocks::{BlockEpochs, RandomBlocks, SequentialBlocks};
pub use checksum::sha256_hex;
pub use cursor::{Cursor, EpochOrder};
pub use error::DataError;
pub use labelled::{LabelledBatch, epoch_batch, hold_out};
pub use lines::MAX_LINE_BYTES;
pub use locate::DataDir;
pub use packed::{ReadError, read_packed, read_packed_text};
pub use pair::{PairBatch, PairTokens};
pub use permutation::permutation;
pub use text::MAX_TEXT_BYTES;
pub use tokens::Tokens;
