//! What the two passes of the driver share: sizes, masks, biases and dropout of a tile.

use std::ops::Range;

use anther_kernels::{RandomKey, Span, TILE_STRIDE};
use anther_tensor::Element;

use super::{Distances, KEYS, Pairs, QUERIES, TileScore, TileWeigh};
use crate::pattern::{Seen, ones};

/// The sizes of one call.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    /// Heads of the queries.
    pub(super) heads: usize,
    /// Heads of keys and values, each of which serves `heads / kv_heads` heads of queries that follow each other.
    pub(super) kv_heads: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) d: usize,
    pub(super) dv: usize,
}

/// What is the same for every head.
pub(super) struct Job<'a, T: Element> {
    pub(super) score: &'a dyn TileScore<T>,
    pub(super) weigh: &'a dyn TileWeigh<T>,
    pub(super) sizes: Sizes,
    pub(super) seen: &'a Seen,
    pub(super) dropout: Option<(RandomKey, f64)>,
    /// Numbers that all pairs share.
    pub(super) params: &'a [T],
    /// `[heads, queries + keys − 1]`, or empty.
    pub(super) bias: &'a [T],
    /// One a head, or empty.
    pub(super) sinks: &'a [T],
}

/// What the queries of a block see of a tile.
pub(super) struct TileMask {
    spans: [Span; QUERIES],
    bits: [u128; QUERIES],
    rows: usize,
    /// Whether a pattern hides a key inside of a span.
    pub(super) holes: bool,
}

impl TileMask {
    pub(super) fn new() -> Self {
        TileMask { spans: [Span::default(); QUERIES], bits: [0; QUERIES], rows: 0, holes: false }
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.spans[..self.rows]
    }

    /// Calls `body` with each run of keys that row `r` sees.
    pub(super) fn runs(&self, r: usize, mut body: impl FnMut(Range<usize>)) {
        if !self.holes {
            return body(self.spans[r].start as usize..self.spans[r].end as usize);
        }
        let mut bits = self.bits[r];
        while bits != 0 {
            let start = bits.trailing_zeros();
            let length = (!(bits >> start)).trailing_zeros();
            body(start as usize..(start + length) as usize);
            bits &= !(ones(length as usize) << start);
        }
    }
}

impl<T: Element> Job<'_, T> {
    /// Heads of queries that share a head of keys.
    pub(super) fn group(&self) -> usize {
        self.sizes.heads / self.sizes.kv_heads
    }

    /// Work of one head, in element-wise operations, for the decision to share it out.
    pub(super) fn work(&self) -> usize {
        let sizes = self.sizes;
        sizes.queries * sizes.keys * (self.score.flops(sizes.d) / 2 + sizes.dv)
    }

    /// The sink of a head of the whole batch.
    pub(super) fn sink(&self, head: usize) -> T {
        self.sinks.get(head % self.sizes.heads).copied().unwrap_or(T::NEG_INFINITY)
    }

    /// The spans of these queries of head number `head` of the whole batch; none if they see all keys.
    fn spans(&self, head: usize, queries: &Range<usize>) -> Option<&[Span]> {
        let rows = self.seen.spans.as_ref()?.rows();
        let sequence = head / self.sizes.heads * self.sizes.queries % rows.len().max(1);
        Some(&rows[sequence..][queries.clone()])
    }

    /// The keys between the first and the last one that any of these queries sees.
    pub(super) fn reach(&self, head: usize, queries: &Range<usize>) -> Range<usize> {
        let Some(spans) = self.spans(head, queries) else { return 0..self.sizes.keys };
        let seen = spans.iter().filter(|span| !span.is_empty());
        let (start, end) = seen.fold((u32::MAX, 0), |(start, end), span| (start.min(span.start), end.max(span.end)));
        if start < end { start as usize..end as usize } else { 0..0 }
    }

    /// What these queries see of a tile. Returns whether that is anything.
    pub(super) fn mask(&self, head: usize, queries: &Range<usize>, keys: &Range<usize>, mask: &mut TileMask) -> bool {
        let (start, end) = (keys.start as u32, keys.end as u32);
        let within = |key: u32| key.clamp(start, end) - start;
        mask.rows = queries.len();
        mask.holes = false;
        let rows = &mut mask.spans[..queries.len()];
        match self.spans(head, queries) {
            None => rows.fill(Span::new(0, end - start)),
            Some(spans) => {
                rows.iter_mut().zip(spans).for_each(|(row, s)| *row = Span::new(within(s.start), within(s.end)));
            }
        }
        if !self.seen.patterns.is_empty() {
            for ((query, span), bits) in queries.clone().zip(rows.iter_mut()).zip(&mut mask.bits) {
                let (batch, head) = (head / self.sizes.heads, head % self.sizes.heads);
                *bits = ones(span.len()) << span.start.min(127) & self.seen.bits(batch, head, query, keys);
                let (first, end) = (bits.trailing_zeros(), 128 - bits.leading_zeros());
                *span = if *bits == 0 { Span::default() } else { Span::new(first, end) };
                mask.holes |= bits.count_ones() as usize != span.len();
            }
        }
        rows.iter().any(|span| !span.is_empty())
    }

    /// How many keys each of these queries sees in all.
    pub(super) fn count(&self, head: usize, queries: &Range<usize>, counts: &mut [T]) {
        let keys = self.sizes.keys;
        for (query, count) in queries.clone().zip(counts) {
            let one = query..query + 1;
            let span = self.spans(head, &one).map_or(0..keys, |spans| spans[0].start as usize..spans[0].end as usize);
            let seen = if self.seen.patterns.is_empty() {
                span.len()
            } else {
                let (batch, head) = (head / self.sizes.heads, head % self.sizes.heads);
                let parts = span.clone().step_by(KEYS).map(|start| start..span.end.min(start + KEYS));
                parts.map(|keys| self.seen.bits(batch, head, query, &keys).count_ones() as usize).sum()
            };
            *count = T::from_f64(seen as f64);
        }
    }

    /// The bias of a block of queries over the keys from `start` on.
    pub(super) fn distances(&self, head: usize, first: usize, start: usize) -> Option<Distances<'_, T>> {
        let (queries, keys) = (self.sizes.queries, self.sizes.keys);
        let table = self.bias.chunks_exact((queries + keys - 1).max(1)).nth(head % self.sizes.heads)?;
        Some(Distances { table, first: start + queries - 1 - first })
    }

    /// The scores of a tile as the weighing wants them.
    pub(super) fn scores(
        &self,
        pairs: &Pairs<'_, T>,
        mask: &TileMask,
        bias: Option<Distances<'_, T>>,
        scores: &mut [T],
        kept: &mut [T],
    ) {
        self.score.score(pairs, scores, kept);
        if let Some(bias) = bias.filter(|_| !self.weigh.multiplies()) {
            for (r, span) in mask.spans().iter().enumerate() {
                let seen = span.start as usize..(span.end as usize).max(span.start as usize);
                let row = &mut scores[r * TILE_STRIDE..][seen.clone()];
                row.iter_mut().zip(&bias.row(r)[seen]).for_each(|(score, &bias)| *score += bias);
            }
        }
        if mask.holes {
            let hidden = self.weigh.hidden();
            for (r, (span, bits)) in mask.spans().iter().zip(&mask.bits).enumerate() {
                for c in (span.start..span.end).filter(|c| bits >> c & 1 == 0) {
                    scores[r * TILE_STRIDE + c as usize] = hidden;
                }
            }
        }
    }

    /// Drops weights of a tile, or gradients of them, as dropout on the whole matrix would.
    pub(super) fn drop(&self, tile: &mut [T], head: usize, first: usize, rows: usize, keys: &Range<usize>) {
        let Some((key, p)) = self.dropout else { return };
        let mut row = [T::ZERO; KEYS];
        let row = &mut row[..keys.len()];
        for r in 0..rows {
            let tile = &mut tile[r * TILE_STRIDE..][..keys.len()];
            row.copy_from_slice(tile);
            let place = (head * self.sizes.queries + first + r) * self.sizes.keys + keys.start;
            anther_kernels::dropout_from(tile, row, place, key, p);
        }
    }
}
