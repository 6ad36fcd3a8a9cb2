//! `anther inspect RUN --maps FILE.png`: a picture of what a model attends to, and what can be said of each head in a number.

use std::path::Path;

use anther_train::fs::{Disk, replace_file};
use anther_train::trained::{TrainedModel, Which};
use anther_transformer::AttentionMap;
use serde_json::{Value, json};

use super::{DONE, data_dir, refuse_changes};
use crate::cli::InspectArgs;
use crate::failure::Failure;
use crate::heat_map::Grid;
use crate::output;

/// Loads the run, lets it read a passage, writes the picture and then the numbers.
pub fn run(args: &InspectArgs, file: &Path) -> Result<u8, Failure> {
    if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(Failure::usage(anyhow::anyhow!(
            "the file {} is to be a picture, but only PNG can be written; let its name end in .png",
            file.display()
        )));
    }
    refuse_changes(args)?;
    let trained = TrainedModel::load(Path::new(&args.what), Which::Latest, false)?;
    trained.warnings.iter().for_each(|warning| output::warn(warning));
    let Some(model) = trained.model.causal_lm() else {
        let kind = if trained.model.tells_classes() { "a classifier" } else { "an encoder-decoder" };
        return Err(Failure::usage(anyhow::anyhow!(
            "the run {} trains {kind}, whose maps cannot be drawn yet; name a run of a causal language model",
            args.what
        )));
    };
    let config = model.config();
    let tokens = match &args.prompt {
        Some(prompt) => tokens_of(&trained, config.context, prompt)?,
        None => trained.passage(&data_dir(&args.data))?,
    };
    let grid = Grid::new(config.layers, config.heads, tokens.len()).ok_or_else(|| {
        anyhow::anyhow!(
            "{} layers of {} heads over {} tokens make no picture that can be handled; give a passage of another length with --prompt",
            config.layers,
            config.heads,
            tokens.len()
        )
    })?;
    let maps = trained.attention_maps(&tokens);
    replace_file(&Disk, file, &grid.png(&maps)?)
        .map_err(|error| anyhow::anyhow!("{error}; --maps needs a file in a directory that can be written to"))?;
    let report = Report { args, file, step: trained.step, tokens: tokens.len(), grid, maps };
    if args.json {
        output::print_json(&report.json())?;
    } else {
        output::print(&report.table())?;
    }
    Ok(DONE)
}

/// The tokens of a text that the model can read at once.
fn tokens_of(trained: &TrainedModel, context: usize, prompt: &str) -> Result<Vec<u32>, Failure> {
    let tokens = trained.symbols.encode(prompt).map_err(|error| anyhow::anyhow!("the prompt cannot be read: {error}"));
    let tokens = tokens.map_err(Failure::usage)?;
    if tokens.is_empty() || tokens.len() > context {
        return Err(Failure::usage(anyhow::anyhow!(
            "the prompt has {} tokens, but maps need at least 1 and the model reads at most {context}",
            tokens.len()
        )));
    }
    Ok(tokens)
}

/// What is told of the maps.
struct Report<'a> {
    args: &'a InspectArgs,
    file: &'a Path,
    step: u64,
    tokens: usize,
    grid: Grid,
    maps: Vec<AttentionMap<f32>>,
}

impl Report<'_> {
    fn json(&self) -> Value {
        let layer = |(number, map): (usize, &AttentionMap<f32>)| {
            let live = map.live_pairs();
            let head = |(head, entropy): (usize, f64)| json!({ "head": head, "entropy": entropy, "live_pairs": live.map(|live| live[head]) });
            let distance = map.head_distance().map(
                |distance| json!({ "mean": distance.mean, "deviation": distance.deviation, "cosine": distance.cosine }),
            );
            let heads: Vec<Value> = map.entropy().into_iter().enumerate().map(head).collect();
            json!({ "layer": number, "head_distance": distance, "heads": heads })
        };
        json!({
            "run_dir": self.args.what,
            "step": self.step,
            "tokens": self.tokens,
            "maps": { "file": self.file.to_string_lossy(), "width": self.grid.width(), "height": self.grid.height() },
            "layers": self.maps.iter().enumerate().map(layer).collect::<Vec<_>>(),
        })
    }

    fn table(&self) -> String {
        let mut lines = vec![format!(
            "attention over {} tokens after step {}, drawn in {}",
            self.tokens,
            self.step,
            self.file.display()
        )];
        lines.push(format!("  {:>5} {:>5} {:>15} {:>11}", "layer", "head", "entropy in nats", "live pairs"));
        for (layer, map) in self.maps.iter().enumerate() {
            for (head, entropy) in map.entropy().into_iter().enumerate() {
                let live = map.live_pairs().map_or("-".to_owned(), |live| format!("{:.1} %", 100.0 * live[head]));
                lines.push(format!("  {layer:>5} {head:>5} {entropy:>15.4} {live:>11}"));
            }
        }
        lines.push("distance between the heads of a layer: mean, deviation, 1 - cosine".to_owned());
        for (layer, map) in self.maps.iter().enumerate() {
            let distance = map.head_distance().map_or("-".to_owned(), |distance| {
                format!("{:>9.4} {:>11.4} {:>11.4}", distance.mean, distance.deviation, distance.cosine)
            });
            lines.push(format!("  {layer:>5} {distance:>33}"));
        }
        lines.join("\n")
    }
}
