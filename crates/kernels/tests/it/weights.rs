//! Weights held in bf16: the rounding, and products with them.

use anther_kernels::{
    BatchedMatMul, Bf16, Epilogue, MatMul, Precision, Trans, Unary, Weights, Write, matmul, matmul_batched,
    matmul_fused, round_to_bf16,
};

use crate::common::{at_each_level, bits, normal, wide};

const TRANS: [(Trans, Trans); 4] =
    [(Trans::No, Trans::No), (Trans::No, Trans::Yes), (Trans::Yes, Trans::No), (Trans::Yes, Trans::Yes)];

/// Every upper half with the lower halves around a tie: exact, below, on and above it.
#[test]
fn rounding_is_to_nearest_even_for_every_upper_half() {
    for upper in 0..=u16::MAX {
        let at = |lower: u16| f32::from_bits(u32::from(upper) << 16 | u32::from(lower));
        let exact = at(0);
        if exact.is_nan() {
            for lower in [0, 1, 0x7fff, 0x8000, 0xffff] {
                let rounded = Bf16::from_f32(at(lower));
                assert!(rounded.to_f32().is_nan(), "{upper:#x} {lower:#x}");
                assert_eq!(rounded.to_bits(), upper | 0x40, "the sign and the upper payload stay, made quiet");
            }
            continue;
        }
        assert_eq!(Bf16::from_f32(exact).to_bits(), upper);
        assert_eq!(Bf16::from_bits(upper).to_f32().to_bits(), exact.to_bits());
        if exact.is_infinite() {
            // The patterns behind infinity are NaN, whose payload lies in the lower half alone.
            assert!([1, 0x7fff, 0x8000, 0xffff].iter().all(|&l| Bf16::from_f32(at(l)).to_f32().is_nan()));
            continue;
        }
        let next = upper + 1;
        for (lower, want) in
            [(1, upper), (0x7fff, upper), (0x8000, upper + (upper & 1)), (0x8001, next), (0xffff, next)]
        {
            assert_eq!(Bf16::from_f32(at(lower)).to_bits(), want, "{upper:#x} {lower:#x}");
        }
    }
}

#[test]
fn the_largest_numbers_become_infinite_and_the_smallest_zero() {
    let largest = f32::from_bits(0x7f7f_0000);
    assert_eq!(Bf16::from_f32(largest).to_f32(), largest);
    assert_eq!(Bf16::from_f32(f32::from_bits(0x7f7f_7fff)).to_f32(), largest);
    assert_eq!(Bf16::from_f32(f32::MAX).to_f32(), f32::INFINITY);
    assert_eq!(Bf16::from_f32(-f32::MAX).to_f32(), f32::NEG_INFINITY);
    // Half of the smallest number of bf16 is a tie with zero, which is even; the sign stays.
    assert_eq!(Bf16::from_f32(f32::from_bits(0x8000)).to_bits(), 0);
    assert_eq!(Bf16::from_f32(f32::from_bits(0x8000_8000)).to_bits(), 0x8000);
    assert_eq!(Bf16::from_f32(f32::from_bits(0x8001)).to_bits(), 1);
}

#[test]
fn rounding_is_off_by_at_most_one_256th() {
    for x in normal(10_000, 1) {
        let rounded = Bf16::from_f32(x);
        assert!((rounded.to_f32() - x).abs() <= x.abs() / 256.0, "{x}");
        let neighbours = [-1, 1].map(|step| Bf16::from_bits(rounded.to_bits().wrapping_add_signed(step)).to_f32());
        assert!(neighbours.iter().all(|n| (n - x).abs() >= (rounded.to_f32() - x).abs()), "{x}");
    }
}

/// A number that is nearest to a tie in `f32` must not be rounded twice.
#[test]
fn f64_is_rounded_once() {
    let step = 2f64.powi(-7);
    for (even, sign) in [(1.0, 1.0), (1.0 + 2.0 * step, 1.0), (1.0, -1.0)] {
        let tie = even + step / 2.0;
        let round = |x: f64| f64::from(Bf16::from_f64(sign * x).to_f32()) * sign;
        assert_eq!(round(tie), even);
        assert_eq!(round(tie + 1e-12), even + step);
        assert_eq!(round(tie - 1e-12), even);
    }
    assert_eq!(Bf16::from_f64(1e300).to_f32(), f32::INFINITY);
    assert_eq!(Bf16::from_f64(-1e-300).to_bits(), 0x8000);
    assert!(Bf16::from_f64(f64::NAN).to_f32().is_nan());
    assert_eq!(Bf16::from_f64(f64::INFINITY).to_f32(), f32::INFINITY);
    for upper in 0..=u16::MAX {
        for lower in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let x = f32::from_bits(u32::from(upper) << 16 | lower);
            let (a, b) = (Bf16::from_f32(x), Bf16::from_f64(f64::from(x)));
            assert!(a == b || x.is_nan() && b.to_f32().is_nan(), "{x:e}");
        }
    }
}

fn held(x: &[f32]) -> (Vec<Bf16>, Vec<f32>) {
    let mut rounded = vec![Bf16::default(); x.len()];
    round_to_bf16(&mut rounded, x);
    let back = rounded.iter().map(|b| b.to_f32()).collect();
    (rounded, back)
}

/// The sums are the same whatever B is held in, so the bits are too.
fn check(m: usize, n: usize, k: usize) {
    let (a, (b, same)) = (normal(m * k, 1), held(&normal(k * n + 3, 2)));
    for (trans_a, trans_b) in TRANS {
        for offset in [0, 3] {
            let (b, same) = (&b[offset..][..k * n], &same[offset..][..k * n]);
            at_each_level(|level| {
                for write in [Write::Set, Write::Add] {
                    let (mut got, mut want) = (vec![0.5f32; m * n], vec![0.5f32; m * n]);
                    let full = MatMul { trans_a, trans_b, alpha: -0.75, ..MatMul::new(&a, same, m, n, k) };
                    matmul(full, &mut want, write);
                    matmul(MatMul { b: Weights::Bf16(b), ..full }, &mut got, write);
                    assert_eq!(bits(&got), bits(&want), "{m}x{n}x{k} {trans_a:?} {trans_b:?} {write:?} at {level}");
                }
            });
        }
    }
}

#[test]
fn products_are_those_of_the_rounded_weights() {
    for m in [1, 2, 3, 5, 6, 16, 17, 40] {
        for n in [0, 1, 7, 16, 33, 130] {
            for k in [0, 1, 5, 16, 31, 70] {
                check(m, n, k);
            }
        }
    }
    check(1, 300, 1000);
    check(20, 70, 800);
    check(300, 40, 20);
}

#[test]
fn f64_products_are_those_of_the_rounded_weights() {
    let (m, n, k) = (7, 9, 11);
    let (a, (b, same)) = (wide(&normal(m * k, 1)), held(&normal(k * n, 2)));
    let same = wide(&same);
    for (trans_a, trans_b) in TRANS {
        let (mut got, mut want) = (vec![f64::NAN; m * n], vec![f64::NAN; m * n]);
        let full = MatMul { trans_a, trans_b, ..MatMul::new(&a, &same, m, n, k) };
        matmul(full, &mut want, Write::Set);
        matmul(MatMul { b: Weights::Bf16(&b), ..full }, &mut got, Write::Set);
        assert_eq!(got, want);
    }
}

#[test]
fn fused_and_batched_products_are_those_of_the_rounded_weights() {
    for (batch, m, n, k) in [(1, 3, 50, 40), (3, 1, 33, 17), (9, 20, 40, 17), (2, 18, 64, 400)] {
        let (a, bias, residual) = (normal(batch * m * k, 1), normal(n, 3), normal(m * n, 4));
        let (b, same) = held(&normal(batch * k * n, 2));
        at_each_level(|level| {
            for b_shared in [false, true] {
                let len = if b_shared { k * n } else { batch * k * n };
                let full = MatMul { trans_b: Trans::Yes, ..MatMul::new(&a, &same[..len], m, n, k) };
                let (mut got, mut want) = (vec![f32::NAN; batch * m * n], vec![f32::NAN; batch * m * n]);
                let run = |args, c: &mut [f32]| {
                    matmul_batched(BatchedMatMul { batch, a_shared: false, b_shared, args }, c, Write::Set);
                };
                run(full, &mut want);
                run(MatMul { b: Weights::Bf16(&b[..len]), ..full }, &mut got);
                assert_eq!(bits(&got), bits(&want), "batch of {batch} at {level}");
            }
            let full = MatMul { trans_b: Trans::Yes, ..MatMul::new(&a[..m * k], &same[..k * n], m, n, k) };
            let (mut got, mut want) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
            let epilogue = || Epilogue {
                bias: Some(&bias[..]),
                activation: Some(Unary::GeluTanh),
                residual: Some(&residual[..]),
                ..Epilogue::NONE
            };
            matmul_fused(full, &mut want, epilogue());
            matmul_fused(MatMul { b: Weights::Bf16(&b[..k * n]), ..full }, &mut got, epilogue());
            assert_eq!(bits(&got), bits(&want), "fused at {level}");
        });
    }
}

#[test]
fn weights_say_what_they_are() {
    let (b, same) = held(&[1.0, -2.0, 3.5]);
    let (full, rounded) = (Weights::Full(&same[..]), Weights::<f32>::Bf16(&b));
    assert_eq!((full.precision(), rounded.precision()), (Precision::F32, Precision::Bf16));
    assert_eq!((full.len(), rounded.len(), rounded.is_empty(), rounded.slice(1..1).is_empty()), (3, 3, false, true));
    assert_eq!([0, 1, 2].map(|i| rounded.get(i)), [1.0, -2.0, 3.5]);
    assert_eq!(rounded.slice(1..3).get(1), full.slice(1..3).get(1));
}
