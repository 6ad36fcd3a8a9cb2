//! Tests of the public interface, one module for each part of the crate.

mod blocks;
mod corpus;
mod cursor;
#[cfg(feature = "fetch")]
mod fetch;
mod image_sets;
mod images;
mod listops;
mod locate;
mod manifest;
mod masked;
mod metrics;
mod ngram;
mod nt_batches;
mod nt_cycles;
mod nt_embedding;
mod nt_errors;
mod pair_batches;
mod parallel;
mod parallel_files;
mod prepared_series;
mod reverse_map;
mod series;
mod shakespeare;
mod support;
mod text;
mod tokenizer;
#[cfg(feature = "tokenizers")]
mod tokenizer_bpe;
mod vocabulary;
