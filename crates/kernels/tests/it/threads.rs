//! Results are bit-identical for any number of threads, at every level and in `f64`.

use anther_kernels::*;

use crate::common::{normal, uniform};

/// The bits that a kernel leaves, for kernels of every file, at sizes above the thresholds and at no multiple of a block.
fn outputs<T: Real>() -> Vec<(&'static str, Vec<u64>)> {
    let (rows, cols) = (511, 517);
    let len = rows * cols;
    let cast = |x: Vec<f32>| x.into_iter().map(|x| T::from_f64(f64::from(x))).collect::<Vec<T>>();
    let (x, y, w) = (cast(normal(len, 1)), cast(normal(len, 2)), cast(uniform(len, 3, 0.0, 1.0)));
    let (small, per_row) = (cast(normal(cols, 4)), cast(uniform(rows, 5, 0.5, 1.5)));
    let key = RandomKey::new(1, 2, 3);
    let spans: Vec<Span> = (0..rows as u32).map(|i| Span::new(i / 3, (i + 100).min(cols as u32))).collect();
    let spans = Some(Spans { rows: &spans, queries: rows, heads: 1 });
    let real = T::from_f64;
    let mut all = vec![];
    let mut keep = |name, out: &[T]| all.push((name, out.iter().map(|x| x.to_bits_u64()).collect::<Vec<_>>()));
    let mut out = vec![T::ONE; len];
    let (mut r1, mut r2) = (vec![T::ONE; rows], vec![T::ONE; rows]);
    let mut c1 = vec![T::ONE; cols];
    let mut c2 = vec![T::ONE; cols];

    binary(Binary::Div, &mut out, &x, &small, Broadcast { outer: rows, mid: cols, inner: 1 }, Write::Set);
    keep("binary, suffix", &out);
    binary(Binary::Mul, &mut out, &x, &per_row, Broadcast { outer: 1, mid: rows, inner: cols }, Write::Add);
    keep("binary, prefix", &out);
    affine(&mut out, &x, real(0.3), real(0.1), Write::Add);
    keep("affine", &out);
    unary(Unary::Gelu, &mut out, &x, Write::Set);
    keep("unary", &out);
    unary_backward(Unary::Gelu, &mut out, &y, &x, &[], Write::Add);
    keep("unary_backward", &out);
    unary_backward_in_place(Unary::Tanh, &mut out, &[], &y);
    keep("unary_backward_in_place", &out);
    activation_backward(Unary::Gelu, &mut out, &mut c1, &y, &x, &[], Write::Set);
    keep("activation_backward", &[&out[..], &c1].concat());
    keep("sums", &[real(sum(&x)), real(dot(&x, &y)), real(sum_squares(&x))]);
    row_sum(&mut r1, &x, cols, Write::Set);
    keep("row_sum", &r1);
    reduce_to(&mut c1, &x, Broadcast { outer: rows, mid: cols, inner: 1 }, Write::Set);
    keep("reduce_to, columns", &c1);
    reduce_product_to(&mut r1, &x, &y, Broadcast { outer: 1, mid: rows, inner: cols }, Write::Set);
    keep("reduce_product_to, rows", &r1);
    reduce_to(&mut c1[..1], &x, Broadcast { outer: 1, mid: 1, inner: len }, Write::Set);
    keep("reduce_to, all", &c1[..1]);
    let square = &mut vec![T::ONE; rows * rows];
    matmul(MatMul { trans_b: Trans::Yes, ..MatMul::new(&x, &y, rows, rows, cols) }, square, Write::Add);
    keep("matmul", square);
    let bias =
        Epilogue { bias: Some(&per_row), activation: Some(Unary::Silu), dropout: Some((key, 0.5)), ..Epilogue::NONE };
    let product = MatMul { trans_b: Trans::Yes, ..MatMul::new(&x, &y, rows, rows, cols) };
    matmul_fused(product, square, bias);
    keep("matmul_fused", square);
    let products = square.to_vec();
    let derivative = Epilogue { derivative: Some((Unary::Silu, &products)), ..Epilogue::NONE };
    let prologue = Prologue { a: Some(Unary::Gelu), b: Some(Unary::Tanh) };
    matmul_fused(MatMul { prologue, ..product }, square, derivative);
    keep("matmul_fused, prologue and derivative", square);
    let packed = PackedWeights::new(product.b, Trans::Yes, rows, cols);
    matmul(MatMul { packed: Some(&packed), ..product }, square, Write::Set);
    keep("PackedWeights", square);
    let args = MatMul { trans_b: Trans::Yes, ..MatMul::new(&x[..47 * 11 * 300], &y[..47 * 11 * 300], 47, 47, 11) };
    let mut products = vec![T::NAN; 300 * 47 * 47];
    matmul_batched(BatchedMatMul { batch: 300, a_shared: false, b_shared: false, args }, &mut products, Write::Set);
    keep("matmul_batched", &products);
    // So large that the rows of each product go to several threads too, while others hold its packed panels.
    let args = MatMul { trans_a: Trans::Yes, ..MatMul::new(&x[..3 * 300 * 64], &y[..3 * 300 * 64], 300, 300, 64) };
    let mut nested = vec![T::NAN; 3 * 300 * 300];
    matmul_batched(BatchedMatMul { batch: 3, a_shared: false, b_shared: false, args }, &mut nested, Write::Set);
    keep("nested products", &nested);
    softmax(&mut out, &x, cols, spans);
    keep("softmax", &out);
    let soft = out.clone();
    softmax_backward(&mut out, &y, &soft, cols, spans, Write::Set);
    keep("softmax_backward", &out);
    normalize(&mut out, &mut r1, &w, cols, spans, real(0.01));
    keep("normalize", &out);
    let weights = out.clone();
    normalize_backward(&mut out, &y, &weights, &r1, cols, spans, Write::Set);
    keep("normalize_backward", &out);
    layer_norm(&mut out, &mut r1, &mut r2, &x, Some(&small), None, cols, real(1e-5));
    keep("layer_norm", &out);
    layer_norm_backward_input(&mut out, &y, &x, &r1, &r2, Some(&small), cols, Write::Set);
    keep("layer_norm_backward_input", &out);
    layer_norm_backward_affine(&mut c1, &mut c2, &y, &x, &r1, &r2, cols, Write::Set, Write::Set);
    keep("layer_norm_backward_affine", &[&c1[..], &c2[..]].concat());
    layer_norm_backward(&mut out, &mut c1, &mut c2, &y, &x, &r1, &r2, &small, cols, Write::Set, Write::Add);
    keep("layer_norm_backward", &[&out[..], &c1, &c2].concat());
    rms_norm(&mut out, &mut r2, &x, Some(&small), cols, real(1e-5));
    keep("rms_norm", &out);
    rms_norm_backward_input(&mut out, &y, &x, &r2, None, cols, Write::Set);
    keep("rms_norm_backward_input", &out);
    rms_norm_backward(&mut out, &mut c1, &y, &x, &r2, &small, cols, Write::Add, Write::Set);
    keep("rms_norm_backward", &[&out[..], &c1].concat());
    rms_norm_backward_affine(&mut c1, &y, &x, &r2, cols, Write::Set);
    keep("rms_norm_backward_affine", &c1);
    let targets: Vec<u32> = (0..rows as u32).collect();
    cross_entropy(&mut r1, &mut r2, &x, &targets, cols, real(0.1));
    keep("cross_entropy", &r1);
    cross_entropy_backward(&mut out, &per_row, &x, &r2, &targets, cols, real(0.1), Write::Set);
    keep("cross_entropy_backward", &out);
    gather_rows(&mut out, &x, &targets, cols);
    scatter_add_rows(&mut out, &y, &targets, cols, Write::Add);
    keep("rows", &out);
    scatter_add_rows(&mut out, &y, &targets, cols, Write::Set);
    keep("rows set", &out);
    out.copy_from_slice(&x);
    cross_entropy_in_place(&mut r1, &mut out, &per_row, &targets, cols, real(0.1));
    keep("cross_entropy_in_place", &[&out[..], &r1[..]].concat());
    let mut other = x.clone();
    swiglu(&mut out, &x, &y);
    keep("swiglu", &out);
    swiglu_backward(&mut out, &mut other, &w, &x, &y);
    keep("swiglu_backward", &[&out[..], &other[..]].concat());
    add_layer_norm(&mut out, &mut other, &mut r1, &mut r2, &x, &y, Some(&small), None, cols, real(1e-5));
    keep("add_layer_norm", &[&out[..], &other[..], &r1[..], &r2[..]].concat());
    add_rms_norm(&mut out, &mut other, &mut r1, &x, &y, None, cols, real(1e-5));
    keep("add_rms_norm", &[&out[..], &other[..], &r1[..]].concat());
    swap_middle(&mut out, &x, [1, rows, 11, 47], Write::Set);
    keep("swap_middle", &out);
    transpose_last(&mut out, &x, 1, rows, cols, Write::Add);
    keep("transpose_last", &out);
    copy_columns(&mut out, cols, 1, &x, cols, 0, rows, cols - 1, Write::Add);
    keep("copy_columns", &out);
    let (cos, sin) = (&w[..rows * 258], &y[..rows * 258]);
    rotary(&mut out[..rows * 516], &x[..rows * 516], cos, sin, rows, 516, RotaryPairing::Halves, false, Write::Set);
    keep("rotary", &out);
    dropout(&mut out, &x, key, 0.2, Write::Set);
    keep("dropout", &out);
    fill_normal(&mut out, key, T::ZERO, T::ONE);
    keep("fill_normal", &out);
    fill_uniform(&mut out, key, T::ZERO, T::ONE);
    keep("fill_uniform", &out);
    let (mut p, mut m, mut v) = (x.clone(), y.clone(), w.clone());
    let step = AdamStep {
        lr: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
        bias_correction1: 0.1,
        bias_correction2: 0.01,
        grad_scale: 0.7,
    };
    adam_step(&mut p, &y, &mut m, &mut v, &step);
    keep("adam_step", &[p, m, v].concat());
    ema_update(&mut out, &x, 0.9);
    keep("ema_update", &out);
    all
}

fn check<T: Real>(level: Level) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            assert_eq!(anther_kernels::threads(), threads);
            with_level(level, outputs::<T>).unwrap()
        })
    };
    let alone = run(1);
    for threads in [2, 3, 8] {
        for ((name, want), (_, got)) in alone.iter().zip(run(threads)) {
            assert!(*want == got, "{name} of {} at {level} differs between 1 and {threads} threads", T::NAME);
        }
    }
}

#[test]
fn f32_does_not_depend_on_the_number_of_threads() {
    for level in Level::available() {
        check::<f32>(level);
    }
}

#[test]
fn f64_does_not_depend_on_the_number_of_threads() {
    check::<f64>(Level::Scalar);
}

#[test]
fn a_level_gives_the_same_bits_twice() {
    for level in Level::available() {
        let run = || with_level(level, outputs::<f32>).unwrap();
        assert!(run() == run(), "{level}");
    }
}

/// Whichever thread takes a job, it runs at the level of who handed it out, and the thread has its own again after it.
#[test]
fn jobs_run_at_the_level_of_their_caller() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let own = level();
    for at in Level::available() {
        // Each job waits for the other one, so both threads have one.
        let both = std::sync::Barrier::new(2);
        let mut found = [(None, None); 2];
        let job = |found: &mut (Option<Level>, Option<usize>)| {
            both.wait();
            *found = (Some(level()), rayon::current_thread_index());
        };
        pool.install(|| with_level(at, || parallel_each(usize::MAX, &mut found, job))).unwrap();
        assert!(found.iter().all(|(level, _)| *level == Some(at)), "{found:?} at {at}");
        assert_ne!(found[0].1, found[1].1);
        let mut others = [0; 2];
        pool.install(|| {
            with_level(at, || parallel_blocks2(usize::MAX, (&mut found, 1), (&mut others, 1), |_, a, _| job(&mut a[0])))
        })
        .unwrap();
        assert!(found.iter().all(|(level, _)| *level == Some(at)), "{found:?} at {at}");
        assert_eq!(pool.broadcast(|_| level()), [own; 2]);
    }
}

/// The panels of one level are no use to another, whichever thread meets them.
#[test]
fn a_batch_does_not_read_panels_of_another_level() {
    let (batch, m, n, k) = (64, 40, 70, 30);
    let (a, b) = (normal(batch * m * k, 1), normal(k * n, 2));
    let args = MatMul { trans_a: Trans::Yes, ..MatMul::new(&a[..], &b[..], m, n, k) };
    let run = |args: MatMul<'_, f32>| {
        let mut c = vec![f32::NAN; batch * m * n];
        matmul_batched(BatchedMatMul { batch, a_shared: false, b_shared: true, args }, &mut c, Write::Set);
        c
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for packed_at in Level::available() {
        let packed = with_level(packed_at, || PackedWeights::new(args.b, Trans::No, n, k)).unwrap();
        for at in Level::available() {
            let [want, got] = [None, Some(&packed)]
                .map(|packed| pool.install(|| with_level(at, || run(MatMul { packed, ..args })).unwrap()));
            assert!(want == got, "packed at {packed_at}, multiplied at {at}");
        }
    }
}
