//! Running a case: the point at which it is evaluated, its output and the gradients of all its leaves.

use anther_tensor::{Element, ParamId, Parameters, Randomness, Shape, Tape, Tensor, Var};

use crate::case::{Case, Erased};
use crate::input::Random;

/// An element type, with the way to run an erased function in it.
pub(crate) trait Scalar: Element {
    fn run<'t>(body: &dyn Erased, tape: &'t Tape<Self>, inputs: &[Var<'t, Self>]) -> Var<'t, Self>;
}

impl Scalar for f32 {
    fn run<'t>(body: &dyn Erased, tape: &'t Tape<f32>, inputs: &[Var<'t, f32>]) -> Var<'t, f32> {
        body.run_f32(tape, inputs)
    }
}

impl Scalar for f64 {
    fn run<'t>(body: &dyn Erased, tape: &'t Tape<f64>, inputs: &[Var<'t, f64>]) -> Var<'t, f64> {
        body.run_f64(tape, inputs)
    }
}

/// Values of all leaves of a case: its inputs, then its parameters.
pub(crate) struct Point<T: Element> {
    pub(crate) inputs: Vec<Tensor<T>>,
    pub(crate) params: Parameters<T>,
}

impl Point<f64> {
    pub(crate) fn of(case: &Case) -> Self {
        let seed = case.seed();
        let inputs = case
            .inputs
            .iter()
            .enumerate()
            .map(|(i, input)| Tensor::from_vec(input.shape, input.values(seed, i)))
            .collect();
        let mut params = Parameters::initialise(&case.params, seed);
        for id in params.ids().collect::<Vec<_>>() {
            let mut random = Random::new(seed ^ Random::seed(&params.spec(id).name));
            let noisy: Vec<f64> =
                params.tensor(id).data().iter().map(|x| f64::from((x + 0.1 * random.normal()) as f32)).collect();
            params.set(id, &noisy);
        }
        Point { inputs, params }
    }

    pub(crate) fn cast<T: Element>(&self) -> Point<T> {
        Point { inputs: self.inputs.iter().map(Tensor::cast).collect(), params: self.params.cast() }
    }

    /// The values of leaf `leaf`.
    pub(crate) fn leaf(&self, leaf: usize) -> Vec<f64> {
        match self.inputs.get(leaf) {
            Some(input) => input.data().to_vec(),
            None => self.params.tensor(self.param(leaf)).data().to_vec(),
        }
    }

    /// The same point with other values of leaf `leaf`.
    pub(crate) fn with_leaf(&self, leaf: usize, values: &[f64]) -> Self {
        let (mut inputs, mut params) = (self.inputs.clone(), self.params.clone());
        match inputs.get_mut(leaf) {
            Some(input) => *input = Tensor::from_slice(input.shape(), values),
            None => params.set(self.param(leaf), values),
        }
        Point { inputs, params }
    }
}

impl<T: Element> Point<T> {
    pub(crate) fn leaves(&self) -> usize {
        self.inputs.len() + self.params.ids().count()
    }

    pub(crate) fn leaf_shape(&self, leaf: usize) -> Shape {
        match self.inputs.get(leaf) {
            Some(input) => input.shape(),
            None => self.params.spec(self.param(leaf)).shape,
        }
    }

    pub(crate) fn leaf_name(&self, leaf: usize) -> String {
        if leaf < self.inputs.len() { format!("input {leaf}") } else { self.params.spec(self.param(leaf)).name.clone() }
    }

    fn param(&self, leaf: usize) -> ParamId {
        self.params.ids().nth(leaf - self.inputs.len()).expect("a leaf is an input or a parameter")
    }
}

/// What came out: the output and the gradient of each leaf, `None` where none arrived.
pub(crate) struct Outcome<T: Element> {
    pub(crate) output: Tensor<T>,
    pub(crate) gradients: Vec<Option<Vec<T>>>,
}

impl<T: Element> Outcome<T> {
    /// Output and gradients, each with its name; a missing gradient is left out.
    pub(crate) fn arrays(&self, point: &Point<T>) -> Vec<(String, Vec<f64>)> {
        let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<f64>>();
        let gradients = self.gradients.iter().enumerate().filter_map(|(leaf, gradient)| {
            Some((format!("the gradient of {}", point.leaf_name(leaf)), wide(gradient.as_ref()?)))
        });
        std::iter::once(("the output".to_owned(), wide(self.output.data()))).chain(gradients).collect()
    }
}

/// Seed and step of training tapes; any will do, as long as it is always the same.
const RANDOMNESS: Randomness = Randomness { seed: 11, step: 3 };

pub(crate) fn tape<T: Element>(case: &Case, params: &Parameters<T>) -> Tape<T> {
    if case.training { Tape::training(params, RANDOMNESS) } else { Tape::recording(params) }
}

/// `∂loss/∂output` from which backward passes start. Random: the sum of a softmax has no gradient at all.
pub(crate) fn cotangent<T: Element>(case: &Case, shape: Shape) -> Tensor<T> {
    let mut random = Random::new(!case.seed());
    Tensor::from_fn(shape, |_| T::from_f64(f64::from(random.normal() as f32)))
}

/// The inputs of a point as leaves of a tape.
pub(crate) fn leaves<'t, T: Element>(tape: &'t Tape<T>, point: &Point<T>) -> Vec<Var<'t, T>> {
    point.inputs.iter().map(|input| tape.input(input.clone())).collect()
}

/// What becomes of the inputs of a case, and of its output, in one evaluation.
#[derive(Clone, Copy)]
pub(crate) enum Wiring {
    /// Every input is a leaf of its own.
    Plain,
    /// The input of that index is a constant.
    Constant(usize),
    /// The second of two inputs stands in the place of the first one too.
    Shared(usize, usize),
    /// The function is applied twice to the same leaves, and the outputs are added.
    Doubled,
}

/// Forward and backward.
pub(crate) fn evaluate<T: Scalar>(case: &Case, point: &Point<T>, wiring: Wiring) -> Outcome<T> {
    let tape = tape(case, &point.params);
    let mut inputs = leaves(&tape, point);
    match wiring {
        Wiring::Constant(i) => inputs[i] = inputs[i].detach(),
        Wiring::Shared(first, second) => inputs[first] = inputs[second].clone(),
        Wiring::Plain | Wiring::Doubled => {}
    }
    let run = || T::run(case.body.as_ref(), &tape, &inputs);
    let output = if matches!(wiring, Wiring::Doubled) { run() + run() } else { run() };
    let mut slab = point.params.gradients();
    let found = tape.backward(&output, Some(cotangent(case, output.shape())), &mut slab);
    let of_inputs = inputs.iter().map(|input| found.get(input).map(|gradient| gradient.data().to_vec()));
    let of_params = point.params.ids().map(|id| slab.get(id).map(<[T]>::to_vec));
    Outcome { gradients: of_inputs.chain(of_params).collect(), output: output.into_value() }
}

/// The loss whose gradient the backward pass computes: `⟨cotangent, output⟩`.
pub(crate) fn loss(case: &Case, point: &Point<f64>) -> f64 {
    let tape = tape(case, &point.params);
    let inputs: Vec<_> = point.inputs.iter().map(|input| tape.constant(input.clone())).collect();
    let output = f64::run(case.body.as_ref(), &tape, &inputs);
    let cotangent = cotangent::<f64>(case, output.shape());
    output.value().data().iter().zip(cotangent.data()).map(|(y, c)| y * c).sum()
}
