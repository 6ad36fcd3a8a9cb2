//! What a weighing tells the driver: how a tile of scores becomes weights, and how weights become a gradient of scores.

use anther_kernels::Span;
use anther_tensor::Element;

/// Running numbers of a block of queries, one a query each.
pub struct Normaliser<'a, T> {
    /// The greatest score so far, for weighings that need one; starts at −∞.
    pub max: &'a mut [T],
    /// The sum of weights so far; starts at 0.
    pub sum: &'a mut [T],
    /// What the sums so far must be multiplied by before this tile is added.
    pub factor: &'a mut [T],
}

/// What a weighing may know of the rows of a tile.
pub struct Rows<'a, T> {
    /// The columns of the tile that each query sees.
    pub spans: &'a [Span],
    /// How many keys each query sees in all.
    pub seen: &'a [T],
    /// Factors on the weights; only for a weighing that [`TileWeigh::multiplies`].
    pub factors: Option<Distances<'a, T>>,
}

/// Numbers that depend on the distance between query and key alone, as the rows of a tile meet them.
#[derive(Clone, Copy)]
pub struct Distances<'a, T> {
    pub(super) table: &'a [T],
    /// Where the first column of the first row stands in the table.
    pub(super) first: usize,
}

impl<'a, T> Distances<'a, T> {
    /// Those of row `r`, from the first column on.
    #[inline(always)]
    pub fn row(&self, r: usize) -> &'a [T] {
        // A query further down is one position nearer to the end of what a key can be away from it.
        &self.table[self.first - r..]
    }
}

/// A weighing by tiles. A tile lies in memory as [`anther_kernels`] describes: rows are queries, [`anther_kernels::TILE_STRIDE`] apart, and
/// each sees a span of its first `keys` columns.
pub trait TileWeigh<T: Element>: Send + Sync + 'static {
    /// Whether a bias comes as factors on the weights, `e^b`. Otherwise it is added to the scores before the weighing sees them.
    fn multiplies(&self) -> bool {
        false
    }

    /// Whether a sink takes its share of the weights, `e^{sink − kept}` of what [`TileWeigh::finish`] keeps. Others are not given sinks.
    fn has_sinks(&self) -> bool {
        false
    }

    /// A score that has the weight 0, and passes none of its gradient on: what is put in the place of a pair inside of a span that a pattern hides.
    fn hidden(&self) -> T {
        T::NEG_INFINITY
    }

    /// Turns the scores of a tile into weights that lack only their normaliser, zeros outside of the spans, and brings the running numbers
    /// up to date. Returns whether any factor may differ from 1.
    fn weigh(&self, tile: &mut [T], keys: usize, rows: &Rows<'_, T>, state: &mut Normaliser<'_, T>) -> bool;

    /// Of a query that sees so many keys and whose running numbers are these: what its sum of weighted values is to be multiplied by, and the one
    /// number from which [`TileWeigh::differentiate`] finds the weights again. `sink` is the score of a key that has no value, −∞ without one.
    fn finish(&self, max: T, sum: T, seen: T, sink: T) -> (T, T);

    /// From the scores of a tile, the number that [`TileWeigh::finish`] kept for each query, `dweights = ∂L/∂a` and `mean = Σ a · ∂L/∂a`:
    /// puts the weights a in place of the scores, and `∂L/∂s` in place of `dweights`. Both zero outside of the spans.
    fn differentiate(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        rows: &Rows<'_, T>,
        kept: &[T],
        mean: &[T],
    );
}
