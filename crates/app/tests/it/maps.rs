//! `anther inspect RUN --maps FILE.png`: what the picture shows, what is told of it, and what is refused.

use image::GrayImage;
use serde_json::Value;

use crate::support::{Place, last_json};

/// A run of two layers of two heads over 16 characters.
fn trained(arguments: &[&str]) -> Place {
    let place = Place::with_text();
    let tiny = ["train", "tiny.toml", "--quiet", "--out", "run", "--set", "train.steps=2", "--set", "model.layers=2"];
    place.ok(&[&tiny, arguments].concat());
    place
}

fn picture(place: &Place, name: &str) -> GrayImage {
    image::open(place.path(name)).unwrap().into_luma8()
}

/// The grey of query and key in the map of a layer and a head.
fn grey(picture: &GrayImage, tokens: u32, [layer, head]: [u32; 2], [query, key]: [u32; 2]) -> u8 {
    let size = (picture.width() - 6) / 2;
    let scale = size / tokens;
    assert_eq!(scale * tokens, size);
    let place = |map: u32, token: u32| 2 + map * (size + 2) + token * scale + scale / 2;
    picture.get_pixel(place(head, key), place(layer, query)).0[0]
}

/// Checks that the maps are those of a causal softmax.
fn is_causal(picture: &GrayImage, tokens: u32) {
    for map in [[0, 0], [0, 1], [1, 0], [1, 1]] {
        assert_eq!(grey(picture, tokens, map, [0, 0]), 0, "the first token has nothing else to attend to");
        for query in 0..tokens {
            let row: Vec<u8> = (0..tokens).map(|key| grey(picture, tokens, map, [query, key])).collect();
            let (seen, future) = row.split_at(query as usize + 1);
            assert!(future.iter().all(|&grey| grey == 255), "{map:?}, query {query}: {row:?}");
            // The weights, of which the grey has the root, sum to 1 but for the rounding of each.
            let sum: f64 = seen.iter().map(|&grey| (1.0 - f64::from(grey) / 255.0).powi(2)).sum();
            assert!((sum - 1.0).abs() < 0.03, "{map:?}, query {query}: {sum}");
        }
    }
}

#[test]
fn a_picture_has_a_causal_map_for_each_layer_and_head() {
    let place = trained(&[]);
    let report = last_json(&place.ok(&["inspect", "run", "--maps", "maps.png", "--json"]));
    let drawn = picture(&place, "maps.png");
    assert_eq!(drawn.dimensions(), (2 * 192 + 6, 2 * 192 + 6));
    assert_eq!((&report["maps"]["width"], &report["maps"]["height"]), (&390.into(), &390.into()));
    assert_eq!((&report["tokens"], &report["step"]), (&16.into(), &2.into()));
    is_causal(&drawn, 16);
    let layers = report["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    // Queries that attend to all they see alike have the most entropy there can be.
    let most = (1..=16).map(|seen| f64::from(seen).ln()).sum::<f64>() / 16.0;
    for (number, layer) in layers.iter().enumerate() {
        assert_eq!(layer["layer"], number);
        let heads = layer["heads"].as_array().unwrap();
        assert_eq!(heads.len(), 2);
        for head in heads {
            let entropy = head["entropy"].as_f64().unwrap();
            assert!(entropy > 0.5 * most && entropy < most, "{entropy} of {most}");
            assert_eq!(head["live_pairs"], Value::Null);
        }
        let distance = &layer["head_distance"];
        assert!(distance["mean"].as_f64().unwrap() > 0.0 && distance["deviation"] == 0.0, "{distance}");
    }
}

#[test]
fn a_prompt_is_drawn_with_whole_pixels_and_told_in_a_table() {
    let place = trained(&["--attention", "neural"]);
    let ran = place.ok(&["inspect", "run", "--maps", "maps.png", "--prompt", "the fox"]);
    let drawn = picture(&place, "maps.png");
    assert_eq!(drawn.dimensions(), (2 * 7 * 28 + 6, 2 * 7 * 28 + 6));
    is_causal(&drawn, 7);
    let report = last_json(&place.ok(&["inspect", "run", "--maps", "maps.png", "--prompt", "the fox", "--json"]));
    for (layer, head) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let facts = &report["layers"][layer]["heads"][head];
        let (entropy, live) = (facts["entropy"].as_f64().unwrap(), facts["live_pairs"].as_f64().unwrap());
        assert!((0.0..=1.0).contains(&live), "{live}");
        let row = format!("{layer} {head} {entropy:.4} {:.1} %", 100.0 * live);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.stdout.lines().any(|line| words(line) == row), "{row:?} is not in {}", ran.stdout);
    }
    let mean = format!("{:.4}", report["layers"][0]["head_distance"]["mean"].as_f64().unwrap());
    assert!(ran.stdout.contains(&mean), "{mean} is not in {}", ran.stdout);
}

#[test]
fn linear_attention_and_pooled_heads_have_maps_too() {
    for preset in ["linear", "sh"] {
        let place = trained(&["--attention", preset]);
        place.ok(&["inspect", "run", "--maps", "maps.png"]);
        is_causal(&picture(&place, "maps.png"), 16);
    }
}

#[test]
fn a_task_of_numbers_is_drawn_too() {
    let place = Place::new();
    let small = ["--set", "train.steps=1", "--set", "train.batch=5", "--set", "train.warmup=0", "--quiet"];
    place.ok(&[&["train", "nt-expressive", "--out", "run"][..], &small].concat());
    let report = last_json(&place.ok(&["inspect", "run", "--maps", "all.png", "--json"]));
    let prompted = last_json(&place.ok(&["inspect", "run", "--maps", "few.png", "--prompt", "0 1 1", "--json"]));
    assert!(report["tokens"].as_u64().unwrap() > 3);
    assert_eq!(prompted["tokens"], 3);
    let [all, few] = ["all.png", "few.png"].map(|name| picture(&place, name).dimensions());
    assert_eq!(u64::from(few.0), prompted["maps"]["width"].as_u64().unwrap());
    assert_eq!(u64::from(all.1), report["maps"]["height"].as_u64().unwrap());
}

#[test]
fn what_cannot_be_drawn_is_refused_and_nothing_is_lost() {
    let place = trained(&[]);
    place.write("old.png", "not a picture");
    let inspect = |words: &[&str]| place.run(&[&["inspect"], words].concat());
    inspect(&["run", "--maps", "maps.jpg"]).refuses(2, &["maps.jpg", "end in .png"]);
    inspect(&["absent", "--maps", "old.png"]).refuses(1, &["absent"]);
    inspect(&["tiny.toml", "--maps", "old.png"]).refuses(1, &["tiny.toml"]);
    inspect(&["run", "--maps", "nowhere/maps.png"]).refuses(1, &["nowhere"]);
    inspect(&["run", "--maps", "old.png", "--prompt", "the FOX"]).refuses(2, &["the prompt cannot be read", "'F'"]);
    inspect(&["run", "--maps", "old.png", "--prompt", ""]).refuses(2, &["0 tokens"]);
    let long = "the quick brown fox";
    inspect(&["run", "--maps", "old.png", "--prompt", long]).refuses(2, &["19 tokens", "at most 16"]);
    inspect(&["run", "--maps", "old.png", "--set", "model.width=8"]).refuses(2, &["--set model.width=8"]);
    inspect(&["run", "--prompt", "the"]).refuses(2, &["--maps"]);
    assert_eq!(place.read("old.png"), "not a picture");
    std::fs::remove_file(place.path("text.txt")).unwrap();
    inspect(&["run", "--maps", "old.png"]).refuses(1, &["text.txt"]);
    assert_eq!(place.read("old.png"), "not a picture");
    assert!(!place.path("maps.jpg").exists());
    // The text is needed for a passage only.
    assert_eq!(inspect(&["run", "--maps", "old.png", "--prompt", "the fox"]).code, Some(0));
    is_causal(&picture(&place, "old.png"), 7);
}
