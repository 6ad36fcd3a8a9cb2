//! Where a model has parameters to spare: groups of layers and sizes, each tried alone.

use anther_chain::Truncation;
use anther_data::DataDir;

use super::{PruneError, Pruning, layers};
use crate::evaluate::Evaluation;
use crate::trained::TrainedModel;

/// Groups of layers: what they are called, and globs of their names.
pub const GROUPS: [(&str, &[&str]); 5] = [
    ("embedding", &["model.embed_tokens*", "model.shared*", "model.*coder.embed_tokens*"]),
    ("q, k, v", &["*.q_proj*", "*.k_proj*", "*.v_proj*", "*.g_proj"]),
    ("attention output", &["*.o_proj*"]),
    ("feed-forward", &["*.fc1", "*.fc2", "*.gate_proj", "*.up_proj", "*.down_proj"]),
    ("output layer", &["lm_head"]),
];

/// The shares of parameters that are tried.
pub const RATIOS: [f64; 6] = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

/// One group at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The group.
    pub group: &'static str,
    /// The share of parameters that was asked for.
    pub ratio: f64,
    /// Parameters of the group's weights when dense.
    pub dense: usize,
    /// Parameters that are gone.
    pub removed: usize,
    /// The relative error of the weights: the root of the sum of squared errors over that of squared norms.
    pub error: f64,
    /// The loss of the pruned model without any fine-tuning, in nats a token.
    pub loss: f64,
    /// That of the model as it was.
    pub before: f64,
}

/// Prunes each group of layers to each size, everything else as it was, and measures the model on its evaluation. A group without dense layers, and a size at which
/// nothing becomes smaller, is left out. `tried` is told of each point.
///
/// Cost: a decomposition of every weight and an evaluation for each of up to 30 points.
///
/// # Errors
/// As [`Pruning::apply`], or if the data cannot be used.
pub fn scan(
    trained: &TrainedModel,
    data: &DataDir,
    pruning: &Pruning,
    tried: &mut dyn FnMut(&Point),
) -> Result<Vec<Point>, PruneError> {
    let task = trained.task(data)?;
    let evaluation = task.evaluation();
    let before = Evaluation::measure(&trained.model, &trained.parameters, &evaluation)?.loss;
    let all = layers(trained)?;
    let mut points = Vec::new();
    for (group, globs) in GROUPS {
        let is_in = |name: &str| globs.iter().any(|glob| anther_chain::ChainRule::of(glob).is_for(name));
        let names: Vec<String> =
            all.iter().filter(|layer| !layer.factored && is_in(&layer.name)).map(|layer| layer.name.clone()).collect();
        if names.is_empty() {
            continue;
        }
        for ratio in RATIOS {
            let pruning = Pruning { layers: names.clone(), truncation: Truncation::Budget(ratio), ..pruning.clone() };
            let pruned = match pruning.apply(trained, data) {
                Err(PruneError::Nothing { .. }) => continue,
                result => result?,
            };
            let sum = |of: &dyn Fn(&super::PrunedLayer) -> f64| pruned.layers.iter().map(of).sum::<f64>();
            let dense: usize = pruned.layers.iter().map(|layer| layer.dense).sum();
            let point = Point {
                group,
                ratio,
                dense,
                removed: dense - pruned.layers.iter().map(|layer| layer.spec.params()).sum::<usize>(),
                error: (sum(&|layer| layer.error.powi(2)) / sum(&|layer| layer.report.norm.powi(2))).sqrt(),
                loss: Evaluation::measure(&pruned.model, &pruned.parameters, &evaluation)?.loss,
                before,
            };
            tried(&point);
            points.push(point);
        }
    }
    Ok(points)
}
