//! The forward pass of a head.

use std::ops::Range;

use anther_kernels::{self as kernels, PANEL, Scratch, TILE_STRIDE, TileA, TileB, TileProduct, Write};
use anther_tensor::Element;

use super::ends::{Ends, SequenceEnds};
use super::{KEYS, QUERIES, Sizes};

/// One head: its features and values, and how many keys each of its queries sees.
pub(super) struct Head<'a, T> {
    pub(super) q: &'a [T],
    pub(super) k: &'a [T],
    pub(super) v: &'a [T],
    pub(super) ends: SequenceEnds<'a>,
    pub(super) d: usize,
    pub(super) dv: usize,
}

impl<'a, T: Element> Head<'a, T> {
    /// Head number `head` of the whole batch.
    pub(super) fn new([q, k, v]: [&'a [T]; 3], ends: &'a Ends, sizes: Sizes, head: usize) -> Self {
        let Sizes { heads, queries, keys, d, dv } = sizes;
        let part = |x: &'a [T], size: usize| &x[head * size..][..size];
        let ends = ends.of(head / heads);
        Head { q: part(q, queries * d), k: part(k, keys * d), v: part(v, keys * dv), ends, d, dv }
    }

    /// The queries of a block, the number of keys that all of them see, and the number that any of them sees.
    pub(super) fn block(&self, block: usize) -> (Range<usize>, usize, usize) {
        let rows = block * QUERIES..self.ends.len().min((block + 1) * QUERIES);
        (rows.clone(), self.ends.at(rows.start), self.ends.at(rows.end - 1))
    }

    /// How many of these keys a query sees.
    pub(super) fn seen(&self, query: usize, keys: &Range<usize>) -> usize {
        self.ends.at(query).clamp(keys.start, keys.end) - keys.start
    }

    /// Adds these keys to the state.
    pub(super) fn add(&self, keys: Range<usize>, state: &mut [T]) {
        let (d, dv) = (self.d, self.dv);
        let (sums, norms) = state.split_at_mut(d * dv);
        let mut partial = Scratch::new(d);
        // Long sums go through sums of a tile, which keep more digits.
        for start in keys.clone().step_by(KEYS) {
            let count = KEYS.min(keys.end - start);
            let features = &self.k[start * d..][..count * d];
            let product = TileProduct {
                a: TileA::Columns(features, d),
                b: TileB::Rows(&self.v[start * dv..], dv),
                rows: d,
                cols: dv,
                inner: count,
                alpha: T::ONE,
            };
            kernels::tile_product(product, sums, dv, Write::Add);
            partial.fill(T::ZERO);
            for row in features.chunks_exact(d) {
                partial.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
            }
            norms.iter_mut().zip(&*partial).for_each(|(norm, &x)| *norm += x);
        }
    }

    /// Writes the result and the denominator of each query. The state has the keys before these; it gets those of them that the first query of the last
    /// block sees.
    pub(super) fn run(&self, state: &mut [T], eps: f64, out: &mut [T], denominators: &mut [T]) {
        let (d, dv) = (self.d, self.dv);
        let finite = kernels::first_non_finite(self.v).is_none();
        let mut columns = Scratch::new(QUERIES * d);
        let mut panels = Scratch::new(KEYS * d);
        let mut tile = Scratch::new(QUERIES * TILE_STRIDE);
        let mut done = 0;
        let blocks = out.chunks_mut(QUERIES * dv).zip(denominators.chunks_mut(QUERIES));
        for (block, (out, denominators)) in blocks.enumerate() {
            let (queries, seen, reach) = self.block(block);
            self.add(done..seen, state);
            done = seen;
            let (sums, norms) = state.split_at(d * dv);
            let q = &self.q[queries.start * d..queries.end * d];
            kernels::pack_columns(&mut columns, q, d, QUERIES);
            let product = TileProduct {
                a: TileA::Columns(&columns, QUERIES),
                b: TileB::Rows(sums, dv),
                rows: queries.len(),
                cols: dv,
                inner: d,
                alpha: T::ONE,
            };
            kernels::tile_product(product, out, dv, Write::Set);
            let mut weights = [0.0; QUERIES];
            for (weight, q) in weights.iter_mut().zip(q.chunks_exact(d)) {
                *weight = kernels::dot(q, norms);
            }
            for start in (seen..reach).step_by(KEYS) {
                let keys = start..reach.min(start + KEYS);
                let panels = &mut panels[..keys.len().next_multiple_of(PANEL) * d];
                kernels::pack_panels(panels, &self.k[keys.start * d..keys.end * d], d);
                let product = TileProduct { b: TileB::Panels(panels), cols: keys.len(), ..product };
                kernels::tile_product(product, &mut tile, TILE_STRIDE, Write::Set);
                for r in 0..queries.len() {
                    let row = &mut tile[r * TILE_STRIDE..][..keys.len()];
                    let (own, hidden) = row.split_at_mut(self.seen(queries.start + r, &keys));
                    hidden.fill(T::ZERO);
                    weights[r] += kernels::sum(own);
                }
                self.mix(&tile, queries.clone(), keys, finite, out);
            }
            for ((row, denominator), weight) in out.chunks_exact_mut(dv).zip(denominators).zip(weights) {
                *denominator = T::from_f64(weight + eps);
                let factor = inverse(*denominator);
                row.iter_mut().for_each(|x| *x *= factor);
            }
        }
    }

    /// Adds the weighted values of a tile. Values that a query does not see have the weight 0, which is as good as leaving them out, unless they are
    /// infinite or NaN: then each query takes its own ones only.
    fn mix(&self, tile: &[T], queries: Range<usize>, keys: Range<usize>, finite: bool, out: &mut [T]) {
        let mut product = |rows: Range<usize>, cols: usize| {
            let product = TileProduct {
                a: TileA::Rows(&tile[rows.start * TILE_STRIDE..]),
                b: TileB::Rows(&self.v[keys.start * self.dv..], self.dv),
                rows: rows.len(),
                cols: self.dv,
                inner: cols,
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut out[rows.start * self.dv..], self.dv, Write::Add);
        };
        if finite {
            product(0..queries.len(), keys.len());
        } else {
            for r in 0..queries.len() {
                product(r..r + 1, self.seen(queries.start + r, &keys));
            }
        }
    }
}

/// 1/x, and 0 of a sum that is 0.
pub(super) fn inverse<T: Element>(x: T) -> T {
    if x == T::ZERO { T::ZERO } else { T::ONE / x }
}
