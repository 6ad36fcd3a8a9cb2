//! Neural attention: the score is a small network of query and key.

use anther_kernels::{self as kernels, PANEL, Write};
use anther_tensor::{Element, Trans, Unary, Var};
use serde::{Deserialize, Serialize};

use super::{PairGradients, PairScore, Score};

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
        let mut start = 0;
        let mut take = |count: usize| {
            start += count;
            params.slice(0, start - count..start)
        };
        let mut hidden = sums.unary(activation);
        let mut width = h;
        if let Some(m) = self.second {
            let weight = take(m * h).reshape([m, h]);
            hidden = hidden.linear(&weight, Some(&take(m)), Some(activation));
            width = m;
        }
        let weight = take(width).reshape([1, width]);
        hidden.linear(&weight, Some(&take(1)), None).reshape([batch, heads, rows, cols])
    }
}

/// One unit for all keys of a panel.
type Lane<T> = [T; PANEL];

/// σ of lanes, in `y`; `x` is kept for σ′ if that needs it.
#[inline(always)]
fn activate<T: Element>(activation: ScoreActivation, x: &[Lane<T>], y: &mut [Lane<T>]) {
    match activation {
        ScoreActivation::Relu => {
            for (y, x) in y.iter_mut().zip(x) {
                for c in 0..PANEL {
                    y[c] = x[c].max(T::ZERO);
                }
            }
        }
        other => kernels::unary(other.into(), y.as_flattened_mut(), x.as_flattened(), Write::Set),
    }
}

/// Multiplies gradients by σ′.
#[inline(always)]
fn chain<T: Element>(activation: ScoreActivation, d: &mut [Lane<T>], x: &[Lane<T>], y: &[Lane<T>]) {
    match activation {
        ScoreActivation::Relu => {
            for (d, y) in d.iter_mut().zip(y) {
                for c in 0..PANEL {
                    d[c] = if y[c] > T::ZERO { d[c] } else { T::ZERO };
                }
            }
        }
        other => {
            let (d, x, y) = (d.as_flattened_mut(), x.as_flattened(), y.as_flattened());
            kernels::unary_backward_in_place(other.into(), d, x, y);
        }
    }
}

/// The units of a panel: before and after σ, for both layers, and a place for gradients.
struct Units<'a, T> {
    sums: &'a mut [Lane<T>],
    first: &'a mut [Lane<T>],
    second_sums: &'a mut [Lane<T>],
    second: &'a mut [Lane<T>],
    gradients: &'a mut [Lane<T>],
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
    fn split<'a, T>(&self, h: usize, scratch: &'a mut [Lane<T>]) -> Units<'a, T> {
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
    fn run<T: Element>(&self, a: &[T], b: &[Lane<T>], weights: &Weights<'_, T>, units: &mut Units<'_, T>) -> Lane<T> {
        for ((sum, &a), b) in units.sums.iter_mut().zip(a).zip(b) {
            for c in 0..PANEL {
                sum[c] = a + b[c];
            }
        }
        activate(self.activation, units.sums, units.first);
        let last = if self.second.is_some() {
            let rows = weights.w2.chunks_exact(a.len()).zip(weights.b2);
            for (out, (row, &bias)) in units.second_sums.iter_mut().zip(rows) {
                let mut sum = [bias; PANEL];
                for (&w, unit) in row.iter().zip(&*units.first) {
                    for c in 0..PANEL {
                        sum[c] = w.mul_add(unit[c], sum[c]);
                    }
                }
                *out = sum;
            }
            activate(self.activation, units.second_sums, units.second);
            &*units.second
        } else {
            &*units.first
        };
        let mut score = [weights.b3; PANEL];
        for (&w, unit) in weights.w3.iter().zip(last) {
            for c in 0..PANEL {
                score[c] = w.mul_add(unit[c], score[c]);
            }
        }
        score
    }
}

impl PairScore for Neural {
    fn scratch(&self, h: usize) -> usize {
        3 * h + 3 * self.second.unwrap_or(0)
    }

    #[inline(always)]
    fn score<T: Element>(&self, a: &[T], b: &[Lane<T>], params: &[T], scratch: &mut [Lane<T>]) -> Lane<T> {
        self.run(a, b, &self.weights(a.len(), params), &mut self.split(a.len(), scratch))
    }

    #[inline(always)]
    fn differentiate<T: Element>(
        &self,
        a: &[T],
        b: &[Lane<T>],
        params: &[T],
        dscores: &Lane<T>,
        scratch: &mut [Lane<T>],
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
        for c in 0..PANEL {
            db3[0][c] += dscores[c];
        }
        let (last, d_last) = if m == 0 { (&*units.first, &mut *d_first) } else { (&*units.second, &mut *d_second) };
        for (((dw, d), &w), unit) in dw3.iter_mut().zip(d_last).zip(weights.w3).zip(last) {
            for c in 0..PANEL {
                dw[c] = dscores[c].mul_add(unit[c], dw[c]);
                d[c] = dscores[c] * w;
            }
        }
        if m > 0 {
            chain(self.activation, d_second, units.second_sums, units.second);
            for (db, d) in db2.iter_mut().zip(&*d_second) {
                for c in 0..PANEL {
                    db[c] += d[c];
                }
            }
            for (l, d_first) in d_first.iter_mut().enumerate() {
                let mut sum = [T::ZERO; PANEL];
                for (o, d) in d_second.iter().enumerate() {
                    let (w, unit, dw) = (weights.w2[o * h + l], &units.first[l], &mut dw2[o * h + l]);
                    for c in 0..PANEL {
                        sum[c] = w.mul_add(d[c], sum[c]);
                        dw[c] = d[c].mul_add(unit[c], dw[c]);
                    }
                }
                *d_first = sum;
            }
        }
        chain(self.activation, d_first, units.sums, units.first);
        for ((d, da), db) in d_first.iter().zip(into.query).zip(into.keys) {
            for c in 0..PANEL {
                da[c] += d[c];
                db[c] += d[c];
            }
        }
    }

    fn flops(&self, h: usize) -> usize {
        2 * h + self.second.map_or(h, |m| 2 * m * h + 2 * m)
    }
}
