//! Images, series and lists from files to accuracy, and what is said about files that are not as they should be.

use std::fs;

use crate::support::{Place, gzip, idx, last_json};

/// Small models and short runs.
const TINY: [&str; 18] = [
    "--quiet",
    "--json",
    "--set",
    "model.width=16",
    "--set",
    "model.layers=1",
    "--set",
    "model.heads=2",
    "--set",
    "train.batch=8",
    "--set",
    "train.warmup=0",
    "--set",
    "train.eval_every=20",
    "--set",
    "train.checkpoint_every=20",
    "--set",
    "train.schedule=constant",
];

/// Images of 8 × 8 pixels, bright in one of six bands: the class.
fn bands(count: usize, from: usize) -> (Vec<u8>, Vec<u8>) {
    let labels: Vec<u8> = (0..count).map(|i| (i % 6) as u8).collect();
    let pixel = |i: usize, at: usize| {
        if at / 8 == labels[i] as usize { 200 + ((i + from) % 50) as u8 } else { ((i * 31 + at * 7 + from) % 60) as u8 }
    };
    let pixels = (0..count).flat_map(|i| (0..64).map(move |at| (i, at))).map(|(i, at)| pixel(i, at)).collect();
    (pixels, labels)
}

/// A folder with a data set of such images.
fn with_images() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("datasets/bands")).unwrap();
    for (part, count, from) in [("train", 48, 0), ("t10k", 18, 13)] {
        let (pixels, labels) = bands(count, from);
        place.write(&format!("datasets/bands/{part}-images-idx3-ubyte.gz"), gzip(&idx(&[count as u32, 8, 8], &pixels)));
        place.write(&format!("datasets/bands/{part}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
    }
    place
}

/// Series of two channels and 4 to 9 steps that rise or fall.
fn slopes(count: usize, from: usize) -> String {
    let mut text = "@problemName slopes\n@classLabel true up down\n@data\n".to_owned();
    for i in 0..count {
        let (sign, class) = if i % 2 == 0 { (1.0, "up") } else { (-1.0, "down") };
        let steps = 4 + (i + from) % 6;
        let channel = |scale: f64| {
            (0..steps)
                .map(|t| format!("{}", sign * scale * t as f64 + ((i * 7 + t + from) % 5) as f64 * 0.1))
                .collect::<Vec<_>>()
                .join(",")
        };
        text += &format!("{}:{}:{class}\n", channel(0.5), channel(-0.3));
    }
    text
}

fn with_series() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("datasets/uea/Slopes")).unwrap();
    place.write("datasets/uea/Slopes/Slopes_TRAIN.ts", slopes(40, 0));
    place.write("datasets/uea/Slopes/Slopes_TEST.ts.gz", gzip(slopes(20, 3).as_bytes()));
    place
}

#[test]
fn images_are_learned_measured_and_resumed() {
    let place = with_images();
    let args = |out: &'static str, steps: &'static str| {
        let own = [
            "train",
            "image-mnist",
            "--out",
            out,
            "--set",
            steps,
            "--set",
            "data.name=bands",
            "--set",
            "data.augment.pad_crop=0",
            "--set",
            "data.augment.mixup=0.2",
            "--set",
            "model.patch=2",
            "--set",
            "train.learning_rate=5e-3",
        ];
        [&own[..], &TINY[..]].concat()
    };
    let whole = last_json(&place.ok(&args("whole", "train.steps=120")));
    assert_eq!(whole["metric"]["name"], "accuracy");
    assert!(whole["metric"]["value"].as_f64().unwrap() >= 0.9, "{whole}");
    assert!(whole["best"]["value"].as_f64() >= whole["metric"]["value"].as_f64());

    let eval = last_json(&place.ok(&["eval", "whole", "--json"]));
    assert_eq!(eval["metric"]["value"], whole["metric"]["value"]);
    assert!(eval["top5_accuracy"].as_f64() >= eval["accuracy"].as_f64() && eval.get("test").is_none(), "{eval}");
    assert!(whole["test"].is_null(), "the test part is what was measured all along: {whole}");
    for told in [&whole, &eval] {
        for cost in ["parameters", "flops_per_token", "tokens_per_second"] {
            assert!(told[cost].as_f64().is_some_and(|cost| cost > 0.0), "{cost}: {told}");
        }
        assert_eq!(told["parameters"], eval["parameters"]);
    }
    let trained = whole["flops_per_token"].as_u64().unwrap();
    assert_eq!(trained, 3 * eval["flops_per_token"].as_u64().unwrap(), "images of one size cost the same each time");
    let shown = place.ok(&["eval", "whole"]).stdout;
    assert!(shown.contains("\naccuracy: ") && shown.contains("\ntop-5 accuracy: "), "{shown}");

    place.ok(&args("parts", "train.steps=60"));
    place.ok(&["train", "--resume", "parts", "--set", "train.steps=120", "--quiet"]);
    assert_eq!(place.parameters("parts", 120), place.parameters("whole", 120));
    assert_eq!(place.read("parts/metrics.jsonl"), place.read("whole/metrics.jsonl"));

    let inspected = last_json(&place.ok(&["inspect", "whole", "--json"]));
    assert_eq!((&inspected["vocabulary"], &inspected["context"]), (&6.into(), &16.into()));
    assert!(place.run(&["inspect", "whole", "--maps", "x.png"]).stderr.contains("trains a classifier"));
    assert!(place.run(&["generate", "whole", "--prompt", "x"]).stderr.contains("not trained on text"));
    // A pixel of the data has changed.
    let (mut pixels, _) = bands(48, 0);
    pixels[0] ^= 1;
    place.write("datasets/bands/train-images-idx3-ubyte.gz", gzip(&idx(&[48, 8, 8], &pixels)));
    let changed = place.run(&["train", "--resume", "whole", "--set", "train.steps=140", "--quiet"]);
    assert!(changed.code != Some(0) && changed.stderr.contains("changed"), "{}", changed.stderr);
}

#[test]
fn held_out_examples_are_validated_on_and_the_test_is_told_beside() {
    let place = with_series();
    let own = [
        "train",
        "series-uea",
        "--out",
        "run",
        "--set",
        "data.name=Slopes",
        "--set",
        "data.hold_out=0.25",
        "--set",
        "train.steps=60",
    ];
    let report = last_json(&place.ok(&[&own[..], &TINY[..]].concat()));
    assert!(report["metric"]["value"].as_f64().unwrap() >= 0.9, "{report}");
    let eval = last_json(&place.ok(&["eval", "run", "--json"]));
    assert_eq!(eval["accuracy"], report["metric"]["value"]);
    assert!(eval["test"]["accuracy"].as_f64().unwrap() >= 0.8, "{eval}");
    // Training ends with the test of what was best on the held-out part.
    let best = last_json(&place.ok(&["eval", "run", "--best", "--json"]));
    assert_eq!((&best["test"], &best["step"]), (&report["test"], &report["best"]["step"]));
    assert!(eval.get("top5_accuracy").is_none(), "{eval}");
    assert!(place.ok(&["eval", "run"]).stdout.contains("\ntest accuracy: "));
    // Other attentions, a folder by its path, and the other ways to one vector.
    for (preset, pooling) in [("bn", "class-token"), ("linear", "mean"), ("expressive", "flatten")] {
        let pooling = format!("model.pooling={pooling}");
        let own = [
            "train",
            "series-uea",
            "--attention",
            preset,
            "--set",
            "data.name=./datasets/uea/Slopes",
            "--set",
            &pooling,
            "--set",
            "train.steps=60",
        ];
        let report = last_json(&place.ok(&[&own[..], &TINY[..]].concat()));
        assert!(report["metric"]["value"].as_f64().unwrap() >= 0.8, "{preset}: {report}");
    }
}

#[test]
fn lists_are_drawn_or_read() {
    let place = Place::new();
    let short = [
        "--set",
        "data.shortest=4",
        "--set",
        "data.longest=12",
        "--set",
        "data.examples=500",
        "--set",
        "train.steps=20",
    ];
    let drawn = last_json(&place.ok(&[&["train", "listops", "--out", "drawn"], &short[..], &TINY[..]].concat()));
    assert!(drawn["metric"]["value"].as_f64().unwrap() > 0.1, "{drawn}");
    let eval = last_json(&place.ok(&["eval", "drawn", "--json"]));
    assert!(eval["test"]["accuracy"].as_f64().is_some() && eval["top5_accuracy"].as_f64().is_some(), "{eval}");

    fs::create_dir_all(place.path("datasets/lists")).unwrap();
    let name = ["--set", "data.name=lists", "--set", "train.steps=5"];
    let train = |out: &'static str| [&["train", "listops", "--out", out], &name[..], &TINY[..]].concat();
    let missing = place.run(&train("none"));
    assert!(missing.stderr.contains("basic_train.tsv cannot be read"), "{}", missing.stderr);
    let text = "Source\tTarget\n( ( ( [MAX 2 ) 7 ) ] )\t7\n[MIN 3 [SM 4 4 ] ]\t3\n";
    for part in ["train", "val", "test"] {
        place.write(&format!("datasets/lists/basic_{part}.tsv"), text);
    }
    place.ok(&train("read"));
    place.write("datasets/lists/basic_val.tsv", text.replace("\t3", "\t4"));
    let wrong = place.run(&train("wrong"));
    assert!(wrong.stderr.contains("basic_val.tsv, line 3: the value of this list is 3, not `4`"), "{}", wrong.stderr);
}

#[test]
fn files_that_are_not_as_they_should_be_are_told() {
    let place = with_images();
    let train = |edit: &str| {
        let own = ["train", "image-mnist", "--set", "data.name=bands", "--set", "model.patch=2", "--set", edit];
        let ran = place.run(&[&own[..], &TINY[..]].concat());
        assert!(ran.code != Some(0) && ran.code != Some(101), "{edit}");
        ran.stderr
    };
    let says = |edit: &str, words: &str| {
        let error = train(edit);
        assert!(error.contains(words), "{edit}: {error}");
    };
    says("data.name=nowhere", "nowhere");
    says("data.name=./nowhere", "does not exist");
    says("model.patch=3", "patches of 3 × 3 do not tile images of 8 × 8");
    says("data.augment.rotation=200", "data.augment.rotation: 200 is not between 0 and 180");
    says("data.augment.flop=true", "flop");
    says("data.hold_out=1.5", "data.hold_out");
    says("data.task=series", "size, mean, std and augment are for images");
    says("model.kind=causal-lm", "model");
    place.write("datasets/bands/t10k-labels-idx1-ubyte", idx(&[18], &[9; 18]));
    says("train.steps=1", "a test image has the label 9");
    place.write("datasets/bands/t10k-images-idx3-ubyte.gz", gzip(&idx(&[18, 8, 4], &[0; 18 * 32])));
    says("train.steps=1", "differ from training images");
    let packed = fs::read(place.path("datasets/bands/train-images-idx3-ubyte.gz")).unwrap();
    place.write("datasets/bands/train-images-idx3-ubyte.gz", &packed[..packed.len() / 2]);
    says("train.steps=1", "is packed with gzip and damaged");
    fs::remove_file(place.path("datasets/bands/train-labels-idx1-ubyte")).unwrap();
    says("train.steps=1", "there is no file train-labels-idx1-ubyte");

    let place = with_series();
    let train = ["train", "series-uea", "--set", "data.name=Slopes", "--set", "train.steps=1"];
    place.write("datasets/uea/Slopes/Slopes_TEST.ts.gz", "@data\n1,2:3,4:sideways\n");
    let error = place.run(&[&train[..], &TINY[..]].concat()).stderr;
    assert!(error.contains("case 1 has the class `sideways`"), "{error}");
}
