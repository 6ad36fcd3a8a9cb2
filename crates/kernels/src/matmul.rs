//! Matrix products.

use std::ops::Range;

use crate::block::Matrix;
use crate::check;
use crate::dropout::Dropper;
use crate::fusion::{Apply, Derivative, Epilogue, Finish, Prologue};
use crate::packed::{Packed, PackedWeights};
use crate::plan;
use crate::real::Real;
use crate::scratch::Scratch;
use crate::simd::{inner, slices};
use crate::table::{Table, table};
use crate::threads::{PARALLEL_WORK, blocks, tasks};
use crate::unary::{Saves, Unary, by_blocks};
use crate::weights::Weights;
use crate::write::Write;

/// Whether an operand is stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trans {
    /// Stored as it is used.
    No,
    /// Stored as the transpose of what is used.
    Yes,
}

/// The operands of `C[m, n] = alpha · op(A)[m, k] · op(B)[k, n]`. All matrices are row-major and contiguous.
#[derive(Clone, Copy, Debug)]
pub struct MatMul<'a, T: Real> {
    /// A, stored `[m, k]`, or `[k, m]` when transposed.
    pub a: &'a [T],
    /// How A is stored.
    pub trans_a: Trans,
    /// B, stored `[k, n]`, or `[n, k]` when transposed, and as it is held. Products and sums are in the element type whatever that is
    /// (`f64` sums at [`Level::Scalar`](crate::Level::Scalar)).
    pub b: Weights<'a, T>,
    /// How B is stored.
    pub trans_b: Trans,
    /// The rows of A and C.
    pub m: usize,
    /// The columns of B and C.
    pub n: usize,
    /// The columns of A and rows of B, which are summed over. Zero gives a product of zeros.
    pub k: usize,
    /// A factor on the product.
    pub alpha: T,
    /// What is done to the operands where they are read: `C = alpha · f(op(A)) · g(op(B))`.
    pub prologue: Prologue,
    /// op(B) packed before, if it was: the same weights, or the product is another one.
    pub packed: Option<&'a PackedWeights<T>>,
}

impl<'a, T: Real> MatMul<'a, T> {
    /// `A[m, k] · B[k, n]`, neither stored transposed, with factor 1.
    #[must_use]
    pub fn new(a: &'a [T], b: &'a [T], m: usize, n: usize, k: usize) -> MatMul<'a, T> {
        MatMul::with_weights(a, Weights::Full(b), m, n, k)
    }

    /// The same with a B that may be held in another precision.
    #[must_use]
    pub fn with_weights(a: &'a [T], b: Weights<'a, T>, m: usize, n: usize, k: usize) -> MatMul<'a, T> {
        let (prologue, packed) = (Prologue::default(), None);
        MatMul { a, trans_a: Trans::No, b, trans_b: Trans::No, m, n, k, alpha: T::ONE, prologue, packed }
    }
}

/// A batch of products `C[i] = alpha · op(A[i]) · op(B[i])`.
#[derive(Clone, Copy, Debug)]
pub struct BatchedMatMul<'a, T: Real> {
    /// The number of products.
    pub batch: usize,
    /// `args.a` holds one matrix for the whole batch instead of `batch` of them.
    pub a_shared: bool,
    /// `args.b` holds one matrix for the whole batch instead of `batch` of them.
    pub b_shared: bool,
    /// The operands, with the sizes of one product.
    pub args: MatMul<'a, T>,
}

/// Up to this many rows, packing B costs more than reading it in place.
pub(crate) const FEW_ROWS: usize = 16;

/// Columns of op(B) that are packed together: some cache lines of each row that B is stored in.
const PACKED_TOGETHER: usize = 128;

/// Multiply-adds that cost as much as one memory-bound element operation.
const MULTIPLY_ADDS_PER_WORK: usize = 16;

/// Products in a batch from which on each one runs on one thread: more of them than threads keep all threads busy, and a product by
/// itself may be too small to share.
const BATCH_OF_TASKS: usize = 8;

/// `C = alpha · op(A) · op(B)` or `C += …`.
///
/// Cost: 2·m·n·k operations. In `f32`, with more than a few rows and but at [`Level::Scalar`](crate::Level::Scalar), op(B) is packed once
/// into panels and C is summed tile by tile in registers; with a few rows B is read in place, once.
///
/// # Panics
/// When a length does not fit the sizes.
#[track_caller]
pub fn matmul<T: Real>(args: MatMul<'_, T>, c: &mut [T], write: Write) {
    check_one("matmul", &args, 1, false, false, c.len());
    product(table(), &args, c, write, Epilogue::NONE, true);
}

/// `C = dropout(f((alpha · op(A) · op(B) + bias) ∘ g′(saved))) + residual`, with all that follows the product applied while a tile of C is still near.
///
/// # Panics
/// When a length does not fit the sizes or a probability is not in [0, 1].
#[track_caller]
pub fn matmul_fused<T: Real>(args: MatMul<'_, T>, c: &mut [T], epilogue: Epilogue<'_, T>) {
    const KERNEL: &str = "matmul_fused";
    check_one(KERNEL, &args, 1, false, false, c.len());
    if let Some(bias) = epilogue.bias {
        check::length(KERNEL, "bias", bias.len(), args.n);
    }
    if let Some((op, saved)) = epilogue.derivative {
        check::length(KERNEL, "derivative", saved.len(), if op.saves() == Saves::Neither { 0 } else { c.len() });
    }
    if let Some(pre) = &epilogue.pre_activation {
        check::length(KERNEL, "pre_activation", pre.len(), c.len());
    }
    if let Some(residual) = epilogue.residual {
        check::length(KERNEL, "residual", residual.len(), c.len());
    }
    if let Some((_, p)) = epilogue.dropout {
        assert!((0.0..=1.0).contains(&p), "kernels::{KERNEL}: p is {p}, but a probability lies between 0 and 1");
    }
    product(table(), &args, c, Write::Set, epilogue, true);
}

/// A batch of products, `C[i] = alpha · op(A[i]) · op(B[i])` or `C[i] += …`, in parallel over the batch, or over the rows and columns
/// of each product if there are few.
///
/// # Panics
/// When a length does not fit the sizes.
#[track_caller]
pub fn matmul_batched<T: Real>(args: BatchedMatMul<'_, T>, c: &mut [T], write: Write) {
    let BatchedMatMul { batch, a_shared, b_shared, args } = args;
    check_one("matmul_batched", &args, batch, a_shared, b_shared, c.len());
    if c.is_empty() {
        return;
    }
    let table = table::<T>();
    let (m, n, k) = (args.m, args.n, args.k);
    if b_shared && !a_shared && args.trans_a == Trans::No && m > FEW_ROWS {
        // The rows of all products stand below each other, so this is one product.
        return product(table, &MatMul { m: batch * m, ..args }, c, write, Epilogue::NONE, true);
    }
    let item = |i: usize| {
        let a = if a_shared { args.a } else { &args.a[i * m * k..][..m * k] };
        let b = if b_shared { args.b } else { args.b.slice(i * k * n..(i + 1) * k * n) };
        MatMul { a, b, ..args }
    };
    if batch < BATCH_OF_TASKS {
        for (i, c) in c.chunks_mut(m * n).enumerate() {
            product(table, &item(i), c, write, Epilogue::NONE, true);
        }
    } else {
        // A task is some products, not one, if they are tiny.
        let group = (PARALLEL_WORK / 4).div_ceil(work(&args).max(1)).min(batch);
        blocks(batch.saturating_mul(work(&args)), c, group * m * n, |first, c| {
            for (i, c) in c.chunks_mut(m * n).enumerate() {
                product(table, &item(first * group + i), c, write, Epilogue::NONE, false);
            }
        });
    }
}

/// The work of a product in memory-bound element operations: its arithmetic, or reading B.
fn work<T: Real>(args: &MatMul<'_, T>) -> usize {
    let MatMul { m, n, k, .. } = *args;
    if m <= FEW_ROWS {
        return n.saturating_mul(k.max(m));
    }
    m.saturating_mul(n).saturating_mul(k.max(1)) / MULTIPLY_ADDS_PER_WORK
}

/// One product, on several threads if it `may_share` its work and is large enough.
fn product<T: Real>(
    table: &Table<T>,
    args: &MatMul<'_, T>,
    c: &mut [T],
    write: Write,
    epilogue: Epilogue<'_, T>,
    may_share: bool,
) {
    if c.is_empty() {
        return;
    }
    let panel = (table.panel_width)(args);
    let mut room = [None, None];
    let args = &if panel == 0 { applied(table, args, &mut room) } else { *args };
    let (m, n, k) = (args.m, args.n, args.k);
    let work = if may_share { work(args) } else { 0 };
    let c = Matrix::new(c, n);
    let apply = |op: Option<Unary>| op.map(|op| Apply { op, kernel: table.unary });
    let finishes = !epilogue.is_none();
    let Epilogue { bias, derivative, activation, pre_activation, residual, dropout } = epilogue;
    let derivative = derivative.map(|(op, saved)| Derivative { op, kernel: table.unary_backward, saved });
    let pre = pre_activation.map(|pre| Matrix::new(pre, n));
    let dropout = dropout.map(|(key, p)| Dropper::new(table, key, p));
    let rectangle = |packed: Option<Packed<'_, T>>, rows: Range<usize>, cols: Range<usize>| {
        // SAFETY: the rectangles of a grid do not overlap, nor do the ranges of columns that are packed one after the other.
        let mut block = unsafe { c.block(rows.clone(), cols.clone()) };
        let mut finish = Finish {
            bias,
            derivative,
            activation: apply(activation),
            dropout,
            residual,
            start: rows.start * n + cols.start,
            stride: n,
            first_col: cols.start,
            // SAFETY: as above.
            pre_activation: pre.as_ref().map(|pre| unsafe { pre.block(rows, cols) }),
        };
        if k == 0 {
            for i in 0..block.rows.len() {
                if write == Write::Set {
                    block.row(i).fill(T::ZERO);
                }
                finish.row(i, block.row(i));
            }
        } else {
            let prologue = apply(args.prologue.a);
            (table.matmul)(args, packed, &mut block, write, prologue, finishes.then_some(&mut finish));
        }
    };
    if panel == 0 || k == 0 {
        let grid = plan::in_place(m, n, k, args.trans_b);
        return tasks(work, grid.len(), |i| {
            let (rows, cols) = grid.part(i);
            rectangle(None, rows, cols);
        });
    }
    let ready = args.packed.and_then(|packed| packed.panels(panel));
    let (slices, at_once) = (slices(k), if ready.is_some() { slices(k) } else { plan::slices_at_once(k) });
    // The first slices are the deepest, and the first columns the most: no other part of op(B) is larger.
    let depth = inner(k, 0..at_once).len();
    let chunk = plan::columns_at_once(depth, panel);
    let mut room = None;
    for first in (0..n).step_by(chunk) {
        let width = chunk.min(n - first);
        let padded = width.next_multiple_of(panel);
        let grid = plan::packed(m, width);
        for first_slice in (0..slices).step_by(at_once) {
            let slices = first_slice..slices.min(first_slice + at_once);
            let panels = match ready {
                Some(panels) => &panels[first * k..][..padded * k],
                None => {
                    let room = room.get_or_insert_with(|| Scratch::new(padded * depth));
                    let inner = inner(k, slices.clone());
                    let panels = &mut room[..padded * inner.len()];
                    pack(table, args, first, inner, may_share, panels);
                    &*panels
                }
            };
            let packed = Packed { first_col: first, slices: slices.clone(), panels };
            tasks(work / (n * k) * (width * inner(k, slices).len()), grid.len(), |i| {
                let (rows, cols) = grid.part(i);
                rectangle(Some(packed.clone()), rows, first + cols.start..first + cols.end);
            });
        }
    }
}

/// Packs op(B) from column `first` on over a range of the inner index into as many panels as there is room for, on several threads if it `may_share` its work.
pub(crate) fn pack<T: Real>(
    table: &Table<T>,
    args: &MatMul<'_, T>,
    first: usize,
    inner: Range<usize>,
    may_share: bool,
    panels: &mut [T],
) {
    let (columns, prologue) = ((table.panel_width)(args), args.prologue.b);
    let work = if may_share { panels.len() * prologue.map_or(1, Unary::work) } else { 0 };
    let group = (PACKED_TOGETHER / columns).max(1) * columns;
    blocks(work, panels, group * inner.len(), |i, out| {
        (table.pack)(args, first + i * group, inner.clone(), out);
        if let Some(op) = prologue {
            Apply { op, kernel: table.unary }.in_place(out);
        }
    });
}

/// A product without a prologue: that of operands which it has been applied to, which are left in the room.
fn applied<'a, T: Real>(
    table: &Table<T>,
    args: &MatMul<'a, T>,
    [a, b]: &'a mut [Option<Scratch<T>>; 2],
) -> MatMul<'a, T> {
    let run = |op: Unary, x: &[T]| {
        let mut y = Scratch::new(x.len());
        by_blocks(table.unary, op, &mut y, x, Write::Set);
        y
    };
    let mut applied = MatMul { prologue: Prologue::default(), ..*args };
    if let Some(op) = args.prologue.a {
        applied.a = a.insert(run(op, args.a));
    }
    if let (Some(op), Weights::Full(weights)) = (args.prologue.b, args.b) {
        applied.b = Weights::Full(b.insert(run(op, weights)));
    }
    applied
}

#[track_caller]
fn check_one<T: Real>(kernel: &str, args: &MatMul<'_, T>, batch: usize, a_shared: bool, b_shared: bool, c: usize) {
    let (m, n, k) = (args.m, args.n, args.k);
    check::length(kernel, "a", args.a.len(), check::product(kernel, &[if a_shared { 1 } else { batch }, m, k]));
    check::length(kernel, "b", args.b.len(), check::product(kernel, &[if b_shared { 1 } else { batch }, k, n]));
    check::length(kernel, "c", c, check::product(kernel, &[batch, m, n]));
    if let Some(packed) = args.packed {
        packed.check(kernel, args);
    }
    assert!(
        args.prologue.b.is_none() || matches!(args.b, Weights::Full(_)) && args.packed.is_none(),
        "kernels::{kernel}: a function of B needs B in the element type, not rounded or packed before"
    );
}
