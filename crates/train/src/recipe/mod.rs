//! Recipes: all that a training run depends on, as one TOML file.
//!
//! ```
//! use anther_train::recipe::Recipe;
//!
//! let text = r#"
//!     [data]
//!     task = "nt"
//!     n = 3
//!     tau = 4
//!
//!     [model]
//!     width = 48
//!     context = 24
//!     attention = { weighing = "expressive" }
//!
//!     [train]
//!     steps = 500
//! "#;
//! let recipe = Recipe::read(text, "nt.toml", &["train.seed=7"])?;
//! assert_eq!((recipe.data.n, recipe.train.seed, recipe.train.batch), (3, 7, 32));
//!
//! let error = Recipe::read(text, "nt.toml", &["data.tau=0"]).unwrap_err();
//! assert!(error.to_string().contains("data.tau"));
//! # Ok::<(), anther_train::recipe::RecipeError>(())
//! ```

mod data;
mod images;
mod model;
mod train;
mod validate;

use anther_transformer::ConfigError;
use serde::{Deserialize, Serialize};

pub use anther_transformer::ModelConfig;
pub use data::{DataConfig, DecoderStart, TaskKind};
pub use train::TrainConfig;

use crate::settings::{self, SettingsError};

/// What to train on, what to train, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// The table `[data]`.
    pub data: DataConfig,
    /// The table `[model]`; the data fix the size of the vocabulary.
    #[serde(deserialize_with = "model::read")]
    pub model: ModelConfig,
    /// The table `[train]`.
    pub train: TrainConfig,
}

/// Names of presets that change a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presets<'a> {
    /// The form of the model ([`ModelConfig::with_preset`]), applied first.
    pub model: Option<&'a str>,
    /// The attention ([`AttentionConfig::with_preset`](anther_transformer::AttentionConfig::with_preset)).
    pub attention: Option<&'a str>,
}

/// Why a recipe cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The text or an edit is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The values do not make a run.
    #[error("{origin} cannot be run: {mistake}")]
    Invalid {
        /// Where the recipe comes from.
        origin: String,
        /// The first mistake.
        mistake: ConfigError,
    },
}

impl Recipe {
    /// Reads a recipe, applies `--set` edits and checks the result. `origin` names the text in messages. An edit of `data.path` or `data.name` to another place makes void
    /// what the text says of the place: the other of the two, and the names of the files of its parts.
    ///
    /// # Errors
    /// [`RecipeError`]: a text or an edit that cannot be understood, or values that do not make a run.
    pub fn read(text: &str, origin: &str, edits: &[impl AsRef<str>]) -> Result<Self, RecipeError> {
        let recipe = Recipe::read_of_model(text, origin, edits)?;
        recipe.validate().map_err(|mistake| RecipeError::Invalid { origin: origin.to_owned(), mistake })?;
        Ok(recipe)
    }

    /// As [`Recipe::read`] for a model that is there already, and that can be used without data: one that was imported has none until its recipe names some.
    ///
    /// # Errors
    /// As [`Recipe::read`].
    pub fn read_of_model(text: &str, origin: &str, edits: &[impl AsRef<str>]) -> Result<Self, RecipeError> {
        let mut recipe: Recipe = settings::read_replacing(text, origin, edits, &data::PLACES)?;
        recipe.data.resolve();
        let checked = recipe.validate_without_data();
        checked.map_err(|mistake| RecipeError::Invalid { origin: origin.to_owned(), mistake })?;
        Ok(recipe)
    }

    /// As [`Recipe::read`], with presets in the place of what the text says. The edits come after them, and so may change what a preset sets.
    ///
    /// # Errors
    /// As [`Recipe::read`], and for a name that is not a preset.
    ///
    /// ```
    /// use anther_train::recipe::{Presets, Recipe};
    ///
    /// let edits = ["model.attention.project.order=vgk"];
    /// let presets = Presets { attention: Some("kgv+centred"), ..Presets::default() };
    /// let recipe = Recipe::read_with("", "my.toml", presets, &edits)?;
    /// assert!(recipe.to_toml()?.contains("order = \"vgk\""));
    /// # Ok::<(), anther_train::recipe::RecipeError>(())
    /// ```
    pub fn read_with(
        text: &str,
        origin: &str,
        presets: Presets<'_>,
        edits: &[impl AsRef<str>],
    ) -> Result<Self, RecipeError> {
        if presets == Presets::default() {
            return Recipe::read(text, origin, edits);
        }
        let invalid = |mistake| RecipeError::Invalid { origin: origin.to_owned(), mistake };
        let mut recipe: Recipe = settings::read(text, origin, &[] as &[&str])?;
        if let Some(name) = presets.model {
            recipe.model = recipe.model.with_preset(name).map_err(invalid)?;
        }
        if let Some(name) = presets.attention {
            let attention = recipe.model.attention_mut();
            *attention = attention.with_preset(name).map_err(invalid)?;
        }
        Recipe::read(&recipe.to_toml()?, origin, edits)
    }

    /// The recipe with every default written out.
    ///
    /// # Errors
    /// [`SettingsError::Write`] for a number that TOML cannot express.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        settings::write(self)
    }
}
