//! Sigmoid attention.

use anther_kernels::{self as kernels, TILE_STRIDE, Unary, Write};
use anther_tensor::{Element, Var};

use super::{Weigh, biased, counts, seen_part, shown};
use crate::driver::{Normaliser, Rows, TileWeigh};
use crate::pattern::Seen;

/// `a_ij = σ(s_ij + b_ij − ln n_i)`, with n_i the number of keys that query i sees: weights that do not compete.
///
/// Without the shift the weights of a query would sum to about n/2; with it they start at a sum of about 1 (Ramapuram et al. 2024, arXiv 2409.04431, where
/// n is the length of the sequence for all queries; that a causal query counts what it sees is ours).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigmoid;

impl Weigh for Sigmoid {
    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        sinks: Option<&Var<'t, T>>,
        seen: &Seen,
    ) -> Var<'t, T> {
        assert!(sinks.is_none(), "only a softmax has sinks");
        let mut shift = counts(scores, seen);
        shift.data_mut().iter_mut().for_each(|count| *count = -count.ln());
        let tape = scores.tape();
        (biased(scores, bias) + tape.constant(shift)).sigmoid() * tape.constant(shown(scores, seen))
    }
}

/// Replaces scores by weights.
fn weights<T: Element>(tile: &mut [T], keys: usize, rows: &Rows<'_, T>) {
    let mut shifted = [T::ZERO; TILE_STRIDE];
    for (r, &span) in rows.spans.iter().enumerate() {
        let row = seen_part(tile, keys, r, span);
        let shift = rows.seen[r].ln();
        let shifted = &mut shifted[..row.len()];
        shifted.iter_mut().zip(&*row).for_each(|(shifted, &score)| *shifted = score - shift);
        kernels::unary(Unary::Sigmoid, row, shifted, Write::Set);
    }
}

impl<T: Element> TileWeigh<T> for Sigmoid {
    fn weigh(&self, tile: &mut [T], keys: usize, rows: &Rows<'_, T>, _: &mut Normaliser<'_, T>) -> bool {
        weights(tile, keys, rows);
        false
    }

    fn finish(&self, _: T, _: T, _: T, _: T) -> (T, T) {
        (T::ONE, T::ONE)
    }

    fn differentiate(&self, scores: &mut [T], dweights: &mut [T], keys: usize, rows: &Rows<'_, T>, _: &[T], _: &[T]) {
        weights(scores, keys, rows);
        for (r, &span) in rows.spans.iter().enumerate() {
            let (weights, dweights) = (seen_part(scores, keys, r, span), seen_part(dweights, keys, r, span));
            dweights.iter_mut().zip(weights).for_each(|(d, &mut a)| *d *= a * (T::ONE - a));
        }
    }
}
