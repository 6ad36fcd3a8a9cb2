//! Rows of a table by number: `y_i = table[id_i]`. Backward adds each row of the gradient to its row of the table, in the
//! order of the ids.

use std::sync::Arc;

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A tensor of row numbers: tokens, classes. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Ids {
    shape: Shape,
    ids: Arc<Vec<u32>>,
}

impl Ids {
    /// Ids of the given shape, in row-major order.
    ///
    /// # Panics
    /// If their number is not that of the shape.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, ids: Vec<u32>) -> Self {
        let shape = shape.into();
        assert_eq!(ids.len(), shape.numel(), "ids of shape {shape:?} must be {} in number", shape.numel());
        Ids { shape, ids: Arc::new(ids) }
    }

    /// Replaces the ids, in the same memory when no tape holds them any more.
    ///
    /// # Panics
    /// If their number differs.
    #[track_caller]
    pub fn refill(&mut self, ids: &[u32]) {
        assert_eq!(ids.len(), self.shape.numel(), "ids of shape {:?} must be as many", self.shape);
        match Arc::get_mut(&mut self.ids) {
            Some(own) => own.copy_from_slice(ids),
            None => self.ids = Arc::new(ids.to_vec()),
        }
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The ids in row-major order.
    pub fn data(&self) -> &[u32] {
        &self.ids
    }
}

struct Embedding {
    ids: Ids,
}

impl<T: Element> Op<T> for Embedding {
    type Saved = ();

    fn name(&self) -> &'static str {
        "embedding"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let width = x[0].shape()[1];
        let mut dims = self.ids.shape.to_vec();
        dims.push(width);
        let y = Tensor::build(Shape::new(&dims), |y| kernels::gather_rows(y, x[0].data(), self.ids.data(), width));
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let width = dy.shape().last_dim();
        into.accumulate(0, |dtable, write| {
            kernels::scatter_add_rows(dtable, dy.data(), self.ids.data(), width, write);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Rows of `self`, a table `[rows, width]`: ids of shape `[..]` give `[.., width]`.
    ///
    /// # Panics
    /// If `self` is no matrix or an id names no row.
    #[track_caller]
    pub fn embedding(&self, ids: &Ids) -> Var<'t, T> {
        let s = self.shape();
        assert_eq!(s.len(), 2, "embedding: a table of shape {s:?} is not [rows, width]");
        if let Some(id) = ids.data().iter().find(|&&id| id as usize >= s[0]) {
            panic!("embedding: id {id} names no row of a table of shape {s:?}");
        }
        self.tape().apply(Embedding { ids: ids.clone() }, &[self])
    }
}
