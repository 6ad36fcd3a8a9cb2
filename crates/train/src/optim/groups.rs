//! Which parts of the slab have their weights decayed.

use std::ops::Range;

use anther_tensor::{Element, Parameters};

/// A part of the slab of parameters whose weights decay at one rate.
#[derive(Clone, Debug, PartialEq)]
pub struct DecayGroup {
    /// Where it lies in the slab; the gaps after its parameters belong to it.
    pub range: Range<usize>,
    /// Its decay λ.
    pub weight_decay: f64,
}

/// Cuts the slab into the fewest parts of equal decay, in order and without holes: parameters of two and more dimensions get
/// `weight_decay`, the others none.
#[must_use]
pub fn decay_groups<T: Element>(parameters: &Parameters<T>, weight_decay: f64) -> Vec<DecayGroup> {
    let end = parameters.values().len();
    let mut groups: Vec<DecayGroup> = Vec::new();
    for id in parameters.ids() {
        let start = parameters.range(id).start;
        let decay = if parameters.spec(id).shape.len() >= 2 { weight_decay } else { 0.0 };
        match groups.last_mut() {
            Some(last) if last.weight_decay == decay => {}
            last => {
                if let Some(last) = last {
                    last.range.end = start;
                }
                groups.push(DecayGroup { range: start..end, weight_decay: decay });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use anther_tensor::{Init, ParamSet};

    use super::*;

    fn parameters() -> Parameters<f32> {
        let mut set = ParamSet::new();
        let mut root = set.root();
        for (name, dims) in [("a", &[3, 5][..]), ("b", &[2, 2, 2]), ("c", &[7]), ("d", &[1]), ("e", &[4, 4])] {
            root.param(name, anther_tensor::Shape::new(dims), Init::Ones);
        }
        Parameters::initialise(&set, 0)
    }

    #[test]
    fn neighbours_of_equal_decay_are_one_group() {
        let group = |start, end, weight_decay| DecayGroup { range: start..end, weight_decay };
        // Each of the five parameters takes one line of sixteen elements.
        assert_eq!(decay_groups(&parameters(), 0.1), [group(0, 32, 0.1), group(32, 64, 0.0), group(64, 80, 0.1)]);
        assert_eq!(decay_groups(&parameters(), 0.0), [group(0, 80, 0.0)]);
        assert_eq!(decay_groups(&Parameters::<f32>::empty(), 0.1), []);
    }
}
