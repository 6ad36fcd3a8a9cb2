//! Statistics of all tokens of a cache that grow with it, so that a new token costs its own numbers and not those of all before it.

use anther_kernels::parallel_blocks2;
use anther_tensor::{Element, Tensor};

/// A statistic of the rows of each head, coordinate by coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Of the sum.
    Mean,
    /// The biased variance, of Welford's mean and sum of squares.
    Variance,
}

/// What a statistic needs to know of the rows that it has seen. The sums are those of [`crate::statistics`], in the same order: the results are the same
/// to the last bit.
pub(crate) struct Running {
    statistic: Statistic,
    /// `[batch · heads, 2, d]` for a variance and `[batch · heads, 1, d]` for a mean; empty before the first row.
    sums: Vec<f64>,
    rows: usize,
}

impl Running {
    /// Of no rows.
    pub(crate) fn new(statistic: Statistic) -> Self {
        Running { statistic, sums: Vec::new(), rows: 0 }
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.sums.fill(0.0);
        self.rows = 0;
    }

    /// Takes in the rows of `x`, `[batch, heads, capacity, d]`, up to number `length`, as far as they are new, and gives the statistic of the rows up to
    /// each of those from `first` on: `[batch, heads, length − first, d]`.
    ///
    /// # Panics
    /// If the statistic has seen rows from `first` on already.
    #[track_caller]
    pub(crate) fn advance<T: Element>(&mut self, x: &Tensor<T>, first: usize, length: usize) -> Tensor<T> {
        let [batch, heads, capacity, d] = *x.shape() else { unreachable!("a cache has four axes") };
        let (statistic, seen) = (self.statistic, self.rows);
        assert!(seen <= first && length <= capacity, "statistics of {seen} rows cannot go back to {first}");
        let size = match statistic {
            Statistic::Mean => d,
            Statistic::Variance => 2 * d,
        };
        self.sums.resize(batch * heads * size, 0.0);
        self.rows = length;
        Tensor::build([batch, heads, length - first, d], |y| {
            if y.is_empty() {
                return;
            }
            let work = batch * heads * (length - seen) * d;
            parallel_blocks2(work, (y, (length - first) * d), (&mut self.sums, size), |head, y, sums| {
                let rows = x.data()[head * capacity * d..][seen * d..length * d].chunks_exact(d);
                for (number, row) in (seen + 1..).zip(rows) {
                    let n = number as f64;
                    let sums: &[f64] = match statistic {
                        Statistic::Mean => {
                            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
                            sums
                        }
                        Statistic::Variance => {
                            let (m2, mean) = sums.split_at_mut(d);
                            for ((m2, mean), x) in m2.iter_mut().zip(mean).zip(row) {
                                let distance = x.to_f64() - *mean;
                                *mean += distance / n;
                                *m2 += distance * (x.to_f64() - *mean);
                            }
                            m2
                        }
                    };
                    if number > first {
                        let y = &mut y[(number - 1 - first) * d..][..d];
                        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = T::from_f64(sum / n));
                    }
                }
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use anther_tensor::{KeySpans, ParamSet, Parameters, RandomKey, Span, Tape};

    use super::*;
    use crate::statistics::{span_mean, span_variance};

    fn runs_as_the_op<T: Element>(statistic: Statistic, chunks: &[usize]) {
        let (heads, capacity, d) = (3, chunks.iter().sum::<usize>() + 2, 5);
        let key = RandomKey::new(1, 2, 3);
        let x = Tensor::from_fn([2, heads, capacity, d], |i| T::from_f64(1e3 + key.normal(i as u64)));
        let mut running = Running::new(statistic);
        for round in 0..2 {
            let mut past = 0;
            for &count in chunks {
                let y = running.advance(&x, past, past + count);
                let set = ParamSet::new();
                let parameters = Parameters::<T>::initialise(&set, 1);
                let tape = Tape::inference(&parameters);
                let spans = (past..past + count).map(|i| Span::new(0, i as u32 + 1)).collect();
                let (spans, x) = (KeySpans::new(spans, count), tape.constant(x.clone()));
                let expected = match statistic {
                    Statistic::Mean => span_mean(&x, Some(&spans), count),
                    Statistic::Variance => span_variance(&x, Some(&spans), count),
                };
                assert_eq!(y.data(), expected.value().data(), "{statistic:?} after {past}, round {round}");
                past += count;
            }
            running.clear();
        }
    }

    #[test]
    fn running_statistics_have_the_bits_of_those_of_all_rows() {
        for chunks in [vec![1; 17], vec![5, 1, 9], vec![40], vec![0, 2]] {
            for statistic in [Statistic::Mean, Statistic::Variance] {
                runs_as_the_op::<f64>(statistic, &chunks);
                runs_as_the_op::<f32>(statistic, &chunks);
            }
        }
    }

    #[test]
    fn rows_that_nobody_asked_for_are_caught_up_with() {
        let x = Tensor::<f64>::from_fn([1, 1, 4, 1], |i| i as f64);
        assert_eq!(Running::new(Statistic::Mean).advance(&x, 3, 4).data(), [1.5]);
    }
}
