//! Sequences of different lengths side by side.

use anther_tensor::Ids;

/// Sequences of tokens, each with its length; what follows its end is padding, which nothing sees.
#[derive(Clone, Debug)]
pub struct Sentences {
    ids: Ids,
    lengths: Vec<usize>,
}

impl Sentences {
    /// Ids `[batch, longest]`, of which the first `lengths[b]` of row `b` are a sequence. The padding may be any token.
    ///
    /// # Panics
    /// If the ids have other axes, or the lengths do not fit them.
    #[track_caller]
    pub fn new(ids: Ids, lengths: Vec<usize>) -> Self {
        check(&ids, &lengths);
        Sentences { ids, lengths }
    }

    /// Sequences of one length, `[batch, length]`.
    ///
    /// # Panics
    /// If the ids have other axes.
    #[track_caller]
    pub fn whole(ids: Ids) -> Self {
        let [batch, length] = axes(&ids);
        Sentences::new(ids, vec![length; batch])
    }

    /// Sequences given one by one, filled up with `padding` to the length of the longest.
    pub fn padded(sequences: &[Vec<u32>], padding: u32) -> Self {
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
        let filled = sequences.iter().flat_map(|sequence| {
            sequence.iter().copied().chain(std::iter::repeat_n(padding, longest - sequence.len()))
        });
        let ids = Ids::new([sequences.len(), longest], filled.collect());
        Sentences::new(ids, sequences.iter().map(Vec::len).collect())
    }

    /// Replaces ids and lengths, in the same memory when no tape holds the ids any more.
    ///
    /// # Panics
    /// If there are others than as many, or a length does not fit.
    #[track_caller]
    pub fn refill(&mut self, ids: &[u32], lengths: &[usize]) {
        self.ids.refill(ids);
        self.lengths.copy_from_slice(lengths);
        check(&self.ids, &self.lengths);
    }

    /// The ids, `[batch, longest]`.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The length of each sequence.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Number of sequences, and of tokens of a row.
    pub fn axes(&self) -> [usize; 2] {
        axes(&self.ids)
    }
}

#[track_caller]
pub(super) fn axes(ids: &Ids) -> [usize; 2] {
    let [batch, length] = *ids.shape() else { panic!("ids of shape {:?} are not [batch, length]", ids.shape()) };
    [batch, length]
}

#[track_caller]
fn check(ids: &Ids, lengths: &[usize]) {
    let [batch, longest] = axes(ids);
    assert_eq!(lengths.len(), batch, "{} lengths for {batch} sequences", lengths.len());
    if let Some(length) = lengths.iter().find(|&&length| length > longest) {
        panic!("a sequence of {length} tokens does not fit rows of {longest}");
    }
}
