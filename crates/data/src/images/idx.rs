//! IDX files: two zero bytes, the type (8: bytes) and the number of axes, the length of each axis as a big-endian number of 32 bits, then the bytes.

use super::ImageError;

/// The type of bytes without a sign.
const BYTES: u8 = 8;
/// The largest height and width.
const MAX_SIDE: usize = 8192;

/// Rows and columns of an image, and all pixels.
pub(super) fn images(bytes: &[u8], origin: &str) -> Result<([usize; 2], Vec<u8>), ImageError> {
    let ([_, rows, columns], pixels) = array::<3>(bytes, origin)?;
    for (axis, side) in [(1, rows), (2, columns)] {
        if side == 0 || side > MAX_SIDE {
            let reason = format!("images have a side of {side}, which is not between 1 and {MAX_SIDE}");
            return Err(ImageError::Bytes { origin: origin.to_owned(), byte: 4 + 4 * axis, reason });
        }
    }
    Ok(([rows, columns], pixels.to_vec()))
}

/// One label for each image.
pub(super) fn labels(bytes: &[u8], origin: &str) -> Result<Vec<u8>, ImageError> {
    Ok(array::<1>(bytes, origin)?.1.to_vec())
}

/// The axes and the elements of a file with so many axes.
fn array<'b, const AXES: usize>(bytes: &'b [u8], origin: &str) -> Result<([usize; AXES], &'b [u8]), ImageError> {
    let refused = |byte: usize, reason: String| ImageError::Bytes { origin: origin.to_owned(), byte, reason };
    let Some((&[0, 0, kind, axes], rest)) = bytes.split_first_chunk::<4>() else {
        return Err(refused(0, "it does not begin like an IDX file, with two zero bytes".to_owned()));
    };
    if kind != BYTES {
        return Err(refused(2, format!("elements of the type {kind} are not bytes (type {BYTES})")));
    }
    if usize::from(axes) != AXES {
        return Err(refused(3, format!("it has {axes} axes instead of {AXES}; images have 3, labels 1")));
    }
    let mut shape = [0; AXES];
    let mut rest = rest;
    for (axis, length) in shape.iter_mut().enumerate() {
        let Some((number, after)) = rest.split_first_chunk::<4>() else {
            return Err(refused(4 + 4 * axis, "the file ends in its header; fetch it again".to_owned()));
        };
        *length = usize::try_from(u32::from_be_bytes(*number)).unwrap_or(usize::MAX);
        rest = after;
    }
    let elements = shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
    if elements != Some(rest.len()) {
        let reason = format!("axes of {shape:?} need other than the {} bytes that follow; fetch it again", rest.len());
        return Err(refused(4 + 4 * AXES, reason));
    }
    Ok((shape, rest))
}
