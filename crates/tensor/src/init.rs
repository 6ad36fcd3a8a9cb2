//! How parameters get their first value.

use anther_kernels::{RandomKey, fill_normal, fill_uniform};

use crate::pool::Element;

/// The distribution that a parameter's first value is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// The same number everywhere.
    Constant(f64),
    /// Gaussian with mean 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform on `[-bound, bound)`.
    Uniform {
        /// Half the width.
        bound: f64,
    },
}

impl Init {
    /// Gaussian of variance 1/fan_in: keeps the variance of activations through a linear layer.
    pub fn fan_in(fan_in: usize) -> Self {
        Init::Normal { std: (fan_in.max(1) as f64).recip().sqrt() }
    }

    /// Uniform of variance 2/(fan_in + fan_out) (Glorot and Bengio 2010).
    pub fn xavier_uniform(fan_in: usize, fan_out: usize) -> Self {
        Init::Uniform { bound: (6.0 / (fan_in + fan_out).max(1) as f64).sqrt() }
    }

    /// Writes the first value; element `i` depends on the key and `i` only.
    pub(crate) fn fill<T: Element>(&self, out: &mut [T], key: RandomKey) {
        match *self {
            Init::Zeros => out.fill(T::ZERO),
            Init::Ones => out.fill(T::ONE),
            Init::Constant(value) => out.fill(T::from_f64(value)),
            Init::Normal { std } => fill_normal(out, key, T::ZERO, T::from_f64(std)),
            Init::Uniform { bound } => fill_uniform(out, key, T::from_f64(-bound), T::from_f64(bound)),
        }
    }
}
