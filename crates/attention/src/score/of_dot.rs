//! Scores that are a function of the dot product and the norms of query and key.

use anther_kernels::{TILE_STRIDE, Vectorize, vectorize};
use anther_tensor::Element;

use crate::driver::{Pairs, TileGradients, TileScore};

/// A score `s = f(t, n)` of `t = ⟨q, k⟩` and `n = |q|² + |k|²`, from which the distance is `|q − k|² = n − 2t`.
/// The dot products run through the kernel of matrix products. [`OfDot`] makes a [`TileScore`] of it.
///
/// Mark the methods `#[inline(always)]`: they become part of loops that are compiled for the instructions of the CPU.
pub trait DotScore: Clone + Send + Sync + 'static {
    /// Whether f depends on the norms. Without that they are 0.
    const NORMS: bool = false;

    /// `f(dot, norms)`
    fn value<T: Element>(&self, dot: T, norms: T) -> T;

    /// `∂f/∂dot` and `∂f/∂norms`
    fn slopes<T: Element>(&self, dot: T, norms: T) -> (T, T);
}

/// A [`DotScore`] as the driver takes it. Cost 2·d a pair and that of the function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfDot<S>(pub S);

impl<T: Element, S: DotScore> TileScore<T> for OfDot<S> {
    fn keeps(&self) -> bool {
        true
    }

    fn score(&self, pairs: &Pairs<'_, T>, scores: &mut [T], dots: &mut [T]) {
        pairs.dots(1.0, dots);
        vectorize(Values { of: &self.0, norms: &Norms::new::<S>(pairs), pairs, dots, scores });
    }

    fn differentiate(&self, pairs: &Pairs<'_, T>, dscores: &mut [T], dots: &[T], into: &mut TileGradients<'_, T>) {
        let mut dnorms = Norms { queries: [T::ZERO; TILE_STRIDE], keys: [T::ZERO; TILE_STRIDE] };
        let norms = &Norms::new::<S>(pairs);
        vectorize(Slopes { of: &self.0, norms, pairs, dots, dscores, dnorms: &mut dnorms });
        pairs.dots_backward(1.0, dscores, into);
        if S::NORMS {
            let two = T::from_f64(2.0);
            let add = |gradients: &mut [T], rows: &[T], dnorms: &[T]| {
                let rows = gradients.chunks_exact_mut(pairs.d).zip(rows.chunks_exact(pairs.d));
                for ((gradient, row), &dnorm) in rows.zip(dnorms) {
                    gradient.iter_mut().zip(row).for_each(|(g, &x)| *g += two * dnorm * x);
                }
            };
            add(into.queries, pairs.queries, &dnorms.queries);
            add(into.keys, pairs.keys, &dnorms.keys);
        }
    }

    fn flops(&self, d: usize) -> usize {
        2 * d
    }
}

/// A number for each query of a block and each key of a tile.
struct Norms<T> {
    queries: [T; TILE_STRIDE],
    keys: [T; TILE_STRIDE],
}

impl<T: Element> Norms<T> {
    /// The squares of the norms, or zeros for a score that does not read them.
    fn new<S: DotScore>(pairs: &Pairs<'_, T>) -> Self {
        let squares = |rows: &[T]| {
            let mut squares = [T::ZERO; TILE_STRIDE];
            if S::NORMS {
                for (square, row) in squares.iter_mut().zip(rows.chunks_exact(pairs.d)) {
                    *square = T::from_f64(anther_kernels::dot(row, row));
                }
            }
            squares
        };
        Norms { queries: squares(pairs.queries), keys: squares(pairs.keys) }
    }
}

/// Elements that a loop takes at once.
const LANES: usize = 16;

/// Scores from dot products.
struct Values<'a, 'b, T, S> {
    of: &'a S,
    norms: &'a Norms<T>,
    pairs: &'a Pairs<'b, T>,
    dots: &'a [T],
    scores: &'a mut [T],
}

impl<T: Element, S: DotScore> Vectorize for Values<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let keys = self.norms.keys.as_chunks::<LANES>().0;
        for r in 0..self.pairs.spans.len() {
            let dots = self.dots[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks::<LANES>().0;
            let scores = self.scores[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks_mut::<LANES>().0;
            let query = self.norms.queries[r];
            for i in self.pairs.groups(r, LANES) {
                for l in 0..LANES {
                    scores[i][l] = self.of.value(dots[i][l], query + keys[i][l]);
                }
            }
        }
    }
}

/// Gradients of the dot products in place of those of the scores, and of the norms.
struct Slopes<'a, 'b, T, S> {
    of: &'a S,
    norms: &'a Norms<T>,
    pairs: &'a Pairs<'b, T>,
    dots: &'a [T],
    dscores: &'a mut [T],
    dnorms: &'a mut Norms<T>,
}

impl<T: Element, S: DotScore> Vectorize for Slopes<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let keys = self.norms.keys.as_chunks::<LANES>().0;
        let dkeys = self.dnorms.keys.as_chunks_mut::<LANES>().0;
        for r in 0..self.pairs.spans.len() {
            let dots = self.dots[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks::<LANES>().0;
            let dscores = self.dscores[r * TILE_STRIDE..][..TILE_STRIDE].as_chunks_mut::<LANES>().0;
            let span = self.pairs.spans[r];
            let query = self.norms.queries[r];
            let mut dquery = [T::ZERO; LANES];
            for i in self.pairs.groups(r, LANES) {
                for l in 0..LANES {
                    let (ddot, dnorm) = self.of.slopes(dots[i][l], query + keys[i][l]);
                    // What a query does not see may be anything, also a pole of the score.
                    let column = (i * LANES + l) as u32;
                    let seen = span.start <= column && column < span.end;
                    let d = dscores[i][l];
                    dscores[i][l] = if seen { ddot * d } else { T::ZERO };
                    if S::NORMS {
                        let d = if seen { dnorm * d } else { T::ZERO };
                        dquery[l] += d;
                        dkeys[i][l] += d;
                    }
                }
            }
            self.dnorms.queries[r] = dquery.iter().copied().sum();
        }
    }
}
