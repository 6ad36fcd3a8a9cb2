//! The masks that a running state can follow: for each query the number of keys that it sees, from the first on.

use anther_tensor::{KeySpans, Span};

/// How many keys each query sees, of all sequences alike or of each its own. The number never falls from a query to the next.
pub(super) struct Ends {
    spans: Option<KeySpans>,
    queries: usize,
    keys: usize,
    past: usize,
}

impl Ends {
    /// The ends of spans over `past + keys` keys, of which the first `past` are in a state already: counted from the first that is not.
    ///
    /// # Panics
    /// If the spans do not fit the sizes, do not begin with the first key, or shrink.
    #[track_caller]
    pub(super) fn new(spans: Option<&KeySpans>, batch: usize, queries: usize, keys: usize, past: usize) -> Self {
        let rows = spans.map_or(&[] as &[Span], KeySpans::rows);
        assert!(
            spans.is_none_or(|spans| spans.queries() == queries)
                && (rows.is_empty() || rows.len() == queries || rows.len() == batch * queries),
            "linear_attention: {} spans do not fit {batch} sequences of {queries} queries",
            rows.len()
        );
        let mut before = 0;
        for (i, span) in rows.iter().enumerate() {
            if i % queries == 0 {
                before = 0;
            }
            let (end, all) = (end(*span), past + keys);
            assert!(
                (span.start == 0 || span.is_empty()) && (before..=all).contains(&end),
                "linear_attention: query {} sees the keys {}..{} of {all}, but a running state only has keys from the first on, and \
                 forgets none of those of the query before; use a full, padded or causal mask",
                i % queries,
                span.start,
                span.end
            );
            before = end;
        }
        Ends { spans: spans.cloned(), queries, keys, past }
    }

    /// Those of a sequence.
    pub(super) fn of(&self, sequence: usize) -> SequenceEnds<'_> {
        let rows = self.spans.as_ref().map(|spans| {
            let sequence = if spans.rows().len() == self.queries { 0 } else { sequence };
            &spans.rows()[sequence * self.queries..][..self.queries]
        });
        SequenceEnds { rows, queries: self.queries, keys: self.keys, past: self.past }
    }
}

/// How many keys each query of a sequence sees.
#[derive(Clone, Copy)]
pub(super) struct SequenceEnds<'a> {
    rows: Option<&'a [Span]>,
    queries: usize,
    keys: usize,
    past: usize,
}

impl SequenceEnds<'_> {
    /// Number of queries.
    pub(super) fn len(&self) -> usize {
        self.queries
    }

    /// The number of keys that are not in the state and that query `i` sees.
    pub(super) fn at(&self, i: usize) -> usize {
        self.rows.map_or(self.keys, |rows| end(rows[i]).saturating_sub(self.past))
    }
}

/// Past the last key of a span, which begins with the first.
fn end(span: Span) -> usize {
    if span.is_empty() { 0 } else { span.end as usize }
}
