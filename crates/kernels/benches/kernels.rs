//! Timings of the kernels that training spends its time in, at each level of this CPU.

#![allow(unsafe_code)]

use std::hint::black_box;

use anther_kernels::{
    AdamStep, Level, MatMul, RandomKey, Unary, Write, adam_step, fill_normal, layer_norm, matmul, softmax, unary,
    with_level,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn normal(len: usize, stream: u64) -> Vec<f32> {
    let mut x = vec![0.0; len];
    fill_normal(&mut x, RandomKey::new(0, stream, 0), 0.0, 1.0);
    x
}

/// Times `body` at each level but the scalar one, whose speed nobody waits for.
fn at_each_level(c: &mut Criterion, name: &str, elements: usize, mut body: impl FnMut()) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64)).sample_size(20);
    for level in Level::available().into_iter().filter(|&level| level != Level::Scalar) {
        group.bench_function(BenchmarkId::from_parameter(level), |b| {
            with_level(level, || b.iter(&mut body)).expect("the level is available");
        });
    }
    group.finish();
}

fn kernels(c: &mut Criterion) {
    let n = 512;
    let (a, b) = (normal(n * n, 1), normal(n * n, 2));
    let mut out = vec![0.0; n * n];
    at_each_level(c, "matmul 512x512x512 (multiply-adds)", n * n * n, || {
        matmul(MatMul::new(&a, &b, n, n, n), black_box(&mut out), Write::Set);
    });
    c.bench_function("matmul 512x512x512 (multiply-adds)/matrixmultiply, 1 thread", |bench| {
        bench.iter(|| {
            // SAFETY: all three are vectors of n·n elements, and C is apart from A and B.
            unsafe {
                let (a, b, c, n_) = (a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), n as isize);
                matrixmultiply::sgemm(n, n, n, 1.0, a, n_, 1, b, n_, 1, 0.0, c, n_, 1);
            }
        });
    });
    at_each_level(c, "softmax 512x512", n * n, || softmax(black_box(&mut out), &a, n, None));
    let (mut mean, mut rstd) = (vec![0.0; n], vec![0.0; n]);
    at_each_level(c, "layer_norm 512x512", n * n, || {
        layer_norm(black_box(&mut out), &mut mean, &mut rstd, &a, Some(&b[..n]), Some(&b[n..2 * n]), n, 1e-5);
    });
    at_each_level(c, "gelu 512x512", n * n, || unary(Unary::Gelu, black_box(&mut out), &a, Write::Set));
    let (mut m, mut v) = (vec![0.0; n * n], vec![0.0; n * n]);
    let step = AdamStep {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
        bias_correction1: 0.5,
        bias_correction2: 0.5,
        grad_scale: 1.0,
    };
    at_each_level(c, "adam_step 512x512", n * n, || adam_step(black_box(&mut out), &a, &mut m, &mut v, &step));
}

criterion_group!(benches, kernels);
criterion_main!(benches);
