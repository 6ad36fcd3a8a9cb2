//! Masks: for each query the span of keys that it sees, less what patterns hide.

use anther_tensor::{KeySpans, Span};

use crate::pattern::{Pattern, Seen};

/// Which keys a query may see. Rules combine by intersection.
///
/// ```
/// use anther_attention::Mask;
///
/// // Causal, at most two keys back, and the second sequence has only one real token.
/// let mask = Mask::causal().within(2).padded(vec![3, 1]);
/// let spans = mask.spans(2, 3, 3, 0).unwrap();
/// let seen: Vec<_> = spans.rows().iter().map(|s| (s.start, s.end)).collect();
/// assert_eq!(seen, [(0, 1), (0, 2), (1, 3), (0, 1), (0, 1), (1, 1)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mask {
    causal: bool,
    window: Option<usize>,
    lengths: Option<Vec<usize>>,
    prefixes: Option<Vec<usize>>,
    /// For each sequence, where each document ends.
    documents: Option<Vec<Vec<usize>>>,
    patterns: Vec<Pattern>,
}

impl Mask {
    /// Every query sees every key.
    pub fn full() -> Self {
        Mask::default()
    }

    /// A query sees the keys up to its own position.
    pub fn causal() -> Self {
        Mask { causal: true, ..Mask::default() }
    }

    /// A query sees only keys less than `window` positions away: the last `window` keys, its own included, under a
    /// causal mask.
    pub fn within(self, window: usize) -> Self {
        let window = self.window.map_or(window, |own| own.min(window));
        Mask { window: Some(window), ..self }
    }

    /// Sequence `b` of the batch has only `lengths[b]` keys; the rest is padding.
    ///
    /// # Panics
    /// If the mask has lengths already, of another number of sequences.
    #[track_caller]
    pub fn padded(self, mut lengths: Vec<usize>) -> Self {
        if let Some(own) = &self.lengths {
            assert_eq!(own.len(), lengths.len(), "two paddings of different numbers of sequences do not intersect");
            lengths.iter_mut().zip(own).for_each(|(length, own)| *length = (*length).min(*own));
        }
        Mask { lengths: Some(lengths), ..self }
    }

    /// A causal mask but for the first `prefixes[b]` tokens of sequence `b`, which all queries see (a prefix language model, as in T5).
    pub fn prefix(prefixes: Vec<usize>) -> Self {
        Mask { causal: true, prefixes: Some(prefixes), ..Mask::default() }
    }

    /// Whether queries are kept from what follows them.
    pub(crate) fn is_causal(&self) -> bool {
        self.causal
    }

    /// Whether no query sees a key after its own.
    pub(crate) fn shows_past_only(&self) -> bool {
        self.causal && self.prefixes.is_none()
    }

    /// Sequence `b` is made of documents of lengths `documents[b]`, one after the other, and a query sees keys of its own document only. One list
    /// serves all sequences. What follows the last document sees nothing.
    ///
    /// # Panics
    /// If the mask has documents already.
    #[track_caller]
    pub fn documents(self, documents: Vec<Vec<usize>>) -> Self {
        assert!(self.documents.is_none(), "a mask has documents already");
        let ends = |lengths: Vec<usize>| {
            let sum = |end: &mut usize, length| {
                *end += length;
                Some(*end)
            };
            lengths.into_iter().scan(0, sum).collect()
        };
        Mask { documents: Some(documents.into_iter().map(ends).collect()), ..self }
    }

    /// Only pairs that the pattern shows meet.
    pub fn only(mut self, pattern: Pattern) -> Self {
        self.patterns.push(pattern);
        self
    }

    /// What the queries of a batch see. Query `i` stands at position `offset + i`, key `j` at position `j`.
    ///
    /// # Panics
    /// If the mask says something about each sequence, but of another number of sequences.
    #[track_caller]
    pub fn seen(&self, batch: usize, queries: usize, keys: usize, offset: usize) -> Seen {
        let spans = self.spans(batch, queries, keys, offset);
        Seen { spans, patterns: self.patterns.clone(), offset }
    }

    /// The spans for a batch, or `None` if every query sees every key.
    ///
    /// Query `i` stands at position `offset + i`, key `j` at position `j`. Patterns are not among them: see [`Mask::seen`].
    ///
    /// # Panics
    /// As [`Mask::seen`].
    #[track_caller]
    pub fn spans(&self, batch: usize, queries: usize, keys: usize, offset: usize) -> Option<KeySpans> {
        if *self == (Mask { patterns: self.patterns.clone(), ..Mask::full() }) {
            return None;
        }
        let counts = [
            self.lengths.as_ref().map(Vec::len),
            self.prefixes.as_ref().map(Vec::len),
            self.documents.as_ref().map(Vec::len).filter(|&lists| lists != 1),
        ];
        for count in counts.into_iter().flatten() {
            assert_eq!(count, batch, "a mask for {count} sequences meets a batch of {batch}");
        }
        let alike = counts.iter().all(Option::is_none);
        let rows = (0..if alike { 1 } else { batch })
            .flat_map(|sequence| (0..queries).map(move |i| self.span(sequence, offset + i, keys)));
        Some(KeySpans::new(rows.collect(), queries))
    }

    /// What the query at a position of a sequence sees.
    fn span(&self, sequence: usize, position: usize, keys: usize) -> Span {
        let prefix = self.prefixes.as_ref().map_or(0, |prefixes| prefixes[sequence]);
        let mut end = if self.causal { keys.min(prefix.max(position + 1)) } else { keys };
        let mut start = 0;
        if let Some(window) = self.window {
            start = position.saturating_sub(window.saturating_sub(1));
            end = end.min(position.saturating_add(window));
        }
        if let Some(lengths) = &self.lengths {
            end = end.min(lengths[sequence]);
        }
        if let Some(documents) = &self.documents {
            let ends = &documents[sequence % documents.len()];
            let own = ends.partition_point(|&end| end <= position);
            start = start.max(if own == 0 { 0 } else { ends[own - 1] });
            end = end.min(ends.get(own).copied().unwrap_or(start));
        }
        Span { start: start.min(end) as u32, end: end as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(mask: &Mask, queries: usize, keys: usize, offset: usize) -> Vec<(u32, u32)> {
        mask.spans(1, queries, keys, offset).unwrap().rows().iter().map(|s| (s.start, s.end)).collect()
    }

    #[test]
    fn a_full_mask_has_no_spans() {
        assert!(Mask::full().spans(2, 3, 4, 0).is_none());
    }

    #[test]
    fn a_causal_row_sees_itself_and_the_past() {
        assert_eq!(seen(&Mask::causal(), 3, 3, 0), [(0, 1), (0, 2), (0, 3)]);
        assert_eq!(seen(&Mask::causal(), 1, 6, 5), [(0, 6)], "one query at the end of a cache");
    }

    #[test]
    fn a_window_looks_both_ways_without_a_causal_mask() {
        assert_eq!(seen(&Mask::full().within(2), 4, 4, 0), [(0, 2), (0, 3), (1, 4), (2, 4)]);
        assert_eq!(seen(&Mask::causal().within(1), 3, 3, 0), [(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn rules_of_one_kind_intersect_too() {
        assert_eq!(Mask::causal().within(2).within(5), Mask::causal().within(2));
        assert_eq!(Mask::full().padded(vec![3, 1]).padded(vec![2, 4]), Mask::full().padded(vec![2, 1]));
    }

    #[test]
    fn a_prefix_is_seen_by_all() {
        assert_eq!(seen(&Mask::prefix(vec![2]), 4, 4, 0), [(0, 2), (0, 2), (0, 3), (0, 4)]);
        assert_eq!(seen(&Mask::prefix(vec![9]), 2, 2, 0), [(0, 2), (0, 2)]);
    }

    #[test]
    fn documents_do_not_see_each_other() {
        let documents = vec![vec![2, 0, 3]];
        assert_eq!(
            seen(&Mask::full().documents(documents.clone()), 6, 6, 0),
            [(0, 2), (0, 2), (2, 5), (2, 5), (2, 5), (5, 5)]
        );
        assert_eq!(seen(&Mask::causal().documents(documents), 2, 4, 2), [(2, 3), (2, 4)]);
    }

    #[test]
    #[should_panic(expected = "a mask for 2 sequences meets a batch of 3")]
    fn a_mask_of_other_sequences_is_refused() {
        Mask::prefix(vec![1, 2]).seen(3, 4, 4, 0);
    }

    #[test]
    fn a_query_may_see_nothing() {
        assert_eq!(seen(&Mask::full().padded(vec![0]), 2, 3, 0), [(0, 0), (0, 0)]);
        assert_eq!(seen(&Mask::full().within(1).padded(vec![1]), 3, 3, 0), [(0, 1), (1, 1), (1, 1)]);
    }
}
