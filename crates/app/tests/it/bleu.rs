//! `anther bleu`: scores of lines against files of references.

use std::fs::File;

use crate::support::{Place, Ran, finish, last_json};

fn score(place: &Place, arguments: &[&str], hypotheses: &str) -> Ran {
    place.write("hypotheses.txt", hypotheses);
    let stdin = File::open(place.path("hypotheses.txt")).unwrap();
    finish(place.command(&[&["bleu"], arguments].concat()).stdin(stdin))
}

#[test]
fn lines_are_scored_as_sacrebleu_scores_them() {
    let place = Place::new();
    place.write("a.txt", "the cat sat on a mat.\nhello there\n");
    place.write("b.txt", "the cat sat on the mat.\nhello you\n");
    let report = last_json(&score(&place, &["a.txt", "--json"], "the cat sat on the mat .\nhello there\n"));
    // The numbers of sacreBLEU 2.6 for these lines.
    let close = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 5e-3;
    assert!(close(&report["bleu"]["score"], 50.20), "{report}");
    assert!(close(&report["chrf"]["score"], 80.98), "{report}");
    assert_eq!((&report["sentences"], &report["bleu"]["hypothesis_tokens"]), (&2.into(), &9.into()));
    let both = score(&place, &["a.txt", "b.txt"], "the cat sat on the mat .\nhello there\n");
    assert!(both.stdout.contains("BLEU: 100.00") && both.stdout.contains("nrefs:2"), "{}", both.stdout);
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let place = Place::new();
    place.write("a.txt", "one\ntwo\n");
    score(&place, &["a.txt"], "one\n").refuses(2, &["a.txt has 2 lines, but 1 came"]);
    score(&place, &["none.txt"], "one\n").refuses(2, &["none.txt cannot be used"]);
    place.write("bad.txt", [0xff, 0xfe, 0x0a]);
    score(&place, &["bad.txt"], "one\n").refuses(2, &["bad.txt cannot be used"]);
}
