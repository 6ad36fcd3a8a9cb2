//! The elementary layers, and a small network of them.

use anther_tensor::layers::{Embedding, LayerNorm, Linear, RmsNorm};
use anther_tensor::{Ids, Init, Stream, Unary};
use anther_testkit::{Case, function, normal};

pub fn cases() -> Vec<Case> {
    vec![linear(true), linear(false), activated(), layer_norm(), rms_norm(), plain(), embedding(), network(), tied()]
}

fn linear(bias: bool) -> Case {
    Case::module("linear layer", format!("bias {bias}"), vec![normal([3, 7])], |scope| {
        let layer = Linear::new(scope, 7, 5, bias);
        function!((layer: Linear), |x| layer.forward(&x[0]))
    })
}

fn activated() -> Case {
    Case::module("linear layer", "activated", vec![normal([2, 3, 4])], |scope| {
        let layer = Linear::with_init(scope, 4, 5, true, Init::xavier_uniform(4, 5));
        function!((layer: Linear), |x| layer.forward_activated(&x[0], Unary::GeluTanh))
    })
}

fn layer_norm() -> Case {
    Case::module("layer norm", "affine", vec![normal([3, 7])], |scope| {
        let layer = LayerNorm::new(scope, 7, 1e-5);
        function!((layer: LayerNorm), |x| layer.forward(&x[0]))
    })
}

fn rms_norm() -> Case {
    Case::module("rms norm", "scaled", vec![normal([3, 7])], |scope| {
        let layer = RmsNorm::new(scope, 7, 1e-5);
        function!((layer: RmsNorm), |x| layer.forward(&x[0]))
    })
}

fn plain() -> Case {
    Case::module("norms", "plain", vec![normal([3, 7])], |_| {
        function!(|x| LayerNorm::plain(1e-5).forward(&x[0]) * RmsNorm::plain(1e-5).forward(&x[0]))
    })
}

fn embedding() -> Case {
    Case::module("embedding layer", "reused rows", vec![], |scope| {
        let layer = Embedding::new(scope, 5, 3, Init::Normal { std: 1.0 });
        let ids = Ids::new([2, 3], vec![4, 0, 4, 1, 2, 4]);
        function!((layer: Embedding, ids: Ids), |_x, tape| layer.forward(tape, ids))
    })
}

/// Tokens in, loss out, large enough that finite differences go in random directions, with dropout on.
fn network() -> Case {
    struct Network {
        embedding: Embedding,
        norm: LayerNorm,
        inner: Linear,
        outer: Linear,
        ids: Ids,
        targets: Ids,
        dropout: Stream,
    }
    Case::module("network", "tokens to loss", vec![], |scope| {
        let network = Network {
            embedding: Embedding::new(&mut scope.child("embedding"), 11, 8, Init::Normal { std: 1.0 }),
            norm: LayerNorm::new(&mut scope.child("norm"), 8, 1e-5),
            inner: Linear::new(&mut scope.child("inner"), 8, 16, true),
            outer: Linear::new(&mut scope.child("outer"), 16, 11, true),
            ids: Ids::new([2, 5], vec![3, 1, 4, 1, 5, 9, 2, 6, 5, 3]),
            targets: Ids::new([2, 5], vec![1, 4, 1, 5, 9, 2, 6, 5, 3, 5]),
            dropout: scope.stream("dropout"),
        };
        function!((network: Network), |_x, tape| {
            let x = network.norm.forward(&network.embedding.forward(tape, &network.ids));
            let x = network.inner.forward_activated(&x, Unary::Gelu).dropout(0.2, network.dropout);
            network.outer.forward(&x).cross_entropy(&network.targets, None, 0.1)
        })
    })
    .training()
}

/// Input and output share one table: its gradient comes from two places.
fn tied() -> Case {
    Case::module("network", "tied", vec![], |scope| {
        let table = Embedding::new(scope, 7, 4, Init::Normal { std: 1.0 });
        let ids = Ids::new([5], vec![1, 2, 3, 2, 6]);
        function!((table: Embedding, ids: Ids), |_x, tape| {
            table.forward(tape, ids).tanh().linear(&tape.weight(table.weight), None, None).cross_entropy(ids, None, 0.0)
        })
    })
}
