//! Neural attention: the score is a small network of query and key.

use anther_kernels::{self as kernels, Lanes, Write};
use anther_tensor::{Element, Trans, Unary, Var};
use serde::{Deserialize, Serialize};

use super::{PairGradients, PairScore, Score};
use crate::pattern::Seen;

/// The function between the layers of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreActivation {
    /// max(x, 0), as released.
    #[default]
    Relu,
    /// x Φ(x)
    Gelu,
    /// tanh x: with one hidden layer, additive attention (Bahdanau et al. 2015).
    Tanh,
}

impl From<ScoreActivation> for Unary {
    fn from(activation: ScoreActivation) -> Self {
        match activation {
            ScoreActivation::Relu => Unary::Relu,
            ScoreActivation::Gelu => Unary::Gelu,
            ScoreActivation::Tanh => Unary::Tanh,
        }
    }
}

/// The score of Neural Attention (arXiv 2502.17206), after its first layer has been taken apart:
///
/// ```text
/// s_ij = w₃ · σ(W₂ σ(a_i + b_j) + b₂) + b₃      two hidden layers, as released
/// s_ij = w₃ · σ(a_i + b_j) + b₃                 one hidden layer, as printed
/// ```
///
/// Because `W₁ [q; k] = W₁q q + W₁k k`, the first layer on the concatenation of a query and a key is a sum of what each gives alone: `a_i = W₁q q_i + b₁` and
/// `b_j = W₁k k_j` come in the places of queries and keys, `[.., h]` wide, and nothing of the size queries × keys × h ever exists. The numbers that all pairs
/// share are, one after the other, W₂ `[m, h]`, b₂ `[m]`, w₃ `[m]`, b₃; or w₃ `[h]`, b₃.
///
/// Cost about 2·h·m a pair forward and three times that backward. There is no factor 1/√d. Under softmax b₃ has no effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neural {
    /// Units m of the second hidden layer, if there is one.
    pub second: Option<usize>,
    /// σ
    pub activation: ScoreActivation,
}

impl Neural {
    /// How many numbers all pairs share, for `h` units in the first hidden layer.
    pub fn param_count(&self, h: usize) -> usize {
        self.second.map_or(h + 1, |m| m * h + 2 * m + 1)
    }
}

impl Score for Neural {
    fn score<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        params: Option<&Var<'t, T>>,
    ) -> Var<'t, T> {
        let params = params.expect("a neural score has parameters");
        let [batch, heads, rows, _] = *queries.shape() else { unreachable!("heads have four axes") };
        let (hidden, start) = self.last_hidden(queries, keys, params);
        let width = hidden.shape()[2];
        let weight = params.slice(0, start..start + width).reshape([1, width]);
        let bias = params.slice(0, start + width..start + width + 1);
        hidden.linear(&weight, Some(&bias), None).reshape([batch, heads, rows, keys.shape()[2]])
    }
}

impl Neural {
    /// The last hidden layer of all pairs, `[batch · heads, queries · keys, units]`, and where the numbers after it begin in `params`.
    fn last_hidden<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        params: &Var<'t, T>,
    ) -> (Var<'t, T>, usize) {
        let [batch, heads, rows, h] = *queries.shape() else { unreachable!("heads have four axes") };
        let cols = keys.shape()[2];
        let tape = params.tape();
        // Outer sums are products of two columns: [batch·heads, h, queries, 2] · [batch·heads, h, 2, keys].
        let unit_columns = |x: &Var<'t, T>, length: usize, first: bool| {
            let x = x.reshape([batch * heads, length, h]).transpose().reshape([batch * heads, h, length, 1]);
            let ones = x.affine(0.0, 1.0);
            tape.concat(3, &if first { [&x, &ones] } else { [&ones, &x] })
        };
        let (a, b) = (unit_columns(queries, rows, true), unit_columns(keys, cols, false));
        let sums = a.matmul_with(Trans::No, &b, Trans::Yes).reshape([batch * heads, h, rows * cols]).transpose();
        let activation = self.activation.into();
        let first = sums.unary(activation);
        let Some(m) = self.second else { return (first, 0) };
        let weight = params.slice(0, 0..m * h).reshape([m, h]);
        let bias = params.slice(0, m * h..m * h + m);
        (first.linear(&weight, Some(&bias), Some(activation)), m * h + m)
    }

    /// For each head, the share of the pairs that see each other whose last hidden layer has a unit that is not 0; NaN if none see each other.
    pub(crate) fn live<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        params: &Var<'t, T>,
        seen: &Seen,
    ) -> Vec<f64> {
        let [batch, heads, rows, _] = *queries.shape() else { unreachable!("heads have four axes") };
        let (group, cols) = (heads / keys.shape()[1], keys.shape()[2]);
        // One head at a time: all units of all pairs of all heads are a lot of memory.
        let head = |head: usize| {
            let (queries, keys) = (queries.slice(1, head..head + 1), keys.slice(1, head / group..head / group + 1));
            let (hidden, _) = self.last_hidden(&queries, &keys, params);
            let units = hidden.shape()[2];
            let (mut live, mut count) = (0usize, 0usize);
            for (pair, units) in hidden.value().data().chunks_exact(units).enumerate() {
                let (row, key) = (pair / cols, pair % cols);
                if seen.shows(row / rows, head, row % rows, key) {
                    count += 1;
                    live += usize::from(units.iter().any(|&unit| unit != T::ZERO));
                }
            }
            live as f64 / count as f64
        };
        if batch * rows * cols == 0 { vec![f64::NAN; heads] } else { (0..heads).map(head).collect() }
    }
}

// What is done to each unit alike runs over all numbers in one loop. As a loop over lanes within a loop over units the compiler may make vectors across units,
// which are far apart. Closures that are called more than once would not be inlined, and so run without the instructions of the level.

/// `sum += x`
#[inline(always)]
fn add<T: Element>(sum: &mut [Lanes<T>], x: &[Lanes<T>]) {
    for (sum, &x) in Lanes::numbers_mut(sum).iter_mut().zip(Lanes::numbers(x)) {
        *sum += x;
    }
}

/// σ of lanes, in `y`; `x` is kept for σ′ if that needs it.
#[inline(always)]
fn activate<T: Element>(activation: ScoreActivation, x: &[Lanes<T>], y: &mut [Lanes<T>]) {
    match activation {
        ScoreActivation::Relu => {
            for (y, &x) in Lanes::numbers_mut(y).iter_mut().zip(Lanes::numbers(x)) {
                *y = if x > T::ZERO { x } else { T::ZERO };
            }
        }
        other => kernels::unary(other.into(), Lanes::numbers_mut(y), Lanes::numbers(x), Write::Set),
    }
}

/// Multiplies gradients by σ′.
#[inline(always)]
fn chain<T: Element>(activation: ScoreActivation, d: &mut [Lanes<T>], x: &[Lanes<T>], y: &[Lanes<T>]) {
    match activation {
        ScoreActivation::Relu => {
            for (d, &y) in Lanes::numbers_mut(d).iter_mut().zip(Lanes::numbers(y)) {
                *d = if y > T::ZERO { *d } else { T::ZERO };
            }
        }
        other => {
            let (d, x, y) = (Lanes::numbers_mut(d), Lanes::numbers(x), Lanes::numbers(y));
            kernels::unary_backward_in_place(other.into(), d, x, y);
        }
    }
}

/// The units of a panel: before and after σ, for both layers, and a place for gradients.
struct Units<'a, T> {
    sums: &'a mut [Lanes<T>],
    first: &'a mut [Lanes<T>],
    second_sums: &'a mut [Lanes<T>],
    second: &'a mut [Lanes<T>],
    gradients: &'a mut [Lanes<T>],
}

/// The shared numbers by their names.
struct Weights<'a, T> {
    w2: &'a [T],
    b2: &'a [T],
    w3: &'a [T],
    b3: T,
}

impl Neural {
    #[inline(always)]
    fn split<'a, T>(&self, h: usize, scratch: &'a mut [Lanes<T>]) -> Units<'a, T> {
        let m = self.second.unwrap_or(0);
        let (sums, rest) = scratch.split_at_mut(h);
        let (first, rest) = rest.split_at_mut(h);
        let (second_sums, rest) = rest.split_at_mut(m);
        let (second, rest) = rest.split_at_mut(m);
        Units { sums, first, second_sums, second, gradients: &mut rest[..h + m] }
    }

    #[inline(always)]
    fn weights<'a, T: Copy>(&self, h: usize, params: &'a [T]) -> Weights<'a, T> {
        let m = self.second.unwrap_or(0);
        let (w2, rest) = params.split_at(m * h);
        let (b2, rest) = rest.split_at(m);
        let (w3, b3) = rest.split_at(if m == 0 { h } else { m });
        Weights { w2, b2, w3, b3: b3[0] }
    }

    /// Fills the units and gives the scores.
    #[inline(always)]
    fn run<T: Element>(
        &self,
        a: &[Lanes<T>],
        b: &[Lanes<T>],
        weights: &Weights<'_, T>,
        units: &mut Units<'_, T>,
    ) -> Lanes<T> {
        let pairs = Lanes::numbers(a).iter().zip(Lanes::numbers(b));
        for (sum, (&a, &b)) in Lanes::numbers_mut(units.sums).iter_mut().zip(pairs) {
            *sum = a + b;
        }
        activate(self.activation, units.sums, units.first);
        let last = if self.second.is_some() {
            let rows = weights.w2.chunks_exact(a.len()).zip(weights.b2);
            for (out, (row, &bias)) in units.second_sums.iter_mut().zip(rows) {
                *out = dot(row, units.first, bias);
            }
            activate(self.activation, units.second_sums, units.second);
            &*units.second
        } else {
            &*units.first
        };
        dot(weights.w3, last, weights.b3)
    }
}

/// `start + Σ_l w_l x_l`
#[inline(always)]
fn dot<T: Element>(w: &[T], x: &[Lanes<T>], start: T) -> Lanes<T> {
    let mut sum = Lanes::splat(start);
    for (&w, &x) in w.iter().zip(x) {
        sum = Lanes::splat(w).mul_add(x, sum);
    }
    sum
}

impl PairScore for Neural {
    fn scratch(&self, h: usize) -> usize {
        3 * h + 3 * self.second.unwrap_or(0)
    }

    #[inline(always)]
    fn score<T: Element>(&self, a: &[Lanes<T>], b: &[Lanes<T>], params: &[T], scratch: &mut [Lanes<T>]) -> Lanes<T> {
        self.run(a, b, &self.weights(a.len(), params), &mut self.split(a.len(), scratch))
    }

    #[inline(always)]
    fn differentiate<T: Element>(
        &self,
        a: &[Lanes<T>],
        b: &[Lanes<T>],
        params: &[T],
        dscores: Lanes<T>,
        scratch: &mut [Lanes<T>],
        into: PairGradients<'_, T>,
    ) {
        let h = a.len();
        let weights = self.weights(h, params);
        let mut units = self.split(h, scratch);
        self.run(a, b, &weights, &mut units);
        let m = self.second.unwrap_or(0);
        let (d_first, d_second) = units.gradients.split_at_mut(h);
        let (dw2, rest) = into.params.split_at_mut(m * h);
        let (db2, rest) = rest.split_at_mut(m);
        let (dw3, db3) = rest.split_at_mut(weights.w3.len());
        db3[0] += dscores;
        let (last, d_last) = if m == 0 { (&*units.first, &mut *d_first) } else { (&*units.second, &mut *d_second) };
        for o in 0..weights.w3.len() {
            dw3[o] = dscores.mul_add(last[o], dw3[o]);
            d_last[o] = dscores * Lanes::splat(weights.w3[o]);
        }
        if m > 0 {
            chain(self.activation, d_second, units.second_sums, units.second);
            add(db2, d_second);
            for (l, d_first) in d_first.iter_mut().enumerate() {
                let unit = units.first[l];
                let mut sum = Lanes::zero();
                for (o, &d) in d_second.iter().enumerate() {
                    sum = Lanes::splat(weights.w2[o * h + l]).mul_add(d, sum);
                    let dw = &mut dw2[o * h + l];
                    *dw = d.mul_add(unit, *dw);
                }
                *d_first = sum;
            }
        }
        chain(self.activation, d_first, units.sums, units.first);
        add(into.query, d_first);
        add(into.keys, d_first);
    }

    fn flops(&self, h: usize) -> usize {
        2 * h + self.second.map_or(h, |m| 2 * m * h + 2 * m)
    }
}
