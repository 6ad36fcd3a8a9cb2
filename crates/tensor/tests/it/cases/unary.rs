//! Functions of one number.

use anther_tensor::Unary;
use anther_testkit::{Case, away_from_zero, case, fixed, normal, positive, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 7] = [&[1], &[7], &[17], &[3, 11], &[2, 3, 5], &[], &[0, 3]];
    let mut cases: Vec<Case> = shapes.into_iter().flat_map(of_shape).collect();
    // The sizes from which on kernels use threads: one for cheap functions, one for dear ones.
    cases.extend(of_shape(&[66_001]).into_iter().map(Case::big));
    cases.extend(far_from_zero());
    cases.extend(near_zero());
    cases.push(case!("gelu", "chosen at run time", [normal([5])], |x| x[0].unary(Unary::Gelu)));
    cases
}

fn of_shape(s: &[usize]) -> Vec<Case> {
    let l = label(s);
    vec![
        case!("exp", &l, [normal(s)], |x| x[0].exp()),
        case!("ln", &l, [positive(s)], |x| x[0].ln()),
        case!("sqrt", &l, [positive(s)], |x| x[0].sqrt()),
        case!("reciprocal", &l, [positive(s)], |x| x[0].reciprocal()),
        case!("square", &l, [normal(s)], |x| x[0].square()),
        case!("neg", &l, [normal(s)], |x| x[0].neg()),
        case!("abs", &l, [away_from_zero(s)], |x| x[0].abs()),
        case!("sin", &l, [normal(s)], |x| x[0].sin()),
        case!("cos", &l, [normal(s)], |x| x[0].cos()),
        case!("tanh", &l, [normal(s)], |x| x[0].tanh()),
        case!("sigmoid", &l, [normal(s)], |x| x[0].sigmoid()),
        case!("erf", &l, [normal(s)], |x| x[0].erf()),
        case!("relu", &l, [away_from_zero(s)], |x| x[0].relu()),
        case!("silu", &l, [normal(s)], |x| x[0].silu()),
        case!("gelu", &l, [normal(s)], |x| x[0].gelu()),
        case!("gelu_tanh", &l, [normal(s)], |x| x[0].gelu_tanh()),
        case!("softplus", &l, [normal(s)], |x| x[0].softplus()),
        case!("elu_plus_one", &l, [away_from_zero(s)], |x| x[0].elu_plus_one()),
        case!("squash", &l, [normal(s)], |x| x[0].squash()),
    ]
}

/// Where functions saturate, or would overflow if written carelessly.
fn far_from_zero() -> Vec<Case> {
    let l = "far from zero";
    let far = || fixed([10], [-60.0, -30.0, -12.0, -9.0, -5.0, 5.0, 9.0, 12.0, 30.0, 60.0]);
    let huge = || fixed([4], [-1e30, -1e5, 1e5, 1e30]);
    vec![
        case!("exp", l, [fixed([4], [-87.0, -20.0, -5.0, 9.0])], |x| x[0].exp()),
        case!("ln", l, [fixed([4], [1e-3, 0.02, 300.0, 1e6])], |x| x[0].ln()),
        case!("tanh", l, [far()], |x| x[0].tanh()),
        case!("sigmoid", l, [far()], |x| x[0].sigmoid()),
        case!("erf", l, [far()], |x| x[0].erf()),
        case!("silu", l, [far()], |x| x[0].silu()),
        case!("gelu", l, [far()], |x| x[0].gelu()),
        case!("gelu_tanh", l, [far()], |x| x[0].gelu_tanh()),
        case!("softplus", l, [far()], |x| x[0].softplus()),
        case!("elu_plus_one", l, [far()], |x| x[0].elu_plus_one()),
        case!("squash", l, [far()], |x| x[0].squash()),
        // A step of 1e-6 is nothing beside 1e30: only the comparison of f32 and f64 makes sense.
        case!("squash", "huge", [huge()], |x| x[0].squash()).big(),
        case!("sigmoid", "huge", [huge()], |x| x[0].sigmoid()).big(),
        case!("tanh", "huge", [huge()], |x| x[0].tanh()).big(),
        case!("softplus", "huge", [huge()], |x| x[0].softplus()).big(),
    ]
}

fn near_zero() -> Vec<Case> {
    let l = "near zero";
    vec![
        case!("sin", l, [small([9])], |x| x[0].sin()),
        case!("tanh", l, [small([9])], |x| x[0].tanh()),
        case!("erf", l, [small([9])], |x| x[0].erf()),
        case!("gelu", l, [small([9])], |x| x[0].gelu()),
        case!("squash", l, [small([9])], |x| x[0].squash()),
        case!("softplus", l, [small([9])], |x| x[0].softplus()),
        // The kink itself: the derivative is 0 there, as documented, which no difference can show.
        case!("relu", "at zero", [fixed([3], [0.0, -0.0, 1.0])], |x| x[0].relu()).big(),
        case!("abs", "at zero", [fixed([3], [0.0, -0.0, 1.0])], |x| x[0].abs()).big(),
    ]
}
