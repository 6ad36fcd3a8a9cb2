//! [`Case`]: a differentiable function and its inputs, and the macros that write one down.

use anther_tensor::{Element, ParamSet, Scope, Tape, Var};

use crate::input::{Input, Random};
use crate::tolerance::{self, Tolerance};

/// A differentiable function that runs in `f32` and in `f64`. The macro [`function!`](crate::function) writes one in a line.
///
/// What it needs beside tensors (ids, spans, layers) are fields of the type. Constants come from `T::from_f64`.
pub trait Function: Send + Sync + 'static {
    /// The output, of any shape.
    fn run<'t, T: Element>(&self, tape: &'t Tape<T>, inputs: &[Var<'t, T>]) -> Var<'t, T>;
}

/// A [`Function`] of which only the two element types are left, so that the checks are compiled once and not once a case.
pub(crate) trait Erased: Send + Sync {
    fn run_f32<'t>(&self, tape: &'t Tape<f32>, inputs: &[Var<'t, f32>]) -> Var<'t, f32>;
    fn run_f64<'t>(&self, tape: &'t Tape<f64>, inputs: &[Var<'t, f64>]) -> Var<'t, f64>;
}

impl<F: Function> Erased for F {
    fn run_f32<'t>(&self, tape: &'t Tape<f32>, inputs: &[Var<'t, f32>]) -> Var<'t, f32> {
        self.run(tape, inputs)
    }
    fn run_f64<'t>(&self, tape: &'t Tape<f64>, inputs: &[Var<'t, f64>]) -> Var<'t, f64> {
        self.run(tape, inputs)
    }
}

/// Something to [`check`](crate::check): a function, its inputs and, for a layer or a model, its parameters.
pub struct Case {
    pub(crate) op: String,
    pub(crate) label: String,
    pub(crate) inputs: Vec<Input>,
    pub(crate) params: ParamSet,
    pub(crate) body: Box<dyn Erased>,
    pub(crate) tolerance: Tolerance,
    pub(crate) training: bool,
    pub(crate) big: bool,
    pub(crate) zero_gradient: Vec<String>,
}

impl Case {
    /// A case of an op. The tolerance of `f32` is that of the op's class.
    pub fn new(op: &str, label: impl Into<String>, inputs: Vec<Input>, function: impl Function) -> Self {
        Case {
            op: op.to_owned(),
            label: label.into(),
            inputs,
            params: ParamSet::new(),
            body: Box::new(function),
            tolerance: tolerance::of_op(op),
            training: false,
            big: false,
            zero_gradient: Vec::new(),
        }
    }

    /// A case of a layer or a model: `build` defines the parameters and returns the forward pass.
    ///
    /// Parameters start from their initialisers plus some noise, so that a weight whose initial value is 0 does not hide others.
    ///
    /// ```
    /// use anther_tensor::layers::Linear;
    /// use anther_testkit::{Case, check, function, normal};
    ///
    /// check(&Case::module("linear layer", "3 -> 2", vec![normal([4, 3])], |scope| {
    ///     let layer = Linear::new(&mut scope.child("layer"), 3, 2, true);
    ///     function!((layer: Linear), |x| layer.forward(&x[0]))
    /// }));
    /// ```
    pub fn module<F: Function>(
        name: &str,
        label: impl Into<String>,
        inputs: Vec<Input>,
        build: impl FnOnce(&mut Scope<'_>) -> F,
    ) -> Self {
        let mut params = ParamSet::new();
        let function = build(&mut params.root());
        Case { params, tolerance: tolerance::COMPOSED, ..Case::new(name, label, inputs, function) }
    }

    /// Runs on a training tape, so that dropout is on, with a fixed seed and step.
    #[must_use]
    pub fn training(self) -> Self {
        Case { training: true, ..self }
    }

    /// Marks a size that matters to threads and SIMD levels only: finite differences and other checks that do not depend on size are
    /// skipped.
    #[must_use]
    pub fn big(self) -> Self {
        Case { big: true, ..self }
    }

    /// Another tolerance of `f32` than that of the class.
    #[must_use]
    pub fn tolerance(self, rtol: f64, atol: f64) -> Self {
        Case { tolerance: Tolerance { rtol, atol }, ..self }
    }

    /// Names a parameter whose gradient is mathematically zero, such as a bias that a softmax cancels. It must then stay below 1e-12 in
    /// `f64`; of all other parameters the gradient must not vanish.
    #[must_use]
    pub fn zero_gradient(mut self, parameter: &str) -> Self {
        self.zero_gradient.push(parameter.to_owned());
        self
    }

    /// The op or module.
    pub fn op(&self) -> &str {
        &self.op
    }

    /// What sets this case apart from the others of its op.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn seed(&self) -> u64 {
        Random::seed(&self.op) ^ Random::seed(&self.label).rotate_left(17)
    }
}

/// Writes a [`Function`] down: `function!(|x| …)`, with the tape `function!(|x, tape| …)`, and with captured variables, which the body
/// sees by reference, `function!((spans: KeySpans = spans.clone(), axis: usize), |x| …)`. The body is generic over the element type `T`.
///
/// ```
/// use anther_testkit::{Element, Function, Tape, Var, function};
///
/// let axis = 1;
/// let f = function!((axis: usize), |x, tape| tape.concat(*axis, &[&x[0], &x[0]]));
/// ```
#[macro_export]
macro_rules! function {
    (@define ($($field:ident: $type:ty $(= $value:expr)?),*), $x:ident, $tape:pat, $body:expr) => {{
        struct Captured {
            $($field: $type),*
        }
        impl $crate::Function for Captured {
            #[allow(unused_braces, reason = "a body may be written as a block")]
            fn run<'t, T: $crate::Element>(
                &self,
                tape: &'t $crate::Tape<T>,
                inputs: &[$crate::Var<'t, T>],
            ) -> $crate::Var<'t, T> {
                let Captured { $($field),* } = self;
                let ($x, $tape) = (inputs, tape);
                $body
            }
        }
        Captured { $($field $(: $value)?),* }
    }};
    (($($field:ident: $type:ty $(= $value:expr)?),* $(,)?), |$x:ident, $tape:ident| $body:expr $(,)?) => {
        $crate::function!(@define ($($field: $type $(= $value)?),*), $x, $tape, $body)
    };
    (($($field:ident: $type:ty $(= $value:expr)?),* $(,)?), |$x:ident| $body:expr $(,)?) => {
        $crate::function!(@define ($($field: $type $(= $value)?),*), $x, _, $body)
    };
    (|$x:ident, $tape:ident| $body:expr $(,)?) => { $crate::function!(@define (), $x, $tape, $body) };
    (|$x:ident| $body:expr $(,)?) => { $crate::function!(@define (), $x, _, $body) };
}

/// A [`Case`] of an op: its name as the op itself gives it, a label, the inputs (a list, or the name of a vector), and a body as in
/// [`function!`](crate::function).
///
/// ```
/// use anther_testkit::{case, check, normal};
///
/// let range = 1..3;
/// check(&case!("slice", "columns", [normal([4, 5])], (range: std::ops::Range<usize>), |x| x[0].slice(1, range.clone())));
/// ```
#[macro_export]
macro_rules! case {
    ($op:literal, $label:expr, [$($input:expr),* $(,)?], $($function:tt)+) => {
        $crate::Case::new($op, $label, vec![$($input),*], $crate::function!($($function)+))
    };
    ($op:literal, $label:expr, $inputs:ident, $($function:tt)+) => {
        $crate::Case::new($op, $label, $inputs, $crate::function!($($function)+))
    };
}
