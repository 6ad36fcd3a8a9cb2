//! The tape: a linear record of typed ops, rebuilt at each step, and [`Var`], a tensor on it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr;

use anther_kernels::{Precision, RandomKey};

use crate::gradients::Gradients;
use crate::op::{Backward, Op, Source};
use crate::params::{ParamId, Parameters, Stream};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Seed and step from which dropout draws its masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Randomness {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the forward pass; every micro-batch counts.
    pub step: u64,
}

/// Records the ops of one forward pass, so that [`Tape::backward`] can differentiate it.
///
/// ```
/// use anther_tensor::{Parameters, Tape, Tensor};
///
/// let parameters = Parameters::<f64>::empty();
/// let tape = Tape::recording(&parameters);
/// let x = tape.input(Tensor::from_vec([2], vec![3.0, 4.0]));
/// let y = (&x * &x).sum();
/// let gradients = tape.backward(&y, None, &mut parameters.gradients());
/// assert_eq!(gradients.get(&x).unwrap().data(), [6.0, 8.0]);
/// ```
pub struct Tape<T: Element> {
    pub(crate) params: Parameters<T>,
    recording: bool,
    pub(crate) randomness: Option<Randomness>,
    nodes: RefCell<Vec<Node<T>>>,
    spent: Cell<bool>,
    flops: Cell<u64>,
    observed: RefCell<Vec<(ParamId, Tensor<T>)>>,
}

/// A recorded op, or an input of the tape (no op).
struct Node<T: Element> {
    op: Option<Box<dyn Recorded<T>>>,
    sources: Vec<(Source, Shape)>,
}

/// An op with what it saved, its type forgotten.
pub(crate) trait Recorded<T: Element> {
    /// Consumes what was saved, so that nothing of it outlives the op's turn.
    fn backward(self: Box<Self>, grad: Tensor<T>, into: &mut Backward<'_, T>);
}

struct Record<O, S> {
    op: O,
    saved: S,
}

impl<T: Element, O: Op<T>> Recorded<T> for Record<O, O::Saved> {
    fn backward(self: Box<Self>, grad: Tensor<T>, into: &mut Backward<'_, T>) {
        self.op.backward(&self.saved, &grad, into);
    }
}

impl<T: Element> Tape<T> {
    /// A tape that records for a backward pass, with dropout off.
    ///
    /// # Panics
    /// If the weights are not held in full precision: gradients would be those of other weights.
    #[track_caller]
    pub fn recording(params: &Parameters<T>) -> Self {
        Tape::new(params, true, None)
    }

    /// A tape that records, with dropout on: a training step.
    ///
    /// # Panics
    /// As [`Tape::recording`].
    #[track_caller]
    pub fn training(params: &Parameters<T>, randomness: Randomness) -> Self {
        Tape::new(params, true, Some(randomness))
    }

    /// A tape that records nothing, with dropout off: evaluation and generation. Every intermediate dies with its handle.
    pub fn inference(params: &Parameters<T>) -> Self {
        Tape::new(params, false, None)
    }

    #[track_caller]
    pub(crate) fn new(params: &Parameters<T>, recording: bool, randomness: Option<Randomness>) -> Self {
        assert!(
            !recording || params.precision() == Precision::F32,
            "a tape that records needs weights in full precision, but these are held in bf16, which is for inference"
        );
        Tape {
            params: params.clone(),
            recording,
            randomness,
            nodes: RefCell::default(),
            spent: Cell::new(false),
            flops: Cell::new(0),
            observed: RefCell::default(),
        }
    }

    /// A tensor whose gradient nobody wants: data, masks, tables.
    pub fn constant(&self, value: Tensor<T>) -> Var<'_, T> {
        Var { tape: self, value, source: Source::Constant }
    }

    /// A tensor whose gradient can be asked from [`LeafGradients`].
    ///
    /// # Panics
    /// After [`Tape::backward`].
    #[track_caller]
    pub fn input(&self, value: Tensor<T>) -> Var<'_, T> {
        let source = if self.recording { self.push(None, Vec::new()) } else { Source::Constant };
        Var { tape: self, value, source }
    }

    /// A parameter. Its gradient goes into the slab given to [`Tape::backward`].
    pub fn param(&self, id: ParamId) -> Var<'_, T> {
        let source = if self.recording { Source::Param(id) } else { Source::Constant };
        Var { tape: self, value: self.params.tensor(id), source }
    }

    /// Runs an op and records it if a backward pass may need it.
    ///
    /// # Panics
    /// If an input belongs to another tape, after [`Tape::backward`] if the op would be recorded, or where the op panics on the shapes of
    /// its inputs.
    #[track_caller]
    pub fn apply<'t, O: Op<T>>(&'t self, op: O, inputs: &[&Var<'t, T>]) -> Var<'t, T> {
        for input in inputs {
            assert!(ptr::eq(input.tape, self), "{}: an input belongs to another tape", op.name());
        }
        let values: Vec<&Tensor<T>> = inputs.iter().map(|v| &v.value).collect();
        self.count(op.flops(&values));
        let (mut value, saved) = op.forward(&values);
        let differentiable = self.recording && inputs.iter().any(|v| !matches!(v.source, Source::Constant));
        let source = if differentiable {
            if let Some(remake) = op.remake(&values) {
                value.made_by(remake);
            }
            let sources = inputs.iter().map(|v| (v.source, v.shape())).collect();
            self.push(Some(Box::new(Record { op, saved })), sources)
        } else {
            Source::Constant
        };
        Var { tape: self, value, source }
    }

    /// Notes what a statistic of a layer is to become after this step, if this is one: not now, since all layers of a pass see the same parameters. Whoever trains
    /// takes the notes by [`Tape::take_observed`].
    pub fn observe(&self, statistic: ParamId, value: Tensor<T>) {
        if self.is_training() {
            self.observed.borrow_mut().push((statistic, value));
        }
    }

    /// What was observed so far, in the order of the layers; it is gone from the tape then.
    pub fn take_observed(&self) -> Vec<(ParamId, Tensor<T>)> {
        self.observed.take()
    }

    /// Counts floating-point operations.
    pub(crate) fn count(&self, flops: u64) {
        self.flops.set(self.flops.get() + flops);
    }

    #[track_caller]
    pub(crate) fn push(&self, op: Option<Box<dyn Recorded<T>>>, sources: Vec<(Source, Shape)>) -> Source {
        // The numbers of old nodes would mean new ones.
        assert!(!self.spent.get(), "this tape was differentiated already; make a new one");
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { op, sources });
        Source::Node(nodes.len() - 1)
    }

    /// Differentiates `output` and empties the tape, which cannot record after that.
    ///
    /// Computes `∂⟨cotangent, output⟩/∂x` for every parameter (accumulated into `params`) and every input of the tape
    /// (returned). Without a cotangent, `output` must be one number, and its own gradient is returned.
    ///
    /// # Panics
    /// If `output` belongs to another tape, is not one number and has no cotangent, if the cotangent's shape differs, or the tape was
    /// differentiated already.
    #[track_caller]
    pub fn backward(
        &self,
        output: &Var<'_, T>,
        cotangent: Option<Tensor<T>>,
        params: &mut Gradients<T>,
    ) -> LeafGradients<T> {
        assert!(ptr::eq(output.tape, self), "backward: the output belongs to another tape");
        assert!(!self.spent.replace(true), "backward: this tape was differentiated already; make a new one");
        let seed = cotangent.unwrap_or_else(|| {
            assert_eq!(output.value.numel(), 1, "backward: an output of shape {:?} needs a cotangent", output.shape());
            Tensor::ones(output.shape())
        });
        assert_eq!(seed.shape(), output.shape(), "backward: the cotangent must have the shape of the output");

        LeafGradients { nodes: self.sweep(output.source, seed, |_| (), params) }
    }

    /// The backward pass from a node with the gradient `seed` to the inputs, whose gradients it returns, each in the place of its
    /// node. `prepare` may put gradients there that are to be added to.
    pub(crate) fn sweep(
        &self,
        from: Source,
        seed: Tensor<T>,
        prepare: impl FnOnce(&mut [Option<Tensor<T>>]),
        params: &mut Gradients<T>,
    ) -> Vec<Option<Tensor<T>>> {
        let mut nodes = self.nodes.take();
        let mut gradients: Vec<Option<Tensor<T>>> = (0..nodes.len()).map(|_| None).collect();
        prepare(&mut gradients);
        let shape = seed.shape();
        Backward { sources: &[(from, shape)], nodes: &mut gradients, params }.pass(0, || seed);
        for index in (0..nodes.len()).rev() {
            // The op, what it saved and its gradient die at the end of this turn, and their buffers return to the pool.
            let node = nodes.pop().expect("one node for each index");
            let Some(op) = node.op else { continue };
            let Some(gradient) = gradients[index].take() else {
                continue;
            };
            op.backward(gradient, &mut Backward { sources: &node.sources, nodes: &mut gradients, params });
        }
        gradients
    }

    /// Whether ops are recorded for a backward pass.
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// Floating-point operations of the forward ops so far, as the ops count them.
    pub fn flops(&self) -> u64 {
        self.flops.get()
    }

    /// Whether this is a training step, that is, whether dropout is on.
    pub fn is_training(&self) -> bool {
        self.randomness.is_some()
    }

    /// The parameters of this tape.
    pub fn params(&self) -> &Parameters<T> {
        &self.params
    }

    /// The random numbers of a stream at this step, or `None` outside training.
    pub fn random(&self, stream: Stream) -> Option<RandomKey> {
        self.randomness.map(|r| RandomKey::new(r.seed, stream.id(), r.step))
    }
}

/// The gradients of the inputs of a tape.
pub struct LeafGradients<T: Element> {
    nodes: Vec<Option<Tensor<T>>>,
}

impl<T: Element> LeafGradients<T> {
    /// The gradient of an input, or `None` if the output does not depend on it.
    pub fn get(&self, input: &Var<'_, T>) -> Option<&Tensor<T>> {
        match input.source {
            Source::Node(node) => self.nodes.get(node)?.as_ref(),
            _ => None,
        }
    }
}

/// A tensor on a tape: what ops take and return. Cloning shares the storage and the place on the tape.
pub struct Var<'t, T: Element> {
    pub(crate) tape: &'t Tape<T>,
    pub(crate) value: Tensor<T>,
    pub(crate) source: Source,
}

impl<T: Element> Clone for Var<'_, T> {
    fn clone(&self) -> Self {
        Var { tape: self.tape, value: self.value.clone(), source: self.source }
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value, without its place on the tape.
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// The shape of the value.
    pub fn shape(&self) -> Shape {
        self.value.shape()
    }

    /// The tape that this variable belongs to.
    pub fn tape(&self) -> &'t Tape<T> {
        self.tape
    }

    /// A parameter on the same tape.
    pub fn param(&self, id: ParamId) -> Var<'t, T> {
        self.tape.param(id)
    }

    /// Whether a backward pass may ask for the gradient of this variable: it depends on a parameter or an input of a recording tape.
    pub fn wants_gradient(&self) -> bool {
        !matches!(self.source, Source::Constant)
    }

    /// The same value as a constant: no gradient flows through.
    pub fn detach(&self) -> Var<'t, T> {
        self.tape.constant(self.value.clone())
    }
}

impl<T: Element> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
