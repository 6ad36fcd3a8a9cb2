//! What a result has cost, as every result says it.

use std::time::Instant;

use anther_train::memory::peak_rss_bytes;
use anther_train::trained::TrainedModel;
use serde_json::Value;

use crate::progress::grouped;

/// The size of a model, and what a token of it took.
pub struct Cost {
    /// Number of parameters.
    pub parameters: usize,
    /// Floating-point operations of the products for a token.
    pub flops_per_token: u64,
    /// Tokens a second.
    pub tokens_per_second: f64,
}

impl Cost {
    /// Of so many tokens that a model has read or written since.
    pub fn of(trained: &TrainedModel, flops: u64, tokens: usize, since: Instant) -> Self {
        Cost {
            parameters: trained.parameters.count(),
            flops_per_token: flops / tokens.max(1) as u64,
            tokens_per_second: tokens as f64 / since.elapsed().as_secs_f64(),
        }
    }

    /// One line.
    pub fn line(&self) -> String {
        format!(
            "cost: {} parameters, {} operations a token, {} tokens/s, {} MB of memory",
            grouped(self.parameters as u64),
            grouped(self.flops_per_token),
            grouped(self.tokens_per_second as u64),
            grouped(peak_rss_bytes() / 1_000_000)
        )
    }

    /// Fields of an object.
    pub fn add_to(&self, object: &mut Value) {
        object["parameters"] = self.parameters.into();
        object["flops_per_token"] = self.flops_per_token.into();
        object["tokens_per_second"] = self.tokens_per_second.into();
        object["peak_rss_bytes"] = peak_rss_bytes().into();
    }
}
