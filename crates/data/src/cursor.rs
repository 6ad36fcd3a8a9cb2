//! Where a run stands in its data: an epoch, a position, and the order that the two stand for.

use serde::{Deserialize, Serialize};

use crate::{DataError, permutation};

/// A place in an endless series of epochs: `position` examples of epoch `epoch` have been taken.
///
/// This is all that a checkpoint has to keep of the data, beside their seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Complete epochs so far.
    pub epoch: u64,
    /// Examples taken in this epoch, less than the examples of an epoch.
    pub position: u64,
}

/// An endless series of indices: every index of `0..len` once an epoch, each epoch in its own [`permutation()`].
///
/// Continuing from a stored [`Cursor`] gives exactly what an uninterrupted series gives. Keeps `8 len` bytes.
///
/// ```
/// use anther_data::{Cursor, EpochOrder};
///
/// let mut order = EpochOrder::new(7, 10, Cursor::default())?;
/// let _ = order.by_ref().take(13).count();
/// assert_eq!(order.cursor(), Cursor { epoch: 1, position: 3 });
/// let resumed = EpochOrder::new(7, 10, order.cursor())?;
/// assert!(order.take(20).eq(resumed.take(20)));
/// # Ok::<(), anther_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EpochOrder {
    seed: u64,
    cursor: Cursor,
    order: Vec<usize>,
}

impl EpochOrder {
    /// The series of `seed` over `0..len`, from `cursor` on. Costs one [`permutation()`].
    ///
    /// # Errors
    /// [`DataError::NoExamples`] if `len` is 0, [`DataError::Cursor`] if the position is not below `len`.
    pub fn new(seed: u64, len: usize, cursor: Cursor) -> Result<Self, DataError> {
        if len == 0 {
            return Err(DataError::NoExamples);
        }
        let Cursor { epoch, position } = cursor;
        if position >= len as u64 {
            return Err(DataError::Cursor { epoch, position, len });
        }
        Ok(Self { seed, cursor, order: permutation(seed, epoch, len) })
    }

    /// Where the series stands: the place of the next index.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Indices in an epoch.
    #[expect(clippy::len_without_is_empty, reason = "an epoch is never empty")]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes the next index.
    pub fn advance(&mut self) -> usize {
        let index = self.order[self.cursor.position as usize];
        self.cursor.position += 1;
        if self.cursor.position == self.order.len() as u64 {
            // A cursor that was read from a file may hold any epoch, so the count wraps rather than overflows.
            self.cursor = Cursor { epoch: self.cursor.epoch.wrapping_add(1), position: 0 };
            self.order = permutation(self.seed, self.cursor.epoch, self.order.len());
        }
        index
    }
}

impl Iterator for EpochOrder {
    type Item = usize;

    /// Always `Some`: the series is endless.
    fn next(&mut self) -> Option<usize> {
        Some(self.advance())
    }
}
