//! What a model is judged by.

/// The number that evaluations are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The share of counted targets that are the likeliest token; more is better.
    Accuracy,
    /// The mean cross-entropy in nats a token; less is better.
    Loss,
    /// The exponential of the mean cross-entropy, over the targets that count; less is better.
    Perplexity,
    /// The same where the targets are the hidden tokens of a text, read from both sides: no perplexity of the text, and not to be compared with one.
    MaskedPerplexity,
}

impl Metric {
    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::Loss => "loss",
            Metric::Perplexity => "perplexity",
            Metric::MaskedPerplexity => "masked-LM perplexity",
        }
    }

    /// Whether `value` is better than `than`. NaN is never better, and a number is always better than NaN.
    #[must_use]
    pub fn is_better(self, value: f64, than: f64) -> bool {
        let better = match self {
            Metric::Accuracy => value > than,
            Metric::Loss | Metric::Perplexity | Metric::MaskedPerplexity => value < than,
        };
        better || (than.is_nan() && !value.is_nan())
    }

    /// Whether `value` is as good as `target` or better.
    #[must_use]
    pub fn is_reached(self, value: f64, target: f64) -> bool {
        match self {
            Metric::Accuracy => value >= target,
            Metric::Loss | Metric::Perplexity | Metric::MaskedPerplexity => value <= target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Metric::{Accuracy, Loss, Perplexity};

    #[test]
    fn accuracy_goes_up_and_loss_goes_down() {
        assert!(Accuracy.is_better(0.6, 0.5) && !Accuracy.is_better(0.5, 0.5) && !Accuracy.is_better(0.4, 0.5));
        assert!(Loss.is_better(0.4, 0.5) && !Loss.is_better(0.5, 0.5) && !Loss.is_better(0.6, 0.5));
        assert!(Accuracy.is_reached(0.5, 0.5) && !Accuracy.is_reached(0.4, 0.5));
        assert!(Loss.is_reached(0.5, 0.5) && !Loss.is_reached(0.6, 0.5));
        assert!(Perplexity.is_better(1.4, 1.5) && !Perplexity.is_better(1.5, 1.5));
        assert!(Perplexity.is_reached(1.1, 1.1) && !Perplexity.is_reached(1.2, 1.1));
    }

    #[test]
    fn nan_is_worst() {
        for metric in [Accuracy, Loss, Perplexity] {
            assert!(metric.is_better(0.0, f64::NAN) && !metric.is_better(f64::NAN, 0.0));
            assert!(!metric.is_better(f64::NAN, f64::NAN) && !metric.is_reached(f64::NAN, 0.5));
        }
    }
}
