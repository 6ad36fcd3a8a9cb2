//! Scores that are any function of a query and a key.

use anther_kernels::{PANEL, Scratch, TILE_STRIDE, Vectorize, vectorize};
use anther_tensor::Element;

use crate::driver::{Pairs, TileGradients, TileScore};

/// A score that is any function of a query, a key and numbers that all pairs share. It is written for one query and [`PANEL`] keys at once: where the
/// formula has a number of the key or of the pair, the code has a *lane* of such numbers, an array over the keys, and a loop over it. The compiler makes
/// vector instructions of these loops. [`Pairwise`] makes a [`TileScore`] of it.
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

    /// The scores of a query `[d]` and keys `[d]` lanes.
    fn score<T: Element>(
        &self,
        query: &[T],
        keys: &[[T; PANEL]],
        params: &[T],
        scratch: &mut [[T; PANEL]],
    ) -> [T; PANEL];

    /// Adds `∂L/∂s · ∂s/∂x` to the gradient of each x, lane by lane, given the lane of `∂L/∂s`.
    fn differentiate<T: Element>(
        &self,
        query: &[T],
        keys: &[[T; PANEL]],
        params: &[T],
        dscores: &[T; PANEL],
        scratch: &mut [[T; PANEL]],
        into: PairGradients<'_, T>,
    );

    /// Floating-point operations of the score of a pair of width `d`.
    fn flops(&self, d: usize) -> usize;
}

/// The gradients of a query, of keys, and of the numbers that all pairs share. All have lanes, which are added up where there is one number for all keys.
pub struct PairGradients<'a, T> {
    /// `[d]`
    pub query: &'a mut [[T; PANEL]],
    /// `[d]`
    pub keys: &'a mut [[T; PANEL]],
    /// `[n]`
    pub params: &'a mut [[T; PANEL]],
}

/// A [`PairScore`] as the driver takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairwise<S>(pub S);

impl<T: Element, S: PairScore> TileScore<T> for Pairwise<S> {
    fn panels(&self) -> bool {
        true
    }

    fn score(&self, pairs: &Pairs<'_, T>, scores: &mut [T], _: &mut [T]) {
        let mut scratch = Scratch::new(self.0.scratch(pairs.d) * PANEL);
        scratch.fill(T::ZERO);
        vectorize(Values { of: &self.0, pairs, scores, scratch: scratch.as_chunks_mut().0 });
    }

    fn differentiate(&self, pairs: &Pairs<'_, T>, dscores: &mut [T], _: &[T], into: &mut TileGradients<'_, T>) {
        let mut scratch = Scratch::new((self.0.scratch(pairs.d) + pairs.d) * PANEL);
        scratch.fill(T::ZERO);
        // Behind the last key the tile may hold anything.
        let cols = pairs.cols();
        for row in dscores.chunks_mut(TILE_STRIDE).take(pairs.rows()) {
            row[cols..cols.next_multiple_of(PANEL)].fill(T::ZERO);
        }
        let (dquery, scratch) = scratch.as_chunks_mut().0.split_at_mut(pairs.d);
        vectorize(Gradients { of: &self.0, pairs, dscores, scratch, dquery, into });
    }

    fn flops(&self, d: usize) -> usize {
        self.0.flops(d)
    }
}

/// The panels of keys that a query sees something of.
#[inline(always)]
fn panels<T>(pairs: &Pairs<'_, T>, r: usize) -> std::ops::Range<usize> {
    let span = pairs.spans[r];
    if span.is_empty() { 0..0 } else { span.start as usize / PANEL..(span.end as usize).div_ceil(PANEL) }
}

struct Values<'a, 'b, T, S> {
    of: &'a S,
    pairs: &'a Pairs<'b, T>,
    scores: &'a mut [T],
    scratch: &'a mut [[T; PANEL]],
}

impl<T: Element, S: PairScore> Vectorize for Values<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Pairs { queries, key_panels, d, params, .. } = *self.pairs;
        let keys = key_panels.as_chunks::<PANEL>().0;
        for r in 0..self.pairs.spans.len() {
            let query = &queries[r * d..][..d];
            let scores = self.scores[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks_mut::<PANEL>().0;
            for panel in panels(self.pairs, r) {
                scores[panel] = self.of.score(query, &keys[panel * d..][..d], params, self.scratch);
            }
        }
    }
}

struct Gradients<'a, 'b, 'c, T, S> {
    of: &'a S,
    pairs: &'a Pairs<'b, T>,
    dscores: &'a [T],
    scratch: &'a mut [[T; PANEL]],
    /// The gradient of one query, lane by lane.
    dquery: &'a mut [[T; PANEL]],
    into: &'a mut TileGradients<'c, T>,
}

impl<T: Element, S: PairScore> Vectorize for Gradients<'_, '_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Pairs { queries, key_panels, d, params, .. } = *self.pairs;
        let keys = key_panels.as_chunks::<PANEL>().0;
        let dkeys = self.into.key_panels.as_chunks_mut::<PANEL>().0;
        for r in 0..self.pairs.spans.len() {
            let query = &queries[r * d..][..d];
            let dscores = self.dscores[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks::<PANEL>().0;
            self.dquery.fill([T::ZERO; PANEL]);
            for panel in panels(self.pairs, r) {
                let into =
                    PairGradients { query: self.dquery, keys: &mut dkeys[panel * d..][..d], params: self.into.params };
                self.of.differentiate(query, &keys[panel * d..][..d], params, &dscores[panel], self.scratch, into);
            }
            for (sum, lanes) in self.into.queries[r * d..][..d].iter_mut().zip(&*self.dquery) {
                *sum += lanes.iter().copied().sum();
            }
        }
    }
}
