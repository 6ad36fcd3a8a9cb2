//! The norm of the whole gradient: clipping, and the alarm when a gradient is not finite.

use anther_kernels::{first_non_finite, sum_squares};
use anther_tensor::{Element, Gradients, Parameters};

/// A gradient that cannot be stepped along.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GradientError {
    /// A parameter's gradient holds an infinity or NaN.
    #[error(
        "the gradient of {parameter} is not finite; lower the learning rate, lengthen the warm-up or clip gradients"
    )]
    NotFinite {
        /// The first such parameter in definition order.
        parameter: String,
    },
    /// Every gradient is finite but their norm is not.
    #[error(
        "the gradient is too large to be squared, most of all that of {parameter}; lower the learning rate or clip gradients"
    )]
    TooLarge {
        /// The parameter with the largest gradient.
        parameter: String,
    },
}

/// The Euclidean norm of all gradients together, `√Σ g²`. One pass over the slab, summed in `f64` across blocks.
///
/// # Errors
/// [`GradientError`], naming a parameter.
pub fn gradient_norm<T: Element>(
    parameters: &Parameters<T>,
    gradients: &mut Gradients<T>,
) -> Result<f64, GradientError> {
    let slab = gradients.slab_mut();
    let norm = sum_squares(slab).sqrt();
    if norm.is_finite() {
        return Ok(norm);
    }
    let name_at = |index: usize| {
        let owner = parameters.ids().take_while(|&id| parameters.range(id).start <= index).last();
        owner.map_or_else(|| "the model".to_owned(), |id| parameters.spec(id).name.clone())
    };
    Err(match first_non_finite(slab) {
        Some(index) => GradientError::NotFinite { parameter: name_at(index) },
        None => {
            let size = |index: usize| slab[index].to_f64().abs();
            let largest = (0..slab.len()).max_by(|&a, &b| size(a).total_cmp(&size(b))).unwrap_or(0);
            GradientError::TooLarge { parameter: name_at(largest) }
        }
    })
}

/// The factor `min(1, max_norm / (norm + 1e-6))` that PyTorch's `clip_grad_norm_` applies; 1 when `max_norm` is 0, which
/// means no clipping.
#[must_use]
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    if max_norm == 0.0 { 1.0 } else { (max_norm / (norm + 1e-6)).min(1.0) }
}

#[cfg(test)]
mod tests {
    use anther_tensor::{Init, ParamSet};

    use super::*;

    fn gradients_of(values: [f32; 4]) -> (Parameters<f32>, Gradients<f32>) {
        let mut set = ParamSet::new();
        set.root().param("first", [2], Init::Zeros);
        set.root().param("second", [2], Init::Zeros);
        let parameters = Parameters::initialise(&set, 0);
        let mut gradients = parameters.gradients();
        for (id, pair) in parameters.ids().zip(values.chunks(2)) {
            gradients.slab_mut()[parameters.range(id)].copy_from_slice(pair);
        }
        (parameters, gradients)
    }

    #[test]
    fn the_norm_is_over_all_parameters() {
        let (parameters, mut gradients) = gradients_of([1.0, 2.0, 2.0, 4.0]);
        assert_eq!(gradient_norm(&parameters, &mut gradients), Ok(5.0));
    }

    #[test]
    fn the_first_parameter_that_is_not_finite_is_named() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (parameters, mut gradients) = gradients_of([1.0, 2.0, 0.0, bad]);
            let error = gradient_norm(&parameters, &mut gradients).unwrap_err();
            assert_eq!(error, GradientError::NotFinite { parameter: "second".into() });
            let (parameters, mut gradients) = gradients_of([1.0, bad, 0.0, bad]);
            let error = gradient_norm(&parameters, &mut gradients).unwrap_err();
            assert_eq!(error, GradientError::NotFinite { parameter: "first".into() });
        }
    }

    #[test]
    fn a_norm_that_overflows_names_the_largest_gradient() {
        let (parameters, mut gradients) = gradients_of([1e30, 0.0, -3e38, 0.0]);
        let error = gradient_norm(&parameters, &mut gradients).unwrap_err();
        assert_eq!(error, GradientError::TooLarge { parameter: "second".into() });
    }

    #[test]
    fn clipping_shrinks_and_never_grows() {
        assert_eq!(clip_factor(0.5, 1.0), 1.0);
        assert_eq!(clip_factor(0.0, 1.0), 1.0);
        assert_eq!(clip_factor(1e9, 0.0), 1.0);
        assert!((clip_factor(4.0, 1.0) - 0.25).abs() < 1e-6);
    }
}
