//! Which keys each query may look at.

use std::ops::Range;

use crate::check;

/// The keys `[start, end)` of one query. Empty when `start >= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The first key.
    pub start: u32,
    /// One past the last key.
    pub end: u32,
}

impl Span {
    /// The keys `[start, end)`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// The number of keys.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the query sees no key.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// The spans of a score tensor `[batch, heads, queries, keys]`.
///
/// Row `r` of the tensor uses `rows[((r / (heads · queries)) · queries + r % queries) % rows.len()]`. So `rows` holds `queries`
/// spans that the whole batch shares, or `batch · queries`; heads always share.
#[derive(Clone, Copy, Debug)]
pub struct Spans<'a> {
    /// One span a query, or one a query of each batch element.
    pub rows: &'a [Span],
    /// The queries of one head.
    pub queries: usize,
    /// The heads of one batch element.
    pub heads: usize,
}

impl Spans<'_> {
    /// The keys that row `row` sees.
    #[inline(always)]
    pub(crate) fn at(&self, row: usize) -> Range<usize> {
        let query = (row / (self.heads * self.queries)) * self.queries + row % self.queries;
        let span = self.rows[query % self.rows.len()];
        if span.is_empty() { 0..0 } else { span.start as usize..span.end as usize }
    }

    /// Panics unless the spans fit a tensor of `rows` rows and `cols` keys.
    #[track_caller]
    pub(crate) fn check(&self, kernel: &str, rows: usize, cols: usize) {
        let (queries, heads, spans) = (self.queries, self.heads, self.rows.len());
        let group = check::product(kernel, &[queries, heads]);
        if rows == 0 {
            return;
        }
        assert!(
            group > 0 && rows.is_multiple_of(group),
            "kernels::{kernel}: {rows} rows are no whole number of batch elements of {heads} heads and {queries} queries"
        );
        assert!(
            spans == queries || spans == rows / group * queries,
            "kernels::{kernel}: {spans} spans for {queries} queries in {} batch elements; give one a query, or one a query and batch element",
            rows / group
        );
        for (i, span) in self.rows.iter().enumerate() {
            assert!(
                span.is_empty() || span.end as usize <= cols,
                "kernels::{kernel}: span {i} ends at key {} but there are {cols} keys",
                span.end
            );
        }
    }
}

/// The keys that row `row` sees: all of them without spans.
#[inline(always)]
pub(crate) fn keys(spans: Option<Spans<'_>>, row: usize, cols: usize) -> Range<usize> {
    match spans {
        Some(spans) => spans.at(row),
        None => 0..cols,
    }
}
