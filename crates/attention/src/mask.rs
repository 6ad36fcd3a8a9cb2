//! Masks: for each query the span of keys that it sees.

use anther_tensor::{KeySpans, Span};

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

    /// Whether queries are kept from what follows them.
    pub(crate) fn is_causal(&self) -> bool {
        self.causal
    }

    /// The spans for a batch, or `None` if every query sees every key.
    ///
    /// Query `i` stands at position `offset + i`, key `j` at position `j`.
    ///
    /// # Panics
    /// If there are lengths for another number of sequences.
    #[track_caller]
    pub fn spans(&self, batch: usize, queries: usize, keys: usize, offset: usize) -> Option<KeySpans> {
        if *self == Mask::full() {
            return None;
        }
        let span = |position: usize, keys: usize| {
            let end = if self.causal { position + 1 } else { keys };
            let window = self.window.unwrap_or(usize::MAX);
            let start = position.saturating_sub(window.saturating_sub(1));
            let end = end.min(position.saturating_add(window)).min(keys);
            Span { start: start.min(end) as u32, end: end as u32 }
        };
        let rows = match &self.lengths {
            None => (0..queries).map(|i| span(offset + i, keys)).collect(),
            Some(lengths) => {
                assert_eq!(lengths.len(), batch, "a mask for {} sequences meets a batch of {batch}", lengths.len());
                let row = |&length: &usize| (0..queries).map(move |i| span(offset + i, keys.min(length)));
                lengths.iter().flat_map(row).collect()
            }
        };
        Some(KeySpans::new(rows, queries))
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
    fn a_query_may_see_nothing() {
        assert_eq!(seen(&Mask::full().padded(vec![0]), 2, 3, 0), [(0, 0), (0, 0)]);
        assert_eq!(seen(&Mask::full().within(1).padded(vec![1]), 3, 3, 0), [(0, 1), (1, 1), (1, 1)]);
    }
}
