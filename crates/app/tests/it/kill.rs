//! `kill -9` at any instant: nothing that was saved is lost, and the rest of the run is as if nothing had happened.

use std::time::Duration;

use crate::support::{Place, last_json};

/// Steps of a run that is surely killed before its end.
const STEPS: u64 = 150;

#[test]
fn a_killed_and_resumed_run_is_the_uninterrupted_one() {
    let place = Place::with_text();
    let steps = format!("train.steps={STEPS}");
    place.ok(&["train", "tiny.toml", "--quiet", "--set", &steps, "--out", "whole"]);

    let mut running = place.spawn(&["train", "tiny.toml", "--quiet", "--set", &steps, "--out", "killed"]);
    running.until("17 steps were logged", || place.logged("killed") >= 17);
    running.kill();
    let saved = place.saved_step("killed");
    assert!((16..STEPS).contains(&saved), "killed after step {saved}");

    let resumed = place.ok(&["train", "--resume", "killed", "--json"]);
    let report = last_json(&resumed);
    assert_eq!((&report["recipe"], &report["steps"]), (&"tiny".into(), &STEPS.into()));
    assert!(resumed.stderr.contains(&format!("going on after step {saved} of")), "{}", resumed.stderr);
    assert_eq!(place.parameters("killed", STEPS), place.parameters("whole", STEPS));
    assert_eq!(place.read("killed/metrics.jsonl"), place.read("whole/metrics.jsonl"));
    assert_eq!(place.read("killed/metrics.csv"), place.read("whole/metrics.csv"));
    let text = |run: &str| place.ok(&["generate", run, "--prompt", "the ", "--max-tokens", "60", "--seed", "5"]).stdout;
    assert_eq!(text("killed"), text("whole"));
    let best = |run: &str| last_json(&place.ok(&["eval", run, "--best", "--json"]))["step"].clone();
    assert_eq!(best("killed"), best("whole"));
}

#[test]
fn twenty_kills_at_random_instants_lose_at_most_the_step_under_way() {
    let place = Place::with_text();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut saved = None;
    let mut kills_with_a_checkpoint = 0;
    for kill in 0..20 {
        // A start that was cut short left no run to go on with, and can be made again.
        let mut running = match place.path("run/recipe.toml").exists() {
            false => place.spawn(&["train", "tiny.toml", "--quiet", "--set", "train.steps=100000", "--out", "run"]),
            true => place.spawn(&["train", "--resume", "run", "--quiet"]),
        };
        // xorshift: any spread over the life of the process will do.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if kill % 2 == 0 {
            // From its first files to some dozen checkpoints, depending on the machine.
            std::thread::sleep(Duration::from_millis(10 + random % 400));
        } else {
            // On any machine after it has saved something: every step is saved before the next one is logged.
            let enough = place.logged("run") + 2 + (random % 30) as usize;
            running.until("more steps were logged", || place.logged("run") >= enough);
            std::thread::sleep(Duration::from_micros(random % 2000));
        }
        let was_alive = running.is_alive();
        let killed = running.kill();
        assert!(was_alive, "kill {kill} came after the end: {killed:?}");
        let ran = place.run(&["eval", "run", "--json"]);
        if ran.code == Some(0) {
            let step = last_json(&ran)["step"].as_u64().unwrap();
            assert!(Some(step) >= saved, "kill {kill}: step {saved:?} was saved, but only {step} is left");
            assert!(!ran.stderr.contains("warning"), "kill {kill}: {}", ran.stderr);
            assert!(step + 1 >= place.logged("run") as u64, "kill {kill}: more than one checkpoint was lost");
            saved = Some(step);
            kills_with_a_checkpoint += 1;
        } else {
            assert_eq!(saved, None, "kill {kill}: {}", ran.stderr);
            let missing = if place.path("run/recipe.toml").exists() { "no checkpoint" } else { "holds no run" };
            ran.refuses(1, &[missing]);
        }
    }
    assert!(kills_with_a_checkpoint >= 10, "only {kills_with_a_checkpoint} kills met a checkpoint");
}
