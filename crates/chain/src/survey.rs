//! [`Survey`]: the weights of a model, found by building it.

use std::sync::{Arc, Mutex, PoisonError};

use anther_tensor::{FactoredWeight, Factoring, Init, Scope};

/// Notes the layers whose weights are asked for in a scope with it, and leaves them dense. Other parameters of two axes, such as the numbers of relative
/// positions, are none of them: no rule can make these of cores.
#[derive(Debug, Default)]
pub struct Survey(Mutex<Vec<(String, [usize; 2])>>);

impl Survey {
    /// The names of the layers, without `.weight`, and the shapes `[out, in]` of their weights, in the order in which they were made.
    pub fn layers(&self) -> Vec<(String, [usize; 2])> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Factoring for Survey {
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], _: Init) -> Option<Arc<dyn FactoredWeight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((scope.name().to_owned(), shape));
        None
    }
}
