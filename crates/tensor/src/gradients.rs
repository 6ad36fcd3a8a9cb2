//! The gradients of all parameters: one slab with the layout of the values.

use std::sync::Arc;

use anther_kernels::{AlignedVec, Write};

use crate::params::{Layout, ParamId};
use crate::pool::Element;

/// One slab of gradients, laid out like the slab of parameter values.
///
/// Backward passes accumulate into it until [`Gradients::clear`]; clearing costs nothing, since each gradient is
/// overwritten by its first contribution. Gaps between parameters are zero, always.
pub struct Gradients<T: Element> {
    layout: Arc<Layout>,
    slab: AlignedVec<T>,
    written: Vec<bool>,
}

impl<T: Element> Gradients<T> {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        Gradients { slab: AlignedVec::zeroed(layout.slab_len()), written: vec![false; layout.len()], layout }
    }

    /// Forgets all contributions.
    pub fn clear(&mut self) {
        self.written.fill(false);
    }

    /// The gradient of one parameter, or `None` if no backward pass has reached it.
    pub fn get(&self, id: ParamId) -> Option<&[T]> {
        self.written[id.index()].then(|| &self.slab[self.layout.range(id)])
    }

    /// The whole slab, with zeros for every parameter that no backward pass has reached: what clipping, the optimiser
    /// and an all-reduce work on.
    pub fn slab_mut(&mut self) -> &mut [T] {
        for (index, written) in self.written.iter_mut().enumerate() {
            if !*written {
                self.slab[self.layout.range(ParamId::at(index))].fill(T::ZERO);
                *written = true;
            }
        }
        &mut self.slab
    }

    /// The destination of a contribution, and whether it is the first.
    pub(crate) fn slot(&mut self, id: ParamId) -> (&mut [T], Write) {
        let first = !std::mem::replace(&mut self.written[id.index()], true);
        (&mut self.slab[self.layout.range(id)], if first { Write::Set } else { Write::Add })
    }
}
