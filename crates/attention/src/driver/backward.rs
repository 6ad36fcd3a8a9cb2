//! The backward pass of the driver.

use anther_kernels::{
    self as kernels, PANEL, Scratch, Span, TILE_STRIDE, TileA, TileB, TileProduct, Write, parallel_blocks3,
};
use anther_tensor::Element;

use super::{Job, KEYS, QUERIES, TileWeigh};

/// What the backward pass reads.
pub(super) struct Inputs<'a, T> {
    pub(super) qkv: [&'a [T]; 3],
    pub(super) output: &'a [T],
    pub(super) normalisers: &'a [T],
    pub(super) dy: &'a [T],
}

/// Writes the gradients of queries, keys and values.
pub(super) fn backward<T: Element, W: TileWeigh>(job: &Job<'_, W>, inputs: &Inputs<'_, T>, gradients: [&mut [T]; 3]) {
    let sizes = job.sizes;
    let (queries, keys, d, dv) = (sizes.queries, sizes.keys, sizes.d, sizes.dv);
    let [dq, dk, dv_out] = gradients;
    if [dq.len(), dk.len(), dv_out.len()].contains(&0) {
        [dq, dk, dv_out].into_iter().for_each(|gradient| gradient.fill(T::ZERO));
        return;
    }
    let work = inputs.normalisers.len() * keys * (d + dv);
    parallel_blocks3(work, (dq, queries * d), (dk, keys * d), (dv_out, keys * dv), |head, dq, dk, dv_out| {
        let part = |size: usize| head * size..(head + 1) * size;
        let [q, k, v] = inputs.qkv;
        let head = Head {
            job,
            head,
            q: &q[part(queries * d)],
            k: &k[part(keys * d)],
            v: &v[part(keys * dv)],
            dy: &inputs.dy[part(queries * dv)],
            kept: &inputs.normalisers[part(queries)],
        };
        head.run(&inputs.output[part(queries * dv)], dq, dk, dv_out);
    });
}

/// One head.
struct Head<'a, T, W> {
    job: &'a Job<'a, W>,
    head: usize,
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
    dy: &'a [T],
    kept: &'a [T],
}

impl<T: Element, W: TileWeigh> Head<'_, T, W> {
    fn run(&self, output: &[T], dq: &mut [T], dk: &mut [T], dv_out: &mut [T]) {
        let job = self.job;
        let (queries, keys, d, dv) = (job.sizes.queries, job.sizes.keys, job.sizes.d, job.sizes.dv);
        let blocks = queries.div_ceil(QUERIES);
        let mut q_columns = Scratch::new(blocks * QUERIES * d);
        let mut dy_columns = Scratch::new(blocks * QUERIES * dv);
        kernels::pack_columns(&mut q_columns, self.q, d, QUERIES);
        kernels::pack_columns(&mut dy_columns, self.dy, dv, QUERIES);
        let mut k_panels = Scratch::new(keys.next_multiple_of(PANEL) * d);
        let mut v_panels = Scratch::new(keys.next_multiple_of(PANEL) * dv);
        kernels::pack_panels(&mut k_panels, self.k, d);
        kernels::pack_panels(&mut v_panels, self.v, dv);
        let mut means = Scratch::new(queries);
        for ((mean, y), dy) in means.iter_mut().zip(output.chunks_exact(dv)).zip(self.dy.chunks_exact(dv)) {
            *mean = T::from_f64(kernels::dot(y, dy));
        }
        let mut scores = Scratch::new(QUERIES * TILE_STRIDE);
        let mut dscores = Scratch::new(QUERIES * TILE_STRIDE);
        let mut spans = [Span::default(); QUERIES];
        [&mut *dq, &mut *dk, &mut *dv_out].into_iter().for_each(|gradient| gradient.fill(T::ZERO));
        let scale = T::from_f64(job.scale);
        for start in (0..keys).step_by(KEYS) {
            let tile_keys = start..keys.min(start + KEYS);
            for block in 0..blocks {
                let first = block * QUERIES;
                let rows = QUERIES.min(queries - first);
                let queries = first..first + rows;
                let reach = job.reach(self.head, &queries);
                let keys = tile_keys.start..tile_keys.end.min(reach.end);
                if keys.is_empty() || reach.start >= keys.end {
                    continue;
                }
                let cols = keys.len();
                job.tile_spans(self.head, &queries, &keys, &mut spans[..rows]);
                let spans = &spans[..rows];
                let product = TileProduct {
                    a: TileA::Columns(&q_columns[first * d..], QUERIES),
                    b: TileB::Panels(&k_panels[start * d..]),
                    rows,
                    cols,
                    inner: d,
                    alpha: scale,
                };
                kernels::tile_product(product, &mut scores, TILE_STRIDE, Write::Set);
                let product = TileProduct {
                    a: TileA::Columns(&dy_columns[first * dv..], QUERIES),
                    b: TileB::Panels(&v_panels[start * dv..]),
                    inner: dv,
                    alpha: T::ONE,
                    ..product
                };
                kernels::tile_product(product, &mut dscores, TILE_STRIDE, Write::Set);
                job.drop(&mut dscores, self.head, first, rows, &keys);
                let (kept, means) = (&self.kept[first..][..rows], &means[first..][..rows]);
                job.weigh.differentiate(&mut scores, &mut dscores, cols, spans, kept, means);
                job.drop(&mut scores, self.head, first, rows, &keys);
                let product = TileProduct {
                    a: TileA::Columns(&scores, TILE_STRIDE),
                    b: TileB::Rows(&self.dy[first * dv..], dv),
                    rows: cols,
                    cols: dv,
                    inner: rows,
                    alpha: T::ONE,
                };
                kernels::tile_product(product, &mut dv_out[start * dv..], dv, Write::Add);
                let product = TileProduct {
                    a: TileA::Columns(&dscores, TILE_STRIDE),
                    b: TileB::Rows(&self.q[first * d..], d),
                    cols: d,
                    alpha: scale,
                    ..product
                };
                kernels::tile_product(product, &mut dk[start * d..], d, Write::Add);
                let product = TileProduct {
                    a: TileA::Rows(&dscores),
                    b: TileB::Rows(&self.k[start * d..], d),
                    rows,
                    cols: d,
                    inner: cols,
                    alpha: scale,
                };
                kernels::tile_product(product, &mut dq[first * d..], d, Write::Add);
            }
        }
    }
}
