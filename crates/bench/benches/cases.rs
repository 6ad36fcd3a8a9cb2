//! The cases under criterion: confidence intervals and baselines, for looking closely at a few of them.
//!
//! `cargo bench -p anther-bench --bench cases -- FILTER` on as many threads as `RAYON_NUM_THREADS` says.

use std::time::Duration;

use anther_bench::{Work, cases};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn all(c: &mut Criterion) {
    for case in cases::all(rayon::current_num_threads(), None) {
        let mut group = c.benchmark_group(case.peer.map_or_else(String::new, |peer| format!("{peer}/")) + &case.name);
        group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
        match case.work {
            Work::Flops(n) | Work::Items { count: n, .. } => group.throughput(Throughput::Elements(n as u64)),
            Work::Bytes(n) => group.throughput(Throughput::Bytes(n as u64)),
            Work::Time => &mut group,
        };
        // Built when the filter has chosen the case, and freed after it.
        group.bench_function("call", |bencher| {
            let mut body = case.build();
            bencher.iter(&mut *body);
        });
        group.finish();
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
