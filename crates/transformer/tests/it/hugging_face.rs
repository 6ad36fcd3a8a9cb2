//! Small models of the Python package `transformers`: the same logits, the same tensors on the way back, and a sentence for each that is something else.

use std::collections::BTreeMap;
use std::path::Path;

use anther_attention::{AttentionConfig, Position};
use anther_tensor::{Element, Ids, ParamSet, Parameters, Tape, Tensor};
use anther_transformer::hugging_face::{Architecture, ForeignTensor, Form, Numbers, TokenIds};
use anther_transformer::{
    Activation, CausalLm, CausalLmConfig, Classifier, ClassifierConfig, Embeddings, EncoderDecoder,
    EncoderDecoderConfig, ExampleForm, Examples, MaskedLm, MaskedLmConfig, ModelConfig, NormKind, NormPosition,
    OutputKind, Pooling, Sentences,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

#[derive(Deserialize)]
struct File {
    config: Value,
    tensors: BTreeMap<String, Array>,
    inputs: BTreeMap<String, Array>,
    logits: Array,
}

impl File {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/hugging_face_{name}.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn tensors(&self) -> Vec<ForeignTensor> {
        let tensor = |(name, array): (&String, &Array)| {
            let numbers = Numbers::F32(array.data.iter().map(|&x| x as f32).collect());
            ForeignTensor { name: name.clone(), shape: array.shape.clone(), numbers }
        };
        self.tensors.iter().map(tensor).collect()
    }

    fn ids(&self, name: &str) -> Ids {
        let Array { shape, data } = &self.inputs[name];
        Ids::new([shape[0], shape[1]], data.iter().map(|&id| id as u32).collect())
    }
}

const NAMES: [&str; 6] = ["gpt2", "gpt2_untied", "roberta", "marian", "vit", "deit"];

enum Model {
    CausalLm(CausalLm),
    MaskedLm(MaskedLm),
    EncoderDecoder(Box<EncoderDecoder>),
    Classifier(Classifier),
}

fn build(config: &ModelConfig) -> (Model, Parameters<f32>) {
    let mut set = ParamSet::new();
    let scope = &mut set.root();
    let model = match config {
        ModelConfig::CausalLm(config) => Model::CausalLm(CausalLm::new(scope, config).unwrap()),
        ModelConfig::MaskedLm(config) => Model::MaskedLm(MaskedLm::new(scope, config).unwrap()),
        ModelConfig::EncoderDecoder(config) => {
            Model::EncoderDecoder(Box::new(EncoderDecoder::new(scope, config).unwrap()))
        }
        ModelConfig::Classifier(config) => Model::Classifier(Classifier::new(scope, config).unwrap()),
    };
    (model, Parameters::initialise(&set, 1))
}

fn imported(file: &File) -> (Form, Model, Parameters<f32>) {
    let (form, unknown) = Form::read(&file.config).unwrap();
    assert_eq!(unknown, [] as [&str; 0]);
    assert_eq!(form.check(&file.tensors()).unwrap(), [] as [&str; 0]);
    let (model, mut parameters) = build(&form.model);
    // A place that nothing is written to would show.
    parameters.values_mut().fill(f32::NAN);
    form.import(&file.tensors(), &mut parameters).unwrap();
    (form, model, parameters)
}

fn logits<T: Element>(model: &Model, parameters: &Parameters<T>, file: &File) -> Vec<f64> {
    let tape = Tape::inference(parameters);
    let logits = match model {
        Model::CausalLm(model) => model.logits(&tape, &file.ids("ids")),
        Model::MaskedLm(model) => model.logits(&tape, &file.ids("ids")),
        Model::EncoderDecoder(model) => {
            let lengths = file.inputs["lengths"].data.iter().map(|&length| length as usize).collect();
            let source = Sentences::new(file.ids("source"), lengths);
            model.logits(&tape, &source, &Sentences::whole(file.ids("target")))
        }
        Model::Classifier(model) => {
            let Array { shape, data } = &file.inputs["pixels"];
            let shape: [usize; 4] = shape[..].try_into().unwrap();
            model.logits(&tape, &Examples::images(Tensor::from_fn(shape, |i| data[i] as f32)))
        }
    };
    assert_eq!(logits.shape()[..], file.logits.shape);
    logits.value().data().iter().map(|x| x.to_f64()).collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| if a.is_finite() { (a - b).abs() } else { f64::INFINITY }).fold(0.0, f64::max)
}

#[test]
fn the_logits_are_those_of_transformers() {
    for name in NAMES {
        let file = File::read(name);
        let (_, model, parameters) = imported(&file);
        let single = largest_difference(&logits(&model, &parameters, &file), &file.logits.data);
        let double = largest_difference(&logits(&model, &parameters.cast::<f64>(), &file), &file.logits.data);
        println!("{name}: {single:.1e} in f32, {double:.1e} in f64");
        assert!(single < 2e-5, "{name}: {single}");
        // Pixels and sinusoidal positions are f32 on one side or the other.
        assert!(double < 2e-6, "{name}: {double}");
    }
}

#[test]
fn export_gives_the_tensors_and_the_keys_back() {
    for name in NAMES {
        let file = File::read(name);
        let (form, _, parameters) = imported(&file);
        let again = form.export(|name| parameters.tensor(parameters.find(name).unwrap()));
        assert_eq!(again.len(), file.tensors.len(), "{name}");
        for tensor in &again {
            let original = &file.tensors[&tensor.name];
            assert_eq!(tensor.shape, original.shape, "{}", tensor.name);
            let Numbers::F32(numbers) = &tensor.numbers else { panic!("{} is not F32", tensor.name) };
            let expected: Vec<f32> = original.data.iter().map(|&x| x as f32).collect();
            if tensor.name.ends_with("token_type_embeddings.weight") {
                assert!(numbers.iter().all(|&x| x == 0.0), "types of tokens are a part of the positions here");
            } else if name == "roberta" && tensor.name.ends_with("position_embeddings.weight") {
                let of_type = &file.tensors["roberta.embeddings.token_type_embeddings.weight"].data[..12];
                let sum = expected.iter().zip(of_type.iter().cycle()).map(|(a, &b)| a + b as f32);
                let rows: Vec<f32> = [0.0; 24].into_iter().chain(sum.skip(24)).collect();
                assert_eq!(*numbers, rows);
            } else {
                assert_eq!(*numbers, expected, "{}", tensor.name);
            }
        }
        // What is written means the same as what was read, for each key that is written.
        let config = form.config_json();
        for (key, value) in config.as_object().unwrap() {
            assert_eq!(*value, file.config[key], "{name}: {key}");
        }
        assert!(config.as_object().unwrap().len() >= 15, "{name}");
        assert_eq!(Form::read(&config).unwrap().0, form);
        assert_eq!(Form::of(form.model.clone(), form.tokens).unwrap().config_json(), {
            let mut config = config;
            // A recipe does not know of types.
            if let Some(types) = config.get_mut("type_vocab_size") {
                *types = json!(1);
            }
            config
        });
    }
}

#[test]
fn a_model_that_is_imported_again_is_the_same() {
    for name in NAMES {
        let file = File::read(name);
        let (form, _, parameters) = imported(&file);
        let tensors = form.export(|name| parameters.tensor(parameters.find(name).unwrap()));
        let mut again = build(&form.model).1;
        form.import(&tensors, &mut again).unwrap();
        for id in parameters.ids() {
            assert_eq!(parameters.tensor(id).data(), again.tensor(id).data(), "{name}: {}", parameters.spec(id).name);
        }
    }
}

#[test]
fn files_of_older_versions_are_read_too() {
    let file = File::read("gpt2");
    let (_, _, parameters) = imported(&file);
    // Names without the prefix, masks, and a copy of what is tied, as in the first files of GPT-2.
    let mut tensors = file.tensors();
    tensors.iter_mut().for_each(|tensor| tensor.name = tensor.name.replace("transformer.", ""));
    let copy = tensors.iter().find(|tensor| tensor.name == "wte.weight").unwrap().clone();
    tensors.push(ForeignTensor { name: "lm_head.weight".to_owned(), ..copy });
    let mask = ForeignTensor {
        name: "h.0.attn.bias".to_owned(),
        shape: vec![1, 1, 9, 9],
        numbers: Numbers::Other("BOOL".to_owned()),
    };
    tensors.push(mask);
    let (form, unknown) = Form::read(&json!({
        "model_type": "gpt2", "vocab_size": 13, "n_positions": 9, "n_embd": 12, "n_layer": 2, "n_head": 3, "n_inner": 20, "a_new_key": 1
    }))
    .unwrap();
    assert_eq!(unknown, ["a_new_key"]);
    assert_eq!(form.model.causal_lm().unwrap().activation, Activation::GeluTanh);
    assert_eq!(form.check(&tensors).unwrap(), ["h.0.attn.bias"]);
    let mut again = build(&form.model).1;
    form.import(&tensors, &mut again).unwrap();
    for id in parameters.ids() {
        assert_eq!(parameters.tensor(id).data(), again.tensor(id).data(), "{}", parameters.spec(id).name);
    }
}

/// RoBERTa with an output of its own: version 5 adds `lm_head.decoder.bias` and no longer `lm_head.bias`, and older files have the second name only.
#[test]
fn an_untied_output_has_the_bias_of_its_decoder() {
    let mut file = File::read("roberta");
    file.config["tie_word_embeddings"] = json!(false);
    let numbers = |name: &str, tensors: &[ForeignTensor]| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"));
        tensor.numbers.clone()
    };
    let mut tensors = file.tensors();
    let words = tensors.iter().find(|tensor| tensor.name.ends_with("word_embeddings.weight")).unwrap().clone();
    tensors.push(ForeignTensor { name: "lm_head.decoder.weight".to_owned(), ..words });
    let (form, _) = Form::read(&file.config).unwrap();
    let bias = |tensors: &[ForeignTensor]| {
        let mut parameters = build(&form.model).1;
        assert_eq!(form.check(tensors).unwrap(), [] as [&str; 0]);
        form.import(tensors, &mut parameters).unwrap();
        let bias = parameters.tensor(parameters.find("lm_head.bias").unwrap()).data().to_vec();
        (Numbers::F32(bias), form.export(|name| parameters.tensor(parameters.find(name).unwrap())))
    };
    let older = numbers("lm_head.bias", &tensors);
    assert_eq!(bias(&tensors).0, older);

    let of_decoder = Numbers::F32((0..13).map(|i| i as f32).collect());
    assert_ne!(of_decoder, older);
    let name = "lm_head.decoder.bias".to_owned();
    tensors.push(ForeignTensor { name, shape: vec![13], numbers: of_decoder.clone() });
    let (read, written) = bias(&tensors);
    assert_eq!(read, of_decoder);
    for name in ["lm_head.bias", "lm_head.decoder.bias"] {
        assert_eq!(numbers(name, &written), of_decoder, "{name}");
    }
    tensors.retain(|tensor| !["lm_head.bias", "lm_head.decoder.bias"].contains(&&tensor.name[..]));
    let missing = form.check(&tensors).unwrap_err().to_string();
    assert_eq!(missing, "the tensor lm_head.decoder.bias is missing, and config.json asks for it");

    // A tied output has one bias.
    let tied = File::read("roberta");
    let mut tensors = tied.tensors();
    tensors.push(ForeignTensor { name: "lm_head.decoder.bias".to_owned(), shape: vec![13], numbers: of_decoder });
    let refused = Form::read(&tied.config).unwrap().0.check(&tensors).unwrap_err().to_string();
    assert!(refused.contains("lm_head.decoder.bias is not lm_head.bias, but config.json ties the two"), "{refused}");
}

#[test]
fn a_config_that_no_model_here_can_be_is_refused_with_its_key() {
    let refused = |name: &str, key: &str, value: Value, words: &[&str]| {
        let mut config = File::read(name).config;
        config[key] = value;
        let error = Form::read(&config).unwrap_err().to_string();
        for word in words.iter().chain([&key]) {
            assert!(error.contains(word), "{name}, {key}: {error} does not say {word}");
        }
    };
    refused("gpt2", "model_type", json!("llama"), &["\"llama\"", "\"gpt2\", \"roberta\""]);
    refused("gpt2", "model_type", json!(null), &["is not there"]);
    refused("gpt2", "architectures", json!(["GPT2ForSequenceClassification"]), &["GPT2LMHeadModel"]);
    refused("gpt2", "n_embd", json!(null), &["is not there"]);
    refused("gpt2", "n_embd", json!("12"), &["is \"12\"", "a whole number"]);
    refused("gpt2", "n_embd", json!(-12), &["is -12"]);
    refused("gpt2", "n_embd", json!(12.5), &["is 12.5"]);
    refused("gpt2", "activation_function", json!("tanh"), &["is \"tanh\"", "gelu_new"]);
    refused("gpt2", "scale_attn_by_inverse_layer_idx", json!(true), &["only false"]);
    refused("gpt2", "add_cross_attention", json!(true), &["only false"]);
    refused("gpt2", "tie_word_embeddings", json!(3), &["true or false"]);
    refused("gpt2", "layer_norm_epsilon", json!("small"), &["a number"]);
    refused("roberta", "hidden_act", json!("relu"), &["only \"gelu\""]);
    refused("roberta", "position_embedding_type", json!("relative_key"), &["only \"absolute\""]);
    refused("roberta", "is_decoder", json!(true), &["only false"]);
    refused("roberta", "pad_token_id", json!(9), &["max_position_embeddings is 10", "counted from 10"]);
    refused("roberta", "pad_token_id", json!(u64::MAX), &["the number of a token"]);
    refused("roberta", "type_vocab_size", json!(0), &["is 0"]);
    refused("marian", "decoder_attention_heads", json!(2), &["is 2", "encoder_attention_heads is 3"]);
    refused("marian", "decoder_ffn_dim", json!(24), &["encoder_ffn_dim is 20"]);
    refused("marian", "decoder_vocab_size", json!(14), &["vocab_size is 13"]);
    refused("marian", "share_encoder_decoder_embeddings", json!(false), &["only true"]);
    refused("marian", "normalize_before", json!(true), &["only false"]);
    refused("marian", "static_position_embeddings", json!(false), &["only true"]);
    refused("vit", "qkv_bias", json!(false), &["only true"]);
    refused("vit", "image_size", json!([8, 12, 3]), &["[rows, columns]"]);
    refused("vit", "image_size", json!(1_u64 << 60), &["at most 16384"]);
    refused("vit", "id2label", json!([1]), &["no object"]);
    refused("deit", "architectures", json!(["DeiTForImageClassificationWithTeacher"]), &["DeiTForImageClassification"]);

    // What the models here refuse is named by their own keys.
    let ours = |name: &str, key: &str, value: Value, start: &str| {
        let mut config = File::read(name).config;
        config[key] = value;
        let error = Form::read(&config).unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    };
    ours("gpt2", "n_head", json!(5), "model.heads");
    ours("gpt2", "n_layer", json!(u32::MAX), "model.layers");
    ours("gpt2", "n_layer", json!(0), "model.layers");
    ours("vit", "patch_size", json!(5), "model.patch");
    ours("vit", "patch_size", json!(0), "model.patch");
    ours("vit", "id2label", json!({}), "classes");
    assert_eq!(Form::read(&json!([1])).unwrap_err().to_string(), "config.json is no JSON object");
}

#[test]
fn tensors_that_are_not_those_of_the_config_are_refused_by_name() {
    let refused = |name: &str, change: &dyn Fn(&mut Vec<ForeignTensor>), words: &[&str]| {
        let file = File::read(name);
        let (form, _) = Form::read(&file.config).unwrap();
        let mut tensors = file.tensors();
        change(&mut tensors);
        let error = form.check(&tensors).unwrap_err().to_string();
        let (_, mut parameters) = build(&form.model);
        let before = parameters.values().to_vec();
        assert_eq!(form.import(&tensors, &mut parameters).unwrap_err().to_string(), error);
        assert_eq!(parameters.values(), before, "nothing is changed");
        for word in words {
            assert!(error.contains(word), "{error} does not say {word}");
        }
    };
    for name in NAMES {
        let tensors = File::read(name).tensors();
        for (place, tensor) in tensors.iter().enumerate() {
            // The first name of all is that of a prefix, which files leave out as a whole only.
            refused(name, &|t| drop(t.remove(place)), &[&tensor.name, "is missing"]);
            refused(name, &|t| t[place].shape.insert(0, 2), &[&tensor.name, "has the shape [2, "]);
            refused(name, &|t| t[place].numbers = Numbers::Other("I64".to_owned()), &[&tensor.name, "holds I64"]);
        }
        let extra = ForeignTensor { name: "score.weight".to_owned(), ..tensors[0].clone() };
        refused(name, &|t| t.push(extra.clone()), &["score.weight", "has no place"]);
        let broken = |t: &mut Vec<ForeignTensor>| {
            if let Numbers::F32(numbers) = &mut t[2].numbers {
                numbers[1] = f32::NAN;
            }
        };
        refused(name, &broken, &[&tensors[2].name, "holds NaN at place 1"]);
    }
    let untied = |t: &mut Vec<ForeignTensor>| {
        let mut copy = t.iter().find(|tensor| tensor.name == "model.shared.weight").unwrap().clone();
        copy.name = "lm_head.weight".to_owned();
        if let Numbers::F32(numbers) = &mut copy.numbers {
            numbers[0] += 1.0;
        }
        t.push(copy);
    };
    refused("marian", &untied, &["lm_head.weight", "ties the two"]);
}

#[test]
fn a_model_without_a_form_there_is_refused_with_the_key_of_its_recipe() {
    fn refused(model: impl Into<ModelConfig>, words: &[&str]) {
        let tokens = TokenIds { padding: Some(0), ..TokenIds::default() };
        let error = Form::of(model.into(), tokens).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error} does not say {word}");
        }
    }
    let gpt2 = || CausalLmConfig { vocab_size: 7, tied: true, ..CausalLmConfig::default() };
    Form::of(gpt2().into(), TokenIds::default()).unwrap();
    // What only training reads does not matter.
    let trained = CausalLmConfig { init_std: Some(0.1), position_std: 0.3, dropout: 0.2, ..gpt2() };
    Form::of(trained.into(), TokenIds::default()).unwrap();
    for (preset, key) in [
        ("neural", "model.attention.score.kind: \"neural\" has no form in GPT-2, which has \"dot\""),
        ("bn", "model.attention.condition"),
        ("multi-query", "model.attention.project.kv_heads: 1 has no form"),
        ("kgv", "model.attention.project.kind"),
        ("expressive", "model.attention.weighing"),
        ("sinks", "model.attention.sinks"),
        ("centred", "model.attention.after.kind"),
        ("window", "model.attention.window"),
        ("block-sparse", "model.attention.sparse"),
    ] {
        refused(CausalLmConfig { attention: AttentionConfig::preset(preset).unwrap(), ..gpt2() }, &[key]);
    }
    let with = |attention: AttentionConfig| CausalLmConfig { attention, ..gpt2() };
    refused(
        with(AttentionConfig { position: Position::Rotary, ..AttentionConfig::default() }),
        &["model.attention.position: \"rotary\""],
    );
    refused(with(AttentionConfig { scale: Some(0.5), ..AttentionConfig::default() }), &["model.attention.scale: 0.5"]);
    let some = |scale| AttentionConfig { scale, layers: vec![0], ..AttentionConfig::default() };
    refused(with(some(Some(1.0))), &["model.attention.layers: [0] has no form in GPT-2"]);
    Form::of(with(some(None)).into(), TokenIds::default()).unwrap();
    Form::of(with(AttentionConfig { layers: vec![], ..some(Some(1.0)) }).into(), TokenIds::default()).unwrap();
    refused(with(AttentionConfig { bias: false, ..AttentionConfig::default() }), &["model.attention.bias: false"]);
    refused(CausalLmConfig { norm: NormKind::RmsNorm, ..gpt2() }, &["model.norm: \"rms-norm\""]);
    refused(CausalLmConfig { norm_position: NormPosition::Post, ..gpt2() }, &["model.norm_position"]);
    refused(CausalLmConfig { activation: Activation::Swiglu, ..gpt2() }, &["model.activation", "swiglu"]);
    refused(CausalLmConfig { bias: false, ..gpt2() }, &["model.bias: false"]);

    let roberta = || MaskedLmConfig { vocab_size: 7, ..MaskedLmConfig::default() };
    refused(
        MaskedLmConfig { activation: Activation::Relu, ..roberta() },
        &["model.activation: \"relu\" has no form in RoBERTa"],
    );
    refused(MaskedLmConfig { embedding_norm: false, ..roberta() }, &["model.embedding_norm"]);
    let unpadded = Form::of(roberta().into(), TokenIds::default()).unwrap_err().to_string();
    assert!(unpadded.contains("pad_token_id") && unpadded.contains("no token for padding"), "{unpadded}");

    let marian = || {
        let config =
            EncoderDecoderConfig { source_vocabulary: 7, target_vocabulary: 7, ..EncoderDecoderConfig::default() };
        config.with_preset("transformer-tied").unwrap()
    };
    refused(marian(), &["model.norm_eps: 1e-6 has no form in Marian, which has 0.00001"]);
    refused(EncoderDecoderConfig { norm_eps: 1e-5, ..marian() }, &["model.output_bias: false"]);
    refused(
        EncoderDecoderConfig { output: OutputKind::Dense, norm_eps: 1e-5, ..marian() },
        &["model.output: \"dense\""],
    );
    let shared = EncoderDecoderConfig { norm_eps: 1e-5, output_bias: true, ..marian() };
    Form::of(shared.clone().into(), TokenIds::default()).unwrap();
    refused(EncoderDecoderConfig { embeddings: Embeddings::Separate, ..shared }, &["model.embeddings: \"separate\""]);

    let images = ExampleForm::Images { shape: [3, 8, 8] };
    let vit =
        || ClassifierConfig { form: images, classes: 3, pooling: Pooling::ClassToken, ..ClassifierConfig::default() };
    assert_eq!(Form::of(vit().into(), TokenIds::default()).unwrap().architecture, Architecture::Vit);
    let deit = ClassifierConfig { distillation_token: true, ..vit() };
    assert_eq!(Form::of(deit.into(), TokenIds::default()).unwrap().architecture, Architecture::Deit);
    refused(ClassifierConfig { pooling: Pooling::Mean, ..vit() }, &["model.pooling: \"mean\" has no form in ViT"]);
    refused(ClassifierConfig { head_hidden: Some(4), ..vit() }, &["model.head_hidden: 4"]);
    refused(ClassifierConfig { form: ExampleForm::Series { channels: 2, longest: 8 }, ..vit() }, &["series or tokens"]);
}
