//! The same elements under another shape: no copy, forward or backward.

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Reshape(Shape);

impl<T: Element> Op<T> for Reshape {
    type Saved = ();

    fn name(&self) -> &'static str {
        "reshape"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].reshaped(self.0), ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.pass(0, || dy.clone());
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The same elements, in the same order, under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Var<'t, T> {
        let shape = shape.into();
        let numel = self.value().numel();
        assert_eq!(numel, shape.numel(), "reshape: {:?} has not as many elements as {shape:?}", self.shape());
        self.tape().apply(Reshape(shape), &[self])
    }
}
