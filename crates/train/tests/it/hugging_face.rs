//! Checkpoints of `transformers` on the disk: what is read, what is refused with one sentence, and that nothing is written then.

use std::fs;
use std::path::{Path, PathBuf};

use anther_data::DataDir;
use anther_data::images::Standard;
use anther_data::tokenizer::{Tokenizer, TokenizerConfig, TokenizerKind};
use anther_tensor::{Ids, Tape};
use anther_train::batch::Batch;
use anther_train::checkpoint::{LoadedTensor, NamedTensor, decode_tensors, encode_tensors};
use anther_train::generate::Sampling;
use anther_train::hugging_face::{Checkpoint, HuggingFaceError, Import, export};
use anther_train::trained::{TrainedModel, Which};
use anther_train::trainer::{Out, Reason, ResumeOptions, StartOptions, Trainer};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A golden file of the crate of the models.
fn golden(name: &str) -> Value {
    let path = format!("../transformer/tests/golden/hugging_face_{name}.json");
    serde_json::from_slice(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()).unwrap()
}

fn floats(array: &Value) -> Vec<f32> {
    array["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn shape(array: &Value) -> Vec<usize> {
    array["shape"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn tensors(golden: &Value) -> Vec<LoadedTensor> {
    let tensor = |(name, array): (&String, &Value)| LoadedTensor {
        name: name.clone(),
        shape: shape(array),
        data: floats(array),
    };
    golden["tensors"].as_object().unwrap().iter().map(tensor).collect()
}

fn encoded(tensors: &[LoadedTensor]) -> Vec<u8> {
    let named: Vec<_> =
        tensors.iter().map(|LoadedTensor { name, shape, data }| NamedTensor { name, shape, data }).collect();
    encode_tensors(&named).unwrap()
}

/// Eight words, which are 13 tokens with the special ones.
fn words() -> Tokenizer {
    let config = TokenizerConfig { kind: TokenizerKind::Words, size: 100, least: 1 };
    Tokenizer::train(&config, ["the quick brown fox jumps over lazy\n"].into_iter()).unwrap()
}

/// A folder with a checkpoint.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(name: &str) -> Self {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("hf")).unwrap();
        let golden = golden(name);
        place.write("config.json", golden["config"].to_string());
        place.write("model.safetensors", encoded(&tensors(&golden)));
        place.write("tokenizer.json", words().to_json());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path("hf").join(name), content).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path("hf").join(name)).unwrap();
    }

    fn start(&self, edits: &[&str]) -> Result<(Trainer, Vec<String>), HuggingFaceError> {
        let edits = edits.iter().map(|&edit| edit.to_owned()).collect();
        let options = StartOptions {
            out: Out::Directory(self.path("run")),
            data: DataDir::resolve(Some(self.dir.path()), None),
            command: String::new(),
        };
        Import { dir: self.path("hf"), tokenizer: None, edits }.start(&options)
    }

    #[track_caller]
    fn refuses(&self, edits: &[&str], words: &[&str]) {
        let error = match self.start(edits) {
            Ok(_) => panic!("nothing was refused, not {words:?}"),
            Err(error) => error.to_string(),
        };
        for word in words {
            assert!(error.contains(word), "{error} does not say {word}");
        }
        assert!(!self.path("run").exists(), "{error}, but something was written");
    }

    fn logits(&self) -> Vec<f32> {
        let Checkpoint { model, parameters, .. } = Checkpoint::read(&self.path("hf")).unwrap();
        let model = model.causal_lm().unwrap();
        model.logits(&Tape::inference(&parameters), &Ids::new([1, 3], vec![2, 7, 11])).value().data().to_vec()
    }
}

#[test]
fn a_checkpoint_becomes_a_run_and_again_a_checkpoint() {
    let place = Place::new("gpt2");
    let (trainer, warnings) = place.start(&[]).unwrap();
    assert_eq!(warnings, [] as [&str; 0]);
    drop(trainer);
    let trained = TrainedModel::load(&place.path("run"), Which::Latest, true).unwrap();
    assert_eq!(trained.step, 0);
    let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
    let text = trained.generate("the fox", 4, &greedy, 1, &mut |_| ()).unwrap();
    assert_eq!(text, trained.generate("the fox", 4, &greedy, 2, &mut |_| ()).unwrap());

    // Without data there is nothing to measure on or to train on.
    let data = DataDir::resolve(Some(place.dir.path()), None);
    let error = trained.evaluate(&data).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("the model has no data") && error.contains("--set data.name=FOLDER"), "{error}");
    let resumed = Trainer::resume(&place.path("run"), &ResumeOptions { data, strict: true, steps: None });
    let error = resumed.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("data.path: the task text needs a file"), "{error}");

    let exported = export(&trained, &place.path("back"), false).unwrap();
    assert!(!exported.tokenizer, "words are not in the form of Hugging Face");
    let bytes = fs::read(place.path("back/model.safetensors")).unwrap();
    let again = decode_tensors(&bytes, Path::new("back")).unwrap();
    let mut original = tensors(&golden("gpt2"));
    original.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(again, original);
    let config: Value = serde_json::from_slice(&fs::read(place.path("back/config.json")).unwrap()).unwrap();
    let before = golden("gpt2")["config"].clone();
    for key in ["model_type", "n_embd", "n_inner", "n_positions", "activation_function", "tie_word_embeddings"] {
        assert_eq!(config[key], before[key], "{key}");
    }
    let error = export(&trained, &place.path("back"), false).unwrap_err().to_string();
    assert!(error.contains("back exists already"), "{error}");
}

#[test]
fn a_checkpoint_is_trained_on_where_it_has_data() {
    let place = Place::new("gpt2");
    fs::write(place.path("text.txt"), "the quick brown fox jumps over the lazy fox\n".repeat(40)).unwrap();
    let edits = ["data.path=text.txt", "train.steps=2", "train.batch=2", "train.eval_batches=1"];
    drop(place.start(&edits).unwrap());
    let data = DataDir::resolve(Some(place.dir.path()), None);
    let before = TrainedModel::load(&place.path("run"), Which::Latest, true).unwrap();
    let (_, measured) = before.evaluate(&data).unwrap();
    assert!(measured.loss.is_finite());
    // The same text in the tokens of the checkpoint, not in some that were made of it.
    assert_eq!(before.symbols.form().outputs(), 13);
    let mut trainer =
        Trainer::resume(&place.path("run"), &ResumeOptions { data: data.clone(), strict: true, steps: None }).unwrap();
    let outcome = trainer.run(&mut (), &|| None).unwrap();
    assert_eq!((outcome.steps, outcome.stopped), (2, Reason::Finished));
    let (_, after) = TrainedModel::load(&place.path("run"), Which::Latest, true).unwrap().evaluate(&data).unwrap();
    assert!(after.loss < measured.loss, "{} is not below {}", after.loss, measured.loss);
}

#[test]
fn numbers_of_16_bits_are_widened() {
    let place = Place::new("gpt2");
    // Numbers that both types hold: few bits, and a denormal of F16 besides.
    let mut tensors = tensors(&golden("gpt2"));
    tensors.iter_mut().for_each(|t| t.data.iter_mut().for_each(|x| *x = (*x * 32.0).round() / 32.0));
    tensors[3].data[0] = 2f32.powi(-20);
    tensors[3].data[1] = -0.0;
    place.write("model.safetensors", encoded(&tensors));
    let expected = place.logits();
    let to_bf16 = |x: f32| ((x.to_bits() >> 16) as u16).to_le_bytes();
    let to_f16 = |x: f32| {
        let (sign, magnitude) = (u16::from(x.is_sign_negative()) << 15, x.abs());
        let exponent = magnitude.log2().floor().max(-14.0);
        let bits = match magnitude {
            0.0 => 0,
            x if x < 2f32.powi(-14) => (x * 2f32.powi(24)) as u16,
            x => ((exponent as i32 + 15) as u16) << 10 | ((x / exponent.exp2() - 1.0) * 1024.0) as u16,
        };
        (sign | bits).to_le_bytes()
    };
    for (dtype, narrowed) in [("BF16", &to_bf16 as &dyn Fn(f32) -> [u8; 2]), ("F16", &to_f16)] {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for LoadedTensor { name, shape, data: numbers } in &tensors {
            let start = data.len();
            data.extend(numbers.iter().flat_map(|&x| narrowed(x)));
            header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        place.write("model.safetensors", [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat());
        assert_eq!(place.logits(), expected, "{dtype}");
        place.write("model.safetensors", {
            let text = String::from_utf8(header).unwrap().replace(dtype, "I16").into_bytes();
            let padded = [&text[..], &vec![b' '; text.len().next_multiple_of(8) - text.len()]].concat();
            [&(padded.len() as u64).to_le_bytes()[..], &padded, &data].concat()
        });
        place.refuses(&[], &["model.safetensors: the tensor", "holds I16", "convert it first"]);
    }
}

#[test]
fn tensors_in_several_files_are_found_by_their_index() {
    let place = Place::new("gpt2");
    let expected = place.logits();
    place.remove("model.safetensors");
    let all = tensors(&golden("gpt2"));
    let (one, two) = all.split_at(9);
    place.write("a.safetensors", encoded(one));
    place.write("b.safetensors", encoded(two));
    let map = |one_in: &str| -> Value {
        let entry =
            |(i, t): (usize, &LoadedTensor)| (t.name.clone(), json!(if i < 9 { one_in } else { "b.safetensors" }));
        json!({"metadata": {}, "weight_map": all.iter().enumerate().map(entry).collect::<serde_json::Map<_, _>>()})
    };
    let index = |value: &Value| place.write("model.safetensors.index.json", value.to_string());
    index(&map("a.safetensors"));
    assert_eq!(place.logits(), expected);
    for file in [
        "../a.safetensors",
        "/etc/a.safetensors",
        "..",
        "sub/a.safetensors",
        "a.bin",
        ".a.safetensors",
        "C:a.safetensors",
    ] {
        index(&map(file));
        place.refuses(&[], &["model.safetensors.index.json", file, "not the name of a file beside it"]);
    }
    index(&map("c.safetensors"));
    place.refuses(&[], &["c.safetensors", "No such file"]);
    index(&json!({"weight_map": 3}));
    place.refuses(&[], &["model.safetensors.index.json", "weight_map"]);
    let mut moved = map("a.safetensors");
    moved["weight_map"][&one[0].name] = json!("b.safetensors");
    index(&moved);
    place.refuses(&[], &["a.safetensors", &one[0].name, "elsewhere"]);
    moved = map("a.safetensors");
    moved["weight_map"]["invented"] = json!("b.safetensors");
    index(&moved);
    place.refuses(&[], &["b.safetensors", "does not have the tensor invented"]);
}

#[test]
fn what_is_missing_or_damaged_is_one_sentence_and_leaves_nothing() {
    let damaged = |change: &dyn Fn(&Place), edits: &[&str], words: &[&str]| {
        let place = Place::new("gpt2");
        change(&place);
        place.refuses(edits, words);
    };
    damaged(&|p| p.remove("config.json"), &[], &["hf has no config.json"]);
    damaged(&|p| p.remove("model.safetensors"), &[], &["hf has no model.safetensors", "save_pretrained"]);
    damaged(&|p| p.remove("tokenizer.json"), &[], &["hf has no tokenizer.json", "--tokenizer"]);
    damaged(&|p| p.write("config.json", "{"), &[], &["config.json cannot be used: it is not JSON"]);
    damaged(&|p| p.write("config.json", "[]"), &[], &["config.json is no JSON object"]);
    damaged(&|p| p.write("config.json", [0xff]), &[], &["config.json", "not JSON"]);
    damaged(&|p| p.write("config.json", "[".repeat(100_000)), &[], &["config.json", "not JSON"]);
    damaged(&|p| p.write("model.safetensors", ""), &[], &["model.safetensors is not a valid safetensors file"]);
    damaged(&|p| p.write("model.safetensors", [0xff; 64]), &[], &["model.safetensors", "at most 16777216"]);
    let truncated = |p: &Place| {
        let bytes = encoded(&tensors(&golden("gpt2")));
        p.write("model.safetensors", &bytes[..bytes.len() - 1]);
    };
    damaged(&truncated, &[], &["model.safetensors is not a valid safetensors file"]);
    damaged(&|p| p.write("tokenizer.json", "{}"), &[], &["tokenizer.json"]);
    let larger = |p: &Place| {
        let mut config = golden("gpt2")["config"].clone();
        config["vocab_size"] = json!(1_u64 << 40);
        p.write("config.json", config.to_string());
    };
    damaged(&larger, &[], &["transformer.wte.weight", "has the shape [13, 12]", "[1099511627776, 12]"]);
    let other_tokenizer = |p: &Place| {
        let config = TokenizerConfig { kind: TokenizerKind::Bytes, ..TokenizerConfig::default() };
        p.write("tokenizer.json", Tokenizer::train(&config, ["x"].into_iter()).unwrap().to_json());
    };
    damaged(&other_tokenizer, &[], &["tokenizer.json", "it has 261 tokens", "the model has 13"]);
    damaged(&|_| (), &["model.width=8"], &["--set model.width=8", "only keys of data and train"]);
    damaged(&|_| (), &["data.task=nt"], &["data"]);
    damaged(&|_| (), &["train.stepz=8"], &["train.stepz", "did you mean `train.steps`"]);
    damaged(&|_| (), &["data.path=nowhere.txt"], &["nowhere.txt"]);
    damaged(&|p| fs::create_dir(p.path("elsewhere")).unwrap(), &["data.name=elsewhere"], &["elsewhere"]);
}

#[test]
fn a_single_flipped_bit_of_a_header_never_panics() {
    let place = Place::new("gpt2");
    let bytes = encoded(&tensors(&golden("gpt2")));
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for place_of_bit in (0..header * 8).step_by(31) {
        let mut damaged = bytes.clone();
        damaged[place_of_bit / 8] ^= 1 << (place_of_bit % 8);
        place.write("model.safetensors", &damaged);
        // What still is a file of the same tensors (white space, `format`) is fine.
        drop(Checkpoint::read(&place.path("hf")));
    }
}

/// GPT-2 with tables of more rows than the tokenizer has tokens.
fn with_rows(rows: usize) -> Place {
    let place = Place::new("gpt2");
    let mut config = golden("gpt2")["config"].clone();
    config["vocab_size"] = json!(rows);
    place.write("config.json", config.to_string());
    let mut longer = tensors(&golden("gpt2"));
    let table = longer.iter_mut().find(|tensor| tensor.name == "transformer.wte.weight").unwrap();
    // Rows that nobody has trained, and that would be predicted before all others if they were there.
    table.data.resize(rows * table.shape[1], 100.0);
    table.shape[0] = rows;
    place.write("model.safetensors", encoded(&longer));
    place
}

#[test]
fn rows_beyond_the_tokenizer_are_left_out() {
    let read = |place: Place, warned: &[&str]| {
        let (trainer, warnings) = place.start(&[]).unwrap();
        drop(trainer);
        assert_eq!(warnings.len(), warned.len());
        assert!(warnings.iter().zip(warned).all(|(found, words)| found.contains(words)), "{warnings:?}");
        let run = TrainedModel::load(&place.path("run"), Which::Latest, true).unwrap();
        export(&run, &place.path("back"), false).unwrap();
        ["model.safetensors", "config.json"].map(|file| fs::read(place.path("back").join(file)).unwrap())
    };
    let plain = read(Place::new("gpt2"), &[]);
    assert!(read(with_rows(16), &["config.json: the last 3 rows of the vocabulary belong to no token"]) == plain);
    assert!(read(with_rows(1032), &["the last 1019 rows"]) == plain);
    // No round number, more than rounding gives, and fewer rows than tokens.
    for rows in [14, 1048, 8] {
        with_rows(rows).refuses(&[], &["tokenizer.json", "it has 13 tokens", &format!("the model has {rows}")]);
    }
}

/// Five images of one level and one class each, as files of the format of MNIST in the folder `greys` of a place.
fn write_greys(place: &Place, side: usize) {
    let file = |axes: &[usize], elements: Vec<u8>| {
        let axes: Vec<u8> = axes.iter().flat_map(|&axis| (axis as u32).to_be_bytes()).collect();
        [vec![0, 0, 8, (axes.len() / 4) as u8], axes, elements].concat()
    };
    fs::create_dir(place.path("greys")).unwrap();
    for part in ["train", "t10k"] {
        let pixels = (0..5).flat_map(|image| vec![image * 51; side * side]).collect();
        let at = |what: &str| place.path("greys").join(format!("{part}-{what}-ubyte"));
        fs::write(at("images-idx3"), file(&[5, side, side], pixels)).unwrap();
        fs::write(at("labels-idx1"), file(&[5], vec![0, 1, 2, 3, 4])).unwrap();
    }
}

/// The number that a trained model reads for each of the greys.
fn read_as(place: &Place, trained: &TrainedModel) -> Vec<f32> {
    let task = trained.task(&DataDir::resolve(Some(place.dir.path()), None)).unwrap();
    let mut batch = Batch::default();
    task.batch(0, &mut batch).unwrap();
    let Batch::Labelled { batch, .. } = batch else { panic!("a batch of examples") };
    let mut read = vec![f32::NAN; 5];
    for (image, &label) in batch.numbers.chunks_exact(64).zip(&batch.labels) {
        assert!(image.iter().all(|number| (number - image[0]).abs() < 1e-6));
        read[label as usize] = image[0];
    }
    read
}

#[test]
fn images_are_standardised_as_the_checkpoint_says() {
    let place = Place::new("deit");
    // Larger than what the model takes.
    write_greys(&place, 10);
    let file = json!({ "do_center_crop": false, "image_mean": [0.4], "image_std": [0.25], "size": 8 });
    place.write("preprocessor_config.json", file.to_string());
    let edits = ["data.name=greys", "train.batch=5"];
    let run = |edits: &[&str]| {
        let _ = fs::remove_dir_all(place.path("run"));
        let (trainer, warnings) = place.start(edits).unwrap();
        drop(trainer);
        (TrainedModel::load(&place.path("run"), Which::Latest, true).unwrap(), warnings)
    };
    let (trained, warnings) = run(&edits);
    assert_eq!(warnings, [] as [&str; 0]);
    assert_eq!(trained.standard, Some(Standard { mean: vec![0.4], std: vec![0.25] }));
    let expected: Vec<f32> = (0..5u8).map(|image| (f32::from(image) / 5.0 - 0.4) / 0.25).collect();
    let found = read_as(&place, &trained);
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");

    // Without data the numbers are kept for those who export it, and they go there and back.
    let (trained, _) = run(&[]);
    assert!(export(&trained, &place.path("back"), false).unwrap().preprocessor);
    let exported: Value =
        serde_json::from_slice(&fs::read(place.path("back/preprocessor_config.json")).unwrap()).unwrap();
    assert_eq!((&exported["image_mean"], &exported["image_std"]), (&json!([0.4]), &json!([0.25])));
    assert_eq!(exported["size"], json!({ "height": 8, "width": 8 }));
    place.write("preprocessor_config.json", exported.to_string());
    assert_eq!(run(&edits).0.standard, trained.standard);
    // What the user says goes before what the file says.
    let own = [&edits[..], &["data.mean=[0.0]", "data.std=[1.0]"]].concat();
    assert_eq!(read_as(&place, &run(&own).0), [0.0, 0.2, 0.4, 0.6, 0.8]);

    // Without the file the statistics of the data are what the run knows, and nothing if it has none.
    place.remove("preprocessor_config.json");
    let (trained, _) = run(&[&edits[..], &["data.size=8"]].concat());
    let Some(Standard { mean, std }) = trained.standard else { panic!("no statistics") };
    assert!((mean[0] - 0.4).abs() < 1e-12 && (std[0] - 0.08f64.sqrt()).abs() < 1e-12, "{mean:?} {std:?}");
    let (trained, _) = run(&[]);
    assert_eq!(trained.standard, None);
    assert!(!export(&trained, &place.path("bare"), false).unwrap().preprocessor);
    assert!(!place.path("bare/preprocessor_config.json").exists());

    // What differs is told, and what cannot be is refused.
    let file = json!({ "do_center_crop": true, "crop_size": 9, "image_mean": 0.5, "image_std": 0.5 });
    place.write("preprocessor_config.json", file.to_string());
    let (_, warnings) = run(&[]);
    assert!(
        warnings.len() == 2 && warnings[0].contains("preprocessor_config.json: it cuts the middle"),
        "{warnings:?}"
    );
    fs::remove_dir_all(place.path("run")).unwrap();
    for (file, words) in [
        ("{", "it is not JSON"),
        ("[1]", "it is no JSON object"),
        (r#"{"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1]}"#, "image_mean has 3 numbers"),
        (r#"{"image_mean": [0.5], "image_std": [0]}"#, "data.std: 0 is not between"),
    ] {
        place.write("preprocessor_config.json", file);
        place.refuses(&[], &[words]);
    }
    place.remove("preprocessor_config.json");
    place.refuses(
        &["data.name=greys", "data.mean=[0, 0]", "data.std=[1, 1]"],
        &["have 2 numbers, but the images have 1"],
    );
}

#[test]
fn images_are_those_of_the_config() {
    for name in ["vit", "deit"] {
        let place = Place::new(name);
        drop(place.start(&[]).unwrap());
        let trained = TrainedModel::load(&place.path("run"), Which::Best, true).unwrap();
        export(&trained, &place.path("back"), false).unwrap();
        let bytes = fs::read(place.path("back/model.safetensors")).unwrap();
        let mut original = tensors(&golden(name));
        original.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(decode_tensors(&bytes, Path::new("back")).unwrap(), original);
        fs::remove_dir_all(place.path("run")).unwrap();
        place.refuses(&["data.name=none"], &["none"]);
    }
}
