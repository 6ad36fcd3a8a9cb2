//! Learning rates against values worked out by hand.

use anther_train::schedule::{Schedule, ScheduleKind};

fn schedule(kind: ScheduleKind) -> Schedule {
    Schedule { kind, peak: 0.8, last: 0.2, warmup: 4, total: 12, every: 3, factor: 0.5 }
}

fn check(schedule: Schedule, expected: &[(u64, f64)]) {
    for &(step, rate) in expected {
        let found = schedule.at(step);
        assert!((found - rate).abs() < 1e-12, "{:?} at step {step}: {found}, expected {rate}", schedule.kind);
    }
}

const WARMUP: [(u64, f64); 4] = [(0, 0.2), (1, 0.4), (2, 0.6), (3, 0.8)];

#[test]
fn every_kind_warms_up_in_a_straight_line() {
    use ScheduleKind::{Constant, Cosine, InverseSqrt, Linear, Step};
    for kind in [Constant, Linear, Cosine, InverseSqrt, Step] {
        check(schedule(kind), &WARMUP);
    }
}

#[test]
fn constant_stays() {
    check(schedule(ScheduleKind::Constant), &[(4, 0.8), (11, 0.8), (1_000_000, 0.8)]);
}

#[test]
fn linear_falls_to_the_last_rate_and_stays() {
    // Eight steps from 0.8 to 0.2: 0.075 each.
    check(schedule(ScheduleKind::Linear), &[(4, 0.8), (5, 0.725), (8, 0.5), (11, 0.275), (12, 0.2), (99, 0.2)]);
}

#[test]
fn cosine_falls_to_the_last_rate_and_stays() {
    let quarter = 0.2 + 0.6 * 0.5 * (1.0 + std::f64::consts::FRAC_1_SQRT_2);
    let three_quarters = 0.2 + 0.6 * 0.5 * (1.0 - std::f64::consts::FRAC_1_SQRT_2);
    check(
        schedule(ScheduleKind::Cosine),
        &[(4, 0.8), (6, quarter), (8, 0.5), (10, three_quarters), (12, 0.2), (99, 0.2)],
    );
}

#[test]
fn inverse_square_root_falls_from_the_end_of_the_warm_up() {
    // 0.8 · √(4 / (s + 1)): continuous with the warm-up, which ends at s = 3.
    check(schedule(ScheduleKind::InverseSqrt), &[(3, 0.8), (8, 0.8 * 2.0 / 3.0), (15, 0.4), (63, 0.2), (1000, 0.2)]);
    let bare = Schedule { warmup: 0, last: 0.0, ..schedule(ScheduleKind::InverseSqrt) };
    check(bare, &[(0, 0.8), (3, 0.4), (99, 0.08)]);
}

#[test]
fn steps_multiply() {
    check(schedule(ScheduleKind::Step), &[(4, 0.8), (6, 0.8), (7, 0.4), (9, 0.4), (10, 0.2), (13, 0.2), (99, 0.2)]);
    let never = Schedule { every: 0, ..schedule(ScheduleKind::Step) };
    check(never, &[(4, 0.8), (1000, 0.8)]);
}

#[test]
fn a_run_that_is_all_warm_up_ends_at_the_last_rate() {
    let all = Schedule { warmup: 12, ..schedule(ScheduleKind::Cosine) };
    check(all, &[(0, 0.8 / 12.0), (11, 0.8), (12, 0.8), (13, 0.2)]);
}
