//! The key–value cache: keys and values of the tokens that have been seen, for decoding token by token.

use anther_tensor::{Element, Shape, Tensor};

/// Keys and values of one attention layer, `[batch, heads, length, d]` each, with room for `capacity` tokens.
///
/// The keys are stored as they meet the score: rotated, if the positions are rotary.
pub struct KeyValueCache<T: Element> {
    keys: Tensor<T>,
    values: Tensor<T>,
    length: usize,
}

impl<T: Element> KeyValueCache<T> {
    /// An empty cache.
    pub fn new(batch: usize, heads: usize, d: usize, capacity: usize) -> Self {
        let shape = Shape::from([batch, heads, capacity, d]);
        KeyValueCache { keys: Tensor::zeros(shape), values: Tensor::zeros(shape), length: 0 }
    }

    /// Number of tokens that have been seen.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no token has been seen.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Number of tokens that fit.
    pub fn capacity(&self) -> usize {
        self.keys.shape()[2]
    }

    /// Forgets all tokens.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Appends keys and values `[batch, heads, new, d]` and returns those of all tokens.
    ///
    /// # Panics
    /// If the shapes do not fit or the cache is full.
    #[track_caller]
    pub fn append(&mut self, keys: &Tensor<T>, values: &Tensor<T>) -> (Tensor<T>, Tensor<T>) {
        let [batch, heads, capacity, d] = *self.keys.shape() else { unreachable!("made with four axes") };
        let new = keys.shape().get(2).copied().unwrap_or(0);
        let expected = Shape::from([batch, heads, new, d]);
        assert_eq!(keys.shape(), expected, "append: the keys do not fit the cache");
        assert_eq!(values.shape(), expected, "append: the values do not fit the cache");
        let past = self.length;
        assert!(past + new <= capacity, "append: {past} + {new} tokens do not fit a cache of {capacity}");
        self.length += new;
        let store = |cache: &mut Tensor<T>, x: &Tensor<T>| {
            let (rows, full) = (batch * heads, cache.data_mut());
            for row in 0..rows {
                full[(row * capacity + past) * d..][..new * d].copy_from_slice(&x.data()[row * new * d..][..new * d]);
            }
            let all = past + new;
            Tensor::build([batch, heads, all, d], |out| {
                for row in 0..rows {
                    out[row * all * d..][..all * d].copy_from_slice(&full[row * capacity * d..][..all * d]);
                }
            })
        };
        (store(&mut self.keys, keys), store(&mut self.values, values))
    }
}
