//! Tensor chains in the layers of a model, by rules.

use std::sync::Arc;

use anther_attention::ConfigError;
use anther_chain::{ChainRules, Survey};
use anther_tensor::{ParamSet, Scope};

/// The key of the rules.
const KEY: &str = "model.chains";

/// Calls `build` with the scope in which the rules decide what weights are made of; without rules, in the scope as it is. The rules are held
/// against the weights that `build` asks for first.
pub(crate) fn build_with<M>(
    scope: &mut Scope<'_>,
    rules: &ChainRules,
    build: impl Fn(&mut Scope<'_>) -> Result<M, ConfigError>,
) -> Result<M, ConfigError> {
    if rules.are_empty() {
        return build(scope);
    }
    let survey = Arc::new(Survey::default());
    build(&mut ParamSet::new().root().factored_by(survey.clone()))?;
    rules.check(&survey.layers()).map_err(|error| ConfigError::new(KEY, error.to_string()))?;
    build(&mut scope.factored_by(Arc::new(rules.clone())))
}
