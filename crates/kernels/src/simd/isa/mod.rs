//! What a body has to know of the instruction set it is compiled for: [`Isa`], implemented once per level.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod baseline;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Fused256;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Fused512;
pub(crate) use baseline::Baseline;

use super::matmul::{Held, Tile};
use crate::weights::Bf16;

/// An instruction set: how to fuse a multiply and an add in plain loops, and vectors for the bodies that the compiler does not
/// vectorise well by itself.
///
/// Methods on vectors may only run inside functions that are compiled for the features of the level. They are safe to call because the
/// bodies that call them are reached through the table of a level in force and no other way.
pub(crate) trait Isa: Sized {
    /// A register of numbers.
    type Vector: Copy;

    /// Numbers in a register; at most 16.
    const LANES: usize;

    /// Rows of the tile of C that a matrix product keeps in registers; it has two registers of columns. At most [`Isa::LANES`].
    const ROWS: usize;

    /// Registers of vectors that there are.
    const REGISTERS: usize;

    /// Whether [`Isa::mul_add`] rounds once.
    const FUSES: bool;

    /// `a · b + c`, rounded once where the CPU can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;

    /// `a · b + c` of a product that is not rounded, at every level: what recovers the rounding of a product or a sum.
    ///
    /// Through `f64` where the CPU cannot fuse, which holds the product exactly and rounds the sum twice.
    fn exact_mul_add(a: f32, b: f32, c: f32) -> f32;

    /// The same number in all lanes.
    fn splat(x: f32) -> Self::Vector;

    /// The lanes at an address of any alignment.
    ///
    /// # Safety
    /// All lanes must be readable.
    unsafe fn load(from: *const f32) -> Self::Vector;

    /// The first `count` lanes, and zeros in the others.
    ///
    /// # Safety
    /// The first `count` lanes must be readable.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector;

    /// As [`Isa::load`] of numbers held in bf16.
    ///
    /// # Safety
    /// All lanes must be readable.
    unsafe fn load_bf16(from: *const Bf16) -> Self::Vector;

    /// As [`Isa::load_first`] of numbers held in bf16.
    ///
    /// # Safety
    /// The first `count` lanes must be readable.
    unsafe fn load_bf16_first(from: *const Bf16, count: usize) -> Self::Vector;

    /// Writes all lanes to an address of any alignment.
    ///
    /// # Safety
    /// All lanes must be writable.
    unsafe fn store(to: *mut f32, x: Self::Vector);

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// The first `count` lanes must be writable.
    unsafe fn store_first(to: *mut f32, x: Self::Vector, count: usize);

    /// `a + b`
    fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a · b`
    fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a · b + c`, rounded as [`Isa::mul_add`].
    fn fused(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// In each lane `b` where it is greater than `a`, which it is not if it is NaN.
    fn greater(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The sum of all lanes: the upper half is added to the lower one until one is left.
    fn total(x: Self::Vector) -> f32;

    /// The greatest of all lanes, none of which is NaN, halved as in [`Isa::total`].
    fn greatest(x: Self::Vector) -> f32;

    /// Brings a cache line into the first cache. The address need not be valid.
    fn prefetch(address: *const f32);

    /// Brings a cache line into the second cache. The address need not be valid.
    fn prefetch_far(address: *const f32);

    /// Transposes a square: element `l` of row `r` of the source, `source[r · step + l]`, goes to `out[l · stride + r]`, for the first
    /// `cols` elements of the first `rows` rows. Writes whole registers at `out[l · stride]`, with zeros in the places of missing rows.
    ///
    /// # Safety
    /// `cols` elements from each of the `rows` starts must be readable, and [`Isa::LANES`] elements from each of the `cols` places in
    /// `out` writable. Neither number may pass [`Isa::LANES`].
    unsafe fn transpose<B: Held>(source: *const B, step: usize, rows: usize, cols: usize, out: *mut f32, stride: usize);

    /// Computes a tile of `rows` × `registers` registers.
    ///
    /// # Safety
    /// As [`Tile::run`].
    unsafe fn tile(tile: &Tile, rows: usize, registers: usize);
}

/// Calls `$run` with the size of the tile as constants: the compiler must know it for the sums to stay in registers.
macro_rules! choose_tile {
    ($run:ident, $tile:expr, $given_rows:expr, $given_registers:expr, $($rows:literal)*) => {
        // SAFETY: the caller's promise is that of `Tile::run`, and the level has the features.
        unsafe {
            match ($tile.along(), $given_registers, $given_rows) {
                $((false, 1, $rows) => $run::<$rows, 1, false>($tile),)*
                $((false, 2, $rows) => $run::<$rows, 2, false>($tile),)*
                $((true, 1, $rows) => $run::<$rows, 1, true>($tile),)*
                $((true, 2, $rows) => $run::<$rows, 2, true>($tile),)*
                (_, registers, rows) => unreachable!("no tile of {rows} rows and {registers} registers"),
            }
        }
    };
}
use choose_tile;
