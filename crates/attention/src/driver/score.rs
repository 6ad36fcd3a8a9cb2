//! What a score tells the driver: the scores of a tile of pairs, and what their gradients mean for queries and keys.

use std::ops::Range;

use anther_kernels::{self as kernels, Lanes, Span, TILE_STRIDE, TileA, TileB, TileProduct, Write};
use anther_tensor::Element;

use super::QUERIES;

/// A score by tiles: any function of a query and a key, and of numbers that all pairs share. [`PairScore`](crate::PairScore) and
/// [`DotScore`](crate::DotScore) are easier to write and become one.
pub trait TileScore<T: Element>: Send + Sync + 'static {
    /// Whether [`TileScore::score`] leaves a second tile for [`TileScore::differentiate`].
    fn keeps(&self) -> bool {
        false
    }

    /// Whether [`TileScore::differentiate`] gives the gradients of keys lane by lane, in [`TileGradients::key_panels`].
    fn panels(&self) -> bool {
        false
    }

    /// Writes the scores of the pairs that the spans show; what it writes elsewhere is not read. A tile lies in memory as
    /// [`anther_kernels::tile_product`] describes. `kept` is a second tile, or empty.
    fn score(&self, pairs: &Pairs<'_, T>, scores: &mut [T], kept: &mut [T]);

    /// Adds what the gradients of the scores, zero outside of the spans, mean for queries, keys and the numbers that all pairs share.
    fn differentiate(&self, pairs: &Pairs<'_, T>, dscores: &mut [T], kept: &[T], into: &mut TileGradients<'_, T>);

    /// Floating-point operations of the score of a pair of width `d`.
    fn flops(&self, d: usize) -> usize;
}

/// A block of queries that meets a tile of keys.
pub struct Pairs<'a, T> {
    /// The queries, `[rows, d]`.
    pub queries: &'a [T],
    /// The same as [`anther_kernels::pack_columns`] leaves them.
    pub(super) query_columns: &'a [T],
    /// The keys, `[cols, d]`.
    pub keys: &'a [T],
    /// The same as [`anther_kernels::pack_panels`] leaves them: [`PANEL`](anther_kernels::PANEL) keys side by side.
    pub key_panels: &'a [T],
    /// The width of queries and keys.
    pub d: usize,
    /// The keys that each query sees, counted from the first of the tile.
    pub spans: &'a [Span],
    /// The numbers that all pairs share.
    pub params: &'a [T],
}

/// Where the gradients of a tile are added.
pub struct TileGradients<'a, T> {
    /// `[rows, d]`
    pub queries: &'a mut [T],
    /// `[cols, d]`
    pub keys: &'a mut [T],
    /// Those of the keys lane by lane, laid out as [`Pairs::key_panels`]; empty unless [`TileScore::panels`].
    pub key_panels: &'a mut [T],
    /// Those of the numbers that all pairs share, [`PANEL`](anther_kernels::PANEL) lanes each, which are added up in the end.
    pub params: &'a mut [Lanes<T>],
}

impl<T: Element> Pairs<'_, T> {
    /// Queries of the block.
    pub fn rows(&self) -> usize {
        self.spans.len()
    }

    /// Keys of the tile.
    pub fn cols(&self) -> usize {
        self.keys.len() / self.d
    }

    /// The groups of `size` columns that query `r` sees something of.
    #[inline(always)]
    pub(crate) fn groups(&self, r: usize, size: usize) -> Range<usize> {
        let span = self.spans[r];
        if span.is_empty() { 0..0 } else { span.start as usize / size..(span.end as usize).div_ceil(size) }
    }

    /// `out = alpha · ⟨query, key⟩` for all pairs, through the kernel of products.
    pub fn dots(&self, alpha: f64, out: &mut [T]) {
        let product = TileProduct {
            a: TileA::Columns(self.query_columns, QUERIES),
            b: TileB::Panels(self.key_panels),
            rows: self.rows(),
            cols: self.cols(),
            inner: self.d,
            alpha: T::from_f64(alpha),
        };
        kernels::tile_product(product, out, TILE_STRIDE, Write::Set);
    }

    /// The backward pass of [`Pairs::dots`]: adds `alpha · Σ_j ddots_ij key_j` to the queries and `alpha · Σ_i ddots_ij query_i` to the keys.
    pub fn dots_backward(&self, alpha: f64, ddots: &[T], into: &mut TileGradients<'_, T>) {
        let product = TileProduct {
            a: TileA::Columns(ddots, TILE_STRIDE),
            b: TileB::Rows(self.queries, self.d),
            rows: self.cols(),
            cols: self.d,
            inner: self.rows(),
            alpha: T::from_f64(alpha),
        };
        kernels::tile_product(product, into.keys, self.d, Write::Add);
        let product = TileProduct {
            a: TileA::Rows(ddots),
            b: TileB::Rows(self.keys, self.d),
            rows: self.rows(),
            inner: self.cols(),
            ..product
        };
        kernels::tile_product(product, into.queries, self.d, Write::Add);
    }
}
