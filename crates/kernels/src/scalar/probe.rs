//! The readable form of the probe of multiply-adds.

use crate::real::Real;

pub(crate) fn multiply_add_probe<T: Real>(x: &mut [T], a: T, b: T, rounds: usize) {
    for x in x {
        for _ in 0..rounds {
            *x = a * *x + b;
        }
    }
}
