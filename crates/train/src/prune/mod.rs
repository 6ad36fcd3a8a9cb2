//! Which layers of a trained model carry more parameters than they need, and the model without them.
//!
//! [`Pruning::apply`] writes the weights of chosen layers as tensor chains ([`anther_chain`]); the rest of the model is as it was. The result is a recipe with
//! rules under `model.chains` and parameters that fit it, which a [`Trainer`](crate::trainer::Trainer) takes for its first ones: what it writes is a run like
//! any other. [`scan`] tries groups of layers and sizes, to find out where a model has parameters to spare.
//!
//! A biased layer keeps its bias. Weights are decomposed in `f64`; the cores are then balanced to equal norms, because an optimiser moves all of them by the
//! same step.

mod calibration;
mod scan;
mod survey;

use anther_chain::{
    Chain, ChainError, ChainRule, ChainRules, ChainSpec, FactorRule, FactorShape, LowRankWeight, Report, Truncation,
    decompose, decompose_weighted,
};
use anther_data::DataDir;
use anther_tensor::{Parameters, Tensor};
use anther_transformer::OutputKind;

use calibration::Moments;
pub use scan::{GROUPS, Point, RATIOS, scan};
pub(crate) use survey::survey;
pub use survey::{LayerWeight, layers};

use crate::learner::LearnError;
use crate::model::Model;
use crate::recipe::{ModelConfig, Recipe};
use crate::task::TaskError;
use crate::trained::{TrainedModel, fixed_vectors};
use crate::trainer::TrainError;

/// Sweeps over the cores of a chain that is fitted to data.
const SWEEPS: usize = 3;

/// Which layers to prune, and how far.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruning {
    /// Globs over names of layers, as rules of chains have them.
    pub layers: Vec<String>,
    /// How the bonds are chosen.
    pub truncation: Truncation,
    /// Number of cores of a chain.
    pub cores: usize,
    /// How sizes are split into legs.
    pub factors: FactorRule,
    /// Batches of training data whose inputs of each layer weight what is left out; 0 for none.
    pub calibration: usize,
}

impl Pruning {
    /// Two cores with balanced legs, without calibration.
    #[must_use]
    pub fn new(layers: Vec<String>, truncation: Truncation) -> Self {
        Pruning { layers, truncation, cores: 2, factors: FactorRule::Balanced, calibration: 0 }
    }
}

/// What became of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct PrunedLayer {
    /// Its name.
    pub name: String,
    /// Parameters of the dense weight.
    pub dense: usize,
    /// The chain.
    pub spec: ChainSpec,
    /// `‖W − Ŵ‖_F`
    pub error: f64,
    /// What the chain that ignores the data leaves out: the nearest one in that norm, or close to it.
    pub report: Report,
    /// The relative error on the calibration data, of the chain that ignores them and of the one that was taken.
    pub on_data: Option<[f64; 2]>,
}

/// A pruned model.
pub struct Pruned {
    /// The recipe, with rules for the pruned layers before those that it had.
    pub recipe: Recipe,
    /// The model of the recipe.
    pub model: Model,
    /// Its parameters.
    pub parameters: Parameters<f32>,
    /// The layers that are chains now.
    pub layers: Vec<PrunedLayer>,
    /// Layers that were chosen and stay dense, because their chains would have had more parameters.
    pub kept: Vec<String>,
}

/// Why a model was not pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A glob that matches nothing.
    #[error(transparent)]
    Layers(ChainError),
    /// A weight that cannot be decomposed so.
    #[error("{layer} cannot be pruned: {cause}")]
    Layer {
        /// The layer.
        layer: String,
        /// Why.
        cause: ChainError,
    },
    /// A layer that has been pruned before.
    #[error("{layer} is a tensor chain already; choose layers that are dense")]
    Already {
        /// The layer.
        layer: String,
    },
    /// The table that a frozen output is a copy of.
    #[error(
        "{layer} cannot be pruned: the output of this model is a frozen copy of its first values, which a chain does not have"
    )]
    Frozen {
        /// The layer.
        layer: String,
    },
    /// Nothing would become smaller.
    #[error(
        "no layer would become smaller: at this size the chains of {layers} have more parameters than the weights; allow fewer or a larger error"
    )]
    Nothing {
        /// The layers.
        layers: String,
    },
    /// The model cannot be built again.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The data that are needed to measure or to calibrate cannot be used.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The batches to calibrate with.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl Pruning {
    /// Prunes a model. `data` is read only to calibrate.
    ///
    /// Cost: that of the decompositions ([`decompose`]), and of a forward pass for each batch of calibration.
    ///
    /// # Errors
    /// [`PruneError`]; the trained model is as it was in any case.
    pub fn apply(&self, trained: &TrainedModel, data: &DataDir) -> Result<Pruned, PruneError> {
        let chosen = self.choose(trained)?;
        let moments = match self.calibration {
            0 => Moments::default(),
            batches => calibration::gather(trained, data, &chosen, batches)?,
        };
        let (mut done, mut kept, mut rules, mut cores) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for layer in &chosen {
            let refused = |cause| PruneError::Layer { layer: layer.name.clone(), cause };
            let Some((pruned, chain)) = self.prune(trained, &moments, layer).map_err(refused)? else {
                kept.push(layer.name.clone());
                continue;
            };
            let named = |(k, core): (usize, &Tensor<f64>)| (format!("{}.cores.{k}", layer.name), core.cast());
            cores.extend(chain.cores().iter().enumerate().map(named));
            rules.push(ChainRule { spec: Some(pruned.spec.clone()), ..ChainRule::of(&layer.name) });
            done.push(pruned);
        }
        if done.is_empty() {
            return Err(PruneError::Nothing { layers: kept.join(", ") });
        }
        let mut recipe = trained.recipe.clone();
        recipe.model.chains_mut().0.splice(0..0, rules);
        let (model, parameters) = rebuild(&recipe, trained, &cores)?;
        Ok(Pruned { recipe, model, parameters, layers: done, kept })
    }

    /// One layer and its chain, or nothing if the chain would have as many parameters as the weight.
    fn prune(
        &self,
        trained: &TrainedModel,
        moments: &Moments,
        layer: &LayerWeight,
    ) -> Result<Option<(PrunedLayer, Chain<f64>)>, ChainError> {
        let parameters = &trained.parameters;
        let id = parameters.find(&layer.weight_name()).expect("a dense layer has a weight of this name");
        let weight: Tensor<f64> = parameters.tensor(id).cast();
        let (inputs, outputs) = self.legs(layer.shape);
        let (mut chain, report) = decompose(&weight, &inputs, &outputs, &self.truncation)?;
        if chain.spec().params() >= weight.numel() {
            return Ok(None);
        }
        let (mut error, mut on_data) = (report.error, None);
        if let Some(moments) = moments.of(&layer.name) {
            let (fitted, weighted) = decompose_weighted(&weight, moments, &inputs, &outputs, &self.truncation, SWEEPS)?;
            let relative = |error: f64| if weighted.norm > 0.0 { error / weighted.norm } else { 0.0 };
            on_data = Some([relative(weighted.plain), weighted.relative_error()]);
            let dense = fitted.to_dense();
            error = weight.data().iter().zip(dense.data()).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            chain = fitted;
        }
        chain.balance_norms();
        let (name, spec) = (layer.name.clone(), chain.spec().clone());
        Ok(Some((PrunedLayer { name, dense: weight.numel(), spec, error, report, on_data }, chain)))
    }

    /// The layers that the globs match, all of them dense.
    fn choose(&self, trained: &TrainedModel) -> Result<Vec<LayerWeight>, PruneError> {
        let all = layers(trained)?;
        let names: Vec<&str> = all.iter().map(|layer| &layer.name[..]).collect();
        let rule = ChainRule { layers: self.layers.clone(), ..ChainRule::of("") };
        ChainRules(vec![rule.clone()]).unmatched(&names).map_err(PruneError::Layers)?;
        let chosen: Vec<_> = all.into_iter().filter(|layer| rule.is_for(&layer.name)).collect();
        if let Some(layer) = chosen.iter().find(|layer| layer.factored) {
            return Err(PruneError::Already { layer: layer.name.clone() });
        }
        if let ModelConfig::EncoderDecoder(config) = &trained.recipe.model
            && config.output == OutputKind::Frozen
            && let Some(table) = chosen.iter().find(|layer| layer.is_target_table())
        {
            return Err(PruneError::Frozen { layer: table.name.clone() });
        }
        Ok(chosen)
    }

    /// The legs of a weight `[out, in]`: those of the rule, or where a size does not factor those of a plain product of two matrices.
    fn legs(&self, shape: [usize; 2]) -> (Vec<usize>, Vec<usize>) {
        let [out, inputs] = shape;
        match FactorShape::pair(inputs, out, self.cores, self.factors) {
            Ok((inputs, outputs)) => (inputs.into_vec(), outputs.into_vec()),
            Err(_) => LowRankWeight::legs(shape),
        }
    }
}

/// The model of the new recipe, with the cores, and with the values that the trained model has for everything else.
fn rebuild(
    recipe: &Recipe,
    trained: &TrainedModel,
    cores: &[(String, Tensor<f32>)],
) -> Result<(Model, Parameters<f32>), PruneError> {
    let (model, mut parameters) =
        Model::build(&recipe.model, trained.symbols.form(), |width| fixed_vectors(recipe, width), recipe.train.seed)?;
    let old = &trained.parameters;
    for id in parameters.ids() {
        let name = parameters.spec(id).name.clone();
        match old.find(&name) {
            Some(same) => parameters.set(id, old.tensor(same).data()),
            None => {
                let (_, core) =
                    cores.iter().find(|(core, _)| *core == name).expect("what is new in a pruned model is a core");
                parameters.set(id, core.data());
            }
        }
    }
    Ok((model, parameters))
}
