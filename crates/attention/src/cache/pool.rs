//! Pooled keys and values beside a cache, for heads that see means of neighbouring tokens.

use anther_tensor::{Element, Tensor};

use super::KeyValueCache;
use crate::condition::Group;

/// What the next query of a group of heads sees if its mask is causal and hides nothing else: with n tokens and the factor s, the ⌊n/s⌋ means of
/// complete blocks, and right behind them the n mod s tokens of the last block. The mean of a block takes the place of its first token once it is complete,
/// so these are always the first rows.
pub(super) struct Pool<T: Element> {
    factor: usize,
    /// For each head of the pool, that of the cache which it pools.
    sources: Vec<usize>,
    rows: KeyValueCache<T>,
    /// Tokens that are in the rows.
    seen: usize,
}

impl<T: Element> Pool<T> {
    /// No tokens of a cache, for a group of the `heads` of a layer.
    pub(super) fn new(cache: &KeyValueCache<T>, group: &Group, heads: usize) -> Self {
        let [batch, kv_heads, capacity, d] = *cache.keys.shape() else { unreachable!("made with four axes") };
        let factor = group.factor();
        let sources = sources(group.heads.clone().map(|head| head / (heads / kv_heads)).collect());
        let room = capacity.min(capacity / factor + factor - 1);
        let rows = KeyValueCache::new(batch, sources.len(), d, room);
        Pool { factor, sources, rows, seen: 0 }
    }

    /// Bytes that the rows take.
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Forgets all tokens.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.seen = 0;
    }

    /// Forgets all tokens, and makes room for so many sequences.
    pub(super) fn restart(&mut self, batch: usize) {
        let [_, heads, room, d] = *self.rows.keys.shape() else { unreachable!("made with four axes") };
        self.rows = KeyValueCache::new(batch, heads, d, room);
        self.seen = 0;
    }

    /// Takes in the tokens of a cache as far as they are new, and gives the rows. Cost (new + s)·d a head.
    pub(super) fn advance(&mut self, keys: &Tensor<T>, values: &Tensor<T>, length: usize) -> &KeyValueCache<T> {
        let [_, kv_heads, capacity, d] = *keys.shape() else { unreachable!("made with four axes") };
        let (s, heads) = (self.factor, self.sources.len());
        let complete = length / s;
        let room = self.rows.capacity() * d;
        let mut sum = vec![0.0; d];
        for (pooled, tokens) in [(&mut self.rows.keys, keys), (&mut self.rows.values, values)] {
            for (head, pooled) in pooled.data_mut().chunks_exact_mut(room.max(1)).enumerate() {
                let source = head / heads * kv_heads + self.sources[head % heads];
                let tokens = &tokens.data()[source * capacity * d..][..length * d];
                for block in self.seen / s..complete {
                    sum.fill(0.0);
                    for row in tokens[block * s * d..][..s * d].chunks_exact(d) {
                        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
                    }
                    let mean = &mut pooled[block * d..][..d];
                    mean.iter_mut().zip(&sum).for_each(|(mean, sum)| *mean = T::from_f64(sum / s as f64));
                }
                let rest = &tokens[complete * s * d..];
                pooled[complete * d..][..rest.len()].copy_from_slice(rest);
            }
        }
        self.seen = length;
        self.rows.length = complete + length % s;
        &self.rows
    }
}

/// The heads of a cache that a pool needs, given those of its heads: each once if as many heads that follow each other share each of them.
fn sources(of_heads: Vec<usize>) -> Vec<usize> {
    let mut each = of_heads.clone();
    each.dedup();
    let group = of_heads.len() / each.len().max(1);
    let even =
        each.len() * group == of_heads.len() && of_heads.iter().enumerate().all(|(i, &head)| head == each[i / group]);
    if even { each } else { of_heads }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_share_keys_share_them_in_a_pool() {
        assert_eq!(sources(vec![3, 4, 5]), [3, 4, 5]);
        assert_eq!(sources(vec![0, 0]), [0]);
        assert_eq!(sources(vec![1, 1, 2, 2]), [1, 2]);
        assert_eq!(sources(vec![0, 0, 1]), [0, 0, 1], "one of the heads that share keys is in another group");
    }
}
