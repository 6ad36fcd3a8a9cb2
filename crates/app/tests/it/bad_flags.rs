//! Flags that make no sense: exit code 2 and a sentence.

use crate::support::{Place, finish};

/// Arguments, and words of the sentence that answers them.
const CASES: &[(&[&str], &[&str])] = &[
    (&["train"], &["required", "RECIPE"]),
    (&["trian", "nt-dot"], &["unrecognized subcommand 'trian'"]),
    (&["train", "nt-dot", "--epochs", "3"], &["unexpected argument '--epochs'"]),
    (&["train", "nt-dot", "--resume", "x"], &["cannot be used with"]),
    (&["train", "--resume", "x", "--seed", "1"], &["cannot be used with"]),
    (&["train", "nt-dot", "--threads", "0"], &["'0'", "--threads", "1..=1024"]),
    (&["train", "nt-dot", "--threads", "1025"], &["'1025'", "1..=1024"]),
    (&["train", "nt-dot", "--threads", "-1"], &["-1"]),
    (&["train", "nt-dot", "--threads", "two"], &["'two'", "invalid digit"]),
    (&["train", "nt-dot", "--simd", "neon"], &["--simd", "\"neon\"", "auto, scalar, portable, avx2, avx512"]),
    (&["train", "nt-dot", "--simd", ""], &["--simd", "unknown SIMD level"]),
    (&["train", "nt-dot", "--seed", "-3"], &["-3"]),
    (&["train", "nt-dot", "--seed", "18446744073709551615"], &["train.seed"]),
    (&["train", "nt-dot", "--seeds", "5..1"], &["5..1", "--seeds", "before it begins"]),
    (&["train", "nt-dot", "--seeds", "1,2", "--seed", "1"], &["cannot be used with"]),
    (&["generate", "x", "--temperature", "-0.5"], &["temperature", "-0.5", "at least 0"]),
    (&["generate", "x", "--temperature", "NaN"], &["temperature", "NaN"]),
    (&["generate", "x", "--temperature", "inf"], &["temperature", "inf"]),
    (&["generate", "x", "--temperature", "hot"], &["'hot'", "--temperature"]),
    (&["generate", "x", "--top-p", "2"], &["top-p", "at most 1", "2"]),
    (&["generate", "x", "--top-p", "0"], &["top-p", "above 0"]),
    (&["generate", "x", "--top-k", "-1"], &["-1"]),
    (&["generate", "x", "--precision", "f16"], &["'f16'", "--precision", "f32, bf16"]),
    (&["generate", "x", "--max-tokens", "0"], &["'0'", "--max-tokens"]),
    (&["eval", "x", "--best", "--last"], &["cannot be used with"]),
    (&["eval"], &["required", "RUN"]),
    (&["completions", "tcsh"], &["'tcsh'", "SHELL"]),
    (&["recipes", "--show", "nt-dto"], &["no recipe `nt-dto`", "did you mean `nt-dot`"]),
    (&["fetch"], &["required", "NAME"]),
    (&["fetch", "--offline", "--mirror", "x", "y"], &["cannot be used with"]),
];

#[test]
fn every_wrong_flag_is_refused_by_name() {
    let place = Place::new();
    for (args, words) in CASES {
        println!("{args:?}");
        place.run(args).refuses(2, words);
    }
    assert!(!place.path("runs").exists(), "a refusal left a run behind");
}

#[test]
fn no_command_at_all_shows_the_help() {
    let ran = Place::new().run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("Usage: anther <COMMAND>"), "{ran:?}");
}

#[test]
fn help_is_a_result() {
    for command in ["train", "eval", "generate", "inspect", "recipes", "completions", "fetch"] {
        let ran = Place::new().ok(&[command, "--help"]);
        assert!(ran.stdout.contains(&format!("Usage: anther {command}")), "{ran:?}");
        assert_eq!(ran.stderr, "");
    }
    assert!(Place::new().ok(&["train", "--help"]).stdout.contains("anther train nt-expressive --json"));
}

#[test]
fn the_variable_for_the_simd_level_is_checked_unless_a_flag_goes_before() {
    let place = Place::with_text();
    let args = ["train", "tiny.toml", "--set", "train.steps=1", "--out", "run"];
    let ran = finish(place.command(&args).env("ANTHER_SIMD", "fast"));
    ran.refuses(2, &["the variable ANTHER_SIMD", "\"fast\"", "auto, scalar, portable"]);

    let args = [&args[..], &["--simd", "scalar"]].concat();
    let ran = finish(place.command(&args).env("ANTHER_SIMD", "fast"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let facts: serde_json::Value = serde_json::from_str(&place.read("run/run.json")).unwrap();
    assert_eq!(facts["simd_level"], "scalar");
}

#[test]
fn a_level_that_this_cpu_lacks_is_refused() {
    let lacking = anther_kernels::Level::ALL.into_iter().find(|level| !level.is_available());
    let Some(level) = lacking else {
        println!("skipped: this CPU has every SIMD level");
        return;
    };
    let ran = Place::new().run(&["train", "nt-dot", "--simd", level.name()]);
    ran.refuses(2, &["--simd", level.name(), "this CPU lacks"]);
}
