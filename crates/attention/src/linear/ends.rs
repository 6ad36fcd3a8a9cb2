//! The masks that a running state can follow: for each query the number of keys that it sees, from the first on.

use anther_tensor::KeySpans;

/// How many keys each query sees, of all sequences alike or of each its own. The number never falls from a query to the next.
pub(super) struct Ends {
    ends: Vec<usize>,
    queries: usize,
}

impl Ends {
    /// The ends of spans over `past + keys` keys, of which the first `past` are in a state already: counted from the first that is not.
    ///
    /// # Panics
    /// If the spans do not fit the sizes, do not begin with the first key, or shrink.
    #[track_caller]
    pub(super) fn new(spans: Option<&KeySpans>, batch: usize, queries: usize, keys: usize, past: usize) -> Self {
        let Some(spans) = spans else { return Ends { ends: vec![keys; queries], queries } };
        let rows = spans.rows();
        assert!(
            spans.queries() == queries && (rows.len() == queries || rows.len() == batch * queries),
            "linear_attention: {} spans over {} queries do not fit {batch} sequences of {queries} queries",
            rows.len(),
            spans.queries()
        );
        let mut before = 0;
        for (i, span) in rows.iter().enumerate() {
            let end = if span.is_empty() { 0 } else { span.end };
            if i % queries == 0 {
                before = 0;
            }
            assert!(
                (span.start == 0 || span.is_empty()) && end >= before && end as usize <= past + keys,
                "linear_attention: query {} sees the keys {}..{} of {}, but a running state only has keys from the first on, and \
                 forgets none of those of the query before; use a full, padded or causal mask",
                i % queries,
                span.start,
                span.end,
                past + keys
            );
            before = end;
        }
        let ends = rows.iter().map(|span| if span.is_empty() { 0 } else { span.end as usize }.saturating_sub(past));
        Ends { ends: ends.collect(), queries }
    }

    /// Those of a sequence.
    pub(super) fn of(&self, sequence: usize) -> &[usize] {
        let sequence = if self.ends.len() == self.queries { 0 } else { sequence };
        &self.ends[sequence * self.queries..][..self.queries]
    }
}
