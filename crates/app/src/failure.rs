//! Why a command ended without its result, and with which exit code.

use std::fmt;

use anther_train::learner::LearnError;
use anther_train::recipe::RecipeError;
use anther_train::trainer::TrainError;

/// Exit code of a command that could not do its work.
pub const FAILED: u8 = 1;
/// Exit code of a command that was asked for something that makes no sense.
pub const USAGE: u8 = 2;
/// Exit code of a training run whose numbers stopped being numbers.
pub const DIVERGED: u8 = 3;

/// One sentence for the error stream, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// A mistake in what the user typed or in a recipe.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failure { code: USAGE, error: error.into() }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let code = exit_code(&error);
        Failure { code, error }
    }
}

impl fmt::Display for Failure {
    /// On one line: messages of parsers and of the system may have several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.error.to_string();
        let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
        f.write_str(lines.next().unwrap_or("something failed and did not say what"))?;
        lines.try_for_each(|line| write!(f, " {line}"))
    }
}

/// Libraries do not know exit codes; what kind of error it is decides.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<RecipeError>() {
        return USAGE;
    }
    match error.downcast_ref::<TrainError>() {
        Some(TrainError::Recipe(_) | TrainError::Learn(LearnError::Config(_))) => USAGE,
        Some(error) if error.is_not_finite() => DIVERGED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use anther_train::recipe::Recipe;

    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let failure = Failure::from(anyhow::anyhow!("first\n  second\n\nthird\n"));
        assert_eq!(failure.to_string(), "first second third");
        assert_eq!(failure.code(), FAILED);
    }

    #[test]
    fn a_mistake_in_a_recipe_is_a_mistake_of_usage() {
        let error = Recipe::read("a =", "x.toml", &[] as &[&str]).unwrap_err();
        assert_eq!(Failure::from(error.clone()).code(), USAGE);
        assert_eq!(Failure::from(TrainError::Recipe(error)).code(), USAGE);
        assert_eq!(Failure::usage(anyhow::anyhow!("no")).code(), USAGE);
    }
}
