//! Bodies of the elementwise kernels.

use super::{Isa, map};
use crate::dropout::Drop;
use crate::elementwise::{Binary, Broadcast};
use crate::write::Write;

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn binary<I: Isa>(
    op: Binary,
    reversed: bool,
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    layout: Broadcast,
    first: usize,
    write: Write,
) {
    // Spelled out, so that each loop holds one operation.
    macro_rules! run {
        ($op:path) => {
            if reversed {
                broadcast(out, a, b, layout, first, write, |a, b| $op.apply(b, a))
            } else {
                broadcast(out, a, b, layout, first, write, |a, b| $op.apply(a, b))
            }
        };
    }
    match op {
        Binary::Add => run!(Binary::Add),
        Binary::Sub => run!(Binary::Sub),
        Binary::Mul => run!(Binary::Mul),
        Binary::Div => run!(Binary::Div),
        Binary::Max => run!(Binary::Max),
        Binary::Min => run!(Binary::Min),
    }
}

/// Walks the block in runs: of one element of `b` when elements are repeated in place, else of neighbours in `b`.
#[inline(always)]
fn broadcast(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    layout: Broadcast,
    first: usize,
    write: Write,
    op: impl Fn(f32, f32) -> f32,
) {
    let len = out.len();
    let (mid, inner) = (layout.mid, layout.inner);
    let mut i = 0;
    while i < len {
        let at = first + i;
        if inner == 1 && mid > 1 {
            let j = at % mid;
            let run = (mid - j).min(len - i);
            let pairs = a[i..i + run].iter().zip(&b[j..j + run]);
            map!(write, out[i..i + run], pairs, |(&a, &b)| op(a, b));
            i += run;
        } else {
            let run = if mid == 1 { len } else { (inner - at % inner).min(len - i) };
            let b = b[at / inner % mid];
            map!(write, out[i..i + run], &a[i..i + run], |&a| op(a, b));
            i += run;
        }
    }
}

#[inline(always)]
pub(crate) fn scale<I: Isa>(out: &mut [f32], x: &[f32], alpha: f32, write: Write) {
    map!(write, out, x, |&x| alpha * x);
}

#[inline(always)]
pub(crate) fn affine<I: Isa>(out: &mut [f32], x: &[f32], alpha: f32, beta: f32, write: Write) {
    map!(write, out, x, |&x| I::mul_add(alpha, x, beta));
}

#[inline(always)]
pub(crate) fn accumulate<I: Isa>(out: &mut [f32], x: &[f32]) {
    map!(Write::Add, out, x, |&x| x);
}

/// Random groups of four elements that are made at a time.
const GROUPS: usize = 16;

#[inline(always)]
pub(crate) fn dropout<I: Isa>(out: &mut [f32], x: &[f32], first: usize, drop: &Drop, write: Write) {
    let scale = drop.scale as f32;
    if drop.threshold == 0 {
        map!(write, out, x, |&x| x * scale);
        return;
    }
    let last_dropped = (drop.threshold - 1) as u32;
    // Blocks begin at multiples of the block size, hence at the beginning of a group.
    let mut group = (first / 4) as u64;
    for (out, x) in out.chunks_mut(4 * GROUPS).zip(x.chunks(4 * GROUPS)) {
        let mut bits = [[0u32; 4]; GROUPS];
        for (i, bits) in bits.iter_mut().enumerate() {
            *bits = drop.key.bits_group(group + i as u64);
        }
        map!(write, out, x.iter().zip(bits.as_flattened()), |(&x, &bits)| {
            if bits <= last_dropped { 0.0 } else { x * scale }
        });
        group += GROUPS as u64;
    }
}
