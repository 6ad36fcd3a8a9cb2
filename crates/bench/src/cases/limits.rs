//! What the machine can do at most.

use std::hint::black_box;

use anther_kernels::{AlignedVec, PROBE_LEN, Write, multiply_add_probe, scale, sum};

use crate::case::{Case, Work};
use crate::inputs::normal;

/// The case that measures multiply-adds in registers.
pub const FMA: &str = "limit_fma";
/// The cases that measure memory: reading, and reading and writing.
pub const MEMORY: [&str; 2] = ["limit_memory_read", "limit_memory_update"];

/// Rounds of the probe: about a millisecond.
const ROUNDS: usize = 50_000;
/// Elements of a buffer that no cache of the machines in mind holds: 256 MiB of `f32`.
const BEYOND_CACHES: usize = 1 << 26;

/// The machine's limits on `threads` threads.
pub(super) fn cases(threads: usize) -> Vec<Case> {
    let flops = 2.0 * (PROBE_LEN * ROUNDS * threads) as f64;
    let bytes = (BEYOND_CACHES * size_of::<f32>()) as f64;
    vec![
        Case::new(FMA, Work::Flops(flops), || || drop(rayon::broadcast(|_| probe()))).quick(),
        Case::new(MEMORY[0], Work::Bytes(bytes), || {
            let x = normal(&[BEYOND_CACHES], 1);
            move || {
                black_box(sum(x.data()));
            }
        })
        .quick(),
        Case::new(MEMORY[1], Work::Bytes(3.0 * bytes), || {
            let x = normal(&[BEYOND_CACHES], 1);
            let mut out = AlignedVec::zeroed(BEYOND_CACHES);
            move || scale(&mut out, x.data(), 0.5, Write::Add)
        })
        .quick(),
    ]
}

/// One thread's share: numbers that approach 1 and never overflow or become denormal.
fn probe() -> f32 {
    let mut x: [f32; PROBE_LEN] = std::array::from_fn(|i| i as f32);
    multiply_add_probe(&mut x, black_box(0.999), black_box(0.001), ROUNDS);
    black_box(x)[0]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_probe_ends_at_its_fixed_point() {
        assert!((super::probe() - 1.0).abs() < 1e-3);
    }
}
