//! Functions of one number, element by element: `y = f(x)`, `dx = f'(x) dy`.

use anther_kernels::{self as kernels, Saves, Unary, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct UnaryOp(Unary);

impl<T: Element> Op<T> for UnaryOp {
    /// The input or the output, whichever the derivative is written in.
    type Saved = Option<Tensor<T>>;

    fn name(&self) -> &'static str {
        match self.0 {
            Unary::Exp => "exp",
            Unary::Ln => "ln",
            Unary::Sqrt => "sqrt",
            Unary::Reciprocal => "reciprocal",
            Unary::Square => "square",
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Erf => "erf",
            Unary::Relu => "relu",
            Unary::Silu => "silu",
            Unary::Gelu => "gelu",
            Unary::GeluTanh => "gelu_tanh",
            Unary::Softplus => "softplus",
            Unary::EluPlusOne => "elu_plus_one",
            Unary::Squash => "squash",
        }
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let y = Tensor::build(x[0].shape(), |y| kernels::unary(self.0, y, x[0].data(), Write::Set));
        let saved = match self.0.saves() {
            Saves::Input => Some(x[0].clone()),
            Saves::Output => Some(y.clone()),
            Saves::Neither => None,
        };
        (y, saved)
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let saved = saved.as_ref().map_or(&[] as &[T], Tensor::data);
        let (x, y) = match self.0.saves() {
            Saves::Output => (&[] as &[T], saved),
            _ => (saved, &[] as &[T]),
        };
        into.accumulate(0, |dx, write| kernels::unary_backward(self.0, dx, dy.data(), x, y, write));
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident $kind:ident;)*) => {
        impl<'t, T: Element> Var<'t, T> {
            /// Applies a function chosen at run time to every element.
            pub fn unary(&self, function: Unary) -> Var<'t, T> {
                self.tape().apply(UnaryOp(function), &[self])
            }
            $($(#[$doc])* pub fn $method(&self) -> Var<'t, T> { self.unary(Unary::$kind) })*
        }
    };
}

methods! {
    /// `eˣ`
    exp Exp;
    /// Natural logarithm.
    ln Ln;
    /// `√x`
    sqrt Sqrt;
    /// `1/x`
    reciprocal Reciprocal;
    /// `x²`
    square Square;
    /// `−x`
    neg Neg;
    /// `|x|`, with derivative 0 at 0.
    abs Abs;
    /// Sine of radians.
    sin Sin;
    /// Cosine of radians.
    cos Cos;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// `1/(1+e⁻ˣ)`
    sigmoid Sigmoid;
    /// The error function.
    erf Erf;
    /// `max(x, 0)`, with derivative 0 at 0.
    relu Relu;
    /// `x σ(x)`, also called swish.
    silu Silu;
    /// `x Φ(x)` with the normal distribution function Φ.
    gelu Gelu;
    /// The tanh approximation of GELU: `x/2 (1 + tanh(√(2/π)(x + 0.044715x³)))`.
    gelu_tanh GeluTanh;
    /// `ln(1 + eˣ)`
    softplus Softplus;
    /// `x + 1` for positive `x`, else `eˣ`: the positive feature map of linear attention.
    elu_plus_one EluPlusOne;
    /// `x²/(1+x²)`: the weight of expressive attention before it is normalised (arXiv 2407.18601).
    squash Squash;
}
