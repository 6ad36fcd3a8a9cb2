//! The micro-kernel: a tile of C in registers.

use std::marker::PhantomData;

use super::LINE;
use crate::simd::Isa;
use crate::tiles::TILE_STRIDE;
use crate::write::Write;

/// Steps before the end of a sum at which the lines of C are fetched.
const LEAD: usize = 48;

/// Sums with fewer steps are over before the lines of C have come, so they fetch those of the strip below.
const SHORT: usize = 256;

/// A tile of C and where its operands lie.
pub(crate) struct Tile<'a> {
    /// op(A): element `l` of row `r` at `l · a_step + r`, or, if its rows lie along memory, at `r ·` [`TILE_STRIDE`] `+ l`.
    a: *const f32,
    a_step: usize,
    along: bool,
    /// op(B): the columns of the tile, every `width` elements those of the next inner index.
    b: *const f32,
    /// What will be wanted after this tile: so many lines of cache from here on, which need not be valid.
    ahead: (*const f32, usize),
    /// The corner of the rows of C that are fetched, those of this tile or of a later one; need not be valid.
    fetched: *const f32,
    width: usize,
    depth: usize,
    alpha: f32,
    /// Where sums so far are read, if they are to be added to.
    from: *const f32,
    from_stride: usize,
    add: bool,
    to: *mut f32,
    to_stride: usize,
    columns: usize,
    bias: Option<&'a [f32]>,
    operands: PhantomData<&'a f32>,
}

impl<'a> Tile<'a> {
    /// A tile of `columns` columns whose corner in C is at `corner`, of a packed strip of A with its number of rows and a packed panel of B with its width.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the operands of the product")]
    pub(super) fn new(
        (a, rows): (&'a [f32], usize),
        (b, width): (&'a [f32], usize),
        depth: usize,
        ahead: (*const f32, usize),
        alpha: f32,
        corner: *mut f32,
        stride: usize,
        columns: usize,
        write: Write,
    ) -> Self {
        debug_assert!(a.len() == rows * depth && b.len() == width * depth);
        let (a, b) = ((a.as_ptr(), rows, false), (b.as_ptr(), width));
        let fetched = if depth < SHORT { corner.wrapping_add(rows * stride) } else { corner };
        Tile { ahead, fetched, ..Tile::at(a, b, depth, alpha, corner, stride, columns, write) }
    }

    /// A tile of an operand that lies as [`TileProduct`](crate::tiles::TileProduct) says, at these places.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the operands of the product")]
    pub(crate) fn at(
        (a, a_step, along): (*const f32, usize, bool),
        (b, width): (*const f32, usize),
        depth: usize,
        alpha: f32,
        corner: *mut f32,
        stride: usize,
        columns: usize,
        write: Write,
    ) -> Self {
        Tile {
            a,
            a_step,
            along,
            b,
            ahead: (b, 0),
            fetched: corner,
            width,
            depth,
            alpha,
            from: corner,
            from_stride: stride,
            add: write == Write::Add,
            to: corner,
            to_stride: stride,
            columns,
            bias: None,
            operands: PhantomData,
        }
    }

    /// Whether the rows of op(A) lie along memory.
    #[inline(always)]
    pub(crate) fn along(&self) -> bool {
        self.along
    }

    /// Leaves the tile of `rows` rows at another place, row after row of `width` columns.
    #[inline(always)]
    pub(super) fn redirect(&mut self, place: &mut [f32], rows: usize) {
        assert!(place.len() >= rows * self.width);
        (self.to, self.to_stride) = (place.as_mut_ptr(), self.width);
    }

    /// Adds a number to each column.
    #[inline(always)]
    pub(super) fn add_bias(&mut self, bias: Option<&'a [f32]>) {
        assert!(bias.is_none_or(|bias| bias.len() == self.columns));
        self.bias = bias;
    }

    /// Sums the products of `ROWS` rows and `REGISTERS` registers of columns in registers, and writes or adds them.
    ///
    /// # Safety
    /// A must hold `ROWS` elements for each inner index and lie as `ALONG` says, B `REGISTERS` registers. At `to` and, to add, at `from`, `ROWS` rows of `columns` elements must belong to the caller, and `columns` must end in the last register.
    #[inline(always)]
    pub(crate) unsafe fn run<I: Isa, const ROWS: usize, const REGISTERS: usize, const ALONG: bool>(&self) {
        let mut sums = [[I::splat(0.0); REGISTERS]; ROWS];
        let (mut a, mut b) = (self.a, self.b);
        let a_step = if ALONG { 1 } else { self.a_step };
        // What is wanted next is fetched a line at a step: what comes after this tile, then nothing, then the rows of C, late enough not
        // to be evicted before the sums are done. A macro, since the sums of a closure would not stay in registers.
        let late = self.depth.saturating_sub(LEAD);
        let lines = self.ahead.1.min(late);
        let rows = ROWS.min(self.depth - late);
        macro_rules! steps {
            ($count:expr $(, $wanted:ident)?) => {
                for _ in 0..$count {
                    let mut row = [I::splat(0.0); REGISTERS];
                    for (v, row) in row.iter_mut().enumerate() {
                        // SAFETY: the caller vouches for this row of B.
                        *row = unsafe { I::load(b.add(v * I::LANES)) };
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: the caller vouches for this column of A.
                        let a = I::splat(unsafe { a.add(if ALONG { r * TILE_STRIDE } else { r }).read() });
                        for (sum, &row) in sums.iter_mut().zip(&row) {
                            *sum = I::fused(a, row, *sum);
                        }
                    }
                    $(
                        I::prefetch_far($wanted.0);
                        $wanted.0 = $wanted.0.wrapping_add($wanted.1);
                    )?
                    (a, b) = (a.wrapping_add(a_step), b.wrapping_add(self.width));
                }
            };
        }
        let (mut ahead, mut of_c) = ((self.ahead.0, LINE), (self.fetched, self.from_stride));
        steps!(lines, ahead);
        steps!(late - lines);
        steps!(rows, of_c);
        steps!(self.depth - late - rows);
        if self.columns == REGISTERS * I::LANES {
            let alpha = I::splat(self.alpha);
            let (mut from, mut to) = (self.from, self.to);
            for sums in &sums {
                for (v, &sum) in sums.iter().enumerate() {
                    // SAFETY: the caller vouches for whole registers in both places, and a bias has as many elements as the tile has columns.
                    unsafe {
                        let mut value = I::mul(alpha, sum);
                        if self.add {
                            value = I::add(I::load(from.wrapping_add(v * I::LANES)), value);
                        }
                        if let Some(bias) = self.bias {
                            value = I::add(value, I::load(bias.as_ptr().add(v * I::LANES)));
                        }
                        I::store(to.wrapping_add(v * I::LANES), value);
                    }
                }
                (from, to) = (from.wrapping_add(self.from_stride), to.wrapping_add(self.to_stride));
            }
            return;
        }
        // Out of the registers by constant indices, into memory that the loop below may index: were it to index `sums`, the compiler
        // would keep them in memory through all of the sum.
        let alpha = I::splat(self.alpha);
        let mut scaled = [[alpha; REGISTERS]; ROWS];
        for (scaled, sums) in scaled.iter_mut().zip(&sums) {
            for (scaled, &sum) in scaled.iter_mut().zip(sums) {
                *scaled = I::mul(alpha, sum);
            }
        }
        for (r, row) in scaled.iter().enumerate() {
            for (v, &scaled) in row.iter().enumerate() {
                let first = v * I::LANES;
                let count = I::LANES.min(self.columns - first);
                let from = self.from.wrapping_add(r * self.from_stride + first);
                let to = self.to.wrapping_add(r * self.to_stride + first);
                let mut value = scaled;
                // SAFETY: the caller vouches for `count` elements in each of these places.
                unsafe {
                    if count == I::LANES {
                        if self.add {
                            value = I::add(I::load(from), value);
                        }
                        if let Some(bias) = self.bias {
                            value = I::add(value, I::load(bias.as_ptr().add(first)));
                        }
                        I::store(to, value);
                    } else {
                        if self.add {
                            value = I::add(I::load_first(from, count), value);
                        }
                        if let Some(bias) = self.bias {
                            value = I::add(value, I::load_first(bias.as_ptr().add(first), count));
                        }
                        I::store_first(to, value, count);
                    }
                }
            }
        }
    }
}
