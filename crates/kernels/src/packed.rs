//! Weights that are packed once for many products.

use std::fmt;
use std::ops::Range;

use crate::aligned::AlignedVec;
use crate::check;
use crate::matmul::{FEW_ROWS, MatMul, Trans, pack};
use crate::real::Real;
use crate::table::table;
use crate::weights::Weights;

/// A part of op(B) that a product finds packed.
#[derive(Clone)]
pub(crate) struct Packed<'a, T> {
    /// The column that the first panel begins with.
    pub(crate) first_col: usize,
    /// The slices of the inner size that the panels hold.
    pub(crate) slices: Range<usize>,
    /// One panel after the other.
    pub(crate) panels: &'a [T],
}

/// op(B) of products with more than a few rows, packed: who multiplies with the same weights again and again packs them once.
///
/// [`MatMul::packed`] takes it beside the weights as they are stored, which products with a few rows and the specification read. A product with it has the bits of
/// one without. Memory: as much as the weights in the element type, for the level that was in force; at [`Level::Scalar`](crate::Level::Scalar), and in `f64`, none.
pub struct PackedWeights<T: Real> {
    trans: Trans,
    n: usize,
    k: usize,
    /// Columns of a panel, which the tiles of a level decide; 0 at a level that packs nothing.
    width: usize,
    panels: AlignedVec<T>,
}

impl<T: Real> PackedWeights<T> {
    /// Packs op(B)\[k, n\], which is stored `[k, n]`, or `[n, k]` when transposed, for the level in force on this thread. Cost: one pass, on this thread.
    ///
    /// # Panics
    /// When there are not `k · n` weights.
    #[must_use]
    #[track_caller]
    pub fn new(weights: Weights<'_, T>, trans: Trans, n: usize, k: usize) -> Self {
        check::length("PackedWeights", "b", weights.len(), check::product("PackedWeights", &[n, k]));
        let args = MatMul { trans_b: trans, ..MatMul::with_weights(&[], weights, FEW_ROWS + 1, n, k) };
        let table = table::<T>();
        let width = (table.panel_width)(&args);
        let mut panels = AlignedVec::zeroed(if width == 0 { 0 } else { n.next_multiple_of(width) * k });
        if !panels.is_empty() {
            // Not shared out: a thread that packs what others wait for must not take up a task that waits for it too.
            pack(table, &args, 0, 0..k, false, &mut panels);
        }
        PackedWeights { trans, n, k, width, panels }
    }

    /// Whether a product with so many rows would read it.
    #[must_use]
    pub const fn serves(rows: usize) -> bool {
        rows > FEW_ROWS
    }

    /// The panels, if they have so many columns, as those of the level of the product have.
    pub(crate) fn panels(&self, width: usize) -> Option<&[T]> {
        (self.width == width).then_some(&self.panels[..])
    }

    /// # Panics
    /// When what was packed has other sizes or was stored otherwise than op(B) of this product.
    #[track_caller]
    pub(crate) fn check(&self, kernel: &str, args: &MatMul<'_, T>) {
        assert!(
            (args.n, args.k, args.trans_b) == (self.n, self.k, self.trans),
            "kernels::{kernel}: op(B) is {} × {} ({:?}), but {} × {} ({:?}) was packed",
            args.k,
            args.n,
            args.trans_b,
            self.k,
            self.n,
            self.trans
        );
    }
}

impl<T: Real> fmt::Debug for PackedWeights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedWeights({} × {}, {:?}, in panels of {})", self.k, self.n, self.trans, self.width)
    }
}
