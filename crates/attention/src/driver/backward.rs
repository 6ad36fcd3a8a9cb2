//! The backward pass of the driver.

use std::ops::Range;
use std::slice::ChunksMut;

use anther_kernels::{
    self as kernels, Lanes, PANEL, Scratch, TILE_STRIDE, TileA, TileB, TileProduct, Write, parallel_each,
};
use anther_tensor::Element;

use super::job::{Job, TileMask};
use super::{KEYS, Pairs, QUERIES, Rows, TileGradients};

/// Into so many tasks the work is cut at least, if there are keys enough: heads first, then parts of their keys.
const TASKS: usize = 16;

/// So many tasks are handed out at once: a list of them is shorter than 4 KB, which a step of training may ask for.
const ROUND: usize = 32;

/// Keys of a part at least.
const PART: usize = 4 * KEYS;

/// What the backward pass reads.
pub(super) struct Inputs<'a, T> {
    pub(super) qkv: [&'a [T]; 3],
    pub(super) output: &'a [T],
    pub(super) normalisers: &'a [T],
    pub(super) dy: &'a [T],
}

impl<T: Element> Inputs<'_, T> {
    /// `Σ_j a_ij da_ij = ⟨y_i, dy_i⟩` of a query of the whole batch.
    fn mean(&self, row: usize, dv: usize) -> T {
        let part = row * dv..(row + 1) * dv;
        T::from_f64(kernels::dot(&self.output[part.clone()], &self.dy[part]))
    }
}

/// Where the backward pass writes.
pub(super) struct Gradients<'a, T> {
    pub(super) qkv: [&'a mut [T]; 3],
    /// As [`Job::params`].
    pub(super) params: &'a mut [T],
    /// As [`Job::bias`]; empty if nobody wants it.
    pub(super) bias: &'a mut [T],
    /// As [`Job::sinks`]; empty if nobody wants it.
    pub(super) sinks: &'a mut [T],
}

/// Writes the gradients.
pub(super) fn backward<T: Element>(job: &Job<'_, T>, inputs: &Inputs<'_, T>, into: Gradients<'_, T>) {
    let Gradients { qkv: [dq, dk, dv_out], params, bias, sinks } = into;
    let sizes = job.sizes;
    let (queries, keys, d, dv) = (sizes.queries, sizes.keys, sizes.d, sizes.dv);
    [&mut *dq, &mut *params, &mut *bias, &mut *sinks].into_iter().for_each(|gradient| gradient.fill(T::ZERO));
    if dq.is_empty() || dk.is_empty() {
        [dk, dv_out].into_iter().for_each(|gradient| gradient.fill(T::ZERO));
        return;
    }
    if !sinks.is_empty() {
        for (row, &kept) in inputs.normalisers.iter().enumerate() {
            // What the sink takes from all other weights alike.
            let head = row / queries;
            sinks[head % sizes.heads] -= (job.sink(head) - kept).exp() * inputs.mean(row, dv);
        }
    }

    let (group, kv_heads) = (job.group(), sizes.batch * sizes.kv_heads);
    let parts = TASKS.div_ceil(kv_heads).min(keys.div_ceil(PART));
    let part = keys.div_ceil(parts).next_multiple_of(KEYS);
    let parts = keys.div_ceil(part);
    let tasks = kv_heads * parts;
    // Each task has sums of its own wherever several tasks give to the same gradient; they are added in the order of the tasks.
    let mut more_dq = Scratch::new((parts - 1) * dq.len());
    more_dq.fill(T::ZERO);
    let table = queries + keys - 1;
    let mut more_params = Scratch::new(tasks * params.len());
    let mut more_bias = Scratch::new(if bias.is_empty() { 0 } else { tasks * group * table });
    more_bias.fill(T::ZERO);

    let work = sizes.batch * sizes.heads * job.work();
    let mut round = Vec::with_capacity(tasks.min(ROUND));
    let run = |round: &mut Vec<Task<'_, T>>| {
        parallel_each(work, round, |task| task.run(job, inputs));
        round.clear();
    };
    let mut dqs: Vec<ChunksMut<'_, T>> = vec![dq.chunks_mut(group * queries * d)];
    let total = sizes.batch * sizes.heads * queries * d;
    dqs.extend(more_dq.chunks_mut(total).map(|dq| dq.chunks_mut(group * queries * d)));
    let mut params_of = more_params.chunks_mut(params.len().max(1));
    let mut bias_of = more_bias.chunks_mut(group * table);
    let kv = dk.chunks_mut(keys * d).zip(dv_out.chunks_mut(keys * dv));
    for (kv_head, (dk, dv_out)) in kv.enumerate() {
        for (i, (dk, dv_out)) in dk.chunks_mut(part * d).zip(dv_out.chunks_mut(part * dv)).enumerate() {
            let keys = i * part..keys.min((i + 1) * part);
            round.push(Task {
                kv_head,
                keys,
                dq: dqs[i].next().expect("as many groups of heads"),
                dk,
                dv: dv_out,
                params: params_of.next().unwrap_or_default(),
                bias: bias_of.next().unwrap_or_default(),
            });
            if round.len() == ROUND {
                run(&mut round);
            }
        }
    }
    run(&mut round);
    drop(round);

    for more in more_dq.chunks(total) {
        kernels::copy(dq, more, Write::Add);
    }
    for more in more_params.chunks(params.len().max(1)) {
        kernels::copy(params, more, Write::Add);
    }
    if !bias.is_empty() {
        for (task, more) in more_bias.chunks(group * table).enumerate() {
            let first = task / parts % sizes.kv_heads * group * table;
            kernels::copy(&mut bias[first..][..group * table], more, Write::Add);
        }
    }
}

/// A part of the keys of one head of keys, with all queries that meet them.
struct Task<'a, T> {
    /// Of the whole batch.
    kv_head: usize,
    keys: Range<usize>,
    /// Gradients of the queries of all heads that share the keys, from these keys alone.
    dq: &'a mut [T],
    dk: &'a mut [T],
    dv: &'a mut [T],
    params: &'a mut [T],
    bias: &'a mut [T],
}

impl<T: Element> Task<'_, T> {
    fn run(&mut self, job: &Job<'_, T>, inputs: &Inputs<'_, T>) {
        let sizes = job.sizes;
        let (queries, keys, d, dv, group) = (sizes.queries, sizes.keys, sizes.d, sizes.dv, job.group());
        [&mut *self.dk, &mut *self.dv].into_iter().for_each(|gradient| gradient.fill(T::ZERO));
        let all_keys = self.kv_head * keys + self.keys.start..self.kv_head * keys + self.keys.end;
        let k = &inputs.qkv[1][all_keys.start * d..all_keys.end * d];
        let v = &inputs.qkv[2][all_keys.start * dv..all_keys.end * dv];
        let mut k_panels = Scratch::new(self.keys.len().next_multiple_of(PANEL) * d);
        let mut v_panels = Scratch::new(self.keys.len().next_multiple_of(PANEL) * dv);
        kernels::pack_panels(&mut k_panels, k, d);
        kernels::pack_panels(&mut v_panels, v, dv);
        let mut params = vec![Lanes::zero(); self.params.len()];
        for member in 0..group {
            let head = self.kv_head * group + member;
            let part = |size: usize| head * size..(head + 1) * size;
            let (q, dy) = (&inputs.qkv[0][part(queries * d)], &inputs.dy[part(queries * dv)]);
            let blocks = queries.div_ceil(QUERIES);
            let mut q_columns = Scratch::new(blocks * QUERIES * d);
            let mut dy_columns = Scratch::new(blocks * QUERIES * dv);
            kernels::pack_columns(&mut q_columns, q, d, QUERIES);
            kernels::pack_columns(&mut dy_columns, dy, dv, QUERIES);
            let mut seen = Scratch::new(queries);
            job.count(head, &(0..queries), &mut seen);
            let mut means = Scratch::new(queries);
            for (row, mean) in (head * queries..).zip(means.iter_mut()) {
                *mean = inputs.mean(row, dv);
            }
            let head = Head {
                job,
                head,
                q,
                dy,
                q_columns: &q_columns,
                dy_columns: &dy_columns,
                kept: &inputs.normalisers[part(queries)],
                means: &means,
                seen: &seen,
            };
            for start in (0..self.keys.len()).step_by(KEYS) {
                let end = self.keys.len().min(start + KEYS);
                let key_tile = KeyTile {
                    keys: self.keys.start + start..self.keys.start + end,
                    k: &k[start * d..end * d],
                    k_panels: &k_panels[start * d..],
                    v_panels: &v_panels[start * dv..],
                };
                let table = queries + keys - 1;
                let bias = if self.bias.is_empty() { &mut [] } else { &mut self.bias[member * table..][..table] };
                let mut into = HeadGradients {
                    dq: &mut self.dq[member * queries * d..][..queries * d],
                    dk: &mut self.dk[start * d..end * d],
                    dv: &mut self.dv[start * dv..end * dv],
                    params: &mut params,
                    bias,
                };
                head.run(&key_tile, &mut into);
            }
        }
        for (sum, lanes) in self.params.iter_mut().zip(&params) {
            *sum = lanes.total();
        }
    }
}

/// One head of queries.
struct Head<'a, T: Element> {
    job: &'a Job<'a, T>,
    head: usize,
    q: &'a [T],
    dy: &'a [T],
    q_columns: &'a [T],
    dy_columns: &'a [T],
    kept: &'a [T],
    means: &'a [T],
    seen: &'a [T],
}

/// A tile of keys.
struct KeyTile<'a, T> {
    keys: Range<usize>,
    k: &'a [T],
    k_panels: &'a [T],
    v_panels: &'a [T],
}

/// Where a head of queries and a tile of keys add their gradients.
struct HeadGradients<'a, T> {
    dq: &'a mut [T],
    dk: &'a mut [T],
    dv: &'a mut [T],
    params: &'a mut [Lanes<T>],
    bias: &'a mut [T],
}

impl<T: Element> Head<'_, T> {
    /// All queries with one tile of keys.
    fn run(&self, tile: &KeyTile<'_, T>, into: &mut HeadGradients<'_, T>) {
        let job = self.job;
        let (queries, d, dv) = (job.sizes.queries, job.sizes.d, job.sizes.dv);
        let mut scores = Scratch::new(QUERIES * TILE_STRIDE);
        let mut dscores = Scratch::new(QUERIES * TILE_STRIDE);
        let mut second = Scratch::new(if job.score.keeps() { QUERIES * TILE_STRIDE } else { 0 });
        let mut dweights =
            Scratch::new(if job.weigh.multiplies() && !into.bias.is_empty() { QUERIES * TILE_STRIDE } else { 0 });
        let mut key_panels =
            Scratch::new(if job.score.panels() { tile.keys.len().next_multiple_of(PANEL) * d } else { 0 });
        key_panels.fill(T::ZERO);
        let mut mask = TileMask::new();
        for first in (0..queries).step_by(QUERIES) {
            let rows = QUERIES.min(queries - first);
            let block = first..first + rows;
            let reach = job.reach(self.head, &block);
            let keys = tile.keys.start..tile.keys.end.min(reach.end);
            if keys.is_empty() || reach.start >= keys.end || !job.mask(self.head, &block, &keys, &mut mask) {
                continue;
            }
            let cols = keys.len();
            let pairs = Pairs {
                queries: &self.q[first * d..][..rows * d],
                query_columns: &self.q_columns[first * d..],
                keys: &tile.k[..cols * d],
                key_panels: &tile.k_panels[..cols.next_multiple_of(PANEL) * d],
                d,
                spans: mask.spans(),
                params: job.params,
            };
            let bias = job.distances(self.head, first, keys.start);
            job.scores(&pairs, &mask, bias, &mut scores, &mut second);
            let product = TileProduct {
                a: TileA::Columns(&self.dy_columns[first * dv..], QUERIES),
                b: TileB::Panels(tile.v_panels),
                rows,
                cols,
                inner: dv,
                alpha: T::ONE,
            };
            kernels::tile_product(product, &mut dscores, TILE_STRIDE, Write::Set);
            job.drop(&mut dscores, self.head, first, rows, &keys);
            if !dweights.is_empty() {
                dweights.copy_from_slice(&dscores);
            }
            let about = Rows {
                spans: mask.spans(),
                seen: &self.seen[block.clone()],
                factors: bias.filter(|_| job.weigh.multiplies()),
            };
            let means = &self.means[block.clone()];
            job.weigh.differentiate(&mut scores, &mut dscores, cols, &about, &self.kept[block], means);
            if !into.bias.is_empty() {
                let table = bias.expect("a gradient of a bias that is there");
                for (r, span) in mask.spans().iter().enumerate() {
                    let seen = span.start as usize..(span.end as usize).max(span.start as usize);
                    let place = table.first - r;
                    let gradients = &mut into.bias[place..][seen.clone()];
                    let row = r * TILE_STRIDE;
                    for (c, gradient) in seen.zip(gradients) {
                        *gradient += match about.factors {
                            None => dscores[row + c],
                            // ∂L/∂f = a (∂L/∂a − mean) / f, of the factor f on a weight.
                            Some(factors) if factors.row(r)[c] != T::ZERO => {
                                scores[row + c] * (dweights[row + c] - means[r]) / factors.row(r)[c]
                            }
                            Some(_) => T::ZERO,
                        };
                    }
                }
            }
            job.drop(&mut scores, self.head, first, rows, &keys);
            let product = TileProduct {
                a: TileA::Columns(&scores, TILE_STRIDE),
                b: TileB::Rows(&self.dy[first * dv..], dv),
                rows: cols,
                cols: dv,
                inner: rows,
                alpha: T::ONE,
            };
            kernels::tile_product(product, into.dv, dv, Write::Add);
            let mut gradients = TileGradients {
                queries: &mut into.dq[first * d..][..rows * d],
                keys: &mut into.dk[..cols * d],
                key_panels: &mut key_panels,
                params: into.params,
            };
            job.score.differentiate(&pairs, &mut dscores, &second, &mut gradients);
        }
        if job.score.panels() {
            for (i, gradient) in into.dk.iter_mut().enumerate() {
                let (key, l) = (i / d, i % d);
                *gradient += key_panels[key / PANEL * PANEL * d + l * PANEL + key % PANEL];
            }
        }
    }
}
