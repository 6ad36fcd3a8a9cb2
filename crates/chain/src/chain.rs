//! [`Chain`]: a specification and its cores, outside of any tape.

use anther_kernels::{RandomKey, fill_normal};
use anther_tensor::{Element, Ids, Shape, Tensor};

use crate::cost::Way;
use crate::decompose::norm;
use crate::error::ChainError;
use crate::ops::{apply, dense, rows};
use crate::rounding::orthogonal_from_right;
use crate::spec::ChainSpec;

/// A weight W `[out, in]` as the cores of a chain; [`ChainSpec`] says how. Algebra, rounding and decomposition are in `f64`.
///
/// ```
/// use anther_chain::{Chain, ChainSpec, Truncation};
///
/// let spec = ChainSpec::with_rank(vec![4, 8], vec![8, 4], 3)?;
/// let chain = Chain::<f64>::normal(spec, 0.1, 7);
/// // A sum has both sets of bonds side by side; rounding finds out that three were enough.
/// let twice = chain.add(&chain)?;
/// assert_eq!(twice.spec().ranks, [6]);
/// assert_eq!(twice.round(&Truncation::Tolerance(1e-10))?.0.spec().ranks, [3]);
/// # Ok::<(), anther_chain::ChainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chain<T: Element> {
    spec: ChainSpec,
    cores: Vec<Tensor<T>>,
}

impl<T: Element> Chain<T> {
    /// A chain of given cores `[r_{k−1}, I_k, O_k, r_k]`.
    ///
    /// # Errors
    /// If the specification is none, or the cores have other shapes.
    pub fn new(spec: ChainSpec, cores: Vec<Tensor<T>>) -> Result<Self, ChainError> {
        spec.validate()?;
        let got: Vec<Shape> = cores.iter().map(Tensor::shape).collect();
        let expected: Vec<Shape> = spec.core_shapes().collect();
        if got != expected {
            return Err(ChainError::Spec(format!("its cores have the shapes {got:?}, and should have {expected:?}")));
        }
        Ok(Chain { spec, cores })
    }

    /// Cores of Gaussian numbers whose product has entries of standard deviation `std` ([`ChainSpec::core_std`]). The same seed gives the same
    /// chain.
    ///
    /// # Panics
    /// If the specification is none.
    #[track_caller]
    pub fn normal(spec: ChainSpec, std: f64, seed: u64) -> Self {
        let std = T::from_f64(spec.core_std(std));
        let core = |(k, shape): (usize, Shape)| {
            Tensor::build(shape, |out| fill_normal(out, RandomKey::new(seed, k as u64, 0), T::ZERO, std))
        };
        let cores = spec.core_shapes().enumerate().map(core).collect();
        Chain::new(spec, cores).expect("a specification that was validated")
    }

    /// Legs and bonds.
    pub fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// The cores, the first one first.
    pub fn cores(&self) -> &[Tensor<T>] {
        &self.cores
    }

    /// The same chain in another element type, each number rounded to nearest.
    pub fn cast<U: Element>(&self) -> Chain<U> {
        Chain { spec: self.spec.clone(), cores: self.cores.iter().map(Tensor::cast).collect() }
    }

    /// W `[out, in]`. Cost: [`ChainSpec::dense_cost`].
    pub fn to_dense(&self) -> Tensor<T> {
        dense::dense(&self.spec, &self.borrowed())
    }

    /// Rows of W: ids of shape `[..]` give `[.., in]`, without anything of the size of W. Cost: [`ChainSpec::rows_cost`].
    ///
    /// # Panics
    /// If an id names no row.
    #[track_caller]
    pub fn rows(&self, ids: &Ids) -> Tensor<T> {
        rows::check_ids(&self.spec, ids);
        rows::rows(&self.spec, ids, &self.borrowed())
    }

    /// `x Wᵀ` for x `[.., in]`, in the given way or the cheapest ([`ChainSpec::cheapest`]): `[.., out]`.
    ///
    /// # Panics
    /// If x does not fit.
    #[track_caller]
    pub fn apply(&self, x: &Tensor<T>, way: Option<Way>) -> Tensor<T> {
        let (shape, [out, inputs]) = (x.shape(), self.spec.shape());
        assert!(!shape.is_empty() && shape.last_dim() == inputs, "chain: {shape:?} does not fit {inputs} inputs");
        match way.unwrap_or_else(|| self.spec.cheapest(shape.rows())) {
            Way::Contract(order) => apply::apply(&self.spec, order, x, &self.borrowed()),
            Way::Reconstruct => {
                let weight = self.to_dense();
                Tensor::build(shape.with_last(out), |y| apply::product(x, &weight, y))
            }
        }
    }

    fn borrowed(&self) -> Vec<&Tensor<T>> {
        self.cores.iter().collect()
    }
}

impl Chain<f64> {
    /// The Frobenius norm of W, from the cores: the norm of the first one once all others are orthonormal. Cost `O(d n r³)`.
    pub fn norm(&self) -> f64 {
        norm(&orthogonal_from_right(self).cores[0])
    }

    /// W + V, exactly: bonds are the sums of both chains' bonds, cores stand side by side.
    ///
    /// # Errors
    /// If the legs differ.
    pub fn add(&self, other: &Chain<f64>) -> Result<Chain<f64>, ChainError> {
        let (a, b) = (&self.spec, &other.spec);
        if (&a.inputs, &a.outputs) != (&b.inputs, &b.outputs) {
            let message =
                "chains are added leg by leg, and these two have different legs; make one dense and decompose it";
            return Err(ChainError::Spec(message.to_owned()));
        }
        let ranks = a.ranks.iter().zip(&b.ranks).map(|(a, b)| a + b).collect();
        let spec = ChainSpec { ranks, ..a.clone() };
        let last = spec.cores() - 1;
        let cores = spec.core_shapes().enumerate().map(|(k, shape)| {
            let mut sum = Tensor::zeros(shape);
            for (part, second) in [(self, false), (other, true)] {
                let [left, inputs, outputs, right] = part.spec.core_shape(k);
                // The second chain has the higher numbers of each bond, and both share the ends.
                let from_left = if second && k > 0 { a.ranks[k - 1] } else { 0 };
                let from_right = if second && k < last { a.ranks[k] } else { 0 };
                let (n, columns) = (inputs * outputs, shape[3]);
                let out = sum.data_mut();
                for (row, values) in part.cores[k].data().chunks(right).enumerate() {
                    let (bond, leg) = (row / n, row % n);
                    debug_assert!(bond < left);
                    let out = &mut out[((from_left + bond) * n + leg) * columns + from_right..][..right];
                    out.iter_mut().zip(values).for_each(|(out, x)| *out += x);
                }
            }
            sum
        });
        let cores = cores.collect();
        Chain::new(spec, cores)
    }

    /// Scales the cores so that all have the same root mean square, and W stays as it is to rounding. After a decomposition all of the norm sits in
    /// the last core, which makes the steps of an optimiser lopsided. A chain with a core of zeros is left alone.
    pub fn balance_norms(&mut self) {
        let mean_square = |core: &Tensor<f64>| core.data().iter().map(|x| x * x).sum::<f64>() / core.numel() as f64;
        let sizes: Vec<f64> = self.cores.iter().map(|core| mean_square(core).sqrt()).collect();
        if sizes.iter().any(|&size| size == 0.0 || !size.is_finite()) {
            return;
        }
        let common = (sizes.iter().map(|size| size.ln()).sum::<f64>() / sizes.len() as f64).exp();
        for (core, size) in self.cores.iter_mut().zip(sizes) {
            core.data_mut().iter_mut().for_each(|x| *x *= common / size);
        }
    }
}
