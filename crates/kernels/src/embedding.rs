//! Rows of a table by number.

use crate::check;
use crate::elementwise::put;
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

/// `table_grad[ids[i], ·] += dy[i, ·]`, in the order of `ids`: the gradient of [`gather_rows`]. Always adds.
///
/// # Panics
/// When a length does not fit, or an id is no row; the message names the position and the id.
#[track_caller]
pub fn scatter_add_rows<T: Real>(table_grad: &mut [T], dy: &[T], ids: &[u32], cols: usize) {
    check_ids("scatter_add_rows", "dy", dy.len(), "table_grad", table_grad.len(), ids, cols);
    // Several ids may name one row. One thread in order is deterministic, and as fast as memory for the few rows of a batch.
    let add = table::<T>().accumulate;
    for (dy, &id) in dy.chunks(cols.max(1)).zip(ids) {
        put(add, &mut table_grad[id as usize * cols..][..cols], dy, Write::Add);
    }
}

#[track_caller]
fn check_ids(kernel: &str, rows: &str, rows_len: usize, table: &str, table_len: usize, ids: &[u32], cols: usize) {
    check::length(kernel, rows, rows_len, check::product(kernel, &[ids.len(), cols]));
    let table_rows = check::rows(kernel, table, table_len, cols);
    if cols == 0 {
        return;
    }
    for (i, &id) in ids.iter().enumerate() {
        assert!((id as usize) < table_rows, "kernels::{kernel}: ids[{i}] is {id} but `{table}` has {table_rows} rows");
    }
}
