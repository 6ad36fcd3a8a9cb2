//! How a matrix product is cut into tasks and pieces. Sizes and caches decide, never the number of threads.

use crate::block::Grid;
use crate::caches::caches;
use crate::matmul::Trans;
use crate::simd::{most_rows, slices};

/// Columns of a task are a multiple of this, which every level's tile divides.
const COLUMN_UNIT: usize = 32;

/// Tasks that a product is cut into where its size allows: enough for the threads of a workstation to find work, and few enough that
/// a task uses what it packs often.
const TASKS: usize = 8;

/// The fewest rows of a task: each panel of op(B) is read from the second or third cache for that many rows of op(A).
const FEWEST_ROWS: usize = 48;

/// The fewest columns of a task where the rows are cut into `high` ranges. They are packed again for each range of columns, which pays the sooner the fewer tasks there would be without.
const fn fewest_columns(high: usize) -> usize {
    match high {
        TASKS.. => 768,
        4.. => COLUMN_UNIT * 8,
        _ => COLUMN_UNIT * 4,
    }
}

/// The tasks of a product of `m` rows and `n` columns whose op(B) is packed.
pub(crate) fn packed(m: usize, n: usize) -> Grid {
    let rows = (m / TASKS).clamp(FEWEST_ROWS, most_rows());
    let high = m.div_ceil(rows);
    let most = if high >= TASKS { 4 } else { TASKS.div_ceil(high) };
    Grid::new(m, n, high, (n / fewest_columns(high)).clamp(1, most), COLUMN_UNIT)
}

/// The tasks of a product with a few rows, which reads B in place, by its rows or stored transposed.
pub(crate) fn in_place(m: usize, n: usize, k: usize, trans_b: Trans) -> Grid {
    /// Elements of B that are worth a task.
    const FEWEST_ELEMENTS: usize = 1 << 15;
    /// Columns of a task that reads parts of rows: fewer, and the CPU does not foresee the next line.
    const FEWEST_IN_ROW: usize = 384;
    let most = if trans_b == Trans::No { n / FEWEST_IN_ROW } else { n };
    Grid::new(m, n, 1, (n * k / FEWEST_ELEMENTS).min(most).clamp(1, 2 * TASKS), COLUMN_UNIT)
}

/// Slices of the inner size over which op(B) is packed at once: all, unless they are so many that what has been packed would not be near any more when it is read.
pub(crate) fn slices_at_once(k: usize) -> usize {
    const MANY: usize = 8;
    const FEW: usize = 3;
    if slices(k) > MANY { FEW } else { slices(k) }
}

/// Columns of op(B) that are packed at once over so much of the inner size, a multiple of `panel`: a quarter of the third cache, so that they are read from there.
pub(crate) fn columns_at_once(depth: usize, panel: usize) -> usize {
    let bytes = (caches().l3 / 4).clamp(2 << 20, 8 << 20);
    (bytes / (depth * size_of::<f32>()) / COLUMN_UNIT).max(8) * COLUMN_UNIT.max(panel)
}
