//! The backward pass of all normalisations over the last axis: of `x` or of a sum, by mean and variance or by root mean square.

use anther_kernels::{self as kernels, Write};

use crate::op::Backward;
use crate::pool::Element;
use crate::tensor::Tensor;

/// What a normalisation keeps for its backward pass.
pub(super) struct Normalized<T: Element> {
    /// What was normalised.
    pub(super) x: Tensor<T>,
    /// The mean of each row; none where the root mean square normalises.
    pub(super) mean: Option<Tensor<T>>,
    /// The factor of each row.
    pub(super) rstd: Tensor<T>,
    pub(super) gamma: Option<Tensor<T>>,
}

impl<T: Element> Normalized<T> {
    /// The gradient of what was normalised, which is wanted if `wants_x`, and those of γ and of β, inputs number `gamma` and the next one, as
    /// far as there are any. `put_x` hands the first one to its destination: it calls what it is given with all of that, to be written or added to.
    ///
    /// One pass over memory if all of them are wanted.
    pub(super) fn backward(
        &self,
        dy: &Tensor<T>,
        into: &mut Backward<'_, T>,
        gamma: usize,
        wants_x: bool,
        put_x: impl FnOnce(&mut Backward<'_, T>, &mut dyn FnMut(&mut [T], Write)),
    ) {
        let cols = self.x.shape().last_dim();
        let (dy, x, rstd) = (dy.data(), self.x.data(), self.rstd.data());
        let (mean, factor) = (self.mean.as_ref().map(Tensor::data), self.gamma.as_ref().map(Tensor::data));
        let parameters = if factor.is_none() { gamma..gamma } else { gamma..gamma + 1 + usize::from(mean.is_some()) };
        if let Some(factor) = factor.filter(|_| wants_x && parameters.clone().all(|i| into.wants(i))) {
            let (mut dgamma, mut dbeta) = (Tensor::zeros([cols]), Tensor::zeros([cols]));
            put_x(into, &mut |dx, write| {
                let (dgamma, dbeta) = (dgamma.data_mut(), dbeta.data_mut());
                if let Some(mean) = mean {
                    kernels::layer_norm_backward(dx, dgamma, dbeta, dy, x, mean, rstd, factor, cols, write, Write::Set);
                } else {
                    kernels::rms_norm_backward(dx, dgamma, dy, x, rstd, factor, cols, write, Write::Set);
                }
            });
            for (i, gradient) in parameters.zip([dgamma, dbeta]) {
                into.accumulate(i, |out, write| kernels::copy(out, gradient.data(), write));
            }
            return;
        }
        if wants_x {
            put_x(into, &mut |dx, write| {
                if let Some(mean) = mean {
                    kernels::layer_norm_backward_input(dx, dy, x, mean, rstd, factor, cols, write);
                } else {
                    kernels::rms_norm_backward_input(dx, dy, x, rstd, factor, cols, write);
                }
            });
        }
        for i in parameters {
            into.accumulate(i, |out, write| match mean {
                Some(mean) if i == gamma => {
                    kernels::layer_norm_backward_affine(out, &mut [], dy, x, mean, rstd, cols, write, write);
                }
                Some(mean) => kernels::layer_norm_backward_affine(&mut [], out, dy, x, mean, rstd, cols, write, write),
                None => kernels::rms_norm_backward_affine(out, dy, x, rstd, cols, write),
            });
        }
    }
}
