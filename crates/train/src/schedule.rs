//! Learning rates as pure functions of the step.

use serde::{Deserialize, Serialize};

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The peak, for ever.
    Constant,
    /// A straight line from the peak to the final rate.
    Linear,
    /// Half a cosine from the peak to the final rate.
    Cosine,
    /// The peak divided by the root of the step, as for the first transformers.
    InverseSqrt,
    /// The peak multiplied by a factor each so many steps.
    Step,
}

/// A learning rate for every step.
///
/// With `s` the number of steps already taken, `w` the warm-up and `u = min(1, (s − w) / (total − w))`:
///
/// | | rate |
/// |---|---|
/// | `s < w` | `peak · (s + 1) / w` |
/// | constant | `peak` |
/// | linear | `peak + (last − peak) · u` |
/// | cosine | `last + (peak − last) · (1 + cos πu) / 2` |
/// | inverse square root | `max(last, peak · √(max(w, 1) / (s + 1)))` |
/// | step | `max(last, peak · factor^⌊(s − w) / every⌋)` |
///
/// The rates `last` of linear and cosine are reached at `s = total`, one step after the last one taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The course after the warm-up.
    pub kind: ScheduleKind,
    /// The highest rate.
    pub peak: f64,
    /// The rate that is approached, or a lower bound.
    pub last: f64,
    /// Steps of warm-up.
    pub warmup: u64,
    /// Steps of the whole run.
    pub total: u64,
    /// For [`ScheduleKind::Step`]: steps between two decays; 0 for no decay.
    pub every: u64,
    /// For [`ScheduleKind::Step`]: the factor of a decay.
    pub factor: f64,
}

impl Schedule {
    /// The rate of the step that follows `steps` steps taken.
    ///
    /// ```
    /// use anther_train::schedule::{Schedule, ScheduleKind};
    /// let schedule = Schedule {
    ///     kind: ScheduleKind::Linear, peak: 1.0, last: 0.0, warmup: 2, total: 6, every: 0, factor: 1.0,
    /// };
    /// let rates: Vec<f64> = (0..7).map(|step| schedule.at(step)).collect();
    /// assert_eq!(rates, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    pub fn at(&self, steps: u64) -> f64 {
        let &Self { kind, peak, last, warmup, total, every, factor } = self;
        let Some(after) = steps.checked_sub(warmup) else {
            return peak * (steps + 1) as f64 / warmup as f64;
        };
        let progress = (after as f64 / total.saturating_sub(warmup).max(1) as f64).min(1.0);
        match kind {
            ScheduleKind::Constant => peak,
            ScheduleKind::Linear => peak + (last - peak) * progress,
            ScheduleKind::Cosine => last + (peak - last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            ScheduleKind::InverseSqrt => last.max(peak * (warmup.max(1) as f64 / (steps as f64 + 1.0)).sqrt()),
            ScheduleKind::Step => last.max(peak * factor.powf(after.checked_div(every).unwrap_or(0) as f64)),
        }
    }
}
