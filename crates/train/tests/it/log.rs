//! Logs that a resumed run continues without a trace.

use std::fs;
use std::path::Path;

use anther_train::log::{JsonLines, LogError, LogPosition, METRICS_CSV, METRICS_JSONL, MetricsLog, read_rows};

const COLUMNS: [&str; 3] = ["train_loss", "valid_loss", "tokens"];

fn write(log: &mut MetricsLog, steps: std::ops::Range<u64>) {
    for step in steps {
        log.append(step, &[("tokens", (step * 64).into()), ("train_loss", (1.0 / step as f64).into())]).unwrap();
        if step % 3 == 0 {
            log.append(step, &[("valid_loss", 0.1_f64.into())]).unwrap();
        }
    }
}

fn both(dir: &Path) -> (String, String) {
    let read = |name| fs::read_to_string(dir.join(name)).unwrap();
    (read(METRICS_JSONL), read(METRICS_CSV))
}

#[test]
fn lines_are_in_the_order_of_the_columns() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = MetricsLog::create(dir.path(), &COLUMNS).unwrap();
    write(&mut log, 3..4);
    log.append(4, &[("train_loss", f64::NAN.into())]).unwrap();
    log.append(5, &[]).unwrap();
    let (jsonl, csv) = both(dir.path());
    let third = "0.3333333333333333";
    assert_eq!(
        jsonl,
        format!(
            "{{\"step\":3,\"train_loss\":{third},\"tokens\":192}}\n{{\"step\":3,\"valid_loss\":0.1}}\n\
             {{\"step\":4,\"train_loss\":null}}\n{{\"step\":5}}\n"
        )
    );
    assert_eq!(csv, format!("step,train_loss,valid_loss,tokens\n3,{third},,192\n3,,0.1,\n4,NaN,,\n5,,,\n"));
    let rows = read_rows(&dir.path().join(METRICS_JSONL)).unwrap();
    assert_eq!(rows[0].values, [("train_loss".to_owned(), Some(1.0 / 3.0)), ("tokens".to_owned(), Some(192.0))]);
    assert_eq!((rows[2].step, &rows[2].values[0].1), (4, &None));
}

#[test]
fn a_resumed_log_equals_an_uninterrupted_one() {
    let straight = tempfile::tempdir().unwrap();
    write(&mut MetricsLog::create(straight.path(), &COLUMNS).unwrap(), 1..20);
    for saved_at in [1, 7, 19] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = MetricsLog::create(dir.path(), &COLUMNS).unwrap();
        write(&mut log, 1..saved_at);
        let position = log.sync().unwrap();
        // Killed in the middle of a line, some steps after the checkpoint.
        write(&mut log, saved_at..saved_at + 5);
        drop(log);
        for name in [METRICS_JSONL, METRICS_CSV] {
            let path = dir.path().join(name);
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        }
        write(&mut MetricsLog::resume(dir.path(), &COLUMNS, position).unwrap(), saved_at..20);
        assert_eq!(both(dir.path()), both(straight.path()), "saved at {saved_at}");
    }
}

#[test]
fn a_log_that_is_not_the_one_of_the_checkpoint_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = MetricsLog::create(dir.path(), &COLUMNS).unwrap();
    write(&mut log, 1..4);
    let good = log.sync().unwrap();
    drop(log);
    let before = both(dir.path());
    let cases = [
        (&COLUMNS[..], LogPosition { jsonl: good.jsonl + 1, ..good }, "it holds"),
        (&COLUMNS, LogPosition { csv: good.csv + 1, ..good }, "it holds"),
        (&COLUMNS, LogPosition { csv: u64::MAX, jsonl: u64::MAX }, "it holds"),
        (&COLUMNS, LogPosition { jsonl: good.jsonl - 1, ..good }, "no line ends there"),
        (&COLUMNS, LogPosition { csv: 0, ..good }, "its columns are not"),
        (&COLUMNS[..2], good, "its columns are not step, train_loss, valid_loss"),
    ];
    for (columns, position, part) in cases {
        let error = MetricsLog::resume(dir.path(), columns, position).unwrap_err();
        assert!(matches!(error, LogError::Position { .. }));
        assert!(error.to_string().contains(part), "{error} should say {part}");
        assert_eq!(both(dir.path()), before);
    }
    fs::remove_file(dir.path().join(METRICS_JSONL)).unwrap();
    let error = MetricsLog::resume(dir.path(), &COLUMNS, good).unwrap_err().to_string();
    assert!(error.contains(METRICS_JSONL), "{error}");
}

#[test]
fn a_log_is_not_started_over_another() {
    let dir = tempfile::tempdir().unwrap();
    drop(MetricsLog::create(dir.path(), &COLUMNS).unwrap());
    let error = MetricsLog::create(dir.path(), &COLUMNS).unwrap_err().to_string();
    assert!(error.contains("cannot create") && error.contains(METRICS_JSONL), "{error}");
}

#[test]
fn a_metric_without_a_column_is_an_error_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = MetricsLog::create(dir.path(), &COLUMNS).unwrap();
    let before = both(dir.path());
    for name in ["loss", "step"] {
        let error = log.append(1, &[(name, 1.0.into())]).unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")) && error.contains("valid_loss"), "{error}");
    }
    assert_eq!(both(dir.path()), before);
}

#[test]
fn damaged_lines_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.jsonl");
    let long = format!("{{\"step\":1,\"x\":{}}}\n", "1".repeat(70_000));
    for (line, part) in [
        ("{\"step\":1\n", "line 2: it is not a JSON object"),
        ("[1]\n", "line 2: it is not a JSON object"),
        ("{\"loss\":1}\n", "line 2: it has no whole number `step`"),
        ("{\"step\":1.5}\n", "line 2: it has no whole number `step`"),
        ("{\"step\":1,\"x\":\"y\"}\n", "line 2: `x` is not a number"),
        ("\n", "line 2: it is not a JSON object"),
        (&long, "line 2: the line is longer than 64 KiB"),
    ] {
        fs::write(&path, format!("{{\"step\":1}}\n{line}")).unwrap();
        let error = read_rows(&path).unwrap_err().to_string();
        assert!(error.contains(part), "{error} should say {part}");
    }
    fs::write(&path, "{\"step\":1}\n{\"step\":2,\"lo").unwrap();
    assert_eq!(read_rows(&path).unwrap().len(), 1, "a line that was being written is left out");
}

#[test]
fn times_are_appended_across_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speed.jsonl");
    for step in 1..3_u64 {
        let mut log = JsonLines::append_to(&path).unwrap();
        log.append(&std::collections::BTreeMap::from([("step", step)])).unwrap();
        assert_eq!(log.sync().unwrap(), 11 * step);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let mut log = JsonLines::append_to(Path::new("/dev/full")).unwrap();
    let error = log.append(&1).unwrap_err().to_string();
    assert!(error.starts_with("cannot append to /dev/full: No space left"), "{error}");
}
