//! Optimisers against the formulas written out naively in `f64`.

use anther_tensor::{Element, Init, ParamSet, Parameters, RandomKey};
use anther_train::checkpoint::LoadedTensor;
use anther_train::optim::{
    Ema, Mismatch, Optimizer, OptimizerConfig, OptimizerKind, restore_parameters, restore_slabs, slab_layout,
};

const STEPS: u64 = 20;

/// A matrix that is decayed, a bias that is not, and another matrix.
fn set() -> ParamSet {
    let mut set = ParamSet::new();
    let mut root = set.root();
    root.param("first.weight", [5, 7], Init::Normal { std: 1.0 });
    root.param("first.bias", [7], Init::Normal { std: 1.0 });
    root.param("second.weight", [3, 5], Init::Normal { std: 1.0 });
    set
}

fn config(kind: OptimizerKind) -> OptimizerConfig {
    OptimizerConfig { kind, beta1: 0.8, beta2: 0.95, eps: 1e-6, momentum: 0.7, weight_decay: 0.1 }
}

/// The gradient of parameter element `i` at a step: anything, as long as both sides see the same.
fn gradient(step: u64, i: usize) -> f64 {
    RandomKey::new(9, 1, step).normal(i as u64)
}

fn learning_rate(step: u64) -> f64 {
    0.05 / (step + 1) as f64
}

const GRAD_SCALE: f64 = 0.5;

/// What the library makes of it: all parameters in order, without the gaps of the slab.
fn library<T: Element>(config: &OptimizerConfig) -> Vec<f64> {
    let mut parameters = Parameters::<T>::initialise(&set(), 4);
    let mut gradients = parameters.gradients();
    let mut optimizer = Optimizer::new(config, &parameters);
    for step in 0..STEPS {
        gradients.clear();
        let mut i = 0;
        for id in parameters.ids() {
            for g in &mut gradients.slab_mut()[parameters.range(id)] {
                *g = T::from_f64(gradient(step, i));
                i += 1;
            }
        }
        optimizer.step(&mut parameters, &mut gradients, learning_rate(step), GRAD_SCALE);
    }
    assert_eq!(optimizer.steps(), STEPS);
    flat(&parameters)
}

fn flat<T: Element>(parameters: &Parameters<T>) -> Vec<f64> {
    let values = |id| parameters.values()[parameters.range(id)].iter().map(|x| x.to_f64());
    parameters.ids().flat_map(values).collect()
}

/// The formulas of PyTorch's documentation, one number at a time.
fn naive(config: &OptimizerConfig) -> Vec<f64> {
    let &OptimizerConfig { kind, beta1, beta2, eps, momentum, weight_decay } = config;
    let parameters = Parameters::<f64>::initialise(&set(), 4);
    let decays: Vec<f64> = parameters
        .ids()
        .flat_map(|id| {
            let decay = if parameters.spec(id).name.ends_with("bias") { 0.0 } else { weight_decay };
            vec![decay; parameters.range(id).len()]
        })
        .collect();
    let mut p = flat(&parameters);
    let (mut m, mut v, mut u) = (vec![0.0; p.len()], vec![0.0; p.len()], vec![0.0; p.len()]);
    for step in 0..STEPS {
        let (lr, t) = (learning_rate(step), step as f64 + 1.0);
        for i in 0..p.len() {
            let mut g = GRAD_SCALE * gradient(step, i);
            match kind {
                OptimizerKind::AdamW | OptimizerKind::RAdam => p[i] -= lr * decays[i] * p[i],
                _ => g += decays[i] * p[i],
            }
            match kind {
                OptimizerKind::AdamW | OptimizerKind::Adam => {
                    m[i] = beta1 * m[i] + (1.0 - beta1) * g;
                    v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
                    let m_hat = m[i] / (1.0 - beta1.powf(t));
                    let v_hat: f64 = v[i] / (1.0 - beta2.powf(t));
                    p[i] -= lr * m_hat / (v_hat.sqrt() + eps);
                }
                OptimizerKind::RAdam => {
                    m[i] = beta1 * m[i] + (1.0 - beta1) * g;
                    v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
                    let longest = 2.0 / (1.0 - beta2) - 1.0;
                    let length = longest - 2.0 * t * beta2.powf(t) / (1.0 - beta2.powf(t));
                    let m_hat = m[i] / (1.0 - beta1.powf(t));
                    if length >= 5.0 {
                        let rectification = (1.0 - beta2.powf(t)) * (length - 4.0) / (longest - 4.0) * (length - 2.0)
                            / length
                            * longest
                            / (longest - 2.0);
                        p[i] -= lr * rectification.sqrt() * m_hat / (v[i].sqrt() + eps);
                    } else {
                        p[i] -= lr * m_hat;
                    }
                }
                OptimizerKind::Sgd | OptimizerKind::Nesterov => {
                    u[i] = if step == 0 { g } else { momentum * u[i] + g };
                    p[i] -= lr * if kind == OptimizerKind::Nesterov { g + momentum * u[i] } else { u[i] };
                }
            }
        }
    }
    p
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: element {i} is {a}, expected {b}");
    }
}

fn check(config: &OptimizerConfig, what: &str) {
    let expected = naive(config);
    assert_near(&library::<f64>(config), &expected, 1e-12, &format!("{what} in f64"));
    assert_near(&library::<f32>(config), &expected, 2e-5, &format!("{what} in f32"));
}

#[test]
fn adamw_is_its_formula() {
    check(&config(OptimizerKind::AdamW), "AdamW");
}

#[test]
fn rectified_adam_is_its_formula() {
    check(&config(OptimizerKind::RAdam), "RAdam");
    // A memory so short that it is never long enough to be rectified, and one that is after six steps.
    check(&OptimizerConfig { beta2: 0.5, ..config(OptimizerKind::RAdam) }, "RAdam with a short memory");
    check(&OptimizerConfig { beta2: 0.999, ..config(OptimizerKind::RAdam) }, "RAdam with a long memory");
}

#[test]
fn adam_is_its_formula() {
    check(&config(OptimizerKind::Adam), "Adam");
}

#[test]
fn sgd_is_its_formula() {
    check(&OptimizerConfig { momentum: 0.0, ..config(OptimizerKind::Sgd) }, "SGD");
}

#[test]
fn sgd_with_momentum_is_its_formula() {
    check(&config(OptimizerKind::Sgd), "SGD with momentum");
}

#[test]
fn nesterov_is_its_formula() {
    check(&config(OptimizerKind::Nesterov), "Nesterov");
}

#[test]
fn weight_decay_matters_to_the_oracle() {
    // Without this, an optimiser that ignored the decay or decayed biases could pass.
    for kind in [OptimizerKind::AdamW, OptimizerKind::Adam, OptimizerKind::Sgd] {
        let without = OptimizerConfig { weight_decay: 0.0, ..config(kind) };
        let (a, b) = (naive(&config(kind)), naive(&without));
        assert!(a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-3), "{kind:?}");
        assert!((35..42).all(|bias| a[bias] == b[bias]), "{kind:?}");
    }
}

#[test]
fn the_average_of_weights_is_its_formula() {
    let mut parameters = Parameters::<f64>::initialise(&set(), 4);
    let mut ema = Ema::new(&parameters, 0.8);
    let mut expected = flat(&parameters);
    for step in 1..=50 {
        parameters.values_mut().iter_mut().for_each(|p| *p = *p * 0.9 + 0.1);
        ema.update(&parameters, step);
        let decay = f64::min(0.8, step as f64 / (step as f64 + 9.0));
        for (a, p) in expected.iter_mut().zip(flat(&parameters)) {
            *a = decay * *a + (1.0 - decay) * p;
        }
    }
    assert_near(&flat(ema.parameters()), &expected, 1e-12, "average");
    assert_eq!((ema.decay_at(1), ema.decay_at(36), ema.decay_at(1000)), (0.1, 0.8, 0.8));
}

fn loaded(name: &str, shape: &[usize]) -> LoadedTensor {
    let count = shape.iter().product();
    LoadedTensor { name: name.into(), shape: shape.into(), data: vec![0.25; count] }
}

#[test]
fn moments_come_back_by_name_and_size() {
    let parameters = Parameters::<f32>::initialise(&set(), 4);
    let mut optimizer = Optimizer::new(&config(OptimizerKind::Adam), &parameters);
    let size = parameters.values().len();
    restore_slabs(optimizer.slabs_mut(), &[loaded("adam.v", &[size]), loaded("adam.m", &[size])]).unwrap();
    assert!(optimizer.slabs().all(|(_, slab)| slab.iter().all(|&x| x == 0.25)));

    let wrong = [loaded("adam.v", &[size + 1]), loaded("sgd.velocity", &[size])];
    let error = restore_slabs(optimizer.slabs_mut(), &wrong).unwrap_err();
    assert_eq!(
        error.problems,
        [
            Mismatch::Missing { name: "adam.m".into() },
            Mismatch::Shape { name: "adam.v".into(), expected: vec![size], found: vec![size + 1] },
            Mismatch::Unknown { name: "sgd.velocity".into() },
        ]
    );
    assert!(error.to_string().contains("adam.m is missing"));
}

#[test]
fn parameters_come_back_by_name_and_shape() {
    let mut parameters = Parameters::<f32>::initialise(&set(), 4);
    let right = [loaded("second.weight", &[3, 5]), loaded("first.bias", &[7]), loaded("first.weight", &[5, 7])];
    restore_parameters(&mut parameters, &right).unwrap();
    assert!(flat(&parameters).iter().all(|&x| x == 0.25));

    let transposed = [loaded("second.weight", &[5, 3]), loaded("first.bias", &[7])];
    let error = restore_parameters(&mut parameters, &transposed).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(error.to_string().contains("second.weight has shape [5, 3] instead of [3, 5]"), "{error}");
}

#[test]
fn the_layout_tells_order_and_shapes() {
    let layout = slab_layout(&Parameters::<f32>::initialise(&set(), 4));
    let expected = [("first.weight", vec![5, 7]), ("first.bias", vec![7]), ("second.weight", vec![3, 5])];
    assert_eq!(layout, expected.map(|(name, shape)| (name.to_owned(), shape)));
}
