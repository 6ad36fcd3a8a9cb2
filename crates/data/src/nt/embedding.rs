//! Fixed vectors for symbols: one-hot rows or orthonormal rows.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::error::NtError;
use crate::random::{Purpose, bell, generator};

/// Most numbers that an embedding may have (512 MB of `f64`).
pub const MAX_EMBEDDING_ENTRIES: usize = 1 << 26;

/// How symbols become vectors that are not learned. **\[guess\]**, see the [module](super).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NtEmbedding {
    /// Row `i` is 1 at `i` and 0 elsewhere; the width is the number of symbols.
    OneHot,
    /// `N` orthonormal rows in random directions of a space of width at least `N`.
    #[default]
    Orthogonal,
}

impl NtEmbedding {
    /// The matrix `E` `[symbols, width]` with `E E^T = I`: row `i` stands for symbol `i`.
    ///
    /// The orthogonal rows are random vectors made orthonormal by Gram-Schmidt in `f64`, each one projected twice, which keeps
    /// `E E^T` within some 1e-15 of the identity. They depend on `seed`, and row `i` does not depend on `symbols`. Only additions,
    /// multiplications, divisions and square roots are used, so the rows are the same on every platform. Costs
    /// O(`symbols^2 * width`).
    ///
    /// # Errors
    /// [`NtError::OneHotWidth`], [`NtError::TooNarrow`], [`NtError::TooFewSymbols`] for no symbol at all, or
    /// [`NtError::EmbeddingTooLarge`].
    pub fn matrix(self, symbols: usize, width: usize, seed: u64) -> Result<Array2<f64>, NtError> {
        if symbols == 0 {
            return Err(NtError::TooFewSymbols { symbols: 0 });
        }
        if symbols.checked_mul(width).is_none_or(|entries| entries > MAX_EMBEDDING_ENTRIES) {
            return Err(NtError::EmbeddingTooLarge { symbols, width });
        }
        match self {
            Self::OneHot if width != symbols => Err(NtError::OneHotWidth { symbols, width }),
            Self::OneHot => Ok(Array2::eye(symbols)),
            Self::Orthogonal if width < symbols => Err(NtError::TooNarrow { symbols, width }),
            Self::Orthogonal => Ok(orthonormal_rows(symbols, width, seed)),
        }
    }
}

/// `rows <= width` orthonormal rows.
fn orthonormal_rows(rows: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut rng = generator(seed, Purpose::NtEmbedding, width as u64);
    let mut matrix = Array2::zeros((rows, width));
    let mut done = 0;
    while done < rows {
        let mut fresh: Vec<f64> = (0..width).map(|_| bell(&mut rng)).collect();
        let before = norm(&fresh);
        // The first projection loses digits in proportion to what it removes; the second restores them.
        for _ in 0..2 {
            for row in matrix.rows().into_iter().take(done) {
                let along: f64 = row.iter().zip(&fresh).map(|(a, b)| a * b).sum();
                fresh.iter_mut().zip(row).for_each(|(x, r)| *x -= along * r);
            }
        }
        let after = norm(&fresh);
        // A draw that lies almost in the span of the earlier rows leaves mostly rounding error: draw again.
        if after > 1e-8 * before {
            matrix.row_mut(done).iter_mut().zip(&fresh).for_each(|(m, x)| *m = x / after);
            done += 1;
        }
    }
    matrix
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}
