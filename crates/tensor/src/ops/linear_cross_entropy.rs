//! The last layer of a language model and its loss in one: the mean cross-entropy of `logits = h Wᵀ + b`, which are never held whole.
//!
//! `h` is `[.., width]`, `W` is `[classes, width]`, `b`, if there is one, `[classes]`; the loss is that of [`Var::cross_entropy`]. Rows go through in blocks: a block of
//! logits becomes losses and, where a gradient is wanted, its own gradient `G = ∂loss/∂logits` in place, of which `dh = G W`,
//! `dW = Σ_blocks Gᵀ h` and `db = Σ_rows G` are taken at once. The forward pass so computes the gradients for a loss whose own gradient is 1, and backward
//! only scales them: three products where a backward pass that makes the logits again would need four. Cost 2·rows·width·classes, three
//! times that with gradients. Memory: one block of logits, and the gradients.

use anther_kernels::{self as kernels, Broadcast, Epilogue, MatMul, Trans, Write};

use super::cross_entropy::{Targets, check_targets};
use super::embedding::Ids;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The most elements of a block of logits, unless they are fewer rows than [`MIN_ROWS`]: 64 MB of `f32`.
const BLOCK_ELEMENTS: usize = 1 << 24;

/// The most rows of a block: its products are within a few per cent of those of all rows at once.
const MAX_ROWS: usize = 512;

/// The fewest rows of a block. Each block packs `W` twice and reads and writes all of `dW`, which with 128 rows makes the whole about a
/// fifth dearer, and with fewer ever more.
const MIN_ROWS: usize = 128;

/// The rows of a block: a function of the shape alone, because it decides how sums are rounded.
fn block_rows(classes: usize) -> usize {
    (BLOCK_ELEMENTS / classes.max(1)).clamp(MIN_ROWS, MAX_ROWS)
}

/// The rows of a block of `h` with zeros in the place of those that are not finite and count for nothing, if there are any: their gradient of 0
/// times what is not finite would be NaN in `dW`.
fn without_hidden<T: Element>(h: &[T], scale: &[T]) -> Option<Tensor<T>> {
    let width = (h.len() / scale.len().max(1)).max(1);
    let hidden = |row: &[T], scale: T| scale == T::ZERO && kernels::first_non_finite(row).is_some();
    h.chunks(width).zip(scale).any(|(row, &scale)| hidden(row, scale)).then(|| {
        Tensor::build([h.len()], |out| {
            for ((out, row), &scale) in out.chunks_mut(width).zip(h.chunks(width)).zip(scale) {
                if hidden(row, scale) { out.fill(T::ZERO) } else { out.copy_from_slice(row) }
            }
        })
    })
}

struct LinearCrossEntropy<T: Element> {
    targets: Targets<T>,
    /// Whether the gradients of `h`, `W` and `b` will be asked for.
    wants: [bool; 3],
}

/// `∂loss/∂h`, `∂loss/∂W` and `∂loss/∂b`, those of them that are wanted.
type Saved<T> = [Option<Tensor<T>>; 3];

impl<T: Element> LinearCrossEntropy<T> {
    /// Turns the logits of the rows from `first` on into their gradient if any gradient is wanted, and writes the losses of the rows.
    fn losses(&self, first: usize, logits: &mut [T], loss: &mut [T], scale: &[T], classes: usize) {
        let rows = first..first + loss.len();
        let (targets, smoothing) = (&self.targets.ids.data()[rows.clone()], T::from_f64(self.targets.smoothing));
        if self.wants.contains(&true) {
            kernels::cross_entropy_in_place(loss, logits, &scale[rows], targets, classes, smoothing);
        } else {
            let mut lse = Tensor::zeros([loss.len()]);
            kernels::cross_entropy(loss, lse.data_mut(), logits, targets, classes, smoothing);
        }
    }
}

impl<T: Element> Op<T> for LinearCrossEntropy<T> {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "linear_cross_entropy"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (h, weight, bias) = (inputs[0], inputs[1], inputs.get(2).map(|bias| bias.data()));
        let (rows, width, classes) = (self.targets.ids.data().len(), h.shape().last_dim(), weight.shape()[0]);
        let scale = self.targets.row_scales(1.0);
        let wanted = |i: usize| self.wants[i].then(|| Tensor::build(inputs[i].shape(), |_| ()));
        let [mut dh, mut dw, mut db]: Saved<T> = [wanted(0), wanted(1), wanted(2)];
        let step = block_rows(classes).min(rows);
        let mut logits = Tensor::build([step, classes], |_| ());
        let logits = logits.data_mut();
        let loss = Tensor::build([rows], |loss| {
            for first in (0..rows).step_by(step.max(1)) {
                let count = step.min(rows - first);
                let block = &h.data()[first * width..][..count * width];
                let logits = &mut logits[..count * classes];
                let product = MatMul::with_weights(block, weight.weights(), count, classes, width);
                let product = MatMul { trans_b: Trans::Yes, ..product };
                let epilogue = Epilogue { bias, ..Epilogue::NONE };
                kernels::matmul_fused(product, logits, epilogue);
                self.losses(first, logits, &mut loss[first..][..count], scale.data(), classes);
                if let Some(dh) = &mut dh {
                    let dh = &mut dh.data_mut()[first * width..][..count * width];
                    kernels::matmul(MatMul::new(logits, weight.data(), count, width, classes), dh, Write::Set);
                }
                let write = if first == 0 { Write::Set } else { Write::Add };
                if let Some(db) = &mut db {
                    let layout = Broadcast { outer: count, mid: classes, inner: 1 };
                    kernels::reduce_to(db.data_mut(), logits, layout, write);
                }
                if let Some(dw) = &mut dw {
                    let counted = without_hidden(block, &scale.data()[first..][..count]);
                    let block = counted.as_ref().map_or(block, Tensor::data);
                    let product = MatMul::new(logits, block, classes, width, count);
                    kernels::matmul(MatMul { trans_a: Trans::Yes, ..product }, dw.data_mut(), write);
                }
            }
        });
        if rows == 0 {
            [&mut dw, &mut db].into_iter().flatten().for_each(|unwritten| unwritten.data_mut().fill(T::ZERO));
        }
        (self.targets.mean(loss.data()), [dh, dw, db])
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let dloss = dy.item();
        for (i, gradient) in saved.iter().enumerate() {
            if let Some(gradient) = gradient {
                if dloss == T::ONE {
                    into.pass(i, || gradient.clone());
                } else {
                    into.accumulate(i, |out, write| kernels::scale(out, gradient.data(), dloss, write));
                }
            }
        }
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * (inputs[0].numel() * inputs[1].shape()[0]) as u64
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `self.linear(weight, bias, None).cross_entropy(targets, weights, smoothing)`, a scalar, without holding the logits: hidden
    /// states `[.., width]`, `weight` `[classes, width]`, `bias` `[classes]`, `targets` `[..]`.
    ///
    /// Where a gradient is wanted it is computed at once, and held until the backward pass.
    ///
    /// # Panics
    /// If the shapes do not fit, or a target names no class.
    #[track_caller]
    pub fn linear_cross_entropy(
        &self,
        weight: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        let (h, w) = (self.shape(), weight.shape());
        assert!(
            !h.is_empty() && w.len() == 2 && h.last_dim() == w[1],
            "linear_cross_entropy: an input of shape {h:?} does not fit a weight of shape {w:?} ([classes, width])"
        );
        if let Some(b) = bias.map(Var::shape) {
            assert!(
                b.len() == 1 && b[0] == w[0],
                "linear_cross_entropy: a bias of shape {b:?} does not fit a weight of shape {w:?}"
            );
        }
        let targets = check_targets("linear_cross_entropy", h.with_last(w[0]), targets, weights, smoothing);
        let wants = [self.wants_gradient(), weight.wants_gradient(), bias.is_some_and(Var::wants_gradient)];
        let op = LinearCrossEntropy { targets, wants };
        match bias {
            None => self.tape().apply(op, &[self, weight]),
            Some(bias) => self.tape().apply(op, &[self, weight, bias]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::block_rows;

    #[test]
    fn a_block_has_few_elements_and_enough_rows() {
        assert_eq!([0, 1, 8192, 32_000, 1 << 15].map(block_rows), [512; 5]);
        assert_eq!([1 << 16, 1 << 17, 1 << 20].map(block_rows), [256, 128, 128]);
    }
}
