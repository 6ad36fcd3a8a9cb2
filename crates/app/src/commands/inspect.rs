//! `anther inspect`: what a model costs before it is trained, what one that was trained is made of, or what it attends to.

mod maps;

use std::path::Path;

use anther_data::DataError;
use anther_tensor::Parameters;
use anther_train::model::Model;
use anther_train::optim::Optimizer;
use anther_train::recipe::{Presets, Recipe};
use anther_train::task::{self, TaskError};
use anther_train::trained::{TrainedModel, Which};
use anther_transformer::{Measure, ModelSummary, TRAINING_COST};
use serde_json::{Value, json};

use super::{DONE, data_dir};
use crate::cli::InspectArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::memory;
use crate::output;
use crate::progress::grouped;
use crate::recipes::Source;

/// Builds the model, runs one step of it on zeros and tells what that took.
pub fn run(args: &InspectArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    if let Some(file) = &args.maps {
        return maps::run(args, file);
    }
    let (recipe, model, parameters) = find(args)?;
    let batch = recipe.train.batch / recipe.train.accumulate;
    let cost = Cost::of(&recipe, &model, &parameters, batch);
    if args.json {
        output::print_json(&cost.json())?;
    } else {
        output::print(&cost.table())?;
    }
    Ok(DONE)
}

/// The recipe, model and parameters of a recipe or of the newest checkpoint of a run.
fn find(args: &InspectArgs) -> Result<(Recipe, Model, Parameters<f32>), Failure> {
    let path = Path::new(&args.what);
    if path.is_dir() {
        refuse_changes(args)?;
        let trained = TrainedModel::load(path, Which::Latest, false)?;
        let model = trained.model.recomputing(trained.recipe.train.recompute);
        return Ok((trained.recipe, model, trained.parameters));
    }
    let recipe = Source::find(&args.what)?
        .resolve(Presets { model: args.model.as_deref(), attention: args.attention.as_deref() }, &args.set)?;
    memory::check(&recipe, recipe.least_form())?;
    let seed = recipe.train.seed;
    let (model, parameters) = match (task::of_recipe(&recipe, &data_dir(&args.data)), recipe.data.declared_form()) {
        (Err(error @ TaskError::Data(DataError::NotFound { .. })), Some(form)) => {
            let size = grouped(recipe.data.tokenizer.size as u64);
            output::warn(&format!(
                "{error}; without it the vocabulary is taken to be the {size} of data.tokenizer.size"
            ));
            memory::check(&recipe, form)?;
            Model::build(&recipe.model, form, |_| Err(TaskError::Kind), seed)?
        }
        (task, _) => {
            let task = task?;
            let form = task.symbols().form();
            memory::check(&recipe, form)?;
            Model::build(&recipe.model, form, |width| task.fixed_embedding(width), seed)?
        }
    };
    let model = model.recomputing(recipe.train.recompute);
    Ok((recipe, model, parameters))
}

/// A run cannot be changed.
fn refuse_changes(args: &InspectArgs) -> Result<(), Failure> {
    let edit = args.set.first().map(|edit| format!("--set {edit}"));
    let attention = args.attention.as_ref().map(|preset| format!("--attention {preset}"));
    let model = args.model.as_ref().map(|preset| format!("--model {preset}"));
    match edit.or(attention).or(model) {
        None => Ok(()),
        Some(argument) => Err(Failure::usage(anyhow::anyhow!(
            "the argument `{argument}` cannot be used with a run, whose model is what it is; name a recipe"
        ))),
    }
}

/// What a model costs.
struct Cost {
    layers: Vec<(String, usize)>,
    summary: ModelSummary,
    optimizer_bytes: usize,
    batch: usize,
    context: usize,
    vocabulary: usize,
}

impl Cost {
    fn of(recipe: &Recipe, model: &Model, parameters: &Parameters<f32>, batch: usize) -> Self {
        let summary = ModelSummary::measure(model, parameters, batch);
        let mut layers: Vec<(String, usize)> = Vec::new();
        for row in &summary.rows {
            let layer = layer_of(&row.name);
            let count = row.shape.iter().product::<usize>();
            match layers.last_mut() {
                Some((name, total)) if *name == layer => *total += count,
                _ => layers.push((layer, count)),
            }
        }
        let moments = Optimizer::new(&recipe.train.optimizer(), parameters).slabs().count();
        let slabs = moments + usize::from(recipe.train.ema > 0.0);
        Cost {
            layers,
            optimizer_bytes: slabs * summary.parameter_bytes,
            batch,
            context: model.context(),
            vocabulary: model.vocabulary(),
            summary,
        }
    }

    /// Parameters, gradients, optimiser and activations.
    fn memory(&self) -> [(&'static str, usize); 4] {
        [
            ("parameters", self.summary.parameter_bytes),
            ("gradients", self.summary.parameter_bytes),
            ("optimizer", self.optimizer_bytes),
            ("activations", self.summary.activation_bytes),
        ]
    }

    fn json(&self) -> Value {
        let layers: Vec<Value> =
            self.layers.iter().map(|(name, count)| json!({ "name": name, "parameters": count })).collect();
        let forward = self.summary.forward_flops_per_token;
        let mut memory = serde_json::Map::new();
        for (name, bytes) in self.memory() {
            memory.insert(format!("{name}_bytes"), bytes.into());
        }
        json!({
            "parameters": self.summary.parameters,
            "layers": layers,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "batch": self.batch,
            "flops_per_token": { "forward": forward, "training": TRAINING_COST * forward },
            "memory": memory,
        })
    }

    fn table(&self) -> String {
        let mut lines = vec!["parameters".to_owned()];
        let row = |name: &str, value: String| format!("  {name:<28} {value:>16}");
        lines.extend(self.layers.iter().map(|(name, count)| row(name, grouped(*count as u64))));
        lines.push(row("total", grouped(self.summary.parameters as u64)));
        let forward = self.summary.forward_flops_per_token;
        lines.push("floating-point operations a token, at full context".to_owned());
        lines.push(row("forward", grouped(forward)));
        lines.push(row("training", grouped(TRAINING_COST * forward)));
        let (batch, context) = (self.batch, self.context);
        lines.push(format!("bytes of a training step with {batch} x {context} tokens"));
        lines.extend(self.memory().map(|(name, bytes)| row(name, grouped(bytes as u64))));
        let total = self.memory().iter().map(|(_, bytes)| bytes).sum::<usize>();
        lines.push(row("total", grouped(total as u64)));
        lines.join("\n")
    }
}

/// What a parameter is listed under: its block, or itself outside the blocks.
fn layer_of(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["model", "layers", number, ..] => format!("model.layers.{number}"),
        ["model", side, "layers", number, ..] => format!("model.{side}.layers.{number}"),
        [ref owner @ .., _] if !owner.is_empty() => owner.join("."),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_listed_by_block() {
        assert_eq!(layer_of("model.layers.12.mlp.fc1.weight"), "model.layers.12");
        assert_eq!(layer_of("model.embed_tokens.weight"), "model.embed_tokens");
        assert_eq!(layer_of("lm_head.weight"), "lm_head");
        assert_eq!(layer_of("alone"), "alone");
        assert_eq!(layer_of("model.decoder.layers.3.encoder_attn.q_proj.bias"), "model.decoder.layers.3");
        assert_eq!(layer_of("model.encoder.embed_tokens.weight"), "model.encoder.embed_tokens");
    }
}
