//! Ops that break the rules.

use anther_tensor::{Backward, Element, Op, Tensor, Write};

/// What is wrong with [`Broken`].
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    /// A correct op.
    None,
    /// The gradient is 3x instead of 2x.
    WrongFactor,
    /// The last element of the output is not written.
    PartialOutput,
    /// The gradient always overwrites.
    IgnoresAdd,
    /// The gradient always adds.
    IgnoresSet,
    /// The output depends on the size of the thread pool.
    DependsOnThreads,
    /// The backward pass does nothing.
    NoGradient,
}

/// `y = x²`, with a fault.
pub struct Broken(pub Fault);

impl<T: Element> Op<T> for Broken {
    type Saved = Tensor<T>;

    fn name(&self) -> &'static str {
        "broken"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Tensor<T>) {
        let written = x[0].numel() - usize::from(self.0 == Fault::PartialOutput);
        let error = if self.0 == Fault::DependsOnThreads { rayon::current_num_threads() as f64 * 1e-6 } else { 0.0 };
        let y = Tensor::build(x[0].shape(), |y| {
            y[..written].iter_mut().zip(x[0].data()).for_each(|(y, &x)| *y = x * x + T::from_f64(error));
        });
        (y, x[0].clone())
    }

    fn backward(&self, x: &Tensor<T>, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let factor = T::from_f64(if self.0 == Fault::WrongFactor { 3.0 } else { 2.0 });
        if self.0 == Fault::NoGradient {
            return;
        }
        into.accumulate(0, |dx, write| {
            let write = match self.0 {
                Fault::IgnoresAdd => Write::Set,
                Fault::IgnoresSet => Write::Add,
                _ => write,
            };
            for ((dx, &x), &dy) in dx.iter_mut().zip(x.data()).zip(dy.data()) {
                let contribution = factor * x * dy;
                *dx = if matches!(write, Write::Set) { contribution } else { *dx + contribution };
            }
        });
    }
}

/// `y = a + b`, whose gradient of `b` is another one if that of `a` is not wanted.
pub struct SeesItsNeighbour;

impl<T: Element> Op<T> for SeesItsNeighbour {
    type Saved = ();

    fn name(&self) -> &'static str {
        "sees_its_neighbour"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (Tensor::from_fn(x[0].shape(), |i| x[0].data()[i] + x[1].data()[i]), ())
    }

    fn backward(&self, (): &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.pass(0, || dy.clone());
        let factor = T::from_f64(if into.wants(0) { 1.0 } else { 2.0 });
        into.pass(1, || Tensor::from_fn(dy.shape(), |i| dy.data()[i] * factor));
    }
}
