//! Changes of one image, each a pure function of the image and of numbers that somebody else has drawn.
//!
//! An image is `[channels, rows, columns]` of numbers from 0 (black) to 1. What comes from outside of it is black.

/// Channels, rows and columns.
pub type Shape = [usize; 3];

/// A part of an image, in whole pixels: where it begins, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The first row.
    pub top: f64,
    /// The first column.
    pub left: f64,
    /// Number of rows.
    pub rows: f64,
    /// Number of columns.
    pub columns: f64,
}

impl Window {
    /// All of an image.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sides are far below 2^53")]
    pub fn whole([_, rows, columns]: Shape) -> Self {
        Window { top: 0.0, left: 0.0, rows: rows as f64, columns: columns as f64 }
    }
}

/// The window, scaled to `rows` × `columns` by bilinear interpolation between the centres of pixels; beyond the centres at the edge of the
/// window, the edge is repeated: nothing outside of the window is read.
///
/// The window of a whole image at its own size is the image, bit for bit.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sides are far below 2^53")]
pub fn scaled(image: &[f32], shape: Shape, window: Window, [rows, columns]: [usize; 2]) -> Vec<f32> {
    let axis = |start: f64, length: f64, count: usize, limit: usize| -> Vec<(usize, usize, f32)> {
        let place = |i: usize| {
            (start + (i as f64 + 0.5) * length / count as f64 - 0.5).clamp(start, (start + length - 1.0).max(start))
        };
        (0..count).map(place).map(|at| (at as usize, (at as usize + 1).min(limit - 1), at.fract() as f32)).collect()
    };
    let down = axis(window.top, window.rows, rows, shape[1]);
    let across = axis(window.left, window.columns, columns, shape[2]);
    let mut out = Vec::with_capacity(shape[0] * rows * columns);
    for plane in image.chunks_exact(shape[1] * shape[2]) {
        let at = |row: usize, column: usize| plane[row * shape[2] + column];
        for &(above, below, y) in &down {
            for &(left, right, x) in &across {
                let upper = at(above, left) + x * (at(above, right) - at(above, left));
                let lower = at(below, left) + x * (at(below, right) - at(below, left));
                out.push(upper + y * (lower - upper));
            }
        }
    }
    out
}

/// The image moved by so many rows and columns: row r of the result is row `r + down` of the image. With numbers from −p to p, this is a random crop of the
/// image in a black frame of p pixels.
#[must_use]
pub fn moved(image: &[f32], [channels, rows, columns]: Shape, down: isize, right: isize) -> Vec<f32> {
    let inside = |at: usize, by: isize, limit: usize| at.checked_add_signed(by).filter(|&at| at < limit);
    let mut out = vec![0.0; channels * rows * columns];
    for (plane, out) in image.chunks_exact(rows * columns).zip(out.chunks_exact_mut(rows * columns)) {
        for row in 0..rows {
            let Some(from) = inside(row, down, rows) else { continue };
            for column in 0..columns {
                if let Some(source) = inside(column, right, columns) {
                    out[row * columns + column] = plane[from * columns + source];
                }
            }
        }
    }
    out
}

/// Exchanges left and right.
pub fn flip(image: &mut [f32], [_, _, columns]: Shape) {
    image.chunks_exact_mut(columns).for_each(<[f32]>::reverse);
}

/// The image turned about its centre by the angle of this sine and cosine, against the clock, interpolated as in [`scaled`]; corners that nothing turns into are black.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sides are far below 2^53")]
pub fn turned(image: &[f32], [channels, rows, columns]: Shape, sine: f64, cosine: f64) -> Vec<f32> {
    let (middle_row, middle_column) = ((rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0);
    let mut out = vec![0.0; channels * rows * columns];
    for row in 0..rows {
        for column in 0..columns {
            let (down, right) = (row as f64 - middle_row, column as f64 - middle_column);
            let (y, x) = (cosine * down + sine * right + middle_row, cosine * right - sine * down + middle_column);
            let (top, left) = (y.floor(), x.floor());
            for (dy, weight_y) in [(0.0, 1.0 - (y - top)), (1.0, y - top)] {
                for (dx, weight_x) in [(0.0, 1.0 - (x - left)), (1.0, x - left)] {
                    let (at_row, at_column) = (top + dy, left + dx);
                    let inside =
                        at_row >= 0.0 && at_column >= 0.0 && at_row < rows as f64 && at_column < columns as f64;
                    let weight = (weight_y * weight_x) as f32;
                    if inside && weight != 0.0 {
                        let (from, to) = (at_row as usize * columns + at_column as usize, row * columns + column);
                        for channel in 0..channels {
                            out[channel * rows * columns + to] += weight * image[channel * rows * columns + from];
                        }
                    }
                }
            }
        }
    }
    out
}

/// Multiplies with `factor`, held within 0 to 1.
pub fn brighten(image: &mut [f32], factor: f32) {
    image.iter_mut().for_each(|pixel| *pixel = (*pixel * factor).clamp(0.0, 1.0));
}

/// Moves every pixel away from the mean brightness of the image (a factor above 1) or towards it, held within 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^53")]
pub fn contrast(image: &mut [f32], shape: Shape, factor: f32) {
    let area = shape[1] * shape[2];
    let mean = (0..area).map(|at| f64::from(grey(image, shape, at))).sum::<f64>() / area.max(1) as f64;
    image.iter_mut().for_each(|pixel| *pixel = (mean as f32 + factor * (*pixel - mean as f32)).clamp(0.0, 1.0));
}

/// Moves every pixel away from its grey value (a factor above 1) or towards it, held within 0 to 1; does nothing to images without colour.
pub fn saturate(image: &mut [f32], shape: Shape, factor: f32) {
    let area = shape[1] * shape[2];
    if shape[0] != 3 {
        return;
    }
    for at in 0..area {
        let level = grey(image, shape, at);
        for channel in 0..3 {
            let pixel = &mut image[channel * area + at];
            *pixel = (level + factor * (*pixel - level)).clamp(0.0, 1.0);
        }
    }
}

/// Turns the hue of every pixel by this share of the circle of colours, red to green being a third, with lightness and chroma of the HSV cone as they are: the
/// largest and the smallest of the three channels stay. Leaves greys alone, and all of an image without colour.
pub fn turn_hue(image: &mut [f32], shape: Shape, by: f32) {
    let area = shape[1] * shape[2];
    // A turn by nothing must not round.
    if shape[0] != 3 || by == 0.0 {
        return;
    }
    // In sixths of the circle, as hues are below. Remainders are costly, so there is one, and sums of two places on the circle are brought back by one turn.
    let by = (6.0 * by).rem_euclid(6.0);
    let on_circle = |place: f32| if place >= 6.0 { place - 6.0 } else { place };
    for at in 0..area {
        let [red, green, blue] = [image[at], image[area + at], image[2 * area + at]];
        let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
        let chroma = most - least;
        if chroma == 0.0 {
            continue;
        }
        let hue = if most == red {
            on_circle(6.0 + (green - blue) / chroma)
        } else if most == green {
            2.0 + (blue - red) / chroma
        } else {
            4.0 + (red - green) / chroma
        };
        let hue = on_circle(hue + by);
        // A channel is at its largest within a sixth of its own colour on either side, and at its smallest within a sixth of the opposite colour.
        for (channel, opposite) in [5.0, 3.0, 1.0].into_iter().enumerate() {
            let away = on_circle(opposite + hue);
            image[channel * area + at] = most - chroma * away.min(4.0 - away).clamp(0.0, 1.0);
        }
    }
}

/// The brightness of a pixel: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), or the mean of other channels.
#[expect(clippy::cast_precision_loss, reason = "channels are few")]
fn grey(image: &[f32], [channels, rows, columns]: Shape, at: usize) -> f32 {
    let area = rows * columns;
    if channels == 3 {
        return 0.299 * image[at] + 0.587 * image[area + at] + 0.114 * image[2 * area + at];
    }
    (0..channels).map(|channel| image[channel * area + at]).sum::<f32>() / channels as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = [1, 2, 3];
    const IMAGE: [f32; 6] = [0.0, 0.25, 0.5, 0.75, 1.0, 0.125];

    #[test]
    fn a_whole_window_at_its_own_size_is_the_image() {
        assert_eq!(scaled(&IMAGE, SHAPE, Window::whole(SHAPE), [2, 3]), IMAGE);
        let two = [[0.0, 1.0].as_slice(), &[1.0, 0.0]].concat();
        assert_eq!(
            scaled(&two, [2, 1, 2], Window::whole([2, 1, 2]), [1, 4]),
            [0.0, 0.25, 0.75, 1.0, 1.0, 0.75, 0.25, 0.0]
        );
        let part = Window { top: 1.0, left: 1.0, rows: 1.0, columns: 2.0 };
        assert_eq!(scaled(&IMAGE, SHAPE, part, [2, 2]), [1.0, 0.125, 1.0, 0.125]);
        assert_eq!(scaled(&IMAGE, SHAPE, Window::whole(SHAPE), [1, 1]), [(0.25 + 1.0) / 2.0]);
    }

    #[test]
    fn moving_leaves_black_behind() {
        assert_eq!(moved(&IMAGE, SHAPE, 0, 0), IMAGE);
        assert_eq!(moved(&IMAGE, SHAPE, 1, -1), [0.0, 0.75, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(moved(&IMAGE, SHAPE, -2, 0), [0.0; 6]);
        assert_eq!(moved(&IMAGE, SHAPE, 0, 2), [0.5, 0.0, 0.0, 0.125, 0.0, 0.0]);
    }

    #[test]
    fn flipping_twice_is_nothing() {
        let mut image = IMAGE;
        flip(&mut image, SHAPE);
        assert_eq!(image, [0.5, 0.25, 0.0, 0.125, 1.0, 0.75]);
        flip(&mut image, SHAPE);
        assert_eq!(image, IMAGE);
    }

    #[test]
    fn turning_by_a_quarter_moves_whole_pixels() {
        assert_eq!(turned(&IMAGE, SHAPE, 0.0, 1.0), IMAGE);
        let square = [0.1, 0.2, 0.3, 0.4];
        // Against the clock: the upper right corner goes to the upper left.
        assert_eq!(turned(&square, [1, 2, 2], 1.0, 0.0), [0.2, 0.4, 0.1, 0.3]);
        assert_eq!(turned(&turned(&square, [1, 2, 2], 1.0, 0.0), [1, 2, 2], -1.0, 0.0), square);
        // Half of the weight of a corner comes from outside.
        let eighth = std::f64::consts::FRAC_1_SQRT_2;
        assert!(turned(&[1.0; 16], [1, 4, 4], eighth, eighth)[0] < 0.6);
    }

    #[test]
    fn colours_are_held_within_black_and_white() {
        let mut image = IMAGE;
        brighten(&mut image, 2.0);
        assert_eq!(image, [0.0, 0.5, 1.0, 1.0, 1.0, 0.25]);
        let mut image = IMAGE;
        contrast(&mut image, SHAPE, 0.0);
        assert_eq!(image, [0.4375; 6]);
        let mut image = IMAGE;
        contrast(&mut image, SHAPE, 1.0);
        assert_eq!(image, IMAGE);
        let colour = [0.8, 0.5, 0.2];
        let mut image = colour;
        saturate(&mut image, [3, 1, 1], 0.0);
        let level = 0.299 * 0.8 + 0.587 * 0.5 + 0.114 * 0.2;
        assert!(image.iter().all(|pixel| (pixel - level).abs() < 1e-6), "{image:?}");
        let mut image = colour;
        saturate(&mut image, [3, 1, 1], 9.0);
        assert_eq!((image[0], image[2]), (1.0, 0.0));
        let mut image = IMAGE;
        saturate(&mut image, SHAPE, 0.0);
        assert_eq!(image, IMAGE);
    }

    /// One pixel with its hue turned.
    fn turned_hue(colour: [f32; 3], by: f32) -> [f32; 3] {
        let mut image = colour;
        turn_hue(&mut image, [3, 1, 1], by);
        image
    }

    #[track_caller]
    fn assert_colour(found: [f32; 3], expected: [f32; 3]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6), "{found:?} is not {expected:?}");
    }

    #[test]
    fn hues_go_round_by_known_colours() {
        let (red, green, blue) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let third = 1.0 / 3.0;
        for (colour, by, result) in [
            (red, third, green),
            (green, third, blue),
            (blue, third, red),
            (red, -third, blue),
            (red, 1.0 / 6.0, [1.0, 1.0, 0.0]),
            (red, 0.5, [0.0, 1.0, 1.0]),
            (red, -0.5, [0.0, 1.0, 1.0]),
            (red, 1.0 / 12.0, [1.0, 0.5, 0.0]),
            // hsv(24°, 2/3, 0.75) by 36° is hsv(60°, 2/3, 0.75), and by −36° hsv(348°, 2/3, 0.75).
            ([0.75, 0.45, 0.25], 0.1, [0.75, 0.75, 0.25]),
            ([0.75, 0.45, 0.25], -0.1, [0.75, 0.25, 0.35]),
        ] {
            assert_colour(turned_hue(colour, by), result);
        }
    }

    #[test]
    fn hues_leave_greys_and_images_without_colour_to_the_bit() {
        let colours = [[0.1, 0.7, 0.3], [0.9, 0.2, 0.200_001], [0.0, 1.0, 0.5], [0.33, 0.33, 0.34]];
        for colour in colours {
            assert_eq!(turned_hue(colour, 0.0), colour);
            assert_colour(turned_hue(colour, 1.0), colour);
            assert_colour(turned_hue(turned_hue(colour, 0.29), -0.29), colour);
            for by in [-0.5, -0.2, 0.07, 0.5] {
                assert!(turned_hue(colour, by).iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            }
        }
        for level in [0.0, 0.123_456_7, 1.0] {
            assert_eq!(turned_hue([level; 3], 0.3), [level; 3]);
        }
        let mut image = IMAGE;
        turn_hue(&mut image, SHAPE, 0.3);
        turn_hue(&mut image, [2, 1, 3], 0.3);
        assert_eq!(image, IMAGE);
        // Of several pixels each has its own hue.
        let mut image = [1.0, 0.5, 0.0, 0.5, 0.0, 0.5];
        turn_hue(&mut image, [3, 1, 2], 1.0 / 3.0);
        assert!(image.iter().zip([0.0, 0.5, 1.0, 0.5, 0.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{image:?}");
    }
}
