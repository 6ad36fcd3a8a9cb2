//! Reductions: whole slices, rows, and the sums that undo a broadcast.

use rayon::prelude::*;

use crate::check;
use crate::elementwise::Broadcast;
use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, block_rows, blocks, is_parallel, part, sum_blocks};
use crate::write::Write;

/// Destinations of a column reduction that one task owns: four cache lines of `f32`, enough tasks for a narrow bias.
pub(crate) const STRIPE: usize = 64;

/// Σ xᵢ, accumulated in `f64` across blocks.
#[must_use]
pub fn sum<T: Real>(x: &[T]) -> f64 {
    let run = table::<T>().sum;
    sum_blocks(x.len(), |start, end| run(&x[start..end]))
}

/// Σ aᵢ·bᵢ, accumulated in `f64` across blocks.
///
/// # Panics
/// When the lengths differ.
#[track_caller]
#[must_use]
pub fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    check::length("dot", "b", b.len(), a.len());
    let run = table::<T>().dot;
    sum_blocks(a.len(), |start, end| run(&a[start..end], &b[start..end]))
}

/// Σ xᵢ², accumulated in `f64` across blocks.
#[must_use]
pub fn sum_squares<T: Real>(x: &[T]) -> f64 {
    dot(x, x)
}

/// The index of the first element that is infinite or NaN.
#[must_use]
pub fn first_non_finite<T: Real>(x: &[T]) -> Option<usize> {
    let run = table::<T>().all_finite;
    let block = if is_parallel(x.len()) {
        x.par_chunks(BLOCK).position_first(|block| !run(block))?
    } else {
        x.chunks(BLOCK).position(|block| !run(block))?
    };
    part(x, block, BLOCK).iter().position(|x| !x.is_finite()).map(|i| block * BLOCK + i)
}

/// `out[r]` = the sum of the `cols` elements of row `r` of `x`.
///
/// # Panics
/// When `x` does not have `out.len() · cols` elements.
#[track_caller]
pub fn row_sum<T: Real>(out: &mut [T], x: &[T], cols: usize, write: Write) {
    check::length("row_sum", "x", x.len(), check::product("row_sum", &[out.len(), cols]));
    let run = table::<T>().row_sum;
    let rows = block_rows(cols);
    blocks(x.len(), out, rows, |i, out| run(out, part(x, i, rows * cols), cols, write));
}

/// `out[r]` = the column of the greatest element of row `r`; the first one of equals, 0 when the row has nothing above −∞.
///
/// # Panics
/// When `x` does not have `out.len() · cols` elements, or a column does not fit `u32`.
#[track_caller]
pub fn row_argmax<T: Real>(out: &mut [u32], x: &[T], cols: usize) {
    check::length("row_argmax", "x", x.len(), check::product("row_argmax", &[out.len(), cols]));
    assert!(u32::try_from(cols).is_ok(), "kernels::row_argmax: {cols} columns are more than a u32 can number");
    let run = table::<T>().row_argmax;
    let rows = block_rows(cols);
    blocks(x.len(), out, rows, |i, out| run(out, part(x, i, rows * cols), cols));
}

/// `out[m] = Σ g[o, m, i]` over outer `o` and inner `i`: the gradient of an operand that [`Broadcast`] repeated.
///
/// # Panics
/// When a length does not fit the layout.
#[track_caller]
pub fn reduce_to<T: Real>(out: &mut [T], g: &[T], layout: Broadcast, write: Write) {
    reduce("reduce_to", out, g, None, layout, write);
}

/// `out[m] = Σ g[o, m, i] · a[o, m, i]` over outer `o` and inner `i`: the gradient of a repeated factor.
///
/// # Panics
/// When a length does not fit the layout.
#[track_caller]
pub fn reduce_product_to<T: Real>(out: &mut [T], g: &[T], a: &[T], layout: Broadcast, write: Write) {
    check::length("reduce_product_to", "a", a.len(), g.len());
    reduce("reduce_product_to", out, g, Some(a), layout, write);
}

#[track_caller]
fn reduce<T: Real>(kernel: &str, out: &mut [T], g: &[T], a: Option<&[T]>, layout: Broadcast, write: Write) {
    check::length(kernel, "out", out.len(), layout.mid);
    check::length(kernel, "g", g.len(), check::product(kernel, &[layout.outer, layout.mid, layout.inner]));
    if let [out] = out {
        let total = T::from_f64(match a {
            Some(a) => dot(g, a),
            None => sum(g),
        });
        match write {
            Write::Set => *out = total,
            Write::Add => *out += total,
        }
        return;
    }
    let run = table::<T>().reduce;
    // With inner axes a destination is a whole sum of its own, worth a task; without them neighbours share cache lines.
    let size = if layout.inner == 1 { STRIPE } else { block_rows(layout.outer.saturating_mul(layout.inner)) };
    blocks(g.len(), out, size, |i, out| run(out, i * size, g, a, layout, write));
}
