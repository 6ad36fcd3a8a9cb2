//! Position vectors, added to the embedded tokens.

use anther_attention::position::sinusoidal::{self, Layout};
use anther_attention::{AttentionConfig, Position};
use anther_tensor::layers::Embedding;
use anther_tensor::{Element, Ids, Init, Scope, Var};

/// The position vectors of a model, if it adds any.
#[derive(Clone, Debug)]
pub(crate) enum Positions {
    /// None, or positions that the attention knows of.
    None,
    /// A learned table.
    Learned(Embedding),
    /// Fixed sines and cosines.
    Sinusoidal(Layout),
}

impl Positions {
    /// As the attention is configured: a learned table is `[context, width]`, Gaussian of standard deviation `std`, and lies in `scope`.
    pub(crate) fn new(
        scope: &mut Scope<'_>,
        attention: &AttentionConfig,
        context: usize,
        width: usize,
        std: f64,
    ) -> Self {
        match attention.position {
            Position::Learned => Positions::Learned(Embedding::new(scope, context, width, Init::Normal { std })),
            Position::Sinusoidal => Positions::Sinusoidal(attention.sinusoidal_layout),
            _ => Positions::None,
        }
    }

    /// `x`, `[batch, length, width]`, plus the vectors of the positions from `past` on.
    #[track_caller]
    pub(crate) fn add<'t, T: Element>(&self, x: Var<'t, T>, past: usize) -> Var<'t, T> {
        let [_, length, width] = *x.shape() else { unreachable!("embedded tokens have three axes") };
        match self {
            Positions::None => x,
            Positions::Learned(table) => {
                let rows = (past..past + length).map(|position| position as u32).collect();
                &x + table.forward(x.tape(), &Ids::new([length], rows))
            }
            Positions::Sinusoidal(layout) => &x + x.tape().constant(sinusoidal::table(*layout, width, length, past)),
        }
    }
}
