//! A shared, immutable run of tokens.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// A run of token ids that is cheap to clone: the splits of a text and every source of blocks share one allocation.
#[derive(Clone, Debug)]
pub struct Tokens {
    all: Arc<[u32]>,
    range: Range<usize>,
}

impl Tokens {
    /// The tokens `range` of this run, without copying them.
    ///
    /// # Panics
    /// If the range is not inside the run.
    #[track_caller]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "Tokens::part: {range:?} is not inside 0..{}",
            self.len()
        );
        let start = self.range.start;
        Self { all: Arc::clone(&self.all), range: start + range.start..start + range.end }
    }
}

impl From<Vec<u32>> for Tokens {
    fn from(tokens: Vec<u32>) -> Self {
        Self { range: 0..tokens.len(), all: tokens.into() }
    }
}

impl Deref for Tokens {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.all[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn parts_of_parts() {
        let tokens = Tokens::from(vec![1, 2, 3, 4, 5]);
        let part = tokens.part(1..5).part(1..3);
        assert_eq!(&*part, [3, 4]);
        assert_eq!(&*part.part(2..2), [0_u32; 0]);
    }

    #[test]
    #[should_panic(expected = "1..3 is not inside 0..2")]
    fn a_part_cannot_reach_outside() {
        Tokens::from(vec![1, 2, 3]).part(0..2).part(1..3);
    }
}
