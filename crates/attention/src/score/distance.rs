//! The distance between query and key.

use anther_tensor::{Element, Trans, Var};

use super::{DotScore, Score};

/// `s_ij = −c |q_i − k_j|²`, with c = 1/√d: the score of L2 self-attention (Kim et al. 2021, arXiv 2006.04710, equation 5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The factor c.
    pub scale: f64,
}

/// `|q_i|² + |k_j|²` for all pairs, `[batch, heads, queries, keys]`, by ordinary ops.
pub(super) fn norms<'t, T: Element>(queries: &Var<'t, T>, keys: &Var<'t, T>) -> Var<'t, T> {
    let squares = |x: &Var<'t, T>| {
        let [batch, heads, rows, _] = *x.shape() else { unreachable!("heads have four axes") };
        x.square().sum_last().reshape([batch, heads, rows, 1])
    };
    let ones = |x: &Var<'t, T>| x.affine(0.0, 1.0);
    let (q, k) = (squares(queries), squares(keys));
    let tape = q.tape();
    // An outer sum is a product of two columns.
    tape.concat(3, &[&q, &ones(&q)]).matmul_with(Trans::No, &tape.concat(3, &[&ones(&k), &k]), Trans::Yes)
}

impl Score for Distance {
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>, _: Option<&Var<'t, T>>) -> Var<'t, T> {
        let dots = queries.scale(2.0).matmul_with(Trans::No, keys, Trans::Yes);
        (dots - norms(queries, keys)).scale(self.scale)
    }
}

impl DotScore for Distance {
    const NORMS: bool = true;

    #[inline(always)]
    fn value<T: Element>(&self, dot: T, norms: T) -> T {
        T::from_f64(self.scale) * (dot + dot - norms)
    }

    #[inline(always)]
    fn slopes<T: Element>(&self, _: T, _: T) -> (T, T) {
        (T::from_f64(2.0 * self.scale), T::from_f64(-self.scale))
    }
}
