//! Softmax cross-entropy with label smoothing, averaged over weighted rows.
//!
//! With `p = softmax(logits)` and target `t`: `ℓ = −(1−s) ln p_t − s mean_c ln p_c`, in nats; the result is `Σ w_r ℓ_r / Σ w_r`, or 0
//! if the weights sum to 0. `dlogits = w_r/Σw (p − (1−s) 1_t − s/C)`. Forward keeps the logits and one log-sum-exp a row.

use anther_kernels as kernels;

use super::embedding::Ids;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct CrossEntropy<T: Element> {
    targets: Ids,
    weights: Option<Tensor<T>>,
    smoothing: f64,
}

impl<T: Element> CrossEntropy<T> {
    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w.data()[row].to_f64())
    }

    fn total_weight(&self) -> f64 {
        (0..self.targets.data().len()).map(|row| self.weight(row)).sum()
    }
}

impl<T: Element> Op<T> for CrossEntropy<T> {
    /// The logits and the log-sum-exp of each row.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let logits = x[0];
        let rows = self.targets.data().len();
        let mut lse = Tensor::zeros([rows]);
        let loss = Tensor::build([rows], |loss| {
            let (classes, smoothing) = (logits.shape().last_dim(), T::from_f64(self.smoothing));
            kernels::cross_entropy(loss, lse.data_mut(), logits.data(), self.targets.data(), classes, smoothing);
        });
        let total = self.total_weight();
        let weighted: f64 = (0..rows)
            .filter(|&row| self.weight(row) != 0.0)
            .map(|row| self.weight(row) * loss.data()[row].to_f64())
            .sum();
        let mean = if total == 0.0 { 0.0 } else { weighted / total };
        (Tensor::scalar(T::from_f64(mean)), (logits.clone(), lse))
    }

    fn backward(&self, (logits, lse): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let total = self.total_weight();
        let dloss = dy.item().to_f64();
        let scale = Tensor::from_fn([self.targets.data().len()], |row| {
            T::from_f64(if total == 0.0 { 0.0 } else { dloss * self.weight(row) / total })
        });
        into.accumulate(0, |dx, write| {
            let (classes, smoothing) = (logits.shape().last_dim(), T::from_f64(self.smoothing));
            let targets = self.targets.data();
            kernels::cross_entropy_backward(
                dx,
                scale.data(),
                logits.data(),
                lse.data(),
                targets,
                classes,
                smoothing,
                write,
            );
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
        let s = self.shape();
        assert!(
            !s.is_empty() && s.rows() == targets.data().len(),
            "cross_entropy: logits of shape {s:?} do not fit targets of shape {:?}",
            targets.shape()
        );
        if let Some(w) = weights {
            assert_eq!(w.numel(), targets.data().len(), "cross_entropy: one weight for each target is needed");
        }
        if let Some(t) = targets.data().iter().find(|&&t| t as usize >= s.last_dim()) {
            panic!("cross_entropy: the target {t} is none of the {} classes", s.last_dim());
        }
        assert!((0.0..1.0).contains(&smoothing), "cross_entropy: the smoothing {smoothing} is not in [0, 1)");
        let op = CrossEntropy { targets: targets.clone(), weights: weights.cloned(), smoothing };
        self.tape().apply(op, &[self])
    }
}
