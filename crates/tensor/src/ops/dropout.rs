//! Dropout: each element becomes 0 with probability `p`, the others are divided by `1 − p`.
//!
//! The mask is a function of (seed, stream, step, element), so backward computes it again instead of storing it, and it does
//! not depend on the number of threads.

use anther_kernels::{self as kernels, RandomKey};

use crate::op::{Backward, Op};
use crate::params::Stream;
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Dropout {
    key: RandomKey,
    p: f64,
}

impl<T: Element> Op<T> for Dropout {
    type Saved = ();

    fn name(&self) -> &'static str {
        "dropout"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let y = Tensor::build(x[0].shape(), |y| {
            kernels::dropout(y, x[0].data(), self.key, self.p, kernels::Write::Set);
        });
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.accumulate(0, |dx, write| kernels::dropout(dx, dy.data(), self.key, self.p, write));
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Dropout with probability `p` on a training tape, the identity elsewhere. Each layer has a stream of its own.
    ///
    /// # Panics
    /// If `p` is not in `[0, 1)`.
    #[track_caller]
    pub fn dropout(&self, p: f64, stream: Stream) -> Var<'t, T> {
        assert!((0.0..1.0).contains(&p), "dropout: the probability {p} is not in [0, 1)");
        match self.tape().random(stream) {
            Some(key) if p > 0.0 => self.tape().apply(Dropout { key, p }, &[self]),
            _ => self.clone(),
        }
    }
}
