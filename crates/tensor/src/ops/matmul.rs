//! Matrix products, batched, in all four transpositions.
//!
//! `C = op(A) op(B)` over the last two axes, where `op` is the matrix or its transpose. Leading axes are batches: equal in
//! both, or one operand has none and is shared by the whole batch. Cost 2·batch·m·n·k.
//! Backward: `dA = dC op(B)ᵀ`, `dB = op(A)ᵀ dC`, each transposed back where the operand was; a shared operand sums over
//! the batch.

use anther_kernels::{self as kernels, BatchedMatMul, MatMul, Trans, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// Sizes of a product of matrices after transposition.
#[derive(Clone, Copy)]
struct MatMulOp {
    trans_a: Trans,
    trans_b: Trans,
    batch: usize,
    a_shared: bool,
    b_shared: bool,
    m: usize,
    n: usize,
    k: usize,
    out: Shape,
}

impl MatMulOp {
    #[track_caller]
    fn new(a: Shape, trans_a: Trans, b: Shape, trans_b: Trans) -> Self {
        let refuse = |why: &str| -> ! { panic!("matmul: {why}: {a:?} ({trans_a:?}) times {b:?} ({trans_b:?})") };
        if a.len() < 2 || b.len() < 2 {
            refuse("both operands need two axes");
        }
        let matrix = |s: Shape, trans| {
            let (rows, columns) = (s[s.len() - 2], s[s.len() - 1]);
            if matches!(trans, Trans::No) { (rows, columns) } else { (columns, rows) }
        };
        let ((m, k), (k_b, n)) = (matrix(a, trans_a), matrix(b, trans_b));
        if k != k_b {
            refuse("the inner sizes differ");
        }
        let (batch_a, batch_b) = (&a[..a.len() - 2], &b[..b.len() - 2]);
        if batch_a != batch_b && !batch_a.is_empty() && !batch_b.is_empty() {
            refuse("the batches differ");
        }
        let batch = if batch_a.is_empty() { batch_b } else { batch_a };
        let mut out = batch.to_vec();
        out.extend([m, n]);
        MatMulOp {
            trans_a,
            trans_b,
            batch: batch.iter().product(),
            a_shared: batch_a.is_empty() && !batch.is_empty(),
            b_shared: batch_b.is_empty() && !batch.is_empty(),
            m,
            n,
            k,
            out: Shape::new(&out),
        }
    }
}

fn flip(trans: Trans) -> Trans {
    if matches!(trans, Trans::No) { Trans::Yes } else { Trans::No }
}

/// One batched product: sizes `(m, n, k)` and for each operand its elements, whether it is stored transposed, and
/// whether the batch shares it.
fn product<T: Element>(
    batch: usize,
    (m, n, k): (usize, usize, usize),
    (a, trans_a, a_shared): (&[T], Trans, bool),
    (b, trans_b, b_shared): (&[T], Trans, bool),
    c: &mut [T],
    write: Write,
) {
    let matrices = MatMul { trans_a, trans_b, ..MatMul::new(a, b, m, n, k) };
    kernels::matmul_batched(BatchedMatMul { batch, a_shared, b_shared, args: matrices }, c, write);
}

impl<T: Element> Op<T> for MatMulOp {
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "matmul"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let c = Tensor::build(self.out, |c| {
            let a = (x[0].data(), self.trans_a, self.a_shared);
            let b = (x[1].data(), self.trans_b, self.b_shared);
            product(self.batch, (self.m, self.n, self.k), a, b, c, Write::Set);
        });
        (c, (x[0].clone(), x[1].clone()))
    }

    fn backward(&self, (a, b): &Self::Saved, dc: &Tensor<T>, into: &mut Backward<'_, T>) {
        let Self { batch, m, n, k, .. } = *self;
        let (a, b, dc) = (a.data(), b.data(), dc.data());
        let a_of = |i: usize| {
            if self.a_shared { a } else { &a[i * m * k..][..m * k] }
        };
        let b_of = |i: usize| {
            if self.b_shared { b } else { &b[i * n * k..][..n * k] }
        };
        let dc_of = |i: usize| &dc[i * m * n..][..m * n];
        into.accumulate(0, |da, write| {
            if self.a_shared {
                sum_over_batch(batch, da, write, |i, da, write| self.grad_a(1, b_of(i), false, dc_of(i), da, write));
            } else {
                self.grad_a(batch, b, self.b_shared, dc, da, write);
            }
        });
        into.accumulate(1, |db, write| {
            if self.b_shared {
                sum_over_batch(batch, db, write, |i, db, write| self.grad_b(1, a_of(i), false, dc_of(i), db, write));
            } else {
                self.grad_b(batch, a, self.a_shared, dc, db, write);
            }
        });
    }

    fn flops(&self, _: &[&Tensor<T>]) -> u64 {
        2 * (self.batch * self.m * self.n * self.k) as u64
    }
}

impl MatMulOp {
    /// `dA = dC op(B)ᵀ`, or its transpose `op(B) dCᵀ` where A is stored transposed.
    fn grad_a<T: Element>(&self, batch: usize, b: &[T], b_shared: bool, dc: &[T], da: &mut [T], write: Write) {
        let Self { trans_b, m, n, k, .. } = *self;
        if matches!(self.trans_a, Trans::Yes) {
            product(batch, (k, m, n), (b, trans_b, b_shared), (dc, Trans::Yes, false), da, write);
        } else {
            product(batch, (m, k, n), (dc, Trans::No, false), (b, flip(trans_b), b_shared), da, write);
        }
    }

    /// `dB = op(A)ᵀ dC`, or its transpose `dCᵀ op(A)` where B is stored transposed.
    fn grad_b<T: Element>(&self, batch: usize, a: &[T], a_shared: bool, dc: &[T], db: &mut [T], write: Write) {
        let Self { trans_a, m, n, k, .. } = *self;
        if matches!(self.trans_b, Trans::Yes) {
            product(batch, (n, k, m), (dc, Trans::Yes, false), (a, trans_a, a_shared), db, write);
        } else {
            product(batch, (k, n, m), (a, flip(trans_a), a_shared), (dc, Trans::No, false), db, write);
        }
    }
}

/// Sums the products of a batch into one destination, in the order of the batch.
fn sum_over_batch<T: Element>(
    batch: usize,
    out: &mut [T],
    write: Write,
    mut product: impl FnMut(usize, &mut [T], Write),
) {
    if batch == 0 && matches!(write, Write::Set) {
        out.fill(T::ZERO);
    }
    for i in 0..batch {
        product(i, out, if i == 0 { write } else { Write::Add });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The matrix product over the last two axes: `[.., m, k] × [.., k, n] → [.., m, n]`.
    ///
    /// # Panics
    /// If the inner sizes or the batches differ.
    #[track_caller]
    pub fn matmul(&self, other: &Var<'t, T>) -> Var<'t, T> {
        self.matmul_with(Trans::No, other, Trans::No)
    }

    /// The matrix product with either operand transposed in its last two axes, without moving it in memory.
    ///
    /// # Panics
    /// If the inner sizes or the batches differ.
    #[track_caller]
    pub fn matmul_with(&self, trans: Trans, other: &Var<'t, T>, trans_other: Trans) -> Var<'t, T> {
        let op = MatMulOp::new(self.shape(), trans, other.shape(), trans_other);
        self.tape().apply(op, &[self, other])
    }
}
