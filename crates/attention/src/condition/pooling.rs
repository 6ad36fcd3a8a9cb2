//! Attention-SH, "scaled heads": some heads see means of neighbouring keys and values (Nguyen et al., ICLR 2023, arXiv 2406.13781).
//!
//! With the factor s of a head, for b = 0 … ⌈keys/s⌉ − 1:
//!
//! ```text
//! k̄_b = mean(k_{bs} … k_{bs+s−1})        v̄_b = mean(v_{bs} … v_{bs+s−1})
//! ```
//!
//! and every query meets these in the place of keys and values. A list of factors that divides the heads is shared out in order: of 4 heads, `[1, 2]` pools
//! for the last two, and `[1, 1, 2, 4]` has one for each. Scores cost the mean of 1/s of what they would. Pooling comes after projection and rotation; the mean
//! commutes with a linear projection, so this is what pooling tokens before it gives, at the cost of projecting all of them.
//!
//! The last window may be short and padding may cut a window: a mean is that of the tokens that there are, and a window of padding alone is not seen.
//! The statistics of Attention-BN, centring and linear attention are those of the pooled keys and values.
//!
//! Under a causal mask a query that sees n tokens sees the ⌊n/s⌋ means of blocks that are complete and the tokens of the last block, n mod s of them, as
//! they are. Beside its tokens a cache holds the means of complete blocks with the tokens of the last one behind them, which is all that the next token reads:
//! length/s rows. Several new tokens at once, other masks, and scores that make features of means pool all tokens again.
//!
//! The text of the paper was not at hand. That heads have training sets of their own, downsampled, is recalled, average pooling less surely, and the factors
//! hardly; what is said here of the last window, of padding and of rotation is a guess, and the causal form is ours.

use std::ops::Range;

use anther_tensor::{Element, KeySpans, Scope, Span, Stream, Var};
use serde::{Deserialize, Serialize};

use crate::sight::Sight;
use crate::statistics::span_mean;

/// Settings of Attention-SH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolingConfig {
    /// How many keys one mean is of, for each share of the heads; 1 pools nothing.
    pub scales: Vec<usize>,
}

impl Default for PoolingConfig {
    fn default() -> Self {
        PoolingConfig { scales: vec![1, 2] }
    }
}

/// Neighbouring heads with one factor.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) heads: Range<usize>,
    factor: usize,
    /// A stream of its own: weights of groups have no places in common.
    pub(crate) dropout: Stream,
}

/// Keys and values `[batch, heads, means, d]` of a group, and what its queries see of them.
pub(crate) struct Pooled<'t, T: Element> {
    pub(crate) keys: Var<'t, T>,
    pub(crate) values: Var<'t, T>,
    pub(crate) sight: Sight,
}

/// The groups of a layer whose `heads` share out the factors.
pub(super) fn groups(scope: &Scope<'_>, config: &PoolingConfig, heads: usize) -> Vec<Group> {
    let share = heads / config.scales.len();
    let mut groups: Vec<Group> = Vec::new();
    for (i, &factor) in config.scales.iter().enumerate() {
        let heads = i * share..(i + 1) * share;
        match groups.last_mut() {
            Some(last) if last.factor == factor => last.heads.end = heads.end,
            _ => {
                let dropout = scope.stream(&format!("dropout.{}", groups.len()));
                groups.push(Group { heads, factor, dropout });
            }
        }
    }
    groups
}

impl Group {
    /// How many tokens a mean is of.
    pub(crate) fn factor(&self) -> usize {
        self.factor
    }

    /// Pools the keys and values of the group's heads. Spans are over the tokens.
    ///
    /// # Panics
    /// If a span does not begin with the first key, or without `causal` if queries of a sequence see different keys.
    #[track_caller]
    pub(crate) fn pool<'t, T: Element>(
        &self,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        spans: Option<&KeySpans>,
        causal: bool,
    ) -> Pooled<'t, T> {
        let spans = spans.filter(|spans| !spans.rows().is_empty());
        if self.factor == 1 {
            let sight = Sight::new(spans.cloned().into_iter().collect(), self.heads.clone());
            return Pooled { keys: keys.clone(), values: values.clone(), sight };
        }
        if let Some(span) = spans.and_then(|spans| spans.rows().iter().find(|s| s.start > 0 && !s.is_empty())) {
            panic!(
                "pooling: a query sees the keys {}..{}, which are no whole windows from the first on",
                span.start, span.end
            );
        }
        match spans {
            Some(spans) if causal => self.pool_completed(keys, values, spans),
            _ => self.pool_all(keys, values, spans),
        }
    }

    /// Windows of what all queries of a sequence see.
    #[track_caller]
    fn pool_all<'t, T: Element>(
        &self,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        spans: Option<&KeySpans>,
    ) -> Pooled<'t, T> {
        let (length, s) = (keys.shape()[2], self.factor);
        let count = length.div_ceil(s);
        let windows = |seen: usize| (0..count).map(move |b| span((b * s).min(seen), ((b + 1) * s).min(seen)));
        let Some(spans) = spans else {
            let windows = KeySpans::new(windows(length).collect(), count);
            return self.pooled(keys, values, &windows, Vec::new());
        };
        let sequences = spans.rows().chunks(spans.queries());
        assert!(
            sequences.clone().all(|rows| rows.iter().all(|row| row.len() == rows[0].len())),
            "pooling: queries of one sequence see different keys, but the mask is not causal"
        );
        let lengths = sequences.map(|rows| rows[0].len());
        let windows = KeySpans::new(lengths.clone().flat_map(windows).collect(), count);
        let seen = lengths.flat_map(|seen| vec![span(0, seen.div_ceil(s)); spans.queries()]);
        self.pooled(keys, values, &windows, vec![KeySpans::new(seen.collect(), spans.queries())])
    }

    /// Windows that are complete, and all tokens after them.
    #[track_caller]
    fn pool_completed<'t, T: Element>(
        &self,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        spans: &KeySpans,
    ) -> Pooled<'t, T> {
        let s = self.factor;
        let count = keys.shape()[2] / s;
        let windows = KeySpans::new((0..count).map(|b| span(b * s, (b + 1) * s)).collect(), count);
        let rows = |part: &dyn Fn(usize) -> Span| {
            KeySpans::new(spans.rows().iter().map(|row| part(row.len())).collect(), spans.queries())
        };
        let means = rows(&|seen| span(0, seen / s));
        let tokens = rows(&|seen| span(count + seen / s * s, count + seen));
        let Pooled { keys: mean_keys, values: mean_values, sight } =
            self.pooled(keys, values, &windows, vec![means, tokens]);
        let join = |means: &Var<'t, T>, tokens: &Var<'t, T>| tokens.tape().concat(2, &[means, tokens]);
        Pooled { keys: join(&mean_keys, keys), values: join(&mean_values, values), sight }
    }

    #[track_caller]
    fn pooled<'t, T: Element>(
        &self,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        windows: &KeySpans,
        seen: Vec<KeySpans>,
    ) -> Pooled<'t, T> {
        let mean = |x: &Var<'t, T>| span_mean(x, Some(windows), windows.queries());
        Pooled { keys: mean(keys), values: mean(values), sight: Sight::new(seen, self.heads.clone()) }
    }
}

fn span(start: usize, end: usize) -> Span {
    Span::new(start as u32, end as u32)
}
