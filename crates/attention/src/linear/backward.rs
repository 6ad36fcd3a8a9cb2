//! The backward pass of a head.

use std::ops::Range;

use anther_kernels::{self as kernels, PANEL, Scratch, TILE_STRIDE, TileA, TileB, TileProduct, Write};
use anther_tensor::Element;

use super::forward::{Head, inverse};
use super::{KEYS, QUERIES};

/// What the forward pass gave for a head, and the gradient of it.
pub(super) struct Output<'a, T> {
    pub(super) y: &'a [T],
    pub(super) denominators: &'a [T],
    pub(super) dy: &'a [T],
}

impl<T: Element> Output<'_, T> {
    /// The gradients of the sums of weighted values `[queries, dv]`, and of the sums of weights `[queries]`, of some queries.
    fn of_sums(&self, queries: &Range<usize>, dv: usize, dsums: &mut [T], dnorms: &mut [T]) {
        let rows = queries.start * dv..queries.end * dv;
        let rows = self.y[rows.clone()].chunks_exact(dv).zip(self.dy[rows].chunks_exact(dv));
        let outputs = dsums.chunks_exact_mut(dv).zip(dnorms);
        for (((y, dy), (dsum, dnorm)), &denominator) in rows.zip(outputs).zip(&self.denominators[queries.clone()]) {
            let factor = inverse(denominator);
            dsum.iter_mut().zip(dy).for_each(|(out, &dy)| *out = dy * factor);
            *dnorm = -T::from_f64(kernels::dot(y, dy)) * factor;
        }
    }
}

/// Adds `factors[r] · row` to each row r.
fn add_outer<T: Element>(out: &mut [T], factors: &[T], row: &[T]) {
    for (out, &factor) in out.chunks_exact_mut(row.len()).zip(factors) {
        out.iter_mut().zip(row).for_each(|(out, &x)| *out += factor * x);
    }
}

/// `Dᵀ` `[dv, d]` and `e` `[d]`: sums over the queries that see a key.
struct Suffix<T: Element> {
    sums: Scratch<T>,
    norms: Scratch<T>,
}

impl<T: Element> Head<'_, T> {
    /// Adds the gradients of the features and of the values of this head.
    pub(super) fn differentiate(&self, output: &Output<'_, T>, dq: &mut [T], dk: &mut [T], dvalues: &mut [T]) {
        self.add_from_states(output, dq);
        let (d, dv) = (self.d, self.dv);
        let mut suffix = Suffix { sums: Scratch::new(dv * d), norms: Scratch::new(d) };
        suffix.sums.fill(T::ZERO);
        suffix.norms.fill(T::ZERO);
        let mut dsums = Scratch::new(QUERIES * dv);
        let mut dnorms = Scratch::new(QUERIES);
        let blocks = self.ends.len().div_ceil(QUERIES);
        let mut upper = self.block(blocks - 1).1;
        for block in (0..blocks).rev() {
            let (queries, seen, reach) = self.block(block);
            self.add_from_suffix(seen..upper, &suffix, dk, dvalues);
            upper = seen;
            output.of_sums(&queries, dv, &mut dsums, &mut dnorms);
            let (dsums, dnorms) = (&dsums[..queries.len() * dv], &dnorms[..queries.len()]);
            self.add_from_tiles(&queries, seen..reach, (dsums, dnorms), [&mut *dq, &mut *dk, &mut *dvalues]);
            let q = &self.q[queries.start * d..queries.end * d];
            let product = TileProduct {
                a: TileA::Columns(dsums, dv),
                b: TileB::Rows(q, d),
                rows: dv,
                cols: d,
                inner: queries.len(),
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut suffix.sums, d, Write::Add);
            for (q, &dnorm) in q.chunks_exact(d).zip(dnorms) {
                suffix.norms.iter_mut().zip(q).for_each(|(sum, &x)| *sum += dnorm * x);
            }
        }
        self.add_from_suffix(0..upper, &suffix, dk, dvalues);
    }

    /// What the queries get from the keys that all of their block see.
    fn add_from_states(&self, output: &Output<'_, T>, dq: &mut [T]) {
        let (d, dv) = (self.d, self.dv);
        let mut state = Scratch::new(d * (dv + 1));
        state.fill(T::ZERO);
        let mut panels = Scratch::new(d.next_multiple_of(PANEL) * dv);
        let mut dsums = Scratch::new(QUERIES * dv);
        let mut dnorms = Scratch::new(QUERIES);
        let mut columns = Scratch::new(QUERIES * dv);
        let mut done = 0;
        for (block, dq) in dq.chunks_mut(QUERIES * d).enumerate() {
            let (queries, seen, _) = self.block(block);
            self.add(done..seen, &mut state);
            if seen > done || block == 0 {
                kernels::pack_panels(&mut panels, &state[..d * dv], dv);
            }
            done = seen;
            output.of_sums(&queries, dv, &mut dsums, &mut dnorms);
            kernels::pack_columns(&mut columns, &dsums[..queries.len() * dv], dv, QUERIES);
            let product = TileProduct {
                a: TileA::Columns(&columns, QUERIES),
                b: TileB::Panels(&panels),
                rows: queries.len(),
                cols: d,
                inner: dv,
                alpha: T::ONE,
            };
            kernels::tile_product(product, dq, d, Write::Add);
            add_outer(dq, &dnorms, &state[d * dv..]);
        }
    }

    /// What queries of a block and keys that only some of them see get from each other.
    fn add_from_tiles(
        &self,
        queries: &Range<usize>,
        keys: Range<usize>,
        (dsums, dnorms): (&[T], &[T]),
        [dq, dk, dvalues]: [&mut [T]; 3],
    ) {
        if keys.is_empty() {
            return;
        }
        let (d, dv) = (self.d, self.dv);
        let q = &self.q[queries.start * d..queries.end * d];
        let (mut q_columns, mut dsum_columns) = (Scratch::new(QUERIES * d), Scratch::new(QUERIES * dv));
        kernels::pack_columns(&mut q_columns, q, d, QUERIES);
        kernels::pack_columns(&mut dsum_columns, dsums, dv, QUERIES);
        let (mut k_panels, mut v_panels) = (Scratch::new(KEYS * d), Scratch::new(KEYS * dv));
        let mut weights = Scratch::new(QUERIES * TILE_STRIDE);
        let mut dweights = Scratch::new(QUERIES * TILE_STRIDE);
        for start in keys.clone().step_by(KEYS) {
            let keys = start..keys.end.min(start + KEYS);
            let padded = keys.len().next_multiple_of(PANEL);
            kernels::pack_panels(&mut k_panels[..padded * d], &self.k[start * d..keys.end * d], d);
            kernels::pack_panels(&mut v_panels[..padded * dv], &self.v[start * dv..keys.end * dv], dv);
            let product = TileProduct {
                a: TileA::Columns(&q_columns, QUERIES),
                b: TileB::Panels(&k_panels),
                rows: queries.len(),
                cols: keys.len(),
                inner: d,
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut weights, TILE_STRIDE, Write::Set);
            let product = TileProduct {
                a: TileA::Columns(&dsum_columns, QUERIES),
                b: TileB::Panels(&v_panels),
                inner: dv,
                ..product
            };
            kernels::tile_product(product, &mut dweights, TILE_STRIDE, Write::Set);
            for (r, &dnorm) in dnorms.iter().enumerate() {
                let own = self.seen(queries.start + r, &keys);
                let row = r * TILE_STRIDE..r * TILE_STRIDE + keys.len();
                weights[row.clone()][own..].fill(T::ZERO);
                let (seen, hidden) = dweights[row].split_at_mut(own);
                seen.iter_mut().for_each(|x| *x += dnorm);
                hidden.fill(T::ZERO);
            }
            let product = TileProduct {
                a: TileA::Columns(&weights, TILE_STRIDE),
                b: TileB::Rows(dsums, dv),
                rows: keys.len(),
                cols: dv,
                inner: queries.len(),
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut dvalues[start * dv..], dv, Write::Add);
            let product =
                TileProduct { a: TileA::Columns(&dweights, TILE_STRIDE), b: TileB::Rows(q, d), cols: d, ..product };
            kernels::tile_product(product, &mut dk[start * d..], d, Write::Add);
            let product = TileProduct {
                a: TileA::Rows(&dweights),
                b: TileB::Rows(&self.k[start * d..], d),
                rows: queries.len(),
                inner: keys.len(),
                ..product
            };
            kernels::tile_product(product, &mut dq[queries.start * d..], d, Write::Add);
        }
    }

    /// What keys and values get from the queries of blocks that see them whole.
    fn add_from_suffix(&self, keys: Range<usize>, suffix: &Suffix<T>, dk: &mut [T], dvalues: &mut [T]) {
        if keys.is_empty() {
            return;
        }
        let (d, dv) = (self.d, self.dv);
        let mut panels = Scratch::new(dv.next_multiple_of(PANEL) * d);
        kernels::pack_panels(&mut panels, &suffix.sums, d);
        let mut columns = Scratch::new(QUERIES * d.max(dv));
        for start in keys.clone().step_by(QUERIES) {
            let rows = QUERIES.min(keys.end - start);
            let (dk, dvalues) = (&mut dk[start * d..][..rows * d], &mut dvalues[start * dv..][..rows * dv]);
            let v = &mut columns[..QUERIES * dv];
            kernels::pack_columns(v, &self.v[start * dv..][..rows * dv], dv, QUERIES);
            let product = TileProduct {
                a: TileA::Columns(v, QUERIES),
                b: TileB::Rows(&suffix.sums, d),
                rows,
                cols: d,
                inner: dv,
                alpha: T::ONE,
            };
            kernels::tile_product(product, dk, d, Write::Add);
            for row in dk.chunks_exact_mut(d) {
                row.iter_mut().zip(&*suffix.norms).for_each(|(x, &norm)| *x += norm);
            }
            let k = &mut columns[..QUERIES * d];
            kernels::pack_columns(k, &self.k[start * d..][..rows * d], d, QUERIES);
            let product = TileProduct {
                a: TileA::Columns(k, QUERIES),
                b: TileB::Panels(&panels),
                rows,
                cols: dv,
                inner: d,
                alpha: T::ONE,
            };
            kernels::tile_product(product, dvalues, dv, Write::Add);
        }
    }
}
