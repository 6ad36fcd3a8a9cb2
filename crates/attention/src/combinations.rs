//! Which slots do not combine with a score, with linear attention and with pooling, and what has no form under a causal mask.

use crate::after::After;
use crate::condition::Condition;
use crate::config::{AttentionConfig, ConfigError, Weighing};
use crate::position::Position;
use crate::score::ScoreConfig;

impl AttentionConfig {
    /// A distance needs a weighing that tells a small one from a large one, and two scores have no factor.
    pub(crate) fn validate_score(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: &str| Err(ConfigError::new(&format!("model.attention.{key}"), reason));
        if self.score == (ScoreConfig::Distance {}) {
            match self.weighing {
                Weighing::Relu | Weighing::ReluSquared => {
                    return refuse(
                        "weighing",
                        "the distance score is at most 0, so a ReLU gives no key a weight; use softmax or sigmoid, or another score",
                    );
                }
                Weighing::Expressive => {
                    return refuse(
                        "weighing",
                        "expressive attention squares its scores, so with the distance score the farthest keys would have the largest weights; use softmax or \
                         sigmoid, or another score",
                    );
                }
                Weighing::Softmax | Weighing::Sigmoid | Weighing::Linear => (),
            }
        }
        let own_factor = match self.score {
            ScoreConfig::Cosine(_) => {
                Some("cosine scores have a factor of their own, model.attention.score.temperature")
            }
            ScoreConfig::Neural(_) => Some("a neural score is made by a network and has no factor"),
            _ => None,
        };
        match own_factor {
            Some(why) if self.scale.is_some() => refuse("scale", &format!("{why}; leave it out")),
            _ => Ok(()),
        }
    }

    /// Linear attention has features, and neither scores nor weights.
    pub(crate) fn validate_linear(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: &str| Err(ConfigError::new(&format!("model.attention.{key}"), reason));
        if matches!(self.position, Position::Alibi | Position::Relative) {
            return refuse(
                "position",
                "linear attention has no scores that a bias could be added to; use another position",
            );
        }
        if self.window.is_some() {
            return refuse(
                "window",
                "the running state of linear attention forgets no token; leave the window out or use another weighing",
            );
        }
        if self.dropout > 0.0 {
            return refuse("dropout", "linear attention never makes the weights that would be dropped; set it to 0");
        }
        if self.score != ScoreConfig::default() {
            return refuse("score", "linear attention has features and no score; leave it at dot");
        }
        if self.scale.is_some() {
            return refuse("scale", "linear attention has no dot product of queries and keys to scale; leave it out");
        }
        Ok(())
    }

    /// Pooled keys have no place of their own.
    pub(crate) fn validate_pooling(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: &str| Err(ConfigError::new(&format!("model.attention.{key}"), reason));
        if matches!(self.position, Position::Alibi | Position::Relative) {
            return refuse(
                "position",
                "pooling leaves means of keys, which are at no one distance; use another position",
            );
        }
        if self.window.is_some() {
            return refuse(
                "window",
                "a window would cut through the means that pooling leaves; leave it or pooling out",
            );
        }
        Ok(())
    }

    /// Statistics are over spans, pools and states over all tokens before: none of them can leave blocks out.
    pub(crate) fn validate_sparse(&self) -> Result<(), ConfigError> {
        let refuse = |reason: &str| Err(ConfigError::new("model.attention.sparse", reason));
        if self.weighing == Weighing::Linear {
            return refuse(
                "the running state of linear attention forgets no token; leave sparse out or use another weighing",
            );
        }
        if self.condition.iter().any(|c| matches!(c, Condition::Pooling(_) | Condition::BatchNorm(_))) {
            return refuse(
                "batch-norm and pooling take means over keys that sparse blocks hide; leave one of them out",
            );
        }
        if matches!(self.after, After::Centred(_)) {
            return refuse("centring takes the mean of values that sparse blocks hide; leave one of them out");
        }
        Ok(())
    }

    /// Whether heads pool their keys and values.
    pub(crate) fn pools(&self) -> bool {
        self.condition.iter().any(|condition| matches!(condition, Condition::Pooling(_)))
    }

    /// Whether linear attention normalises its features with statistics of all keys.
    fn is_linear_bn(&self) -> bool {
        self.weighing == Weighing::Linear && self.condition.iter().any(|c| matches!(c, Condition::BatchNorm(_)))
    }

    /// Checks, beside [`AttentionConfig::validate`], that queries may be kept from what follows them: the mechanism has a form under a causal mask.
    pub fn validate_causal(&self) -> Result<(), ConfigError> {
        if self.is_linear_bn() {
            return Err(ConfigError::new(
                "model.attention.condition",
                "batch-norm under linear attention moves all keys whenever another one is seen, so each query of a causal mask would need keys of its \
                 own and no running state serves them; use weighing = \"softmax\", or attention in both directions",
            ));
        }
        if self.weighing == Weighing::Linear && self.pools() {
            return Err(ConfigError::new(
                "model.attention.condition",
                "under a causal mask pooling puts a mean in the place of tokens that queries have seen, but the running state of linear attention forgets \
                 none; use weighing = \"softmax\", or attention in both directions",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::PoolingConfig;
    use crate::config::tests::message;

    #[test]
    fn sparse_blocks_say_what_they_do_not_combine_with() {
        let with = |preset: &str| {
            let refused = AttentionConfig::preset(preset).unwrap().validate(8, 2).unwrap_err().to_string();
            refused.strip_prefix("model.attention.sparse: ").unwrap_or_default().to_owned()
        };
        assert!(with("block-sparse+linear").starts_with("the running state of linear attention forgets no token"));
        assert!(with("block-sparse+bn").starts_with("batch-norm and pooling take means over keys"));
        assert!(with("block-sparse+sh").starts_with("batch-norm and pooling take means over keys"));
        assert!(with("centred+block-sparse").starts_with("centring takes the mean of values"));
    }

    #[test]
    fn scores_say_what_they_do_not_combine_with() {
        let refused = |preset: &str, scale| {
            let config = AttentionConfig { scale, ..AttentionConfig::preset(preset).unwrap() };
            config.validate(8, 2).map_err(|error| error.to_string())
        };
        for (preset, why) in [
            ("distance+relu", "model.attention.weighing: the distance score is at most 0"),
            ("distance+relu-squared", "model.attention.weighing: the distance score is at most 0"),
            ("distance+expressive", "model.attention.weighing: expressive attention squares its scores"),
        ] {
            let message = refused(preset, None).unwrap_err();
            assert!(message.starts_with(why), "{message}");
        }
        for preset in ["distance", "distance+sigmoid", "distance+sinks", "yat+relu", "squared-dot+expressive"] {
            assert_eq!(refused(preset, Some(0.5)), Ok(()), "{preset}");
        }
        for (preset, why) in [
            ("cosine", "model.attention.scale: cosine scores have a factor of their own"),
            ("neural", "model.attention.scale: a neural score is made by a network"),
        ] {
            assert_eq!(refused(preset, None), Ok(()));
            let message = refused(preset, Some(0.5)).unwrap_err();
            assert!(message.starts_with(why) && message.ends_with("; leave it out"), "{message}");
        }
    }

    #[test]
    fn pooling_and_linear_attention_say_what_they_do_not_combine_with() {
        let pooled = |scales: &[usize]| vec![Condition::Pooling(PoolingConfig { scales: scales.to_vec() })];
        let scales = |scales: &[usize], heads| message(|c| c.condition = pooled(scales), 8, heads);
        assert!(scales(&[], 2).contains("0 pooling scales cannot be shared out to 2 heads"));
        assert!(scales(&[1, 2, 4], 4).contains("3 pooling scales cannot be shared out to 4 heads"));
        assert!(scales(&[1, 2, 4, 8], 2).contains("give a number of scales that divides model.heads"));
        assert!(scales(&[1, 0], 2).contains("a pooling scale of 0 is not between 1 and"));
        let windowed = message(|c| (c.window, c.condition) = (Some(3), pooled(&[2])), 8, 2);
        assert!(windowed.starts_with("model.attention.window: a window would cut through"), "{windowed}");
        let alibi = message(|c| (c.position, c.condition) = (Position::Alibi, pooled(&[2])), 8, 2);
        assert!(alibi.starts_with("model.attention.position: pooling leaves means of keys"), "{alibi}");
        let linear = |change: fn(&mut AttentionConfig)| {
            let message = message(|c| (c.weighing = Weighing::Linear, change(c)).1, 8, 2);
            message.strip_prefix("model.attention.").unwrap_or(&message).to_owned()
        };
        assert!(linear(|c| c.position = Position::Alibi).starts_with("position: linear attention has no scores"));
        assert!(
            linear(|c| c.window = Some(4))
                .starts_with("window: the running state of linear attention forgets no token")
        );
        assert!(linear(|c| c.dropout = 0.1).starts_with("dropout: linear attention never makes the weights"));
        assert!(linear(|c| c.position = Position::Relative).starts_with("position: linear attention has no scores"));
        assert!(
            linear(|c| c.score = ScoreConfig::Yat {}).starts_with("score: linear attention has features and no score")
        );
        assert!(linear(|c| c.sinks = true).starts_with("sinks: a sink takes its share of a softmax"));
        assert!(linear(|c| c.scale = Some(0.5)).starts_with("scale: linear attention has no dot product"));
    }

    #[test]
    fn what_a_causal_mask_has_no_form_of_is_refused_there() {
        let config = AttentionConfig::preset("linear+bn").unwrap();
        assert_eq!(config.validate(8, 2), Ok(()));
        assert_eq!(config.validate_across(8, 2), Ok(()));
        for refusal in [config.validate_causal(), config.validate_decoding()] {
            assert!(
                refusal.unwrap_err().to_string().contains("each query of a causal mask would need keys of its own")
            );
        }
        let config = AttentionConfig::preset("linear+sh").unwrap();
        assert_eq!(config.validate(8, 2), Ok(()));
        assert!(config.validate_causal().unwrap_err().to_string().contains("a mean in the place of tokens"));
        for name in AttentionConfig::preset_names() {
            assert_eq!(AttentionConfig::preset(name).unwrap().validate_causal(), Ok(()), "{name}");
        }
    }
}
