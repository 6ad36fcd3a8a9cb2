//! ListOps: what is drawn, and the tables of the Long Range Arena.

use anther_data::listops::{CLOSE, ListOps, ListOpsConfig, ListOpsTable, PADDING, value};
use anther_data::{LabelledBatch, MAX_LINE_BYTES, Split};

const SHORT: ListOpsConfig = ListOpsConfig { depth: 10, arguments: 10, shortest: 20, longest: 200 };

#[test]
fn drawn_lists_have_their_value_and_length() {
    let task = ListOps::new(SHORT).unwrap();
    let mut tokens = Vec::new();
    let mut classes = [0; 10];
    for index in 0..2000 {
        let label = task.example(3, Split::Train, index, &mut tokens);
        assert_eq!(value(&tokens), Ok(label), "{tokens:?}");
        assert!((20..=200).contains(&tokens.len()));
        classes[label as usize] += 1;
    }
    assert!(classes.iter().all(|&count| count > 40) && classes[9] > 200 && classes[0] > 200, "{classes:?}");
    let of = |seed, split, index| {
        let mut tokens = Vec::new();
        ListOps::new(SHORT).unwrap().example(seed, split, index, &mut tokens);
        tokens
    };
    assert_eq!(of(3, Split::Train, 1999), tokens);
    for other in [of(4, Split::Train, 1999), of(3, Split::Validation, 1999), of(3, Split::Train, 0)] {
        assert_ne!(other, tokens);
    }
}

#[test]
fn a_part_is_a_list_in_a_quarter_of_cases_and_has_2_to_10_parts() {
    // Two levels only: the whole list and the lists in it, so that the lengths do not choose.
    let task = ListOps::new(ListOpsConfig { depth: 3, arguments: 10, shortest: 4, longest: 2000 }).unwrap();
    let (mut lists, mut parts, mut tokens) = (0usize, 0usize, Vec::new());
    let mut fewest_and_most = (usize::MAX, 0);
    for index in 0..3000 {
        task.example(1, Split::Validation, index, &mut tokens);
        let (mut depth, mut count) = (0, 0);
        for &token in &tokens {
            match token {
                11..=14 => {
                    if depth == 1 {
                        count += 1;
                        lists += 1;
                    }
                    depth += 1;
                }
                CLOSE => depth -= 1,
                _ if depth == 1 => count += 1,
                _ => {}
            }
        }
        parts += count;
        fewest_and_most = (fewest_and_most.0.min(count), fewest_and_most.1.max(count));
    }
    assert_eq!(fewest_and_most, (2, 10));
    let share = lists as f64 / parts as f64;
    assert!((share - 0.25).abs() < 0.015, "{share}");
    assert!((parts as f64 / 3000.0 - 6.0).abs() < 0.25);
}

#[test]
fn batches_are_padded() {
    let task = ListOps::new(SHORT).unwrap();
    let mut batch = LabelledBatch::default();
    task.refill(1, Split::Train, &[5, 0], &mut batch).unwrap();
    assert_eq!((batch.rows(), batch.tokens.len()), (2, 400));
    let mut tokens = Vec::new();
    let label = task.example(1, Split::Train, 0, &mut tokens);
    assert_eq!((batch.labels[1], batch.lengths[1]), (label, tokens.len()));
    assert_eq!(batch.tokens[200..200 + tokens.len()], tokens);
    assert!(batch.tokens[200 + tokens.len()..].iter().all(|&token| token == PADDING));
    assert!(task.refill(1, Split::Train, &[], &mut batch).is_err());
}

#[test]
fn lists_that_do_not_exist_are_refused() {
    for (config, words) in [
        (ListOpsConfig { depth: 1, ..SHORT }, "1 is not between 2 and 32"),
        (ListOpsConfig { arguments: 1, ..SHORT }, "1 is not between 2 and 100"),
        (ListOpsConfig { shortest: 201, ..SHORT }, "201 is not between 4 and 200"),
        (ListOpsConfig { longest: 1 << 20, ..SHORT }, "1048576 is not between"),
        (ListOpsConfig { depth: 2, arguments: 3, ..SHORT }, "less than one in 10,000"),
    ] {
        let error = ListOps::new(config).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(ListOps::new(ListOpsConfig::default()).is_ok());
}

#[test]
fn tables_are_read_and_their_values_checked() {
    let text = "Source\tTarget\n( ( ( [MAX 2 ) 3 ) ] )\t3\n\n[SM 9 [MIN 4 5 ] ]\t3\n";
    let table = ListOpsTable::parse(text, "t.tsv").unwrap();
    assert_eq!((table.len(), table.longest(), table.labels()), (2, 7, &[3, 3][..]));
    let mut batch = LabelledBatch::default();
    table.refill(&[0, 1], 8, &mut batch);
    assert_eq!((batch.lengths[..].to_vec(), batch.tokens.len()), (vec![4, 7], 16));
    assert_eq!(ListOpsTable::parse(&format!("\u{feff}{text}"), "t.tsv").unwrap(), table);
    let mut longest = "Source\tTarget\n[MAX 1 2 ]\t2".to_owned();
    longest.push_str(&" ".repeat(MAX_LINE_BYTES - 12));
    assert_eq!(ListOpsTable::parse(&longest, "t.tsv").unwrap().len(), 1);
    longest.push(' ');
    for (text, words) in [
        (&longest[..], "line 2: the line has more than 1048576 bytes"),
        ("Source\tTarget\n[MAX 1 2 ]\t2\0\n", "line 2: there is a NUL byte"),
        ("", "line 1: the first line"),
        ("Source\tTarget\n", "line 2: there are no lists"),
        ("Source\tTarget\n[MAX 1 2 ] 2\n", "line 2: there is no tab"),
        ("Source\tTarget\n[MAX 1 2 ]\t1\n", "line 2: the value of this list is 2, not `1`"),
        ("Source\tTarget\n[MAX 1 2\t2\n", "line 2: the list is not whole"),
        ("Source\tTarget\n[MAX 1 b ]\t1\n", "line 2: `b` is neither"),
    ] {
        let error = ListOpsTable::parse(text, "t.tsv").unwrap_err().to_string();
        assert!(error.starts_with("t.tsv, ") && error.contains(words), "{error}");
    }
}
