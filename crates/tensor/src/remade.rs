//! Values that are made again instead of being kept.
//!
//! The output of a cheap op, such as a norm, is often kept by the ops after it for their backward pass and by nobody else, while its inputs are
//! kept anyway. [`Op::remake`] says how to make it again; [`Tensor::keep`] is what such an op after it keeps. The memory of the output then
//! returns to the pool in the forward pass, and one pass over memory brings it back in the backward pass: once for all who kept it, until the last
//! of them has run.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::op::Op;
use crate::pool::Element;
use crate::tensor::Tensor;

/// How the output of an op is made again, with the same bits.
pub struct Remake<T: Element>(Box<dyn Fn() -> Tensor<T> + Send + Sync>);

impl<T: Element> Remake<T> {
    /// By running `op` on `inputs` again, which are kept for that. Worth it for an op that costs about a pass over memory and whose inputs are
    /// kept by somebody else too.
    pub fn by(op: impl Op<T> + Send + Sync, inputs: &[&Tensor<T>]) -> Self {
        let inputs: Vec<Tensor<T>> = inputs.iter().map(|&input| input.clone()).collect();
        Remake(Box::new(move || op.forward(&inputs.iter().collect::<Vec<_>>()).0))
    }
}

/// A value that can be made again, and once it was, is there until nobody holds this any more.
pub(crate) struct Remade<T: Element> {
    remake: Remake<T>,
    value: OnceLock<Tensor<T>>,
}

impl<T: Element> Remade<T> {
    pub(crate) fn new(remake: Remake<T>) -> Arc<Self> {
        Arc::new(Remade { remake, value: OnceLock::new() })
    }
}

/// What an op keeps of an input: the tensor, or how to make it again.
pub struct Kept<T: Element>(Keep<T>);

enum Keep<T: Element> {
    Value(Tensor<T>),
    Remade(Arc<Remade<T>>),
}

impl<T: Element> Kept<T> {
    pub(crate) fn value(tensor: Tensor<T>) -> Self {
        Kept(Keep::Value(tensor))
    }

    pub(crate) fn remade(remade: Arc<Remade<T>>) -> Self {
        Kept(Keep::Remade(remade))
    }

    /// The tensor, made again if need be.
    pub fn tensor(&self) -> &Tensor<T> {
        match &self.0 {
            Keep::Value(tensor) => tensor,
            Keep::Remade(remade) => remade.value.get_or_init(|| (remade.remake.0)()),
        }
    }
}

impl<T: Element> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Keep::Value(tensor) => tensor.fmt(f),
            Keep::Remade(remade) => write!(f, "made again: {:?}", remade.value.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::op::{Backward, Op};
    use crate::params::Parameters;
    use crate::tape::Tape;
    use crate::tensor::Tensor;

    use super::Remake;

    /// y = 2x, which counts how often it is computed.
    #[derive(Clone, Copy)]
    struct Double {
        runs: &'static AtomicUsize,
        remade: bool,
    }

    impl Op<f32> for Double {
        type Saved = ();

        fn name(&self) -> &'static str {
            "double"
        }

        fn forward(&self, x: &[&Tensor<f32>]) -> (Tensor<f32>, ()) {
            self.runs.fetch_add(1, Ordering::Relaxed);
            (Tensor::from_fn(x[0].shape(), |i| 2.0 * x[0].data()[i]), ())
        }

        fn backward(&self, (): &(), dy: &Tensor<f32>, into: &mut Backward<'_, f32>) {
            into.pass(0, || Tensor::from_fn(dy.shape(), |i| 2.0 * dy.data()[i]));
        }

        fn remake(&self, inputs: &[&Tensor<f32>]) -> Option<Remake<f32>> {
            self.remade.then(|| Remake::by(*self, inputs))
        }
    }

    fn ramp(shape: [usize; 2]) -> Tensor<f32> {
        Tensor::from_fn(shape, |i| (i as f32 * 0.7).sin())
    }

    /// Gradients of x and of both weights of two linear layers after [`Double`], and whether the memory between them was kept.
    fn gradients(runs: &'static AtomicUsize, remade: bool) -> (Vec<Vec<f32>>, bool) {
        let parameters = Parameters::empty();
        let tape = Tape::<f32>::recording(&parameters);
        let inputs = [tape.input(ramp([3, 4])), tape.input(ramp([5, 4])), tape.input(ramp([5, 4]))];
        let doubled = tape.apply(Double { runs, remade }, &[&inputs[0]]);
        let memory = doubled.value().watch();
        let sum = doubled.linear(&inputs[1], None, None) + doubled.linear(&inputs[2], None, None);
        drop(doubled);
        let kept = memory.strong_count() > 0;
        let leaves = tape.backward(&sum.square().mean(), None, &mut parameters.gradients());
        (inputs.iter().map(|x| leaves.get(x).unwrap().data().to_vec()).collect(), kept)
    }

    #[test]
    fn a_value_is_dropped_and_made_again_once_for_all_who_kept_it() {
        static KEPT: AtomicUsize = AtomicUsize::new(0);
        static REMADE: AtomicUsize = AtomicUsize::new(0);
        let (usual, again) = (gradients(&KEPT, false), gradients(&REMADE, true));
        assert_eq!((KEPT.load(Ordering::Relaxed), REMADE.load(Ordering::Relaxed)), (1, 2));
        assert_eq!((usual.1, again.1), (true, false));
        assert_eq!(usual.0, again.0);
    }

    /// Through norm, heads and linear layers, what is made again is not held, and what was split is not held by what it was split into.
    #[test]
    fn norms_and_merged_heads_are_not_held() {
        let parameters = Parameters::empty();
        let tape = Tape::<f32>::recording(&parameters);
        let x = tape.input(ramp([3, 4])).reshape([1, 3, 4]);
        let weight = tape.input(ramp([4, 4]));
        let normed = x.layer_norm(None, 1e-5);
        let projected = normed.linear(&weight, None, None);
        let split = projected.split_heads(2);
        let merged = split.scale(3.0).merge_heads();
        let memories = [&normed, &projected, &merged].map(|var| var.value().watch());
        let y = merged.linear_residual(&weight, None, &normed);
        drop((normed, projected, merged));
        assert_eq!(memories.each_ref().map(std::sync::Weak::strong_count), [0, 0, 0]);
        drop((y, split));
    }

    #[test]
    fn a_tensor_that_was_changed_is_not_made_again() {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let parameters = Parameters::empty();
        let tape = Tape::<f32>::recording(&parameters);
        let x = tape.input(ramp([2, 2]));
        let mut changed = tape.apply(Double { runs: &RUNS, remade: true }, &[&x]).into_value();
        changed.data_mut()[0] = 7.0;
        assert_eq!(changed.keep().tensor().data()[0], 7.0);
        let reshaped = tape.apply(Double { runs: &RUNS, remade: true }, &[&x]).value().reshaped([4]);
        assert_eq!(*reshaped.keep().tensor().shape(), [4]);
        assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    }
}
