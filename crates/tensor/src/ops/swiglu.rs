//! The gate of a gated feed-forward block (SwiGLU, Shazeer 2020): `y = silu(g) ⊙ u` with `silu(g) = g σ(g)`.
//!
//! Backward reads `g` and `u` only: `dg = dy u σ(g) (1 + g (1 − σ(g)))` and `du = dy silu(g)`, both in one pass.

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Swiglu;

impl<T: Element> Op<T> for Swiglu {
    /// The gate before its function, and the factor.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (gate, up) = (inputs[0], inputs[1]);
        let y = Tensor::build(gate.shape(), |y| kernels::swiglu(y, gate.data(), up.data()));
        (y, (gate.clone(), up.clone()))
    }

    fn backward(&self, (gate, up): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let mut dup = Tensor::build(up.shape(), |_| ());
        let dgate = Tensor::build(gate.shape(), |dgate| {
            kernels::swiglu_backward(dgate, dup.data_mut(), dy.data(), gate.data(), up.data());
        });
        into.pass(0, || dgate);
        into.pass(1, || dup);
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `silu(self) ⊙ up`, element by element.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn swiglu(&self, up: &Var<'t, T>) -> Var<'t, T> {
        let (gate, up_shape) = (self.shape(), up.shape());
        assert_eq!(gate, up_shape, "swiglu: a gate of shape {gate:?} does not fit a factor of shape {up_shape:?}");
        self.tape().apply(Swiglu, &[self, up])
    }
}
