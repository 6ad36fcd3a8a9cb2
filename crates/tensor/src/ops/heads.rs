//! Splitting the width into attention heads and merging them again.
//!
//! `split_heads`: `[batch, length, heads·d] → [batch, heads, length, d]`; `merge_heads` is its inverse. Both move memory once;
//! the backward of each is the other.

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::remade::Remake;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// Exchanges the two middle axes of `dims`, and calls the result `out`.
#[derive(Clone, Copy)]
struct SwapMiddle {
    name: &'static str,
    dims: [usize; 4],
    out: Shape,
    /// Whether the input is kept by others as a rule, so that the output need not be.
    remade: bool,
}

impl<T: Element> Op<T> for SwapMiddle {
    type Saved = ();

    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (Tensor::build(self.out, |y| kernels::swap_middle(y, x[0].data(), self.dims, kernels::Write::Set)), ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let [a, b, c, d] = self.dims;
        into.accumulate(0, |dx, write| kernels::swap_middle(dx, dy.data(), [a, c, b, d], write));
    }

    fn remake(&self, x: &[&Tensor<T>]) -> Option<Remake<T>> {
        self.remade.then(|| Remake::by(*self, x))
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `[batch, length, heads·d] → [batch, heads, length, d]`.
    ///
    /// # Panics
    /// If the tensor has not three axes or the width is no multiple of `heads`.
    #[track_caller]
    pub fn split_heads(&self, heads: usize) -> Var<'t, T> {
        let s = self.shape();
        assert!(
            s.len() == 3 && heads > 0 && s[2].is_multiple_of(heads),
            "split_heads: {s:?} cannot be split into {heads} heads"
        );
        let (batch, length, d) = (s[0], s[1], s[2] / heads);
        let out = Shape::from([batch, heads, length, d]);
        self.tape()
            .apply(SwapMiddle { name: "split_heads", dims: [batch, length, heads, d], out, remade: false }, &[self])
    }

    /// `[batch, heads, length, d] → [batch, length, heads·d]`.
    ///
    /// # Panics
    /// If the tensor has not four axes.
    #[track_caller]
    pub fn merge_heads(&self) -> Var<'t, T> {
        let s = self.shape();
        assert_eq!(s.len(), 4, "merge_heads: {s:?} is not [batch, heads, length, d]");
        let out = Shape::from([s[0], s[2], s[1] * s[3]]);
        // What mixed the heads keeps its result. Split heads are kept instead of what was split.
        let op = SwapMiddle { name: "merge_heads", dims: [s[0], s[1], s[2], s[3]], out, remade: true };
        self.tape().apply(op, &[self])
    }
}
