//! Scores that are any function of a query and a key.

use anther_kernels::{Lanes, PANEL, Scratch, TILE_STRIDE, Vectorize, vectorize};
use anther_tensor::Element;

use crate::driver::{Pairs, TileGradients, TileScore};

/// A score that is any function of a query, a key and numbers that all pairs share. It is written for one query and [`PANEL`] keys at once: where the
/// formula has a number of the key or of the pair, the code has [`Lanes`] of them, one for each key, with the same arithmetic, and the compiler makes vector
/// instructions of it. [`Pairwise`] makes a [`TileScore`] of it.
///
/// The lanes of keys that the query does not see, or that do not exist, hold anything; their `dscores` are 0.
///
/// Mark the methods `#[inline(always)]`. `examples/laplace.rs` of this crate is a score of thirty lines.
pub trait PairScore: Clone + Send + Sync + 'static {
    /// Lanes of working memory that the methods want for pairs of width `d`.
    fn scratch(&self, d: usize) -> usize {
        let _ = d;
        0
    }

    /// The scores of a query `[d]`, each number of which fills its lanes, and keys `[d]`.
    fn score<T: Element>(
        &self,
        query: &[Lanes<T>],
        keys: &[Lanes<T>],
        params: &[T],
        scratch: &mut [Lanes<T>],
    ) -> Lanes<T>;

    /// Adds `∂L/∂s · ∂s/∂x` to the gradient of each x, lane by lane, given the lane of `∂L/∂s`.
    fn differentiate<T: Element>(
        &self,
        query: &[Lanes<T>],
        keys: &[Lanes<T>],
        params: &[T],
        dscores: Lanes<T>,
        scratch: &mut [Lanes<T>],
        into: PairGradients<'_, T>,
    );

    /// Floating-point operations of the score of a pair of width `d`.
    fn flops(&self, d: usize) -> usize;
}

/// The gradients of a query, of keys, and of the numbers that all pairs share. All have lanes, which are added up where there is one number for all keys.
pub struct PairGradients<'a, T> {
    /// `[d]`
    pub query: &'a mut [Lanes<T>],
    /// `[d]`
    pub keys: &'a mut [Lanes<T>],
    /// `[n]`
    pub params: &'a mut [Lanes<T>],
}

/// A [`PairScore`] as the driver takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairwise<S>(pub S);

impl<T: Element, S: PairScore> TileScore<T> for Pairwise<S> {
    fn panels(&self) -> bool {
        true
    }

    fn score(&self, pairs: &Pairs<'_, T>, scores: &mut [T], _: &mut [T]) {
        let mut scratch = Scratch::new((self.0.scratch(pairs.d) + pairs.d) * PANEL);
        scratch.fill(T::ZERO);
        let (query, scratch) = Lanes::of_mut(&mut scratch).split_at_mut(pairs.d);
        vectorize(Values { of: &self.0, pairs, scores, scratch, query });
    }

    fn differentiate(&self, pairs: &Pairs<'_, T>, dscores: &mut [T], _: &[T], into: &mut TileGradients<'_, T>) {
        let mut scratch = Scratch::new((self.0.scratch(pairs.d) + 2 * pairs.d) * PANEL);
        scratch.fill(T::ZERO);
        // Behind the last key the tile may hold anything.
        let cols = pairs.cols();
        for row in dscores.chunks_mut(TILE_STRIDE).take(pairs.rows()) {
            row[cols..cols.next_multiple_of(PANEL)].fill(T::ZERO);
        }
        let (query, scratch) = Lanes::of_mut(&mut scratch).split_at_mut(pairs.d);
        let (dquery, scratch) = scratch.split_at_mut(pairs.d);
        vectorize(Gradients { of: &self.0, pairs, dscores, scratch, query, dquery, into });
    }

    fn flops(&self, d: usize) -> usize {
        self.0.flops(d)
    }
}

/// Each number in all lanes.
#[inline(always)]
fn fill<T: Element>(lanes: &mut [Lanes<T>], numbers: &[T]) {
    for (lanes, &x) in lanes.iter_mut().zip(numbers) {
        lanes.0.fill(x);
    }
}

struct Values<'a, 'b, T, S> {
    of: &'a S,
    pairs: &'a Pairs<'b, T>,
    scores: &'a mut [T],
    scratch: &'a mut [Lanes<T>],
    /// One query, each number in all lanes.
    query: &'a mut [Lanes<T>],
}

impl<T: Element, S: PairScore> Vectorize for Values<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Pairs { queries, key_panels, d, params, .. } = *self.pairs;
        let keys = Lanes::of(key_panels);
        for r in 0..self.pairs.spans.len() {
            fill(self.query, &queries[r * d..][..d]);
            let scores = Lanes::of_mut(&mut self.scores[r * TILE_STRIDE..][..TILE_STRIDE]);
            for panel in self.pairs.groups(r, PANEL) {
                scores[panel] = self.of.score(self.query, &keys[panel * d..][..d], params, self.scratch);
            }
        }
    }
}

struct Gradients<'a, 'b, 'c, T, S> {
    of: &'a S,
    pairs: &'a Pairs<'b, T>,
    dscores: &'a [T],
    scratch: &'a mut [Lanes<T>],
    /// One query, each number in all lanes, and its gradient lane by lane.
    query: &'a mut [Lanes<T>],
    dquery: &'a mut [Lanes<T>],
    into: &'a mut TileGradients<'c, T>,
}

impl<T: Element, S: PairScore> Vectorize for Gradients<'_, '_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Pairs { queries, key_panels, d, params, .. } = *self.pairs;
        let keys = Lanes::of(key_panels);
        let dkeys = Lanes::of_mut(self.into.key_panels);
        for r in 0..self.pairs.spans.len() {
            fill(self.query, &queries[r * d..][..d]);
            let dscores = Lanes::of(&self.dscores[r * TILE_STRIDE..][..TILE_STRIDE]);
            self.dquery.fill(Lanes::zero());
            for panel in self.pairs.groups(r, PANEL) {
                let into =
                    PairGradients { query: self.dquery, keys: &mut dkeys[panel * d..][..d], params: self.into.params };
                self.of.differentiate(self.query, &keys[panel * d..][..d], params, dscores[panel], self.scratch, into);
            }
            for (sum, lanes) in self.into.queries[r * d..][..d].iter_mut().zip(&*self.dquery) {
                *sum += lanes.total();
            }
        }
    }
}
