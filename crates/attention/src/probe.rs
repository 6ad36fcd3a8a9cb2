//! What a layer attends to, on request: the weights themselves and what can be said of a head in one number.
//!
//! [`AttentionContext::probed`](crate::AttentionContext::probed) makes every layer that is given the context leave an [`AttentionMap`] in it. The weights are not computed
//! beside the mechanism but by it: the layer attends once more, to the rows of the identity in the place of values, and what it gathers are the
//! weights. So they are those of the fast forms, of every mechanism there is and will be, linear attention too, at the price of values as wide as
//! there are keys: 2·queries·keys² a head, and queries × keys numbers of memory. Without the request nothing is computed.
//!
//! The weights are those before dropout, and before what follows mixing: [`After`](crate::After) changes what was gathered, not from where. Where keys
//! are pooled (Attention-SH), the weight of a mean is shared equally by its tokens, so that maps of heads with different factors have one shape; that
//! is our reading, no paper says it.

use std::cell::RefCell;

use anther_tensor::{Element, Tensor};

/// The attention weights of one layer, before dropout.
#[derive(Clone, Debug)]
pub struct AttentionMap<T: Element> {
    weights: Tensor<T>,
    live: Option<Vec<f64>>,
}

/// How different the maps of a layer's heads are, over all pairs of two heads, averaged over sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadDistance {
    /// The mean of ‖A_a − A_b‖, the root of the sum of squared differences.
    pub mean: f64,
    /// The standard deviation of the same, over the pairs there are.
    pub deviation: f64,
    /// The mean of `1 − ⟨A_a, A_b⟩ / (‖A_a‖ ‖A_b‖)`, which does not grow with the length: 0 for equal maps, 1 for maps that share no key.
    pub cosine: f64,
}

impl<T: Element> AttentionMap<T> {
    /// A map of weights `[batch, heads, queries, keys]`. For a score with units that can be dead, `live` is what [`AttentionMap::live_pairs`] gives.
    ///
    /// # Panics
    /// If the weights have not four axes, or there is not one number for each head.
    #[track_caller]
    pub fn new(weights: Tensor<T>, live: Option<Vec<f64>>) -> Self {
        let shape = weights.shape();
        assert!(shape.len() == 4, "attention map: {shape:?} is not [batch, heads, queries, keys]");
        let fits = live.as_ref().is_none_or(|live| live.len() == shape[1]);
        assert!(fits, "attention map: live pairs are not given for each of {} heads", shape[1]);
        AttentionMap { weights, live }
    }

    /// The weights, `[batch, heads, queries, keys]`, 0 for keys that a query does not see.
    pub fn weights(&self) -> &Tensor<T> {
        &self.weights
    }

    /// The map of a head in a sequence, `[queries, keys]` in row-major order.
    ///
    /// # Panics
    /// If there is no such head or sequence.
    #[track_caller]
    pub fn of(&self, sequence: usize, head: usize) -> &[T] {
        let [batch, heads, queries, keys] = self.sizes();
        assert!(sequence < batch && head < heads, "attention map: no head {head} of sequence {sequence}");
        &self.weights.data()[(sequence * heads + head) * queries * keys..][..queries * keys]
    }

    /// For each head, the mean over its queries of the entropy of their weights, `−Σ_j p_j ln p_j` in nats: 0 if each query attends to one key, ln n
    /// if it attends to n keys alike. p are the weights over their sum, which is 1 for a softmax but not for all weighings. Queries without any
    /// weight do not count; a head without others has NaN.
    pub fn entropy(&self) -> Vec<f64> {
        let [batch, heads, _, keys] = self.sizes();
        let head = |head: usize| {
            let (mut sum, mut count) = (0.0, 0usize);
            for row in (0..batch).flat_map(|b| self.of(b, head).chunks_exact(keys.max(1))) {
                let total: f64 = row.iter().map(|a| a.to_f64().abs()).sum();
                if total > 0.0 {
                    count += 1;
                    let shares = row.iter().map(|a| a.to_f64().abs() / total).filter(|&p| p > 0.0);
                    sum -= shares.map(|p| p * p.ln()).sum::<f64>();
                }
            }
            if count == 0 { f64::NAN } else { sum / count as f64 }
        };
        (0..heads).map(head).collect()
    }

    /// How different the heads are; `None` of a single head, or without sequences. (The measure of Nguyen et al., ICLR 2023, arXiv 2406.13781, as it is recalled; which
    /// norm the paper takes was not at hand.)
    pub fn head_distance(&self) -> Option<HeadDistance> {
        let [batch, heads, ..] = self.sizes();
        let pairs: Vec<(usize, usize)> = (0..heads).flat_map(|a| (a + 1..heads).map(move |b| (a, b))).collect();
        if pairs.is_empty() || batch == 0 {
            return None;
        }
        let mut sum = HeadDistance { mean: 0.0, deviation: 0.0, cosine: 0.0 };
        for sequence in 0..batch {
            let mut distances = Vec::with_capacity(pairs.len());
            let mut cosines = Vec::with_capacity(pairs.len());
            for &(a, b) in &pairs {
                let (distance, cosine) = apart(self.of(sequence, a), self.of(sequence, b));
                distances.push(distance);
                cosines.push(cosine);
            }
            let center = mean(&distances);
            let squares: Vec<f64> = distances.iter().map(|d| (d - center).powi(2)).collect();
            sum.mean += center;
            sum.deviation += mean(&squares).sqrt();
            sum.cosine += mean(&cosines);
        }
        let share = (batch as f64).recip();
        Some(HeadDistance { mean: sum.mean * share, deviation: sum.deviation * share, cosine: sum.cosine * share })
    }

    /// For a neural score ([`Neural`](crate::Neural)) and each head, the share of the pairs that see each other whose last hidden layer has a unit that
    /// is not 0. The others have all the same score and, with ReLU, no gradient. NaN where no pair is seen; `None` for scores without hidden layers.
    pub fn live_pairs(&self) -> Option<&[f64]> {
        self.live.as_deref()
    }

    fn sizes(&self) -> [usize; 4] {
        let [batch, heads, queries, keys] = *self.weights.shape() else { unreachable!("checked when it was made") };
        [batch, heads, queries, keys]
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The distance of two maps, and one less the cosine of the angle between them: 0 if both are empty, 1 if one is.
fn apart<T: Element>(a: &[T], b: &[T]) -> (f64, f64) {
    let (mut square, mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b).map(|(a, b)| (a.to_f64(), b.to_f64())) {
        square += (a - b).powi(2);
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    let norms = (aa * bb).sqrt();
    let cosine = if norms > 0.0 { 1.0 - dot / norms } else { f64::from(u8::from(aa != bb)) };
    (square.sqrt(), cosine)
}

/// Where layers leave their maps, in the order in which they ran.
pub(crate) struct Probe<T: Element>(RefCell<Vec<AttentionMap<T>>>);

impl<T: Element> Probe<T> {
    pub(crate) fn new() -> Self {
        Probe(RefCell::new(Vec::new()))
    }

    pub(crate) fn push(&self, map: AttentionMap<T>) {
        self.0.borrow_mut().push(map);
    }

    pub(crate) fn take(&self) -> Vec<AttentionMap<T>> {
        self.0.take()
    }
}
