//! Sums and maxima over a fixed number of lanes.
//!
//! In registers by name: of plain arrays of running numbers that are folded in the end, the compiler makes vectors of two or four numbers.

use super::Isa;

/// Running numbers that are kept side by side: two of the widest registers, eight of the narrowest.
pub(crate) const LANES: usize = 32;

/// Elements that are summed in `f32` before the sum moves to `f64`.
const RUN: usize = 1024;

/// A running number for each lane.
pub(crate) struct Running<I: Isa>([I::Vector; LANES / NARROWEST]);

/// Numbers in the narrowest register of all levels.
const NARROWEST: usize = 4;

impl<I: Isa> Clone for Running<I> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: Isa> Copy for Running<I> {}

impl<I: Isa> Running<I> {
    /// Registers in use; the others hold what they were made with.
    const REGISTERS: usize = LANES / I::LANES;

    /// The same number in all lanes.
    #[inline(always)]
    pub(crate) fn splat(x: f32) -> Self {
        Self([I::splat(x); LANES / NARROWEST])
    }

    #[inline(always)]
    pub(crate) fn load(x: &[f32; LANES]) -> Self {
        let mut lanes = Self::splat(0.0);
        for (r, register) in lanes.0.iter_mut().enumerate().take(Self::REGISTERS) {
            // SAFETY: so many registers make up the array.
            *register = unsafe { I::load(x.as_ptr().add(r * I::LANES)) };
        }
        lanes
    }

    /// The elements of a slice that is too short, and `missing` in the lanes that are left.
    #[inline(always)]
    fn load_rest(x: &[f32], missing: f32) -> Self {
        let mut padded = [missing; LANES];
        padded[..x.len()].copy_from_slice(x);
        Self::load(&padded)
    }

    /// `self + other`
    #[inline(always)]
    pub(crate) fn plus(mut self, other: Self) -> Self {
        for r in 0..Self::REGISTERS {
            self.0[r] = I::add(self.0[r], other.0[r]);
        }
        self
    }

    /// `self · other`
    #[inline(always)]
    fn times(mut self, other: Self) -> Self {
        for r in 0..Self::REGISTERS {
            self.0[r] = I::mul(self.0[r], other.0[r]);
        }
        self
    }

    /// `self + a · b`, rounded as [`Isa::mul_add`].
    #[inline(always)]
    fn plus_product(mut self, a: Self, b: Self) -> Self {
        for r in 0..Self::REGISTERS {
            self.0[r] = I::fused(a.0[r], b.0[r], self.0[r]);
        }
        self
    }

    /// The greater one of each lane; that of `self` where `other` is NaN.
    #[inline(always)]
    fn greater(mut self, other: Self) -> Self {
        for r in 0..Self::REGISTERS {
            self.0[r] = I::greater(self.0[r], other.0[r]);
        }
        self
    }

    /// The sum of the lanes: the upper half is added to the lower one until one is left.
    #[inline(always)]
    pub(crate) fn total(mut self) -> f32 {
        let mut width = Self::REGISTERS / 2;
        while width > 0 {
            for r in 0..width {
                self.0[r] = I::add(self.0[r], self.0[r + width]);
            }
            width /= 2;
        }
        I::total(self.0[0])
    }

    /// The greatest of the lanes.
    #[inline(always)]
    fn greatest(mut self) -> f32 {
        let mut width = Self::REGISTERS / 2;
        while width > 0 {
            for r in 0..width {
                self.0[r] = I::greater(self.0[r], self.0[r + width]);
            }
            width /= 2;
        }
        I::greatest(self.0[0])
    }
}

/// Σ xᵢ
#[inline(always)]
pub(crate) fn sum<I: Isa>(x: &[f32]) -> f64 {
    let mut total = 0.0;
    for run in x.chunks(RUN) {
        let mut sums = Running::<I>::splat(0.0);
        let (chunks, rest) = run.as_chunks::<LANES>();
        for chunk in chunks {
            sums = sums.plus(Running::load(chunk));
        }
        if !rest.is_empty() {
            sums = sums.plus(Running::load_rest(rest, 0.0));
        }
        total += f64::from(sums.total());
    }
    total
}

/// Σ aᵢ·bᵢ
#[inline(always)]
pub(crate) fn dot<I: Isa>(a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut sums = Running::<I>::splat(0.0);
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            sums = sums.plus_product(Running::load(a), Running::load(b));
        }
        if !a_rest.is_empty() {
            sums = sums.plus_product(Running::load_rest(a_rest, 0.0), Running::load_rest(b_rest, 0.0));
        }
        total += f64::from(sums.total());
    }
    total
}

/// Σ (xᵢ − center)²
#[inline(always)]
pub(crate) fn squared_distance<I: Isa>(x: &[f32], center: f32) -> f64 {
    let off = Running::<I>::splat(-center);
    let mut total = 0.0;
    for run in x.chunks(RUN) {
        let mut sums = Running::<I>::splat(0.0);
        let (chunks, rest) = run.as_chunks::<LANES>();
        for chunk in chunks {
            let distance = Running::load(chunk).plus(off);
            sums = sums.plus_product(distance, distance);
        }
        if !rest.is_empty() {
            let distance = Running::load_rest(rest, center).plus(off);
            sums = sums.plus_product(distance, distance);
        }
        total += f64::from(sums.total());
    }
    total
}

/// Adds `g`, and `g · distance`.
#[inline(always)]
fn add_pair<I: Isa>([sums, products]: &mut [Running<I>; 2], g: Running<I>, distance: Running<I>) {
    *sums = sums.plus(g);
    *products = products.plus_product(g, distance);
}

/// Σ gᵢ and Σ gᵢ·(xᵢ − center)
#[inline(always)]
pub(crate) fn sums<I: Isa>(g: &[f32], x: &[f32], center: f32) -> (f64, f64) {
    let off = Running::<I>::splat(-center);
    let mut totals = (0.0, 0.0);
    for (g, x) in g.chunks(RUN).zip(x.chunks(RUN)) {
        let mut pair = [Running::<I>::splat(0.0); 2];
        let ((g, g_rest), (x, x_rest)) = (g.as_chunks::<LANES>(), x.as_chunks::<LANES>());
        for (g, x) in g.iter().zip(x) {
            add_pair(&mut pair, Running::load(g), Running::load(x).plus(off));
        }
        if !g_rest.is_empty() {
            add_pair(&mut pair, Running::load_rest(g_rest, 0.0), Running::load_rest(x_rest, center).plus(off));
        }
        totals.0 += f64::from(pair[0].total());
        totals.1 += f64::from(pair[1].total());
    }
    totals
}

/// Σ gᵢ·wᵢ and Σ gᵢ·wᵢ·(xᵢ − center)
#[inline(always)]
pub(crate) fn weighted_sums<I: Isa>(g: &[f32], w: &[f32], x: &[f32], center: f32) -> (f64, f64) {
    let off = Running::<I>::splat(-center);
    let mut totals = (0.0, 0.0);
    for ((g, w), x) in g.chunks(RUN).zip(w.chunks(RUN)).zip(x.chunks(RUN)) {
        let mut pair = [Running::<I>::splat(0.0); 2];
        let (g, g_rest) = g.as_chunks::<LANES>();
        let (w, w_rest) = w.as_chunks::<LANES>();
        let (x, x_rest) = x.as_chunks::<LANES>();
        for ((g, w), x) in g.iter().zip(w).zip(x) {
            add_pair(&mut pair, Running::load(g).times(Running::load(w)), Running::load(x).plus(off));
        }
        if !g_rest.is_empty() {
            let weighted = Running::load_rest(g_rest, 0.0).times(Running::load_rest(w_rest, 0.0));
            add_pair(&mut pair, weighted, Running::load_rest(x_rest, center).plus(off));
        }
        totals.0 += f64::from(pair[0].total());
        totals.1 += f64::from(pair[1].total());
    }
    totals
}

/// The greatest element; −∞ for none. NaN is ignored.
#[inline(always)]
pub(crate) fn max<I: Isa>(x: &[f32]) -> f32 {
    let mut greatest = Running::<I>::splat(f32::NEG_INFINITY);
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        greatest = greatest.greater(Running::load(chunk));
    }
    if !rest.is_empty() {
        greatest = greatest.greater(Running::load_rest(rest, f32::NEG_INFINITY));
    }
    greatest.greatest()
}
