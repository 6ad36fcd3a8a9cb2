//! The forward pass of the driver.

use std::ops::Range;

use anther_kernels::{
    self as kernels, PANEL, Scratch, Span, TILE_STRIDE, TileA, TileB, TileProduct, Write, parallel_blocks2,
};
use anther_tensor::Element;

use super::{Job, KEYS, Normaliser, QUERIES, TileWeigh};

/// Writes the result and the number kept of each query.
pub(super) fn forward<T: Element, W: TileWeigh>(job: &Job<'_, W>, qkv: [&[T]; 3], out: &mut [T], kept: &mut [T]) {
    let sizes = job.sizes;
    let (queries, keys, d, dv) = (sizes.queries, sizes.keys, sizes.d, sizes.dv);
    if out.is_empty() {
        kept.fill(T::ZERO);
        return;
    }
    let work = kept.len() * keys * (d + dv);
    parallel_blocks2(work, (out, queries * dv), (kept, queries), |head, out, kept| {
        let part = |size: usize| head * size..(head + 1) * size;
        let (q, k, v) = (&qkv[0][part(queries * d)], &qkv[1][part(keys * d)], &qkv[2][part(keys * dv)]);
        let finite = kernels::first_non_finite(v).is_none();
        let mut panels = Scratch::new(keys.next_multiple_of(PANEL) * d);
        kernels::pack_panels(&mut panels, k, d);
        let work = queries * keys * (d + dv);
        parallel_blocks2(work, (out, QUERIES * dv), (kept, QUERIES), |block, out, kept| {
            let first = block * QUERIES;
            let q = &q[first * d..][..kept.len() * d];
            Block { job, head, first, panels: &panels, values: v, finite }.run(q, out, kept);
        });
    });
}

/// A block of queries of one head.
struct Block<'a, T, W> {
    job: &'a Job<'a, W>,
    head: usize,
    first: usize,
    panels: &'a [T],
    values: &'a [T],
    /// Whether all values are numbers. Otherwise zero weights do not make them vanish.
    finite: bool,
}

impl<T: Element, W: TileWeigh> Block<'_, T, W> {
    fn run(&self, q: &[T], out: &mut [T], kept: &mut [T]) {
        let (job, rows) = (self.job, kept.len());
        let (d, dv) = (job.sizes.d, job.sizes.dv);
        let mut columns = Scratch::new(QUERIES * d);
        kernels::pack_columns(&mut columns, q, d, QUERIES);
        let mut tile = Scratch::new(QUERIES * TILE_STRIDE);
        let mut state = [[T::NEG_INFINITY; QUERIES], [T::ZERO; QUERIES], [T::ONE; QUERIES]];
        let [max, sum, factor] = &mut state;
        let mut spans = [Span::default(); QUERIES];
        out.fill(T::ZERO);
        let queries = self.first..self.first + rows;
        let reach = job.reach(self.head, &queries);
        let start = reach.start / PANEL * PANEL;
        for start in (start..reach.end).step_by(KEYS) {
            let keys = start..reach.end.min(start + KEYS);
            job.tile_spans(self.head, &queries, &keys, &mut spans[..rows]);
            let scores = TileProduct {
                a: TileA::Columns(&columns, QUERIES),
                b: TileB::Panels(&self.panels[start * d..]),
                rows,
                cols: keys.len(),
                inner: d,
                alpha: T::from_f64(job.scale),
            };
            kernels::tile_product(scores, &mut tile, TILE_STRIDE, Write::Set);
            let mut running = Normaliser { max: &mut max[..rows], sum: &mut sum[..rows], factor: &mut factor[..rows] };
            if job.weigh.weigh(&mut tile, keys.len(), &spans[..rows], &mut running) {
                scale_rows(out, &factor[..rows], dv);
            }
            job.drop(&mut tile, self.head, self.first, rows, &keys);
            self.mix(&tile, &keys, &spans[..rows], out);
        }
        for (r, kept) in kept.iter_mut().enumerate() {
            (factor[r], *kept) = job.weigh.finish(max[r], sum[r]);
        }
        scale_rows(out, &factor[..rows], dv);
    }
}

impl<T: Element, W> Block<'_, T, W> {
    /// Adds the weighted values of a tile. Values that a query does not see have the weight 0, which is as good as leaving them out, unless
    /// they are infinite or NaN: then each query takes its own ones only.
    fn mix(&self, tile: &[T], keys: &Range<usize>, spans: &[Span], out: &mut [T]) {
        let dv = self.job.sizes.dv;
        let mut product = |rows: Range<usize>, seen: Range<usize>| {
            let product = TileProduct {
                a: TileA::Rows(&tile[rows.start * TILE_STRIDE + seen.start..]),
                b: TileB::Rows(&self.values[(keys.start + seen.start) * dv..], dv),
                rows: rows.len(),
                cols: dv,
                inner: seen.len(),
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut out[rows.start * dv..], dv, Write::Add);
        };
        if self.finite {
            product(0..spans.len(), 0..keys.len());
        } else {
            for (r, span) in spans.iter().enumerate() {
                product(r..r + 1, span.start as usize..span.end as usize);
            }
        }
    }
}

/// Multiplies each row by its factor.
fn scale_rows<T: Element>(out: &mut [T], factors: &[T], width: usize) {
    for (row, &factor) in out.chunks_exact_mut(width).zip(factors) {
        if factor != T::ONE {
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }
}
