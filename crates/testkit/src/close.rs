//! Comparing numbers: absolute and relative distance, distance in units in the last place, and messages that say where.

use std::fmt;

/// Whether `a` is within `atol + rtol·|b|` of `b`. NaN is close to nothing; equal infinities are close.
pub fn close(a: f64, b: f64, rtol: f64, atol: f64) -> bool {
    a == b || (a - b).abs() <= atol + rtol * b.abs()
}

/// How many `f32` numbers lie between `a` and `b`: 0 if they are equal, 1 if they are neighbours, `u32::MAX` if either is NaN.
pub fn ulps(a: f32, b: f32) -> u32 {
    if a.is_nan() || b.is_nan() {
        return u32::MAX;
    }
    // The bits of a float, read so that they count up through all numbers from −∞ to ∞ with a single zero.
    let ordered = |x: f32| {
        let bits = i64::from(x.to_bits());
        if x.is_sign_negative() { (1 << 31) - bits } else { bits }
    };
    u32::try_from(ordered(a).abs_diff(ordered(b))).unwrap_or(u32::MAX)
}

/// Where two sequences differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Row-major index of the first element that differs, or the shorter length if the lengths differ.
    pub index: usize,
    /// The element that was found; NaN if there is none.
    pub got: f64,
    /// The element that was expected; NaN if there is none.
    pub expected: f64,
    /// How many elements differ beside this one.
    pub others: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {} is {:e} instead of {:e}", self.index, self.got, self.expected)?;
        if self.others > 0 { write!(f, ", and {} more elements differ", self.others) } else { Ok(()) }
    }
}

/// The first of the elements for which `same(got, expected)` does not hold, or where one sequence ends before the other.
pub fn compare(got: &[f64], expected: &[f64], same: impl Fn(f64, f64) -> bool) -> Option<Mismatch> {
    let at = |x: &[f64], i: usize| x.get(i).copied().unwrap_or(f64::NAN);
    let length = got.len().max(expected.len());
    let shared = got.len().min(expected.len());
    let differs = |&i: &usize| i >= shared || !same(got[i], expected[i]);
    let index = (0..length).find(differs)?;
    let others = (index + 1..length).filter(differs).count();
    Some(Mismatch { index, got: at(got, index), expected: at(expected, index), others })
}

/// Panics unless each element of `got` is [`close`] to that of `expected`.
///
/// # Panics
/// With the first element that is not, its index and both values, or if the lengths differ.
#[track_caller]
pub fn assert_close(what: &str, got: &[f64], expected: &[f64], rtol: f64, atol: f64) {
    if let Some(mismatch) = compare(got, expected, |a, b| close(a, b, rtol, atol)) {
        panic!("{what}: {mismatch} (lengths {} and {}, rtol {rtol:e}, atol {atol:e})", got.len(), expected.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_close_to_nothing_and_infinity_to_itself() {
        assert!(!close(f64::NAN, f64::NAN, 1.0, 1.0));
        assert!(!close(f64::NAN, 0.0, 1.0, 1.0));
        assert!(!close(f64::INFINITY, 0.0, 1.0, 1.0));
        assert!(close(f64::INFINITY, f64::INFINITY, 0.0, 0.0));
        assert!(close(1.0, 1.1, 0.1, 0.0));
        assert!(!close(1.0, 1.2, 0.1, 0.0));
    }

    #[test]
    fn ulps_count_the_numbers_between() {
        assert_eq!(ulps(1.0, 1.0), 0);
        assert_eq!(ulps(1.0, 1.0f32.next_up()), 1);
        assert_eq!(ulps(0.0, -0.0), 0);
        assert_eq!(ulps(0.0f32.next_up(), 0.0f32.next_down()), 2);
        assert_eq!(ulps(f32::NAN, 1.0), u32::MAX);
        assert_eq!(ulps(f32::MIN, f32::MAX), 2 * f32::MAX.to_bits());
    }

    #[test]
    fn a_mismatch_says_where_and_how_often() {
        let mismatch = compare(&[1.0, 2.0, 3.0], &[1.0, 5.0, 6.0], |a, b| a == b).unwrap();
        assert_eq!((mismatch.index, mismatch.others), (1, 1));
        assert_eq!(compare(&[1.0], &[1.0, 2.0], |a, b| a == b).unwrap().index, 1);
        assert_eq!(compare(&[], &[], |a, b| a == b), None);
    }

    #[test]
    #[should_panic(expected = "logits: element 1 is 2e0 instead of 3e0")]
    fn assert_close_names_what_differs() {
        assert_close("logits", &[1.0, 2.0], &[1.0, 3.0], 1e-3, 1e-3);
    }
}
