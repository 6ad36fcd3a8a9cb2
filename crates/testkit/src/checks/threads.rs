//! The same bits for any number of threads.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Report, same_bits};
use crate::case::Case;
use crate::close::compare;
use crate::evaluate::{Point, Wiring, evaluate};

const THREADS: [usize; 4] = [1, 2, 3, 8];

/// One pool for each number of threads, made once: a test binary checks hundreds of cases.
fn pools() -> &'static [ThreadPool] {
    static POOLS: OnceLock<Vec<ThreadPool>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        THREADS.into_iter().map(pool).collect()
    })
}

pub(super) fn check(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case).cast::<f32>();
    let run = |pool: &ThreadPool| pool.install(|| evaluate(case, &point, Wiring::Plain)).arrays(&point);
    let (first, others) = pools().split_first().expect("there is a number of threads");
    let expected = run(first);
    for pool in others {
        for ((what, got), (_, expected)) in run(pool).iter().zip(&expected) {
            let mismatch = compare(got, expected, same_bits);
            report.differ(|| format!("{what} with {} threads and with 1", pool.current_num_threads()), mismatch);
        }
    }
}
