//! Inputs, error bounds and the loop over levels, lengths and alignments.

use anther_kernels::{AlignedVec, Level, RandomKey, with_level};

/// The distance from one to the next `f32`: the unit of relative error bounds.
pub const EPS: f64 = f32::EPSILON as f64;

/// Lengths around the widths of registers, lanes and blocks.
pub fn lengths() -> impl Iterator<Item = usize> {
    (0..=33).chain([63, 64, 65, 1000, 4097])
}

/// `len` normal numbers.
pub fn normal(len: usize, stream: u64) -> Vec<f32> {
    let key = RandomKey::new(7, stream, 0);
    (0..len).map(|i| key.normal(i as u64) as f32).collect()
}

/// `len` numbers in [low, high).
pub fn uniform(len: usize, stream: u64, low: f64, high: f64) -> Vec<f32> {
    let key = RandomKey::new(8, stream, 0);
    (0..len).map(|i| (low + (high - low) * key.uniform(i as u64)) as f32).collect()
}

pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Memory that starts `offset` elements past a 64-byte boundary.
pub struct Shifted {
    memory: AlignedVec<f32>,
    offset: usize,
}

impl Shifted {
    pub fn new(x: &[f32], offset: usize) -> Shifted {
        let mut memory = AlignedVec::zeroed(x.len() + offset);
        memory[offset..].copy_from_slice(x);
        Shifted { memory, offset }
    }
}

impl std::ops::Deref for Shifted {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[self.offset..]
    }
}

impl std::ops::DerefMut for Shifted {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.offset..]
    }
}

/// Runs `case` at each level of this CPU.
pub fn at_each_level(mut case: impl FnMut(Level)) {
    for level in Level::available() {
        with_level(level, || case(level)).unwrap();
    }
}

/// Runs `case` at each level, for each length, with memory at each of four alignments.
pub fn at_each_length(mut case: impl FnMut(Level, usize, usize)) {
    at_each_level(|level| {
        for len in lengths() {
            for offset in 0..4 {
                case(level, len, offset);
            }
        }
    });
}

/// The distance between neighbours of `f32` at `x`.
pub fn ulp(x: f64) -> f64 {
    let exponent = x.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
    exponent.exp2() * EPS
}

/// Asserts that each element of `got` is within `bound(i, expected)` of `want`; infinities and NaN must agree.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], want: &[f64], bound: impl Fn(usize, f64) -> f64) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let fits = if want.is_nan() {
            got.is_nan()
        } else if want.is_infinite() {
            f64::from(got) == want
        } else {
            (f64::from(got) - want).abs() <= bound(i, want)
        };
        assert!(fits, "{what}: element {i} is {got:e}, expected {want:e}, bound {:e}", bound(i, want));
    }
}

/// Runs a block with `T = f32` and the named slices, at the level in force, and again with `T = f64` and widened copies of them.
macro_rules! both {
    ([$($x:ident),*], $body:block) => {{
        let got = {
            #[allow(dead_code)]
            type T = f32;
            $(let $x: &[T] = &$x;)*
            $body
        };
        let want = {
            #[allow(dead_code)]
            type T = f64;
            $(let $x: &[T] = &$crate::common::wide(&$x);)*
            $body
        };
        (got, want)
    }};
}
