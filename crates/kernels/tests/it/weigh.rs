//! Softmax and the division by the sum, with and without spans.

use anther_kernels::{Real, Span, Spans, Write, normalize, normalize_backward, softmax, softmax_backward};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, normal, uniform};

const QUERIES: usize = 3;
const HEADS: usize = 2;
const BATCH: usize = 2;
const ROWS: usize = BATCH * HEADS * QUERIES;

/// No spans, spans that the batch shares, and spans of each batch element; with empty, short and full ones.
fn layouts(cols: usize) -> Vec<Option<Vec<Span>>> {
    let end = cols as u32;
    let shared = vec![Span::new(0, end), Span::new(end / 3, end / 2), Span::new(end, 0)];
    let own = (0..6).map(|i| Span::new(i * end / 12, end - i * end / 9)).collect();
    vec![None, Some(shared), Some(own)]
}

fn spans(layout: &Option<Vec<Span>>) -> Option<Spans<'_>> {
    layout.as_ref().map(|rows| Spans { rows, queries: QUERIES, heads: HEADS })
}

/// The keys of a row, from the documented formula.
fn sees(layout: &Option<Vec<Span>>, row: usize, key: usize) -> bool {
    layout.as_ref().is_none_or(|rows| {
        let (batch, query) = (row / (HEADS * QUERIES), row % QUERIES);
        let span = if rows.len() == QUERIES { rows[query] } else { rows[batch * QUERIES + query] };
        (span.start as usize..span.end as usize).contains(&key)
    })
}

#[test]
fn softmax_at_each_length() {
    at_each_length(|level, cols, offset| {
        let x = Shifted::new(&normal(ROWS * cols, 1).iter().map(|x| 4.0 * x).collect::<Vec<_>>(), offset);
        for layout in layouts(cols) {
            let what = format!("softmax at {level}, {cols} columns");
            let (got, want) = both!([x], {
                let mut out = vec![T::NAN; x.len()];
                softmax(&mut out, x, cols, spans(&layout));
                out
            });
            assert_close(&what, &got, &want, |i, want| EPS * want * (30.0 + 4.0 * f64::from(x[i].abs())));
            for row in 0..ROWS {
                let row_out = if cols == 0 { &[][..] } else { &got[row * cols..][..cols] };
                let total: f64 = row_out.iter().map(|&x| f64::from(x)).sum();
                let seen = (0..cols).filter(|&key| sees(&layout, row, key)).count();
                assert!((total - f64::from(u8::from(seen > 0))).abs() < 1e-5, "{what}: row {row} adds up to {total}");
                assert!(
                    (0..cols).all(|key| sees(&layout, row, key) || row_out[key] == 0.0),
                    "{what}: row {row} looks away"
                );
            }
        }
    });
}

#[test]
fn softmax_backward_at_each_length() {
    at_each_length(|level, cols, offset| {
        let x = normal(ROWS * cols, 2);
        let dy = Shifted::new(&normal(ROWS * cols, 3), offset);
        for layout in layouts(cols) {
            let mut y = vec![0.0; x.len()];
            softmax(&mut y, &x, cols, spans(&layout));
            for write in [Write::Set, Write::Add] {
                let (got, want) = both!([dy, y], {
                    let mut dx = vec![if write == Write::Set { T::NAN } else { T::ONE }; dy.len()];
                    softmax_backward(&mut dx, dy, y, cols, spans(&layout), write);
                    dx
                });
                assert_close(&format!("softmax backward at {level}, {cols} columns"), &got, &want, |i, _| {
                    EPS * (if write == Write::Add { 2.0 } else { 0.0 } + 200.0 * f64::from(y[i]))
                });
            }
        }
    });
}

#[test]
fn normalize_at_each_length() {
    at_each_length(|level, cols, offset| {
        let w = Shifted::new(&uniform(ROWS * cols, 4, 0.0, 1.0), offset);
        let dy = Shifted::new(&normal(ROWS * cols, 5), offset);
        let rows = if cols == 0 { 0 } else { ROWS };
        for layout in layouts(cols) {
            for eps in [0.0, 1e-3] {
                let (got, want) = both!([w], {
                    let (mut out, mut sums) = (vec![T::NAN; w.len()], vec![T::NAN; rows]);
                    normalize(&mut out, &mut sums, w, cols, spans(&layout), T::from_f64(eps));
                    out.extend(sums);
                    out
                });
                let what = format!("normalize at {level}, {cols} columns");
                assert_close(&what, &got, &want, |_, want| 80.0 * EPS * want.abs());
                let (y, sums) = got.split_at(w.len());
                for write in [Write::Set, Write::Add] {
                    let (got, want) = both!([dy, y, sums], {
                        let mut dw = vec![if write == Write::Set { T::NAN } else { T::ONE }; dy.len()];
                        normalize_backward(&mut dw, dy, y, sums, cols, spans(&layout), write);
                        dw
                    });
                    assert_close(&what, &got, &want, |i, _| EPS * (2.0 + 300.0 / f64::from(sums[i / cols])));
                }
            }
        }
    });
}

#[test]
fn a_row_without_weight_gives_zeros() {
    at_each_level(|level| {
        let (mut out, mut sums) = ([f32::NAN; 4], [f32::NAN; 2]);
        normalize(&mut out, &mut sums, &[0.0, 0.0, 1.0, 3.0], 2, None, 0.0);
        assert_eq!((out, sums), ([0.0, 0.0, 0.25, 0.75], [0.0, 4.0]), "{level}");
        let mut dw = [f32::NAN; 4];
        normalize_backward(&mut dw, &[1.0; 4], &out, &sums, 2, None, Write::Set);
        assert_eq!(dw, [0.0; 4], "{level}");
    });
}

#[test]
fn softmax_of_huge_infinite_and_nan_scores() {
    at_each_level(|level| {
        let inf = f32::INFINITY;
        let x = [3e38, -3e38, 3e38, 5.0, -inf, 5.0, 0.0, f32::NAN, 0.0];
        let mut out = [0.0; 9];
        softmax(&mut out, &x, 3, None);
        assert_eq!(out[..6], [0.5, 0.0, 0.5, 0.5, 0.0, 0.5], "{level}");
        assert!(out[6..].iter().all(|x| x.is_nan()), "{level}");
        // A NaN that the query may not see stays out of sight.
        let seen = [Span::new(2, 3)];
        softmax(&mut out[..3], &x[6..], 3, Some(Spans { rows: &seen, queries: 1, heads: 1 }));
        assert_eq!(out[..3], [0.0, 0.0, 1.0], "{level}");
    });
}

/// Both gradients against difference quotients in `f64`.
#[test]
fn gradients_are_slopes() {
    let (cols, h) = (9, 1e-6);
    let layout = &layouts(cols)[2];
    let x: Vec<f64> = uniform(ROWS * cols, 6, 0.1, 2.0).iter().map(|&x| f64::from(x)).collect();
    let g: Vec<f64> = normal(ROWS * cols, 7).iter().map(|&x| f64::from(x)).collect();
    for weights in [false, true] {
        let forward = |x: &[f64]| {
            let (mut y, mut sums) = (vec![0.0; x.len()], vec![0.0; ROWS]);
            if weights {
                normalize(&mut y, &mut sums, x, cols, spans(layout), 0.05);
            } else {
                softmax(&mut y, x, cols, spans(layout));
            }
            (y, sums)
        };
        let loss = |x: &[f64]| forward(x).0.iter().zip(&g).map(|(y, g)| y * g).sum::<f64>();
        let (y, sums) = forward(&x);
        let mut dx = vec![f64::NAN; x.len()];
        if weights {
            normalize_backward(&mut dx, &g, &y, &sums, cols, spans(layout), Write::Set);
        } else {
            softmax_backward(&mut dx, &g, &y, cols, spans(layout), Write::Set);
        }
        for i in 0..x.len() {
            let shifted = |d: f64| {
                let mut x = x.clone();
                x[i] += d;
                loss(&x)
            };
            let slope = (shifted(h) - shifted(-h)) / (2.0 * h);
            assert!((dx[i] - slope).abs() < 1e-7, "element {i}: {} against {slope}", dx[i]);
        }
    }
}
