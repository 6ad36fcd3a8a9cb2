//! The matrix of a linear layer or the table of an embedding: a parameter of its own, or something that is made of other parameters.
//!
//! A layer asks its [`Scope`] for a [`Weight`] and never sees which it got. So a model that knows nothing of low ranks or tensor
//! chains has them in any of its layers, if it is built in a scope with a [`Factoring`] ([`Scope::factored_by`]).

use std::fmt::Debug;
use std::sync::Arc;

use crate::init::Init;
use crate::ops::Ids;
use crate::params::{ParamId, Scope};
use crate::pool::Element;
use crate::tape::{Tape, Var};

/// A matrix W that a layer multiplies with, `[out, in]`, or whose rows it looks up, `[rows, width]`. Layers that hold the same weight are tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A parameter.
    Dense(ParamId),
    /// A matrix that is made of other parameters.
    Factored(FactoredId),
}

/// The place of a [`FactoredWeight`] among those of its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactoredId(u32);

impl FactoredId {
    pub(crate) fn at(index: usize) -> Self {
        FactoredId(u32::try_from(index).expect("fewer than 2^32 weights"))
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What can be done with a matrix W `[out, in]` that is made of parameters, in one element type. Gradients flow to the parameters.
pub trait Factored<T: Element> {
    /// W, `[out, in]`.
    fn dense<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T>;

    /// `x Wᵀ`, `[.., in] → [.., out]`, without making W.
    fn apply<'t>(&self, x: &Var<'t, T>) -> Var<'t, T>;

    /// Row `id` of W for each id: `[..] → [.., in]`.
    fn rows<'t>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T>;
}

/// A matrix that is made of parameters, in every element type.
pub trait FactoredWeight: Factored<f32> + Factored<f64> + Debug + Send + Sync {
    /// `[out, in]`
    fn shape(&self) -> [usize; 2];

    /// Whether [`Factored::apply`] is less work for so many rows of x than making W and multiplying with it.
    fn contracts(&self, rows: usize) -> bool;
}

/// Decides which weights of a model are made of other parameters.
pub trait Factoring {
    /// The weight `[out, in]` of the layer of this scope ([`Scope::name`]), whose parameters are defined in the scope, or `None` for a
    /// parameter of its own. `init` is what such a parameter would have been drawn from.
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], init: Init) -> Option<Arc<dyn FactoredWeight>>;
}

impl<T: Element> Tape<T> {
    /// The matrix of a weight, `[out, in]`.
    pub fn weight(&self, weight: Weight) -> Var<'_, T> {
        match weight {
            Weight::Dense(id) => self.param(id),
            Weight::Factored(id) => T::factored(self.params.factored(id)).dense(self),
        }
    }

    /// A row of a weight for each id: `[..] → [.., in]`.
    ///
    /// # Panics
    /// If an id names no row.
    #[track_caller]
    pub fn rows(&self, weight: Weight, ids: &Ids) -> Var<'_, T> {
        match weight {
            Weight::Dense(id) => self.param(id).embedding(ids),
            Weight::Factored(id) => T::factored(self.params.factored(id)).rows(self, ids),
        }
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The matrix of a weight on the same tape, `[out, in]`.
    pub fn weight(&self, weight: Weight) -> Var<'t, T> {
        self.tape.weight(weight)
    }

    /// The weight, if x should be multiplied with it without making its matrix.
    pub(crate) fn contracts(&self, weight: Weight) -> Option<&'t dyn Factored<T>> {
        let Weight::Factored(id) = weight else { return None };
        let factored = self.tape.params.factored(id);
        let rows = self.shape().numel() / self.shape().last_dim().max(1);
        factored.contracts(rows).then(|| T::factored(factored))
    }
}
