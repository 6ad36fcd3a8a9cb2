//! Being asked to stop.
#![cfg(unix)]

use crate::support::{Place, last_json};

#[test]
fn a_signal_saves_and_exits_and_the_run_goes_on_as_if_nothing_had_happened() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let place = Place::with_text();
        // Checkpoints only at the end, so that what is found was saved because of the signal.
        let rarely = [
            "--set",
            "train.checkpoint_every=1000000",
            "--set",
            "train.eval_every=1000000",
            "--set",
            "train.schedule=constant",
        ];
        let start = ["train", "tiny.toml", "--json", "--out", "run", "--set", "train.steps=1000000"];
        let mut running = place.spawn(&[&start[..], &rarely].concat());
        running.until("5 steps were logged", || place.logged("run") >= 5);
        running.signal(signal);
        let ran = running.wait();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let report = last_json(&ran);
        assert_eq!(report["stopped"], format!("SIG{signal}"));
        let saved = report["steps"].as_u64().unwrap();
        assert!(saved >= 5 && saved == place.saved_step("run"), "{ran:?}");
        assert!(ran.stderr.contains(&format!("SIG{signal}: saved after step {saved}")), "{ran:?}");
        assert!(ran.stderr.contains("go on with `--resume run`"), "{ran:?}");

        let end = saved + 5;
        let steps = format!("train.steps={end}");
        place.ok(&["train", "--resume", "run", "--quiet", "--set", &steps]);
        place.ok(&[&["train", "tiny.toml", "--quiet", "--out", "whole", "--set", &steps], &rarely[..]].concat());
        assert_eq!(place.parameters("run", end), place.parameters("whole", end));
        assert_eq!(place.read("run/metrics.jsonl"), place.read("whole/metrics.jsonl"));
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    // One step of very many parts, which would take minutes.
    let huge = ["--set", "train.batch=200000", "--set", "train.accumulate=200000", "--set", "train.eval_batches=1"];
    // The first signal must come after the step has begun, which cannot be seen from outside: if it was too early, try again.
    for _ in 0..20 {
        let place = Place::with_text();
        let start = ["train", "tiny.toml", "--out", "run", "--threads", "1"];
        let mut running = place.spawn(&[&start[..], &huge].concat());
        running.until("the run began", || place.path("run/metrics.jsonl").exists());
        running.signal("TERM");
        running.signal("INT");
        let ran = running.wait();
        assert!(matches!(ran.code, Some(130 | 143)), "{ran:?}");
        assert!(!place.path("run/ckpt/step-00000001").exists(), "the step was finished");
        let too_early = place.path("run/ckpt/step-00000000").exists();
        if !too_early {
            assert_eq!(ran.stdout, "");
            place.run(&["eval", "run"]).refuses(1, &["no checkpoint"]);
            return;
        }
    }
    panic!("no signal came after the step had begun");
}
