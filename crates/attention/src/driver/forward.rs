//! The forward pass of the driver.

use std::ops::Range;

use anther_kernels::{
    self as kernels, PANEL, Scratch, TILE_STRIDE, TileA, TileB, TileProduct, Write, parallel_blocks2,
};
use anther_tensor::Element;

use super::job::{Job, TileMask};
use super::{KEYS, Normaliser, Pairs, QUERIES, Rows};

/// Writes the result and the number kept of each query. Each head of keys and values has `room` rows in memory, of which the first ones are in use.
pub(super) fn forward<T: Element>(job: &Job<'_, T>, qkv: [&[T]; 3], room: usize, out: &mut [T], kept: &mut [T]) {
    let sizes = job.sizes;
    let (queries, keys, d, dv) = (sizes.queries, sizes.keys, sizes.d, sizes.dv);
    if out.is_empty() {
        return;
    }
    let work = sizes.batch * sizes.heads * job.work();
    parallel_blocks2(work, (out, queries * dv), (kept, queries), |head, out, kept| {
        let part = |head: usize, size: usize| head * size..(head + 1) * size;
        let (q, kv) = (&qkv[0][part(head, queries * d)], head / job.group());
        let (k, v) = (&qkv[1][part(kv, room * d)][..keys * d], &qkv[2][part(kv, room * dv)][..keys * dv]);
        let reach = job.reach(head, &(0..queries));
        let reach = reach.start / PANEL * PANEL..reach.end;
        let finite = kernels::first_non_finite(&v[reach.start * dv..reach.end * dv]).is_none();
        let mut panels = Scratch::new(reach.len().next_multiple_of(PANEL) * d);
        kernels::pack_panels(&mut panels, &k[reach.start * d..reach.end * d], d);
        parallel_blocks2(job.work(), (out, QUERIES * dv), (kept, QUERIES), |block, out, kept| {
            let first = block * QUERIES;
            let q = &q[first * d..][..kept.len() * d];
            Block { job, head, first, q, keys: k, panels: &panels, packed: reach.start, values: v, finite }
                .run(out, kept);
        });
    });
}

/// A block of queries of one head.
struct Block<'a, T: Element> {
    job: &'a Job<'a, T>,
    head: usize,
    first: usize,
    q: &'a [T],
    keys: &'a [T],
    panels: &'a [T],
    /// The first key in the panels.
    packed: usize,
    values: &'a [T],
    /// Whether all values are numbers. Otherwise zero weights do not make them vanish.
    finite: bool,
}

impl<T: Element> Block<'_, T> {
    fn run(&self, out: &mut [T], kept: &mut [T]) {
        let (job, rows) = (self.job, kept.len());
        let (d, dv) = (job.sizes.d, job.sizes.dv);
        let mut columns = Scratch::new(QUERIES * d);
        kernels::pack_columns(&mut columns, self.q, d, QUERIES);
        let mut tile = Scratch::new(QUERIES * TILE_STRIDE);
        let mut second = Scratch::new(if job.score.keeps() { QUERIES * TILE_STRIDE } else { 0 });
        let mut state = [[T::NEG_INFINITY; QUERIES], [T::ZERO; QUERIES], [T::ONE; QUERIES], [T::ZERO; QUERIES]];
        let [max, sum, factor, seen] = &mut state;
        let mut mask = TileMask::new();
        out.fill(T::ZERO);
        let queries = self.first..self.first + rows;
        job.count(self.head, &queries, &mut seen[..rows]);
        let reach = job.reach(self.head, &queries);
        let start = reach.start / PANEL * PANEL;
        for start in (start..reach.end).step_by(KEYS) {
            let keys = start..reach.end.min(start + KEYS);
            if !job.mask(self.head, &queries, &keys, &mut mask) {
                continue;
            }
            let pairs = Pairs {
                queries: self.q,
                query_columns: &columns,
                keys: &self.keys[start * d..keys.end * d],
                key_panels: &self.panels
                    [(start - self.packed) * d..(keys.end.next_multiple_of(PANEL) - self.packed) * d],
                d,
                spans: mask.spans(),
                params: job.params,
            };
            let bias = job.distances(self.head, self.first, start);
            job.scores(&pairs, &mask, bias, &mut tile, &mut second);
            let mut running = Normaliser { max: &mut max[..rows], sum: &mut sum[..rows], factor: &mut factor[..rows] };
            let about =
                Rows { spans: mask.spans(), seen: &seen[..rows], factors: bias.filter(|_| job.weigh.multiplies()) };
            if job.weigh.weigh(&mut tile, keys.len(), &about, &mut running) {
                scale_rows(out, &factor[..rows], dv);
            }
            job.drop(&mut tile, self.head, self.first, rows, &keys);
            self.mix(&tile, &keys, &mask, out);
        }
        let sink = job.sink(self.head);
        for (r, kept) in kept.iter_mut().enumerate() {
            (factor[r], *kept) = job.weigh.finish(max[r], sum[r], seen[r], sink);
        }
        scale_rows(out, &factor[..rows], dv);
    }

    /// Adds the weighted values of a tile. Values that a query does not see have the weight 0, which is as good as leaving them out, unless
    /// they are infinite or NaN: then each query takes its own ones only.
    fn mix(&self, tile: &[T], keys: &Range<usize>, mask: &TileMask, out: &mut [T]) {
        let dv = self.job.sizes.dv;
        let mut product = |rows: Range<usize>, values: &[T]| {
            let product = TileProduct {
                a: TileA::Rows(&tile[rows.start * TILE_STRIDE..]),
                b: TileB::Rows(values, dv),
                rows: rows.len(),
                cols: dv,
                inner: keys.len(),
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut out[rows.start * dv..], dv, Write::Add);
        };
        let rows = mask.spans().len();
        let values = &self.values[keys.start * dv..keys.end * dv];
        if self.finite {
            product(0..rows, values);
            return;
        }
        // Zeros in the places of what a query does not see leave its sum as it is, to the bit.
        let mut seen = Scratch::new(values.len());
        for r in 0..rows {
            seen.fill(T::ZERO);
            mask.runs(r, |run| {
                let run = run.start * dv..run.end * dv;
                seen[run.clone()].copy_from_slice(&values[run]);
            });
            product(r..r + 1, &seen);
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
