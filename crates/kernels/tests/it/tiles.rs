//! The parts of a tiled attention at every level against definitions in `f64` of their own.

use anther_kernels::{
    PANEL, RandomKey, Span, TILE_STRIDE, TileA, TileB, TileProduct, Write, dropout, dropout_from, online_softmax,
    online_squash, pack_columns, pack_panels, softmax_tile_backward, squash_tile_backward, tile_product,
};

use crate::common::{EPS, assert_close, at_each_level, normal, wide};

/// Sizes around registers, strips and panels at every level.
const SIZES: [usize; 11] = [1, 2, 5, 13, 14, 16, 31, 33, 48, 64, 100];

/// `[rows, cols]` as rows of a tile, NaN between them.
fn tile(x: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    let mut tile = vec![f32::NAN; rows * TILE_STRIDE];
    for (tile, x) in tile.chunks_mut(TILE_STRIDE).zip(x.chunks(cols)) {
        tile[..cols].copy_from_slice(x);
    }
    tile
}

#[test]
fn products_of_every_layout_are_sums_of_products() {
    at_each_level(|level| {
        for (i, &rows) in SIZES.iter().enumerate() {
            for (j, &cols) in SIZES.iter().enumerate() {
                let inner = [0, 1, 7, 17, 64, 128][(i + j) % 6];
                let (a, b) = (normal(rows * inner, 1), normal(inner * cols, 2));
                let along = if inner == 0 { Vec::new() } else { tile(&a, rows, inner) };
                let transposed: Vec<f32> = (0..inner * rows).map(|i| a[i % rows * inner + i / rows]).collect();
                // Rows of B as the columns of its transposed, which is what panels are packed from.
                let bt: Vec<f32> = (0..cols * inner).map(|i| b[i % inner * cols + i / inner]).collect();
                let mut panels = vec![f32::NAN; cols.next_multiple_of(PANEL) * inner];
                if inner > 0 {
                    pack_panels(&mut panels, &bt, inner);
                }
                let before = normal(rows * (cols + 3), 3);
                let (wide_a, wide_b) = (wide(&a), wide(&b));
                for a in [TileA::Rows(&along[..]), TileA::Columns(&transposed, rows)] {
                    for b in [TileB::Rows(&b[..], cols), TileB::Panels(&panels)] {
                        for write in [Write::Set, Write::Add] {
                            let mut c = before.clone();
                            let args = TileProduct { a, b, rows, cols, inner, alpha: 0.5 };
                            tile_product(args, &mut c, cols + 3, write);
                            let expected: Vec<f64> = (0..c.len())
                                .map(|i| {
                                    let (r, j, old) = (i / (cols + 3), i % (cols + 3), f64::from(before[i]));
                                    let dot = |l: usize| wide_a[r * inner + l] * wide_b[l * cols + j];
                                    match write {
                                        _ if j >= cols => old,
                                        Write::Set => 0.5 * (0..inner).map(dot).sum::<f64>(),
                                        Write::Add => old + 0.5 * (0..inner).map(dot).sum::<f64>(),
                                    }
                                })
                                .collect();
                            let what = format!("{level:?} {rows}x{cols}x{inner} {write:?}");
                            assert_close(&what, &c, &expected, |_, _| (inner + 4) as f64 * 4.0 * EPS);
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn packed_columns_are_the_transposed_block() {
    at_each_level(|level| {
        for (rows, width, step) in [(1, 1, 16), (16, 16, 16), (37, 5, 16), (64, 64, 64), (130, 33, 64), (5, 40, 32)] {
            let x = normal(rows * width, 1);
            let mut out = vec![f32::NAN; rows.next_multiple_of(step) * width];
            pack_columns(&mut out, &x, width, step);
            for r in 0..rows {
                for l in 0..width {
                    let packed = out[r / step * step * width + l * step + r % step];
                    assert_eq!(packed, x[r * width + l], "{level:?}: element {l} of row {r} of {rows} x {width}");
                }
            }
        }
    });
}

const COLS: usize = 45;

/// Spans of all kinds, one a row.
fn spans() -> Vec<Span> {
    [(0, 45), (0, 1), (3, 40), (44, 45), (7, 7), (0, 0), (9, 2), (0, 44), (16, 33)]
        .map(|(a, b)| Span::new(a, b))
        .to_vec()
}

/// The elements of the rows that a span shows.
fn seen(spans: &[Span]) -> impl Iterator<Item = (usize, usize)> {
    let within = |(r, span): (usize, &Span)| (span.start as usize..span.end as usize).map(move |c| (r, c));
    spans.iter().enumerate().flat_map(within).collect::<Vec<_>>().into_iter()
}

#[test]
fn two_tiles_of_a_running_softmax_are_one_softmax() {
    let (spans, rows) = (spans(), spans().len());
    let tiles = [normal(rows * COLS, 1), normal(rows * COLS, 2).iter().map(|s| 3.0 * s).collect()];
    at_each_level(|level| {
        let mut max = vec![f32::NEG_INFINITY; rows];
        let (mut sum, mut factor) = (vec![0.0; rows], vec![f32::NAN; rows]);
        let mut weights = Vec::new();
        for x in &tiles {
            let mut tile = tile(x, rows, COLS);
            online_softmax(&mut tile, COLS, &spans, &mut max, &mut sum, &mut factor);
            for (r, span) in spans.iter().enumerate() {
                let outside = (0..COLS).filter(|&c| c < span.start as usize || c >= span.end as usize);
                assert!(outside.map(|c| tile[r * TILE_STRIDE + c]).all(|w| w == 0.0), "{level:?}: row {r}");
                if span.is_empty() {
                    assert_eq!((max[r], sum[r], factor[r]), (f32::NEG_INFINITY, 0.0, 1.0), "{level:?}: row {r}");
                }
            }
            weights.push(tile);
        }
        // The weights of the first tile are relative to the maximum of then.
        for (r, c) in seen(&spans) {
            let all = |c: usize| tiles.iter().map(move |x| f64::from(x[r * COLS + c]));
            let range = spans[r].start as usize..spans[r].end as usize;
            let total: f64 = range.flat_map(all).map(f64::exp).sum();
            let expected = f64::from(tiles[0][r * COLS + c]).exp() / total;
            let got = f64::from(weights[0][r * TILE_STRIDE + c]) * f64::from(factor[r]) / f64::from(sum[r]);
            assert!((got - expected).abs() <= 40.0 * EPS * expected, "{level:?}: {got:e} for {expected:e}");
        }
    });
}

#[test]
fn squared_weights_are_squares_over_one_plus_squares() {
    let (spans, rows) = (spans(), spans().len());
    let mut x = normal(rows * COLS, 1);
    (x[0], x[1], x[2]) = (1e30, -1e-30, 0.0);
    at_each_level(|level| {
        let mut tile = tile(&x, rows, COLS);
        let mut sum = vec![0.25; rows];
        online_squash(&mut tile, COLS, &spans, &mut sum);
        let weight = |r: usize, c: usize| {
            let s = f64::from(x[r * COLS + c]);
            s * s / (1.0 + s * s)
        };
        for (r, c) in seen(&spans) {
            let got = f64::from(tile[r * TILE_STRIDE + c]);
            assert!((got - weight(r, c)).abs() <= 4.0 * EPS * weight(r, c) + 1e-38, "{level:?}: {got:e} in row {r}");
        }
        for (r, span) in spans.iter().enumerate() {
            let expected = 0.25 + (span.start..span.end).map(|c| weight(r, c as usize)).sum::<f64>();
            assert!((f64::from(sum[r]) - expected).abs() <= 100.0 * EPS * expected, "{level:?}: sum of row {r}");
        }
    });
}

#[test]
fn derivatives_of_tiles_follow_their_formulas() {
    let (spans, rows) = (spans(), spans().len());
    let (x, dw) = (normal(rows * COLS, 1), normal(rows * COLS, 2));
    let mean = normal(rows, 3);
    let mut kept: Vec<f32> = normal(rows, 4).iter().map(|k| 2.0 + k.abs()).collect();
    kept[1] = 0.0;
    at_each_level(|level| {
        for squared in [false, true] {
            let (mut scores, mut gradients) = (tile(&x, rows, COLS), tile(&dw, rows, COLS));
            let run = if squared { squash_tile_backward } else { softmax_tile_backward };
            run(&mut scores, &mut gradients, COLS, &spans, &kept, &mean);
            let (mut a, mut ds) = (vec![0.0; rows * COLS], vec![0.0; rows * COLS]);
            for (r, c) in seen(&spans) {
                let i = r * COLS + c;
                let (s, d) = (f64::from(x[i]), f64::from(dw[i]) - f64::from(mean[r]));
                let kept = f64::from(kept[r]);
                (a[i], ds[i]) = match squared {
                    false => ((s - kept).exp(), (s - kept).exp() * d),
                    true if kept == 0.0 => (0.0, 0.0),
                    true => (s * s / (1.0 + s * s) / kept, 2.0 * s / (1.0 + s * s).powi(2) / kept * d),
                };
            }
            let packed =
                |tile: &[f32]| -> Vec<f32> { tile.chunks(TILE_STRIDE).flat_map(|row| row[..COLS].to_vec()).collect() };
            let bound = |_: usize, want: f64| 16.0 * EPS * (want.abs() + 1e-3);
            assert_close(&format!("{level:?} weights"), &packed(&scores), &a, bound);
            assert_close(&format!("{level:?} gradients"), &packed(&gradients), &ds, bound);
        }
    });
}

/// Whatever the numbers of a row are, what it does not see is zero after it; so is all of a row whose weights sum to 0.
#[test]
fn hidden_places_of_a_tile_are_zero_whatever_is_seen() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, 1e-40];
    let pairs: Vec<[f32; 2]> = odd.iter().flat_map(|&first| odd.map(|second| [first, second])).collect();
    let spans = vec![Span::new(5, 40); pairs.len()];
    let [first, second] = [0, 1].map(|i| pairs.iter().map(|pair| pair[i]).collect::<Vec<f32>>());
    at_each_level(|level| {
        let check = |what: &str, tile: &[f32], empty: &[f32]| {
            for (r, row) in tile.chunks(TILE_STRIDE).enumerate() {
                let hidden = row[..5].iter().chain(&row[40..COLS]);
                let all_zero = empty.get(r) == Some(&0.0);
                let seen = row[5..40].iter().filter(|_| all_zero);
                assert!(hidden.chain(seen).all(|&x| x == 0.0), "{what} of {:?} at {level}: {row:?}", pairs[r]);
            }
        };
        for score in [f32::NAN, f32::NEG_INFINITY, 1.0] {
            let scores = tile(&vec![score; pairs.len() * COLS], pairs.len(), COLS);
            let mut weights = scores.clone();
            let (mut max, mut sum, mut factor) = (vec![f32::NEG_INFINITY; pairs.len()], first.clone(), first.clone());
            online_softmax(&mut weights, COLS, &spans, &mut max, &mut sum, &mut factor);
            check("softmax", &weights, &[]);
            for (run, empty) in [
                (squash_tile_backward as fn(&mut [f32], &mut [f32], _, &[_], &[f32], &[f32]), &first[..]),
                (softmax_tile_backward, &[]),
            ] {
                let (mut weights, mut gradients) = (scores.clone(), scores.clone());
                run(&mut weights, &mut gradients, COLS, &spans, &first, &second);
                check("weights", &weights, empty);
                check("gradients", &gradients, empty);
            }
        }
    });
}

#[test]
fn rows_without_columns_are_packed_to_nothing() {
    at_each_level(|_| {
        pack_panels::<f32>(&mut [], &[], 0);
        pack_columns::<f32>(&mut [], &[], 0, 16);
    });
}

#[test]
fn dropout_of_a_part_is_the_part_of_dropout() {
    let x = normal(300, 1);
    let key = RandomKey::new(3, 1, 4);
    at_each_level(|level| {
        let mut whole = vec![0.0; x.len()];
        dropout(&mut whole, &x, key, 0.3, Write::Set);
        assert!(whole.contains(&0.0), "something is dropped");
        for start in [0, 1, 2, 3, 4, 5, 127, 130] {
            for end in [start, start + 1, start + 2, start + 3, start + 7, 300] {
                let mut part = vec![f32::NAN; end - start];
                dropout_from(&mut part, &x[start..end], start, key, 0.3);
                assert_eq!(part, whole[start..end], "{level:?}: {start}..{end}");
            }
        }
    });
}

#[test]
#[should_panic(expected = "kernels::tile_product: `b` has 3 elements")]
fn a_short_operand_is_refused() {
    let args = TileProduct {
        a: TileA::Columns(&[1.0f32; 4], 2),
        b: TileB::Rows(&[1.0; 3], 2),
        rows: 2,
        cols: 2,
        inner: 2,
        alpha: 1.0,
    };
    tile_product(args, &mut [0.0; 4], 2, Write::Set);
}

#[test]
#[should_panic(expected = "kernels::online_squash: a span passes the 3 columns of the tile")]
fn a_span_beyond_the_tile_is_refused() {
    online_squash(&mut [0.0f32; TILE_STRIDE], 3, &[Span::new(0, 4)], &mut [0.0]);
}
