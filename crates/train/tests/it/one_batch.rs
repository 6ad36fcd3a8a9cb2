//! Every task: a batch that comes again and again is learned by heart.

use std::fs;
use std::path::Path;

use anther_train::batch::Batch;
use anther_train::learner::Learner;
use anther_train::recipe::Recipe;
use anther_train::task::{self, Task};

use crate::altered::Altered;
use crate::runs::data;

/// The part of the first loss that is left after so many steps. Everything but the data and the kind of the model is the same for all tasks.
fn left(recipe: &str, edits: &[&str]) -> f64 {
    let train = "\n[train]\nbatch = 4\nlearning_rate = 0.01\nwarmup = 5\nsteps = 120\nschedule = \"constant\"\neval_batches = 1";
    let recipe = Recipe::read(&format!("{recipe}{train}"), "one batch", edits).unwrap();
    let task = task::of_recipe(&recipe, &data()).unwrap();
    let first = |task: &dyn Task, _: u64, batch: &mut Batch| task.batch(0, batch);
    let mut learner = Learner::new(&recipe, Box::new(Altered { task, batch: first })).unwrap();
    let first = learner.step().unwrap().loss;
    (1..recipe.train.steps).for_each(|_| assert!(learner.step().unwrap().loss.is_finite()));
    let left = learner.step().unwrap().loss / first;
    println!("{edits:?}: {left:.4} of {first:.4}");
    left
}

const MODEL: &str = "layers = 1, heads = 2, width = 32";

#[test]
fn of_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..400).map(|i: u32| char::from(b'a' + (i * i / 7 % 13) as u8)).collect();
    let words: String = (0..300).map(|i: u32| format!("w{} ", i * i / 5 % 17)).collect::<Vec<_>>().join("");
    let file = folder.path().join("text.txt");
    fs::write(&file, text).unwrap();
    for part in ["train", "valid"] {
        fs::write(folder.path().join(format!("{part}.txt")), &words).unwrap();
    }
    let (file, folder) = (format!("{file:?}"), format!("{:?}", folder.path()));
    // The target after tokens that two rows have in common cannot be told, so some loss stays where rows begin alike.
    for weighing in ["softmax", "expressive"] {
        let weighing = format!("model.attention.weighing={weighing}");
        let nt = format!("data = {{ n = 9, tau = 2, noise = 0.5 }}\nmodel = {{ {MODEL}, context = 12 }}");
        assert!(left(&nt, &[&weighing]) < 0.1);
    }
    let characters = format!("data = {{ task = \"text\", path = {file} }}\nmodel = {{ {MODEL}, context = 12 }}");
    assert!(left(&characters, &[]) < 0.1);
    let tokens = "tokenizer = { kind = \"words\", least = 1 }";
    let text = format!("data = {{ task = \"text\", name = {folder}, {tokens} }}\nmodel = {{ {MODEL}, context = 12 }}");
    assert!(left(&text, &[]) < 0.1);
    let masked = format!(
        "data = {{ task = \"masked-text\", name = {folder}, {tokens} }}\nmodel = {{ kind = \"masked-lm\", {MODEL}, context = 12 }}"
    );
    assert!(left(&masked, &[]) < 0.02);
}

#[test]
fn of_pairs() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "valid"] {
        for (side, shift) in [("de", 0), ("en", 5)] {
            let line = |i: usize| (0..3 + i % 3).map(move |place| format!("{side}{} ", (i * 5 + place * shift) % 11));
            let lines: String = (0..12).flat_map(|i| line(i).chain(["\n".to_owned()])).collect();
            fs::write(folder.path().join(format!("{part}.{side}")), lines).unwrap();
        }
    }
    let model = "kind = \"encoder-decoder\", encoder_layers = 1, decoder_layers = 1, heads = 2, width = 32";
    let reversed =
        format!("data = {{ task = \"reverse-map\", n = 9, longest = 6 }}\nmodel = {{ {model}, context = 8 }}");
    assert!(left(&reversed, &[]) < 0.02);
    let folder = format!("{:?}", folder.path());
    let translated = format!(
        "data = {{ task = \"translation\", name = {folder}, source = \"de\", target = \"en\", tokenizer = {{ kind = \"words\", least = 1 }} }}\nmodel = {{ {model}, context = 8 }}"
    );
    assert!(left(&translated, &[]) < 0.02);
}

#[test]
fn of_examples() {
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let series = "@data\n1,2,3:4,5,6:a\n3,1:2,0:b\n-1,2:0,3:a\n0,0,1:1,1,1:c\n";
    for part in ["TRAIN", "TEST"] {
        let name = folder.path().file_name().unwrap().to_string_lossy();
        fs::write(folder.path().join(format!("{name}_{part}.ts")), series).unwrap();
    }
    let folder = format!("{:?}", folder.path());
    let images = format!(
        "data = {{ task = \"images\", name = {folder} }}\nmodel = {{ kind = \"classifier\", {MODEL}, patch = 4 }}"
    );
    assert!(left(&images, &[]) < 0.01);
    let series =
        format!("data = {{ task = \"series\", name = {folder} }}\nmodel = {{ kind = \"classifier\", {MODEL} }}");
    for pooling in ["class-token", "mean", "flatten"] {
        assert!(left(&series, &[&format!("model.pooling={pooling}")]) < 0.01);
    }
    let lists = format!(
        "data = {{ task = \"listops\", shortest = 5, longest = 20, examples = 20 }}\nmodel = {{ kind = \"classifier\", {MODEL} }}"
    );
    assert!(left(&lists, &[]) < 0.01);
}

/// Four images of 8 × 8 pixels in three classes, in the format of MNIST.
fn images(folder: &Path) {
    for part in ["train", "t10k"] {
        let header = |axes: &[u32]| {
            let sizes = axes.iter().flat_map(|axis| axis.to_be_bytes());
            [0, 0, 8, axes.len() as u8].into_iter().chain(sizes).collect::<Vec<u8>>()
        };
        let pixels = (0..4 * 64).map(|i| (i * i % 251) as u8);
        let images: Vec<u8> = header(&[4, 8, 8]).into_iter().chain(pixels).collect();
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let labels: Vec<u8> = header(&[4]).into_iter().chain([0, 1, 2, 1]).collect();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}
