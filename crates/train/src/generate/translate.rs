//! Answering sources with a model that predicts sequences from others.

use anther_data::reverse_map::{BEGIN, END, PADDING};
use anther_tensor::Tape;
use anther_transformer::Sentences;

use crate::task::SymbolError;
use crate::trained::TrainedModel;

/// Sources that are answered together.
const TOGETHER: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// The model goes on with sequences and reads no sources.
    #[error(
        "the model is a causal language model, which continues a prompt and does not answer a source; use `anther generate`"
    )]
    Kind,
    /// A source has something that is no token.
    #[error("line {line} cannot be read: {cause}")]
    Source {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        cause: SymbolError,
    },
    /// A source is longer than the model reads.
    #[error("line {line} has {tokens} tokens and needs one more for its end, but the model reads at most {context}")]
    TooLong {
        /// Its number, from 1.
        line: usize,
        /// How many tokens it has.
        tokens: usize,
        /// How many the model reads.
        context: usize,
    },
}

impl TrainedModel {
    /// The likeliest answer to each source, token by token ([`EncoderDecoder::greedy`]), as texts like the sources. An empty source has an empty answer.
    ///
    /// # Errors
    /// [`TranslateError`], before anything is computed.
    ///
    /// [`EncoderDecoder::greedy`]: anther_transformer::EncoderDecoder::greedy
    pub fn translate(&self, sources: &[&str]) -> Result<Vec<String>, TranslateError> {
        let model = self.model.encoder_decoder().ok_or(TranslateError::Kind)?;
        let context = model.config().context;
        let mut answers = vec![String::new(); sources.len()];
        let mut asked = Vec::new();
        for (i, source) in sources.iter().enumerate() {
            let line = i + 1;
            let mut tokens = self.symbols.encode(source).map_err(|cause| TranslateError::Source { line, cause })?;
            if tokens.len() >= context {
                return Err(TranslateError::TooLong { line, tokens: tokens.len(), context });
            }
            if !tokens.is_empty() {
                tokens.push(END);
                asked.push((i, tokens));
            }
        }
        let tape = Tape::inference(&self.parameters);
        for part in asked.chunks(TOGETHER) {
            let tokens: Vec<Vec<u32>> = part.iter().map(|(_, tokens)| tokens.clone()).collect();
            let targets = model.greedy(&tape, &Sentences::padded(&tokens, PADDING), [BEGIN, END], context);
            for ((i, _), target) in part.iter().zip(targets) {
                let read = |cause| TranslateError::Source { line: i + 1, cause };
                answers[*i] = self.symbols.decode(&target).map_err(read)?.trim_end().to_owned();
            }
        }
        Ok(answers)
    }
}
