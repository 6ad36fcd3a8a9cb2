//! The recipes: the ones that are compiled in by name, and any file by path.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anther_train::recipe::{Presets, Recipe};
use anther_train::settings::{self, TEXT_LIMIT};

use crate::failure::Failure;

/// A recipe that is compiled in.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The TOML.
    pub text: &'static str,
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        [$(BuiltIn { name: $name, text: include_str!(concat!("../recipes/", $name, ".toml")) }),+]
    };
}

/// All of them, in the order in which they are listed.
pub const BUILT_IN: [BuiltIn; 24] = built_in![
    "nt-expressive",
    "nt-dot",
    "nt-multitask",
    "shakespeare-char",
    "reverse-map",
    "translate-multi30k",
    "translate-iwslt17",
    "translate-iwslt17-paper",
    "translate-wmt14",
    "translate-wmt14-paper",
    "translate-wmt17",
    "lm-text",
    "lm-wikitext",
    "lm-wikitext-paper",
    "mlm-wikitext",
    "mlm-wikitext-paper",
    "series-uea",
    "series-uea-paper",
    "image-mnist",
    "image-cifar10",
    "image-cifar100",
    "image-cifar10-paper",
    "listops",
    "listops-paper",
];

/// A recipe as text, with what it is called in messages and in the name of a run directory.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name of a run of it: its own, or that of the file without the ending.
    pub name: String,
    /// What messages call it.
    origin: String,
    text: String,
}

impl Source {
    /// Finds a recipe. What has a `/` or ends in `.toml` is a path, anything else the name of one that is compiled in.
    ///
    /// # Errors
    /// A mistake of usage if there is no such recipe or the file cannot be read.
    pub fn find(argument: &str) -> Result<Self, Failure> {
        if argument.contains(['/', '\\']) || argument.ends_with(".toml") {
            return Source::read(Path::new(argument));
        }
        Source::built_in(argument)
    }

    /// The recipe of this name.
    ///
    /// # Errors
    /// A mistake of usage that names the nearest ones.
    pub fn built_in(name: &str) -> Result<Self, Failure> {
        match BUILT_IN.iter().find(|recipe| recipe.name == name) {
            Some(recipe) => Ok(Source {
                name: recipe.name.to_owned(),
                origin: format!("the recipe {}", recipe.name),
                text: recipe.text.to_owned(),
            }),
            None => Err(Failure::usage(anyhow::anyhow!(unknown(name)))),
        }
    }

    /// The TOML as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the recipe says of itself: the comment in its first line, without the marks.
    pub fn description(&self) -> &str {
        let first = self.text.lines().next().unwrap_or_default();
        first.strip_prefix('#').unwrap_or_default().trim()
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let origin = path.display().to_string();
        let refused = |why: String| Failure::usage(anyhow::anyhow!("the recipe {origin} cannot be read: {why}"));
        let mut bytes = Vec::new();
        let mut read = || -> io::Result<()> {
            let file = File::open(path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is not a regular file; name a .toml file"));
            }
            // One byte more than allowed, so that a file that is too long is seen as such.
            file.take(TEXT_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
            Ok(())
        };
        read().map_err(|error| refused(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            refused(format!("it is not UTF-8 at byte {offset}; save it as UTF-8"))
        })?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Source { name, origin, text })
    }

    /// The recipe with the presets of `--model` and `--attention` and the edits of `--set`, checked.
    ///
    /// # Errors
    /// A mistake of usage that names the key and where it was set.
    pub fn resolve(&self, presets: Presets<'_>, edits: &[String]) -> Result<Recipe, Failure> {
        Ok(Recipe::read_with(&self.text, &self.origin, presets, edits)?)
    }
}

/// The sentence about a name that no recipe has.
fn unknown(name: &str) -> String {
    let names: Vec<String> = BUILT_IN.iter().map(|recipe| recipe.name.to_owned()).collect();
    let listed = names.join(", ");
    let hint = match settings::nearest(name, names) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are {listed}"),
    };
    format!("there is no recipe `{name}`; {hint} (a file is named by a path that ends in .toml)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_valid_and_describes_itself() {
        for recipe in BUILT_IN {
            let source = Source::find(recipe.name).unwrap();
            assert!(source.resolve(Presets::default(), &[]).is_ok(), "{}", recipe.name);
            assert!(source.description().len() > 20, "{}", recipe.name);
        }
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_one_or_all() {
        assert!(unknown("nt-expresive").contains("did you mean `nt-expressive`?"));
        assert!(unknown("banana").contains("there are nt-expressive, nt-dot"));
    }
}
