//! From the scores of the next token to one token.

/// How a token is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Scores are divided by it: below 1 the likely tokens gain, above 1 the unlikely ones. 0 always takes the likeliest.
    pub temperature: f64,
    /// Only the so many likeliest tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Only the fewest likeliest tokens whose probabilities sum to at least this are drawn from; 1 for all.
    pub top_p: f64,
}

impl Default for Sampling {
    /// Draws from the model's own distribution.
    fn default() -> Self {
        Sampling { temperature: 1.0, top_k: 0, top_p: 1.0 }
    }
}

/// Why no token can be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// The temperature is negative, infinite or NaN.
    #[error(
        "the temperature must be a finite number of at least 0, but it is {temperature}; 0 takes the likeliest token, 1 leaves the probabilities as they are"
    )]
    Temperature {
        /// As given.
        temperature: f64,
    },
    /// The probability to keep is outside `(0, 1]`.
    #[error("top-p must be above 0 and at most 1, but it is {top_p}; 1 keeps every token")]
    TopP {
        /// As given.
        top_p: f64,
    },
    /// There is nothing to draw from, or a score is NaN or positive infinity.
    #[error(
        "the model gives the next token no probability: score number {token} is {score}; the checkpoint is unusable"
    )]
    Scores {
        /// The first token with such a score.
        token: usize,
        /// Its score.
        score: f32,
    },
    /// The vocabulary is empty.
    #[error("the model has no tokens to choose from; the checkpoint is unusable")]
    NoTokens,
}

impl Sampling {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`SampleError::Temperature`] and [`SampleError::TopP`].
    pub fn validate(&self) -> Result<(), SampleError> {
        let &Sampling { temperature, top_p, .. } = self;
        if !(temperature.is_finite() && temperature >= 0.0) {
            return Err(SampleError::Temperature { temperature });
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(SampleError::TopP { top_p });
        }
        Ok(())
    }

    /// The tokens that may be drawn with their probabilities, which sum to 1, the likeliest first; of equals the lower
    /// number first. Costs a sort of the scores, at temperature 0 a search for the largest.
    ///
    /// First the temperature is applied, then top-k, then top-p to what top-k left, renormalised each time.
    ///
    /// # Errors
    /// [`SampleError`]. A score of negative infinity is a probability of 0; NaN and positive infinity are refused.
    pub fn distribution(&self, scores: &[f32]) -> Result<Vec<(u32, f64)>, SampleError> {
        let mut tokens = Vec::new();
        self.distribute(scores, &mut tokens)?;
        Ok(tokens)
    }

    /// [`distribution`](Self::distribution) into a list that keeps its memory from token to token.
    #[expect(clippy::cast_possible_truncation, reason = "a vocabulary is numbered by u32")]
    fn distribute(&self, scores: &[f32], tokens: &mut Vec<(u32, f64)>) -> Result<(), SampleError> {
        tokens.clear();
        self.validate()?;
        if let Some(token) = scores.iter().position(|score| score.is_nan() || *score == f32::INFINITY) {
            return Err(SampleError::Scores { token, score: scores[token] });
        }
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if best == f32::NEG_INFINITY {
            let score = scores.first().copied().ok_or(SampleError::NoTokens)?;
            return Err(SampleError::Scores { token: 0, score });
        }
        if self.temperature == 0.0 {
            let likeliest = scores.iter().position(|&score| score == best);
            tokens.extend(likeliest.map(|token| (token as u32, 1.0)));
            return Ok(());
        }
        let weight = |score: f32| ((f64::from(score) - f64::from(best)) / self.temperature).exp();
        tokens.extend(scores.iter().enumerate().map(|(token, &score)| (token as u32, weight(score))));
        tokens.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.top_k > 0 {
            tokens.truncate(self.top_k);
        }
        normalise(tokens);
        if self.top_p < 1.0 {
            let mut sum = 0.0;
            let enough = tokens.iter().position(|(_, probability)| {
                sum += probability;
                sum >= self.top_p
            });
            tokens.truncate(enough.map_or(tokens.len(), |last| last + 1));
            normalise(tokens);
        }
        tokens.retain(|(_, probability)| *probability > 0.0);
        Ok(())
    }

    /// Draws a token: a pure function of the scores and of `uniform`, a number in `[0, 1)`.
    ///
    /// # Errors
    /// As [`distribution`](Self::distribution).
    ///
    /// ```
    /// use anther_train::generate::Sampling;
    /// let scores = [0.0, 2.0, 1.0];
    /// let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
    /// assert_eq!(greedy.draw(&scores, 0.9)?, 1);
    /// assert_eq!(Sampling::default().draw(&scores, 0.99)?, 0); // the least likely one comes last
    /// # Ok::<(), anther_train::generate::SampleError>(())
    /// ```
    pub fn draw(&self, scores: &[f32], uniform: f64) -> Result<u32, SampleError> {
        self.draw_with(scores, uniform, &mut Vec::new())
    }

    /// [`draw`](Self::draw) with memory for the candidates, to be given again for the next token.
    ///
    /// # Errors
    /// As [`distribution`](Self::distribution).
    pub fn draw_with(&self, scores: &[f32], uniform: f64, tokens: &mut Vec<(u32, f64)>) -> Result<u32, SampleError> {
        self.distribute(scores, tokens)?;
        let mut sum = 0.0;
        let found = tokens.iter().find(|(_, probability)| {
            sum += probability;
            uniform < sum
        });
        // Rounding may leave the sum a little below 1.
        found.or(tokens.last()).map(|&(token, _)| token).ok_or(SampleError::NoTokens)
    }
}

fn normalise(tokens: &mut [(u32, f64)]) {
    let sum: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    tokens.iter_mut().for_each(|(_, weight)| *weight /= sum);
}
