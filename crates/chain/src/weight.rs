//! Weights of layers that are made of other parameters: [`ChainWeight`] and [`LowRankWeight`].

use anther_tensor::{Element, Factored, FactoredWeight, Ids, Init, ParamId, Scope, Shape, Tape, Var};

use crate::cost::{Cost, Way};
use crate::error::ChainError;
use crate::ops::{Order, chain_apply, chain_dense, chain_rows};
use crate::spec::ChainSpec;

/// A weight `[out, in]` as the cores of a chain: parameters `cores.0`, `cores.1`, … of its layer, each `[r_{k−1}, I_k, O_k, r_k]`.
///
/// `Linear` and `Embedding` of `anther_tensor` take it as they take a dense weight, if they are made in a scope whose factoring says so
/// ([`ChainRules`](crate::ChainRules)).
#[derive(Clone, Debug)]
pub struct ChainWeight {
    spec: ChainSpec,
    cores: Vec<ParamId>,
}

impl ChainWeight {
    /// Defines the cores. They are Gaussian, so that entries of W have the variance that `init` gives a dense weight; for `Zeros` the last
    /// core is 0, so W is, and gradients flow to it first.
    ///
    /// # Errors
    /// If the specification is none, or `init` is a constant other than 0, which no product of random cores is.
    pub fn new(scope: &mut Scope<'_>, spec: ChainSpec, init: Init) -> Result<Self, ChainError> {
        spec.validate()?;
        let (std, zero) = deviation(init, spec.shape())?;
        let last = spec.cores() - 1;
        let std = spec.core_std(std);
        let mut scope = scope.child("cores");
        let core = |(k, shape): (usize, Shape)| {
            let init = if zero && k == last { Init::Zeros } else { Init::Normal { std } };
            scope.param(&k.to_string(), shape, init)
        };
        let cores = spec.core_shapes().enumerate().map(core).collect();
        Ok(ChainWeight { spec, cores })
    }

    /// Legs and bonds.
    pub fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// The ids of the cores, the first one first.
    pub fn cores(&self) -> &[ParamId] {
        &self.cores
    }

    fn on<'t, T: Element>(&self, tape: &'t Tape<T>) -> Vec<Var<'t, T>> {
        self.cores.iter().map(|&id| tape.param(id)).collect()
    }
}

impl<T: Element> Factored<T> for ChainWeight {
    fn dense<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        chain_dense(&self.spec, &self.on(tape).iter().collect::<Vec<_>>())
    }

    fn apply<'t>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let rows = x.shape().rows();
        let cost = |order| self.spec.product_cost(rows, Way::Contract(order)).estimate();
        let first = cost(Order::FirstToLast) <= cost(Order::LastToFirst);
        let order = if first { Order::FirstToLast } else { Order::LastToFirst };
        chain_apply(&self.spec, order, x, &self.on(x.tape()).iter().collect::<Vec<_>>())
    }

    fn rows<'t>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        chain_rows(&self.spec, ids, &self.on(tape).iter().collect::<Vec<_>>())
    }
}

impl FactoredWeight for ChainWeight {
    fn shape(&self) -> [usize; 2] {
        self.spec.shape()
    }

    fn contracts(&self, rows: usize) -> bool {
        self.spec.cheapest(rows) != Way::Reconstruct
    }
}

/// A weight of low rank, `W = up · down`: parameters `down` `[rank, in]` and `up` `[out, rank]` of its layer.
#[derive(Clone, Copy, Debug)]
pub struct LowRankWeight {
    down: ParamId,
    up: ParamId,
    shape: [usize; 2],
    rank: usize,
}

impl LowRankWeight {
    /// Defines both factors, with the variances of [`ChainWeight::new`].
    ///
    /// # Errors
    /// If `rank` is 0, or `init` is a constant other than 0.
    pub fn new(scope: &mut Scope<'_>, shape: [usize; 2], rank: usize, init: Init) -> Result<Self, ChainError> {
        if rank == 0 {
            return Err(ChainError::Rank);
        }
        let (std, zero) = deviation(init, shape)?;
        let init = Init::Normal { std: (std * std / rank as f64).powf(0.25) };
        let [out, inputs] = shape;
        let down = scope.param("down", [rank, inputs], init);
        let up = scope.param("up", [out, rank], if zero { Init::Zeros } else { init });
        Ok(LowRankWeight { down, up, shape, rank })
    }

    /// The legs of the chain of two cores that this is: `up` is its first core `[1, 1, out, rank]`, `down` its second `[rank, in, 1, 1]`.
    pub fn legs([out, inputs]: [usize; 2]) -> (Vec<usize>, Vec<usize>) {
        (vec![1, inputs], vec![out, 1])
    }

    /// The id of `down`.
    pub fn down(&self) -> ParamId {
        self.down
    }

    /// The id of `up`.
    pub fn up(&self) -> ParamId {
        self.up
    }
}

impl<T: Element> Factored<T> for LowRankWeight {
    fn dense<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(self.up).matmul(&tape.param(self.down))
    }

    fn apply<'t>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        x.linear(&x.param(self.down), None, None).linear(&x.param(self.up), None, None)
    }

    fn rows<'t>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        let left = tape.param(self.up).embedding(ids);
        let mut shape = ids.shape().to_vec();
        shape.push(self.shape[1]);
        // As a matrix: a single id has no axis but that of the row.
        left.reshape([ids.data().len(), self.rank]).matmul(&tape.param(self.down)).reshape(&shape[..])
    }
}

impl FactoredWeight for LowRankWeight {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn contracts(&self, rows: usize) -> bool {
        let ([out, inputs], rank) = (self.shape, self.rank);
        let contract = Cost::product(rows, rank, inputs) + Cost::product(rows, out, rank);
        let make = Cost::product(out, inputs, rank) + Cost::product(rows, out, inputs);
        contract.estimate() < make.estimate()
    }
}

/// The standard deviation of the entries of a weight of this shape, and whether they are all 0.
fn deviation(init: Init, [out, inputs]: [usize; 2]) -> Result<(f64, bool), ChainError> {
    match init {
        Init::Normal { std } => Ok((std, false)),
        Init::Uniform { bound } => Ok((bound / 3f64.sqrt(), false)),
        Init::Orthogonal { .. } => Ok(((out.max(inputs).max(1) as f64).recip().sqrt(), false)),
        Init::Zeros | Init::Constant(0.0) => Ok(((inputs.max(1) as f64).recip().sqrt(), true)),
        Init::Ones | Init::Constant(_) => {
            let why = "a weight that starts as a constant is no product of random cores; leave its layer dense";
            Err(ChainError::Spec(why.to_owned()))
        }
    }
}
