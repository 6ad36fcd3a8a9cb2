//! A score of one's own: the Laplace kernel, `s_ij = −c Σ_l |q_il − k_jl|`, so that the weights are `e^{−c|q − k|₁}` over their sum.
//!
//! The score is all that is new. Batches, heads, masks, dropout, threads, the backward pass and memory that grows with the length alone come from the driver.
//! The program checks the gradients against finite differences, then lets the score learn to look things up: `cargo run --release -p anther-attention --example laplace`.

use anther_attention::{Mask, Operands, PairGradients, PairScore, Pairwise, Softmax, attend_tiled};
use anther_kernels::Lanes;
use anther_tensor::{Element, Init, ParamId, ParamSet, Parameters, RandomKey, Tape, Tensor, Var};

/// The score.
#[derive(Clone, Copy)]
pub struct Laplace {
    /// The factor c.
    pub scale: f64,
}

impl PairScore for Laplace {
    #[inline(always)]
    fn score<T: Element>(&self, q: &[Lanes<T>], k: &[Lanes<T>], _: &[T], _: &mut [Lanes<T>]) -> Lanes<T> {
        let mut distance = Lanes::zero();
        for l in 0..q.len() {
            distance += (q[l] - k[l]).abs();
        }
        distance * Lanes::splat(T::from_f64(-self.scale))
    }

    #[inline(always)]
    fn differentiate<T: Element>(
        &self,
        q: &[Lanes<T>],
        k: &[Lanes<T>],
        _: &[T],
        dscores: Lanes<T>,
        _: &mut [Lanes<T>],
        into: PairGradients<'_, T>,
    ) {
        let d = dscores * Lanes::splat(T::from_f64(-self.scale));
        for l in 0..q.len() {
            let sign = (q[l] - k[l]).sign() * d;
            into.query[l] += sign;
            into.keys[l] += -sign;
        }
    }

    fn flops(&self, d: usize) -> usize {
        3 * d
    }
}

/// One layer: tokens `[1, heads, length, 2 d]`, whose first half is a name and whose second half is what is to be found under it.
struct Lookup {
    q: ParamId,
    k: ParamId,
    v: ParamId,
}

const D: usize = 8;

impl Lookup {
    fn new(set: &mut ParamSet) -> Self {
        let mut scope = set.root();
        let mut weight = |name: &str| scope.param(name, [D, 2 * D], Init::fan_in(2 * D));
        Lookup { q: weight("q"), k: weight("k"), v: weight("v") }
    }

    fn forward<'t, T: Element>(&self, queries: &Var<'t, T>, tokens: &Var<'t, T>) -> Var<'t, T> {
        let project = |x: &Var<'t, T>, weight: ParamId| x.linear(&x.param(weight), None, None);
        let (q, k, v) = (project(queries, self.q), project(tokens, self.k), project(tokens, self.v));
        let seen = Mask::full().seen(1, q.shape()[2], k.shape()[2], 0);
        attend_tiled(Pairwise(Laplace { scale: 1.0 }), Softmax, Operands::new(&q, &k, &v, &seen))
    }

    /// The mean squared error of step number `step`, on names and contents that are new each time.
    fn loss<'t, T: Element>(&self, tape: &'t Tape<T>, step: u64, length: usize) -> Var<'t, T> {
        let key = RandomKey::new(7, 0, step);
        let tokens = Tensor::from_fn([1, 4, length, 2 * D], |i| T::from_f64(key.normal(i as u64)));
        // Each query has the name of a token, in another order, and nothing in the second half.
        let source = |i: usize| {
            let (row, column) = (i / (2 * D), i % (2 * D));
            (row / length * length + (row % length + 3) % length) * 2 * D + column
        };
        let value = |i: usize| tokens.data()[source(i)];
        let queries = Tensor::from_fn(tokens.shape(), |i| if i % (2 * D) < D { value(i) } else { T::ZERO });
        let wanted = Tensor::from_fn([1, 4, length, D], |i| value(i / D * 2 * D + D + i % D));
        let found = self.forward(&tape.constant(queries), &tape.constant(tokens));
        (found - tape.constant(wanted)).square().mean()
    }
}

fn main() {
    let mut set = ParamSet::new();
    let lookup = Lookup::new(&mut set);
    check_gradients(&set, &lookup);

    let mut parameters = Parameters::<f32>::initialise(&set, 1);
    let mut gradients = parameters.gradients();
    for step in 0..400 {
        gradients.clear();
        let tape = Tape::recording(&parameters);
        let loss = lookup.loss(&tape, step, 64);
        if step % 50 == 0 {
            println!("step {step:3}  loss {:.4}", loss.value().item());
        }
        tape.backward(&loss, None, &mut gradients);
        // Plain gradient descent: values and gradients are one slice each.
        for (weight, gradient) in parameters.values_mut().iter_mut().zip(gradients.slab_mut()) {
            *weight -= 2.0 * *gradient;
        }
    }
}

/// Compares a few gradients with central differences.
fn check_gradients(set: &ParamSet, lookup: &Lookup) {
    let mut parameters = Parameters::<f64>::initialise(set, 1);
    let mut gradients = parameters.gradients();
    let tape = Tape::recording(&parameters);
    tape.backward(&lookup.loss(&tape, 0, 9), None, &mut gradients);
    for id in [lookup.q, lookup.k, lookup.v] {
        for place in [0, 17, 60] {
            let values = parameters.tensor(id).data().to_vec();
            let mut loss_at = |shift: f64| {
                let mut moved = values.clone();
                moved[place] += shift;
                parameters.set(id, &moved);
                let tape = Tape::inference(&parameters);
                lookup.loss(&tape, 0, 9).value().item()
            };
            let slope = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
            parameters.set(id, &values);
            let gradient = gradients.get(id).expect("a gradient")[place];
            assert!((slope - gradient).abs() < 1e-7, "the gradient is {gradient}, but the loss rises by {slope}");
        }
    }
    println!("the gradients agree with finite differences");
}
