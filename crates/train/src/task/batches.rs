//! The batches of an evaluation or of a test, one at a time.

use super::TaskError;
use crate::batch::Batch;

/// Makes a batch in the place of another.
type Make<'a> = dyn Fn(usize, &mut Batch) -> Result<(), TaskError> + 'a;

/// Batches that are made when they are asked for, so no more of them is in memory than somebody keeps. The same number gives the same batch each time.
///
/// ```
/// use anther_train::batch::Batch;
/// use anther_train::task::Batches;
///
/// let rows = Batches::new(3, |number, batch| {
///     batch.sequences_mut().batch = number + 1;
///     Ok(())
/// });
/// let all: Vec<Batch> = rows.iter().collect::<Result<_, _>>()?;
/// assert_eq!(all.iter().map(Batch::rows).sum::<usize>(), 1 + 2 + 3);
/// # Ok::<(), anther_train::task::TaskError>(())
/// ```
pub struct Batches<'a> {
    count: usize,
    make: Box<Make<'a>>,
}

impl<'a> Batches<'a> {
    /// So many batches, which `make` puts in the place of the one that it is given, whatever that is. What works for one number works for all.
    pub fn new(count: usize, make: impl Fn(usize, &mut Batch) -> Result<(), TaskError> + 'a) -> Self {
        Batches { count, make: Box::new(make) }
    }

    /// No batch.
    #[must_use]
    pub fn none() -> Self {
        Batches::new(0, |_, _| Ok(()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Makes a batch in the place of another, whose memory is used again.
    ///
    /// # Errors
    /// [`TaskError`] if the data cannot give it.
    ///
    /// # Panics
    /// If `number` is not below [`len`](Self::len).
    #[track_caller]
    pub fn refill(&self, number: usize, batch: &mut Batch) -> Result<(), TaskError> {
        assert!(number < self.count, "Batches::refill: batch {number} of {}", self.count);
        (self.make)(number, batch)
    }

    /// All of them in order, each made when it is asked for, in memory of its own.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Batch, TaskError>> {
        (0..self.count).map(|number| {
            let mut batch = Batch::default();
            self.refill(number, &mut batch)?;
            Ok(batch)
        })
    }
}
