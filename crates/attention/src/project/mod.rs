//! The projection slot: from tokens to the queries, keys and values of all heads, and from merged heads back.

mod gate;
mod linear;
mod mlp;

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, ParamSet, Residual, Scope, Var};
use serde::{Deserialize, Serialize};

pub use gate::{GateConfig, GateForm, GateOrder};
pub use linear::LinearConfig;
pub use mlp::{MlpActivation, MlpConfig, Role};

use crate::config::ConfigError;
pub(crate) use linear::repeat_heads;
use mlp::{Mlp, finish};

/// How tokens become queries, keys and values, and merged heads become tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Project {
    /// Four linear maps; see [`LinearConfig`].
    Linear(LinearConfig),
    /// Networks in place of some of them; see [`MlpConfig`].
    Mlp(MlpConfig),
    /// A gate in place of one of them; see [`GateConfig`].
    Gate(GateConfig),
}

impl Default for Project {
    fn default() -> Self {
        Project::Linear(LinearConfig::default())
    }
}

impl Project {
    /// Checks the settings for layers of `heads`.
    pub(crate) fn validate(&self, heads: usize) -> Result<(), ConfigError> {
        let refuse =
            |key: &str, reason: String| Err(ConfigError::new(&format!("model.attention.project.{key}"), reason));
        match self {
            Project::Linear(LinearConfig { kv_heads: Some(kv_heads) })
                if *kv_heads == 0 || !heads.is_multiple_of(*kv_heads) =>
            {
                refuse("kv_heads", format!("{kv_heads} do not divide {heads} heads; choose a divisor of model.heads"))
            }
            Project::Mlp(config) if config.maps.is_empty() => {
                refuse("maps", "no map is a network; name some of query, key, value and output".into())
            }
            Project::Mlp(config) if (1..config.maps.len()).any(|i| config.maps[..i].contains(&config.maps[i])) => {
                refuse("maps", "a map is named twice; name each once".into())
            }
            Project::Mlp(MlpConfig { hidden: Some(hidden), .. }) if *hidden == 0 || *hidden > 1 << 20 => {
                refuse("hidden", format!("{hidden} is not between 1 and {}", 1 << 20))
            }
            _ => Ok(()),
        }
    }

    /// Checks that queries may come from another sequence than keys and values.
    pub(crate) fn validate_across(&self) -> Result<(), ConfigError> {
        match self {
            Project::Gate(GateConfig { order, .. }) if order.leaks_across() => Err(ConfigError::new(
                "model.attention.project.order",
                format!(
                    "{order:?} multiplies token j of one sequence by a function of token j of the other, so a causal decoder would see its own future; use kgv"
                ),
            )),
            Project::Gate(GateConfig { order, .. }) if order.mixes_sequences() => Err(ConfigError::new(
                "model.attention.project.order",
                format!("{order:?} would gate a token by an unrelated token of the other sequence; use kgv"),
            )),
            _ => Ok(()),
        }
    }

    /// The number of parameters of the projections of one layer.
    pub fn parameters(&self, width: usize, heads: usize, bias: bool) -> usize {
        let mut set = ParamSet::new();
        Projections::new(&mut set.root(), self, width, heads, bias, Init::Zeros, Init::Zeros);
        set.specs().iter().map(|spec| spec.shape.numel()).sum()
    }

    /// The width of the feed-forward block (two linear layers with biases) that gives a model with linear projections at least as many
    /// parameters as one with these, and not a unit more, for `attentions` attention layers to each block of width `feed_forward`.
    pub fn matched_feed_forward(&self, width: usize, heads: usize, attentions: usize, feed_forward: usize) -> usize {
        let count = |project: &Project| project.parameters(width, heads, true);
        let extra = (attentions * count(self)).saturating_sub(attentions * count(&Project::default()));
        let per_unit = 2 * width + 1;
        feed_forward + extra.div_ceil(per_unit)
    }
}

/// A map of tokens to tokens.
#[derive(Clone, Copy, Debug)]
enum Map {
    Linear(Linear),
    Mlp(Mlp),
}

impl Map {
    #[track_caller]
    fn forward<'t, T: Element>(&self, x: &Var<'t, T>, residual: Option<Residual<'_, 't, T>>) -> Var<'t, T> {
        match self {
            Map::Linear(layer) => finish(layer, x, residual),
            Map::Mlp(mlp) => mlp.forward(x, residual),
        }
    }
}

/// The gate between two of queries, keys and values, by their places.
#[derive(Clone, Copy, Debug)]
struct Gate {
    raw: usize,
    gated: usize,
    /// The map into the gate; without one the projected raw opens it.
    layer: Option<Linear>,
}

/// The projections of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projections {
    /// Of queries, keys and values; none leaves them raw.
    inputs: [Option<Map>; 3],
    gate: Option<Gate>,
    output: Map,
    heads: usize,
    kv_heads: usize,
}

impl Projections {
    /// Parameters `q_proj`, `k_proj`, `v_proj`, `g_proj`, `o_proj`, as far as the settings have them.
    pub(crate) fn new(
        scope: &mut Scope<'_>,
        config: &Project,
        width: usize,
        heads: usize,
        bias: bool,
        init: Init,
        output_init: Init,
    ) -> Self {
        let kv_heads = match config {
            Project::Linear(config) => config.kv_heads.unwrap_or(heads),
            _ => heads,
        };
        let gate_places = match config {
            Project::Gate(config) => Some((config.order.places(), config.form)),
            _ => None,
        };
        let outputs = [width, width / heads * kv_heads, width / heads * kv_heads, width];
        let mut map = |place: usize| {
            let role = [Role::Query, Role::Key, Role::Value, Role::Output][place];
            let name = ["q_proj", "k_proj", "v_proj", "o_proj"][place];
            let last_init = if role == Role::Output { output_init } else { init };
            let scope = &mut scope.child(name);
            match config {
                Project::Mlp(config) if config.maps.contains(&role) => {
                    Map::Mlp(Mlp::new(scope, config, width, bias, init, last_init))
                }
                _ => Map::Linear(Linear::with_init(scope, width, outputs[place], bias, last_init)),
            }
        };
        let raw = match gate_places {
            Some(((raw, _), GateForm::Raw)) => Some(raw),
            _ => None,
        };
        let inputs = [0, 1, 2].map(|place| (raw != Some(place)).then(|| map(place)));
        let output = map(3);
        let gate = gate_places.map(|((raw, gated), form)| {
            let layer = || Linear::with_init(&mut scope.child("g_proj"), width, width, bias, init);
            Gate { raw, gated, layer: (form == GateForm::Raw).then(layer) }
        });
        Projections { inputs, gate, output, heads, kv_heads }
    }

    /// Heads of keys and values, a divisor of the heads of queries.
    pub(crate) fn kv_heads(&self) -> usize {
        self.kv_heads
    }

    /// Queries of `x`, `[batch, heads, length, d]`, keys and values of `memory`, `[batch, kv_heads, length, d]`.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(&self, x: &Var<'t, T>, memory: &Var<'t, T>) -> [Var<'t, T>; 3] {
        self.run([Some(x), Some(memory), Some(memory)]).map(|stream| stream.expect("all three were given"))
    }

    /// The queries alone, of a layer whose gate, if it has one, is between keys and values ([`Project::validate_across`]).
    #[track_caller]
    pub(crate) fn queries<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let [queries, ..] = self.run([Some(x), None, None]);
        queries.expect("queries were given")
    }

    /// Keys and values alone, of such a layer.
    #[track_caller]
    pub(crate) fn keys_and_values<'t, T: Element>(&self, memory: &Var<'t, T>) -> [Var<'t, T>; 2] {
        let [_, keys, values] = self.run([None, Some(memory), Some(memory)]);
        [keys, values].map(|stream| stream.expect("both were given"))
    }

    /// Heads of those of queries, keys and values that are given the tokens they are made of.
    #[track_caller]
    fn run<'t, T: Element>(&self, tokens: [Option<&Var<'t, T>>; 3]) -> [Option<Var<'t, T>>; 3] {
        let mut streams = tokens.map(Option::<&Var<'t, T>>::cloned);
        if let Some(Gate { raw, gated, layer: Some(layer) }) = &self.gate
            && let (Some(opening), Some(stream)) = (&streams[*raw], &streams[*gated])
        {
            streams[*gated] = Some(stream * layer.forward(opening).sigmoid());
        }
        for (stream, map) in streams.iter_mut().zip(&self.inputs) {
            if let (Some(tokens), Some(map)) = (&stream, map) {
                *stream = Some(map.forward(tokens, None));
            }
        }
        if let Some(Gate { raw, gated, layer: None }) = self.gate
            && let (Some(opening), Some(stream)) = (&streams[raw], &streams[gated])
        {
            streams[gated] = Some(stream * opening.sigmoid());
        }
        let [q, k, v] = streams;
        let split = |stream: Option<Var<'t, T>>, heads| stream.map(|stream| stream.split_heads(heads));
        [split(q, self.heads), split(k, self.kv_heads), split(v, self.kv_heads)]
    }

    /// Merged heads `[batch, length, width]` to tokens, plus `residual` if there is one.
    #[track_caller]
    pub(crate) fn output<'t, T: Element>(&self, x: &Var<'t, T>, residual: Option<Residual<'_, 't, T>>) -> Var<'t, T> {
        self.output.forward(x, residual)
    }
}

#[cfg(test)]
mod tests {
    use anther_tensor::Parameters;

    use super::*;

    #[test]
    fn only_the_last_matrix_of_an_output_has_its_initialiser() {
        let first_values = |config: &Project| {
            let mut set = ParamSet::new();
            Projections::new(&mut set.root(), config, 4, 2, false, Init::Constant(2.0), Init::Constant(3.0));
            let parameters = Parameters::<f64>::initialise(&set, 0);
            move |name: &str| parameters.tensor(parameters.find(name).unwrap()).data()[0]
        };
        let of = first_values(&Project::Mlp(MlpConfig::marian()));
        let names = ["q_proj.0.weight", "q_proj.3.weight", "v_proj.weight", "o_proj.0.weight", "o_proj.3.weight"];
        assert_eq!(names.map(of), [2.0, 2.0, 2.0, 2.0, 3.0]);
        assert_eq!(first_values(&Project::default())("o_proj.weight"), 3.0);
    }
}
