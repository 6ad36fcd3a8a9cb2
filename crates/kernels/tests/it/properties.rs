//! What holds for any input.

use anther_kernels::{MatMul, Span, Spans, Write, matmul, softmax, swap_middle, transpose_last};
use proptest::prelude::*;

use crate::common::normal;

proptest! {
    #[test]
    fn softmax_ignores_a_shift_of_its_scores(scores in prop::collection::vec(-8i8..8, 1..80), shift in -60i8..60) {
        let x: Vec<f32> = scores.iter().map(|&x| f32::from(x)).collect();
        // Small whole numbers, so that the shift itself does not round.
        let moved: Vec<f32> = x.iter().map(|x| x + f32::from(shift)).collect();
        let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        softmax(&mut a, &x, x.len(), None);
        softmax(&mut b, &moved, x.len(), None);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn softmax_of_a_span_is_softmax_of_the_keys_in_it(cols in 1usize..100, ends in any::<(u32, u32)>()) {
        let end = cols as u32 + 1;
        let span = Span::new(ends.0 % end, ends.1 % end);
        let x = normal(cols, 1);
        let mut whole = vec![f32::NAN; cols];
        softmax(&mut whole, &x, cols, Some(Spans { rows: &[span], queries: 1, heads: 1 }));
        let keys = if span.is_empty() { 0..0 } else { span.start as usize..span.end as usize };
        let mut part = vec![f32::NAN; keys.len()];
        softmax(&mut part, &x[keys.clone()], keys.len(), None);
        prop_assert_eq!(&whole[keys.clone()], &part[..]);
        prop_assert!(whole.iter().enumerate().all(|(key, &w)| keys.contains(&key) || w == 0.0));
    }

    #[test]
    fn layouts_are_undone(dims in [0usize..6, 0usize..40, 0usize..12, 0usize..20]) {
        let [a, b, c, d] = dims;
        let x = normal(a * b * c * d, 2);
        let (mut there, mut back) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        swap_middle(&mut there, &x, [a, b, c, d], Write::Set);
        swap_middle(&mut back, &there, [a, c, b, d], Write::Set);
        prop_assert_eq!(&back, &x);
        transpose_last(&mut there, &x, a, b, c * d, Write::Set);
        transpose_last(&mut back, &there, a, c * d, b, Write::Set);
        prop_assert_eq!(&back, &x);
    }

    /// Whole numbers multiply and add without rounding, so that every level must give the same product.
    #[test]
    fn products_of_whole_numbers_are_exact(m in 1usize..20, n in 1usize..40, k in 1usize..40, seed in any::<u32>()) {
        let whole = |len: usize, step: usize| -> Vec<f32> {
            (0..len).map(|i| ((i * step + seed as usize) % 17) as f32 - 8.0).collect()
        };
        let (a, b) = (whole(m * k, 7), whole(k * n, 5));
        let mut c = vec![f32::NAN; m * n];
        matmul(MatMul::new(&a, &b, m, n, k), &mut c, Write::Set);
        for (i, &c) in c.iter().enumerate() {
            let want: f32 = (0..k).map(|l| a[i / n * k + l] * b[l * n + i % n]).sum();
            prop_assert_eq!(c, want);
        }
    }
}
