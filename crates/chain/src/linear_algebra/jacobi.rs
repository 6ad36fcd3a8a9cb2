//! One-sided Jacobi: columns are turned in pairs until all are orthogonal. Then their norms are the singular values.

use anther_kernels::parallel_each;

use super::vectors::{descending, dot, turn};

/// Sweeps over all pairs after which the rotations stop; some ten are needed.
const MAX_SWEEPS: usize = 60;

/// A column and its squared norm.
struct Column {
    x: Vec<f64>,
    square: f64,
}

/// The left singular vectors and singular values of a square matrix, given by its columns.
pub(super) fn jacobi(columns: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = columns.len();
    let mut circle = blocks(columns);
    let tolerance = f64::EPSILON * (n as f64).sqrt();
    for _ in 0..MAX_SWEEPS {
        // The norms are carried along through a sweep and lose digits doing so.
        circle.iter_mut().flatten().for_each(|column| column.square = dot(&column.x, &column.x));
        let mut rotated = false;
        for block in &mut circle {
            rotated |= within(block, tolerance);
        }
        for _ in 1..circle.len() {
            rotated |= round(&mut circle, n, tolerance);
        }
        if !rotated {
            break;
        }
    }
    let columns = circle.into_iter().flatten();
    let mut found: Vec<(f64, Vec<f64>)> = columns.map(|column| (dot(&column.x, &column.x).sqrt(), column.x)).collect();
    found.sort_by(|a, b| descending(a.0, b.0));
    let noise = found.first().map_or(0.0, |(largest, _)| largest * f64::EPSILON);
    let values = found.iter().map(|(value, _)| *value).collect();
    let kept = found.into_iter().take_while(|(value, _)| *value > noise);
    let vectors = kept.map(|(value, x)| x.into_iter().map(|x| x / value).collect()).collect();
    (vectors, values)
}

/// Columns that are worked on together: two blocks stay in the cache while all of the one meet all of the other.
const BLOCK: usize = 8;

/// An even number of blocks, the last of which may hold fewer columns or none.
fn blocks(columns: Vec<Vec<f64>>) -> Vec<Vec<Column>> {
    let count = columns.len().div_ceil(BLOCK).next_multiple_of(2);
    let mut columns = columns.into_iter().map(|x| Column { x, square: 0.0 });
    (0..count).map(|_| columns.by_ref().take(BLOCK).collect()).collect()
}

/// All pairs of a block.
fn within(block: &mut [Column], tolerance: f64) -> bool {
    let mut rotated = false;
    for i in 1..block.len() {
        let (before, rest) = block.split_at_mut(i);
        for other in before {
            rotated |= rotate(other, &mut rest[0], tolerance);
        }
    }
    rotated
}

/// One round of a tournament: each block meets the one across, then all but the first move on by one place. After as many rounds as there are
/// others, each has met each.
fn round(circle: &mut Vec<Vec<Column>>, n: usize, tolerance: f64) -> bool {
    let across = circle.split_off(circle.len() / 2);
    let pairs = circle.drain(..).zip(across.into_iter().rev());
    let mut pairs: Vec<(Vec<Column>, Vec<Column>, bool)> = pairs.map(|(a, b)| (a, b, false)).collect();
    parallel_each(2 * BLOCK * n * n, &mut pairs, |(a, b, rotated)| {
        for x in a {
            for y in &mut *b {
                *rotated |= rotate(x, y, tolerance);
            }
        }
    });
    let rotated = pairs.iter().any(|(_, _, rotated)| *rotated);
    let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(a, b, _)| (a, b)).unzip();
    circle.extend(near);
    circle.extend(far.into_iter().rev());
    circle[1..].rotate_right(1);
    rotated
}

/// Makes two columns orthogonal by a rotation, unless they are to rounding.
fn rotate(a: &mut Column, b: &mut Column, tolerance: f64) -> bool {
    let across = dot(&a.x, &b.x);
    if across.abs() <= tolerance * (a.square * b.square).sqrt() {
        return false;
    }
    let ratio = (b.square - a.square) / (2.0 * across);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = tangent.hypot(1.0).recip();
    let sine = cosine * tangent;
    turn(&mut a.x, &mut b.x, cosine, sine);
    a.square = (a.square - tangent * across).max(0.0);
    b.square = (b.square + tangent * across).max(0.0);
    true
}
