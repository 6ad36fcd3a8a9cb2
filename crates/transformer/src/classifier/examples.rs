//! What a classifier reads in one pass.

use anther_tensor::{Element, Ids, Tensor};

/// Examples side by side, with lengths if they differ.
#[derive(Clone, Debug)]
pub struct Examples {
    content: Content,
    lengths: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// `[batch, channels, rows, columns]`
    Images(Tensor<f32>),
    /// `[batch, steps, channels]`
    Series(Tensor<f32>),
    /// `[batch, length]`
    Tokens(Ids),
}

impl Examples {
    /// Images `[batch, channels, rows, columns]`.
    ///
    /// # Panics
    /// If the tensor has other axes.
    #[must_use]
    #[track_caller]
    pub fn images(pixels: Tensor<f32>) -> Self {
        assert_eq!(
            pixels.shape().len(),
            4,
            "images of shape {:?} are not [batch, channels, rows, columns]",
            pixels.shape()
        );
        Examples { content: Content::Images(pixels), lengths: None }
    }

    /// Series `[batch, steps, channels]`, of which the first `lengths[b]` steps of series `b` are no padding. The padding may hold anything.
    ///
    /// # Panics
    /// If the tensor has other axes, or the lengths do not fit it.
    #[must_use]
    #[track_caller]
    pub fn series(values: Tensor<f32>, lengths: Vec<usize>) -> Self {
        let &[batch, steps, _] = &*values.shape() else {
            panic!("series of shape {:?} are not [batch, steps, channels]", values.shape())
        };
        check_lengths(&lengths, batch, steps);
        Examples { content: Content::Series(values), lengths: Some(lengths) }
    }

    /// Ids `[batch, length]`, of which the first `lengths[b]` of sequence `b` are no padding. The padding may be any token.
    ///
    /// # Panics
    /// If the ids have other axes, or the lengths do not fit them.
    #[must_use]
    #[track_caller]
    pub fn tokens(ids: Ids, lengths: Vec<usize>) -> Self {
        let &[batch, length] = &*ids.shape() else { panic!("ids of shape {:?} are not [batch, length]", ids.shape()) };
        check_lengths(&lengths, batch, length);
        Examples { content: Content::Tokens(ids), lengths: Some(lengths) }
    }

    /// Number of examples.
    #[must_use]
    pub fn batch(&self) -> usize {
        match &self.content {
            Content::Images(values) | Content::Series(values) => values.shape()[0],
            Content::Tokens(ids) => ids.shape()[0],
        }
    }

    /// The length of each example, if they differ.
    #[must_use]
    pub fn lengths(&self) -> Option<&[usize]> {
        self.lengths.as_deref()
    }

    /// The same examples in rows of the longest of them: what only pads costs nothing.
    pub(super) fn trimmed(&self) -> Examples {
        let longest = self.lengths.iter().flatten().copied().max();
        let content = match (&self.content, longest) {
            (Content::Series(values), Some(longest)) if longest < values.shape()[1] => {
                let &[batch, steps, channels] = &*values.shape() else { unreachable!("series have three axes") };
                let rows = values.data().chunks_exact((steps * channels).max(1));
                let kept: Vec<f32> = rows.flat_map(|row| &row[..longest * channels]).copied().collect();
                Content::Series(Tensor::from_slice([batch, longest, channels], &kept))
            }
            (Content::Tokens(ids), Some(longest)) if longest < ids.shape()[1] => {
                let &[batch, length] = &*ids.shape() else { unreachable!("tokens have two axes") };
                let kept = ids.data().chunks_exact(length).flat_map(|row| &row[..longest]).copied().collect();
                Content::Tokens(Ids::new([batch, longest], kept))
            }
            (content, _) => content.clone(),
        };
        Examples { content, lengths: self.lengths.clone() }
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }
}

#[track_caller]
fn check_lengths(lengths: &[usize], batch: usize, longest: usize) {
    assert_eq!(lengths.len(), batch, "{} lengths for {batch} examples", lengths.len());
    if let Some(length) = lengths.iter().find(|&&length| length == 0 || length > longest) {
        panic!("an example of {length} places does not fit rows of 1 to {longest}");
    }
}

/// Cuts images `[batch, channels, rows, columns]` into square patches, `[batch, patches, channels · side²]`.
///
/// Patches go from left to right and from top to bottom. The numbers of a patch are ordered by channel, then row, then column: the order of the weight
/// `[width, channels, side, side]` of a convolution of that stride, so that such a weight, flattened, is the matrix of a linear layer over patches.
///
/// # Panics
/// If patches of that side do not tile the images.
#[must_use]
#[track_caller]
pub fn patches<T: Element>(images: &Tensor<f32>, side: usize) -> Tensor<T> {
    let &[batch, channels, rows, columns] = &*images.shape() else {
        panic!("images of shape {:?} are not [batch, channels, rows, columns]", images.shape())
    };
    assert!(
        side > 0 && rows.is_multiple_of(side) && columns.is_multiple_of(side),
        "patches of {side} × {side} do not tile images of {rows} × {columns}"
    );
    let across = columns / side;
    let (count, size) = (rows / side * across, channels * side * side);
    Tensor::build([batch, count, size], |out| {
        for (row, line) in images.data().chunks_exact(columns.max(1)).enumerate() {
            let (plane, row) = (row / rows, row % rows);
            let (image, channel) = (plane / channels, plane % channels);
            for (column, part) in line.chunks_exact(side).enumerate() {
                let patch = image * count + row / side * across + column;
                let start = patch * size + (channel * side + row % side) * side;
                for (out, &pixel) in out[start..start + side].iter_mut().zip(part) {
                    *out = T::from_f64(f64::from(pixel));
                }
            }
        }
    })
}

/// Series with zeros in the place of padding, so that whatever stood there reaches nothing.
pub(super) fn without_padding<T: Element>(values: &Tensor<f32>, lengths: &[usize]) -> Tensor<T> {
    let shape = values.shape();
    let (steps, channels) = (shape[1], shape[2]);
    Tensor::from_fn(shape, |i| {
        let (case, step) = (i / (steps * channels), i / channels % steps);
        if step < lengths[case] { T::from_f64(f64::from(values.data()[i])) } else { T::ZERO }
    })
}
