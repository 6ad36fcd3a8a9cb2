//! Sums down the columns of a matrix that a pass over its rows produces anyway: partial sums of chunks of rows, then their sum.

use crate::elementwise::Broadcast;
use crate::real::Real;
use crate::reduce::STRIPE;
use crate::scratch::Scratch;
use crate::table::table;
use crate::threads::{blocks, blocks2};
use crate::write::Write;

/// Rows that share a partial sum, at the least: the partial sums are a 64th of what the pass reads.
const CHUNK_ROWS: usize = 64;

/// Partial sums, at the most.
const CHUNKS: usize = 256;

/// Runs `body(i, rows, out, partial)` for each chunk `i` of `rows` rows of the matrix `out`, whose rows have `cols` elements, and adds
/// what the calls leave in `partial` up into `sums`, in the order of the chunks.
///
/// `partial` has room for all of `sums`, one after the other, and holds stale numbers when `body` gets it. The cut depends on the shape only.
pub(crate) fn with_column_sums<T: Real, const N: usize>(
    work: usize,
    out: &mut [T],
    cols: usize,
    sums: [&mut [T]; N],
    write: Write,
    body: impl Fn(usize, usize, &mut [T], &mut [T]) + Sync + Send,
) {
    let add = table::<T>().reduce;
    let total_rows = out.len().checked_div(cols).unwrap_or(0);
    let rows = total_rows.div_ceil(CHUNKS).max(CHUNK_ROWS);
    let (chunks, width) = (total_rows.div_ceil(rows), sums.iter().map(|sums| sums.len()).sum());
    let mut partials = Scratch::new(chunks * width);
    blocks2(work, (out, rows * cols), (&mut partials, width), |i, out, partial| {
        if !partial.is_empty() {
            body(i, rows, out, partial);
        }
    });
    let layout = Broadcast { outer: chunks, mid: width, inner: 1 };
    let mut first = 0;
    for sums in sums {
        let len = sums.len();
        blocks(chunks * len, sums, STRIPE, |i, sums| {
            add(sums, first + i * STRIPE, &partials, None, layout, write);
        });
        first += len;
    }
}
