//! The norm of a block, as configured.

use anther_tensor::layers::{LayerNorm, RmsNorm};
use anther_tensor::{Element, Scope, Var};

use crate::block_config::{BlockConfig, NormKind};

/// Layer normalisation or root-mean-square normalisation.
#[derive(Clone, Copy, Debug)]
pub enum Norm {
    /// By mean and standard deviation.
    Layer(LayerNorm),
    /// By root mean square.
    Rms(RmsNorm),
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
        }
    }

    /// Normalises each row.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        match self {
            Norm::Layer(norm) => norm.forward(x),
            Norm::Rms(norm) => norm.forward(x),
        }
    }
}
