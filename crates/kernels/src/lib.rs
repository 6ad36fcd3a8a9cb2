//! SIMD and rayon kernels over slices, chosen at run time by CPU feature.
//!
//! Slices in, slices out: a kernel knows nothing of tensors. Each one checks the lengths of its slices once (a mismatch is a panic
//! that names the kernel and the sizes), cuts the work by shape, and runs the pieces on rayon when there is enough of it. Results
//! are bit-identical for any number of threads.
//!
//! A program of several threads should call kernels from a thread of the rayon pool: build the pool with
//! `rayon::ThreadPoolBuilder::use_current_thread`, or run inside `ThreadPool::install`. A caller outside of the pool sleeps until others have
//! been woken to do its work, which made a product of one row with 768 × 768 weights three times slower.
//!
//! Elements are [`Real`]: `f32` runs vectorised code for the [`Level`] in force, `f64` always runs the readable scalar twins, which
//! are the specification that `f32` is tested against. Between levels results differ by rounding only.
//!
//! - [`binary`], [`unary`](fn@unary), [`scale`], [`affine`], [`copy`](fn@copy), [`dropout`](fn@dropout): element by element
//! - [`sum`], [`dot`], [`row_sum`], [`row_argmax`], [`reduce_to`], [`reduce_product_to`]: reductions
//! - [`matmul`](fn@matmul), [`matmul_fused`], [`matmul_batched`]: matrix products, the right operand held in the element type or in [`Bf16`] ([`Weights`])
//! - [`softmax`](fn@softmax), [`normalize`](fn@normalize): weights over the keys of a [`Span`]
//! - [`tile_product`], [`online_softmax`], [`online_squash`]: what a tiled attention is made of, on tiles that stay in the cache
//! - [`vectorize`], [`Lanes`]: loops of a caller, compiled for the level in force, and arithmetic for them
//! - [`attend_cached`]: a few queries over a key–value cache
//! - [`layer_norm`], [`rms_norm`], [`cross_entropy`], [`rotary`](fn@rotary), [`gather_rows`], [`swiglu`](fn@swiglu): parts of a transformer
//! - [`swap_middle`], [`transpose_last`], [`copy_columns`]: layout
//! - [`RandomKey`], [`fill_uniform`], [`fill_normal`]: random numbers without state
//! - [`adam_step`], [`sgd_step`], [`ema_update`]: steps of optimisers
//! - [`multiply_add_probe`]: the speed limit of a core
//! - [`CountingAllocator`]: proof that a loop takes no memory
//!
//! Backward kernels stand beside their forward ones and take a [`Write`], so that a gradient can be set or added to. A destination
//! never overlaps a source; the borrow checker sees to it.
//!
//! ```
//! use anther_kernels::{Level, MatMul, Span, Spans, Write, matmul, softmax, with_level};
//!
//! // Scores of two queries against two keys, each query seeing itself and what came before.
//! let (q, k) = ([1.0f32, 0.0, 0.0, 1.0], [1.0f32, 2.0, 3.0, 4.0]);
//! let mut scores = [0.0; 4];
//! matmul(MatMul::new(&q, &k, 2, 2, 2), &mut scores, Write::Set);
//! assert_eq!(scores, k);
//!
//! let causal = [Span::new(0, 1), Span::new(0, 2)];
//! let spans = Spans { rows: &causal, queries: 2, heads: 1 };
//! let mut weights = [f32::NAN; 4];
//! softmax(&mut weights, &scores, 2, Some(spans));
//! assert_eq!(weights[..2], [1.0, 0.0]);
//! assert!((weights[2] + weights[3] - 1.0).abs() < 1e-6);
//!
//! // The same at the level of the specification.
//! let mut expected = [0.0; 4];
//! with_level(Level::Scalar, || softmax(&mut expected, &scores, 2, Some(spans)))?;
//! assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
//! # Ok::<(), anther_kernels::LevelError>(())
//! ```
// Function tables reach code compiled for CPU features, aligned memory is allocated by hand, and allocations are counted: the places
// that need `unsafe`. Every other crate forbids it.
#![allow(unsafe_code)]

mod activation_backward;
mod add_norm;
mod aligned;
mod block;
mod caches;
mod check;
mod column_sums;
mod counting;
mod decode;
mod dropout;
mod elementwise;
mod embedding;
mod fusion;
mod huge_pages;
mod lanes;
mod layout;
mod level;
mod loss;
mod matmul;
mod norm;
mod norm_backward;
mod normalize;
mod optim;
mod packed;
mod plan;
mod probe;
mod random;
mod real;
mod reduce;
mod rotary;
mod scalar;
mod scratch;
mod simd;
mod softmax;
mod spans;
mod swiglu;
mod table;
mod threads;
mod tiles;
mod unary;
mod vectorize;
mod weights;
mod write;

pub use activation_backward::activation_backward;
pub use add_norm::{add_layer_norm, add_rms_norm};
pub use aligned::{ALIGNMENT, AlignedVec};
pub use counting::CountingAllocator;
pub use decode::{CacheWeights, CachedAttention, attend_cached};
pub use dropout::{dropout, dropout_from};
pub use elementwise::{Binary, Broadcast, affine, binary, binary_reversed, copy, scale};
pub use embedding::{gather_rows, scatter_add_rows};
pub use fusion::{Epilogue, Prologue};
pub use lanes::Lanes;
pub use layout::{copy_columns, swap_middle, transpose_last};
pub use level::{Level, LevelError, level, parse_level, set_default_level, with_level};
pub use loss::{cross_entropy, cross_entropy_backward, cross_entropy_in_place};
pub use matmul::{BatchedMatMul, MatMul, Trans, matmul, matmul_batched, matmul_fused};
pub use norm::{
    layer_norm, layer_norm_backward_affine, layer_norm_backward_input, rms_norm, rms_norm_backward_affine,
    rms_norm_backward_input,
};
pub use norm_backward::{layer_norm_backward, rms_norm_backward};
pub use normalize::{normalize, normalize_backward};
pub use optim::{AdamStep, SgdStep, adam_step, ema_update, sgd_step};
pub use packed::PackedWeights;
pub use probe::{PROBE_LEN, multiply_add_probe};
pub use random::{RandomKey, fill_normal, fill_uniform, philox4x32};
pub use real::{Plain, Real};
pub use reduce::{dot, first_non_finite, reduce_product_to, reduce_to, row_argmax, row_sum, sum, sum_squares};
pub use rotary::{RotaryPairing, rotary};
pub use scratch::Scratch;
pub use softmax::{softmax, softmax_backward};
pub use spans::{Span, Spans};
pub use swiglu::{swiglu, swiglu_backward};
pub use threads::{blocks2 as parallel_blocks2, blocks3 as parallel_blocks3, each as parallel_each, threads};
pub use tiles::{
    PANEL, TILE_STRIDE, TileA, TileB, TileProduct, online_softmax, online_squash, pack_columns, pack_panels,
    softmax_tile_backward, squash_tile_backward, tile_product,
};
pub use unary::{Saves, Unary, unary, unary_backward, unary_backward_in_place};
pub use vectorize::{Vectorize, vectorize};
pub use weights::{Bf16, Precision, Weights, round_to_bf16};
pub use write::Write;
