//! `anther generate`: a model of text goes on with a prompt.

use anther_train::generate::{GenerateError, Sampling};
use anther_train::recipe::TaskKind;
use serde_json::json;

use super::{DONE, eval::load};
use crate::cli::GenerateArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::output;

/// Loads, generates, prints the prompt and what follows it.
pub fn run(args: &GenerateArgs) -> Result<u8, Failure> {
    let sampling = Sampling { temperature: args.temperature, top_k: args.top_k, top_p: args.top_p };
    sampling.validate().map_err(Failure::usage)?;
    Compute::set_up(&args.compute)?;
    let trained = load(&args.run, &args.checkpoint)?.with_precision(args.precision.into());
    if trained.recipe.data.task != TaskKind::Text {
        return Err(Failure::from(anyhow::anyhow!(
            "the run {} was not trained on text to go on with and has nothing to write; {}",
            args.run.display(),
            match trained.model.encoder_decoder() {
                Some(_) => "let it answer sources with `anther translate`",
                None => "measure it with `anther eval`",
            }
        )));
    }
    let tokens = args.max_tokens as usize;
    let text =
        trained.generate(&args.prompt, tokens, &sampling, args.seed, &mut |_| ()).map_err(|error| match error {
            GenerateError::Prompt(_) | GenerateError::EmptyPrompt => Failure::usage(error),
            GenerateError::Sample(_) | GenerateError::Kind => Failure::from(error),
        })?;
    if args.json {
        output::print_json(&json!({
            "run_dir": args.run.to_string_lossy(),
            "step": trained.step,
            "prompt": args.prompt,
            "text": text,
            "seed": args.seed,
        }))?;
    } else {
        output::print(&format!("{}{text}", args.prompt))?;
    }
    Ok(DONE)
}
