//! The weights of a model that can be pruned, found by building it.

use std::sync::{Arc, Mutex, PoisonError};

use anther_chain::ChainRules;
use anther_tensor::{FactoredWeight, Factoring, Init, ParamSet, Scope};

use crate::learner::LearnError;
use crate::trained::TrainedModel;

/// The weight of a layer: the matrix of a linear layer or the table of an embedding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerWeight {
    /// The name of the layer, without `.weight`.
    pub name: String,
    /// `[out, in]`, of a table `[rows, width]`.
    pub shape: [usize; 2],
    /// Whether it is made of other parameters already.
    pub factored: bool,
}

impl LayerWeight {
    /// The name of the parameter of a dense one.
    pub(super) fn weight_name(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Whether an output of the model may be a copy of it.
    pub(super) fn is_target_table(&self) -> bool {
        ["model.shared", "model.decoder.embed_tokens"].contains(&&self.name[..])
    }
}

/// All weights of a model, in the order in which it is built.
///
/// # Errors
/// [`LearnError::Config`] if the model cannot be built.
pub fn layers(trained: &TrainedModel) -> Result<Vec<LayerWeight>, LearnError> {
    Ok(survey(trained)?.into_iter().map(|found| found.layer).collect())
}

/// A weight, and what it is made of if it is no parameter of its own.
pub(crate) struct Found {
    pub(crate) layer: LayerWeight,
    pub(crate) factored: Option<Arc<dyn FactoredWeight>>,
}

/// All weights of a model with what they are made of. Their parameters are those of the trained model.
pub(crate) fn survey(trained: &TrainedModel) -> Result<Vec<Found>, LearnError> {
    let survey = Arc::new(Survey { rules: trained.recipe.model.chains().clone(), found: Mutex::default() });
    let mut set = ParamSet::new();
    trained.define(&mut set.root().factored_by(survey.clone()))?;
    Ok(std::mem::take(&mut *survey.found.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Follows rules and notes what they decide.
struct Survey {
    rules: ChainRules,
    found: Mutex<Vec<Found>>,
}

impl Factoring for Survey {
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], init: Init) -> Option<Arc<dyn FactoredWeight>> {
        let factored = self.rules.factor(scope, shape, init);
        let layer = LayerWeight { name: scope.name().to_owned(), shape, factored: factored.is_some() };
        let found = Found { layer, factored: factored.clone() };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        factored
    }
}
