//! The picture of the loss.

use anther_train::log::svg::LOSS_BY_STEP;
use anther_train::log::{Row, svg};

fn curve(label: &str, points: &[(u64, f64)]) -> svg::Curve {
    svg::Curve { label: label.to_owned(), points: points.to_vec() }
}

/// The coordinates of all lines of at least three points.
fn lines(picture: &str) -> Vec<Vec<(f64, f64)>> {
    let points = |text: &str| -> Vec<(f64, f64)> {
        let pair = |pair: &str| {
            let (x, y) = pair.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        text.split_whitespace().map(pair).collect()
    };
    let lines = picture.split("<polyline").skip(1).map(|line| {
        let start = line.find("points=\"").unwrap() + 8;
        points(&line[start..start + line[start..].find('"').unwrap()])
    });
    lines.filter(|line: &Vec<_>| line.len() > 2).collect()
}

#[test]
fn curves_fall_where_the_loss_falls() {
    let train: Vec<(u64, f64)> = (0..100).map(|step| (step, 4.0 / (1.0 + step as f64))).collect();
    let valid: Vec<(u64, f64)> = (0..4).map(|i| (i * 25, 2.0)).collect();
    let picture =
        svg::render("copy <1> & co", LOSS_BY_STEP, &[curve("train", &train), curve("validation", &valid)]).unwrap();
    let lines = lines(&picture);
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [100, 4]);
    assert!(lines[0].windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1), "y grows downwards");
    assert!(lines[1].iter().all(|point| (point.1 - lines[1][0].1).abs() < 0.5), "a constant is a level line");
    for label in ["train", "validation", "step", "loss", "copy &lt;1&gt; &amp; co"] {
        assert!(picture.contains(&format!("\n{label}\n")), "{label} is missing in {picture}");
    }
    assert!(picture.trim_end().ends_with("</svg>"));
}

#[test]
fn the_same_curves_give_the_same_picture() {
    let curves = [curve("train", &[(1, 2.0), (2, 1.0), (3, 0.5)])];
    assert_eq!(svg::render("x", LOSS_BY_STEP, &curves).unwrap(), svg::render("x", LOSS_BY_STEP, &curves).unwrap());
}

#[test]
fn odd_curves_are_drawn_without_losing_the_rest() {
    let extreme = [f64::MAX, f64::MIN, f64::NAN, f64::INFINITY, 1e99, 1e-300];
    for value in extreme {
        svg::render("x", LOSS_BY_STEP, &[curve("a", &[(0, value), (1, 1.0), (u64::MAX, 0.0)])]).unwrap();
    }
    let picture = svg::render(
        "x",
        LOSS_BY_STEP,
        &[curve("a", &[(0, f64::NAN), (1, 3.0), (2, 2.0), (3, f64::INFINITY), (4, 1.0)])],
    );
    assert_eq!(lines(&picture.unwrap())[0].len(), 3, "what is not finite is left out");
    assert!(svg::render("x", LOSS_BY_STEP, &[]).unwrap().contains("<svg"));
    assert!(svg::render("x", LOSS_BY_STEP, &[curve("a", &[])]).unwrap().contains("<svg"));
    let single = svg::render("x", LOSS_BY_STEP, &[curve("a", &[(5, 0.0)])]).unwrap();
    assert!(single.contains("<circle"), "a single point is visible");
    let level = svg::render("x", LOSS_BY_STEP, &[curve("a", &[(1, 0.0), (2, 0.0), (3, 0.0)])]).unwrap();
    assert_eq!(lines(&level)[0].len(), 3);
}

#[test]
fn long_curves_are_averaged() {
    let points: Vec<(u64, f64)> = (0..50_000).map(|step| (step, f64::from(u32::from(step % 2 == 0)))).collect();
    let picture = svg::render("x", LOSS_BY_STEP, &[curve("a", &points)]).unwrap();
    let line = &lines(&picture)[0];
    assert_eq!(line.len(), 1000);
    assert!(line.iter().all(|point| (point.1 - line[0].1).abs() < 1.5), "means of equal groups are level");
    assert!(picture.len() < 100_000);
}

#[test]
fn curves_come_from_rows_and_files_are_replaced_whole() {
    let row = |step, name: &str, value| Row { step, values: vec![(name.to_owned(), value)] };
    let rows = [row(1, "train_loss", Some(2.0)), row(1, "valid_loss", Some(9.0)), row(2, "train_loss", None)];
    let train = svg::Curve::of(&rows, "train_loss", "train");
    assert_eq!(train, curve("train", &[(1, 2.0)]));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loss.svg");
    std::fs::write(&path, "old").unwrap();
    svg::draw(&path, "x", LOSS_BY_STEP, std::slice::from_ref(&train)).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), svg::render("x", LOSS_BY_STEP, &[train]).unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
