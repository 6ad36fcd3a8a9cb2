//! The tiled driver against the composed form: scores, weighings, masks, biases, sinks, grouped heads.

use anther_attention::{
    Distance, Expressive, Mask, Neural, OfDot, Operands, Pairwise, Pattern, ReluPower, ScaledDot, Score,
    ScoreActivation, Seen, Sigmoid, Softmax, SquaredDot, TileScore, Weigh, Yat, attend, attend_boxed,
};
use anther_tensor::{Element, ParamSet, Parameters, RandomKey, Randomness, Span, Stream, Tape, Tensor, Var};
use anther_testkit::{Case, assert_close, case, check, normal};

#[derive(Clone, Copy, Debug, PartialEq)]
enum ScoreKind {
    Dot,
    Squared,
    Distance,
    Yat,
    Neural(Neural),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum WeighKind {
    Softmax,
    Expressive,
    Sigmoid,
    Relu(i32),
}

/// A score and a weighing, in the tiled or the composed form.
#[derive(Clone, Copy, Debug)]
struct Mechanism {
    score: ScoreKind,
    weigh: WeighKind,
    tiled: bool,
}

const SCALE: f64 = 0.3;
const NEURAL: Neural = Neural { second: Some(2), activation: ScoreActivation::Relu };

fn stream() -> Stream {
    ParamSet::new().root().stream("dropout")
}

impl Mechanism {
    const DOT: Mechanism = Mechanism { score: ScoreKind::Dot, weigh: WeighKind::Softmax, tiled: true };

    fn run<'t, T: Element>(self, operands: Operands<'_, 't, T>) -> Var<'t, T> {
        let scale = SCALE;
        match self.score {
            ScoreKind::Dot => self.weighed(Box::new(ScaledDot { scale }), &ScaledDot { scale }, operands),
            ScoreKind::Squared => self.weighed(Box::new(OfDot(SquaredDot { scale })), &SquaredDot { scale }, operands),
            ScoreKind::Distance => self.weighed(Box::new(OfDot(Distance { scale })), &Distance { scale }, operands),
            ScoreKind::Yat => {
                let yat = Yat { scale, eps: 0.5 };
                self.weighed(Box::new(OfDot(yat)), &yat, operands)
            }
            ScoreKind::Neural(neural) => self.weighed(Box::new(Pairwise(neural)), &neural, operands),
        }
    }

    fn weighed<'t, T: Element>(
        self,
        tiled: Box<dyn TileScore<T>>,
        composed: &impl Score,
        operands: Operands<'_, 't, T>,
    ) -> Var<'t, T> {
        let expressive = Expressive { eps: 1e-3 };
        match (self.weigh, self.tiled) {
            (WeighKind::Softmax, true) => attend_boxed(tiled, Box::new(Softmax), operands),
            (WeighKind::Softmax, false) => attend(composed, &Softmax, operands),
            (WeighKind::Expressive, true) => attend_boxed(tiled, Box::new(expressive), operands),
            (WeighKind::Expressive, false) => attend(composed, &expressive, operands),
            (WeighKind::Sigmoid, true) => attend_boxed(tiled, Box::new(Sigmoid), operands),
            (WeighKind::Sigmoid, false) => attend(composed, &Sigmoid, operands),
            (WeighKind::Relu(power), true) => attend_boxed(tiled, Box::new(ReluPower { power }), operands),
            (WeighKind::Relu(power), false) => attend(composed, &ReluPower { power }, operands),
        }
    }

    fn param_count(self, d: usize) -> Option<usize> {
        match self.score {
            ScoreKind::Neural(neural) => Some(neural.param_count(d)),
            _ => None,
        }
    }

    fn prepared<'t, T: Element>(self, bias: Var<'t, T>) -> Var<'t, T> {
        if self.weigh == WeighKind::Expressive { Expressive { eps: 0.0 }.prepare_bias(bias) } else { bias }
    }
}

/// The sizes of a call, and which operands it has beside queries, keys and values.
#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    d: usize,
    dv: usize,
    bias: bool,
    sinks: bool,
}

const fn shape([batch, heads, queries, keys, d, dv]: [usize; 6]) -> Shape {
    Shape { batch, heads, kv_heads: heads, queries, keys, d, dv, bias: false, sinks: false }
}

impl Shape {
    /// The shapes of the inputs.
    fn inputs(&self, mechanism: Mechanism) -> Vec<Vec<usize>> {
        let heads = |heads, rows, width| vec![self.batch, heads, rows, width];
        let mut inputs = vec![
            heads(self.heads, self.queries, self.d),
            heads(self.kv_heads, self.keys, self.d),
            heads(self.kv_heads, self.keys, self.dv),
        ];
        inputs.extend(mechanism.param_count(self.d).map(|count| vec![count]));
        inputs.extend(self.bias.then(|| vec![self.heads, self.queries + self.keys - 1]));
        inputs.extend(self.sinks.then(|| vec![self.heads]));
        inputs
    }

    fn run<'t, T: Element>(&self, mechanism: Mechanism, inputs: &[Var<'t, T>], seen: &Seen, p: f64) -> Var<'t, T> {
        let mut more = inputs[3..].iter();
        let params = mechanism.param_count(self.d).map(|_| more.next().unwrap());
        let bias = self.bias.then(|| mechanism.prepared(more.next().unwrap().clone()));
        let operands = Operands {
            queries: &inputs[0],
            keys: &inputs[1],
            values: &inputs[2],
            params,
            bias: bias.as_ref(),
            sinks: self.sinks.then(|| more.next().unwrap()),
            seen,
            dropout: (p, stream()),
        };
        mechanism.run(operands)
    }
}

/// Small ones for finite differences, some of which are empty; the others cross blocks, tiles, panels and registers.
const SHAPES: [Shape; 13] = [
    shape([1, 1, 1, 1, 1, 1]),
    shape([2, 2, 3, 5, 4, 3]),
    shape([1, 3, 7, 2, 5, 8]),
    shape([2, 1, 4, 4, 3, 3]),
    shape([0, 2, 3, 3, 2, 2]),
    shape([1, 1, 0, 3, 2, 2]),
    shape([1, 2, 3, 0, 2, 2]),
    Shape { kv_heads: 2, ..shape([2, 4, 3, 3, 2, 3]) },
    shape([1, 2, 65, 129, 17, 33]),
    shape([2, 1, 200, 200, 64, 64]),
    shape([1, 2, 64, 300, 8, 48]),
    Shape { kv_heads: 1, ..shape([1, 3, 131, 37, 31, 16]) },
    shape([2, 3, 130, 257, 32, 8]),
];

/// Every other pair, less in the first head; all of them in the first column, so that no query sees nothing.
fn checkers(s: &Shape) -> Pattern {
    Pattern::pairs([1, s.heads, s.queries, s.keys], |[_, head, query, key]| {
        key == 0 || (query + key) % 2 == 0 && (head > 0 || key % 5 < 3)
    })
}

fn masks(s: &Shape) -> Vec<(&'static str, Seen)> {
    let offset = s.keys.saturating_sub(s.queries);
    let lengths = (0..s.batch).map(|b| s.keys.saturating_sub(3 * b + 1)).collect();
    let end = offset + s.queries.max(s.keys);
    let blocks = Pattern::blocks(5, end.div_ceil(5), |a, b| b <= a && (a + b) % 3 != 1);
    let mut masks: Vec<_> = [
        ("full", Mask::full()),
        ("causal", Mask::causal()),
        ("window", Mask::causal().within(3)),
        ("both ways", Mask::full().within(20)),
        ("padded", Mask::full().padded(lengths)),
        ("causal and padded", Mask::causal().padded(vec![2; s.batch])),
        ("prefix", Mask::prefix(vec![3; s.batch])),
        ("documents", Mask::causal().documents(vec![vec![2, 70, 900]])),
        ("nothing", Mask::full().padded(vec![0; s.batch])),
        ("blocks", Mask::causal().only(blocks)),
    ]
    .map(|(name, mask)| (name, mask.seen(s.batch, s.queries, s.keys, offset)))
    .into();
    masks.push(("checkers", Mask::full().only(checkers(s)).seen(s.batch, s.queries, s.keys, 0)));
    let either = |i: u32| [Span::new(0, (i / 3).min(s.keys as u32)), Span::new(i.min(s.keys as u32), s.keys as u32)];
    let either = Pattern::either((0..s.queries as u32).map(either).collect(), s.queries);
    masks.push(("two spans", Seen { patterns: vec![either], ..Seen::default() }));
    masks
}

fn cases(mechanism: Mechanism, p: f64, shapes: &[Shape]) -> Vec<Case> {
    let mut cases = Vec::new();
    for s in shapes {
        for (mask, seen) in masks(s) {
            let label = format!("{mechanism:?}, {mask}, {s:?}");
            let inputs: Vec<_> = s.inputs(mechanism).iter().map(|shape| normal(shape.as_slice())).collect();
            let (s, mechanism) = (*s, mechanism);
            let case = case!(
                "tiled_attention",
                label,
                inputs,
                (s: Shape = s, mechanism: Mechanism = mechanism, seen: Seen = seen, p: f64 = p),
                |x| s.run(*mechanism, x, seen, *p)
            );
            let case = case.tolerance(2e-4, 2e-5);
            cases.push(if s.queries * s.keys > 100 { case.big() } else { case });
        }
    }
    cases
}

#[test]
fn softmax_passes_every_check() {
    cases(Mechanism::DOT, 0.0, &SHAPES).iter().for_each(check);
}

#[test]
fn expressive_passes_every_check() {
    cases(Mechanism { weigh: WeighKind::Expressive, ..Mechanism::DOT }, 0.0, &SHAPES).iter().for_each(check);
}

/// A few shapes are enough to see that one more score or weighing is right.
fn few() -> [Shape; 4] {
    [SHAPES[1], SHAPES[4], SHAPES[7], SHAPES[8]]
}

#[test]
fn other_weighings_pass_every_check() {
    for weigh in [WeighKind::Sigmoid, WeighKind::Relu(1), WeighKind::Relu(2)] {
        cases(Mechanism { weigh, ..Mechanism::DOT }, 0.0, &few()).iter().for_each(check);
    }
}

#[test]
fn other_scores_pass_every_check() {
    for score in [ScoreKind::Squared, ScoreKind::Distance, ScoreKind::Yat] {
        cases(Mechanism { score, ..Mechanism::DOT }, 0.0, &few()).iter().for_each(check);
    }
}

#[test]
fn neural_scores_pass_every_check() {
    for neural in [NEURAL, Neural { second: None, activation: ScoreActivation::Tanh }] {
        let mechanism = Mechanism { score: ScoreKind::Neural(neural), ..Mechanism::DOT };
        cases(mechanism, 0.0, &few()).iter().for_each(check);
    }
}

#[test]
fn biases_and_sinks_pass_every_check() {
    let shapes = few().map(|s| Shape { bias: true, ..s });
    cases(Mechanism { weigh: WeighKind::Expressive, ..Mechanism::DOT }, 0.0, &shapes).iter().for_each(check);
    cases(Mechanism::DOT, 0.0, &shapes.map(|s| Shape { sinks: true, ..s })).iter().for_each(check);
}

#[test]
fn dropout_passes_every_check() {
    let expressive = Mechanism { weigh: WeighKind::Expressive, ..Mechanism::DOT };
    for mechanism in [Mechanism::DOT, expressive] {
        cases(mechanism, 0.25, &few()).into_iter().map(Case::training).for_each(|case| check(&case));
    }
}

/// The result and the gradients of all inputs.
fn all<T: Element>(s: &Shape, mechanism: Mechanism, seen: &Seen, p: f64) -> Vec<Vec<f64>> {
    let noise = |shape: &[usize], salt: u64| {
        let key = RandomKey::new(11, salt, 0);
        Tensor::<T>::from_fn(shape, |i| T::from_f64(key.normal(i as u64)))
    };
    let parameters = Parameters::<T>::empty();
    let tape = Tape::training(&parameters, Randomness { seed: 5, step: 2 });
    let inputs: Vec<_> = (1..).zip(s.inputs(mechanism)).map(|(salt, shape)| tape.input(noise(&shape, salt))).collect();
    let y = s.run(mechanism, &inputs, seen, p);
    let dy = noise(&[s.batch, s.heads, s.queries, s.dv], 9);
    let loss = (&y * tape.constant(dy)).sum();
    let gradients = tape.backward(&loss, None, &mut parameters.gradients());
    let mut all = vec![y.value().data().to_vec()];
    all.extend(inputs.iter().map(|x| gradients.get(x).expect("a gradient of each input").data().to_vec()));
    all.into_iter().map(|x| x.into_iter().map(T::to_f64).collect()).collect()
}

/// Compares the two forms on all masks.
fn check_equal(s: &Shape, mechanism: Mechanism, p: f64) {
    for (mask, seen) in masks(s) {
        let composed = all::<f64>(s, Mechanism { tiled: false, ..mechanism }, &seen, p);
        let tiled = all::<f64>(s, mechanism, &seen, p);
        for (i, (tiled, composed)) in tiled.iter().zip(&composed).enumerate() {
            assert_close(&format!("number {i}, {mask}, {s:?}, {mechanism:?}, p {p}"), tiled, composed, 1e-10, 1e-11);
        }
    }
}

fn filled_shapes() -> impl Iterator<Item = Shape> {
    SHAPES.into_iter().filter(|s| s.batch * s.queries * s.keys > 0)
}

/// Grouped heads over several tiles, and a small one.
fn two_shapes() -> [Shape; 2] {
    [SHAPES[7], SHAPES[11]]
}

#[test]
fn the_driver_equals_the_composed_form_forward_and_backward() {
    for s in filled_shapes() {
        for weigh in [WeighKind::Softmax, WeighKind::Expressive] {
            for p in [0.0, 0.4] {
                check_equal(&s, Mechanism { weigh, ..Mechanism::DOT }, p);
            }
        }
    }
}

#[test]
fn every_weighing_equals_its_composed_form() {
    for s in two_shapes() {
        for weigh in
            [WeighKind::Softmax, WeighKind::Expressive, WeighKind::Sigmoid, WeighKind::Relu(1), WeighKind::Relu(3)]
        {
            check_equal(&Shape { bias: true, ..s }, Mechanism { weigh, ..Mechanism::DOT }, 0.0);
        }
        check_equal(&Shape { bias: true, sinks: true, ..s }, Mechanism::DOT, 0.3);
    }
}

#[test]
fn every_score_equals_its_composed_form() {
    for s in two_shapes() {
        for score in [ScoreKind::Squared, ScoreKind::Distance, ScoreKind::Yat] {
            check_equal(&s, Mechanism { score, ..Mechanism::DOT }, 0.0);
        }
        let narrow = Shape { d: s.d.min(9), ..s };
        for activation in [ScoreActivation::Relu, ScoreActivation::Gelu, ScoreActivation::Tanh] {
            for second in [None, Some(3)] {
                let score = ScoreKind::Neural(Neural { second, activation });
                check_equal(&narrow, Mechanism { score, ..Mechanism::DOT }, 0.0);
            }
        }
        let crossed = Mechanism { score: ScoreKind::Neural(NEURAL), weigh: WeighKind::Expressive, tiled: true };
        check_equal(&Shape { bias: true, ..narrow }, crossed, 0.3);
    }
}

#[test]
fn a_query_that_sees_nothing_gets_zeros_and_gives_none() {
    let s = Shape { sinks: true, ..shape([1, 1, 70, 140, 8, 8]) };
    let seen = Mask::full().padded(vec![0]).seen(1, 70, 140, 0);
    for weigh in [WeighKind::Softmax, WeighKind::Expressive, WeighKind::Sigmoid, WeighKind::Relu(1)] {
        let sinks = weigh == WeighKind::Softmax;
        let zeros = all::<f32>(&Shape { sinks, ..s }, Mechanism { weigh, ..Mechanism::DOT }, &seen, 0.0);
        assert!(zeros.iter().flatten().all(|&x| x == 0.0), "{weigh:?}");
    }
}

#[test]
#[should_panic(expected = "only a softmax has sinks")]
fn a_weighing_without_sinks_refuses_them() {
    let s = Shape { sinks: true, ..shape([1, 1, 2, 2, 2, 2]) };
    all::<f64>(&s, Mechanism { weigh: WeighKind::Expressive, ..Mechanism::DOT }, &Seen::default(), 0.0);
}

#[test]
fn what_a_query_does_not_see_is_not_read() {
    let (length, d) = (150, 16);
    let s = shape([1, 1, length, length, d, d]);
    let shown = 70;
    let causal = Mask::causal().seen(1, length, length, 0);
    // The same, by bits.
    let pattern = Pattern::pairs([1, 1, length, length], |[_, _, query, key]| key <= query);
    let bits = Mask::full().only(pattern).seen(1, length, length, 0);
    for (seen, weigh) in [&causal, &bits].into_iter().flat_map(|seen| {
        [WeighKind::Softmax, WeighKind::Expressive, WeighKind::Sigmoid, WeighKind::Relu(2)].map(|weigh| (seen, weigh))
    }) {
        let result = |poison: f32| {
            let parameters = Parameters::<f32>::empty();
            let tape = Tape::inference(&parameters);
            let tensor = |salt: u64| {
                let key = RandomKey::new(3, salt, 0);
                let value = |i: usize| if i / d < shown { key.normal(i as u64) as f32 } else { poison };
                tape.constant(Tensor::from_fn([1, 1, length, d], value))
            };
            let inputs = [tensor(1), tensor(2), tensor(3)];
            let y = s.run(Mechanism { weigh, ..Mechanism::DOT }, &inputs, seen, 0.0);
            y.value().data()[..shown * d].iter().map(|y| y.to_bits()).collect::<Vec<_>>()
        };
        for poison in [1e30, f32::INFINITY, f32::NAN] {
            assert_eq!(result(0.5), result(poison), "{poison}, {weigh:?}");
        }
    }
}
