//! Images as files, a folder for each class.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::error::ImageError as DecodeError;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::data_set::refused;
use super::{ImageError, ImageSet};
use crate::packed::read_packed;

/// The largest height and width of an image.
const MAX_SIDE: u32 = 8192;
/// The most bytes of an image, in its file and unpacked, 256 MiB: the largest height and width with four bytes a pixel. A small file can claim to be as large
/// as it likes.
const MAX_DECODED_BYTES: u64 = 256 << 20;
/// The most bytes of all pixels of one part: 8 GiB.
const MAX_PIXEL_BYTES: usize = 8 << 30;

/// The names of the classes of a part: its folders, sorted, hidden ones left out.
pub(super) fn classes(part: &Path) -> Result<Vec<String>, ImageError> {
    let mut names = Vec::new();
    for path in listed(part)? {
        if path.is_dir() {
            names.push(name(&path));
        }
    }
    match names.len() {
        0 => Err(refused(part, "there are no folders of classes in it".to_owned())),
        count if count > usize::from(u16::MAX) => Err(refused(part, format!("{count} classes are too many"))),
        _ => Ok(names),
    }
}

/// All images of a part, as red, green and blue, class by class in order of the names of their files. They are scaled to `size × size`, or must have one size: the
/// `expected` shape if there is one.
pub(super) fn read(
    part: &Path,
    known: &[String],
    size: Option<usize>,
    expected: Option<[usize; 3]>,
) -> Result<ImageSet, ImageError> {
    let mut set = ImageSet { shape: expected.unwrap_or_default(), ..ImageSet::default() };
    for class in classes(part)? {
        let folder = part.join(&class);
        let label = known
            .binary_search(&class)
            .map_err(|_| refused(&folder, "no training images have this class".to_owned()))?;
        let before = set.len();
        for path in listed(&folder)?.into_iter().filter(|path| is_image(path)) {
            let (shape, pixels) = decode(read_packed(&path, MAX_DECODED_BYTES)?, &path, size)?;
            if set.is_empty() && expected.is_none() {
                set.shape = shape;
            }
            if shape != set.shape {
                let ([_, rows, columns], [_, height, width]) = (shape, set.shape);
                let reason = format!(
                    "an image of {columns} × {rows} among images of {width} × {height}; set data.size to scale them all"
                );
                return Err(refused(&path, reason));
            }
            if set.pixels.len() + pixels.len() > MAX_PIXEL_BYTES {
                return Err(refused(
                    part,
                    format!("the images have more than {MAX_PIXEL_BYTES} bytes; set a smaller data.size"),
                ));
            }
            set.pixels.extend(pixels);
            set.labels.push(label as u16);
        }
        if set.len() == before {
            return Err(refused(&folder, "there are no PNG or JPEG files in this folder of a class".to_owned()));
        }
    }
    Ok(set)
}

/// Channels, rows and columns of the image that a file has, and its pixels. What kind of image it is, the bytes say and not the name.
fn decode(bytes: Vec<u8>, path: &Path, size: Option<usize>) -> Result<([usize; 3], Vec<u8>), ImageError> {
    let too_large = || {
        let reason = format!("it has a side of more than {MAX_SIDE} pixels, or more than {MAX_DECODED_BYTES} bytes");
        refused(path, format!("{reason}; scale it down"))
    };
    let broken = |error: DecodeError| match error {
        DecodeError::Limits(_) => too_large(),
        other => refused(path, format!("it is no whole image: {other}")),
    };
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(DecodeError::IoError).map_err(broken)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(broken)?;
    // Decoders need not keep to the limit of memory.
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(too_large());
    }
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    if let Some(size) = size {
        let size = u32::try_from(size).unwrap_or(MAX_SIDE).min(MAX_SIDE);
        if (image.width(), image.height()) != (size, size) {
            image = image.resize_exact(size, size, FilterType::Triangle);
        }
    }
    let image = image.into_rgb8();
    let (columns, rows) = (image.width() as usize, image.height() as usize);
    let interleaved = image.into_raw();
    let planes = (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect();
    Ok(([3, rows, columns], planes))
}

/// What is in a folder, sorted by name, without what is hidden.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let failed = |error: std::io::Error| refused(folder, format!("it cannot be listed: {error}"));
    let entries = folder.read_dir().map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<Result<_, ImageError>>()?;
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_image(path: &Path) -> bool {
    let kind = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ["png", "jpg", "jpeg"].contains(&kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::decode;
    use std::io::Write;
    use std::path::Path;

    /// A PNG file that ends behind its header and the beginning of the pixels: what is refused before is refused for its size alone.
    fn png(width: u32, height: u32, bits: u8, kind: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, kind, 0, 0, 0]].concat();
        for (name, content) in [(b"IHDR", &header[..]), (b"IDAT", &[0x78, 0x9c])] {
            let mut sum = flate2::Crc::new();
            sum.update(name);
            sum.update(content);
            bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
            bytes.write_all(name).unwrap();
            bytes.write_all(content).unwrap();
            bytes.extend(sum.sum().to_be_bytes());
        }
        bytes
    }

    #[test]
    fn large_images_are_refused_by_their_header() {
        let error = |bytes| decode(bytes, Path::new("x.png"), None).unwrap_err().to_string();
        let (rgb, rgba) = (2, 6);
        for (width, height, bits, kind) in
            [(8193, 1, 8, rgb), (1, 8193, 8, rgb), (8192, 4097, 16, rgba), (u32::MAX >> 1, 1, 8, rgb)]
        {
            let error = error(png(width, height, bits, kind));
            assert!(error.starts_with("x.png: it has a side of more than 8192 pixels"), "{width} {height}: {error}");
        }
        for (width, height, bits, kind) in
            [(8192, 1, 8, rgb), (1, 8192, 8, rgb), (8192, 4096, 16, rgba), (8192, 8192, 8, rgba)]
        {
            let error = error(png(width, height, bits, kind));
            assert!(error.starts_with("x.png: it is no whole image"), "{width} {height}: {error}");
        }
    }
}
