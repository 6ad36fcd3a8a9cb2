//! What goes into the layers of a model: second moments of their inputs over batches of training data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anther_chain::ChainRules;
use anther_data::DataDir;
use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::{
    Element, Factored, FactoredWeight, Factoring, Ids, Init, ParamId, ParamSet, Parameters, Scope, Tape, Tensor, Var,
};

use super::{LayerWeight, PruneError};
use crate::batch::{Batch, Part};
use crate::trained::TrainedModel;

/// `Σ x xᵀ` of the inputs of each layer, `[in, in]`, divided by their number.
#[derive(Default)]
pub(super) struct Moments(BTreeMap<String, Tensor<f64>>);

impl Moments {
    /// Those of a layer. There are none for tables, whose inputs are token numbers, and for the last layer, whose product is never made.
    pub(super) fn of(&self, layer: &str) -> Option<&Tensor<f64>> {
        self.0.get(layer)
    }
}

/// Runs the model over training batches and looks at what the chosen layers are given.
pub(super) fn gather(
    trained: &TrainedModel,
    data: &DataDir,
    chosen: &[LayerWeight],
    batches: usize,
) -> Result<Moments, PruneError> {
    let task = trained.task(data)?;
    let sums = Arc::new(Mutex::new(Sums::new()));
    let watching = Arc::new(Watching {
        rules: trained.recipe.model.chains().clone(),
        layers: chosen.iter().map(|layer| layer.name.clone()).collect(),
        sums: Arc::clone(&sums),
    });
    let mut set = ParamSet::new();
    let model = trained.define(&mut set.root().factored_by(watching))?;
    // The same names in the same order, so the values go over as they lie.
    let mut parameters = Parameters::<f32>::initialise(&set, trained.recipe.train.seed);
    let model = model.frozen_at(&parameters);
    parameters.values_mut().copy_from_slice(trained.parameters.values());
    let mut batch = Batch::default();
    for step in 0..batches as u64 {
        task.batch(step, &mut batch)?;
        let part = Part::new(&batch, 0..batch.rows());
        model.loss(&Tape::inference(&parameters), &part, 0.0);
    }
    let sums = std::mem::take(&mut *sums.lock().unwrap_or_else(PoisonError::into_inner));
    let mean = |(sum, rows): (Vec<f64>, usize), inputs: usize| {
        #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
        let rows = rows.max(1) as f64;
        Tensor::from_vec([inputs, inputs], sum.into_iter().map(|x| x / rows).collect())
    };
    let inputs = |name: &str| chosen.iter().find(|layer| layer.name == name).map_or(0, |layer| layer.shape[1]);
    Ok(Moments(sums.into_iter().map(|(name, sum)| (name.clone(), mean(sum, inputs(&name)))).collect()))
}

/// The sum of `x xᵀ` and the number of rows x of each layer.
type Sums = BTreeMap<String, (Vec<f64>, usize)>;

/// Follows rules, and puts a watcher into the layers that are to be watched.
struct Watching {
    rules: ChainRules,
    layers: Vec<String>,
    sums: Arc<Mutex<Sums>>,
}

impl Factoring for Watching {
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], init: Init) -> Option<Arc<dyn FactoredWeight>> {
        if !self.layers.iter().any(|layer| *layer == scope.name()) {
            return self.rules.factor(scope, shape, init);
        }
        let (layer, weight) = (scope.name().to_owned(), scope.param("weight", shape, init));
        Some(Arc::new(Watched { layer, weight, shape, sums: Arc::clone(&self.sums) }))
    }
}

/// A dense weight that notes what it is multiplied with.
#[derive(Debug)]
struct Watched {
    layer: String,
    weight: ParamId,
    shape: [usize; 2],
    sums: Arc<Mutex<Sums>>,
}

impl<T: Element> Factored<T> for Watched {
    fn dense<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(self.weight)
    }

    fn apply<'t>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let (rows, inputs) = (x.shape().rows(), self.shape[1]);
        let x64: Tensor<f64> = x.value().cast();
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let (sum, count) = sums.entry(self.layer.clone()).or_insert_with(|| (vec![0.0; inputs * inputs], 0));
        let product = MatMul { trans_a: Trans::Yes, ..MatMul::new(x64.data(), x64.data(), inputs, inputs, rows) };
        kernels::matmul(product, sum, Write::Add);
        *count += rows;
        x.linear(&x.param(self.weight), None, None)
    }

    fn rows<'t>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        tape.param(self.weight).embedding(ids)
    }
}

impl FactoredWeight for Watched {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn contracts(&self, _: usize) -> bool {
        true
    }
}
