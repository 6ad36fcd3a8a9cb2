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
    let mut circle: Vec<Column> = columns.into_iter().map(|x| Column { x, square: 0.0 }).collect();
    if n % 2 == 1 {
        // A bye: a column of zeros is orthogonal to all.
        circle.push(Column { x: vec![0.0; n], square: 0.0 });
    }
    let tolerance = f64::EPSILON * (n as f64).sqrt();
    for _ in 0..MAX_SWEEPS {
        // The norms are carried along through a sweep and lose digits doing so.
        circle.iter_mut().for_each(|column| column.square = dot(&column.x, &column.x));
        let mut rotated = false;
        for _ in 1..circle.len() {
            rotated |= round(&mut circle, tolerance);
        }
        if !rotated {
            break;
        }
    }
    let mut found: Vec<(f64, Vec<f64>)> =
        circle.into_iter().map(|column| (dot(&column.x, &column.x).sqrt(), column.x)).collect();
    found.sort_by(|a, b| descending(a.0, b.0));
    found.truncate(n);
    let noise = found.first().map_or(0.0, |(largest, _)| largest * f64::EPSILON);
    let values = found.iter().map(|(value, _)| *value).collect();
    let kept = found.into_iter().take_while(|(value, _)| *value > noise);
    let vectors = kept.map(|(value, x)| x.into_iter().map(|x| x / value).collect()).collect();
    (vectors, values)
}

/// One round of a tournament: each column meets the one across, then all but the first move on by one place. After as many rounds as there are
/// others, each has met each.
fn round(circle: &mut Vec<Column>, tolerance: f64) -> bool {
    let n = circle.len();
    let across = circle.split_off(n / 2);
    let pairs = circle.drain(..).zip(across.into_iter().rev());
    let mut pairs: Vec<(Column, Column, bool)> = pairs.map(|(a, b)| (a, b, false)).collect();
    parallel_each(4 * n * n, &mut pairs, |(a, b, rotated)| *rotated = rotate(a, b, tolerance));
    let rotated = pairs.iter().any(|(_, _, rotated)| *rotated);
    let mut across = Vec::with_capacity(n / 2);
    for (a, b, _) in pairs {
        circle.push(a);
        across.push(b);
    }
    circle.extend(across.into_iter().rev());
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
