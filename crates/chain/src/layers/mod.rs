//! Layers: a causal convolution over tokens, SoftPOS and H-SoftPOS.
//!
//! There is no linear layer or embedding of chains here: those of `anther_tensor` are, in a scope with [`ChainRules`](crate::ChainRules). The
//! convolution and the table of H-SoftPOS are made of them, so rules reach these too.

mod causal_conv;
mod h_soft_pos;
mod soft_pos;

pub use causal_conv::CausalConv1d;
pub use h_soft_pos::{HSoftPos, HSoftPosCache, HSoftPosConfig};
pub use soft_pos::SoftPos;
