//! A weight that is made of other parameters, in layers that know nothing of it.

use std::sync::Arc;

use anther_tensor::layers::{Embedding, Linear};
use anther_tensor::{
    Element, Factored, FactoredWeight, Factoring, Ids, Init, ParamId, ParamSet, Parameters, Scope, Tape, Tensor, Trans,
    Unary, Var, Weight,
};

/// `W = U V`, U `[out, rank]`, V `[rank, in]`. It contracts for few rows.
#[derive(Debug)]
struct LowRank {
    up: ParamId,
    down: ParamId,
    shape: [usize; 2],
}

const FEW: usize = 4;

impl<T: Element> Factored<T> for LowRank {
    fn dense<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(self.up).matmul(&tape.param(self.down))
    }

    fn apply<'t>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        x.linear(&x.param(self.down), None, None).linear(&x.param(self.up), None, None)
    }

    fn rows<'t>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        let left = tape.param(self.up).embedding(ids);
        left.linear(&tape.param(self.down).transpose(), None, None)
    }
}

impl FactoredWeight for LowRank {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn contracts(&self, rows: usize) -> bool {
        rows <= FEW
    }
}

/// Layers whose name ends so are of rank 2.
struct Ending(&'static str);

impl Factoring for Ending {
    fn factor(&self, scope: &mut Scope<'_>, shape: [usize; 2], init: Init) -> Option<Arc<dyn FactoredWeight>> {
        let [outputs, inputs] = shape;
        scope.name().ends_with(self.0).then(|| {
            let (up, down) = (scope.param("up", [outputs, 2], init), scope.param("down", [2, inputs], init));
            Arc::new(LowRank { up, down, shape }) as Arc<dyn FactoredWeight>
        })
    }
}

struct Layers {
    linear: Linear,
    table: Embedding,
    plain: Linear,
}

fn layers(set: &mut ParamSet) -> Layers {
    let mut root = set.root();
    let mut root = root.factored_by(Arc::new(Ending("_low")));
    let init = Init::Normal { std: 0.7 };
    Layers {
        linear: Linear::with_init(&mut root.child("block").child("q_low"), 5, 3, true, init),
        table: Embedding::new(&mut root.child("table_low"), 7, 5, init),
        plain: Linear::with_init(&mut root.child("plain"), 5, 3, false, init),
    }
}

fn value(length: usize) -> Tensor<f64> {
    Tensor::from_vec([length, 5], (0..length * 5).map(|i| (i as f64 * 0.37).sin()).collect())
}

#[test]
fn a_scope_decides_by_name_and_the_parts_are_the_parameters() {
    let mut set = ParamSet::new();
    let layers = layers(&mut set);
    let names: Vec<_> = set.specs().iter().map(|spec| &spec.name[..]).collect();
    let parts = ["block.q_low.up", "block.q_low.down", "block.q_low.bias", "table_low.up", "table_low.down"];
    assert_eq!(names, [&parts[..], &["plain.weight"]].concat());
    assert!(matches!((layers.linear.weight, layers.plain.weight), (Weight::Factored(_), Weight::Dense(_))));
    assert_eq!(Parameters::<f32>::initialise(&set, 1).count(), 3 * 2 + 2 * 5 + 3 + 7 * 2 + 2 * 5 + 15);
}

/// Every way to run the layer against the same written with its dense matrix, with the gradients of all parameters; above and below the
/// number of rows from which the matrix is made.
/// The layer by its definition.
fn dense<'t>(linear: &Linear, x: &Var<'t, f64>) -> Var<'t, f64> {
    x.matmul_with(Trans::No, &x.weight(linear.weight), Trans::Yes) + x.param(linear.bias.unwrap())
}

fn cotangent(y: &Tensor<f64>) -> Tensor<f64> {
    Tensor::from_vec(y.shape(), y.data().iter().map(|y| 1.0 + y).collect())
}

#[test]
fn every_form_of_the_layer_equals_the_dense_one() {
    let mut set = ParamSet::new();
    let layers = layers(&mut set);
    let parameters = Parameters::<f64>::initialise(&set, 3);
    let (linear, table) = (layers.linear, layers.table);
    for rows in [0, 1, FEW, FEW + 1, 9] {
        let run = |form: usize, fast: bool| {
            let tape = Tape::recording(&parameters);
            let ids = Ids::new([rows], (0..rows as u32).map(|i| i * 3 % 7).collect());
            let x = tape.input(value(rows));
            let residual = tape.constant(value(rows).clone()).slice(1, 1..4);
            let plain = |x: &_| dense(&linear, x);
            let (gelu, x1) = (Unary::Gelu, &x);
            let y = match (form, fast) {
                (0, true) => linear.forward(x1),
                (0, false) => plain(x1),
                (1, true) => linear.forward_activated(x1, gelu),
                (1, false) => plain(x1).unary(gelu),
                (2, true) => linear.forward_residual(x1, &residual),
                (2, false) => residual + plain(x1),
                (3, true) => linear.forward_of(gelu, x1, Some((&residual).into())),
                (3, false) => residual + plain(&x1.unary(gelu)),
                (4, true) => linear.forward_of(gelu, x1, None),
                (4, false) => plain(&x1.unary(gelu)),
                (_, true) => linear.forward(&(table.forward(&tape, &ids) + x1)),
                (_, false) => plain(&(tape.weight(table.weight).embedding(&ids) + x1)),
            };
            let mut gradients = parameters.gradients();
            let value = y.value().clone();
            let leaves = tape.backward(&y, Some(cotangent(y.value())), &mut gradients);
            (value.data().to_vec(), leaves.get(&x).unwrap().data().to_vec(), gradients.slab_mut().to_vec())
        };
        for form in 0..6 {
            let (fast, slow) = (run(form, true), run(form, false));
            for (fast, slow) in [(&fast.0, &slow.0), (&fast.1, &slow.1), (&fast.2, &slow.2)] {
                assert_eq!(fast.len(), slow.len());
                let close = fast.iter().zip(slow).all(|(a, b)| (a - b).abs() < 1e-12);
                assert!(close, "form {form}, {rows} rows:\n{fast:?}\n{slow:?}");
            }
        }
    }
}

#[test]
fn tied_layers_share_a_factored_weight() {
    let mut set = ParamSet::new();
    let layers = layers(&mut set);
    let mut parameters = Parameters::<f32>::initialise(&set, 3);
    let logits = |parameters: &Parameters<f32>| {
        let tape = Tape::inference(parameters);
        let hidden = tape.constant(Tensor::<f32>::ones([1, 5]));
        Linear { weight: layers.table.weight, bias: None }.forward(&hidden).into_value().data().to_vec()
    };
    let before = logits(&parameters);
    let up = parameters.find("table_low.up").unwrap();
    let mut changed = parameters.tensor(up).data().to_vec();
    changed[2 * 4] += 1.0;
    parameters.set(up, &changed);
    let after = logits(&parameters);
    let differs: Vec<_> = (0..7).filter(|&row| before[row] != after[row]).collect();
    assert_eq!(differs, [4], "only the logit of the row that changed");
}
