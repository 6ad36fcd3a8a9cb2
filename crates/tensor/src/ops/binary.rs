//! Arithmetic of two tensors, with the broadcasts that models need.
//!
//! `c = a ∘ b` for ∘ in +, −, ×, ÷, max, min. The smaller operand is repeated along axes where it has 1 or which it lacks
//! on the left, provided that the axes it does have are neighbours: same shape, suffix (a bias), prefix (one number a row), middle
//! (one number a head) and scalar. Backward: `da = dc ∘' …`, summed over the repeated axes for the smaller operand.
//! Ties of max and min give the whole gradient to `a`.

use std::ops;

use anther_kernels::{self as kernels, Binary, Broadcast, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// `large ∘ small`, or `small ∘ large` when `reversed`.
struct BinaryOp {
    kind: Binary,
    layout: Broadcast,
    reversed: bool,
}

fn name(kind: Binary) -> &'static str {
    match kind {
        Binary::Add => "add",
        Binary::Sub => "sub",
        Binary::Mul => "mul",
        Binary::Div => "div",
        Binary::Max => "maximum",
        Binary::Min => "minimum",
    }
}

impl<T: Element> Op<T> for BinaryOp {
    /// Large operand, small operand. Sums save neither.
    type Saved = Option<(Tensor<T>, Tensor<T>)>;

    fn name(&self) -> &'static str {
        name(self.kind)
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (large, small) = (x[0], x[1]);
        let y = Tensor::build(large.shape(), |y| {
            let run = if self.reversed { kernels::binary_reversed } else { kernels::binary };
            run(self.kind, y, large.data(), small.data(), self.layout, Write::Set);
        });
        let linear = matches!(self.kind, Binary::Add | Binary::Sub);
        (y, (!linear).then(|| (large.clone(), small.clone())))
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let Some((large, small)) = saved else {
            let sign = |negative: bool| if negative { -T::ONE } else { T::ONE };
            let subtract = matches!(self.kind, Binary::Sub);
            self.scaled(0, dy, sign(subtract && self.reversed), into);
            self.scaled(1, dy, sign(subtract && !self.reversed), into);
            return;
        };
        match self.kind {
            Binary::Mul => {
                into.accumulate(0, |dx, write| {
                    kernels::binary(Binary::Mul, dx, dy.data(), small.data(), self.layout, write);
                });
                into.accumulate(1, |dx, write| {
                    kernels::reduce_product_to(dx, dy.data(), large.data(), self.layout, write);
                });
            }
            Binary::Div => self.divide_backward(large, small, dy, into),
            _ => self.select_backward(large, small, dy, into),
        }
    }
}

impl BinaryOp {
    /// Adds `sign × dy` to the gradient of an operand, summed over the axes along which it was repeated.
    fn scaled<T: Element>(&self, operand: usize, dy: &Tensor<T>, sign: T, into: &mut Backward<'_, T>) {
        let repeated = operand == 1 && self.layout.outer * self.layout.inner != 1;
        if !repeated && sign == T::ONE {
            into.pass(operand, || dy.clone());
        } else if !repeated {
            into.accumulate(operand, |dx, write| kernels::scale(dx, dy.data(), sign, write));
        } else if sign == T::ONE {
            into.accumulate(operand, |dx, write| kernels::reduce_to(dx, dy.data(), self.layout, write));
        } else {
            let negative = Tensor::build(dy.shape(), |n| kernels::scale(n, dy.data(), sign, Write::Set));
            into.accumulate(operand, |dx, write| kernels::reduce_to(dx, negative.data(), self.layout, write));
        }
    }

    /// `large/small`: dl = dy/s, ds = −dy·l/s². `small/large`: ds = dy/l, dl = −dy·s/l².
    fn divide_backward<T: Element>(
        &self,
        large: &Tensor<T>,
        small: &Tensor<T>,
        dy: &Tensor<T>,
        into: &mut Backward<'_, T>,
    ) {
        let layout = self.layout;
        let full = |f: &dyn Fn(&mut [T])| Tensor::build(dy.shape(), |x| f(x));
        if self.reversed {
            let ratio = full(&|x| {
                kernels::binary(Binary::Div, x, dy.data(), large.data(), Broadcast::same(dy.numel()), Write::Set)
            });
            into.accumulate(1, |dx, write| kernels::reduce_to(dx, ratio.data(), layout, write));
            if into.wants(0) {
                let quotient =
                    full(&|x| kernels::binary_reversed(Binary::Div, x, large.data(), small.data(), layout, Write::Set));
                let product = full(&|x| {
                    kernels::binary(
                        Binary::Mul,
                        x,
                        ratio.data(),
                        quotient.data(),
                        Broadcast::same(dy.numel()),
                        Write::Set,
                    )
                });
                into.accumulate(0, |dx, write| kernels::scale(dx, product.data(), -T::ONE, write));
            }
        } else {
            let ratio = full(&|x| kernels::binary(Binary::Div, x, dy.data(), small.data(), layout, Write::Set));
            if into.wants(1) {
                let quotient =
                    full(&|x| kernels::binary(Binary::Div, x, large.data(), small.data(), layout, Write::Set));
                let negative = full(&|x| kernels::scale(x, quotient.data(), -T::ONE, Write::Set));
                into.accumulate(1, |dx, write| {
                    kernels::reduce_product_to(dx, ratio.data(), negative.data(), layout, write);
                });
            }
            into.pass(0, || ratio);
        }
    }

    /// Maximum and minimum: the gradient goes to the operand that was chosen, NaN too, to the first written one in a tie.
    fn select_backward<T: Element>(
        &self,
        large: &Tensor<T>,
        small: &Tensor<T>,
        dy: &Tensor<T>,
        into: &mut Backward<'_, T>,
    ) {
        let Broadcast { mid, inner, .. } = self.layout;
        let takes_large = |i: usize| {
            let (l, s) = (large.data()[i], small.data()[(i / inner) % mid]);
            let (first, second) = if self.reversed { (s, l) } else { (l, s) };
            let wins = if matches!(self.kind, Binary::Max) { first >= second } else { first <= second };
            (wins || first.is_nan()) != self.reversed
        };
        let part = |to_large: bool| {
            Tensor::from_fn(dy.shape(), |i| if takes_large(i) == to_large { dy.data()[i] } else { T::ZERO })
        };
        into.pass(0, || part(true));
        if into.wants(1) {
            let losers = part(false);
            into.accumulate(1, |dx, write| kernels::reduce_to(dx, losers.data(), self.layout, write));
        }
    }
}

/// How `small` repeats inside `large`, or `None` if it does not.
fn broadcast(large: Shape, small: Shape) -> Option<Broadcast> {
    let missing = large.len().checked_sub(small.len())?;
    let has = |axis: usize| axis >= missing && small[axis - missing] != 1;
    if (0..large.len()).any(|axis| has(axis) && small[axis - missing] != large[axis]) {
        return None;
    }
    let Some(first) = (0..large.len()).find(|&axis| has(axis)) else {
        return Some(Broadcast { outer: 1, mid: 1, inner: large.numel() });
    };
    let last = (0..large.len()).rfind(|&axis| has(axis)).expect("there is a first one");
    // An axis of size 1 inside the range is no repetition only if the large operand has 1 there too.
    if (first..=last).any(|axis| !has(axis) && large[axis] != 1) {
        return None;
    }
    Some(Broadcast {
        outer: large[..first].iter().product(),
        mid: large[first..=last].iter().product(),
        inner: large[last + 1..].iter().product(),
    })
}

impl<'t, T: Element> Var<'t, T> {
    #[track_caller]
    fn binary(&self, kind: Binary, other: &Var<'t, T>) -> Var<'t, T> {
        let (a, b) = (self.shape(), other.shape());
        if let Some(layout) = broadcast(a, b) {
            self.tape().apply(BinaryOp { kind, layout, reversed: false }, &[self, other])
        } else if let Some(layout) = broadcast(b, a) {
            self.tape().apply(BinaryOp { kind, layout, reversed: true }, &[other, self])
        } else {
            panic!("{}: the shapes {a:?} and {b:?} do not broadcast", name(kind))
        }
    }

    /// The larger of the two, element by element; the gradient of a tie goes to `self`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn maximum(&self, other: &Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Max, other)
    }

    /// The smaller of the two, element by element; the gradient of a tie goes to `self`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn minimum(&self, other: &Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Min, other)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $kind:ident) => {
        impl<'t, T: Element> ops::$trait for &Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, other: Self) -> Var<'t, T> {
                self.binary(Binary::$kind, other)
            }
        }
        impl<'t, T: Element> ops::$trait for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, other: Self) -> Var<'t, T> {
                self.binary(Binary::$kind, &other)
            }
        }
        impl<'t, T: Element> ops::$trait<&Var<'t, T>> for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, other: &Self) -> Var<'t, T> {
                self.binary(Binary::$kind, other)
            }
        }
        impl<'t, T: Element> ops::$trait<Var<'t, T>> for &Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, other: Var<'t, T>) -> Var<'t, T> {
                self.binary(Binary::$kind, &other)
            }
        }
    };
}

operator!(Add, add, Add);
operator!(Sub, sub, Sub);
operator!(Mul, mul, Mul);
operator!(Div, div, Div);

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(large: &[usize], small: &[usize]) -> Option<(usize, usize, usize)> {
        broadcast(Shape::new(large), Shape::new(small)).map(|b| (b.outer, b.mid, b.inner))
    }

    #[test]
    fn shapes_that_models_need_broadcast() {
        assert_eq!(layout(&[2, 3, 4], &[2, 3, 4]), Some((1, 24, 1)), "same shape");
        assert_eq!(layout(&[2, 3, 4], &[4]), Some((6, 4, 1)), "bias");
        assert_eq!(layout(&[2, 3, 4], &[3, 4]), Some((2, 12, 1)), "positions");
        assert_eq!(layout(&[2, 3, 4], &[2, 3, 1]), Some((1, 6, 4)), "one number a row");
        assert_eq!(layout(&[2, 3, 4, 4], &[3, 1, 1]), Some((2, 3, 16)), "one number a head");
        assert_eq!(layout(&[2, 3], &[]), Some((1, 1, 6)), "scalar");
        assert_eq!(layout(&[2, 1, 3], &[2, 1, 3]), Some((1, 6, 1)), "a one that both have");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert_eq!(layout(&[2, 3, 4], &[3]), None);
        assert_eq!(layout(&[2, 3, 4], &[2, 1, 4]), None, "two separate axes");
        assert_eq!(layout(&[3], &[2, 3]), None);
    }
}
