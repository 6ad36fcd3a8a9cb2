//! The fused linear layer `y = f(x Wᵀ + b)`.
//!
//! `x` is `[.., in]`, `W` is `[out, in]` (the layout of PyTorch and Hugging Face), `b` is `[out]`, `f` any function of one number or
//! none. Cost 2·rows·in·out. With `z = x Wᵀ + b`: `dz = f'(z) dy`, `dx = dz W`, `dW = dzᵀ x`, `db = Σ_rows dz`.
//! Bias and activation run on each block of the product while it is in the cache; `dz` and `db` are made in one pass.

use anther_kernels::{self as kernels, Broadcast, Epilogue, MatMul, Saves, Trans, Unary, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::remade::Kept;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

struct LinearOp {
    activation: Option<Unary>,
    /// Whether a backward pass may come, and so what it reads is worth writing.
    differentiable: bool,
}

/// What the backward of [`LinearOp`] reads.
struct Saved<T: Element> {
    x: Kept<T>,
    weight: Tensor<T>,
    /// `z` or `f(z)`, whichever the derivative of the activation is written in.
    activation: Option<Tensor<T>>,
}

impl<T: Element> Op<T> for LinearOp {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "linear"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (x, weight, bias) = (inputs[0], inputs[1], inputs.get(2));
        let shape = x.shape().with_last(weight.shape()[0]);
        let saves = self.activation.map(Unary::saves);
        let product = linear_product(x, weight);
        let run = |y: &mut [T], pre_activation: Option<&mut [T]>| {
            let bias = bias.map(|b| b.data());
            kernels::matmul_fused(
                product,
                y,
                Epilogue { bias, activation: self.activation, pre_activation, ..Epilogue::NONE },
            );
        };
        let mut pre = None;
        let y = Tensor::build(shape, |y| {
            if self.differentiable && matches!(saves, Some(Saves::Input)) {
                pre = Some(Tensor::build(shape, |pre| run(y, Some(pre))));
            } else {
                run(y, None);
            }
        });
        let activation = if matches!(saves, Some(Saves::Output)) { Some(y.clone()) } else { pre };
        (y, Saved { x: x.keep(), weight: weight.clone(), activation })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let dz = match self.activation {
            None => {
                bias_backward(dy, into, 2);
                dy.clone()
            }
            Some(f) => {
                let kept = saved.activation.as_ref().map_or(&[] as &[T], Tensor::data);
                activation_backward(f, kept, dy, into)
            }
        };
        product_backward(&saved.x, &saved.weight, &dz, into, 0);
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * (inputs[0].numel() * inputs[1].shape()[0]) as u64
    }
}

/// `x Wᵀ`.
pub(super) fn linear_product<'a, T: Element>(x: &'a Tensor<T>, weight: &'a Tensor<T>) -> MatMul<'a, T> {
    let (rows, k, n) = (x.shape().rows(), x.shape().last_dim(), weight.shape()[0]);
    let product = MatMul::with_weights(x.data(), weight.weights(), rows, n, k);
    MatMul { trans_b: Trans::Yes, packed: weight.packed_weights(rows), ..product }
}

/// `dz = f'(z) dy` from what `f` saves, and with it the gradient of the bias, which is input number 2 if there is one.
fn activation_backward<T: Element>(f: Unary, kept: &[T], dy: &Tensor<T>, into: &mut Backward<'_, T>) -> Tensor<T> {
    let (z, y) = if matches!(f.saves(), Saves::Output) { (&[] as &[T], kept) } else { (kept, &[] as &[T]) };
    Tensor::build(dy.shape(), |dz| {
        if into.sources.len() > 2 && into.wants(2) {
            into.accumulate(2, |db, write| kernels::activation_backward(f, dz, db, dy.data(), z, y, write));
        } else {
            kernels::unary_backward(f, dz, dy.data(), z, y, Write::Set);
        }
    })
}

/// The gradient of the bias in `z = x Wᵀ + b`, if the op has an input of number `bias`: the sum of the rows of `dz`.
pub(super) fn bias_backward<T: Element>(dz: &Tensor<T>, into: &mut Backward<'_, T>, bias: usize) {
    if into.sources.len() > bias {
        let layout = Broadcast { outer: dz.shape().rows(), mid: dz.shape().last_dim(), inner: 1 };
        into.accumulate(bias, |db, write| kernels::reduce_to(db, dz.data(), layout, write));
    }
}

/// The gradients of `x` and `W` in `z = x Wᵀ + b`, which are the inputs of number `first` and the next one.
pub(super) fn product_backward<T: Element>(
    x: &Kept<T>,
    weight: &Tensor<T>,
    dz: &Tensor<T>,
    into: &mut Backward<'_, T>,
    first: usize,
) {
    let (rows, n, k) = (dz.shape().rows(), weight.shape()[0], weight.shape()[1]);
    into.accumulate(first, |dx, write| {
        kernels::matmul(MatMul::new(dz.data(), weight.data(), rows, k, n), dx, write);
    });
    into.accumulate(first + 1, |dw, write| {
        let product = MatMul { trans_a: Trans::Yes, ..MatMul::new(dz.data(), x.tensor().data(), n, k, rows) };
        kernels::matmul(product, dw, write);
    });
}

/// The shape of `x Wᵀ + b`, for the op of that name.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub(super) fn check_linear<T: Element>(
    op: &str,
    x: &Var<'_, T>,
    weight: &Var<'_, T>,
    bias: Option<&Var<'_, T>>,
) -> Shape {
    let (x, w) = (x.shape(), weight.shape());
    assert!(
        !x.is_empty() && w.len() == 2 && x.last_dim() == w[1],
        "{op}: an input of shape {x:?} does not fit a weight of shape {w:?} ([out, in])"
    );
    if let Some(b) = bias.map(Var::shape) {
        assert!(b.len() == 1 && b[0] == w[0], "{op}: a bias of shape {b:?} does not fit a weight of shape {w:?}");
    }
    x.with_last(w[0])
}

impl<'t, T: Element> Var<'t, T> {
    /// `activation(self × weightᵀ + bias)` with `weight` of shape `[out, in]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn linear(&self, weight: &Var<'t, T>, bias: Option<&Var<'t, T>>, activation: Option<Unary>) -> Var<'t, T> {
        check_linear("linear", self, weight, bias);
        let differentiable = [self, weight].into_iter().chain(bias).any(Var::wants_gradient);
        let op = LinearOp { activation, differentiable };
        match bias {
            None => self.tape().apply(op, &[self, weight]),
            Some(bias) => self.tape().apply(op, &[self, weight, bias]),
        }
    }
}
