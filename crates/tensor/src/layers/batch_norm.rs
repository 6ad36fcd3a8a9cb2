//! Batch normalisation with running statistics.

use crate::init::Init;
use crate::params::{ParamId, Scope};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The share of the running statistics that those of a batch replace, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// Batch normalisation (Ioffe and Szegedy 2015) of rows `[..., width]`: each column by its mean and variance over all rows that count,
/// `y = γ (x − μ) / √(σ² + ε) + β`.
///
/// On a training tape μ and σ² are those of the batch, σ² divided by the number of rows; elsewhere they are the running ones, `running_mean` (first 0) and `running_var` (first
/// 1). A training tape with a row that counts [observes](crate::Tape::observe) what these become, `0.9 · running + 0.1 · of the batch`, with the variance divided by one less than the number of rows. γ and β are
/// `weight` (first 1) and `bias` (first 0). All names and conventions are those of PyTorch's `BatchNorm1d`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    affine: Option<(ParamId, ParamId)>,
    running: [ParamId; 2],
    eps: f64,
}

impl BatchNorm {
    /// With scale and shift, or without.
    pub fn new(scope: &mut Scope<'_>, width: usize, affine: bool, eps: f64) -> Self {
        let affine =
            affine.then(|| (scope.param("weight", [width], Init::Ones), scope.param("bias", [width], Init::Zeros)));
        let running = [
            scope.statistic("running_mean", [width], Init::Zeros),
            scope.statistic("running_var", [width], Init::Ones),
        ];
        BatchNorm { affine, running, eps }
    }

    /// Normalises each column. With `kept`, `[1, rows]`, rows where it is 0 do not count, and those where it is 1 do; all are normalised, and must be finite.
    ///
    /// # Panics
    /// If the input or `kept` does not fit.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>, kept: Option<&Tensor<T>>) -> Var<'t, T> {
        let (shape, tape) = (x.shape(), x.tape());
        let (rows, width) = (shape.rows(), shape.last_dim());
        let x = x.reshape([rows, width]);
        let [mean, variance] = self.running.map(|id| tape.param(id));
        let y = if tape.is_training() && rows > 0 {
            let ones = Tensor::ones([1, rows]);
            let kept = kept.unwrap_or(&ones);
            assert_eq!(*kept.shape(), [1, rows], "batch norm: `kept` must have a number for each of the {rows} rows");
            let count: f64 = kept.data().iter().map(|&one| one.to_f64()).sum();
            let shares = tape.constant(kept.clone()).scale(1.0 / count.max(1.0));
            let of_batch = shares.matmul(&x).reshape([width]);
            let centred = &x - &of_batch;
            let variance_of_batch = shares.matmul(&centred.square()).reshape([width]);
            let observed = [
                (self.running[0], &mean, &of_batch, 1.0),
                (self.running[1], &variance, &variance_of_batch, count / (count - 1.0).max(1.0)),
            ];
            // No rows have no statistics.
            for (id, running, found, scale) in observed.into_iter().filter(|_| count > 0.0) {
                let blend = |i: usize| {
                    let (running, found) = (running.value().data()[i].to_f64(), found.value().data()[i].to_f64());
                    T::from_f64((1.0 - MOMENTUM) * running + MOMENTUM * scale * found)
                };
                tape.observe(id, Tensor::from_fn([width], blend));
            }
            &centred * &variance_of_batch.affine(1.0, self.eps).sqrt().reciprocal()
        } else {
            &(&x - &mean) * &variance.affine(1.0, self.eps).sqrt().reciprocal()
        };
        let y = match self.affine {
            Some((weight, bias)) => &(&y * &tape.param(weight)) + &tape.param(bias),
            None => y,
        };
        y.reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamSet, Parameters, Randomness, Tape};

    fn layer() -> (BatchNorm, Parameters<f64>) {
        let mut set = ParamSet::new();
        let layer = BatchNorm::new(&mut set.root(), 2, true, 0.0);
        (layer, Parameters::initialise(&set, 0))
    }

    const STEP: Randomness = Randomness { seed: 0, step: 0 };

    #[test]
    fn statistics_are_those_of_the_rows_that_count_and_run_on() {
        let (layer, mut parameters) = layer();
        let x = Tensor::from_vec([1, 3, 2], vec![1.0, -2.0, 3.0, 6.0, 1000.0, 1000.0]);
        let kept = Tensor::from_vec([1, 3], vec![1.0, 1.0, 0.0]);
        let tape = Tape::training(&parameters, STEP);
        let y = layer.forward(&tape.constant(x.clone()), Some(&kept));
        assert_eq!(y.value().data()[..4], [-1.0, -1.0, 1.0, 1.0]);
        let observed = tape.take_observed();
        let found: Vec<_> =
            observed.iter().map(|(id, value)| (parameters.spec(*id).name.clone(), value.data().to_vec())).collect();
        // Means 2 and 2; variances 1 and 16 of two rows, 2 and 32 of a sample.
        let expected = [("running_mean", [0.2, 0.2]), ("running_var", [0.9 + 0.2, 0.9 + 3.2])];
        for ((name, value), (of, expected)) in found.iter().zip(expected) {
            assert!(name == of && value.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        }
        assert!(tape.take_observed().is_empty());
        for (id, value) in observed {
            parameters.set(id, value.data());
        }
        let tape = Tape::inference(&parameters);
        let y = layer.forward(&tape.constant(x), None);
        assert!((y.value().data()[0] - (1.0 - 0.2) / 1.1_f64.sqrt()).abs() < 1e-12);
        assert!(tape.take_observed().is_empty(), "only training observes");
    }

    #[test]
    fn no_row_that_counts_leaves_the_running_statistics() {
        let (layer, parameters) = layer();
        let tape = Tape::training(&parameters, STEP);
        layer.forward(&tape.constant(Tensor::ones([1, 3, 2])), Some(&Tensor::zeros([1, 3])));
        assert!(tape.take_observed().is_empty());
    }

    #[test]
    fn running_statistics_are_no_parameters_to_be_counted() {
        let (layer, parameters) = layer();
        assert_eq!((parameters.count(), parameters.ids().count()), (4, 4));
        assert!(!parameters.spec(layer.running[0]).trained);
    }

    #[test]
    fn one_row_and_no_row_are_normalised_too() {
        let (layer, parameters) = layer();
        let tape = Tape::training(&parameters, STEP);
        for rows in [0, 1] {
            let y = layer.forward(&tape.constant(Tensor::ones([rows, 2])).affine(1.0, 0.0), None);
            assert_eq!(*y.shape(), [rows, 2]);
        }
        assert!(tape.take_observed().iter().all(|(_, value)| value.data().iter().all(|x| x.is_finite())));
    }
}
