//! Generating token by token.

use anther_tensor::{Ids, RandomKey, Stream, Tape};

use super::shown::Shown;
use super::{SampleError, Sampling};
use crate::task::SymbolError;
use crate::trained::TrainedModel;

/// Why nothing, or no more, can be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The prompt has something that is no token.
    #[error("the prompt cannot be read: {0}")]
    Prompt(#[from] SymbolError),
    /// The prompt is empty.
    #[error("the prompt is empty, but a model continues something; give it at least one symbol")]
    EmptyPrompt,
    /// No token can be drawn.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The model does not go on with a prompt.
    #[error(
        "the model is no causal language model and does not continue a prompt; an encoder-decoder answers sources, a masked one guesses hidden tokens, a classifier tells classes"
    )]
    Kind,
}

impl TrainedModel {
    /// Continues `prompt` by `length` tokens and returns the continuation; `each` is given text as soon as it is there, whole characters only.
    ///
    /// The continuation depends on the weights, the prompt, the sampling and the seed only. While prompt and continuation fit
    /// the context, keys and values are kept and a token costs one pass over one token; after that the model sees the last
    /// `context` tokens and each token costs a pass over all of them, as it does from the start for an attention that cannot decode token by token.
    ///
    /// # Errors
    /// [`GenerateError`]; what was given to `each` before stays valid.
    pub fn generate(
        &self,
        prompt: &str,
        length: usize,
        sampling: &Sampling,
        seed: u64,
        each: &mut dyn FnMut(&str),
    ) -> Result<String, GenerateError> {
        sampling.validate()?;
        let model = self.model.causal_lm().ok_or(GenerateError::Kind)?;
        let mut tokens = self.symbols.encode(prompt)?;
        if tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        let mut shown = Shown::after(&tokens);
        let context = model.config().context;
        let random = RandomKey::new(seed, Stream::named("generate").id(), 0);
        let mut cache = model.cache(1);
        let by_token = model.config().attention.validate_decoding().is_ok();
        let mut candidates = Vec::new();
        let mut text = String::new();
        for drawn in 0..length {
            // The tokens that the cache has not seen, or the whole window once it has moved.
            if tokens.len() > context || !by_token {
                cache.clear();
            }
            let window = tokens.len().min(context);
            let unseen = &tokens[tokens.len() - window + cache.len()..];
            let ids = Ids::new([1, unseen.len()], unseen.to_vec());
            let scores = model.decode(&Tape::inference(&self.parameters), &ids, &mut cache);
            let token = sampling.draw_with(scores.data(), random.uniform(drawn as u64), &mut candidates)?;
            tokens.push(token);
            let piece = shown.next(&self.symbols, &tokens, drawn + 1 == length)?;
            each(&piece);
            text += &piece;
        }
        Ok(text)
    }
}
