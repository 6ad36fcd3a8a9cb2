//! Recomputation: a part of the forward pass that keeps nothing but its inputs and runs again when the backward pass reaches it.
//!
//! It trades time for memory (Chen et al. 2016, arXiv 1604.06174): what the ops inside would have saved lives only while their
//! own part is differentiated. Random numbers are functions of seed, stream and step, so the second run draws the dropout masks of the first, and
//! both the value and every gradient equal those without recomputation, bit for bit.

use std::ptr;

use crate::op::{Backward, Source};
use crate::params::Parameters;
use crate::pool::Element;
use crate::tape::{Randomness, Recorded, Tape, Var};
use crate::tensor::Tensor;

/// A part of the forward pass that was run without a record.
struct Recomputed<T: Element, F> {
    inputs: Vec<Tensor<T>>,
    part: F,
    params: Parameters<T>,
    randomness: Option<Randomness>,
}

impl<T: Element> Tape<T> {
    /// The value of `part(inputs)`, of which the tape keeps the inputs alone; the backward pass runs `part` a second time.
    ///
    /// `part` gets a tape and the inputs on it, and must do nothing but compute: it runs twice, and has to give the same ops both
    /// times. It takes parameters from the tape it is given, with dropout as on this one. Costs one more forward pass of `part`; saves what its
    /// ops keep for their backward. A tape that does not record runs `part` in place.
    ///
    /// # Panics
    /// If an input or the result belongs to another tape, or where `part` panics.
    ///
    /// ```
    /// use anther_tensor::{Parameters, Tape, Tensor};
    ///
    /// let parameters = Parameters::<f64>::empty();
    /// let tape = Tape::recording(&parameters);
    /// let x = tape.input(Tensor::from_vec([3], vec![0.1, 0.2, 0.3]));
    /// // Ten exponentials, whose nine results in between are not kept.
    /// let y = tape.recomputed(&[&x], |_, x| (0..10).fold(x[0].clone(), |x, _| x.scale(0.5).exp()));
    /// let gradients = tape.backward(&y.sum(), None, &mut parameters.gradients());
    /// assert_eq!(gradients.get(&x).unwrap().numel(), 3);
    /// ```
    #[track_caller]
    pub fn recomputed<'t, F>(&'t self, inputs: &[&Var<'t, T>], part: F) -> Var<'t, T>
    where
        F: for<'p> Fn(&'p Tape<T>, &[Var<'p, T>]) -> Var<'p, T> + 'static,
    {
        for input in inputs {
            assert!(ptr::eq(input.tape, self), "recomputed: an input belongs to another tape");
        }
        if !self.is_recording() {
            let inputs: Vec<_> = inputs.iter().map(|&input| input.clone()).collect();
            return part(self, &inputs);
        }
        let kept: Vec<_> = inputs.iter().map(|input| input.value.clone()).collect();
        let value = {
            let tape = Tape::new(&self.params, false, self.randomness);
            let inputs: Vec<_> = kept.iter().map(|value| tape.constant(value.clone())).collect();
            let output = part(&tape, &inputs);
            assert!(ptr::eq(output.tape, &raw const tape), "recomputed: the result belongs to another tape");
            self.count(tape.flops());
            tape.take_observed().into_iter().for_each(|(statistic, value)| self.observe(statistic, value));
            output.into_value()
        };
        let sources = inputs.iter().map(|input| (input.source, input.shape())).collect();
        let record = Recomputed { inputs: kept, part, params: self.params.clone(), randomness: self.randomness };
        Var { tape: self, value, source: self.push(Some(Box::new(record)), sources) }
    }
}

impl<T, F> Recorded<T> for Recomputed<T, F>
where
    T: Element,
    F: for<'p> Fn(&'p Tape<T>, &[Var<'p, T>]) -> Var<'p, T>,
{
    fn backward(self: Box<Self>, grad: Tensor<T>, into: &mut Backward<'_, T>) {
        let Recomputed { inputs, part, params, randomness } = *self;
        let tape = Tape::new(&params, true, randomness);
        // An input that is a node of the outer tape is an input of this one. Both have a gradient.
        let mut leaves = Vec::with_capacity(inputs.len());
        let from = {
            let on_tape = |(i, value): (usize, Tensor<T>)| match into.sources[i].0 {
                Source::Node(outer) => {
                    let input = tape.input(value);
                    if let Source::Node(inner) = input.source {
                        leaves.push((i, outer, inner));
                    }
                    input
                }
                source => Var { tape: &tape, value, source },
            };
            let inputs: Vec<_> = inputs.into_iter().enumerate().map(on_tape).collect();
            // Its value is not needed a second time, only its place.
            part(&tape, &inputs).source
        };
        // What the outer pass has summed so far goes on being summed in the inner one, so that the order of the additions is that of a
        // pass without recomputation.
        let sums: Vec<_> = leaves.iter().map(|&(_, outer, inner)| (inner, into.nodes[outer].take())).collect();
        let prepare = |gradients: &mut [Option<Tensor<T>>]| {
            for (inner, sum) in sums {
                gradients[inner] = sum;
            }
        };
        let mut found = tape.sweep(from, grad, prepare, into.params);
        for (i, _, inner) in leaves {
            if let Some(gradient) = found[inner].take() {
                into.pass(i, || gradient);
            }
        }
    }
}
