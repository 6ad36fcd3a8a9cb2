//! [`Tensor`]: a row-major, contiguous block of numbers with a shape.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, OnceLock};

use anther_kernels::{AlignedVec, Bf16, PackedWeights, Trans, Weights};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::pool::Element;
use crate::remade::{Kept, Remade, Remake};
use crate::shape::Shape;

/// The memory behind tensors: a buffer of the pool, or a slab that many tensors share by range.
pub(crate) struct Storage<T: Element> {
    data: AlignedVec<T>,
    pooled: bool,
    /// The elements of a slab rounded to bf16, for products that read them as weights.
    rounded: Option<AlignedVec<Bf16>>,
    /// By the place of its first element and its shape, each matrix of a slab that is packed once it is multiplied with; none if they are packed for each product.
    packed: BTreeMap<(usize, [usize; 2]), OnceLock<PackedWeights<T>>>,
}

impl<T: Element> Storage<T> {
    pub(crate) fn slab(data: AlignedVec<T>) -> Self {
        Storage::new(data, false)
    }

    fn new(data: AlignedVec<T>, pooled: bool) -> Self {
        Storage { data, pooled, rounded: None, packed: BTreeMap::new() }
    }

    pub(crate) fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements, to be changed, after which what was made of them would be out of date: it is dropped.
    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        self.rounded = None;
        self.packed.clear();
        &mut self.data
    }

    pub(crate) fn rounded(&self) -> Option<&[Bf16]> {
        self.rounded.as_deref()
    }

    /// Holds the elements in bf16 too.
    pub(crate) fn round(&mut self) {
        let mut rounded = AlignedVec::zeroed(self.data.len());
        anther_kernels::round_to_bf16(&mut rounded, &self.data);
        self.rounded = Some(rounded);
    }

    /// Packs the matrices that begin at these places and have these shapes when they are first multiplied with, and keeps them so.
    pub(crate) fn pack(&mut self, matrices: impl Iterator<Item = (usize, [usize; 2])>) {
        self.packed = matrices.map(|matrix| (matrix, OnceLock::new())).collect();
    }
}

impl<T: Element> Drop for Storage<T> {
    fn drop(&mut self) {
        if self.pooled {
            T::pool().give(mem::replace(&mut self.data, AlignedVec::zeroed(0)));
        }
    }
}

/// A row-major, contiguous tensor of `f32` or `f64`.
///
/// Cloning shares the storage; the contents of a tensor never change under a handle ([`Tensor::data_mut`] copies first if
/// the storage is shared). The storage returns to the pool with its last handle.
///
/// ```
/// use anther_tensor::Tensor;
/// let x = Tensor::from_vec([2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// assert_eq!(x.reshaped([3, 2]).data()[3], 4.0);
/// assert_eq!(x.view()[[1, 2]], 6.0); // an ndarray view, without a copy
/// ```
pub struct Tensor<T: Element> {
    shape: Shape,
    storage: Arc<Storage<T>>,
    // Not zero only for a parameter, whose storage is the slab.
    offset: usize,
    /// How the same contents can be had without this storage.
    remade: Option<Arc<Remade<T>>>,
}

impl<T: Element> Clone for Tensor<T> {
    fn clone(&self) -> Self {
        Tensor {
            shape: self.shape,
            storage: Arc::clone(&self.storage),
            offset: self.offset,
            remade: self.remade.clone(),
        }
    }
}

impl<T: Element> Tensor<T> {
    /// A tensor whose contents `fill` writes. `fill` must write every element: the buffer holds stale numbers (NaN in
    /// builds with debug assertions).
    pub fn build(shape: impl Into<Shape>, fill: impl FnOnce(&mut [T])) -> Self {
        let shape = shape.into();
        let mut storage = Storage::new(T::pool().take(shape.numel()), true);
        fill(&mut storage.data[..shape.numel()]);
        Tensor { shape, storage: Arc::new(storage), offset: 0, remade: None }
    }

    /// A tensor in which every element is `value`.
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Tensor::build(shape, |out| out.fill(value))
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Tensor::full(shape, T::ZERO)
    }

    /// A tensor of ones.
    pub fn ones(shape: impl Into<Shape>) -> Self {
        Tensor::full(shape, T::ONE)
    }

    /// A tensor without dimensions.
    pub fn scalar(value: T) -> Self {
        Tensor::full(Shape::SCALAR, value)
    }

    /// A tensor of the given elements in row-major order.
    ///
    /// # Panics
    /// If their number is not that of the shape.
    #[track_caller]
    pub fn from_slice(shape: impl Into<Shape>, elements: &[T]) -> Self {
        let shape = shape.into();
        assert_eq!(elements.len(), shape.numel(), "a tensor of shape {shape:?} needs {} elements", shape.numel());
        Tensor::build(shape, |out| out.copy_from_slice(elements))
    }

    /// As [`Tensor::from_slice`], from a vector.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[track_caller]
    pub fn from_vec(shape: impl Into<Shape>, elements: Vec<T>) -> Self {
        Tensor::from_slice(shape, &elements)
    }

    /// A tensor whose element number `i` (row-major) is `f(i)`.
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(usize) -> T) -> Self {
        Tensor::build(shape, |out| out.iter_mut().enumerate().for_each(|(i, x)| *x = f(i)))
    }

    /// These rows of the first axis, in this order; a row may be named more than once. For inference: it has no gradient.
    ///
    /// # Panics
    /// If there is no such axis or row.
    #[track_caller]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut shape: Vec<usize> = self.shape.to_vec();
        assert!(!shape.is_empty(), "select_rows: a number has no rows");
        let (all, size) = (shape[0], shape[1..].iter().product::<usize>());
        if let Some(row) = rows.iter().find(|&&row| row >= all) {
            panic!("select_rows: there is no row {row} of {all}");
        }
        shape[0] = rows.len();
        Tensor::build(Shape::new(&shape), |out| {
            for (out, &row) in out.chunks_exact_mut(size.max(1)).zip(rows) {
                out.copy_from_slice(&self.data()[row * size..][..size]);
            }
        })
    }

    /// A copy of an `ndarray` array of any layout.
    ///
    /// # Panics
    /// If it has more dimensions than [`crate::MAX_RANK`].
    #[track_caller]
    pub fn from_array(array: &ArrayViewD<'_, T>) -> Self {
        let shape = Shape::new(array.shape());
        Tensor::build(shape, |out| out.iter_mut().zip(array.iter()).for_each(|(o, &x)| *o = x))
    }

    /// The tensor as an `ndarray` view, without a copy.
    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(&self.shape), self.data()).expect("a tensor is contiguous")
    }

    /// The tensor as an `ndarray` array of its own.
    pub fn to_array(&self) -> ArrayD<T> {
        self.view().to_owned()
    }

    /// The shape; it dereferences to a slice of dimensions.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.storage.data[self.offset..self.offset + self.numel()]
    }

    /// The elements as a product reads them as its right operand: rounded to bf16 if this is a parameter of
    /// [`Parameters::with_precision`](crate::Parameters::with_precision).
    pub fn weights(&self) -> Weights<'_, T> {
        match self.storage.rounded() {
            Some(rounded) => Weights::Bf16(&rounded[self.offset..self.offset + self.numel()]),
            None => Weights::Full(self.data()),
        }
    }

    /// A matrix `[out, in]` as a product with `rows` rows reads its transpose: packed, if this is a parameter of
    /// [`Parameters::with_packed_weights`](crate::Parameters::with_packed_weights) and there are more than a few rows.
    pub fn packed_weights(&self, rows: usize) -> Option<&PackedWeights<T>> {
        let &[n, k] = &*self.shape else { return None };
        let packed =
            PackedWeights::<T>::serves(rows).then(|| self.storage.packed.get(&(self.offset, [n, k]))).flatten()?;
        Some(packed.get_or_init(|| PackedWeights::new(self.weights(), Trans::Yes, n, k)))
    }

    /// What an op keeps of an input that it reads in its backward pass: the tensor, or how to make it again if the op that made it says so
    /// ([`Op::remake`](crate::Op::remake)).
    pub fn keep(&self) -> Kept<T> {
        match &self.remade {
            Some(remade) => Kept::remade(Arc::clone(remade)),
            None => Kept::value(self.clone()),
        }
    }

    /// Says how the contents can be made again.
    pub(crate) fn made_by(&mut self, remake: Remake<T>) {
        self.remade = Some(Remade::new(remake));
    }

    /// Whether anybody holds the storage.
    #[cfg(test)]
    pub(crate) fn watch(&self) -> std::sync::Weak<Storage<T>> {
        Arc::downgrade(&self.storage)
    }

    /// The elements, to be changed. Copies the tensor first if its storage is shared with another handle.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.remade = None;
        let pooled = self.storage.pooled;
        if !pooled || Arc::get_mut(&mut self.storage).is_none() {
            *self = Tensor::from_slice(self.shape, self.data());
        }
        let numel = self.numel();
        let storage = Arc::get_mut(&mut self.storage).expect("the storage was made unique above");
        &mut storage.data[..numel]
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> T {
        assert_eq!(self.numel(), 1, "item: the tensor of shape {:?} has not exactly one element", self.shape);
        self.data()[0]
    }

    /// The same elements under another shape, without a copy.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert_eq!(self.numel(), shape.numel(), "reshape: {:?} has not as many elements as {shape:?}", self.shape);
        let remade = self.remade.as_ref().filter(|_| shape == self.shape).map(Arc::clone);
        Tensor { shape, storage: Arc::clone(&self.storage), offset: self.offset, remade }
    }

    /// The tensor in another element type, each element rounded to nearest.
    pub fn cast<U: Element>(&self) -> Tensor<U> {
        Tensor::build(self.shape, |out: &mut [U]| {
            out.iter_mut().zip(self.data()).for_each(|(o, x)| *o = U::from_f64(x.to_f64()));
        })
    }

    /// A range of a slab as a tensor.
    pub(crate) fn of_slab(shape: Shape, storage: Arc<Storage<T>>, offset: usize) -> Self {
        Tensor { shape, storage, offset, remade: None }
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor<{}>{:?} ", T::NAME, self.shape)?;
        f.debug_list().entries(self.data().iter().take(8)).finish()?;
        if self.numel() > 8 { write!(f, " and {} more", self.numel() - 8) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_tensor_is_copied_before_it_changes() {
        let a = Tensor::from_vec([2], vec![1.0f32, 2.0]);
        let mut b = a.clone();
        b.data_mut()[0] = 7.0;
        assert_eq!(a.data(), [1.0, 2.0]);
        assert_eq!(b.data(), [7.0, 2.0]);
    }

    #[test]
    fn an_array_of_any_layout_arrives_in_row_major_order() {
        let array = ndarray::arr2(&[[1.0f64, 2.0, 3.0], [4.0, 5.0, 6.0]]).reversed_axes().into_dyn();
        let t = Tensor::from_array(&array.view());
        assert_eq!(t.data(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(t.view(), array);
    }

    #[test]
    fn rank_zero_and_empty_tensors_are_fine() {
        assert_eq!(Tensor::scalar(3.0f64).item(), 3.0);
        assert_eq!(Tensor::<f32>::zeros([2, 0, 3]).numel(), 0);
    }
}
