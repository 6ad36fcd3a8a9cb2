//! ReLU attention.

use anther_tensor::{Element, Var};

use super::{Weigh, biased, counts, seen_part, shown};
use crate::driver::{Normaliser, Rows, TileWeigh};
use crate::pattern::Seen;

/// `a_ij = max(s_ij + b_ij, 0)^p / n_i`, with n_i the number of keys that query i sees: no sum over keys, exact zeros.
///
/// p = 1 is ReLU attention over the length (Wortsman et al. 2023, arXiv 2309.08586, where n is the length for all queries; that a causal query counts
/// what it sees is ours), p = 2 the squared ReLU of gated attention units (Hua et al. 2022, arXiv 2202.10447).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReluPower {
    /// The power p, at least 1.
    pub power: i32,
}

impl Weigh for ReluPower {
    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        sinks: Option<&Var<'t, T>>,
        seen: &Seen,
    ) -> Var<'t, T> {
        assert!(sinks.is_none(), "only a softmax has sinks");
        let positive = biased(scores, bias).relu();
        let power = (1..self.power).fold(positive.clone(), |power, _| power * &positive);
        let tape = scores.tape();
        power / tape.constant(counts(scores, seen)) * tape.constant(shown(scores, seen))
    }
}

impl<T: Element> TileWeigh<T> for ReluPower {
    fn weigh(&self, tile: &mut [T], keys: usize, rows: &Rows<'_, T>, _: &mut Normaliser<'_, T>) -> bool {
        for (r, &span) in rows.spans.iter().enumerate() {
            let row = seen_part(tile, keys, r, span);
            row.iter_mut().for_each(|s| *s = s.max(T::ZERO).powi(self.power));
        }
        false
    }

    /// The number kept is 1 / n.
    fn finish(&self, _: T, _: T, seen: T, _: T) -> (T, T) {
        let share = T::ONE / seen.max(T::ONE);
        (share, share)
    }

    fn differentiate(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        rows: &Rows<'_, T>,
        shares: &[T],
        _: &[T],
    ) {
        let p = T::from_f64(f64::from(self.power));
        for (r, &span) in rows.spans.iter().enumerate() {
            let (scores, dweights) = (seen_part(scores, keys, r, span), seen_part(dweights, keys, r, span));
            for (s, d) in scores.iter_mut().zip(dweights) {
                let positive = s.max(T::ZERO);
                let below = positive.powi(self.power - 1);
                let slope = if positive > T::ZERO { p * below } else { T::ZERO };
                *d *= slope * shares[r];
                *s = below * positive * shares[r];
            }
        }
    }
}
