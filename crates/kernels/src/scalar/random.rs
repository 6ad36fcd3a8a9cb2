//! Twin of the normal numbers.

use crate::random::RandomKey;
use crate::real::Real;

pub(crate) fn fill_normal<T: Real>(out: &mut [T], first: u64, key: RandomKey, mean: T, std: T) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = T::from_f64(mean.to_f64() + std.to_f64() * key.normal(first + i as u64));
    }
}
