//! The sizes of the CPU's caches, which block sizes follow.
//!
//! They decide how a product is cut into blocks, never the order of its sums: results do not depend on them.

use std::sync::OnceLock;

/// Bytes of the caches that a core sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caches {
    /// The second level.
    pub(crate) l2: usize,
    /// The third level, shared by the cores.
    pub(crate) l3: usize,
}

/// What is assumed where the CPU does not say: small sizes, which cost little on a larger cache.
const DEFAULT: Caches = Caches { l2: 512 << 10, l3: 4 << 20 };

/// The caches of this CPU, read once.
pub(crate) fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(|| {
        let level = |level| read(level).filter(|&bytes| bytes > 0);
        let l2 = level(2).unwrap_or(DEFAULT.l2);
        Caches { l2, l3: level(3).unwrap_or(DEFAULT.l3).max(l2) }
    })
}

/// Bytes of the data cache of a level, from the CPU itself.
#[cfg(target_arch = "x86_64")]
fn read(level: u32) -> Option<usize> {
    use std::arch::x86_64::{__cpuid_count, CpuidResult};
    #[allow(unused_unsafe, reason = "older versions of the standard library declare it unsafe, newer ones do not")]
    fn cpuid(leaf: u32, index: u32) -> CpuidResult {
        // SAFETY: every CPU of this architecture has the instruction, and it changes nothing.
        unsafe { __cpuid_count(leaf, index) }
    }
    /// The leaf with "deterministic cache parameters" of Intel, and its twin of AMD.
    const LEAVES: [u32; 2] = [0x4, 0x8000_001d];
    let leaves = LEAVES.into_iter().filter(|&leaf| cpuid(leaf & 0x8000_0000, 0).eax >= leaf);
    leaves
        .flat_map(|leaf| (0..8).map(move |index| cpuid(leaf, index)))
        .find(|found| {
            let (kind, of_level) = (found.eax & 0x1f, found.eax >> 5 & 7);
            const INSTRUCTIONS: u32 = 2;
            kind != 0 && kind != INSTRUCTIONS && of_level == level
        })
        .map(|found| {
            let (ways, parts, line) = ((found.ebx >> 22) + 1, (found.ebx >> 12 & 0x3ff) + 1, (found.ebx & 0xfff) + 1);
            [ways, parts, line, found.ecx.wrapping_add(1)].iter().map(|&size| size as usize).product()
        })
}

#[cfg(not(target_arch = "x86_64"))]
fn read(_level: u32) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_of_plausible_sizes() {
        let Caches { l2, l3 } = caches();
        assert!((64 << 10..=256 << 20).contains(&l2), "{l2}");
        assert!((l2..=4 << 30).contains(&l3), "{l3}");
    }
}
