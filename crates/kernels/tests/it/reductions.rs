//! Sums, maxima, and the sums that undo a broadcast.

use anther_kernels::{
    Broadcast, Real, Write, dot, first_non_finite, reduce_product_to, reduce_to, row_argmax, row_sum, sum, sum_squares,
};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, normal, wide};

#[test]
fn whole_slices_at_each_length() {
    at_each_length(|level, len, offset| {
        let (a, b) = (Shifted::new(&normal(len, 1), offset), Shifted::new(&normal(len, 2), 3 - offset));
        let (a64, b64) = (wide(&a), wide(&b));
        let what = format!("{level}, {len} elements");
        // No lane adds more than 33 numbers before its sum moves to `f64`.
        let bound = |terms: f64| 40.0 * EPS * terms;
        let absolute: f64 = a64.iter().map(|x| x.abs()).sum();
        assert!((sum(&a) - sum(&a64)).abs() <= bound(absolute), "sum at {what}");
        let products: f64 = a64.iter().zip(&b64).map(|(a, b)| (a * b).abs()).sum();
        assert!((dot(&a, &b) - dot(&a64, &b64)).abs() <= bound(products), "dot at {what}");
        assert!((sum_squares(&a) - sum_squares(&a64)).abs() <= bound(sum_squares(&a64)), "sum of squares at {what}");
    });
}

/// A sum in plain `f32` would stop growing at 2²⁴.
#[test]
fn long_sums_keep_counting() {
    at_each_level(|level| {
        let ones = vec![1.0f32; 20_000_000];
        assert_eq!(sum(&ones), 2e7, "{level}");
        assert_eq!(sum_squares(&ones), 2e7, "{level}");
        let mut column = [0.0f32, 0.0];
        reduce_to(&mut column, &ones, Broadcast { outer: 10_000_000, mid: 2, inner: 1 }, Write::Set);
        assert_eq!(column, [1e7; 2], "{level}");
    });
}

#[test]
fn first_non_finite_is_found_anywhere() {
    at_each_level(|level| {
        for len in [1, 31, 100, 8192, 8193, 100_000] {
            let mut x = normal(len, 3);
            x[0] = f32::MAX;
            assert_eq!(first_non_finite(&x), None, "{level}");
            for at in [0, len / 2, len - 1] {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut x = x.clone();
                    x[len - 1] = f32::NAN;
                    x[at] = value;
                    assert_eq!(first_non_finite(&x), Some(at), "{level}, {len} elements, {value}");
                }
            }
        }
        assert_eq!(first_non_finite::<f32>(&[]), None);
    });
}

#[test]
fn rows_at_each_length() {
    at_each_length(|level, cols, offset| {
        let rows = 3;
        let x = Shifted::new(&normal(rows * cols, 4), offset);
        let what = format!("{level}, {cols} columns");
        for write in [Write::Set, Write::Add] {
            let start = if write == Write::Set { f64::NAN } else { 0.5 };
            let (got, want) = both!([x], {
                let mut sums = vec![T::from_f64(start); rows];
                row_sum(&mut sums, x, cols, write);
                sums
            });
            assert_close(&what, &got, &want, |i, _| {
                let row = &x[i * cols..][..cols];
                EPS * (2.0 + 40.0 * row.iter().map(|x| f64::from(x.abs())).sum::<f64>())
            });
        }
        let mut columns = [u32::MAX; 3];
        row_argmax(&mut columns, &x, cols);
        for (row, &column) in columns.iter().enumerate() {
            let x = &x[row * cols..][..cols];
            let first = x.iter().position(|&v| v == x.iter().copied().fold(f32::NEG_INFINITY, f32::max)).unwrap_or(0);
            assert_eq!(column as usize, first, "{what}");
        }
    });
}

#[test]
fn argmax_ties_nan_and_nothing() {
    at_each_level(|level| {
        let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
        let x = [1.0, 2.0, 2.0, low, low, low, nan, low, low, nan, -5.0, nan];
        let mut columns = [9; 4];
        row_argmax(&mut columns, &x, 3);
        assert_eq!(columns, [1, 0, 0, 1], "{level}");
    });
}

#[test]
fn sums_that_undo_a_broadcast() {
    let mut layouts = vec![];
    for outer in [0, 1, 2, 70, 200] {
        for mid in [0, 1, 3, 64, 65, 200] {
            for inner in [0, 1, 4, 33] {
                layouts.push(Broadcast { outer, mid, inner });
            }
        }
    }
    at_each_level(|level| {
        for &layout in &layouts {
            let (g, a) = (normal(layout.len(), 5), normal(layout.len(), 6));
            for write in [Write::Set, Write::Add] {
                let start = if write == Write::Set { f64::NAN } else { 0.5 };
                let (got, want) = both!([g, a], {
                    let (mut plain, mut product) =
                        (vec![T::from_f64(start); layout.mid], vec![T::from_f64(start); layout.mid]);
                    reduce_to(&mut plain, g, layout, write);
                    reduce_product_to(&mut product, g, a, layout, write);
                    plain.extend(product);
                    plain
                });
                let terms = (layout.outer * layout.inner) as f64;
                // Normal numbers and their products stay below 20.
                assert_close(&format!("{layout:?} at {level}"), &got, &want, |_, _| EPS * (2.0 + 20.0 * terms));
            }
        }
    });
}

/// The twin itself against the formula.
#[test]
fn the_twin_of_reduce_is_the_formula() {
    let layout = Broadcast { outer: 3, mid: 4, inner: 5 };
    let (g, a) = (wide(&normal(60, 7)), wide(&normal(60, 8)));
    let mut out = vec![f64::NAN; 4];
    reduce_product_to(&mut out, &g, &a, layout, Write::Set);
    for (m, out) in out.iter().enumerate() {
        let want: f64 = (0..60).filter(|i| (i / 5) % 4 == m).map(|i| g[i] * a[i]).sum();
        assert!((out - want).abs() < 1e-13);
    }
}
