//! Kernels that treat each element alone: arithmetic with broadcasting, scaling, copies.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, blocks, part};
use crate::write::Write;

/// How a small operand meets a large one.
///
/// The large operand is seen as `[outer, mid, inner]`, the small one as `[mid]`: element `i` of the large one meets element
/// `(i / inner) % mid` of the small one. Equal shapes are `{1, n, 1}`, a bias over the last axis `{rows, n, 1}`, one number a row
/// `{1, rows, n}`, one number a head `{batch, heads, queries · keys}`, one number for all `{1, 1, n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Broadcast {
    /// How often the small operand is repeated as a whole.
    pub outer: usize,
    /// The elements of the small operand.
    pub mid: usize,
    /// How often each element of the small operand is repeated in place.
    pub inner: usize,
}

impl Broadcast {
    /// Two operands of the same shape, of `len` elements.
    #[must_use]
    pub const fn same(len: usize) -> Broadcast {
        Broadcast { outer: 1, mid: len, inner: 1 }
    }

    /// The elements of the large operand: `outer · mid · inner`.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a length of a layout, not of a container")]
    pub const fn len(&self) -> usize {
        self.outer * self.mid * self.inner
    }
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// The greater one: `a` when `a > b` or `a` is NaN, else `b`, so that a NaN on either side is kept.
    Max,
    /// The lesser one: `a` when `a < b` or `a` is NaN, else `b`, so that a NaN on either side is kept.
    Min,
}

impl Binary {
    /// The result for one pair of numbers.
    #[inline(always)]
    pub fn apply<T: Real>(self, a: T, b: T) -> T {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            // `a != a` is the NaN test that vectorises.
            #[expect(clippy::eq_op, reason = "true for NaN only")]
            Binary::Max => {
                if a > b || a != a {
                    a
                } else {
                    b
                }
            }
            #[expect(clippy::eq_op, reason = "true for NaN only")]
            Binary::Min => {
                if a < b || a != a {
                    a
                } else {
                    b
                }
            }
        }
    }
}

/// `out = a op b`, where `a` and `out` have `layout.len()` elements and `b` has `layout.mid`.
///
/// # Panics
/// When a length does not fit the layout.
#[track_caller]
pub fn binary<T: Real>(op: Binary, out: &mut [T], a: &[T], b: &[T], layout: Broadcast, write: Write) {
    run_binary("binary", op, false, out, a, b, layout, write);
}

/// `out = b op a`: like [`binary`] with the small operand on the left, for differences and quotients.
///
/// # Panics
/// When a length does not fit the layout.
#[track_caller]
pub fn binary_reversed<T: Real>(op: Binary, out: &mut [T], a: &[T], b: &[T], layout: Broadcast, write: Write) {
    run_binary("binary_reversed", op, true, out, a, b, layout, write);
}

#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of two public kernels")]
fn run_binary<T: Real>(
    kernel: &str,
    op: Binary,
    reversed: bool,
    out: &mut [T],
    a: &[T],
    b: &[T],
    layout: Broadcast,
    write: Write,
) {
    let len = check::product(kernel, &[layout.outer, layout.mid, layout.inner]);
    check::length(kernel, "out", out.len(), len);
    check::length(kernel, "a", a.len(), len);
    check::length(kernel, "b", b.len(), layout.mid);
    if len == 0 {
        return;
    }
    let run = table::<T>().binary;
    blocks(len, out, BLOCK, |i, out| run(op, reversed, out, part(a, i, BLOCK), b, layout, i * BLOCK, write));
}

/// `out = alpha · x`
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn scale<T: Real>(out: &mut [T], x: &[T], alpha: T, write: Write) {
    check::length("scale", "x", x.len(), out.len());
    let run = table::<T>().scale;
    blocks(out.len(), out, BLOCK, |i, out| run(out, part(x, i, BLOCK), alpha, write));
}

/// `out = alpha · x + beta`
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn affine<T: Real>(out: &mut [T], x: &[T], alpha: T, beta: T, write: Write) {
    check::length("affine", "x", x.len(), out.len());
    let run = table::<T>().affine;
    blocks(out.len(), out, BLOCK, |i, out| run(out, part(x, i, BLOCK), alpha, beta, write));
}

/// Copies `x` to `out` ([`Write::Set`]) or adds it ([`Write::Add`]).
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn copy<T: Real>(out: &mut [T], x: &[T], write: Write) {
    check::length("copy", "x", x.len(), out.len());
    let add = table::<T>().accumulate;
    blocks(out.len(), out, BLOCK, |i, out| put(add, out, part(x, i, BLOCK), write));
}

/// Copies or adds one piece, with the `accumulate` kernel of the level in force.
#[inline]
pub(crate) fn put<T: Real>(add: fn(&mut [T], &[T]), out: &mut [T], x: &[T], write: Write) {
    match write {
        Write::Set => out.copy_from_slice(x),
        Write::Add => add(out, x),
    }
}
