//! Softmax cross-entropy with label smoothing, averaged over weighted rows.
//!
//! With `p = softmax(logits)` and target `t`: `ℓ = −(1−s) ln p_t − s mean_c ln p_c`, in nats; the result is `Σ w_r ℓ_r / Σ w_r`, or 0
//! if the weights sum to 0. `dlogits = w_r/Σw (p − (1−s) 1_t − s/C)`. Forward keeps the logits and one log-sum-exp a row.

use anther_kernels as kernels;

use super::embedding::Ids;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What rows of logits are measured against.
pub(super) struct Targets<T: Element> {
    /// The class of each row.
    pub(super) ids: Ids,
    weights: Option<Tensor<T>>,
    pub(super) smoothing: f64,
}

impl<T: Element> Targets<T> {
    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w.data()[row].to_f64())
    }

    fn total_weight(&self) -> f64 {
        (0..self.ids.data().len()).map(|row| self.weight(row)).sum()
    }

    /// The weighted mean of the losses of the rows. What is not finite counts for nothing in a row of weight 0.
    pub(super) fn mean(&self, loss: &[T]) -> Tensor<T> {
        let total = self.total_weight();
        let counted = loss.iter().enumerate().filter(|&(row, _)| self.weight(row) != 0.0);
        let weighted: f64 = counted.map(|(row, loss)| self.weight(row) * loss.to_f64()).sum();
        Tensor::scalar(T::from_f64(if total == 0.0 { 0.0 } else { weighted / total }))
    }

    /// The gradient of the loss of each row, where that of the mean is `dloss`.
    pub(super) fn row_scales(&self, dloss: f64) -> Tensor<T> {
        let total = self.total_weight();
        Tensor::from_fn([self.ids.data().len()], |row| {
            T::from_f64(if total == 0.0 { 0.0 } else { dloss * self.weight(row) / total })
        })
    }
}

/// The targets of logits of the given shape, for the op of that name.
///
/// # Panics
/// If the shapes do not fit, a target names no class or the smoothing is out of range.
#[track_caller]
pub(super) fn check_targets<T: Element>(
    op: &str,
    logits: Shape,
    ids: &Ids,
    weights: Option<&Tensor<T>>,
    smoothing: f64,
) -> Targets<T> {
    assert!(
        !logits.is_empty() && logits.rows() == ids.data().len(),
        "{op}: logits of shape {logits:?} do not fit targets of shape {:?}",
        ids.shape()
    );
    if let Some(w) = weights {
        assert_eq!(w.numel(), ids.data().len(), "{op}: one weight for each target is needed");
    }
    if let Some(t) = ids.data().iter().find(|&&t| t as usize >= logits.last_dim()) {
        panic!("{op}: the target {t} is none of the {} classes", logits.last_dim());
    }
    assert!((0.0..1.0).contains(&smoothing), "{op}: the smoothing {smoothing} is not in [0, 1)");
    Targets { ids: ids.clone(), weights: weights.cloned(), smoothing }
}

struct CrossEntropy<T: Element>(Targets<T>);

impl<T: Element> Op<T> for CrossEntropy<T> {
    /// The logits and the log-sum-exp of each row.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (logits, Targets { ids, smoothing, .. }) = (x[0], &self.0);
        let mut lse = Tensor::zeros(ids.shape());
        let loss = Tensor::build(ids.shape(), |loss| {
            let (classes, smoothing) = (logits.shape().last_dim(), T::from_f64(*smoothing));
            kernels::cross_entropy(loss, lse.data_mut(), logits.data(), ids.data(), classes, smoothing);
        });
        (self.0.mean(loss.data()), (logits.clone(), lse))
    }

    fn backward(&self, (logits, lse): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let scale = self.0.row_scales(dy.item().to_f64());
        into.accumulate(0, |dx, write| {
            let (classes, smoothing) = (logits.shape().last_dim(), T::from_f64(self.0.smoothing));
            let (x, lse, targets) = (logits.data(), lse.data(), self.0.ids.data());
            kernels::cross_entropy_backward(dx, scale.data(), x, lse, targets, classes, smoothing, write);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The mean cross-entropy, in nats, of logits `[.., classes]` against `targets` `[..]`, a scalar.
    ///
    /// `weights` has one number per target; a target of weight 0 does not count. `smoothing` in `[0, 1)` moves that
    /// much probability to the uniform distribution.
    ///
    /// # Panics
    /// If the shapes do not fit, or a target names no class.
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Ids, weights: Option<&Tensor<T>>, smoothing: f64) -> Var<'t, T> {
        let targets = check_targets("cross_entropy", self.shape(), targets, weights, smoothing);
        self.tape().apply(CrossEntropy(targets), &[self])
    }
}
