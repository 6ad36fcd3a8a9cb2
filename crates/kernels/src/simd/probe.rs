//! Body of the probe that finds how many multiply-adds a core can do.

use super::Baseline;
use super::Isa;
#[cfg(target_arch = "x86_64")]
use super::{Fused256, Fused512};

/// How the probe fills the registers of an instruction set.
pub(crate) trait Chains: Isa {
    /// Runs whole groups of registers of the front of `x`; returns how many elements it has run.
    fn run(x: &mut [f32], a: f32, b: f32, rounds: usize) -> usize;
}

macro_rules! chains {
    ($($(#[$attribute:meta])* $isa:ident: $registers:literal x $lanes:literal;)*) => {
        $(
            $(#[$attribute])*
            impl Chains for $isa {
                #[inline(always)]
                fn run(x: &mut [f32], a: f32, b: f32, rounds: usize) -> usize {
                    let groups = x.as_chunks_mut::<{ $registers * $lanes }>().0;
                    for group in groups.iter_mut() {
                        *group = iterate::<Self, $registers, $lanes, { $registers * $lanes }>(*group, a, b, rounds);
                    }
                    groups.len() * $registers * $lanes
                }
            }
        )*
    };
}

// Enough independent chains to cover the latency of a multiply-add on both ports, with registers left for `a` and `b`. Of these shapes the
// compiler keeps every element in a register; of 14 x 16 it does not.
chains!(
    Baseline: 12 x 4;
    #[cfg(target_arch = "x86_64")]
    Fused256: 12 x 8;
    #[cfg(target_arch = "x86_64")]
    Fused512: 12 x 32;
);

/// `x ← a·x + b`, `rounds` times, on `REGISTERS` registers of `LANES` elements that never leave the CPU.
#[inline(always)]
fn iterate<I: Isa, const REGISTERS: usize, const LANES: usize, const ALL: usize>(
    mut x: [f32; ALL],
    a: f32,
    b: f32,
    rounds: usize,
) -> [f32; ALL] {
    let mut chains = [[0.0; LANES]; REGISTERS];
    for (chain, x) in chains.iter_mut().zip(x.as_chunks::<LANES>().0) {
        *chain = *x;
    }
    for _ in 0..rounds {
        for chain in &mut chains {
            for lane in chain {
                *lane = I::mul_add(a, *lane, b);
            }
        }
    }
    for (x, chain) in x.as_chunks_mut::<LANES>().0.iter_mut().zip(chains) {
        *x = chain;
    }
    x
}

#[inline(always)]
pub(crate) fn multiply_add_probe<I: Chains>(x: &mut [f32], a: f32, b: f32, rounds: usize) {
    let done = I::run(x, a, b, rounds);
    for x in &mut x[done..] {
        for _ in 0..rounds {
            *x = I::mul_add(a, *x, b);
        }
    }
}
