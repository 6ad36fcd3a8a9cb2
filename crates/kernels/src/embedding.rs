//! Rows of a table by number.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{block_rows, blocks, part};
use crate::write::Write;

/// `out[i, ·] = table[ids[i], ·]` for rows of `cols` elements.
///
/// # Panics
/// When a length does not fit, or an id is no row; the message names the position and the id.
#[track_caller]
pub fn gather_rows<T: Real>(out: &mut [T], table: &[T], ids: &[u32], cols: usize) {
    check_ids("gather_rows", "out", out.len(), "table", table.len(), ids, cols);
    let rows = block_rows(cols);
    blocks(out.len(), out, rows * cols, |i, out| {
        for (out, &id) in out.chunks_mut(cols.max(1)).zip(part(ids, i, rows)) {
            out.copy_from_slice(&table[id as usize * cols..][..cols]);
        }
    });
}

/// The most pieces that the rows of a table are cut into for [`scatter_add_rows`]. Every piece looks at every id.
const PIECES: usize = 32;

/// `table_grad[ids[i], ·] += dy[i, ·]`, in the order of `ids`: the gradient of [`gather_rows`]. With [`Write::Set`] the rows that
/// no id names become 0.
///
/// Several ids may name one row, so each task owns a range of rows and adds to it in the order of the ids.
///
/// # Panics
/// When a length does not fit, or an id is no row; the message names the position and the id.
#[track_caller]
pub fn scatter_add_rows<T: Real>(table_grad: &mut [T], dy: &[T], ids: &[u32], cols: usize, write: Write) {
    let table_rows = check_ids("scatter_add_rows", "dy", dy.len(), "table_grad", table_grad.len(), ids, cols);
    let add = table::<T>().accumulate;
    let rows = table_rows.div_ceil(PIECES).max(1);
    let work = dy.len() + if write == Write::Set { table_grad.len() } else { 0 };
    blocks(work, table_grad, rows * cols, |i, piece| {
        if write == Write::Set {
            piece.fill(T::ZERO);
        }
        let (first, end) = (i * rows, i * rows + piece.len() / cols.max(1));
        for (dy, &id) in dy.chunks(cols.max(1)).zip(ids) {
            if (first..end).contains(&(id as usize)) {
                add(&mut piece[(id as usize - first) * cols..][..cols], dy);
            }
        }
    });
}

#[track_caller]
fn check_ids(
    kernel: &str,
    rows: &str,
    rows_len: usize,
    table: &str,
    table_len: usize,
    ids: &[u32],
    cols: usize,
) -> usize {
    check::length(kernel, rows, rows_len, check::product(kernel, &[ids.len(), cols]));
    let table_rows = check::rows(kernel, table, table_len, cols);
    if cols == 0 {
        return 0;
    }
    for (i, &id) in ids.iter().enumerate() {
        assert!((id as usize) < table_rows, "kernels::{kernel}: ids[{i}] is {id} but `{table}` has {table_rows} rows");
    }
    table_rows
}
