//! The embedding layer: a row of a table for each id.

use crate::init::Init;
use crate::ops::Ids;
use crate::params::Scope;
use crate::pool::Element;
use crate::tape::{Tape, Var};
use crate::weight::Weight;

/// A table `weight` `[rows, width]`, one row for each id.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    /// The table, `[rows, width]`.
    pub weight: Weight,
}

impl Embedding {
    /// A table with the given initialiser.
    pub fn new(scope: &mut Scope<'_>, rows: usize, width: usize, init: Init) -> Self {
        Embedding { weight: scope.weight([rows, width], init) }
    }

    /// Ids of shape `[..]` give `[.., width]`.
    ///
    /// # Panics
    /// If an id names no row.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        tape.rows(self.weight, ids)
    }
}
