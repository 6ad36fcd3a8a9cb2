//! Mistakes are named: the kernel, the slice, the sizes.

use anther_kernels::*;

/// The message of the panic of `body`.
fn message(body: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(body).expect_err("nothing panicked");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic with a message")).to_owned(),
    }
}

#[test]
fn lengths_are_named() {
    let text = message(|| scale(&mut [0.0f32; 3], &[0.0; 2], 1.0, Write::Set));
    assert_eq!(text, "kernels::scale: `x` has 2 elements but this call needs 3");
    let text = message(|| matmul(MatMul::new(&[0.0f32; 6], &[0.0; 5], 2, 2, 3), &mut [0.0; 4], Write::Set));
    assert_eq!(text, "kernels::matmul: `b` has 5 elements but this call needs 6");
    let text = message(|| {
        binary(
            Binary::Add,
            &mut [0.0f32; 6],
            &[0.0; 6],
            &[0.0; 2],
            Broadcast { outer: 2, mid: 3, inner: 1 },
            Write::Set,
        )
    });
    assert_eq!(text, "kernels::binary: `b` has 2 elements but this call needs 3");
    let text = message(|| {
        activation_backward(Unary::Gelu, &mut [0.0f32; 6], &mut [0.0; 4], &[0.0; 6], &[0.0; 6], &[], Write::Set);
    });
    assert_eq!(
        text,
        "kernels::activation_backward: `dz` has 6 elements, which is no whole number of rows of 4 columns"
    );
    let text = message(|| {
        activation_backward(Unary::Tanh, &mut [0.0f32; 6], &mut [0.0; 3], &[0.0; 6], &[0.0; 6], &[], Write::Set);
    });
    assert_eq!(text, "kernels::activation_backward: `y` has 0 elements but this call needs 6");
    let text = message(|| softmax(&mut [0.0f32; 5], &[0.0; 5], 2, None));
    assert_eq!(text, "kernels::softmax: `x` has 5 elements, which is no whole number of rows of 2 columns");
}

#[test]
fn ids_and_targets_are_named() {
    let text = message(|| gather_rows(&mut [0.0f32; 4], &[0.0; 6], &[1, 3], 2));
    assert_eq!(text, "kernels::gather_rows: ids[1] is 3 but `table` has 3 rows");
    let text = message(|| scatter_add_rows(&mut [0.0f32; 6], &[0.0; 2], &[7], 2, Write::Add));
    assert_eq!(text, "kernels::scatter_add_rows: ids[0] is 7 but `table_grad` has 3 rows");
    let text = message(|| cross_entropy(&mut [0.0f32; 2], &mut [0.0; 2], &[0.0; 6], &[0, 3], 3, 0.0));
    assert_eq!(text, "kernels::cross_entropy: row 1 has target 3 but there are 3 classes");
}

#[test]
fn spans_are_checked() {
    let run = |rows: &[Span], queries: usize, heads: usize| {
        let rows = rows.to_vec();
        message(move || {
            let spans = Spans { rows: &rows, queries, heads };
            softmax(&mut [0.0f32; 12], &[0.0; 12], 3, Some(spans));
        })
    };
    let good = Span::new(0, 3);
    assert_eq!(run(&[good, Span::new(1, 4)], 2, 2), "kernels::softmax: span 1 ends at key 4 but there are 3 keys");
    assert!(run(&[good; 3], 3, 2).contains("4 rows are no whole number of batch elements of 2 heads and 3 queries"));
    assert!(run(&[good; 3], 2, 1).contains("3 spans for 2 queries in 2 batch elements"));
    assert!(run(&[], 0, 2).contains("0 queries"));
}

#[test]
fn other_arguments_are_checked() {
    let text =
        message(|| rotary(&mut [0.0f32; 3], &[0.0; 3], &[0.0], &[0.0], 1, 3, RotaryPairing::Halves, false, Write::Set));
    assert!(text.contains("dim is 3"), "{text}");
    let text = message(|| dropout(&mut [0.0f32], &[0.0], RandomKey::new(0, 0, 0), 1.5, Write::Set));
    assert!(text.contains("p is 1.5"), "{text}");
    let text = message(|| copy_columns(&mut [0.0f32; 4], 2, 1, &[0.0; 4], 2, 0, 2, 2, Write::Set));
    assert_eq!(text, "kernels::copy_columns: 2 columns from 1 on pass the 2 columns of `out`");
    let huge = Broadcast { outer: usize::MAX, mid: 2, inner: 2 };
    let text = message(move || reduce_to(&mut [0.0f32; 2], &[], huge, Write::Set));
    assert!(text.contains("multiply to more than a slice can hold"), "{text}");
}

/// Places that pass `usize` would come back as small ones.
#[test]
fn steps_beyond_any_slice_are_refused() {
    let far = usize::MAX - 3;
    let run = |a_step: usize, b_step: usize, c_step: usize| {
        message(move || {
            let (a, b) = (TileA::Columns(&[1.0f32; 8], a_step), TileB::Rows(&[1.0; 8], b_step));
            let args = TileProduct { a, b, rows: 4, cols: 4, inner: 2, alpha: 1.0 };
            tile_product(args, &mut [0.0; 16], c_step, Write::Set);
        })
    };
    for (what, len, count, text) in
        [("a", 8, 2, run(far, 4, 4)), ("b", 8, 2, run(4, far, 4)), ("c", 16, 4, run(4, 4, far))]
    {
        let expected = format!("`{what}` has {len} elements, too few for {count} runs of 4 elements {far} apart");
        assert_eq!(text, format!("kernels::tile_product: {expected}"));
    }
}
