//! The running state of linear attention, which decodes token by token in constant memory.

use anther_kernels::parallel_blocks3;
use anther_tensor::{Element, KeySpans, Shape, Tensor};

use super::{Ends, Head, Sizes, work};

/// S `[d, d]` and z `[d]` of every head: all that queries need of the keys and values before them.
pub(crate) struct LinearState<T: Element> {
    state: Tensor<T>,
    d: usize,
}

impl<T: Element> LinearState<T> {
    /// The state of no tokens.
    pub(crate) fn new(batch: usize, heads: usize, d: usize) -> Self {
        LinearState { state: Tensor::zeros([batch, heads, d * (d + 1)]), d }
    }

    /// Numbers of the state.
    pub(crate) fn numel(&self) -> usize {
        self.state.numel()
    }

    /// Forgets all tokens.
    pub(crate) fn clear(&mut self) {
        self.state.data_mut().fill(T::ZERO);
    }

    /// Keeps these sequences, in this order.
    pub(crate) fn select(&mut self, sequences: &[usize]) {
        self.state = self.state.select_rows(sequences);
    }

    /// What new queries gather from the `past` tokens of the state and from new ones, which join it as far as the last query sees them. Features
    /// `[batch, heads, new, d]` of queries and keys, and values, give a tensor of the same shape. Cost 4·new·d² a head.
    ///
    /// # Panics
    /// If the shapes do not fit, or as [`super::linear_attention`].
    #[track_caller]
    pub(crate) fn attend(
        &mut self,
        (queries, keys, values): (&Tensor<T>, &Tensor<T>, &Tensor<T>),
        past: usize,
        spans: Option<&KeySpans>,
        eps: f64,
    ) -> Tensor<T> {
        let (batch, sizes) = Sizes::of(queries, keys, values);
        let expected = Shape::from([batch, sizes.heads, self.d * (self.d + 1)]);
        let fits = self.state.shape() == expected && (sizes.d, sizes.dv, sizes.queries) == (self.d, self.d, sizes.keys);
        assert!(fits, "attend: queries {:?} and keys {:?} do not fit the state", queries.shape(), keys.shape());
        let ends = Ends::new(spans, batch, sizes.queries, sizes.keys, past);
        let mut denominators = Tensor::build([batch, sizes.heads, sizes.queries], |_| ());
        Tensor::build(queries.shape(), |out| {
            if out.is_empty() {
                return;
            }
            let size = sizes.queries * sizes.d;
            let rows = (denominators.data_mut(), sizes.queries);
            let states = (self.state.data_mut(), sizes.state());
            parallel_blocks3(work(batch, sizes), (out, size), rows, states, |head, out, rows, state| {
                let head = Head::new([queries.data(), keys.data(), values.data()], &ends, sizes, head);
                head.run(state, eps, out, rows);
                // The last block has brought the state to the keys of its first query.
                let (_, seen, reach) = head.block((sizes.queries - 1) / super::QUERIES);
                head.add(seen..reach, state);
            });
        })
    }
}
