//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864): pairs of coordinates are rotated by an angle that grows with
//! the position.
//!
//! `(a, b) → (a cos θ − b sin θ, a sin θ + b cos θ)` with θ from a table `[positions, d/2]`. Backward rotates back.

use anther_kernels::{self as kernels, RotaryPairing};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Rotary<T: Element> {
    cos: Tensor<T>,
    sin: Tensor<T>,
    pairing: RotaryPairing,
}

impl<T: Element> Rotary<T> {
    fn rotate(&self, out: &mut [T], x: &Tensor<T>, inverse: bool, write: kernels::Write) {
        let s = x.shape();
        let (positions, d) = (s[s.len() - 2], s[s.len() - 1]);
        kernels::rotary(out, x.data(), self.cos.data(), self.sin.data(), positions, d, self.pairing, inverse, write);
    }
}

impl<T: Element> Op<T> for Rotary<T> {
    type Saved = ();

    fn name(&self) -> &'static str {
        "rotary"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (Tensor::build(x[0].shape(), |y| self.rotate(y, x[0], false, kernels::Write::Set)), ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.accumulate(0, |dx, write| self.rotate(dx, dy, true, write));
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Rotates `[.., positions, d]` by the angles whose cosines and sines are given, each `[positions, d/2]`.
    ///
    /// # Panics
    /// If the shapes do not fit or `d` is odd.
    #[track_caller]
    pub fn rotary(&self, cos: &Tensor<T>, sin: &Tensor<T>, pairing: RotaryPairing) -> Var<'t, T> {
        let s = self.shape();
        let fits = |table: &Tensor<T>| {
            s.len() >= 2 && s.last_dim().is_multiple_of(2) && *table.shape() == [s[s.len() - 2], s.last_dim() / 2]
        };
        assert!(
            fits(cos) && fits(sin),
            "rotary: tables of shapes {:?} and {:?} do not fit an input of shape {s:?}",
            cos.shape(),
            sin.shape()
        );
        self.tape().apply(Rotary { cos: cos.clone(), sin: sin.clone(), pairing }, &[self])
    }
}
