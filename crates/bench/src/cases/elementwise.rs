//! Ops one at a time, forward alone and forward with backward, through the tape as a user runs them.

use anther_tensor::{Ids, Init, ParamSet, Parameters, Tape, Tensor, Unary, Var};
use anther_train::optim::{Optimizer, OptimizerConfig, OptimizerKind};

use crate::case::{Case, Work};
use crate::inputs::{ids, normal};

/// An op over leaves and ids.
type Function = for<'t> fn(&[Var<'t, f32>], &Ids) -> Var<'t, f32>;

/// What an op is measured on.
#[derive(Clone, Copy)]
pub(super) struct Op {
    /// The part of the name before the direction.
    pub name: &'static str,
    /// The part of the name after it.
    pub size: &'static str,
    /// Shapes of the leaves, which all get a gradient.
    pub leaves: &'static [&'static [usize]],
    /// Number of ids and what they are below.
    pub ids: (usize, usize),
    /// The op.
    pub function: Function,
    /// Work of the forward pass.
    pub forward: Work,
    /// Work of forward and backward.
    pub both: Work,
}

/// Bytes of so many `f32`.
pub(super) const fn bytes(elements: usize) -> f64 {
    (elements * size_of::<f32>()) as f64
}

const SOFTMAX: usize = 4096 * 1024;
const NORM: usize = 4096 * 768;
const HIDDEN: usize = 4096 * 3072;
const PRODUCT: f64 = 2.0 * 4096.0 * 3072.0 * 768.0;

/// A map over `n` elements reads and writes them; its backward pass reads two arrays and writes one.
const fn map(name: &'static str, size: &'static str, leaves: &'static [&'static [usize]], n: usize, f: Function) -> Op {
    let (forward, both) = (Work::Bytes(bytes(2 * n)), Work::Bytes(bytes(5 * n)));
    Op { name, size, leaves, ids: (0, 1), function: f, forward, both }
}

const OPS: [Op; 8] = [
    map("softmax", "4096x1024", &[&[4096, 1024]], SOFTMAX, |x, _| x[0].softmax()),
    map("layernorm", "4096x768", &[&[4096, 768], &[768], &[768]], NORM, |x, _| {
        x[0].layer_norm(Some((&x[1], &x[2])), 1e-5)
    }),
    map("rmsnorm", "4096x768", &[&[4096, 768], &[768]], NORM, |x, _| x[0].rms_norm(Some(&x[1]), 1e-6)),
    map("gelu_erf", "4096x3072", &[&[4096, 3072]], HIDDEN, |x, _| x[0].unary(Unary::Gelu)),
    map("gelu_tanh", "4096x3072", &[&[4096, 3072]], HIDDEN, |x, _| x[0].unary(Unary::GeluTanh)),
    Op {
        name: "add",
        size: "4096x3072",
        leaves: &[&[4096, 3072], &[4096, 3072]],
        ids: (0, 1),
        function: |x, _| &x[0] + &x[1],
        forward: Work::Bytes(bytes(3 * HIDDEN)),
        both: Work::Bytes(bytes(3 * HIDDEN)),
    },
    Op {
        name: "linear_gelu_tanh",
        size: "4096x3072x768",
        leaves: &[&[4096, 768], &[3072, 768], &[3072]],
        ids: (0, 1),
        function: |x, _| x[0].linear(&x[1], Some(&x[2]), Some(Unary::GeluTanh)),
        forward: Work::Flops(PRODUCT),
        both: Work::Flops(3.0 * PRODUCT),
    },
    Op {
        name: "embedding",
        size: "32000x256_4096",
        leaves: &[&[32000, 256]],
        ids: (4096, 32000),
        function: |x, ids| x[0].embedding(ids),
        forward: Work::Bytes(bytes(2 * 4096 * 256)),
        both: Work::Bytes(bytes(2 * 4096 * 256 + 32000 * 256)),
    },
];

/// Of these the direction "forward and backward" is in the short run.
const QUICK: [&str; 5] = ["softmax", "layernorm", "gelu_tanh", "embedding", "linear_gelu_tanh"];

pub(super) fn cases() -> Vec<Case> {
    let both = |op: Op| [op.forward(), op.both().quick_if(QUICK.contains(&op.name))];
    let mut cases: Vec<Case> = OPS.into_iter().flat_map(both).collect();
    cases.push(adamw());
    cases
}

impl Op {
    fn tensors(self) -> Vec<Tensor<f32>> {
        let mut tensors: Vec<Tensor<f32>> = (0..).zip(self.leaves).map(|(i, shape)| normal(shape, i)).collect();
        // Weights as they are initialised: with a variance of 1 most of an activation's derivatives would be denormal, on which the
        // multiply-adds of this CPU, ours and the peers', run several times slower.
        if self.name.starts_with("linear_") {
            let scale = (tensors[1].shape().last_dim() as f32).sqrt().recip();
            tensors[1].data_mut().iter_mut().for_each(|w| *w *= scale);
        }
        tensors
    }

    fn ids(self) -> Ids {
        let (len, below) = self.ids;
        Ids::new([len], ids(len, below, 9))
    }

    /// The op alone, on a tape that records nothing.
    pub(super) fn forward(self) -> Case {
        Case::new(format!("{}_fwd_{}", self.name, self.size), self.forward, move || {
            let (parameters, leaves, ids) = (Parameters::empty(), self.tensors(), self.ids());
            move || {
                let tape = Tape::inference(&parameters);
                let leaves: Vec<_> = leaves.iter().map(|leaf| tape.constant(leaf.clone())).collect();
                drop((self.function)(&leaves, &ids));
            }
        })
    }

    /// The op and the gradients of all leaves for a given cotangent.
    pub(super) fn both(self) -> Case {
        Case::new(format!("{}_fwdbwd_{}", self.name, self.size), self.both, move || {
            let (parameters, leaves, ids) = (Parameters::empty(), self.tensors(), self.ids());
            let mut gradients = parameters.gradients();
            let mut cotangent: Option<Tensor<f32>> = None;
            move || {
                let tape = Tape::recording(&parameters);
                let leaves: Vec<_> = leaves.iter().map(|leaf| tape.input(leaf.clone())).collect();
                let y = (self.function)(&leaves, &ids);
                // A loss is differentiated with 1, as in training.
                let shape = y.shape();
                let fresh = || if shape.numel() == 1 { Tensor::ones(shape) } else { normal(&shape, 7) };
                let cotangent = cotangent.get_or_insert_with(fresh).clone();
                tape.backward(&y, Some(cotangent), &mut gradients);
            }
        })
    }
}

/// One step over 10 million parameters in 40 matrices.
fn adamw() -> Case {
    // Parameter, gradient and both moments are read; all but the gradient are written.
    Case::new("adamw_10M", Work::Bytes(bytes(7 * 10_000_000)), || {
        let mut set = ParamSet::new();
        for i in 0..40 {
            set.root().param(&format!("p{i}"), [500, 500], Init::Normal { std: 1.0 });
        }
        let mut parameters = Parameters::<f32>::initialise(&set, 0);
        let mut gradients = parameters.gradients();
        let slab = gradients.slab_mut();
        slab.copy_from_slice(normal(&[slab.len()], 1).data());
        let config = OptimizerConfig {
            kind: OptimizerKind::AdamW,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            momentum: 0.0,
            weight_decay: 0.01,
        };
        let mut optimizer = Optimizer::new(&config, &parameters);
        move || optimizer.step(&mut parameters, &mut gradients, 1e-4, 1.0)
    })
    .quick()
}
