//! The integration tests of the crate, in one binary.

mod checkpoint_abort;
mod checkpoint_damage;
mod checkpoint_faults;
mod checkpoint_keep;
mod checkpoint_manifest;
mod checkpoint_process;
mod checkpoint_round_trip;
mod codec;
mod determinism;
mod fail_at;
mod generate;
mod lock;
mod log;
mod optim;
mod pairs;
mod recipe;
mod resume;
mod run_dir;
mod runs;
mod sample;
mod sampling;
mod schedule;
mod settings;
mod svg;
mod tensor_file;
mod training;
