//! H-SoftPOS: an embedding of tokens with soft classes at several scales of time.

use anther_tensor::layers::Embedding;
use anther_tensor::{Element, Ids, Init, Scope, Tape, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::causal_conv::CausalConv1d;
use super::soft_pos::SoftPos;
use crate::error::ChainError;

/// Sizes of an [`HSoftPos`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HSoftPosConfig {
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// The width d of the result.
    pub width: usize,
    /// The number N of levels, at least 1; Anthe has 2.
    pub levels: usize,
}

impl HSoftPosConfig {
    /// `l = ⌊d / 2N⌋`, the classes and channels of a level, and `e = d − l (2N − 1)`, the width of the table.
    ///
    /// # Errors
    /// If there are no levels, or the width is below twice their number.
    pub fn widths(&self) -> Result<(usize, usize), ChainError> {
        let HSoftPosConfig { width, levels, .. } = *self;
        if levels == 0 || width / 2 < levels {
            let why = format!(
                "{levels} levels of H-SoftPOS do not fit a width of {width}; give at least 1, and a width of at least twice as many"
            );
            return Err(ChainError::Spec(why));
        }
        let level = width / (2 * levels);
        Ok((level, width - level * (2 * levels - 1)))
    }
}

/// The embedding of Anthe (arXiv 2305.10991), as its released program has it:
///
/// ```text
/// x_0 = √e E[ids] + PE            E [vocabulary, e], PE sines in the first half of the channels, cosines in the second
/// x_{i+1} = causal convolution of x_i, three taps, dilation 2^i, no nonlinearity        [e or l → l]
/// y = [SoftPOS_0(x_0), …, SoftPOS_{N−1}(x_{N−1})]        width (e + l) + (N − 1)·2l = d
/// ```
///
/// Where e is odd there is one sine more. Parameters `embed.weight`, `soft_pos.i.table` `[l, l]`, `convs.i.weight` `[l, 3·in]` and `convs.i.bias`, N l² + 3 e l + l +
/// (N − 2)(3 l² + l) in all beside the table. Most of what is saved against a table of width d is that e is about d/2N.
#[derive(Clone, Debug)]
pub struct HSoftPos {
    embed: Embedding,
    levels: Vec<SoftPos>,
    convs: Vec<CausalConv1d>,
    table_width: usize,
}

/// What tokens that were embedded before leave to those after them.
pub struct HSoftPosCache<T: Element> {
    position: usize,
    /// The inputs of each convolution that the next tokens still see, `[batch, tokens, in]`: of no more tokens than there were.
    pasts: Vec<Tensor<T>>,
}

impl<T: Element> HSoftPosCache<T> {
    /// Forgets all tokens.
    pub fn clear(&mut self) {
        self.position = 0;
        for past in &mut self.pasts {
            let [batch, _, inputs] = *past.shape() else { unreachable!("made with three axes") };
            *past = Tensor::zeros([batch, 0, inputs]);
        }
    }

    /// Keeps these sequences, in this order; a sequence may be named more than once.
    ///
    /// # Panics
    /// If there is no such sequence.
    #[track_caller]
    pub fn select(&mut self, sequences: &[usize]) {
        self.pasts.iter_mut().for_each(|past| *past = past.select_rows(sequences));
    }

    /// Number of tokens so far.
    pub fn position(&self) -> usize {
        self.position
    }
}

/// Taps of each convolution.
const TAPS: usize = 3;

impl HSoftPos {
    /// A table uniform on ±0.05, orthogonal classes, Glorot-uniform convolutions.
    ///
    /// # Errors
    /// If the levels do not fit the width.
    pub fn new(scope: &mut Scope<'_>, config: &HSoftPosConfig) -> Result<Self, ChainError> {
        let (level, table) = config.widths()?;
        let embed = Embedding::new(&mut scope.child("embed"), config.vocabulary, table, Init::Uniform { bound: 0.05 });
        let mut levels = Vec::new();
        let mut convs = Vec::new();
        for i in 0..config.levels {
            levels.push(SoftPos::new(&mut scope.child("soft_pos").child(i), level, level));
            if i + 1 < config.levels {
                let inputs = if i == 0 { table } else { level };
                // Beyond 2^32 tokens back there is nothing.
                let dilation = 1 << i.min(32);
                convs.push(CausalConv1d::new(&mut scope.child("convs").child(i), inputs, level, TAPS, dilation));
            }
        }
        Ok(HSoftPos { embed, levels, convs, table_width: table })
    }

    /// Ids `[batch, tokens]` give `[batch, tokens, d]`; the first token stands at position `first` and nothing comes before it. For tokens that
    /// follow others, [`HSoftPos::extend`].
    ///
    /// # Panics
    /// If the ids have not two axes, or one names no row.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids, first: usize) -> Var<'t, T> {
        let [batch, _] = *ids.shape() else {
            panic!("H-SoftPOS needs ids of shape [batch, tokens], not {:?}", ids.shape())
        };
        let mut cache = HSoftPosCache { position: first, ..self.cache(batch) };
        self.run(tape, ids, &mut cache)
    }

    /// An empty cache for so many sequences.
    pub fn cache<T: Element>(&self, batch: usize) -> HSoftPosCache<T> {
        let past = |i: usize| Tensor::zeros([batch, 0, if i == 0 { self.table_width } else { self.level() }]);
        HSoftPosCache { position: 0, pasts: (0..self.convs.len()).map(past).collect() }
    }

    /// The next tokens of sequences, one or many: the same as their part of [`HSoftPos::forward`] of all tokens.
    ///
    /// # Panics
    /// On a tape that records, since no gradient reaches tokens in the cache, if the ids have not two axes or another batch, or one names no row.
    #[track_caller]
    pub fn extend<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids, cache: &mut HSoftPosCache<T>) -> Var<'t, T> {
        assert!(
            !tape.is_recording(),
            "H-SoftPOS extends a cache on inference tapes only: no gradient reaches tokens in a cache"
        );
        self.run(tape, ids, cache)
    }

    #[track_caller]
    fn run<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids, cache: &mut HSoftPosCache<T>) -> Var<'t, T> {
        let [_, tokens] = *ids.shape() else {
            panic!("H-SoftPOS needs ids of shape [batch, tokens], not {:?}", ids.shape())
        };
        let e = self.table_width;
        let positions = tape.constant(positions(e, tokens, cache.position));
        let mut x = self.embed.forward(tape, ids).scale((e as f64).sqrt()) + positions;
        let mut parts = vec![self.levels[0].forward(&x)];
        for ((conv, past), level) in self.convs.iter().zip(&mut cache.pasts).zip(&self.levels[1..]) {
            (x, *past) = conv.forward_after(&x, past);
            parts.push(level.forward(&x));
        }
        cache.position += tokens;
        tape.concat(2, &parts.iter().collect::<Vec<_>>())
    }

    /// The table E.
    pub fn embed(&self) -> &Embedding {
        &self.embed
    }

    fn level(&self) -> usize {
        self.levels[0].classes()
    }
}

/// The table `[tokens, width]` of positions from `first` on: `sin(p / 10000^(2j/width))` in the first half of the columns, cosines in the second.
fn positions<T: Element>(width: usize, tokens: usize, first: usize) -> Tensor<T> {
    let half = width.div_ceil(2);
    Tensor::from_fn([tokens, width], |at| {
        let (position, column) = (first + at / width, at % width);
        let angle = position as f64 / 10_000f64.powf(2.0 * (column % half) as f64 / width as f64);
        T::from_f64(if column < half { angle.sin() } else { angle.cos() })
    })
}
