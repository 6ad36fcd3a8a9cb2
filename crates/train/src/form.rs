//! What data fix of a model.

use anther_transformer::ExampleForm;

/// What the inputs and outputs of a model are, which the data know and a recipe does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sequences of so many different tokens, one of which is predicted; of an encoder–decoder, on either side.
    Tokens(usize),
    /// Sequences of `source` different tokens, from which sequences of `target` others are predicted.
    Pairs {
        /// Tokens of what is read.
        source: usize,
        /// Tokens of what is predicted.
        target: usize,
    },
    /// Examples that one of so many classes is told of.
    Examples {
        /// What an example is.
        form: ExampleForm,
        /// Number of classes.
        classes: usize,
    },
}

impl Form {
    /// Number of things that one of is predicted.
    #[must_use]
    pub fn outputs(self) -> usize {
        match self {
            Form::Tokens(tokens) => tokens,
            Form::Pairs { target, .. } => target,
            Form::Examples { classes, .. } => classes,
        }
    }
}
