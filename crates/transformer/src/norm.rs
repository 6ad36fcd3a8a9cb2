//! The norm of a block, as configured.

use anther_tensor::layers::{BatchNorm, LayerNorm, RmsNorm};
use anther_tensor::{Element, Scope, Tensor, Var};

use crate::block_config::{BlockConfig, NormKind};

/// Layer, root-mean-square or batch normalisation.
#[derive(Clone, Copy, Debug)]
pub enum Norm {
    /// By mean and standard deviation.
    Layer(LayerNorm),
    /// By root mean square.
    Rms(RmsNorm),
    /// By statistics of the batch.
    Batch(BatchNorm),
}

impl Norm {
    /// The norm that the configuration asks for.
    pub fn new(scope: &mut Scope<'_>, config: &BlockConfig) -> Self {
        let (width, eps) = (config.width, config.norm_eps);
        match (config.norm, config.norm_affine) {
            (NormKind::LayerNorm, true) => Norm::Layer(LayerNorm::new(scope, width, eps)),
            (NormKind::LayerNorm, false) => Norm::Layer(LayerNorm::plain(eps)),
            (NormKind::RmsNorm, true) => Norm::Rms(RmsNorm::new(scope, width, eps)),
            (NormKind::RmsNorm, false) => Norm::Rms(RmsNorm::plain(eps)),
            (NormKind::BatchNorm, affine) => Norm::Batch(BatchNorm::new(scope, width, affine, eps)),
        }
    }

    /// Normalises each row, or each column by the rows that `kept` (`[1, rows]`) counts.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>, kept: Option<&Tensor<T>>) -> Var<'t, T> {
        match self {
            Norm::Layer(norm) => norm.forward(x),
            Norm::Rms(norm) => norm.forward(x),
            Norm::Batch(norm) => norm.forward(x, kept),
        }
    }
}
