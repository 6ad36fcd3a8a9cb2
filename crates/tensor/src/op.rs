//! What a differentiable operation is: [`Op`], and how its backward hands gradients on: [`Backward`].

use anther_kernels::Write;

use crate::gradients::Gradients;
use crate::params::ParamId;
use crate::pool::Element;
use crate::remade::Remake;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A differentiable operation with any number of inputs and one output.
///
/// There is no list of ops: any crate may implement this trait and call [`crate::Tape::apply`]. `backward` is required.
///
/// ```
/// use anther_tensor::{Backward, Element, Op, Parameters, Tape, Tensor};
///
/// /// y = x³
/// struct Cube;
///
/// impl<T: Element> Op<T> for Cube {
///     type Saved = Tensor<T>;
///     fn name(&self) -> &'static str { "cube" }
///     fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
///         let y = Tensor::build(x[0].shape(), |y| {
///             y.iter_mut().zip(x[0].data()).for_each(|(y, &x)| *y = x * x * x)
///         });
///         (y, x[0].clone())
///     }
///     fn backward(&self, x: &Tensor<T>, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
///         let three = T::from_f64(3.0);
///         into.pass(0, || Tensor::build(x.shape(), |dx| {
///             dx.iter_mut().zip(x.data()).zip(dy.data()).for_each(|((dx, &x), &dy)| *dx = three * x * x * dy)
///         }));
///     }
/// }
///
/// let tape = Tape::<f64>::recording(&Parameters::empty());
/// let x = tape.input(Tensor::scalar(2.0));
/// let y = tape.apply(Cube, &[&x]);
/// let gradients = tape.backward(&y, None, &mut Parameters::empty().gradients());
/// assert_eq!(gradients.get(&x).unwrap().item(), 12.0);
/// ```
pub trait Op<T: Element>: 'static {
    /// What `backward` reads: inputs, the output, statistics. Nothing else is kept alive for it.
    type Saved: 'static;

    /// The name in error messages and in the registry of test cases.
    fn name(&self) -> &'static str;

    /// The output, all of it written, and what `backward` will read.
    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved);

    /// Adds `∂loss/∂input` of each input to `into`, given `grad = ∂loss/∂output`.
    fn backward(&self, saved: &Self::Saved, grad: &Tensor<T>, into: &mut Backward<'_, T>);

    /// How the output can be made again with the same bits, for ops after this one that would keep it: for an op that costs about a pass
    /// over memory and whose inputs are kept anyway, see [`Remake`].
    fn remake(&self, inputs: &[&Tensor<T>]) -> Option<Remake<T>> {
        let _ = inputs;
        None
    }

    /// Floating-point operations of the forward pass that are worth counting (a product of m×k and k×n has 2mkn).
    /// Element-wise ops count as zero.
    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        let _ = inputs;
        0
    }
}

/// Where an input of a recorded op comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// No gradient is wanted.
    Constant,
    /// The node of that index: an op's output or an input of the tape.
    Node(usize),
    /// A parameter: its gradient goes straight into the slab.
    Param(ParamId),
}

/// The gradients of an op's inputs, to be filled by its backward.
///
/// A gradient is written on its first contribution and accumulated after, in place; [`Write`] says which.
pub struct Backward<'a, T: Element> {
    pub(crate) sources: &'a [(Source, Shape)],
    pub(crate) nodes: &'a mut [Option<Tensor<T>>],
    pub(crate) params: &'a mut Gradients<T>,
}

impl<T: Element> Backward<'_, T> {
    /// Whether the gradient of input `i` is wanted; computing it may be skipped otherwise.
    pub fn wants(&self, i: usize) -> bool {
        !matches!(self.sources[i].0, Source::Constant)
    }

    /// Calls `f` with the gradient of input `i`, if it is wanted: all of it to be written, or all of it to be added to.
    pub fn accumulate(&mut self, i: usize, f: impl FnOnce(&mut [T], Write)) {
        let (source, shape) = self.sources[i];
        match source {
            Source::Constant => {}
            Source::Param(id) => {
                let (gradient, write) = self.params.slot(id);
                f(gradient, write);
            }
            Source::Node(node) => match &mut self.nodes[node] {
                Some(gradient) => f(gradient.data_mut(), Write::Add),
                empty => *empty = Some(Tensor::build(shape, |gradient| f(gradient, Write::Set))),
            },
        }
    }

    /// Hands on a tensor as (a part of) the gradient of input `i`, if it is wanted. A first contribution is taken over
    /// without a copy, so this is the way for ops whose gradient is the incoming one.
    pub fn pass(&mut self, i: usize, gradient: impl FnOnce() -> Tensor<T>) {
        let (source, shape) = self.sources[i];
        match source {
            Source::Node(node) if self.nodes[node].is_none() => {
                self.nodes[node] = Some(gradient().reshaped(shape));
            }
            Source::Constant => {}
            _ => self.accumulate(i, |out, write| anther_kernels::copy(out, gradient().data(), write)),
        }
    }
}
