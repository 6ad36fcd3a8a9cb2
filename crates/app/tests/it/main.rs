//! The program from outside: what it prints, how it exits, what it leaves on the disk.

mod attention;
mod bad_data;
mod bad_flags;
mod bad_recipes;
mod bad_runs;
mod bleu;
mod classes;
mod completions;
mod determinism;
mod diverged;
mod docs;
mod fetch;
mod hugging_face;
mod inspect;
mod json;
mod kill;
mod maps;
mod pairs;
mod prune;
mod recipes;
mod resume;
mod shakespeare;
mod signals;
mod support;
mod text;
mod translation;
