//! Matrix products.

use crate::check;
use crate::real::Real;
use crate::scratch::Scratch;
use crate::table::{Table, table};
use crate::threads::blocks;
use crate::unary::{Unary, in_place};
use crate::write::Write;

/// Whether an operand is stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trans {
    /// Stored as it is used.
    No,
    /// Stored as the transpose of what is used.
    Yes,
}

/// How exact a product is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// Products and sums in the element type (`f64` sums at [`Level::Scalar`](crate::Level::Scalar)).
    #[default]
    Full,
}

/// The operands of `C[m, n] = alpha · op(A)[m, k] · op(B)[k, n]`. All matrices are row-major and contiguous.
#[derive(Clone, Copy, Debug)]
pub struct MatMul<'a, T> {
    /// A, stored `[m, k]`, or `[k, m]` when transposed.
    pub a: &'a [T],
    /// How A is stored.
    pub trans_a: Trans,
    /// B, stored `[k, n]`, or `[n, k]` when transposed.
    pub b: &'a [T],
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
    /// How exact the product is.
    pub precision: Precision,
}

impl<'a, T: Real> MatMul<'a, T> {
    /// `A[m, k] · B[k, n]`, neither stored transposed, with factor 1.
    #[must_use]
    pub fn new(a: &'a [T], b: &'a [T], m: usize, n: usize, k: usize) -> MatMul<'a, T> {
        MatMul { a, trans_a: Trans::No, b, trans_b: Trans::No, m, n, k, alpha: T::ONE, precision: Precision::Full }
    }
}

/// A batch of products `C[i] = alpha · op(A[i]) · op(B[i])`.
#[derive(Clone, Copy, Debug)]
pub struct BatchedMatMul<'a, T> {
    /// The number of products.
    pub batch: usize,
    /// `args.a` holds one matrix for the whole batch instead of `batch` of them.
    pub a_shared: bool,
    /// `args.b` holds one matrix for the whole batch instead of `batch` of them.
    pub b_shared: bool,
    /// The operands, with the sizes of one product.
    pub args: MatMul<'a, T>,
}

/// What happens to a product before it is left: `C = f(product + bias)`.
#[derive(Debug)]
pub struct Epilogue<'a, T> {
    /// `n` numbers that are added to each row.
    pub bias: Option<&'a [T]>,
    /// A function that is applied last.
    pub activation: Option<Unary>,
    /// Receives the `m · n` values from before the activation, for its backward pass.
    pub pre_activation: Option<&'a mut [T]>,
}

/// The rows of C that make a task: a multiple of every tile height, few enough for many tasks, and so many that each panel of B is
/// used often while it is in the cache.
fn rows_per_task(m: usize) -> usize {
    (m / 8).next_multiple_of(12).clamp(24, 192)
}

/// Multiply-adds that cost as much as one memory-bound element operation.
const MULTIPLY_ADDS_PER_WORK: usize = 16;

/// `C = alpha · op(A) · op(B)` or `C += …`.
///
/// Cost: 2·m·n·k operations. In `f32`, from three rows on and but at [`Level::Scalar`](crate::Level::Scalar), op(B) is packed once
/// into panels and C is summed tile by tile in registers.
///
/// # Panics
/// When a length does not fit the sizes.
#[track_caller]
pub fn matmul<T: Real>(args: MatMul<'_, T>, c: &mut [T], write: Write) {
    check_one("matmul", &args, 1, false, false, c.len());
    product(table(), &args, c, write);
}

/// `C = f(alpha · op(A) · op(B) + bias)`, with bias and activation applied while a block of C is still in the cache.
///
/// # Panics
/// When a length does not fit the sizes.
#[track_caller]
pub fn matmul_fused<T: Real>(args: MatMul<'_, T>, c: &mut [T], epilogue: Epilogue<'_, T>) {
    const KERNEL: &str = "matmul_fused";
    check_one(KERNEL, &args, 1, false, false, c.len());
    let Epilogue { bias, activation, pre_activation } = epilogue;
    if let Some(bias) = bias {
        check::length(KERNEL, "bias", bias.len(), args.n);
    }
    if let Some(pre) = &pre_activation {
        check::length(KERNEL, "pre_activation", pre.len(), c.len());
    }
    if c.is_empty() {
        return;
    }
    let table = table::<T>();
    let rows = rows_per_task(args.m);
    let finish = |c: &mut [T]| {
        if let Some(bias) = bias {
            for row in c.chunks_mut(args.n) {
                (table.accumulate)(row, bias);
            }
        }
    };
    with_packed(table, &args, |packed| match pre_activation {
        Some(pre) => crate::threads::blocks2(work(&args), (c, rows * args.n), (pre, rows * args.n), |i, c, pre| {
            block(table, &args, i * rows, packed, pre, Write::Set);
            finish(pre);
            match activation {
                Some(op) => (table.unary)(op, c, pre, Write::Set),
                None => c.copy_from_slice(pre),
            }
        }),
        None => blocks(work(&args), c, rows * args.n, |i, c| {
            block(table, &args, i * rows, packed, c, Write::Set);
            finish(c);
            if let Some(op) = activation {
                in_place(table.unary, op, c);
            }
        }),
    });
}

/// A batch of products, `C[i] = alpha · op(A[i]) · op(B[i])` or `C[i] += …`, in parallel over the batch and over rows.
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
    blocks(batch.saturating_mul(work(&args)), c, m * n, |i, c| {
        let a = if a_shared { args.a } else { &args.a[i * m * k..][..m * k] };
        let b = if b_shared { args.b } else { &args.b[i * k * n..][..k * n] };
        product(table, &MatMul { a, b, ..args }, c, write);
    });
}

fn work<T>(args: &MatMul<'_, T>) -> usize {
    args.m.saturating_mul(args.n).saturating_mul(args.k.max(1)) / MULTIPLY_ADDS_PER_WORK
}

fn product<T: Real>(table: &Table<T>, args: &MatMul<'_, T>, c: &mut [T], write: Write) {
    if c.is_empty() {
        return;
    }
    let rows = rows_per_task(args.m);
    with_packed(table, args, |packed| {
        blocks(work(args), c, rows * args.n, |i, c| block(table, args, i * rows, packed, c, write));
    });
}

/// Calls `body` with all panels of op(B), packed once for all rows, or with nothing where the level reads B in place.
fn with_packed<T: Real>(table: &Table<T>, args: &MatMul<'_, T>, body: impl FnOnce(&[T])) {
    let panel = (table.panel_len)(args);
    if panel == 0 {
        return body(&[]);
    }
    let columns = panel / args.k;
    let mut packed = Scratch::new(panel * args.n.div_ceil(columns));
    blocks(packed.len(), &mut packed, panel, |i, out| (table.pack)(args, i, out));
    body(&packed);
}

/// The rows of C from `first_row` on that `c` has room for.
fn block<T: Real>(table: &Table<T>, args: &MatMul<'_, T>, first_row: usize, packed: &[T], c: &mut [T], write: Write) {
    if args.k == 0 {
        if write == Write::Set {
            c.fill(T::ZERO);
        }
    } else {
        (table.matmul)(args, first_row, packed, c, write);
    }
}

#[track_caller]
fn check_one<T>(kernel: &str, args: &MatMul<'_, T>, batch: usize, a_shared: bool, b_shared: bool, c: usize) {
    let (m, n, k) = (args.m, args.n, args.k);
    check::length(kernel, "a", args.a.len(), check::product(kernel, &[if a_shared { 1 } else { batch }, m, k]));
    check::length(kernel, "b", args.b.len(), check::product(kernel, &[if b_shared { 1 } else { batch }, k, n]));
    check::length(kernel, "c", c, check::product(kernel, &[batch, m, n]));
}
