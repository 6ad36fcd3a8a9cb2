//! Images as files, a folder for each class.

use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{ImageReader, Limits};

use super::data_set::refused;
use super::{ImageError, ImageSet};

/// The largest height and width of an image.
const MAX_SIDE: u32 = 8192;
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
            let (shape, pixels) = decode(&path, size)?;
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

/// Channels, rows and columns of an image, and its pixels.
fn decode(path: &Path, size: Option<usize>) -> Result<([usize; 3], Vec<u8>), ImageError> {
    let broken = |reason: String| refused(path, format!("it is no whole image: {reason}"));
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| broken(error.to_string()))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    let mut image = reader.decode().map_err(|error| broken(error.to_string()))?;
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
