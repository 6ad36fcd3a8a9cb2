//! Length checks of the public kernels.

/// Panics unless the slice called `what` has `expected` elements.
#[track_caller]
#[inline]
pub(crate) fn length(kernel: &str, what: &str, got: usize, expected: usize) {
    if got != expected {
        wrong_length(kernel, what, got, expected);
    }
}

#[track_caller]
#[cold]
fn wrong_length(kernel: &str, what: &str, got: usize, expected: usize) -> ! {
    panic!("kernels::{kernel}: `{what}` has {got} elements but this call needs {expected}");
}

/// The number of rows of `cols` elements in a slice of `len` elements. Panics when they do not fit; zero columns need an empty slice.
#[track_caller]
#[inline]
pub(crate) fn rows(kernel: &str, what: &str, len: usize, cols: usize) -> usize {
    let rows = len.checked_div(cols).unwrap_or(0);
    assert!(
        rows * cols == len,
        "kernels::{kernel}: `{what}` has {len} elements, which is no whole number of rows of {cols} columns"
    );
    rows
}

/// The product of some sizes. Panics when it passes `usize`, which no slice does.
#[track_caller]
#[inline]
pub(crate) fn product(kernel: &str, sizes: &[usize]) -> usize {
    sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
        .unwrap_or_else(|| panic!("kernels::{kernel}: the sizes {sizes:?} multiply to more than a slice can hold"))
}
