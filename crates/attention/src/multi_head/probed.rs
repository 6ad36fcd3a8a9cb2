//! What a layer leaves in a context that was made to ask for it.

use anther_tensor::{Element, Tensor, Var};

use super::MultiHeadAttention;
use crate::condition::Group;
use crate::config::Weighing;
use crate::context::AttentionContext;
use crate::probe::AttentionMap;
use crate::project::repeat_heads;
use crate::score::{Neural, ScoreConfig};
use crate::sight::Sight;

impl MultiHeadAttention {
    /// The map of heads whose queries and keys are ready for the score.
    #[track_caller]
    pub(super) fn map<'t, T: Element>(
        &self,
        [queries, keys]: [&Var<'t, T>; 2],
        context: &AttentionContext<T>,
        sight: &Sight,
    ) -> AttentionMap<T> {
        if keys.shape()[2] == 0 {
            return self.map_of_nothing(queries);
        }
        let values = identity(keys);
        let weights = self.mix([queries, keys, &values], context, sight, self.dropout);
        AttentionMap::new(weights.into_value(), self.live([queries, keys], context, sight))
    }

    /// The same of rotated queries and keys of a layer that pools, over the tokens that were pooled.
    #[track_caller]
    pub(super) fn map_pooled<'t, T: Element>(
        &self,
        groups: &[Group],
        [queries, keys]: [&Var<'t, T>; 2],
        context: &AttentionContext<T>,
    ) -> AttentionMap<T> {
        if keys.shape()[2] == 0 {
            return self.map_of_nothing(queries);
        }
        let tape = queries.tape();
        let mut live: Option<Vec<f64>> = None;
        let maps: Vec<Var<'t, T>> = groups
            .iter()
            .map(|group| {
                let own = |x: &Var<'t, T>| x.slice(1, group.heads.clone());
                let keys = own(keys);
                let pooled = group.pool(&keys, &identity(&keys), context.seen.spans.as_ref(), context.causal);
                let (queries, keys, seen) = self.conditioned(&own(queries), &pooled);
                if let Some(of_group) = self.live([&queries, &keys], &seen, &pooled.sight) {
                    live.get_or_insert_default().extend(of_group);
                }
                self.mix([&queries, &keys, &pooled.values], &seen, &pooled.sight, group.dropout)
            })
            .collect();
        let weights = tape.concat(1, &maps.iter().collect::<Vec<_>>());
        AttentionMap::new(weights.into_value(), live)
    }

    /// The map of queries that have no keys.
    fn map_of_nothing<T: Element>(&self, queries: &Var<'_, T>) -> AttentionMap<T> {
        let [batch, heads, length, _] = *queries.shape() else { unreachable!("heads have four axes") };
        let live = self.network().map(|_| vec![f64::NAN; heads]);
        AttentionMap::new(Tensor::zeros([batch, heads, length, 0]), live)
    }

    /// The score, if it is a network.
    fn network(&self) -> Option<Neural> {
        match &self.config.score {
            ScoreConfig::Neural(config) if self.config.weighing != Weighing::Linear => Some(Neural::from(config)),
            _ => None,
        }
    }

    /// For each head, the share of the pairs that see each other whose network has a unit that is not 0; for a score that is a network.
    fn live<'t, T: Element>(
        &self,
        [queries, keys]: [&Var<'t, T>; 2],
        context: &AttentionContext<T>,
        sight: &Sight,
    ) -> Option<Vec<f64>> {
        let network = self.network()?;
        let features = self.score.features(queries, &repeat_heads(keys, queries.shape()[1]), sight);
        let params = features.params.as_ref().expect("a neural score has parameters");
        Some(network.live(&features.queries, &features.keys, params, &context.seen))
    }
}

/// Values that are rows of the identity: `[batch, kv_heads, keys, keys]` for keys `[batch, kv_heads, keys, d]`. Their weighted means are the weights.
fn identity<'t, T: Element>(keys: &Var<'t, T>) -> Var<'t, T> {
    let [batch, heads, length, _] = *keys.shape() else { unreachable!("heads have four axes") };
    let one = |i: usize| if i / length % length == i % length { T::ONE } else { T::ZERO };
    keys.tape().constant(Tensor::from_fn([batch, heads, length, length], one))
}
