//! Fixed embeddings: orthonormal, deterministic, and refused when impossible.

use anther_data::nt::{NtEmbedding, NtError};

use crate::support::assert_sentence;

#[test]
fn orthogonal_rows_are_orthonormal() {
    for (symbols, width) in [(1, 1), (6, 9), (16, 32), (64, 64)] {
        let e = NtEmbedding::Orthogonal.matrix(symbols, width, 5).unwrap();
        assert_eq!(e.dim(), (symbols, width));
        for ((i, j), value) in e.dot(&e.t()).indexed_iter() {
            let want = if i == j { 1.0 } else { 0.0 };
            assert!((value - want).abs() < 1e-14, "{symbols} x {width}: entry {i},{j} is {value}");
        }
    }
}

#[test]
fn orthogonal_rows_depend_on_the_seed_and_not_on_the_number_of_symbols() {
    let matrix = |symbols, seed| NtEmbedding::Orthogonal.matrix(symbols, 12, seed).unwrap();
    assert_eq!(matrix(8, 1), matrix(8, 1));
    assert_ne!(matrix(8, 1), matrix(8, 2));
    assert_eq!(matrix(5, 1), matrix(8, 1).slice(ndarray::s![..5, ..]));
}

#[test]
fn one_hot_rows_are_the_identity() {
    let e = NtEmbedding::OneHot.matrix(3, 3, 0).unwrap();
    assert_eq!(e, ndarray::array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
}

#[test]
fn impossible_sizes_are_refused() {
    let narrow = NtEmbedding::Orthogonal.matrix(9, 8, 0).unwrap_err();
    assert_eq!(narrow, NtError::TooNarrow { symbols: 9, width: 8 });
    assert_sentence(&narrow, &["9 orthonormal rows", "width is 8"]);
    let one_hot = NtEmbedding::OneHot.matrix(8, 9, 0).unwrap_err();
    assert_eq!(one_hot, NtError::OneHotWidth { symbols: 8, width: 9 });
    assert!(matches!(NtEmbedding::Orthogonal.matrix(0, 4, 0), Err(NtError::TooFewSymbols { .. })));
    for (symbols, width) in [(2, usize::MAX), (1 << 20, 1 << 20)] {
        let error = NtEmbedding::Orthogonal.matrix(symbols, width, 0).unwrap_err();
        assert_eq!(error, NtError::EmbeddingTooLarge { symbols, width });
    }
}

#[test]
fn names_in_recipes() {
    let name = |kind| serde_json::to_string(&kind).unwrap();
    assert_eq!(name(NtEmbedding::OneHot), "\"one-hot\"");
    assert_eq!(name(NtEmbedding::Orthogonal), "\"orthogonal\"");
}
