//! The program `anther-bench`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn program(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anther-bench"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_list_has_a_line_for_each_case() {
    let output = program(&["list", "--threads", "2"], "");
    assert!(output.status.success());
    let cases = lines(&output);
    let gpt = cases.iter().find(|case| case["case"] == "train_gpt").unwrap();
    assert_eq!((&gpt["unit"], &gpt["work"], &gpt["limit"]), (&"tokens_s".into(), &2048.0.into(), &"gflops".into()));
    assert!(gpt["fresh"] == true && gpt["quick"] == true && gpt["by"].is_null());
    assert!(cases.iter().any(|case| case["by"] == "matrixmultiply"));
}

#[test]
fn a_request_is_answered_with_samples() {
    let request = r#"{"case": "gemm_NT_1x768x768", "seconds": 0, "wait": 0, "fewest": 3}"#;
    let output = program(&["serve"], &format!("{request}\n{{\"case\": \"no such\"}}\n"));
    assert!(output.status.success());
    let answers = lines(&output);
    let samples = answers[0]["samples_ms"].as_array().unwrap();
    assert!(samples.len() >= 3 && samples.iter().all(|sample| sample.as_f64().unwrap() > 0.0), "{samples:?}");
    assert!(cfg!(not(target_os = "linux")) || answers[0]["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(answers[1]["error"], "there is no such case");
}

#[test]
fn mistakes_are_one_sentence() {
    for (args, code, words) in [
        (&["run", "--onyl", "x"][..], 2, "--onyl"),
        (&["sevre"], 2, "sevre"),
        (&["list", "--threads", "0"], 1, "--threads 0"),
        (&["list", "--threads", "two"], 2, "threads"),
        (&["run", "--only", "no_such_case"], 1, "no_such_case"),
        (&["list", "--anther", "no-such-file"], 1, "no-such-file"),
    ] {
        let output = program(args, "");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(message.contains(words) && message.trim().lines().count() == 1, "{args:?}: {message}");
    }
}
