//! Being asked to stop.
#![cfg(unix)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use crate::support::{Place, Ran, Running, last_json};

/// A recipe on lists in files, which are read as they come.
const LISTS: &str = r#"# Lists in files
data = { task = "listops", name = "./lists" }

[model]
kind = "classifier"
layers = 1
heads = 2
width = 16

[train]
steps = 5
batch = 2
"#;

/// The first file of it that is read.
const TRAIN: &str = "lists/basic_train.tsv";

/// The last one.
const LAST: &str = "lists/basic_test.tsv";

fn with_lists() -> Place {
    let place = Place::new();
    place.write("lists.toml", LISTS);
    fs::create_dir(place.path("lists")).unwrap();
    for part in ["train", "val", "test"] {
        let lines = "( ( ( [MAX 2 ) 9 ) ] )\t9\n( ( ( [MIN 2 ) 9 ) ] )\t2\n";
        place.write(&format!("lists/basic_{part}.tsv"), format!("Source\tTarget\n{lines}"));
    }
    place
}

/// Makes a pipe in the place of a file, gives it to `start`, and returns when that has opened it to read: as long as the other end is there, the reader waits.
fn reading(path: &Path, start: impl FnOnce() -> Running) -> (Running, File) {
    fs::remove_file(path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let mut running = start();
    // Opening the other end waits for the reader, which may never come.
    let (tell, opened) = channel();
    let owned = path.to_owned();
    thread::spawn(move || tell.send(OpenOptions::new().write(true).open(owned)));
    let mut other_end = None;
    running.until("the data were opened", || {
        other_end = opened.try_recv().ok();
        other_end.is_some()
    });
    (running, other_end.unwrap().unwrap())
}

#[track_caller]
fn assert_ended(ran: &Ran, code: i32, sentence: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    assert!(ran.stderr.contains(sentence), "{ran:?}");
}

#[test]
fn a_signal_while_the_data_are_read_ends_at_once_and_leaves_nothing() {
    let place = with_lists();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for arguments in [&["train", "lists.toml"][..], &["train", "lists.toml", "--out", "run"]] {
            let (running, _other_end) = reading(&place.path(TRAIN), || place.spawn(arguments));
            running.signal(signal);
            let sentence = format!("SIG{signal}: stopped before the first step; the run was not begun");
            assert_ended(&running.wait(), code, &sentence);
            assert!(!place.path("runs").exists() && !place.path("run").exists());
        }
    }
}

/// The signal is there before the last file is whole, and the rest is done in less time than passes between two looks for a signal.
#[test]
fn a_signal_before_the_first_step_ends_at_once_and_leaves_nothing() {
    let place = with_lists();
    let lists = fs::read(place.path(LAST)).unwrap();
    let (running, mut other_end) = reading(&place.path(LAST), || place.spawn(&["train", "lists.toml", "--out", "run"]));
    running.signal("INT");
    other_end.write_all(&lists).unwrap();
    drop(other_end);
    assert_ended(&running.wait(), 130, "SIGINT: stopped before the first step; the run was not begun");
    assert!(!place.path("run").exists());
}

#[test]
fn a_signal_while_a_run_is_read_leaves_it_as_it_was() {
    let place = with_lists();
    place.ok(&["train", "lists.toml", "--quiet", "--out", "run"]);
    let lists = fs::read(place.path(TRAIN)).unwrap();
    for (arguments, sentence) in [
        (&["train", "--resume", "run", "--set", "train.steps=8"][..], "can be resumed as before"),
        (&["eval", "run"], "an evaluation writes nothing"),
        (&["prune", "run", "--layers", "*.fc1", "--keep", "0.5"], "nothing was written"),
    ] {
        let (running, _other_end) = reading(&place.path(TRAIN), || place.spawn(arguments));
        running.signal("INT");
        let ran = running.wait();
        assert_ended(&ran, 130, "SIGINT: stopped");
        assert_ended(&ran, 130, sentence);
    }
    fs::remove_file(place.path(TRAIN)).unwrap();
    fs::write(place.path(TRAIN), lists).unwrap();
    place.ok(&["train", "--resume", "run", "--quiet", "--set", "train.steps=8"]);
    assert_eq!((place.saved_step("run"), fs::read_dir(place.path("")).unwrap().count()), (8, 3));
}

#[test]
fn a_signal_while_lines_are_awaited_ends_a_translation() {
    let place = Place::new();
    let tiny = [
        "--set",
        "train.steps=1",
        "--set",
        "train.batch=2",
        "--set",
        "train.eval_batches=1",
        "--set",
        "model.width=16",
    ];
    place.ok(&[&["train", "reverse-map", "--quiet", "--out", "run"], &tiny[..]].concat());
    // The first signal must come after the program began to listen, which cannot be seen from outside: if it was too early, try again.
    for _ in 0..100 {
        let running = Running::start(place.command(&["translate", "run"]).stdin(Stdio::piped()));
        thread::sleep(std::time::Duration::from_millis(50));
        running.signal("INT");
        let ran = running.wait();
        if ran.code.is_some() {
            return assert_ended(&ran, 130, "SIGINT: stopped");
        }
    }
    panic!("no signal was listened to");
}

#[cfg(feature = "fetch")]
#[test]
fn a_signal_keeps_what_has_been_fetched() {
    let place = Place::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut running = place.spawn(&["fetch", "tinyshakespeare", "--mirror", &address, "--data-dir", "data"]);
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1115394\r\n\r\nFirst Citizen:").unwrap();
    let part = place.path("data/.fetched/tinyshakespeare/tinyshakespeare+input.txt.part");
    running.until("a part has come", || fs::metadata(&part).is_ok_and(|found| found.len() == 14));
    running.signal("INT");
    assert_ended(&running.wait(), 130, "SIGINT: stopped; what has come is kept");
    assert_eq!(fs::read(&part).unwrap(), b"First Citizen:");
}

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
