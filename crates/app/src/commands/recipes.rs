//! `anther recipes`: what there is to train without writing a file.

use serde_json::json;

use super::DONE;
use crate::cli::RecipesArgs;
use crate::failure::Failure;
use crate::output;
use crate::recipes::{BUILT_IN, Source};

/// Prints names and descriptions, or the TOML of one.
pub fn run(args: &RecipesArgs) -> Result<u8, Failure> {
    if let Some(name) = &args.show {
        output::print(Source::built_in(name)?.text())?;
        return Ok(DONE);
    }
    let mut rows = Vec::with_capacity(BUILT_IN.len());
    for recipe in BUILT_IN {
        rows.push((recipe.name, Source::built_in(recipe.name)?.description().to_owned()));
    }
    if args.json {
        let list: Vec<_> =
            rows.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect();
        output::print_json(&json!({ "recipes": list }))?;
    } else {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<_> = rows.iter().map(|(name, description)| format!("{name:<width$}  {description}")).collect();
        output::print(&lines.join("\n"))?;
    }
    Ok(DONE)
}
