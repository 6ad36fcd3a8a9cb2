//! Answering sources with a model that predicts sequences from others.

use anther_data::parallel::{ParallelText, Part};
use anther_data::{DataDir, PairTokens};
use anther_tensor::Tape;
use anther_transformer::{BeamSearch, Sentences};

use crate::recipe::TaskKind;
use crate::task::{SymbolError, TaskError, scored_sentences};
use crate::trained::TrainedModel;

/// Rows of the decoder that are searched together.
const ROWS: usize = 256;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// The model goes on with sequences and reads no sources.
    #[error(
        "the model is no encoder-decoder and does not answer a source; a causal language model continues a prompt, see `anther generate`"
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
    /// The sentences of a part cannot be read.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// A part of a parallel text with answers of a model.
#[derive(Clone, Debug)]
pub struct TranslatedPart {
    /// One for each pair.
    pub answers: Vec<String>,
    /// The pairs.
    pub text: ParallelText,
    /// Sources that were cut off because they are longer than the model reads.
    pub cut: usize,
    /// Tokens of the sources and of the answers, ends included.
    pub tokens: usize,
    /// Floating-point operations of the products.
    pub flops: u64,
}

/// Answers, and what they took.
struct Answers {
    texts: Vec<String>,
    tokens: usize,
    flops: u64,
}

impl TrainedModel {
    /// The best answer to each source that the search finds ([`EncoderDecoder::beam`]), as texts like the targets. An empty source has an empty answer.
    ///
    /// # Errors
    /// [`TranslateError`], before anything is computed.
    ///
    /// [`EncoderDecoder::beam`]: anther_transformer::EncoderDecoder::beam
    pub fn translate(&self, sources: &[&str], how: &BeamSearch) -> Result<Vec<String>, TranslateError> {
        let context = self.encoder_decoder_context()?;
        let tokens = self.encoded(sources)?;
        if let Some(i) = tokens.iter().position(|tokens| tokens.len() >= context) {
            return Err(TranslateError::TooLong { line: i + 1, tokens: tokens[i].len(), context });
        }
        Ok(self.answers(tokens, how)?.texts)
    }

    /// Answers to the sources of a part of the data that the model was trained on, line by line: empty ones have empty answers. Sources that are too long are cut off, as is usual where all sentences
    /// count.
    ///
    /// # Errors
    /// [`TranslateError`] if it is no model of translation or the part cannot be read.
    pub fn translate_part(
        &self,
        data: &DataDir,
        part: Part,
        how: &BeamSearch,
    ) -> Result<TranslatedPart, TranslateError> {
        let context = self.encoder_decoder_context()?;
        if self.recipe.data.task != TaskKind::Translation {
            return Err(TaskError::Kind.into());
        }
        let text = scored_sentences(&self.recipe.data, data, part)?;
        let sources: Vec<&str> = text.pairs.iter().map(|[source, _]| &source[..]).collect();
        let mut tokens = self.encoded(&sources)?;
        let mut cut = 0;
        for tokens in tokens.iter_mut().filter(|tokens| tokens.len() >= context) {
            tokens.truncate(context - 1);
            cut += 1;
        }
        let Answers { texts: answers, tokens, flops } = self.answers(tokens, how)?;
        Ok(TranslatedPart { answers, text, cut, tokens, flops })
    }

    fn encoder_decoder_context(&self) -> Result<usize, TranslateError> {
        Ok(self.model.encoder_decoder().ok_or(TranslateError::Kind)?.config().context)
    }

    fn encoded(&self, sources: &[&str]) -> Result<Vec<Vec<u32>>, TranslateError> {
        let encode = |(i, source): (usize, &&str)| {
            self.symbols.encode(source).map_err(|cause| TranslateError::Source { line: i + 1, cause })
        };
        sources.iter().enumerate().map(encode).collect()
    }

    /// Answers to sources in tokens that fit the context. Sources of one length are searched together, so that little is padding.
    fn answers(&self, sources: Vec<Vec<u32>>, how: &BeamSearch) -> Result<Answers, TranslateError> {
        let model = self.model.encoder_decoder().ok_or(TranslateError::Kind)?;
        let PairTokens { padding, begin, end } =
            self.symbols.pair_tokens(&self.recipe.data).ok_or(TranslateError::Kind)?;
        // Where padding is read first it means nothing as an answer.
        let how = &BeamSearch { never: (begin == padding).then_some(padding), ..*how };
        let (mut texts, mut count) = (vec![String::new(); sources.len()], 0);
        let mut asked: Vec<(usize, Vec<u32>)> =
            sources.into_iter().enumerate().filter(|(_, tokens)| !tokens.is_empty()).collect();
        asked.sort_by_key(|(_, tokens)| tokens.len());
        let tape = Tape::inference(&self.parameters);
        for part in asked.chunks_mut((ROWS / how.width).max(1)) {
            part.iter_mut().for_each(|(_, tokens)| tokens.push(end));
            let tokens: Vec<Vec<u32>> = part.iter().map(|(_, tokens)| tokens.clone()).collect();
            let source = Sentences::padded(&tokens, padding);
            let targets = model.beam(&tape, &source, [begin, end], model.config().context, how);
            for ((i, source), target) in part.iter().zip(targets) {
                let read = |cause| TranslateError::Source { line: i + 1, cause };
                count += source.len() + target.len() + 1;
                // An answer is a line, also of a model that has learned to break lines.
                texts[*i] = self.symbols.decode(&target).map_err(read)?.trim_end().replace(['\n', '\r'], " ");
            }
        }
        Ok(Answers { texts, tokens: count, flops: tape.flops() })
    }
}
