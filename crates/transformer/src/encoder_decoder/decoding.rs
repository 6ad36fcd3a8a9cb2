//! The decoder one token at a time.

use anther_attention::{KeyValueCache, Mask, Memory, MemoryCache};
use anther_kernels::row_argmax;
use anther_tensor::{Element, Ids, Tape, Tensor};

use super::EncoderDecoder;
use super::sentences::{Sentences, axes};
use crate::embedder::EmbedderCache;

/// What the decoder keeps of sources and of the tokens that it has seen.
pub struct DecoderCache<T: Element> {
    /// For each block the keys and values of the source.
    memory: Vec<MemoryCache<T>>,
    /// For each block those of the target.
    own: Vec<KeyValueCache<T>>,
    embedded: EmbedderCache<T>,
    lengths: Vec<usize>,
    /// Which of the sources that were read each sequence belongs to.
    sources: Vec<usize>,
    /// Tokens of a row of sources.
    keys: usize,
}

impl<T: Element> DecoderCache<T> {
    /// Number of tokens of the target that have been seen.
    pub fn len(&self) -> usize {
        self.own.first().map_or(0, KeyValueCache::len)
    }

    /// Whether no token of the target has been seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps these sequences, in this order; a sequence may be named more than once.
    ///
    /// # Panics
    /// If there is no such sequence.
    #[track_caller]
    pub fn select(&mut self, sequences: &[usize]) {
        self.embedded.select(sequences);
        self.own.iter_mut().for_each(|cache| cache.select(sequences));
        let sources: Vec<usize> = sequences.iter().map(|&sequence| self.sources[sequence]).collect();
        // Rows that go on with others of the same source see what they saw.
        if sources != self.sources {
            self.memory.iter_mut().for_each(|memory| memory.select(sequences));
            self.lengths = sequences.iter().map(|&sequence| self.lengths[sequence]).collect();
            self.sources = sources;
        }
    }

    /// Forgets the tokens of the target, and keeps the source.
    pub fn clear(&mut self) {
        self.embedded.clear();
        self.own.iter_mut().for_each(KeyValueCache::clear);
    }
}

impl EncoderDecoder {
    /// Reads sources, for decoding: the encoder runs, and each block of the decoder makes keys and values of its output, once.
    ///
    /// # Panics
    /// As [`EncoderDecoder::encode`], or if the tape records.
    #[track_caller]
    pub fn read<T: Element>(&self, tape: &Tape<T>, source: &Sentences) -> DecoderCache<T> {
        let encoded = self.encode(tape, source);
        let [batch, keys] = source.axes();
        let blocks = &self.decoder.blocks;
        DecoderCache {
            memory: blocks.iter().map(|block| block.memory(&encoded)).collect(),
            own: blocks.iter().map(|block| block.cache(batch, self.config.context)).collect(),
            embedded: self.decoder.embedder.cache(batch),
            lengths: source.lengths().to_vec(),
            sources: (0..batch).collect(),
            keys,
        }
    }

    /// Logits `[batch, tokens]` after the last of new tokens `[batch, length]` of the target, which join the cache.
    ///
    /// # Panics
    /// If there are no new tokens or they do not fit the rest of the context, or if the cache has tokens and the attention cannot decode token by
    /// token ([`anther_attention::AttentionConfig::validate_decoding`]).
    #[track_caller]
    pub fn decode<T: Element>(&self, tape: &Tape<T>, ids: &Ids, cache: &mut DecoderCache<T>) -> Tensor<T> {
        let (past, [batch, length]) = (cache.len(), axes(ids));
        assert!(length > 0, "decode: there are no new tokens");
        let contexts = self.contexts(&Mask::causal(), [batch, length], past, (&cache.lengths, cache.keys));
        let mut x = self.decoder.embedder.forward(tape, ids, past, Some(&mut cache.embedded));
        for (layer, block) in self.decoder.blocks.iter().enumerate() {
            x = block.forward(
                &x,
                Memory::Cached(&cache.memory[layer]),
                contexts.of(layer),
                Some(&mut cache.own[layer]),
            );
        }
        let last = self.decoder.normed(x).slice(1, length - 1..length).reshape([batch, self.config.width]);
        self.output.logits(&last).into_value()
    }

    /// The likeliest target of each source, token by token, the first of equal tokens: without `start`, which the decoder reads first, and without `end`,
    /// after which a target is over. Targets that do not end have `limit` tokens, at most as many as the context.
    ///
    /// The target of a source does not depend on the sources beside it, but for rounding. Costs a pass over one token of all targets for each token of the
    /// longest, or over all tokens before it where the attention cannot decode token by token.
    ///
    /// # Panics
    /// As [`EncoderDecoder::read`], or if `start` is no token of the target.
    #[track_caller]
    pub fn greedy<T: Element>(
        &self,
        tape: &Tape<T>,
        source: &Sentences,
        [start, end]: [u32; 2],
        limit: usize,
    ) -> Vec<Vec<u32>> {
        let [batch, _] = source.axes();
        let by_token = self.config.attention.validate_decoding().is_ok();
        let mut cache = self.read(tape, source);
        // What the decoder has read so far, one row a target; those that are over go on being read, because rows cannot be taken out.
        let mut read = vec![vec![start]; batch];
        let mut over = vec![false; batch];
        let mut likeliest = vec![0; batch];
        for _ in 0..limit.min(self.config.context) {
            if !by_token {
                cache.clear();
            }
            let unseen: Vec<u32> = read.iter().flat_map(|tokens| &tokens[cache.len()..]).copied().collect();
            let ids = Ids::new([batch, unseen.len() / batch.max(1)], unseen);
            if ids.data().is_empty() {
                break;
            }
            let logits = self.decode(tape, &ids, &mut cache);
            row_argmax(&mut likeliest, logits.data(), logits.shape().last_dim());
            for ((tokens, over), &token) in read.iter_mut().zip(&mut over).zip(&likeliest) {
                *over |= token == end;
                tokens.push(if *over { end } else { token });
            }
            if over.iter().all(|&over| over) {
                break;
            }
        }
        read.into_iter().map(|tokens| tokens.into_iter().skip(1).take_while(|&token| token != end).collect()).collect()
    }
}
