//! Rounding a chain to smaller bonds, and the singular values at each bond, without ever making W (Oseledets 2011, algorithm 2).
//!
//! From right to left each core `[r, I O r']` is split into a triangle and orthonormal rows, and the triangle moves on to the left, until all of the
//! norm sits in the first core. From left to right the singular values of `[r I O, r']` are then those of W at that bond. Cost O(d n r³).

use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::Tensor;

use crate::chain::Chain;
use crate::decompose::{check_finite, matrix_of, norm};
use crate::error::ChainError;
use crate::linear_algebra::{left_singular, lq};
use crate::spec::ChainSpec;
use crate::truncation::{Report, Truncation, tail};

impl Chain<f64> {
    /// The nearest chain of smaller bonds to a factor of `√(d − 1)`: for chains that grew by sums, or were trained to less than they hold.
    ///
    /// The report is about what rounding itself changed; its bound is the tails of all bonds as they were before.
    ///
    /// # Errors
    /// If a core holds a number that is not finite, or the truncation makes no sense.
    pub fn round(&self, truncation: &Truncation) -> Result<(Chain<f64>, Report), ChainError> {
        for core in self.cores() {
            check_finite("chain", core.data())?;
        }
        let start = orthogonal_from_right(self);
        let spectra = self.spectra_of(&start);
        let norm = norm(&start.cores[0]);
        let cut = truncation.cut(&self.spec().inputs, &self.spec().outputs, norm)?;
        let (chain, tails) = self.sweep(start, |k, values| cut.keep(k, values), &mut |_| {});
        let unfolded: Vec<f64> = spectra.iter().zip(&chain.spec().ranks).map(|(s, &kept)| tail(s, kept)).collect();
        Ok((chain, Report::new(tails, &unfolded, norm)))
    }

    /// The singular values of W at each bond, in descending order, as many as the bond is wide: which bond holds how much.
    ///
    /// # Errors
    /// If a core holds a number that is not finite.
    pub fn spectra(&self) -> Result<Vec<Vec<f64>>, ChainError> {
        for core in self.cores() {
            check_finite("chain", core.data())?;
        }
        Ok(self.spectra_of(&orthogonal_from_right(self)))
    }

    fn spectra_of(&self, start: &Orthogonal) -> Vec<Vec<f64>> {
        let mut spectra = Vec::new();
        self.sweep(start.clone(), |_, values| values.len(), &mut |values| spectra.push(values.to_vec()));
        spectra
    }

    /// From left to right: singular values at each bond, of which `keep` says how many stay. The tails are what did not.
    fn sweep(
        &self,
        start: Orthogonal,
        keep: impl Fn(usize, &[f64]) -> usize,
        seen: &mut dyn FnMut(&[f64]),
    ) -> (Chain<f64>, Vec<f64>) {
        let Orthogonal { mut cores, ranks } = start;
        let mut spec = ChainSpec { ranks, ..self.spec().clone() };
        let mut tails = Vec::new();
        for k in 0..spec.ranks.len() {
            let [left, inputs, outputs, right] = spec.core_shape(k);
            let rows = left * inputs * outputs;
            let found = left_singular(&cores[k], rows, right);
            seen(&found.values);
            let kept = keep(k, &found.values).min(found.vectors.len()).max(1);
            tails.push(tail(&found.values, kept));
            let core = matrix_of(&found.vectors, rows, kept);
            let mut moved = vec![0.0; kept * right];
            let args = MatMul { trans_a: Trans::Yes, ..MatMul::new(&core, &cores[k], kept, right, rows) };
            kernels::matmul(args, &mut moved, Write::Set);
            let columns = cores[k + 1].len() / right;
            let mut next = vec![0.0; kept * columns];
            kernels::matmul(MatMul::new(&moved, &cores[k + 1], kept, columns, right), &mut next, Write::Set);
            (cores[k], cores[k + 1]) = (core, next);
            spec.ranks[k] = kept;
        }
        let tensors = cores.into_iter().zip(spec.core_shapes()).map(|(core, shape)| Tensor::from_vec(shape, core));
        let chain = Chain::new(spec.clone(), tensors.collect()).expect("bonds only shrink");
        (chain, tails)
    }
}

/// A chain whose cores but the first have orthonormal rows `[r, I O r']`; the first holds all of the norm.
#[derive(Clone)]
pub(crate) struct Orthogonal {
    pub cores: Vec<Vec<f64>>,
    pub ranks: Vec<usize>,
}

/// Moves the norm into the first core. Bonds wider than a core has columns shrink to these.
pub(crate) fn orthogonal_from_right(chain: &Chain<f64>) -> Orthogonal {
    let mut cores: Vec<Vec<f64>> = chain.cores().iter().map(|core| core.data().to_vec()).collect();
    let mut ranks = chain.spec().ranks.clone();
    for k in (1..cores.len()).rev() {
        let left = ranks[k - 1];
        let columns = cores[k].len() / left;
        let (triangle, rows) = lq(&cores[k], left, columns);
        let bond = left.min(columns);
        let before = cores[k - 1].len() / left;
        let mut moved = vec![0.0; before * bond];
        kernels::matmul(MatMul::new(&cores[k - 1], &triangle, before, bond, left), &mut moved, Write::Set);
        (cores[k - 1], cores[k]) = (moved, rows);
        ranks[k - 1] = bond;
    }
    Orthogonal { cores, ranks }
}
