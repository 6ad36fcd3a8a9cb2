//! The inner loops: compiled for the level in force, with the same bits at all levels, since nothing is contracted and sums have a fixed order.

use std::cmp::Ordering;

use anther_kernels::{Vectorize, vectorize};

/// Numbers that are worked on side by side.
const SIDE: usize = 8;

/// Large before small; NaN never comes here.
pub(super) fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}

/// `Σ a_i b_i`, in sixteen partial sums.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    vectorize(Dot(a, b))
}

/// `x −= share · v`
pub(super) fn subtract(x: &mut [f64], share: f64, v: &[f64]) {
    vectorize(Subtract(x, share, v));
}

/// `(x, y) ← (cosine x − sine y, sine x + cosine y)`
pub(super) fn turn(x: &mut [f64], y: &mut [f64], cosine: f64, sine: f64) {
    vectorize(Turn { x, y, cosine, sine });
}

struct Dot<'a>(&'a [f64], &'a [f64]);

impl Vectorize for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let (a, a_rest) = self.0.as_chunks::<{ 2 * SIDE }>();
        let (b, b_rest) = self.1.as_chunks::<{ 2 * SIDE }>();
        let mut sums = [0.0f64; 2 * SIDE];
        for (a, b) in a.iter().zip(b) {
            for lane in 0..2 * SIDE {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
    }
}

struct Subtract<'a>(&'a mut [f64], f64, &'a [f64]);

impl Vectorize for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Subtract(x, share, v) = self;
        let (x, x_rest) = x.as_chunks_mut::<SIDE>();
        let (v, v_rest) = v.as_chunks::<SIDE>();
        for (x, v) in x.iter_mut().zip(v) {
            for lane in 0..SIDE {
                x[lane] -= share * v[lane];
            }
        }
        x_rest.iter_mut().zip(v_rest).for_each(|(x, v)| *x -= share * v);
    }
}

struct Turn<'a> {
    x: &'a mut [f64],
    y: &'a mut [f64],
    cosine: f64,
    sine: f64,
}

impl Vectorize for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Turn { x, y, cosine, sine } = self;
        let turned = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
        let (x, x_rest) = x.as_chunks_mut::<SIDE>();
        let (y, y_rest) = y.as_chunks_mut::<SIDE>();
        for (x, y) in x.iter_mut().zip(y) {
            for lane in 0..SIDE {
                (x[lane], y[lane]) = turned(x[lane], y[lane]);
            }
        }
        x_rest.iter_mut().zip(y_rest).for_each(|(x, y)| (*x, *y) = turned(*x, *y));
    }
}
