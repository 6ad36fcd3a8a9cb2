//! SoftPOS: soft classes of a token, read off its own first channels.

use anther_tensor::{Element, Init, ParamId, Scope, Var};

/// `SoftPOS(x) = [x, softmax(x_1 … x_n) S]`: the first n channels are the logits of n classes, each of which has a learnt vector, a row of S
/// `[n, width]`. From m channels m + width. Anthe (arXiv 2305.10991) as its released program has it; the classes are never told what they are.
///
/// Parameter `weight` `[n, width]`, first orthogonal ([`Init::Orthogonal`]). Cost 2·n·width a token.
#[derive(Clone, Copy, Debug)]
pub struct SoftPos {
    table: ParamId,
    classes: usize,
}

impl SoftPos {
    /// A table of so many classes and channels.
    pub fn new(scope: &mut Scope<'_>, classes: usize, width: usize) -> Self {
        SoftPos { table: scope.param("weight", [classes, width], Init::Orthogonal { columns: width }), classes }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[.., m] → [.., m + width]`, with `m ≥ classes`.
    ///
    /// # Panics
    /// If x has fewer than two axes, or too few channels.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        assert!(
            shape.len() >= 2 && shape.last_dim() >= self.classes,
            "SoftPOS: an input of shape {shape:?} has no {} channels of logits",
            self.classes
        );
        let last = shape.len() - 1;
        let weights = x.slice(last, 0..self.classes).softmax();
        x.tape().concat(last, &[x, &weights.matmul(&x.param(self.table))])
    }
}
