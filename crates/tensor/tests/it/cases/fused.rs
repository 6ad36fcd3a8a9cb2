//! Ops that do the work of several.

use anther_tensor::{Element, Ids, Residual, Shape, Stream, Tensor, Unary, Var};
use anther_testkit::{Case, case, fixed, normal, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let mut cases = swiglu();
    cases.extend(linear_residual());
    cases.extend(activated_linear());
    cases.extend(add_norm());
    cases.extend(linear_cross_entropy());
    cases
}

fn swiglu() -> Vec<Case> {
    let shapes: [&[usize]; 7] = [&[1], &[7], &[3, 5], &[2, 3, 17], &[], &[0, 3], &[4, 33]];
    let case = |s: &[usize]| case!("swiglu", label(s), [normal(s), normal(s)], |x| x[0].swiglu(&x[1]));
    let mut cases: Vec<Case> = shapes.into_iter().map(case).collect();
    cases.push(case(&[66_001]).big());
    let far = || fixed([6], [-60.0, -9.0, -0.5, 0.0, 9.0, 60.0]);
    cases.push(case!("swiglu", "far from zero", [far(), normal([6])], |x| x[0].swiglu(&x[1])));
    cases.push(case!("swiglu", "small", [small([5]), normal([5])], |x| x[0].swiglu(&x[1])));
    cases
}

fn linear_residual() -> Vec<Case> {
    let sizes: [(&[usize], usize); 8] = [
        (&[1, 1], 1),
        (&[3, 4], 4),
        (&[3, 5], 2),
        (&[2, 3, 7], 3),
        (&[5], 4),
        (&[0, 5], 3),
        (&[3, 0], 2),
        (&[9, 17], 11),
    ];
    let mut cases: Vec<Case> = sizes.into_iter().flat_map(|(x, outputs)| residual_of(x, outputs)).collect();
    cases.extend(residual_of(&[130, 300], 65).into_iter().map(|case| case.big().tolerance(2e-5, 3e-5)));
    cases
}

fn residual_of(x: &[usize], outputs: usize) -> Vec<Case> {
    let l = format!("{} to {outputs}", label(x));
    let residual = Shape::new(x).with_last(outputs);
    let (x, weight) = (normal(x), normal([outputs, x[x.len() - 1]]));
    vec![
        case!("linear_residual", &l, [x.clone(), weight.clone(), normal(residual)], |x| {
            x[0].linear_residual(&x[1], None, &x[2])
        }),
        case!(
            "linear_residual",
            format!("{l}, bias"),
            [x.clone(), weight.clone(), normal(residual), normal([outputs])],
            |x| { x[0].linear_residual(&x[1], Some(&x[3]), &x[2]) }
        ),
        case!("linear_residual", format!("{l}, dropout"), [x, weight, normal(residual), normal([outputs])], |x| {
            x[0].linear_residual(&x[1], Some(&x[3]), dropped(&x[2]))
        })
        .training(),
    ]
}

/// A residual before which three of ten elements are dropped, in training.
fn dropped<'a, 't, T: Element>(to: &'a Var<'t, T>) -> Residual<'a, 't, T> {
    Residual { to, dropout: Some((0.3, Stream::named("test"))) }
}

fn activated_linear() -> Vec<Case> {
    let sizes: [(&[usize], usize); 7] =
        [(&[1, 1], 1), (&[3, 5], 2), (&[2, 3, 7], 3), (&[5], 4), (&[0, 5], 3), (&[3, 0], 2), (&[9, 17], 11)];
    // The derivative of each is written in something else: the input, the output, neither.
    let functions = [Unary::Gelu, Unary::Tanh, Unary::Neg];
    let mut cases = Vec::new();
    for (z, outputs) in sizes {
        cases.extend(functions.into_iter().flat_map(|f| activated_of(f, z, outputs)));
    }
    let big = activated_of(Unary::Gelu, &[130, 300], 65);
    cases.extend(big.into_iter().map(|case| case.big().tolerance(2e-5, 3e-5)));
    cases
}

fn activated_of(f: Unary, z: &[usize], outputs: usize) -> Vec<Case> {
    let l = format!("{f:?}, {} to {outputs}", label(z));
    let (residual, bias) = (normal(Shape::new(z).with_last(outputs)), normal([outputs]));
    let (z, weight) = (normal(z), normal([outputs, z[z.len() - 1]]));
    vec![
        case!("activated_linear", &l, [z.clone(), weight.clone()], (f: Unary), |x| {
            x[0].activated_linear(*f, &x[1], None, None)
        }),
        case!("activated_linear", format!("{l}, bias"), [z.clone(), weight.clone(), bias.clone()], (f: Unary), |x| {
            x[0].activated_linear(*f, &x[1], Some(&x[2]), None)
        }),
        case!("activated_linear", format!("{l}, residual"), [z.clone(), weight.clone(), residual.clone()], (f: Unary), |x| {
            x[0].activated_linear(*f, &x[1], None, Some((&x[2]).into()))
        }),
        case!("activated_linear", format!("{l}, both, dropout"), [z, weight, bias, residual], (f: Unary), |x| {
            x[0].activated_linear(*f, &x[1], Some(&x[2]), Some(dropped(&x[3])))
        })
        .training(),
    ]
}

fn add_norm() -> Vec<Case> {
    let shapes: [&[usize]; 7] = [&[5], &[3, 7], &[3, 0], &[2, 3, 4], &[9, 17], &[0, 5], &[3, 33]];
    let mut cases: Vec<Case> = shapes.into_iter().flat_map(norms_of_sum).collect();
    cases.extend(norms_of_sum(&[513, 130]).into_iter().map(Case::big));
    cases.extend(norms_of_sum(&[3, 22_003]).into_iter().map(Case::big));
    cases
}

fn norms_of_sum(s: &[usize]) -> Vec<Case> {
    let (l, width) = (label(s), s[s.len() - 1]);
    let affine = format!("{l}, affine");
    vec![
        case!("add_layer_norm", &l, [normal(s), normal(s)], |x| x[0].add_layer_norm(&x[1], None, 1e-5)),
        case!("add_layer_norm", &affine, [normal(s), normal(s), normal([width]), normal([width])], |x| {
            x[0].add_layer_norm(&x[1], Some((&x[2], &x[3])), 1e-5)
        }),
        case!("add_rms_norm", &l, [normal(s), normal(s)], |x| x[0].add_rms_norm(&x[1], None, 1e-6)),
        case!("add_rms_norm", &affine, [normal(s), normal(s), normal([width])], |x| {
            x[0].add_rms_norm(&x[1], Some(&x[2]), 1e-6)
        }),
    ]
}

fn linear_cross_entropy() -> Vec<Case> {
    // Shape of the hidden states, and classes. One row, no row, one class, no width, and a square that may stand in for the weight.
    let sizes: [(&[usize], usize); 8] = [
        (&[3], 5),
        (&[1, 1], 1),
        (&[4, 3], 1),
        (&[3, 3], 3),
        (&[2, 3, 5], 7),
        (&[7, 17], 11),
        (&[0, 5], 3),
        (&[3, 0], 4),
    ];
    let mut cases = Vec::new();
    for (s, classes) in sizes {
        for smoothing in [0.0, 0.1] {
            cases.extend(loss_of(s, classes, smoothing));
        }
    }
    // Several blocks of rows, and rows that are longer than a block of the kernels.
    cases.extend(loss_of(&[1100, 6], 9, 0.1).into_iter().map(Case::big));
    cases.extend(loss_of(&[37, 3], 20_011, 0.0).into_iter().take(1).map(Case::big));
    cases
}

/// Without weights, with weights of which some are 0, and with nothing but zeros.
fn loss_of(s: &[usize], classes: usize, smoothing: f64) -> Vec<Case> {
    let rows = s[..s.len() - 1].iter().product::<usize>();
    let targets = Ids::new(Shape::new(&s[..s.len() - 1]), (0..rows).map(|row| (row * 5 % classes) as u32).collect());
    let inputs = || [normal(s), normal([classes, s[s.len() - 1]])];
    let l = format!("{}, {classes} classes, smoothing {smoothing}", label(s));
    let mut cases = Vec::new();
    let weights = |weight: fn(usize) -> f64| (0..rows).map(weight).collect::<Vec<f64>>();
    let kinds = [("weights", weights(|row| [2.0, 0.0, 0.5][row % 3])), ("no weight at all", weights(|_| 0.0))];
    for (kind, weights) in kinds {
        let [h, w] = inputs();
        cases.push(case!(
            "linear_cross_entropy",
            format!("{l}, {kind}"),
            [h, w],
            (targets: Ids = targets.clone(), weights: Vec<f64>, smoothing: f64),
            |x| {
                let weights = Tensor::from_fn([weights.len()], |i| T::from_f64(weights[i]));
                x[0].linear_cross_entropy(&x[1], None, targets, Some(&weights), *smoothing)
            }
        ));
    }
    let [h, w] = inputs();
    let (with_bias, bias) = (format!("{l}, bias"), normal([classes]));
    cases.push(case!(
        "linear_cross_entropy",
        with_bias,
        [h, w, bias],
        (targets: Ids = targets.clone(), smoothing: f64),
        |x| {
            x[0].linear_cross_entropy(&x[1], Some(&x[2]), targets, None, *smoothing)
        }
    ));
    let [h, w] = inputs();
    cases.push(case!("linear_cross_entropy", l, [h, w], (targets: Ids, smoothing: f64), |x| {
        x[0].linear_cross_entropy(&x[1], None, targets, None, *smoothing)
    }));
    cases
}
