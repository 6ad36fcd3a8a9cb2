//! Kernel × level × length × alignment against `f64`, for every kernel but the matrix products.
//!
//! Each kernel runs in `f64` once for each length, and in `f32` at each level of this CPU with all of its operands at each of the 16
//! offsets from a 64-byte boundary.

use anther_kernels::*;

use crate::common::{Shifted, normal, uniform, wide};

/// Rows of the operands; lengths count the columns.
const ROWS: usize = 3;

/// Distances allowed between `f32` and `f64`, relative to the element and to the largest one of the result (or to 1).
#[derive(Clone, Copy)]
struct Tolerance {
    relative: f64,
    absolute: f64,
}

/// Moves numbers.
const EXACT: Tolerance = Tolerance { relative: 0.0, absolute: 0.0 };
/// A few correctly rounded operations.
const ARITHMETIC: Tolerance = Tolerance { relative: 1e-6, absolute: 1e-6 };
/// A function and its derivative.
const FUNCTION: Tolerance = Tolerance { relative: 4e-6, absolute: 2e-6 };
/// Rows scaled by a statistic of their own.
const STATISTIC: Tolerance = Tolerance { relative: 2e-5, absolute: 5e-6 };

/// Operands of `ROWS` rows of `cols` elements, and the results.
struct Operands<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
    y: &'a [T],
    /// Between 0.1 and 2.
    positive: &'a [T],
    cols: usize,
}

type Run<T> = Box<dyn Fn(Operands<'_, T>)>;

struct Kernel {
    name: String,
    tolerance: Tolerance,
    f32: Run<f32>,
    f64: Run<f64>,
}

/// The lengths around the widths of registers, of pieces on the stack and of runs of sums.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=67).chain([255, 256, 257, 1023, 1024, 1025])
}

/// Adds a kernel to a list. The body is compiled for both element types, under the name `T`.
macro_rules! kernel {
    ($all:ident, $name:expr, $tolerance:ident, |$o:ident| $body:block) => {
        $all.push(Kernel {
            name: $name.to_string(),
            tolerance: $tolerance,
            f32: Box::new(move |$o: Operands<'_, f32>| {
                #[allow(dead_code)]
                type T = f32;
                $body
            }),
            f64: Box::new(move |$o: Operands<'_, f64>| {
                #[allow(dead_code)]
                type T = f64;
                $body
            }),
        });
    };
}

fn elementwise(all: &mut Vec<Kernel>) {
    for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min] {
        kernel!(all, format!("{op:?}"), ARITHMETIC, |o| {
            binary(op, o.out, o.x, o.positive, Broadcast::same(o.x.len()), Write::Set);
        });
        kernel!(all, format!("{op:?} of a row"), ARITHMETIC, |o| {
            let layout = Broadcast { outer: ROWS, mid: o.cols, inner: 1 };
            binary(op, o.out, o.x, &o.positive[..o.cols], layout, Write::Set);
        });
        kernel!(all, format!("{op:?} of a column, reversed"), ARITHMETIC, |o| {
            let layout = Broadcast { outer: 1, mid: ROWS, inner: o.cols };
            binary_reversed(op, o.out, o.positive, &[0.3, -0.7, 1.1], layout, Write::Set);
        });
    }
    for op in Unary::ALL {
        let narrow = matches!(op, Unary::Ln | Unary::Sqrt | Unary::Reciprocal);
        kernel!(all, format!("{op:?}"), FUNCTION, |o| {
            unary(op, o.out, if narrow { o.positive } else { o.x }, Write::Set);
        });
        kernel!(all, format!("{op:?} backward"), FUNCTION, |o| {
            let x = if narrow { o.positive } else { o.x };
            let mut y = vec![T::NAN; x.len()];
            unary(op, &mut y, x, Write::Set);
            unary_backward(op, o.out, o.y, x, &y, Write::Set);
        });
    }
    kernel!(all, "scale", ARITHMETIC, |o| { scale(o.out, o.x, 0.3, Write::Set) });
    kernel!(all, "affine", ARITHMETIC, |o| { affine(o.out, o.x, 0.3, -1.7, Write::Set) });
    kernel!(all, "copy", EXACT, |o| { copy(o.out, o.x, Write::Set) });
    kernel!(all, "accumulate", ARITHMETIC, |o| {
        copy(o.out, o.x, Write::Set);
        copy(o.out, o.y, Write::Add);
    });
    kernel!(all, "dropout", ARITHMETIC, |o| { dropout(o.out, o.x, RandomKey::new(1, 2, 3), 0.3, Write::Set) });
}

fn reductions(all: &mut Vec<Kernel>) {
    kernel!(all, "sum, dot", ARITHMETIC, |o| {
        o.out.fill(0.0);
        let totals = [sum(o.positive), dot(o.positive, o.positive), sum_squares(o.positive)];
        o.out.iter_mut().zip(totals).for_each(|(out, total)| *out = total as T);
    });
    kernel!(all, "row_sum", ARITHMETIC, |o| {
        let mut sums = [T::NAN; ROWS];
        row_sum(&mut sums, o.positive, o.cols, Write::Set);
        o.out.fill(0.0);
        o.out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum);
    });
    kernel!(all, "row_argmax", EXACT, |o| {
        let mut columns = [0; ROWS];
        row_argmax(&mut columns, o.x, o.cols);
        o.out.fill(0.0);
        o.out.iter_mut().zip(columns).for_each(|(out, column)| *out = column as T);
    });
    kernel!(all, "reduce_to columns", ARITHMETIC, |o| {
        o.out.fill(0.0);
        reduce_to(&mut o.out[..o.cols], o.x, Broadcast { outer: ROWS, mid: o.cols, inner: 1 }, Write::Set);
    });
    kernel!(all, "reduce_product_to columns", ARITHMETIC, |o| {
        o.out.fill(0.0);
        reduce_product_to(&mut o.out[..o.cols], o.x, o.y, Broadcast { outer: ROWS, mid: o.cols, inner: 1 }, Write::Set);
    });
    kernel!(all, "reduce_product_to rows", ARITHMETIC, |o| {
        let mut sums = [T::NAN; ROWS];
        let layout = Broadcast { outer: 1, mid: ROWS, inner: o.cols };
        reduce_product_to(&mut sums, o.positive, o.positive, layout, Write::Set);
        o.out.fill(0.0);
        o.out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum);
    });
}

fn rows(all: &mut Vec<Kernel>) {
    for causal in [false, true] {
        let spans = move |cols: usize| -> Vec<Span> {
            let end = cols as u32;
            (1..=ROWS as u32).map(|i| Span::new(0, if causal { end * i / 4 } else { end })).collect()
        };
        kernel!(all, format!("softmax, causal {causal}"), STATISTIC, |o| {
            let rows = spans(o.cols);
            softmax(o.out, o.x, o.cols, Some(Spans { rows: &rows, queries: ROWS, heads: 1 }));
        });
        kernel!(all, format!("softmax_backward, causal {causal}"), STATISTIC, |o| {
            let rows = spans(o.cols);
            let spans = Some(Spans { rows: &rows, queries: ROWS, heads: 1 });
            let mut y = vec![T::NAN; o.x.len()];
            softmax(&mut y, o.x, o.cols, spans);
            softmax_backward(o.out, o.y, &y, o.cols, spans, Write::Set);
        });
        kernel!(all, format!("normalize, causal {causal}"), STATISTIC, |o| {
            let rows = spans(o.cols);
            let spans = Some(Spans { rows: &rows, queries: ROWS, heads: 1 });
            normalize(o.out, &mut vec![T::NAN; if o.cols == 0 { 0 } else { ROWS }], o.positive, o.cols, spans, 0.01);
        });
        kernel!(all, format!("normalize_backward, causal {causal}"), STATISTIC, |o| {
            let rows = spans(o.cols);
            let spans = Some(Spans { rows: &rows, queries: ROWS, heads: 1 });
            let rows = if o.cols == 0 { 0 } else { ROWS };
            let (mut y, mut sums) = (vec![T::NAN; o.x.len()], vec![T::NAN; rows]);
            normalize(&mut y, &mut sums, o.positive, o.cols, spans, 0.5);
            normalize_backward(o.out, o.y, &y, &sums, o.cols, spans, Write::Set);
        });
    }
    kernel!(all, "layer_norm", STATISTIC, |o| {
        let (gamma, beta) = (Some(&o.positive[..o.cols]), Some(&o.y[..o.cols]));
        layer_norm(o.out, &mut [T::NAN; ROWS], &mut [T::NAN; ROWS], o.x, gamma, beta, o.cols, 0.1);
    });
    kernel!(all, "rms_norm", STATISTIC, |o| {
        rms_norm(o.out, &mut [T::NAN; ROWS], o.x, Some(&o.positive[..o.cols]), o.cols, 0.1);
    });
    kernel!(all, "layer_norm_backward_input", STATISTIC, |o| {
        let gamma = &o.positive[..o.cols];
        layer_norm_backward_input(
            o.out,
            o.y,
            o.x,
            &[0.1, -0.2, 0.3],
            &[0.5, 1.0, 2.0],
            Some(gamma),
            o.cols,
            Write::Set,
        );
    });
    kernel!(all, "rms_norm_backward_input", STATISTIC, |o| {
        let gamma = &o.positive[..o.cols];
        rms_norm_backward_input(o.out, o.y, o.x, &[0.5, 1.0, 2.0], Some(gamma), o.cols, Write::Set);
    });
    kernel!(all, "layer_norm_backward_affine", STATISTIC, |o| {
        let cols = o.cols;
        o.out.fill(0.0);
        let (dgamma, rest) = o.out.split_at_mut(cols);
        let (mean, rstd) = ([0.1, -0.2, 0.3], [0.5, 1.0, 2.0]);
        layer_norm_backward_affine(dgamma, &mut rest[..cols], o.y, o.x, &mean, &rstd, cols, Write::Set, Write::Set);
    });
    for write in [Write::Set, Write::Add] {
        kernel!(all, format!("layer_norm_backward, {write:?}"), STATISTIC, |o| {
            let (cols, gamma) = (o.cols, &o.positive[..o.cols]);
            let (mean, rstd) = ([0.1, -0.2, 0.3], [0.5, 1.0, 2.0]);
            let start = if write == Write::Set { T::NAN } else { 1.0 };
            let mut dx = vec![start; o.x.len()];
            let (mut dgamma, mut dbeta) = (vec![start; cols], vec![start; cols]);
            layer_norm_backward(&mut dx, &mut dgamma, &mut dbeta, o.y, o.x, &mean, &rstd, gamma, cols, write, write);
            // All three are compared through their sums, which keeps an error of each.
            for (i, (out, dx)) in o.out.iter_mut().zip(dx).enumerate() {
                *out = dx + 2.0 * dgamma[i % cols] - dbeta[i % cols];
            }
        });
        kernel!(all, format!("rms_norm_backward, {write:?}"), STATISTIC, |o| {
            let (cols, gamma) = (o.cols, &o.positive[..o.cols]);
            let start = if write == Write::Set { T::NAN } else { 1.0 };
            let (mut dx, mut dgamma) = (vec![start; o.x.len()], vec![start; cols]);
            rms_norm_backward(&mut dx, &mut dgamma, o.y, o.x, &[0.5, 1.0, 2.0], gamma, cols, write, write);
            for (i, (out, dx)) in o.out.iter_mut().zip(dx).enumerate() {
                *out = dx + 2.0 * dgamma[i % cols];
            }
        });
    }
    kernel!(all, "cross_entropy and its gradient", STATISTIC, |o| {
        if o.cols == 0 {
            return;
        }
        let targets = [0, o.cols as u32 / 2, o.cols as u32 - 1];
        let (mut loss, mut lse) = ([T::NAN; ROWS], [T::NAN; ROWS]);
        cross_entropy(&mut loss, &mut lse, o.x, &targets, o.cols, 0.1);
        cross_entropy_backward(o.out, &[0.2, 0.0, -1.3], o.x, &lse, &targets, o.cols, 0.1, Write::Set);
        o.out.iter_mut().step_by(o.cols).zip(loss).for_each(|(out, loss)| *out += loss);
    });
}

fn activations(all: &mut Vec<Kernel>) {
    for op in [Unary::Gelu, Unary::Sigmoid, Unary::Neg] {
        kernel!(all, format!("activation_backward, {op:?}"), FUNCTION, |o| {
            let (mut y, mut db) = (vec![T::NAN; o.x.len()], vec![T::NAN; o.cols]);
            unary(op, &mut y, o.x, Write::Set);
            activation_backward(op, o.out, &mut db, o.y, o.x, &y, Write::Set);
            // Compared through their sum, which keeps an error of each.
            o.out.iter_mut().enumerate().for_each(|(i, out)| *out += 2.0 * db[i % o.cols]);
        });
    }
}

fn rest(all: &mut Vec<Kernel>) {
    for pairing in [RotaryPairing::Interleaved, RotaryPairing::Halves] {
        kernel!(all, format!("rotary, {pairing:?}"), ARITHMETIC, |o| {
            let dim = o.cols / 2 * 2;
            let (len, angles) = (ROWS * dim, ROWS * dim / 2);
            o.out.fill(0.0);
            let (cos, sin) = (&o.y[..angles], &o.positive[..angles]);
            rotary(&mut o.out[..len], &o.x[..len], cos, sin, ROWS, dim, pairing, false, Write::Set);
        });
    }
    kernel!(all, "swap_middle", EXACT, |o| { swap_middle(o.out, o.x, [1, ROWS, 1, o.cols], Write::Set) });
    kernel!(all, "transpose_last", EXACT, |o| { transpose_last(o.out, o.x, 1, ROWS, o.cols, Write::Set) });
    kernel!(all, "copy_columns", EXACT, |o| {
        o.out.fill(0.0);
        copy_columns(o.out, o.cols, 0, o.x, o.cols, o.cols / 2, ROWS, o.cols / 2, Write::Set);
    });
    kernel!(all, "gather_rows", EXACT, |o| { gather_rows(o.out, o.x, &[2, 0, 2], o.cols) });
    kernel!(all, "fill_normal", ARITHMETIC, |o| { fill_normal(o.out, RandomKey::new(3, 2, 1), 0.0, 1.0) });
    for decoupled in [false, true] {
        kernel!(all, format!("adam_step, decoupled {decoupled}"), ARITHMETIC, |o| {
            let (mut m, mut v) = (o.y.to_vec(), o.positive.to_vec());
            let step = AdamStep {
                lr: 0.01,
                beta1: 0.9,
                beta2: 0.99,
                eps: 1e-8,
                weight_decay: 0.1,
                decoupled,
                bias_correction1: 0.5,
                bias_correction2: 0.3,
                grad_scale: 0.7,
            };
            copy(o.out, o.x, Write::Set);
            adam_step(o.out, o.y, &mut m, &mut v, &step);
            o.out.iter_mut().zip(m).zip(v).for_each(|((out, m), v)| *out += m - v);
        });
    }
    kernel!(all, "sgd_step", ARITHMETIC, |o| {
        let mut velocity = o.positive.to_vec();
        let step = SgdStep {
            lr: 0.1,
            momentum: 0.9,
            dampening: 0.1,
            weight_decay: 0.01,
            nesterov: true,
            first: false,
            grad_scale: 0.7,
        };
        copy(o.out, o.x, Write::Set);
        sgd_step(o.out, o.y, Some(&mut velocity), &step);
        o.out.iter_mut().zip(velocity).for_each(|(out, u)| *out += u);
    });
    kernel!(all, "ema_update", ARITHMETIC, |o| {
        copy(o.out, o.x, Write::Set);
        ema_update(o.out, o.y, 0.9);
    });
}

#[test]
fn each_kernel_at_each_level_length_and_alignment() {
    let mut all = vec![];
    elementwise(&mut all);
    reductions(&mut all);
    rows(&mut all);
    activations(&mut all);
    rest(&mut all);
    let mut comparisons = 0;
    for kernel in &all {
        for cols in lengths() {
            let len = ROWS * cols;
            let scaled: Vec<f32> = normal(len, 1).iter().map(|x| 2.0 * x).collect();
            let (x, y, positive) = (scaled, normal(len, 2), uniform(len, 3, 0.1, 2.0));
            let mut want = vec![f64::NAN; len];
            (kernel.f64)(Operands { out: &mut want, x: &wide(&x), y: &wide(&y), positive: &wide(&positive), cols });
            let largest = want.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
            for level in Level::available() {
                for offset in 0..16 {
                    // Each operand at an offset of its own.
                    let shifted = |x: &[f32], by: usize| Shifted::new(x, (offset + by) % 16);
                    let mut out = shifted(&vec![f32::NAN; len], 0);
                    let (x, y, positive) = (shifted(&x, 0), shifted(&y, 5), shifted(&positive, 11));
                    let operands = Operands { out: &mut out, x: &x, y: &y, positive: &positive, cols };
                    with_level(level, || (kernel.f32)(operands)).unwrap();
                    comparisons += 1;
                    for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
                        let Tolerance { relative, absolute } = kernel.tolerance;
                        assert!(
                            got as f64 == want
                                || (f64::from(got) - want).abs() <= relative * want.abs() + absolute * largest,
                            "{} at {level}, {cols} columns, offset {offset}: element {i} is {got:e}, expected {want:e}",
                            kernel.name
                        );
                    }
                }
            }
        }
    }
    let lengths = lengths().count();
    assert_eq!(comparisons, all.len() * lengths * Level::available().len() * 16);
    assert!(all.len() * lengths >= 6_000, "only {} kernels", all.len());
    // Two levels exist everywhere.
    assert!(comparisons >= 190_000, "only {comparisons} comparisons");
    println!("{comparisons} comparisons");
}
