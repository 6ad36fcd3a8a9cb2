//! Bodies of the reductions.

use super::{Isa, lanes, map};
use crate::elementwise::Broadcast;
use crate::reduce::STRIPE;
use crate::write::Write;

/// Rows of a column sum that are added in `f32` before the sum moves to `f64`.
const RUN: usize = 64;

#[inline(always)]
pub(crate) fn sum<I: Isa>(x: &[f32]) -> f64 {
    lanes::sum::<I>(x)
}

#[inline(always)]
pub(crate) fn dot<I: Isa>(a: &[f32], b: &[f32]) -> f64 {
    lanes::dot::<I>(a, b)
}

#[inline(always)]
pub(crate) fn all_finite<I: Isa>(x: &[f32]) -> bool {
    // No early exit within a block: that would keep the loop from being vectorised.
    x.iter().fold(true, |finite, x| finite & x.is_finite())
}

#[inline(always)]
pub(crate) fn row_sum<I: Isa>(out: &mut [f32], x: &[f32], cols: usize, write: Write) {
    map!(write, out, 0.., |r| lanes::sum::<I>(&x[r * cols..][..cols]) as f32);
}

#[inline(always)]
pub(crate) fn row_argmax<I: Isa>(out: &mut [u32], x: &[f32], cols: usize) {
    for (r, out) in out.iter_mut().enumerate() {
        let x = &x[r * cols..][..cols];
        let max = lanes::max::<I>(x);
        let column = if max == f32::NEG_INFINITY { None } else { x.iter().position(|&x| x == max) };
        *out = column.unwrap_or(0) as u32;
    }
}

#[inline(always)]
pub(crate) fn reduce<I: Isa>(
    out: &mut [f32],
    first: usize,
    g: &[f32],
    a: Option<&[f32]>,
    layout: Broadcast,
    write: Write,
) {
    let Broadcast { outer, mid, inner } = layout;
    if inner == 1 {
        let width = out.len();
        let row = |o: usize| o * mid + first..o * mid + first + width;
        match a {
            None => columns(out, outer, write, |sums, o| {
                for (sum, g) in sums.iter_mut().zip(&g[row(o)]) {
                    *sum += g;
                }
            }),
            Some(a) => columns(out, outer, write, |sums, o| {
                for ((sum, &g), &a) in sums.iter_mut().zip(&g[row(o)]).zip(&a[row(o)]) {
                    *sum = I::mul_add(g, a, *sum);
                }
            }),
        }
    } else {
        map!(write, out, first.., |m| {
            let mut total = 0.0;
            for o in 0..outer {
                let run = (o * mid + m) * inner..(o * mid + m + 1) * inner;
                total += match a {
                    Some(a) => lanes::dot::<I>(&g[run.clone()], &a[run]),
                    None => lanes::sum::<I>(&g[run]),
                };
            }
            total as f32
        });
    }
}

/// Sums down the columns of a stripe: `add(sums, row)` adds one row to the running sums.
#[inline(always)]
pub(crate) fn columns(out: &mut [f32], rows: usize, write: Write, add: impl Fn(&mut [f32], usize)) {
    let width = out.len();
    let mut totals = [0.0f64; STRIPE];
    for start in (0..rows).step_by(RUN) {
        let mut sums = [0.0f32; STRIPE];
        for row in start..rows.min(start + RUN) {
            add(&mut sums[..width], row);
        }
        for (total, &sum) in totals.iter_mut().zip(&sums) {
            *total += f64::from(sum);
        }
    }
    map!(write, out, &totals, |&total| total as f32);
}
