//! What the slots must be equal to, as the papers' equations have it.

use anther_attention::statistics::{span_mean, span_variance};
use anther_attention::{
    After, AttentionConfig, AttentionContext, BatchNormConfig, CentredConfig, Condition, GateConfig, LinearConfig,
    Mask, Memory, MlpActivation, MlpConfig, MultiHeadAttention, PoolingConfig, Position, Project,
};
use anther_tensor::{ParamSet, Parameters, RandomKey, Tape, Tensor};
use anther_testkit::assert_close;

const WIDTH: usize = 8;
const HEADS: usize = 4;
const D: usize = WIDTH / HEADS;

fn noise(shape: [usize; 3], salt: u64) -> Tensor<f64> {
    let key = RandomKey::new(9, salt, 0);
    Tensor::from_fn(shape, |i| key.normal(i as u64))
}

/// A layer whose parameters are changed by `edit`, given their name and values.
fn run(config: &AttentionConfig, mask: &Mask, x: &Tensor<f64>, mut edit: impl FnMut(&str, &mut [f64])) -> Vec<f64> {
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let mut parameters = Parameters::<f64>::initialise(&set, 5);
    for id in parameters.ids().collect::<Vec<_>>() {
        let (name, mut values) = (parameters.spec(id).name.clone(), parameters.tensor(id).data().to_vec());
        edit(&name, &mut values);
        parameters.set(id, &values);
    }
    let tape = Tape::inference(&parameters);
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let context = AttentionContext::new(config, mask, batch, length, 0, HEADS, D);
    layer.forward(&tape.constant(x.clone()), &context).value().data().to_vec()
}

fn untouched(config: &AttentionConfig, mask: &Mask, x: &Tensor<f64>) -> Vec<f64> {
    run(config, mask, x, |_, _| ())
}

fn with_project(project: Project) -> AttentionConfig {
    AttentionConfig { project, ..AttentionConfig::default() }
}

fn masks() -> [Mask; 4] {
    [Mask::full(), Mask::causal(), Mask::causal().within(3), Mask::full().padded(vec![6, 3])]
}

/// ReLU(x) − ReLU(−x) = x: a network with W₁ = [I; −I] and W₂ = [W, −W] is the linear map W.
#[test]
fn a_network_without_norm_contains_the_linear_layer() {
    let x = noise([2, 6, WIDTH], 1);
    let mlp = with_project(Project::Mlp(MlpConfig::roberta()));
    let linear = untouched(&AttentionConfig::default(), &Mask::causal(), &x);
    let mut matrices = std::collections::BTreeMap::new();
    run(&AttentionConfig::default(), &Mask::causal(), &x, |name, values| {
        matrices.insert(name.to_owned(), values.to_vec());
    });
    let network = run(&mlp, &Mask::causal(), &x, |name, values| {
        if name.ends_with("0.weight") {
            let identity = |i: usize, j: usize| f64::from(i % WIDTH == j) * if i < WIDTH { 1.0 } else { -1.0 };
            values.iter_mut().enumerate().for_each(|(at, w)| *w = identity(at / WIDTH, at % WIDTH));
        } else if let Some(map) = name.strip_suffix(".2.weight") {
            let matrix = &matrices[&format!("{map}.weight")];
            for (at, w) in values.iter_mut().enumerate() {
                let (i, j) = (at / (2 * WIDTH), at % (2 * WIDTH));
                *w = matrix[i * WIDTH + j % WIDTH] * if j < WIDTH { 1.0 } else { -1.0 };
            }
        } else if let Some(matrix) = matrices.get(name) {
            values.copy_from_slice(matrix);
        }
    });
    assert_close("y", &network, &linear, 1e-12, 1e-12);
}

/// The counts that the specification derives for the two released models.
#[test]
fn parameters_are_those_of_the_released_code() {
    let count = |project: Project, width, heads| project.parameters(width, heads, true);
    let marian = Project::Mlp(MlpConfig::marian());
    let roberta = Project::Mlp(MlpConfig::roberta());
    assert_eq!(count(Project::default(), 512, 8), 1_050_624);
    assert_eq!(count(marian.clone(), 512, 8), 3_419_136);
    // The count of the specification is without the output projection.
    assert_eq!(count(roberta.clone(), 768, 12), 7_084_800 + 768 * 769);
    // One attention an encoder layer, two a decoder layer.
    assert_eq!(marian.matched_feed_forward(512, 8, 1, 2048), 4359);
    assert_eq!(marian.matched_feed_forward(512, 8, 2, 2048), 6670);
    assert_eq!(roberta.matched_feed_forward(768, 12, 1, 3072), 6529);
    assert_eq!(Project::default().matched_feed_forward(512, 8, 1, 2048), 2048);
    // A gate costs what the projection that it replaces does, and so does the control without activation.
    assert_eq!(count(Project::Gate(GateConfig::default()), 512, 8), 1_050_624);
    let control = MlpConfig { activation: MlpActivation::None, ..MlpConfig::marian() };
    assert_eq!(count(Project::Mlp(control), 512, 8), 3_419_136);
    let grouped = Project::Linear(LinearConfig { kv_heads: Some(2) });
    assert_eq!(count(grouped, 512, 8), 2 * 512 * 513 + 2 * 128 * 513);
}

/// Numbers that are learned for each distance can be the penalties of ALiBi, before the query and after it.
#[test]
fn relative_positions_contain_alibi() {
    let x = noise([2, 6, WIDTH], 3);
    let with = |position| AttentionConfig { position, ..AttentionConfig::default() };
    for mask in masks().into_iter().chain([Mask::prefix(vec![4, 1])]) {
        let alibi = untouched(&with(Position::Alibi), &mask, &x);
        let relative = run(&with(Position::Relative), &mask, &x, |name, values| {
            if name == "relative_attention_bias.weight" {
                // Distances below 8 have a bucket each, and 16 buckets later for keys after the query.
                let penalty = |at: usize| (at / HEADS % 16) as f64 * 0.25f64.powi((at % HEADS) as i32 + 1);
                values.iter_mut().enumerate().for_each(|(at, bias)| *bias = -penalty(at));
            }
        });
        assert_close("y", &relative, &alibi, 1e-12, 1e-12);
    }
}

/// A gate with the bias 60 is open: KgV is then attention whose keys are the tokens.
#[test]
fn an_open_gate_is_attention_with_raw_keys() {
    let x = noise([2, 6, WIDTH], 2);
    for mask in masks() {
        let gated = run(&with_project(Project::Gate(GateConfig::default())), &mask, &x, |name, values| match name {
            "g_proj.weight" => values.fill(0.0),
            "g_proj.bias" => values.fill(60.0),
            _ => {}
        });
        let raw = run(&AttentionConfig::default(), &mask, &x, |name, values| {
            if name == "k_proj.weight" {
                values.iter_mut().enumerate().for_each(|(at, w)| *w = f64::from(at / WIDTH == at % WIDTH));
            }
        });
        assert_close("y", &gated, &raw, 1e-12, 1e-12);
    }
}

/// Two heads of a group share keys and values: the same, to the last bit, as a layer whose matrices repeat.
#[test]
fn grouped_heads_are_repeated_heads() {
    let x = noise([2, 6, WIDTH], 3);
    let presets = "dot qk-norm bn bn-learned centred conv sh bn-sh linear linear+bn neural cosine yat expressive sinks output-gate";
    for (preset, mask) in presets.split(' ').flat_map(|preset| masks().into_iter().map(move |mask| (preset, mask))) {
        let plain = AttentionConfig { position: Position::Rotary, ..AttentionConfig::preset(preset).unwrap() };
        let grouped = AttentionConfig { project: with_kv_heads(2), ..plain.clone() };
        let windowed = AttentionConfig { window: Some(3), ..plain.clone() };
        if (mask == masks()[1] && plain.validate_causal().is_err())
            || (mask == masks()[2] && windowed.validate(WIDTH, HEADS).is_err())
        {
            continue;
        }
        let mut narrow = std::collections::BTreeMap::new();
        let shared = run(&grouped, &mask, &x, |name, values| {
            narrow.insert(name.to_owned(), values.to_vec());
        });
        let repeated = run(&plain, &mask, &x, |name, values| {
            let source = &narrow[name];
            if source.len() == values.len() {
                values.copy_from_slice(source);
                return;
            }
            // Rows of head h are those of key-value head h/2.
            let columns = values.len() / WIDTH;
            for row in 0..WIDTH {
                let from = row / D / 2 * D + row % D;
                values[row * columns..][..columns].copy_from_slice(&source[from * columns..][..columns]);
            }
        });
        assert_eq!(shared, repeated, "{preset}, {mask:?}");
    }
}

fn with_kv_heads(kv_heads: usize) -> Project {
    Project::Linear(LinearConfig { kv_heads: Some(kv_heads) })
}

#[test]
fn a_centring_of_0_and_a_shift_of_0_are_attention() {
    let x = noise([2, 6, WIDTH], 4);
    for mask in masks() {
        let plain = untouched(&AttentionConfig::default(), &mask, &x);
        let after = After::Centred(CentredConfig { gain: 0.0, learned: false });
        assert_eq!(untouched(&AttentionConfig { after, ..AttentionConfig::default() }, &mask, &x), plain);
        let bn = Condition::BatchNorm(BatchNormConfig { beta: 0.0, ..BatchNormConfig::default() });
        assert_eq!(untouched(&AttentionConfig { condition: vec![bn], ..AttentionConfig::default() }, &mask, &x), plain);
    }
}

#[test]
fn a_convolution_begins_as_attention() {
    let x = noise([2, 6, WIDTH], 8);
    let config = AttentionConfig::preset("conv").unwrap();
    for mask in masks() {
        assert_eq!(untouched(&config, &mask, &x), untouched(&AttentionConfig::default(), &mask, &x));
    }
}

/// A mean of one token is the token, and a window of all tokens leaves one value for every query.
#[test]
fn pooling_by_1_is_attention_and_by_all_is_the_mean() {
    let x = noise([2, 6, WIDTH], 9);
    let pooled = |scales: &[usize]| {
        let condition = vec![Condition::Pooling(PoolingConfig { scales: scales.to_vec() })];
        AttentionConfig { condition, ..AttentionConfig::default() }
    };
    for mask in [Mask::full(), Mask::causal(), Mask::full().padded(vec![6, 3])] {
        let plain = untouched(&AttentionConfig::default(), &mask, &x);
        for scales in [&[1][..], &[1, 1], &[1, 1, 1, 1]] {
            assert_eq!(untouched(&pooled(scales), &mask, &x), plain);
        }
        assert_ne!(untouched(&pooled(&[1, 2]), &mask, &x), plain);
        assert_eq!(untouched(&pooled(&[1, 2]), &mask, &x), untouched(&pooled(&[1, 1, 2, 2]), &mask, &x));
    }
    let mean = untouched(&pooled(&[7]), &Mask::full(), &x);
    for rows in mean.chunks(6 * WIDTH) {
        rows.chunks(WIDTH).for_each(|row| assert_close("the mean", row, &rows[..WIDTH], 1e-14, 1e-14));
    }
    // Under a causal mask no window of 7 among 6 tokens is complete, so all tokens stay as they are.
    let plain = untouched(&AttentionConfig::default(), &Mask::causal(), &x);
    assert_close("y", &untouched(&pooled(&[7]), &Mask::causal(), &x), &plain, 1e-13, 1e-13);
}

/// Under a causal mask the last of 6 tokens completes a block of 2, 3 or 6, so it sees means only, as it does in both directions.
#[test]
fn the_last_query_of_whole_blocks_sees_what_attention_in_both_directions_does() {
    let x = noise([1, 6, WIDTH], 10);
    let bn = Condition::BatchNorm(BatchNormConfig { scale: true, eps: 0.1, ..BatchNormConfig::default() });
    for condition in [vec![], vec![bn]] {
        let pooling = Condition::Pooling(PoolingConfig { scales: vec![1, 2, 3, 6] });
        let condition = [vec![pooling], condition].concat();
        let after = After::Centred(CentredConfig { gain: 0.7, learned: false });
        let config = AttentionConfig { condition, after, ..AttentionConfig::default() };
        let (full, causal) = (untouched(&config, &Mask::full(), &x), untouched(&config, &Mask::causal(), &x));
        assert_close("the last row", &causal[5 * WIDTH..], &full[5 * WIDTH..], 1e-12, 1e-12);
        assert!(causal[4 * WIDTH..5 * WIDTH].iter().zip(&full[4 * WIDTH..]).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}

/// Some tokens that ask all of a sequence get what they do when all of it asks, also if padding ends it.
#[test]
fn attention_across_sequences_is_attention_to_the_same_tokens() {
    let x = noise([2, 6, WIDTH], 11);
    let few = Tensor::from_fn([2, 4, WIDTH], |i| x.data()[i / (4 * WIDTH) * 6 * WIDTH + i % (4 * WIDTH)]);
    for name in AttentionConfig::preset_names().chain(["linear+bn", "linear+sh", "linear+bn-sh", "sh+expressive"]) {
        let config = AttentionConfig::preset(name).unwrap();
        // The window is for one sequence only.
        if config.validate_across(WIDTH, HEADS).is_err() {
            continue;
        }
        for mask in [Mask::full(), Mask::full().padded(vec![5, 3])] {
            let mut set = ParamSet::new();
            let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
            let parameters = Parameters::<f64>::initialise(&set, 5);
            let tape = Tape::inference(&parameters);
            let context = AttentionContext::across(&mask, 2, 4, 6);
            let y = layer.forward_across(&tape.constant(few.clone()), &tape.constant(x.clone()), &context);
            let all = untouched(&config, &mask, &x);
            for (y, all) in y.value().data().chunks(4 * WIDTH).zip(all.chunks(6 * WIDTH)) {
                assert_close(name, y, &all[..4 * WIDTH], 1e-12, 1e-12);
            }
            // The same with keys and values that were made before, for some queries at a time as a decoder has them.
            let cache = layer.memory(&tape.constant(x.clone()));
            let few = tape.constant(few.clone());
            let at_once = layer.attend_to(&few, Memory::Cached(&cache), Some((&few).into()), &context);
            let with_residual =
                layer.attend_to(&few, Memory::Tokens(&tape.constant(x.clone())), Some((&few).into()), &context);
            assert_close(name, at_once.value().data(), with_residual.value().data(), 1e-12, 1e-12);
            if config.validate_decoding().is_err() {
                continue;
            }
            let one = AttentionContext::across(&mask, 2, 1, 6);
            for i in 0..4 {
                let token = few.slice(1, i..i + 1);
                let z = layer.attend_to(&token, Memory::Cached(&cache), None, &one);
                assert_close(name, z.value().data(), y.slice(1, i..i + 1).value().data(), 1e-12, 1e-12);
            }
        }
    }
}

/// The rows of the centred operator sum to 0, so a constant added to all values changes nothing; γ = 1 of the plain operator would add it.
#[test]
fn a_constant_added_to_values_does_not_pass_centred_attention() {
    let x = noise([2, 6, WIDTH], 5);
    let config = AttentionConfig { after: After::Centred(CentredConfig::default()), ..AttentionConfig::default() };
    let shift = |name: &str, values: &mut [f64]| {
        if name == "v_proj.bias" {
            values.fill(3.0);
        }
    };
    for mask in masks() {
        let (a, b) = (untouched(&config, &mask, &x), run(&config, &mask, &x, shift));
        assert_close("centred", &a, &b, 1e-12, 1e-12);
        let plain = AttentionConfig::default();
        assert_ne!(untouched(&plain, &mask, &x), run(&plain, &mask, &x, shift));
    }
    let causal = untouched(&config, &Mask::causal(), &x);
    assert!(causal[..WIDTH].iter().all(|y| y.abs() < 1e-14), "the first token sees itself alone");
}

/// With β = 1 a shift of queries and keys alike is taken away again.
#[test]
fn attention_bn_does_not_see_a_common_shift() {
    let x = noise([2, 6, WIDTH], 6);
    let bn = Condition::BatchNorm(BatchNormConfig::default());
    let config = AttentionConfig { condition: vec![bn], ..AttentionConfig::default() };
    for mask in masks() {
        let shifted = |config| {
            run(config, &mask, &x, |name, values| {
                if name == "q_proj.bias" || name == "k_proj.bias" {
                    values.fill(3.0);
                }
            })
        };
        assert_close("BN", &shifted(&config), &untouched(&config, &mask, &x), 1e-11, 1e-11);
        let (plain, same) = (AttentionConfig::default(), untouched(&AttentionConfig::default(), &mask, &x));
        assert!(shifted(&plain).iter().zip(&same).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}

/// The scale of queries and keys does not reach the scores.
#[test]
fn normalised_queries_and_keys_have_no_size() {
    let x = noise([1, 6, WIDTH], 7);
    let config = AttentionConfig::preset("qk-norm").unwrap();
    let scaled = run(&config, &Mask::causal(), &x, |name, values| {
        if name.starts_with("q_proj") || name.starts_with("k_proj") {
            values.iter_mut().for_each(|w| *w *= 1000.0);
        }
    });
    assert_close("y", &scaled, &untouched(&config, &Mask::causal(), &x), 1e-4, 1e-4);
}

#[test]
fn statistics_are_those_of_the_rows_that_a_query_sees() {
    let (keys, d) = (7, 3);
    let x = Tensor::from_fn([2, 2, keys, d], |i| (i as f64 * 1.3).sin() + 100.0);
    let masks = [Mask::causal(), Mask::full().within(3), Mask::full().padded(vec![4, 0]), Mask::causal().within(2)];
    for mask in masks {
        let spans = mask.spans(2, keys, keys, 0).unwrap();
        let empty = Parameters::<f64>::empty();
        let tape = Tape::inference(&empty);
        let x = tape.constant(x.clone());
        let mean = span_mean(&x, Some(&spans), keys).into_value();
        let variance = span_variance(&x, Some(&spans), keys).into_value();
        for at in 0..mean.numel() {
            let (head, i, c) = (at / d / keys, at / d % keys, at % d);
            let row = if spans.rows().len() == keys { i } else { head / 2 * keys + i };
            let span = spans.rows()[row];
            let seen: Vec<f64> =
                (span.start..span.end).map(|j| x.value().data()[(head * keys + j as usize) * d + c]).collect();
            let n = seen.len().max(1) as f64;
            let expected = seen.iter().sum::<f64>() / n;
            let spread = seen.iter().map(|x| (x - expected).powi(2)).sum::<f64>() / n;
            assert!((mean.data()[at] - expected).abs() < 1e-12, "{mask:?}");
            assert!((variance.data()[at] - spread).abs() < 1e-12, "{mask:?}: Welford does not cancel");
        }
    }
}

/// What lies outside of a span is not even multiplied by 0.
#[test]
fn statistics_do_not_feel_a_poisoned_future() {
    let (keys, d) = (6, 2);
    let clean = Tensor::from_fn([1, 1, keys, d], |i| (i as f32).cos());
    let mut poisoned = clean.clone();
    poisoned.data_mut()[4 * d..].fill(f32::NAN);
    let empty = Parameters::<f32>::empty();
    let tape = Tape::inference(&empty);
    for mask in [Mask::causal(), Mask::causal().within(2), Mask::causal().padded(vec![4])] {
        let spans = mask.spans(1, keys, keys, 0).unwrap();
        for statistic in [span_mean, span_variance] {
            let past = |x: &Tensor<f32>| {
                statistic(&tape.constant(x.clone()), Some(&spans), keys).value().data()[..4 * d].to_vec()
            };
            assert_eq!(past(&poisoned), past(&clean), "{mask:?}");
        }
    }
}
