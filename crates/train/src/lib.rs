//! Optimisers, schedules, the training loop, run directories, checkpoints and exact resume.
//!
//! A [`recipe::Recipe`] says what to train on, what to train and how. A [`trainer::Trainer`] runs it in a
//! [run directory](run_dir), a [`trained::TrainedModel`] comes out of one.
//!
//! | | |
//! |---|---|
//! | [`settings`], [`recipe`] | TOML and `--set` edits, checked, every mistake with its key |
//! | [`task`], [`batch`] | data: NT tasks, character text, pairs of sequences |
//! | [`optim`], [`schedule`] | optimisers over the slab of parameters, learning rates |
//! | [`form`], [`model`], [`learner`], [`evaluate`] | steps and measurements, without any disk |
//! | [`perplexity`] | how well a text is predicted, by the protocols of papers |
//! | [`trainer`] | the loop: log, evaluations, checkpoints, signals, resumption |
//! | [`export`] | the weights of a trained model for other programs |
//! | [`hugging_face`] | checkpoints of `transformers` as runs and back |
//! | [`prune`] | a trained model with tensor chains in the place of weights |
//! | [`trained`], [`generate`] | a model out of a run, texts out of a model |
//! | [`checkpoint`], [`codec`], [`fs`], [`lock`], [`log`], [`run_dir`] | what is on the disk |
//!
//! # Reproducibility
//! A run is a function of its recipe, its data, the SIMD level and the version of the program: neither the number of threads nor
//! being stopped and resumed changes a bit of its parameters or its log.
#![forbid(unsafe_code)]

pub mod batch;
pub mod checkpoint;
pub mod codec;
pub mod evaluate;
pub mod export;
pub mod form;
pub mod fs;
pub mod generate;
pub mod hugging_face;
pub mod learner;
pub mod lock;
pub mod log;
pub mod memory;
pub mod model;
pub mod optim;
pub mod perplexity;
mod prefetch;
pub mod prune;
pub mod recipe;
pub mod run_dir;
pub mod schedule;
pub mod settings;
pub mod task;
pub mod trained;
pub mod trainer;
