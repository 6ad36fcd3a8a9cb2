//! The perplexity of a text under a causal language model, by the protocols that papers use.
//!
//! ```
//! use anther_data::Tokens;
//! use anther_train::perplexity::Protocol;
//!
//! // Twelve tokens read four at a time, of which each next window scores its last two.
//! let windows = Protocol::Sliding { stride: 2 }.windows(12, 4);
//! assert_eq!(windows.iter().map(|window| window.length - window.unscored).sum::<usize>(), 11);
//! ```

use anther_data::{SequenceBatch, Tokens};
use anther_tensor::{Parameters, Tape};

use crate::batch::{Batch, Part};
use crate::model::Model;
use crate::task::TextPart;

/// The most tokens that are read at the same time.
const TOGETHER: usize = 1 << 13;

/// Which tokens are scored, and what the model has read before each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Windows of a whole context that follow one another; the first token of the text is scored by none. The usual one, and the hardest: a token has read half
    /// a context on average.
    Disjoint,
    /// Windows that begin `stride` tokens apart, each of which but the first scores its last `stride` tokens only: each token but the first is scored once, with at least
    /// `context − stride` tokens before it. A stride of the whole context is [`Protocol::Disjoint`].
    Sliding {
        /// Tokens from the beginning of a window to that of the next one, at least 1 and at most the context.
        stride: usize,
    },
    /// As the program released with arXiv 2502.17206 has it: the text is cut off to a multiple of one more than the context; windows begin half a context apart and
    /// score *all* their tokens, so most tokens count twice; a window that is not whole is left out. For comparison with figures of that program only.
    Paper2Overlap,
}

/// Some tokens that are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The place of the first token that is read.
    pub start: usize,
    /// How many tokens are read.
    pub length: usize,
    /// How many targets, from the first one on, do not count.
    pub unscored: usize,
}

impl Protocol {
    /// The windows of a text of so many tokens; none if it has less than two, or no window is whole where it must be.
    ///
    /// # Panics
    /// If the stride or the context is 0, or the stride more than the context.
    #[must_use]
    #[track_caller]
    pub fn windows(self, tokens: usize, context: usize) -> Vec<Window> {
        let stride = match self {
            Protocol::Disjoint => context,
            Protocol::Sliding { stride } => stride,
            Protocol::Paper2Overlap => context / 2,
        };
        assert!((1..=context).contains(&stride), "a stride of {stride} does not fit a context of {context}");
        let mut windows = Vec::new();
        if self == Protocol::Paper2Overlap {
            let tokens = tokens / (context + 1) * (context + 1);
            let starts = (0..tokens).step_by(stride).take_while(|start| start + context < tokens);
            windows.extend(starts.map(|start| Window { start, length: context, unscored: 0 }));
            return windows;
        }
        let (mut start, mut scored) = (0, 0);
        while scored + 1 < tokens {
            let length = context.min(tokens - 1 - start);
            windows.push(Window { start, length, unscored: scored - start });
            scored = start + length;
            start += stride;
        }
        windows
    }
}

/// How well a text is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// The sum of −ln p over all scored tokens.
    pub nats: f64,
    /// How many tokens were scored, as often as they were.
    pub scored: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// Words of the text, ends of lines among them.
    pub words: usize,
    /// Tokens that the model read, as often as it did.
    pub read: usize,
    /// Floating-point operations of the products.
    pub flops: u64,
}

impl Perplexity {
    /// Mean nats of a scored token.
    #[must_use]
    pub fn nats_per_token(&self) -> f64 {
        self.nats / self.scored as f64
    }

    /// exp of the mean over scored tokens. Depends on what a token is.
    #[must_use]
    pub fn per_token(&self) -> f64 {
        self.nats_per_token().exp()
    }

    /// exp(nats of the text / words of the text), for any tokens of the same text. Tokens that are not scored, the first one of the text, count as the mean does.
    #[must_use]
    pub fn per_word(&self) -> f64 {
        (self.nats_per_token() * self.tokens as f64 / self.words as f64).exp()
    }

    /// Measures a causal language model on a part of a text; sums what each window gives in order and divides once. NaN if no token is scored.
    ///
    /// # Panics
    /// If the model is no causal language model, a token is none of its own, or the stride does not fit its context.
    #[must_use]
    #[track_caller]
    pub fn measure(model: &Model, parameters: &Parameters<f32>, part: &TextPart, protocol: Protocol) -> Self {
        let context = model.causal_lm().expect("perplexity of a text needs a causal language model").config().context;
        let TextPart { tokens, words } = part;
        let mut measured = Perplexity { nats: 0.0, scored: 0, tokens: tokens.len(), words: *words, read: 0, flops: 0 };
        let windows = protocol.windows(tokens.len(), context);
        for some in windows.chunk_by(|a, b| a.length == b.length) {
            for together in some.chunks((TOGETHER / context).max(1)) {
                let part = Part::new(&Batch::Sequences(batch(tokens, together)), 0..together.len());
                let tape = Tape::inference(parameters);
                let mean = f64::from(model.loss(&tape, &part, 0.0).value().item());
                measured.nats += mean * part.weight();
                measured.flops += tape.flops();
                measured.read += together.iter().map(|window| window.length).sum::<usize>();
                measured.scored += together.iter().map(|window| window.length - window.unscored).sum::<usize>();
            }
        }
        measured
    }
}

/// Windows of the same length as a batch.
fn batch(tokens: &Tokens, windows: &[Window]) -> SequenceBatch {
    let mut batch = SequenceBatch { batch: windows.len(), context: windows[0].length, ..SequenceBatch::default() };
    for &Window { start, length, unscored } in windows {
        batch.inputs.extend_from_slice(&tokens[start..start + length]);
        batch.targets.extend_from_slice(&tokens[start + 1..=start + length]);
        batch.weights.extend((0..length).map(|place| if place < unscored { 0.0 } else { 1.0 }));
    }
    batch
}
