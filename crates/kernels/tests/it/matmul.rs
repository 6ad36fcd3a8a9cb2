//! Matrix products against a textbook loop.

use anther_kernels::{
    BatchedMatMul, Epilogue, Level, MatMul, PackedWeights, Prologue, RandomKey, Saves, Trans, Unary, Weights, Write,
    dropout, matmul, matmul_batched, matmul_fused, round_to_bf16, unary, unary_backward, with_level,
};

use crate::common::{EPS, Shifted, assert_close, at_each_level, bits, normal, wide};

const SIZES: [usize; 10] = [0, 1, 2, 3, 7, 16, 17, 64, 65, 129];
const TRANS: [(Trans, Trans); 4] =
    [(Trans::No, Trans::No), (Trans::No, Trans::Yes), (Trans::Yes, Trans::No), (Trans::Yes, Trans::Yes)];

/// C and the sums of absolute products, which bound its error.
fn textbook(args: &MatMul<'_, f32>) -> (Vec<f64>, Vec<f64>) {
    let MatMul { a, b, m, n, k, alpha, .. } = *args;
    let (mut c, mut absolute) = (vec![0.0; m * n], vec![0.0; m * n]);
    for i in 0..m {
        for j in 0..n {
            for l in 0..k {
                let a = if args.trans_a == Trans::No { a[i * k + l] } else { a[l * m + i] };
                let b = b.get(if args.trans_b == Trans::No { l * n + j } else { j * k + l });
                let product = f64::from(alpha) * f64::from(a) * f64::from(b);
                c[i * n + j] += product;
                absolute[i * n + j] += product.abs();
            }
        }
    }
    (c, absolute)
}

fn check(m: usize, n: usize, k: usize, trans: (Trans, Trans), offset: usize) {
    let (a, b) = (Shifted::new(&normal(m * k, 1), offset), Shifted::new(&normal(k * n, 2), 3 - offset));
    let args = MatMul { trans_a: trans.0, trans_b: trans.1, alpha: -0.75, ..MatMul::new(&a[..], &b[..], m, n, k) };
    let (want, absolute) = textbook(&args);
    let bound = |i: usize| EPS * (k as f64 + 4.0) * absolute[i];
    at_each_level(|level| {
        let what = format!("{m}x{n}x{k} {trans:?} at {level}");
        let mut c = Shifted::new(&vec![f32::NAN; m * n], offset);
        matmul(args, &mut c, Write::Set);
        assert_close(&what, &c, &want, |i, _| bound(i));
        matmul(args, &mut c, Write::Add);
        let twice: Vec<f64> = want.iter().map(|c| 2.0 * c).collect();
        assert_close(&what, &c, &twice, |i, twice| 2.0 * bound(i) + EPS * twice.abs());
    });
}

/// 1000 shapes in four storage orders at every level.
#[test]
fn all_shapes_and_storage_orders() {
    for (i, &m) in SIZES.iter().enumerate() {
        for &n in &SIZES {
            for &k in &SIZES {
                for trans in TRANS {
                    check(m, n, k, trans, (i + n + k) % 4);
                }
            }
        }
    }
}

/// More rows than one task takes, more columns than one piece, more depth than one slice, and so much of it that op(B) is packed part by part.
/// With a few rows, more columns than have their sums in the first cache.
#[test]
fn shapes_of_several_blocks() {
    for trans in TRANS {
        check(300, 33, 40, trans, 0);
        check(70, 20, 600, trans, 1);
        check(20, 550, 30, trans, 2);
        check(23, 37, 3500, trans, 3);
        check(13, 700, 21, trans, 0);
        check(1, 4200, 11, trans, 1);
    }
}

#[test]
fn f64_is_the_textbook() {
    let (a, b) = (normal(7 * 5, 3), normal(5 * 6, 4));
    for (trans_a, trans_b) in TRANS {
        let args = MatMul { trans_a, trans_b, alpha: 2.0, ..MatMul::new(&a[..], &b[..], 7, 6, 5) };
        let (want, _) = textbook(&args);
        let (a, b) = (wide(&a), wide(&b));
        let mut c = vec![f64::NAN; 42];
        matmul(MatMul { trans_a, trans_b, alpha: 2.0, ..MatMul::new(&a[..], &b[..], 7, 6, 5) }, &mut c, Write::Set);
        assert!(c.iter().zip(&want).all(|(c, want)| (c - want).abs() < 1e-13));
    }
}

#[test]
fn depth_zero_gives_zeros_or_adds_nothing() {
    at_each_level(|_| {
        let mut c = [f32::NAN; 6];
        matmul(MatMul::new(&[], &[], 2, 3, 0), &mut c, Write::Set);
        assert_eq!(c, [0.0; 6]);
        c.fill(2.5);
        matmul(MatMul::new(&[], &[], 2, 3, 0), &mut c, Write::Add);
        assert_eq!(c, [2.5; 6]);
    });
}

#[test]
fn fused_is_the_separate_steps() {
    for (m, n, k) in [(1, 5, 3), (7, 16, 20), (130, 33, 17), (20, 32, 3100), (4, 0, 2), (3, 4, 0)] {
        let (a, b, bias, residual) = (normal(m * k, 5), normal(k * n, 6), normal(n, 7), normal(m * n, 8));
        let (args, key) = (MatMul::new(&a[..], &b[..], m, n, k), RandomKey::new(1, 2, 3));
        at_each_level(|level| {
            let mut before = vec![0.0; m * n];
            matmul(args, &mut before, Write::Set);
            for with_bias in [false, true] {
                if with_bias {
                    before.iter_mut().enumerate().for_each(|(i, c)| *c += bias[i % n]);
                }
                for activation in [None, Some(Unary::Gelu), Some(Unary::Relu)] {
                    let mut after = before.clone();
                    if let Some(op) = activation {
                        unary(op, &mut after, &before, Write::Set);
                    }
                    for (keep, drops) in [(false, false), (true, false), (true, true), (false, true)] {
                        let (mut c, mut pre) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
                        let epilogue = Epilogue {
                            bias: with_bias.then_some(&bias[..]),
                            derivative: None,
                            activation,
                            pre_activation: keep.then_some(&mut pre[..]),
                            residual: drops.then_some(&residual[..]),
                            dropout: drops.then_some((key, 0.3)),
                        };
                        let mut after = after.clone();
                        if drops {
                            let mut left = vec![f32::NAN; m * n];
                            dropout(&mut left, &after, key, 0.3, Write::Set);
                            after = left.iter().zip(&residual).map(|(left, residual)| left + residual).collect();
                        }
                        matmul_fused(args, &mut c, epilogue);
                        assert_eq!(
                            bits(&c),
                            bits(&after),
                            "{m}x{n}x{k}, {activation:?}, kept {keep}, dropped {drops}, at {level}"
                        );
                        assert!(!keep || bits(&pre) == bits(&before), "{m}x{n}x{k} before activation at {level}");
                    }
                }
            }
        });
    }
}

/// Columns that are no whole tile, several strips and slices, few rows, and all that a derivative may read.
#[test]
fn a_fused_derivative_is_the_separate_one() {
    for (m, n, k) in [(1, 5, 3), (40, 16, 20), (130, 77, 400), (4, 0, 2), (20, 33, 0)] {
        let (a, b, bias, z) = (normal(m * k, 5), normal(k * n, 6), normal(n, 7), normal(m * n, 8));
        let args = MatMul::new(&a[..], &b[..], m, n, k);
        at_each_level(|level| {
            for op in [Unary::GeluTanh, Unary::Relu, Unary::Neg] {
                let mut y = vec![f32::NAN; m * n];
                unary(op, &mut y, &z, Write::Set);
                let saved: &[f32] = match op.saves() {
                    Saves::Input => &z,
                    Saves::Output => &y,
                    Saves::Neither => &[],
                };
                let (mut product, mut before, mut want) = (vec![0.0; m * n], vec![0.0; m * n], vec![0.0; m * n]);
                matmul_fused(args, &mut product, Epilogue { bias: Some(&bias), ..Epilogue::NONE });
                unary_backward(op, &mut before, &product, &z, &y, Write::Set);
                unary(Unary::Tanh, &mut want, &before, Write::Set);
                let (mut got, mut pre) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
                let epilogue = Epilogue {
                    bias: Some(&bias),
                    derivative: Some((op, saved)),
                    activation: Some(Unary::Tanh),
                    pre_activation: Some(&mut pre),
                    ..Epilogue::NONE
                };
                matmul_fused(args, &mut got, epilogue);
                assert_eq!(bits(&pre), bits(&before), "{m}x{n}x{k} {op:?} before the activation at {level}");
                assert_eq!(bits(&got), bits(&want), "{m}x{n}x{k} {op:?} at {level}");
            }
        });
    }
}

/// One panel and several, one slice and two, with and without packing, and a function with f(0) ≠ 0 beyond the last column.
#[test]
fn a_prologue_is_a_function_before() {
    for (m, n, k) in [(3, 5, 7), (17, 33, 20), (130, 700, 30), (40, 33, 800), (17, 20, 3100), (2, 0, 3), (20, 3, 0)] {
        let (a, b) = (normal(m * k, 5), normal(k * n, 6));
        at_each_level(|level| {
            let (mut fa, mut gb) = (vec![f32::NAN; a.len()], vec![f32::NAN; b.len()]);
            unary(Unary::GeluTanh, &mut fa, &a, Write::Set);
            unary(Unary::Sigmoid, &mut gb, &b, Write::Set);
            for (trans_a, trans_b) in TRANS {
                for (of_a, of_b) in [(true, false), (false, true), (true, true)] {
                    let plain = MatMul { trans_a, trans_b, alpha: 0.5, ..MatMul::new(&a[..], &b[..], m, n, k) };
                    let prologue = Prologue { a: of_a.then_some(Unary::GeluTanh), b: of_b.then_some(Unary::Sigmoid) };
                    let before = MatMul {
                        a: if of_a { &fa } else { &a },
                        b: Weights::Full(if of_b { &gb } else { &b }),
                        ..plain
                    };
                    let (mut got, mut want) = (vec![0.5f32; m * n], vec![0.5f32; m * n]);
                    matmul(before, &mut want, Write::Add);
                    matmul(MatMul { prologue, ..plain }, &mut got, Write::Add);
                    let what = format!("{m}x{n}x{k} {trans_a:?} {trans_b:?} {prologue:?} at {level}");
                    assert_eq!(bits(&got), bits(&want), "{what}");
                }
            }
        });
    }
}

#[test]
fn weights_that_were_packed_before_give_the_same_bits() {
    for (n, k) in [(5, 3), (33, 40), (700, 20), (130, 800), (40, 3100), (0, 4), (4, 0)] {
        let weights = normal(k * n, 6);
        let mut rounded = vec![anther_kernels::Bf16::default(); weights.len()];
        round_to_bf16(&mut rounded, &weights);
        at_each_level(|level| {
            for trans_b in [Trans::No, Trans::Yes] {
                for b in [Weights::Full(&weights[..]), Weights::Bf16(&rounded)] {
                    let packed = PackedWeights::new(b, trans_b, n, k);
                    for m in [0, 1, 16, 17, 130] {
                        let a = normal(m * k, 5);
                        let (mut got, mut want) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
                        let args = MatMul { trans_b, ..MatMul::with_weights(&a, b, m, n, k) };
                        matmul(args, &mut want, Write::Set);
                        matmul(MatMul { packed: Some(&packed), ..args }, &mut got, Write::Set);
                        assert_eq!(bits(&got), bits(&want), "{m}x{n}x{k} {trans_b:?} at {level}");
                        // Panels for another level are not those of this one.
                        let scalar = with_level(Level::Scalar, || PackedWeights::new(b, trans_b, n, k)).unwrap();
                        matmul(MatMul { packed: Some(&scalar), ..args }, &mut got, Write::Set);
                        assert_eq!(bits(&got), bits(&want), "{m}x{n}x{k} {trans_b:?}, packed at another level");
                    }
                }
            }
        });
    }
}

#[test]
#[should_panic(expected = "op(B) is 4 × 3 (No), but 3 × 4 (No) was packed")]
fn weights_that_were_packed_for_other_sizes_are_refused() {
    let weights = normal(12, 1);
    let packed = PackedWeights::new(Weights::Full(&weights[..]), Trans::No, 4, 3);
    let args = MatMul { packed: Some(&packed), ..MatMul::new(&weights[..8], &weights[..], 2, 3, 4) };
    matmul(args, &mut [0.0; 6], Write::Set);
}

#[test]
#[should_panic(expected = "a function of B needs B in the element type")]
fn a_function_of_rounded_weights_is_refused() {
    let b = [anther_kernels::Bf16::default(); 2];
    let prologue = Prologue { a: None, b: Some(Unary::Relu) };
    let args = MatMul { prologue, ..MatMul::with_weights(&[1.0f32], Weights::Bf16(&b), 1, 2, 1) };
    matmul(args, &mut [0.0; 2], Write::Set);
}

#[test]
fn batches_are_single_products() {
    for (batch, m, n, k) in [(0, 2, 3, 4), (1, 2, 3, 4), (5, 7, 9, 11), (3, 70, 20, 30), (4, 0, 2, 2), (2, 3, 3, 0)] {
        for (a_shared, b_shared) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = normal(if a_shared { 1 } else { batch } * m * k, 8);
            let b = normal(if b_shared { 1 } else { batch } * k * n, 9);
            for (trans_a, trans_b) in TRANS {
                at_each_level(|level| {
                    let args = MatMul { trans_a, trans_b, alpha: 0.5, ..MatMul::new(&a[..], &b[..], m, n, k) };
                    let mut c = vec![f32::NAN; batch * m * n];
                    matmul_batched(BatchedMatMul { batch, a_shared, b_shared, args }, &mut c, Write::Set);
                    let mut want = vec![f32::NAN; m * n];
                    for i in 0..batch {
                        let a = if a_shared { &a } else { &a[i * m * k..][..m * k] };
                        let b = if b_shared { &b } else { &b[i * k * n..][..k * n] };
                        matmul(MatMul { a, b: Weights::Full(b), ..args }, &mut want, Write::Set);
                        assert_eq!(bits(&c[i * m * n..][..m * n]), bits(&want), "product {i} of {batch} at {level}");
                    }
                });
            }
        }
    }
}

/// So many products that each is a task's, or some are if they are tiny, against the textbook loop.
#[test]
fn batches_of_tasks_are_textbook_products() {
    for (batch, m, n, k) in [(8, 2, 3, 4), (300, 3, 5, 2), (9, 20, 40, 17), (8, 17, 33, 400), (64, 40, 70, 30)] {
        for (a_shared, b_shared) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = normal(if a_shared { 1 } else { batch } * m * k, 8);
            let b = normal(if b_shared { 1 } else { batch } * k * n, 9);
            for (trans_a, trans_b) in TRANS {
                let args = MatMul { trans_a, trans_b, alpha: 0.5, ..MatMul::new(&a[..], &b[..], m, n, k) };
                let (mut want, mut absolute) = (Vec::new(), Vec::new());
                for i in 0..batch {
                    let a = if a_shared { &a } else { &a[i * m * k..][..m * k] };
                    let b = if b_shared { &b } else { &b[i * k * n..][..k * n] };
                    let (c, sums) = textbook(&MatMul { a, b: Weights::Full(b), ..args });
                    want.extend(c.iter().map(|c| 1.0 + c));
                    absolute.extend(sums);
                }
                at_each_level(|level| {
                    let mut c = vec![1.0; batch * m * n];
                    matmul_batched(BatchedMatMul { batch, a_shared, b_shared, args }, &mut c, Write::Add);
                    let what = format!("{batch} times {m}x{n}x{k} {trans_a:?} {trans_b:?} at {level}");
                    assert_close(&what, &c, &want, |i, _| EPS * ((k as f64 + 4.0) * absolute[i] + 2.0 * want[i].abs()));
                });
            }
        }
    }
}

/// NaN in stale memory must not leak into a product that overwrites it; NaN in an operand must.
#[test]
fn nan_travels_only_where_it_belongs() {
    at_each_level(|level| {
        for m in [1, 20] {
            let (mut a, b) = (vec![1.0f32; m * 8], vec![0.0f32; 8 * 9]);
            a[3] = f32::NAN;
            let mut c = vec![f32::NAN; m * 9];
            matmul(MatMul::new(&a, &b, m, 9, 8), &mut c, Write::Set);
            assert!(c[..9].iter().all(|c| c.is_nan()), "{level}");
            assert!(c[9..].iter().all(|&c| c == 0.0), "{level}");
        }
    });
}

/// Sizes beyond one slice of the inner size, one block of rows and one panel, where the textbook loop would take too long.
#[test]
fn large_products_equal_those_of_matrixmultiply() {
    for (m, n, k) in [(300, 257, 700), (50, 1000, 513), (385, 33, 256), (3, 500, 600)] {
        for (trans_a, trans_b) in TRANS {
            let (a, b) = (normal(m * k, 5), normal(k * n, 6));
            let (row_a, col_a) = if trans_a == Trans::No { (k, 1) } else { (1, m) };
            let (row_b, col_b) = if trans_b == Trans::No { (n, 1) } else { (1, k) };
            let (wide_a, wide_b) = (wide(&a), wide(&b));
            let mut want = vec![0.0f64; m * n];
            // SAFETY: element (i, l) of A lies at i·row_a + l·col_a < m·k, that of B at l·row_b + j·col_b < k·n, that of C at
            // i·n + j < m·n, and C is a vector of its own.
            unsafe {
                matrixmultiply::dgemm(
                    m,
                    k,
                    n,
                    1.0,
                    wide_a.as_ptr(),
                    row_a as isize,
                    col_a as isize,
                    wide_b.as_ptr(),
                    row_b as isize,
                    col_b as isize,
                    0.0,
                    want.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
            let args = MatMul { trans_a, trans_b, ..MatMul::new(&a, &b, m, n, k) };
            at_each_level(|level| {
                let mut c = vec![f32::NAN; m * n];
                matmul(args, &mut c, Write::Set);
                let what = format!("{m}x{n}x{k} {trans_a:?} {trans_b:?} at {level}");
                // Rounding errors of k products of variance 1 grow like √k; 1e-5 is some 80 units in the last place.
                assert_close(&what, &c, &want, |_, want| 1e-5 * (k as f64).sqrt() + 1e-5 * want.abs());
            });
        }
    }
}
