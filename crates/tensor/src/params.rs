//! Parameters: named, initialised by their names, and stored in one slab.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anther_kernels::{AlignedVec, Precision, RandomKey};

use crate::gradients::Gradients;
use crate::init::Init;
use crate::pool::Element;
use crate::shape::Shape;
use crate::tensor::{Storage, Tensor};
use crate::weight::{FactoredId, FactoredWeight, Factoring, Weight};

/// The place of a parameter in its slab. Layers hold these instead of tensors, so one layer serves every element type;
/// two layers that hold the same id are tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParamId(u32);

impl ParamId {
    pub(crate) fn at(index: usize) -> Self {
        ParamId(u32::try_from(index).expect("fewer than 2^32 parameters"))
    }

    /// The position in definition order.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stream of random numbers with a name of its own: one for each dropout layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream of that name.
    pub fn named(name: &str) -> Self {
        // FNV-1a: stable for ever, which a standard hasher does not promise.
        Stream(name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)))
    }

    /// The number that stands for the stream in a random key.
    pub fn id(self) -> u64 {
        self.0
    }
}

/// What is known of a parameter before it has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Dotted name in the style of Hugging Face, such as `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// Shape; the weight of a linear layer is `[out, in]`.
    pub shape: Shape,
    /// How the first value is drawn.
    pub init: Init,
    /// Whether training changes it by its gradient; false for what layers [observe](crate::Tape::observe), which has none.
    pub trained: bool,
}

/// Collects the parameters of a model while its layers are made.
///
/// ```
/// use anther_tensor::{Init, ParamSet, Parameters};
///
/// let mut set = ParamSet::new();
/// let mut root = set.root();
/// let mut layer = root.child("q_proj");
/// let weight = layer.param("weight", [4, 3], Init::Normal { std: 0.02 });
/// let parameters = Parameters::<f32>::initialise(&set, 42);
/// assert_eq!(parameters.spec(weight).name, "q_proj.weight");
/// assert_eq!(parameters.count(), 12);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ParamSet {
    specs: Vec<ParamSpec>,
    by_name: BTreeMap<String, ParamId>,
    factored: Vec<Arc<dyn FactoredWeight>>,
}

impl ParamSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope without a prefix.
    pub fn root(&mut self) -> Scope<'_> {
        Scope { set: self, prefix: String::new(), factoring: None }
    }

    /// The parameters in definition order.
    pub fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }
}

/// A prefix of dotted names in a [`ParamSet`].
pub struct Scope<'s> {
    set: &'s mut ParamSet,
    prefix: String,
    factoring: Option<Arc<dyn Factoring>>,
}

impl Scope<'_> {
    /// The scope one name deeper.
    pub fn child(&mut self, name: impl std::fmt::Display) -> Scope<'_> {
        let prefix = self.full(&name.to_string());
        Scope { set: self.set, prefix, factoring: self.factoring.clone() }
    }

    /// The dotted name of this scope; the empty string for the root.
    pub fn name(&self) -> &str {
        &self.prefix
    }

    /// The same scope, in which weights are made of what `factoring` decides, also in its children.
    pub fn factored_by(&mut self, factoring: Arc<dyn Factoring>) -> Scope<'_> {
        Scope { set: self.set, prefix: self.prefix.clone(), factoring: Some(factoring) }
    }

    /// The weight `[out, in]` of the layer of this scope: the parameter `weight`, or what the factoring of the scope puts in its place.
    ///
    /// # Panics
    /// If a name is taken.
    #[track_caller]
    pub fn weight(&mut self, shape: [usize; 2], init: Init) -> Weight {
        let factored = self.factoring.clone().and_then(|factoring| factoring.factor(self, shape, init));
        let Some(factored) = factored else { return Weight::Dense(self.param("weight", shape, init)) };
        assert_eq!(factored.shape(), shape, "{}: a factored weight must have the shape asked for", self.prefix);
        self.set.factored.push(factored);
        Weight::Factored(FactoredId::at(self.set.factored.len() - 1))
    }

    /// Defines a parameter.
    ///
    /// # Panics
    /// If the name is taken: to tie two layers, give both the same [`ParamId`].
    #[track_caller]
    pub fn param(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> ParamId {
        self.define(name, shape.into(), init, true)
    }

    /// Defines numbers that belong to a layer and are kept with its parameters, but are observed and not trained: running statistics.
    ///
    /// # Panics
    /// As [`Scope::param`].
    #[track_caller]
    pub fn statistic(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> ParamId {
        self.define(name, shape.into(), init, false)
    }

    #[track_caller]
    fn define(&mut self, name: &str, shape: Shape, init: Init, trained: bool) -> ParamId {
        let name = self.full(name);
        let id = ParamId::at(self.set.specs.len());
        let taken = self.set.by_name.insert(name.clone(), id).is_some();
        assert!(!taken, "the parameter {name} is defined twice");
        self.set.specs.push(ParamSpec { name, shape, init, trained });
        id
    }

    /// The random stream of that name in this scope.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::named(&self.full(name))
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }
}

/// Where each parameter lies in a slab.
pub(crate) struct Layout {
    specs: Vec<ParamSpec>,
    by_name: BTreeMap<String, ParamId>,
    factored: Vec<Arc<dyn FactoredWeight>>,
    offsets: Vec<usize>,
    slab_len: usize,
}

/// Every parameter starts on a cache line.
const ALIGNMENT: usize = 16;

impl Layout {
    fn new(set: &ParamSet) -> Self {
        let mut slab_len = 0;
        let mut offsets = Vec::with_capacity(set.specs.len());
        for spec in &set.specs {
            offsets.push(slab_len);
            slab_len += spec.shape.numel().next_multiple_of(ALIGNMENT);
        }
        Layout {
            specs: set.specs.clone(),
            by_name: set.by_name.clone(),
            factored: set.factored.clone(),
            offsets,
            slab_len,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.specs.len()
    }

    pub(crate) fn slab_len(&self) -> usize {
        self.slab_len
    }

    pub(crate) fn range(&self, id: ParamId) -> Range<usize> {
        let start = self.offsets[id.index()];
        start..start + self.specs[id.index()].shape.numel()
    }
}

/// The values of a model's parameters, in one slab of memory in definition order.
///
/// For inference a second slab may hold them rounded to bf16 ([`Parameters::with_precision`]): what a linear layer multiplies with is then read from
/// there, half the bytes; biases, norms and rows of embeddings are read as they are.
///
/// Cloning shares the slab. Changing it while tensors of it are alive copies it first, so drop the tape of a step
/// before the optimiser runs.
pub struct Parameters<T: Element> {
    layout: Arc<Layout>,
    values: Arc<Storage<T>>,
}

impl<T: Element> Clone for Parameters<T> {
    fn clone(&self) -> Self {
        Parameters { layout: Arc::clone(&self.layout), values: Arc::clone(&self.values) }
    }
}

impl<T: Element> Parameters<T> {
    /// Draws the first value of every parameter. The value of a parameter depends on the seed and its name only.
    pub fn initialise(set: &ParamSet, seed: u64) -> Self {
        let layout = Layout::new(set);
        let mut slab = AlignedVec::zeroed(layout.slab_len);
        for (index, spec) in set.specs.iter().enumerate() {
            let key = RandomKey::new(seed, Stream::named(&spec.name).id(), 0);
            spec.init.fill(&mut slab[layout.range(ParamId::at(index))], key);
        }
        Parameters { layout: Arc::new(layout), values: Arc::new(Storage::slab(slab)) }
    }

    /// No parameters at all.
    pub fn empty() -> Self {
        Parameters::initialise(&ParamSet::new(), 0)
    }

    /// A slab of gradients for these parameters.
    pub fn gradients(&self) -> Gradients<T> {
        Gradients::new(Arc::clone(&self.layout))
    }

    /// A slab of zeros with the layout of the values, for an optimiser's moments or averages.
    pub fn slab_of_zeros(&self) -> AlignedVec<T> {
        AlignedVec::zeroed(self.layout.slab_len)
    }

    /// The value of a parameter. The tensor shares the slab.
    pub fn tensor(&self, id: ParamId) -> Tensor<T> {
        let range = self.layout.range(id);
        Tensor::of_slab(self.spec(id).shape, Arc::clone(&self.values), range.start)
    }

    /// Name, shape and initialiser of a parameter.
    pub fn spec(&self, id: ParamId) -> &ParamSpec {
        &self.layout.specs[id.index()]
    }

    pub(crate) fn factored(&self, id: FactoredId) -> &dyn FactoredWeight {
        &*self.layout.factored[id.index()]
    }

    /// All parameters in definition order.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> + use<T> {
        (0..self.layout.len()).map(ParamId::at)
    }

    /// The parameter of that name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.layout.by_name.get(name).copied()
    }

    /// Number of scalar parameters, without statistics that are not trained.
    pub fn count(&self) -> usize {
        self.layout.specs.iter().filter(|spec| spec.trained).map(|spec| spec.shape.numel()).sum()
    }

    /// The place of a parameter in the slab.
    pub fn range(&self, id: ParamId) -> Range<usize> {
        self.layout.range(id)
    }

    /// The whole slab; gaps between parameters hold zeros.
    pub fn values(&self) -> &[T] {
        self.values.data()
    }

    /// The whole slab, to be changed. It is copied first if a tape or a tensor still shares it. After that weights are no longer held in
    /// bf16.
    pub fn values_mut(&mut self) -> &mut [T] {
        if Arc::get_mut(&mut self.values).is_none() {
            let mut copy = AlignedVec::zeroed(self.layout.slab_len);
            copy.copy_from_slice(self.values.data());
            self.values = Arc::new(Storage::slab(copy));
        }
        Arc::get_mut(&mut self.values).expect("the slab was made unique above").data_mut()
    }

    /// The same parameters with weights held in this precision, for inference: a tape that records refuses any but [`Precision::F32`]. The
    /// slab is copied if it is shared. Cost: one pass; memory: half as much again for [`Precision::Bf16`].
    ///
    /// ```
    /// use anther_tensor::{Init, ParamSet, Parameters, Precision, Tape, Tensor};
    ///
    /// let mut set = ParamSet::new();
    /// let weight = set.root().param("weight", [1, 1], Init::Ones);
    /// let mut parameters = Parameters::<f32>::initialise(&set, 0);
    /// parameters.set(weight, &[1.0 + 1.0 / 512.0]);
    /// let rounded = parameters.with_precision(Precision::Bf16);
    /// let tape = Tape::inference(&rounded);
    /// let y = tape.constant(Tensor::ones([1, 1])).linear(&tape.param(weight), None, None);
    /// assert_eq!(y.value().item(), 1.0);
    /// ```
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        if precision == self.precision() {
            return self;
        }
        // Changing nothing makes the slab unique, in full precision.
        self.values_mut();
        if precision == Precision::Bf16 {
            Arc::get_mut(&mut self.values).expect("the slab was made unique above").round();
        }
        self
    }

    /// The same parameters with every matrix packed when a product of more than a few rows first reads it as the weights of a linear layer, and kept so until a value or the
    /// [precision](Parameters::with_precision) changes: for inference that multiplies with the same weights often and with so few rows that packing counts. Numbers stay the same to the bit. The slab is copied
    /// if it is shared. Memory: as much again for what is multiplied with.
    #[must_use]
    pub fn with_packed_weights(mut self) -> Self {
        let precision = self.precision();
        // Changing nothing makes the slab unique.
        self.values_mut();
        self = self.with_precision(precision);
        let matrices = self.layout.specs.iter().zip(&self.layout.offsets).filter_map(|(spec, &offset)| {
            let &[rows, columns] = &*spec.shape else { return None };
            Some((offset, [rows, columns]))
        });
        let values = Arc::get_mut(&mut self.values).expect("the slab was made unique above");
        values.pack(matrices);
        self
    }

    /// How the weights are held.
    pub fn precision(&self) -> Precision {
        if self.values.rounded().is_some() { Precision::Bf16 } else { Precision::F32 }
    }

    /// Overwrites the value of a parameter.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn set(&mut self, id: ParamId, value: &[T]) {
        let range = self.layout.range(id);
        assert_eq!(range.len(), value.len(), "set: {} needs {} elements", self.spec(id).name, range.len());
        self.values_mut()[range].copy_from_slice(value);
    }

    /// The same parameters in another element type, each value rounded to nearest, none held in bf16.
    pub fn cast<U: Element>(&self) -> Parameters<U> {
        let mut slab = AlignedVec::zeroed(self.layout.slab_len);
        slab.iter_mut().zip(self.values()).for_each(|(u, t)| *u = U::from_f64(t.to_f64()));
        Parameters { layout: Arc::clone(&self.layout), values: Arc::new(Storage::slab(slab)) }
    }
}

#[cfg(test)]
mod tests {
    use anther_kernels::{Bf16, Unary, Weights};

    use crate::{Tape, Tensor};

    use super::*;

    fn two_layers(extra: bool) -> ParamSet {
        let mut set = ParamSet::new();
        let mut root = set.root();
        if extra {
            root.param("first", [5], Init::Normal { std: 1.0 });
        }
        root.child("a").param("weight", [3, 7], Init::Normal { std: 1.0 });
        root.child("b").param("weight", [4], Init::Ones);
        set
    }

    #[test]
    fn the_value_of_a_parameter_depends_on_its_name_not_on_its_neighbours() {
        let alone = Parameters::<f32>::initialise(&two_layers(false), 3);
        let beside = Parameters::<f32>::initialise(&two_layers(true), 3);
        let other_seed = Parameters::<f32>::initialise(&two_layers(false), 4);
        let value = |p: &Parameters<f32>| p.tensor(p.find("a.weight").unwrap()).data().to_vec();
        assert_eq!(value(&alone), value(&beside));
        assert_ne!(value(&alone), value(&other_seed));
    }

    #[test]
    fn f32_and_f64_start_from_the_same_draw() {
        let set = two_layers(false);
        let (single, double) = (Parameters::<f32>::initialise(&set, 3), Parameters::<f64>::initialise(&set, 3));
        assert_eq!(single.values(), double.cast::<f32>().values());
    }

    #[test]
    fn a_tensor_of_the_slab_keeps_its_value_when_the_slab_changes() {
        let mut p = Parameters::<f32>::initialise(&two_layers(false), 3);
        let id = p.find("b.weight").unwrap();
        let before = p.tensor(id);
        p.set(id, &[9.0; 4]);
        assert_eq!(before.data(), [1.0; 4]);
        assert_eq!(p.tensor(id).data(), [9.0; 4]);
    }

    #[test]
    fn weights_are_held_in_bf16_until_a_value_changes() {
        let full = Parameters::<f32>::initialise(&two_layers(false), 3);
        let id = full.find("a.weight").unwrap();
        let mut held = full.clone().with_precision(Precision::Bf16);
        assert_eq!((full.precision(), held.precision()), (Precision::F32, Precision::Bf16));
        let (tensor, exact) = (held.tensor(id), full.tensor(id));
        assert_eq!(tensor.data(), exact.data());
        let Weights::Bf16(rounded) = tensor.weights() else { panic!("held in full") };
        assert!(rounded.iter().zip(exact.data()).all(|(r, &x)| *r == Bf16::from_f32(x)));
        assert_eq!(rounded.len(), 21);
        held.set(id, &[1.0; 21]);
        assert_eq!(held.precision(), Precision::F32);
        assert_eq!(tensor.weights().precision(), Precision::Bf16, "a tensor keeps what it had");
        assert_eq!(full.with_precision(Precision::Bf16).with_precision(Precision::F32).precision(), Precision::F32);
    }

    #[test]
    fn weights_are_packed_at_the_first_use_until_a_value_changes() {
        let full = Parameters::<f32>::initialise(&two_layers(false), 3);
        let id = full.find("a.weight").unwrap();
        assert!(full.tensor(id).packed_weights(100).is_none());
        let mut packed = full.clone().with_precision(Precision::Bf16).with_packed_weights();
        assert_eq!(packed.precision(), Precision::Bf16);
        let tensor = packed.tensor(id);
        assert!(tensor.packed_weights(1).is_none(), "a row reads the weights where they are");
        let first = tensor.packed_weights(100).unwrap();
        assert!(std::ptr::eq(first, packed.tensor(id).packed_weights(17).unwrap()), "packed once");
        assert!(packed.tensor(packed.find("b.weight").unwrap()).packed_weights(100).is_none(), "no matrix");
        assert!(tensor.reshaped([7, 3]).packed_weights(100).is_none(), "another matrix of the same numbers");
        packed.set(id, &[1.0; 21]);
        assert!(packed.tensor(id).packed_weights(100).is_none());
    }

    #[test]
    fn layers_with_packed_weights_give_the_same_bits() {
        let full = Parameters::<f32>::initialise(&two_layers(false), 3);
        let packed = full.clone().with_packed_weights();
        for rows in [1, 40] {
            let run = |parameters: &Parameters<f32>| {
                let tape = Tape::inference(parameters);
                let x = tape.constant(Tensor::from_fn([rows, 7], |i| (i as f32 * 0.7).sin()));
                let weight = tape.param(parameters.find("a.weight").unwrap());
                let y = x.linear(&weight, None, Some(Unary::Tanh));
                let sum = x.linear_residual(&weight, None, &y);
                [y, sum].map(|y| y.value().data().iter().map(|y| y.to_bits()).collect::<Vec<_>>())
            };
            assert_eq!(run(&packed), run(&full), "{rows} rows");
        }
    }

    #[test]
    #[should_panic(expected = "a.weight is defined twice")]
    fn a_name_is_taken_once() {
        let mut set = two_layers(false);
        set.root().param("a.weight", [1], Init::Zeros);
    }
}
