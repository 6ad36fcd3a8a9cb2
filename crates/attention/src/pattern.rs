//! Patterns: masks that are more than one span a query.

use std::ops::Range;
use std::sync::Arc;

use anther_tensor::{KeySpans, Span};

/// `count` ones in the lowest bits, 128 at most.
pub(crate) fn ones(count: usize) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// Which pairs of a query and a key may meet, beside what spans say.
///
/// ```
/// use anther_attention::Pattern;
///
/// // Blocks of two tokens: each sees itself and the first.
/// let pattern = Pattern::blocks(2, 3, |query, key| query == key || key == 0);
/// let row: Vec<bool> = (0..6).map(|key| pattern.shows(0, 0, 4, key)).collect();
/// assert_eq!(row, [true, true, false, false, true, true]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Pairs of blocks of `size` tokens.
    Blocks { size: usize, bits: Arc<Bits> },
    /// Each pair, `[batch or 1, heads or 1, queries]` rows.
    Pairs { batch: usize, heads: usize, queries: usize, bits: Arc<Bits> },
    /// Two spans for each query, `[queries]` or `[batch, queries]`.
    Either { rows: Arc<Vec<[Span; 2]>>, queries: usize },
}

/// Rows of bits.
#[derive(Debug, PartialEq)]
struct Bits {
    words: Vec<u64>,
    columns: usize,
}

impl Bits {
    fn new(rows: usize, columns: usize, mut bit: impl FnMut(usize, usize) -> bool) -> Self {
        let width = columns.div_ceil(64);
        let mut words = vec![0; rows * width];
        for row in 0..rows {
            for column in (0..columns).filter(|&column| bit(row, column)) {
                words[row * width + column / 64] |= 1 << (column % 64);
            }
        }
        Bits { words, columns }
    }

    fn row(&self, row: usize) -> &[u64] {
        let width = self.columns.div_ceil(64);
        &self.words[row * width..][..width]
    }

    fn get(&self, row: usize, column: usize) -> bool {
        self.row(row)[column / 64] >> (column % 64) & 1 == 1
    }

    /// Up to 128 bits of a row.
    fn range(&self, row: usize, columns: &Range<usize>) -> u128 {
        let words = self.row(row);
        let (first, shift) = (columns.start / 64, columns.start % 64);
        let word = |i: usize| u128::from(words.get(first + i).copied().unwrap_or(0));
        let low = (word(0) | word(1) << 64) >> shift;
        let high = if shift == 0 { 0 } else { word(2) << (128 - shift) };
        (low | high) & ones(columns.len())
    }
}

impl Pattern {
    /// Blocks of `size` tokens: a query of block `a` may meet a key of block `b`, both below `count`, if `shows(a, b)`. Positions count, so a query that
    /// follows cached tokens belongs to a later block.
    ///
    /// # Panics
    /// If the size is 0.
    #[track_caller]
    pub fn blocks(size: usize, count: usize, shows: impl FnMut(usize, usize) -> bool) -> Self {
        assert!(size > 0, "a block of no tokens");
        Pattern(Kind::Blocks { size, bits: Arc::new(Bits::new(count, count, shows)) })
    }

    /// Any pairs: `shows([batch, head, query, key])`. `batch` and `heads` may be 1 for what all have in common.
    pub fn pairs([batch, heads, queries, keys]: [usize; 4], mut shows: impl FnMut([usize; 4]) -> bool) -> Self {
        let bits = Bits::new(batch * heads * queries, keys, |row, key| {
            shows([row / queries / heads, row / queries % heads, row % queries, key])
        });
        Pattern(Kind::Pairs { batch, heads, queries, bits: Arc::new(bits) })
    }

    /// Each query sees the keys of either of two spans, `[queries]` or `[batch, queries]` in row-major order.
    pub fn either(rows: Vec<[Span; 2]>, queries: usize) -> Self {
        Pattern(Kind::Either { rows: Arc::new(rows), queries })
    }

    /// Whether a query, counted by position, may meet a key.
    ///
    /// # Panics
    /// If the pattern has no such pair.
    pub fn shows(&self, batch: usize, head: usize, query: usize, key: usize) -> bool {
        self.bits(batch, head, query, &(key..key + 1)) == 1
    }

    /// The keys of a range of at most 128 that a query may meet, one a bit.
    pub(crate) fn bits(&self, batch: usize, head: usize, query: usize, keys: &Range<usize>) -> u128 {
        match &self.0 {
            Kind::Blocks { size, bits } => {
                let row = query / size;
                let mut shown = 0;
                let mut start = keys.start;
                while start < keys.end {
                    let block = start / size;
                    let end = keys.end.min((block + 1) * size);
                    if bits.get(row, block) {
                        shown |= ones(end - start) << (start - keys.start);
                    }
                    start = end;
                }
                shown
            }
            Kind::Pairs { batch: batches, heads, queries, bits } => {
                bits.range(((batch % batches) * heads + head % heads) * queries + query, keys)
            }
            Kind::Either { rows, queries } => {
                let sequence = batch * queries % rows.len().max(1);
                rows[sequence + query].iter().fold(0, |shown, span| {
                    let (start, end) = (keys.start.max(span.start as usize), keys.end.min(span.end as usize));
                    if start < end { shown | ones(end - start) << (start - keys.start) } else { shown }
                })
            }
        }
    }

    /// Why the pattern does not fit so many heads, queries and keys, the first query at position `offset`.
    fn misfit(&self, [batch, heads, queries, keys]: [usize; 4], offset: usize) -> Option<String> {
        let end = offset + queries;
        match &self.0 {
            Kind::Blocks { size, bits } => (end.max(keys) > size * bits.columns)
                .then(|| format!("{} blocks of {size} tokens end before {end} queries and {keys} keys", bits.columns)),
            Kind::Pairs { batch: b, heads: h, queries: q, bits } => {
                let fits = (*b == 1 || *b == batch) && (*h == 1 || *h == heads) && *q >= end && bits.columns >= keys;
                (!fits).then(|| {
                    format!(
                        "a pattern [{b}, {h}, {q}, {}] does not fit [{batch}, {heads}, {end}, {keys}]",
                        bits.columns
                    )
                })
            }
            Kind::Either { rows, queries: q } => {
                let fits = *q >= end && (rows.len() == *q || rows.len() == batch * q);
                (!fits).then(|| format!("{} pairs of spans over {q} queries do not fit {end}", rows.len()))
            }
        }
    }
}

/// What the queries of a call see: a span each, less what patterns hide.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Without spans every query sees every key.
    pub spans: Option<KeySpans>,
    /// A pair must be in all of them.
    pub patterns: Vec<Pattern>,
    /// The position of the first query, which patterns count from.
    pub offset: usize,
}

impl From<Option<KeySpans>> for Seen {
    fn from(spans: Option<KeySpans>) -> Self {
        Seen { spans, ..Seen::default() }
    }
}

impl Seen {
    /// The keys of a range of at most 128 that the patterns show to query number `query` of the call.
    pub(crate) fn bits(&self, batch: usize, head: usize, query: usize, keys: &Range<usize>) -> u128 {
        self.patterns
            .iter()
            .fold(ones(keys.len()), |bits, pattern| bits & pattern.bits(batch, head, self.offset + query, keys))
    }

    /// Whether query number `query` of the call sees a key.
    ///
    /// # Panics
    /// If there is no such pair.
    pub fn shows(&self, batch: usize, head: usize, query: usize, key: usize) -> bool {
        let within = self.spans.as_ref().is_none_or(|spans| {
            let span = spans.rows()[(batch * spans.queries() + query) % spans.rows().len()];
            (span.start..span.end).contains(&(key as u32))
        });
        within && self.bits(batch, head, query, &(key..key + 1)) == 1
    }

    /// Panics unless it fits queries and keys of these sizes.
    #[track_caller]
    pub(crate) fn check(&self, what: &str, shape: [usize; 4]) {
        let [batch, _, queries, keys] = shape;
        if let Some(spans) = &self.spans {
            let rows = spans.rows();
            assert!(
                spans.queries() == queries && (rows.len() == queries || rows.len() == batch * queries),
                "{what}: {} spans over {} queries do not fit {queries} queries of {batch} sequences",
                rows.len(),
                spans.queries()
            );
            assert!(rows.iter().all(|span| span.end as usize <= keys), "{what}: a span passes {keys} keys");
        }
        for pattern in &self.patterns {
            if let Some(misfit) = pattern.misfit(shape, self.offset) {
                panic!("{what}: {misfit}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_bits_is_the_bits() {
        let bit = |row: usize, column: usize| (row * 7 + column * column).is_multiple_of(3);
        let bits = Bits::new(2, 300, bit);
        for (row, start, end) in
            [(0, 0, 128), (1, 0, 300 - 172), (1, 3, 130), (0, 64, 192), (1, 100, 228), (0, 299, 300)]
        {
            let range = bits.range(row, &(start..end));
            for column in start..end {
                assert_eq!(range >> (column - start) & 1 == 1, bit(row, column), "{row}, {column} of {start}..{end}");
            }
            assert_eq!(range & !ones(end - start), 0);
        }
    }

    #[test]
    fn patterns_intersect() {
        let even = Pattern::pairs([1, 2, 4, 4], |[_, head, _, key]| head == 1 || key % 2 == 0);
        let two = Pattern::either((0..4).map(|i| [Span::new(0, 1), Span::new(i, i + 1)]).collect(), 4);
        let seen = Seen { patterns: vec![even, two], ..Seen::default() };
        assert_eq!(seen.bits(0, 0, 3, &(0..4)), 0b0001);
        assert_eq!(seen.bits(0, 1, 3, &(0..4)), 0b1001);
        assert_eq!(seen.bits(0, 0, 2, &(1..4)), 0b010);
    }

    #[test]
    #[should_panic(expected = "2 blocks of 3 tokens end before 7 queries and 5 keys")]
    fn a_pattern_that_is_too_small_is_refused() {
        let patterns = vec![Pattern::blocks(3, 2, |_, _| true)];
        Seen { patterns, offset: 4, ..Seen::default() }.check("test", [1, 1, 3, 5]);
    }
}
