//! `ViTForImageClassification` and `DeiTForImageClassification`: pre-norm blocks over patches, whose class token tells the class.

use serde_json::{Map, Value};

use super::FormError;
use super::fields::{Fields, as_count};
use super::table::Table;
use crate::classifier::{ClassifierConfig, ExampleForm, Pooling};

/// The most rows, columns and channels of an image.
const MAX_SIDE: usize = 1 << 14;

/// What no key changes.
pub(super) fn template(distilled: bool) -> ClassifierConfig {
    ClassifierConfig {
        form: ExampleForm::Images { shape: [3, 0, 0] },
        pooling: Pooling::ClassToken,
        distillation_token: distilled,
        ..ClassifierConfig::default()
    }
}

pub(super) fn bind(fields: &mut Fields<'_>, c: &mut ClassifierConfig) -> Result<(), FormError> {
    let ExampleForm::Images { shape: [mut channels, mut rows, mut columns] } = c.form else {
        let reason =
            "the model reads series or tokens; only classifiers of images have a form in the layouts of Hugging Face";
        return Err(FormError::config("data.task", reason));
    };
    fields.count("hidden_size", &mut c.width)?;
    fields.count("num_hidden_layers", &mut c.layers)?;
    fields.count("num_attention_heads", &mut c.heads)?;
    let mut inner = c.feed_forward();
    fields.count("intermediate_size", &mut inner)?;
    c.feed_forward = Some(inner);
    fields.activation("hidden_act", "gelu", &mut c.activation)?;
    fields.number("layer_norm_eps", 1e-12, &mut c.norm_eps)?;
    fields.number("hidden_dropout_prob", 0.0, &mut c.dropout)?;
    fields.number("attention_probs_dropout_prob", 0.0, &mut c.attention.dropout)?;
    fields.fixed("qkv_bias", true)?;
    fields.count_or("num_channels", 3, &mut channels)?;
    fields.count("patch_size", &mut c.patch)?;
    let what = "the side of a square or [rows, columns]";
    let mut size = [rows, columns];
    fields.bind("image_size", &mut size, None, what, as_size, |&[rows, columns]| {
        if rows == columns { rows.into() } else { vec![rows, columns].into() }
    })?;
    [rows, columns] = size;
    if let Some(side) = [rows, columns, channels].into_iter().find(|&side| side > MAX_SIDE) {
        return Err(FormError::key("image_size", format!("and num_channels are at most {MAX_SIDE}, not {side}")));
    }
    c.form = ExampleForm::Images { shape: [channels, rows, columns] };
    labels(fields, &mut c.classes)?;
    Ok(())
}

fn as_size(value: &Value) -> Option<[usize; 2]> {
    if let Some(side) = as_count(value) {
        return Some([side, side]);
    }
    match &value.as_array()?[..] {
        [rows, columns] => Some([as_count(rows)?, as_count(columns)?]),
        _ => None,
    }
}

/// The number of classes: that of `id2label`, or `num_labels` without names, or two, which is what `transformers` takes.
fn labels(fields: &mut Fields<'_>, classes: &mut usize) -> Result<(), FormError> {
    let (names, count) = (fields.look("id2label"), fields.look("num_labels"));
    if fields.reads() {
        *classes = match (names, count) {
            (Some(Value::Object(names)), _) => names.len(),
            (Some(_), _) => return Err(FormError::key("id2label", "is no object of names")),
            (None, Some(count)) => {
                as_count(count).ok_or_else(|| FormError::key("num_labels", format!("is {count}, no whole number")))?
            }
            (None, None) => 2,
        };
    }
    let name = |class: usize| format!("LABEL_{class}");
    let by_class: Map<String, Value> = (0..*classes).map(|class| (class.to_string(), name(class).into())).collect();
    let by_name: Map<String, Value> = (0..*classes).map(|class| (name(class), class.into())).collect();
    fields.put("id2label", by_class);
    fields.put("label2id", by_name);
    Ok(())
}

pub(super) fn table(c: &ClassifierConfig) -> Table {
    let ExampleForm::Images { shape: [channels, ..] } = c.form else { unreachable!("a form is of images") };
    let (width, inner, patch) = (c.width, c.feed_forward(), c.patch);
    let root = if c.distillation_token { "deit" } else { "vit" };
    let embeddings = |name: &str| format!("{root}.embeddings.{name}");
    let mut table = Table::default();
    table.same(&embeddings("cls_token"), &[1, 1, width], "model.embeddings.cls_token");
    if c.distillation_token {
        table.same(&embeddings("distillation_token"), &[1, 1, width], "model.embeddings.distillation_token");
    }
    let positions = "model.embeddings.position_embeddings.weight";
    table.same(&embeddings("position_embeddings"), &[1, c.positions(), width], positions);
    let (theirs, ours) = (embeddings("patch_embeddings.projection"), "model.embeddings.patch_embeddings.projection");
    table.same(&format!("{theirs}.weight"), &[width, channels, patch, patch], &format!("{ours}.weight"));
    table.same(&format!("{theirs}.bias"), &[width], &format!("{ours}.bias"));
    for layer in 0..c.layers {
        let theirs = |name: &str| format!("{root}.encoder.layer.{layer}.{name}");
        let ours = |name: &str| format!("model.layers.{layer}.{name}");
        table.norm(&theirs("layernorm_before"), width, &ours("input_layernorm"));
        for (name, own) in [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")] {
            let theirs = theirs(&format!("attention.attention.{name}"));
            table.linear(&theirs, [width, width], &ours(&format!("self_attn.{own}")));
        }
        table.linear(&theirs("attention.output.dense"), [width, width], &ours("self_attn.o_proj"));
        table.norm(&theirs("layernorm_after"), width, &ours("post_attention_layernorm"));
        table.linear(&theirs("intermediate.dense"), [inner, width], &ours("mlp.fc1"));
        table.linear(&theirs("output.dense"), [width, inner], &ours("mlp.fc2"));
    }
    table.norm(&format!("{root}.layernorm"), width, "model.norm");
    table.linear("classifier", [c.classes, width], "classifier");
    for name in ["embeddings.mask_token", "pooler.dense.weight", "pooler.dense.bias"] {
        table.unused(format!("{root}.{name}"));
    }
    table
}
