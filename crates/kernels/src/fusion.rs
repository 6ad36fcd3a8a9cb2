//! What is done to the operands of a product before it and to the product after it, while they are in the cache.

use crate::block::Block;
use crate::dropout::Dropper;
use crate::random::RandomKey;
use crate::real::Real;
use crate::scratch::Scratch;
use crate::unary::{Unary, in_place};
use crate::write::Write;

/// Functions of the elements of operands, applied as they are packed: their results are never in memory as a whole.
///
/// Element by element the same numbers as from [`unary`](fn@crate::unary). With a few rows, where nothing is packed, and in the specification, the operand is
/// copied first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prologue {
    /// The function of the elements of A.
    pub a: Option<Unary>,
    /// The function of the elements of B, which is then [`Weights::Full`](crate::Weights::Full).
    pub b: Option<Unary>,
}

/// What happens to a product before it is left: `C = dropout(f((product + bias) ∘ g′(saved))) + residual`.
#[derive(Debug)]
pub struct Epilogue<'a, T> {
    /// `n` numbers that are added to each row.
    pub bias: Option<&'a [T]>,
    /// A function g whose derivative is multiplied with, and `m · n` numbers that [`Unary::saves`] names, or none if it names nothing: the backward pass of an
    /// activation before a product.
    pub derivative: Option<(Unary, &'a [T])>,
    /// The function f.
    pub activation: Option<Unary>,
    /// Receives the `m · n` values from before the activation, for its backward pass.
    pub pre_activation: Option<&'a mut [T]>,
    /// `m · n` numbers that are added after the activation.
    pub residual: Option<&'a [T]>,
    /// Which elements are dropped before the residual is added, and with what probability: the same as [`dropout`](crate::dropout) of all of C.
    pub dropout: Option<(RandomKey, f64)>,
}

impl<T> Epilogue<'_, T> {
    /// Nothing.
    pub const NONE: Self = Epilogue {
        bias: None,
        derivative: None,
        activation: None,
        pre_activation: None,
        residual: None,
        dropout: None,
    };

    /// Whether nothing happens.
    pub(crate) const fn is_none(&self) -> bool {
        matches!(
            self,
            Epilogue {
                bias: None,
                derivative: None,
                activation: None,
                pre_activation: None,
                residual: None,
                dropout: None
            }
        )
    }
}

/// A function and the kernel that applies it.
#[derive(Clone, Copy)]
pub(crate) struct Apply<T> {
    pub(crate) op: Unary,
    pub(crate) kernel: fn(Unary, &mut [T], &[T], Write),
}

impl<T: Real> Apply<T> {
    pub(crate) fn in_place(&self, x: &mut [T]) {
        in_place(self.kernel, self.op, x);
    }
}

/// A function whose derivative is multiplied with, the kernel that does it, and what it reads: as much as C, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Derivative<'a, T> {
    pub(crate) op: Unary,
    pub(crate) kernel: fn(Unary, &mut [T], &[T], &[T], Write),
    pub(crate) saved: &'a [T],
}

/// What happens to the rectangle of a task when its products are summed.
pub(crate) struct Finish<'a, T> {
    pub(crate) bias: Option<&'a [T]>,
    pub(crate) derivative: Option<Derivative<'a, T>>,
    pub(crate) activation: Option<Apply<T>>,
    pub(crate) dropout: Option<Dropper<T>>,
    pub(crate) residual: Option<&'a [T]>,
    /// The number of the first element of the rectangle in the whole matrix.
    pub(crate) start: usize,
    pub(crate) stride: usize,
    pub(crate) first_col: usize,
    pub(crate) pre_activation: Option<Block<'a, T>>,
}

/// A copy of so few elements that it is done before a call of the system's would begin.
#[inline(always)]
fn copy_short<T: Real>(to: &mut [T], from: &[T]) {
    assert!(to.len() == from.len());
    let ((whole, rest), (from, last)) = (to.as_chunks_mut::<8>(), from.as_chunks::<8>());
    for (to, from) in whole.iter_mut().zip(from) {
        *to = *from;
    }
    for (to, &from) in rest.iter_mut().zip(last) {
        *to = from;
    }
}

impl<'a, T: Real> Finish<'a, T> {
    /// The bias, if nothing else happens: a tile then adds it in its registers.
    pub(crate) fn bias_alone(&self) -> Option<&'a [T]> {
        match self {
            Finish {
                derivative: None, activation: None, dropout: None, residual: None, pre_activation: None, ..
            } => self.bias,
            _ => None,
        }
    }

    /// Finishes row `i` of the rectangle, which holds the product.
    pub(crate) fn row(&mut self, i: usize, c: &mut [T]) {
        if let Some(bias) = self.bias {
            c.iter_mut().zip(&bias[self.first_col..]).for_each(|(c, &bias)| *c += bias);
        }
        let start = self.start + i * self.stride;
        if let Some(Derivative { op, kernel, saved }) = self.derivative {
            let product = &mut Scratch::new(c.len())[..];
            product.copy_from_slice(c);
            kernel(op, c, product, if saved.is_empty() { product } else { &saved[start..][..c.len()] }, Write::Set);
        }
        if let Some(pre) = &mut self.pre_activation {
            pre.row(i).copy_from_slice(c);
        }
        if let Some(activation) = self.activation {
            activation.in_place(c);
        }
        if let Some(dropper) = &self.dropout {
            dropper.in_place(c, start);
        }
        if let Some(residual) = self.residual {
            c.iter_mut().zip(&residual[start..]).for_each(|(c, &residual)| *c += residual);
        }
    }

    /// Multiplies `products`, rows of `width` elements of which the first `columns` count, with the derivative. `room` has room for as many, twice. They begin at row `i`
    /// and column `j` of the rectangle.
    #[inline(always)]
    pub(crate) fn derive(
        &self,
        (i, j): (usize, usize),
        products: &mut [T],
        (width, columns): (usize, usize),
        room: &mut [T],
    ) {
        let Some(Derivative { op, kernel, saved }) = self.derivative else { return };
        let (copy, near) = room.split_at_mut(products.len());
        copy_short(copy, products);
        if saved.is_empty() {
            return kernel(op, products, copy, copy, Write::Set);
        }
        let near = &mut near[..products.len()];
        for (r, near) in near.chunks_mut(width).enumerate() {
            copy_short(&mut near[..columns], &saved[self.start + (i + r) * self.stride + j..][..columns]);
            // Results of these are left nowhere.
            near[columns..].fill(T::ZERO);
        }
        kernel(op, products, copy, near, Write::Set);
    }

    /// Applies the activation to `before`, with `room` to leave the result in. The result is `before` itself if there is none.
    #[inline(always)]
    pub(crate) fn activate<'b>(&self, before: &'b [T], room: &'b mut [T]) -> &'b [T] {
        match self.activation {
            None => before,
            Some(Apply { op, kernel }) => {
                kernel(op, room, before, Write::Set);
                room
            }
        }
    }

    /// Leaves finished values of a part of a row, which begins at row `i` and column `j` of the rectangle: `before` the activation and
    /// `after` it.
    #[inline(always)]
    pub(crate) fn leave(&mut self, (i, j): (usize, usize), before: &[T], after: &[T], c: &mut [T]) {
        if let Some(pre) = &mut self.pre_activation {
            copy_short(&mut pre.row(i)[j..j + before.len()], before);
        }
        let start = self.start + i * self.stride + j;
        match (&self.dropout, self.residual) {
            (None, None) => copy_short(c, after),
            (None, Some(residual)) => {
                c.iter_mut()
                    .zip(after)
                    .zip(&residual[start..])
                    .for_each(|((c, &after), &residual)| *c = after + residual);
            }
            (Some(dropper), residual) => {
                copy_short(c, after);
                dropper.in_place(c, start);
                if let Some(residual) = residual {
                    c.iter_mut().zip(&residual[start..]).for_each(|(c, &residual)| *c += residual);
                }
            }
        }
    }
}
