//! Rearrangements and rows by number.

use anther_kernels::{Write, copy_columns, gather_rows, scatter_add_rows, swap_middle, transpose_last};

use crate::common::{at_each_level, normal};

/// Asserts that `out` holds `want(i)` where that is a number, after `Set` over NaN and after `Add` to that.
fn check(len: usize, run: impl Fn(&mut [f32], Write), want: impl Fn(usize) -> f32) {
    at_each_level(|level| {
        let mut out = vec![f32::NAN; len];
        run(&mut out, Write::Set);
        for (i, &out) in out.iter().enumerate() {
            assert!(out == want(i) || (out.is_nan() && want(i).is_nan()), "element {i} of {len} at {level}");
        }
        run(&mut out, Write::Add);
        for (i, &out) in out.iter().enumerate() {
            assert!(
                out == 2.0 * want(i) || (out.is_nan() && want(i).is_nan()),
                "element {i} of {len} added at {level}"
            );
        }
    });
}

#[test]
fn swap_middle_moves_by_its_formula() {
    for dims in [[0, 2, 3, 4], [1, 1, 1, 1], [2, 3, 4, 5], [3, 1, 7, 2], [2, 40, 3, 65], [1, 300, 8, 64], [2, 3, 0, 4]]
    {
        let [a, b, c, d] = dims;
        let x = normal(a * b * c * d, 1);
        check(
            x.len(),
            |out, write| swap_middle(out, &x, dims, write),
            |o| {
                let (i, k, j, l) = (o / (d * b * c), o / (d * b) % c, o / d % b, o % d);
                x[((i * b + j) * c + k) * d + l]
            },
        );
    }
}

#[test]
fn transpose_last_moves_by_its_formula() {
    for (batch, rows, cols) in
        [(0, 3, 4), (1, 1, 1), (2, 3, 5), (3, 32, 32), (2, 33, 65), (1, 200, 301), (2, 0, 4), (40, 50, 60)]
    {
        let x = normal(batch * rows * cols, 2);
        check(
            x.len(),
            |out, write| transpose_last(out, &x, batch, rows, cols, write),
            |o| {
                let (i, c, r) = (o / (rows * cols), o / rows % cols, o % rows);
                x[(i * rows + r) * cols + c]
            },
        );
    }
}

#[test]
fn copy_columns_leaves_the_other_columns_alone() {
    for (rows, out_cols, out_start, x_cols, x_start, count) in
        [(3, 5, 1, 4, 0, 4), (2, 7, 7, 3, 1, 0), (0, 4, 0, 4, 0, 4), (400, 96, 32, 64, 8, 40), (1, 1, 0, 1, 0, 1)]
    {
        let x = normal(rows * x_cols, 3);
        check(
            rows * out_cols,
            |out, write| copy_columns(out, out_cols, out_start, &x, x_cols, x_start, rows, count, write),
            |o| {
                let (r, c) = (o / out_cols, o % out_cols);
                let inside = (out_start..out_start + count).contains(&c);
                if inside { x[r * x_cols + x_start + c - out_start] } else { f32::NAN }
            },
        );
    }
}

#[test]
fn gather_and_scatter() {
    at_each_level(|level| {
        for (rows, cols, count) in [(5, 3, 8), (1, 1, 1), (4, 0, 3), (50, 65, 0), (50, 65, 700), (1001, 70, 1500)] {
            let table = normal(rows * cols, 4);
            let ids: Vec<u32> = (0..count).map(|i| (i * i % rows) as u32).collect();
            let mut out = vec![f32::NAN; count * cols];
            gather_rows(&mut out, &table, &ids, cols);
            for (i, &out) in out.iter().enumerate() {
                assert_eq!(out, table[ids[i / cols] as usize * cols + i % cols], "{level}");
            }
            let (dy, mut grad) = (normal(count * cols, 5), vec![1.0; rows * cols]);
            scatter_add_rows(&mut grad, &dy, &ids, cols, Write::Add);
            let mut want = vec![1.0; rows * cols];
            for (i, &dy) in dy.iter().enumerate() {
                want[ids[i / cols] as usize * cols + i % cols] += dy;
            }
            assert_eq!(grad, want, "{level}: order of additions");
            let mut fresh = vec![f32::NAN; rows * cols];
            scatter_add_rows(&mut fresh, &dy, &ids, cols, Write::Set);
            want.fill(0.0);
            for (i, &dy) in dy.iter().enumerate() {
                want[ids[i / cols] as usize * cols + i % cols] += dy;
            }
            assert_eq!(fresh, want, "{level}: rows that nobody names are zero");
        }
    });
}
