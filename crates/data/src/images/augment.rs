//! What is drawn for each image of a training batch.

use rand::Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::mixing::{Mixing, beta};
use super::pixels::{self, Shape, Window};
use crate::random::{Purpose, below, generator, rounded, unit};

/// How training images are changed at random, so that no epoch shows the same images again. All numbers 0 and false: not at all.
///
/// The order is: resized crop or scaling, moving, flipping, brightness, contrast, saturation, hue, turning; and mixing of whole batches last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Moves an image by up to so many pixels in each direction, with black where nothing was: a random crop of the image in a frame.
    pub pad_crop: usize,
    /// Whether left and right are exchanged in half of the images.
    pub flip: bool,
    /// Multiplies pixels with a factor from 1 − this to 1 + this.
    pub brightness: f64,
    /// Scales the distance of pixels to the mean brightness of the image by a factor from 1 − this to 1 + this.
    pub contrast: f64,
    /// Scales the distance of pixels to their grey value by a factor from 1 − this to 1 + this.
    pub saturation: f64,
    /// Turns the hue of the whole image by up to this share of the circle of colours either way, at most 0.5; images that have not three channels have no hue, and
    /// stay as they are.
    pub hue: f64,
    /// Turns an image by up to so many degrees either way.
    pub rotation: f64,
    /// Takes a part of the image, at least this share of its area, with sides that differ by up to a third, and scales it to the whole size; 0 for none.
    pub resized_crop: f64,
    /// Mixes each image of a batch, and its class, with another one of the batch: the parameter α of the Beta(α, α) law of the share, the same for the whole
    /// batch (arXiv 1710.09412); 0 for none.
    pub mixup: f64,
    /// Puts a box of another image of the batch in the place of the same box of each image, and as much of the other one's class in the place of its own: the
    /// parameter α of the Beta(α, α) law of the share that stays (arXiv 1905.04899), the same box for the whole batch; 0 for none. With `mixup` as well, each batch has
    /// one of the two, by the toss of a coin.
    pub cutmix: f64,
}

/// A number that [`Augment`] cannot have.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{value} is not between {least} and {most}")]
pub struct AugmentError {
    /// The key.
    pub key: &'static str,
    /// As given.
    pub value: f64,
    /// The least that is possible, beside 0.
    pub least: f64,
    /// The most that is possible.
    pub most: f64,
}

impl Augment {
    /// Checks all numbers.
    ///
    /// # Errors
    /// The first one that is out of its range.
    pub fn validate(&self) -> Result<(), AugmentError> {
        let pad = f64::from(u32::try_from(self.pad_crop).unwrap_or(u32::MAX));
        for (key, value, least, most) in [
            ("pad_crop", pad, 0.0, 1024.0),
            ("brightness", self.brightness, 0.0, 1.0),
            ("contrast", self.contrast, 0.0, 1.0),
            ("saturation", self.saturation, 0.0, 1.0),
            ("hue", self.hue, 0.0, 0.5),
            ("rotation", self.rotation, 0.0, 180.0),
            ("resized_crop", self.resized_crop, 0.01, 1.0),
            ("mixup", self.mixup, 0.05, 4.0),
            ("cutmix", self.cutmix, 0.05, 4.0),
        ] {
            if value != 0.0 && !(least..=most).contains(&value) {
                return Err(AugmentError { key, value, least, most });
            }
        }
        Ok(())
    }

    /// An image of a training batch, `size` rows and columns: a pure function of the image and `(seed, step, row)`.
    pub(super) fn image(&self, image: &[f32], shape: Shape, size: [usize; 2], [seed, step, row]: [u64; 3]) -> Vec<f32> {
        // A stream for each image, so that what one draws does not move the others.
        let mut rng = generator(seed, Purpose::Augment, (step << 20).wrapping_add(row));
        let window =
            if self.resized_crop > 0.0 { part(self.resized_crop, shape, &mut rng) } else { Window::whole(shape) };
        let mut image = pixels::scaled(image, shape, window, size);
        let shape = [shape[0], size[0], size[1]];
        if self.pad_crop > 0 {
            let mut by = || below(&mut rng, 2 * self.pad_crop as u64 + 1) as isize - self.pad_crop as isize;
            let (down, right) = (by(), by());
            image = pixels::moved(&image, shape, down, right);
        }
        if self.flip && below(&mut rng, 2) == 1 {
            pixels::flip(&mut image, shape);
        }
        let mut factor = |most: f64| (most > 0.0).then(|| (1.0 + most * (2.0 * unit(&mut rng) - 1.0)) as f32);
        if let Some(factor) = factor(self.brightness) {
            pixels::brighten(&mut image, factor);
        }
        if let Some(factor) = factor(self.contrast) {
            pixels::contrast(&mut image, shape, factor);
        }
        if let Some(factor) = factor(self.saturation) {
            pixels::saturate(&mut image, shape, factor);
        }
        if self.hue > 0.0 {
            pixels::turn_hue(&mut image, shape, (self.hue * (2.0 * unit(&mut rng) - 1.0)) as f32);
        }
        if self.rotation > 0.0 {
            let angle = (self.rotation * (2.0 * unit(&mut rng) - 1.0)).to_radians();
            image = pixels::turned(&image, shape, rounded(angle.sin()), rounded(angle.cos()));
        }
        image
    }

    /// How the batch of a step is mixed, of images with so many rows and columns.
    pub(super) fn mixing(&self, seed: u64, step: u64, size: [usize; 2]) -> Option<Mixing> {
        // Streams of their own, so that a step mixes in the same way whether or not the other kind might have been chosen.
        let mut rng = generator(seed, Purpose::CutMix, step);
        let patched = self.cutmix > 0.0 && (self.mixup == 0.0 || below(&mut rng, 2) == 1);
        if patched {
            return Some(Mixing::patch(self.cutmix, size, &mut rng));
        }
        let share = || beta(self.mixup, &mut generator(seed, Purpose::Mixup, step)) as f32;
        (self.mixup > 0.0).then(|| Mixing::Blend { share: share() })
    }
}

/// A part of an image with at least this share of its area. The ratio of its sides is uniform from 3/4 to 1, or one over that. After ten parts that do not
/// fit, the whole image.
#[expect(clippy::cast_precision_loss, reason = "sides are far below 2^53")]
fn part(least: f64, shape: Shape, rng: &mut impl Rng) -> Window {
    let (height, width) = (shape[1] as f64, shape[2] as f64);
    for _ in 0..10 {
        let area = (least + (1.0 - least) * unit(rng)) * height * width;
        let ratio = 0.75 + 0.25 * unit(rng);
        let ratio = if below(rng, 2) == 1 { ratio } else { 1.0 / ratio };
        let (rows, columns) = ((area / ratio).sqrt().round().max(1.0), (area * ratio).sqrt().round().max(1.0));
        if rows <= height && columns <= width {
            let top = below(rng, (height - rows) as u64 + 1) as f64;
            let left = below(rng, (width - columns) as u64 + 1) as f64;
            return Window { top, left, rows, columns };
        }
    }
    Window::whole(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_for_is_nothing_done() {
        let image: Vec<f32> = (0..12u8).map(|i| f32::from(i) / 12.0).collect();
        assert_eq!(Augment::default().image(&image, [3, 2, 2], [2, 2], [1, 2, 3]), image);
        assert_eq!(Augment::default().mixing(1, 2, [2, 2]), None);
    }

    #[test]
    fn an_image_depends_on_seed_step_and_row_only() {
        let all = Augment {
            pad_crop: 2,
            flip: true,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.2,
            hue: 0.1,
            rotation: 10.0,
            resized_crop: 0.5,
            mixup: 0.8,
            cutmix: 1.0,
        };
        assert_eq!(all.validate(), Ok(()));
        let image: Vec<f32> = (0..3 * 8 * 8).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        let at = |place| all.image(&image, [3, 8, 8], [6, 6], place);
        assert_eq!(at([1, 2, 3]), at([1, 2, 3]));
        assert_eq!(at([1, 2, 3]).len(), 3 * 36);
        for other in [[2, 2, 3], [1, 3, 3], [1, 2, 4]] {
            assert_ne!(at([1, 2, 3]), at(other));
        }
        assert!((0..50).all(|row| at([1, 1, row]).iter().all(|pixel| (0.0..=1.0).contains(pixel))));
    }

    #[test]
    fn half_of_the_images_are_flipped() {
        let flip = Augment { flip: true, ..Augment::default() };
        let flipped =
            (0..1000).filter(|&row| flip.image(&[0.0, 1.0], [1, 1, 2], [1, 2], [1, 0, row])[0] == 1.0).count();
        assert!(flipped.abs_diff(500) < 80, "{flipped}");
    }

    #[test]
    fn parts_have_the_area_that_is_asked_for() {
        let mut rng = generator(1, Purpose::Augment, 0);
        let mut smallest = f64::INFINITY;
        for _ in 0..2000 {
            let Window { top, left, rows, columns } = part(0.25, [3, 40, 40], &mut rng);
            assert!(top + rows <= 40.0 && left + columns <= 40.0);
            // Rounding of sides to whole pixels.
            assert!((0.7..1.4).contains(&(rows / columns)), "{rows} {columns}");
            smallest = smallest.min(rows * columns / 1600.0);
        }
        assert!((0.23..0.3).contains(&smallest), "{smallest}");
    }

    #[test]
    fn hues_are_uniform_and_drawn_after_what_was_there_before() {
        let colour = [0.9, 0.5, 0.2];
        let drawn = |augment: Augment, row| augment.image(&colour, [3, 1, 1], [1, 1], [1, 0, row]);
        let largest = |augment: Augment, channel: usize| {
            let is = |row: &u64| drawn(augment, *row).iter().all(|&x| x <= drawn(augment, *row)[channel]);
            (0..900).filter(is).count()
        };
        // By up to half of the circle either way, every hue is as likely as any other.
        let anything = Augment { hue: 0.5, ..Augment::default() };
        for channel in 0..3 {
            assert!(largest(anything, channel).abs_diff(300) < 70, "{channel}");
        }
        // An orange of 26° stays within the third about red when it is turned by up to 30°.
        assert_eq!(largest(Augment { hue: 1.0 / 12.0, ..Augment::default() }, 0), 900);
        let both = Augment { saturation: 0.4, hue: 0.1, ..Augment::default() };
        let unturned = Augment { hue: 0.0, ..both };
        for row in 0..20 {
            let [with, without] = [both, unturned].map(|augment| drawn(augment, row));
            let ends = |colour: &[f32]| colour.iter().fold([1f32, 0.0], |[low, high], &x| [low.min(x), high.max(x)]);
            let ([low, high], [least, most]) = (ends(&with), ends(&without));
            assert!((low - least).abs() < 1e-6 && (high - most).abs() < 1e-6, "{with:?} {without:?}");
            assert_ne!(with, without);
            let plain = both.image(&[0.3, 0.8], [2, 1, 1], [1, 1], [1, 0, row]);
            assert_eq!(plain, [0.3, 0.8], "two channels have no colours");
        }
    }

    #[test]
    fn a_coin_chooses_between_the_two_ways_to_mix() {
        let both = Augment { mixup: 0.8, cutmix: 1.0, ..Augment::default() };
        let [blends, patches] = [Augment { cutmix: 0.0, ..both }, Augment { mixup: 0.0, ..both }];
        let mut blended = 0usize;
        for step in 0..1000 {
            let mixing = both.mixing(7, step, [9, 7]).unwrap();
            assert_eq!(mixing, both.mixing(7, step, [9, 7]).unwrap());
            if matches!(mixing, Mixing::Blend { .. }) {
                assert_eq!(Some(mixing), blends.mixing(7, step, [9, 7]));
                blended += 1;
            }
            assert!(matches!(patches.mixing(7, step, [9, 7]), Some(Mixing::Patch { .. })));
        }
        assert!(blended.abs_diff(500) < 80, "{blended}");
        assert_ne!(both.mixing(7, 3, [9, 7]), both.mixing(8, 3, [9, 7]));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let refused = |augment: Augment| augment.validate().unwrap_err();
        assert_eq!(refused(Augment { mixup: 0.01, ..Augment::default() }).key, "mixup");
        assert_eq!(refused(Augment { cutmix: 4.5, ..Augment::default() }).key, "cutmix");
        assert_eq!(refused(Augment { hue: 0.6, ..Augment::default() }).to_string(), "0.6 is not between 0 and 0.5");
        assert_eq!(refused(Augment { rotation: f64::NAN, ..Augment::default() }).key, "rotation");
        assert_eq!(
            refused(Augment { pad_crop: 2000, ..Augment::default() }).to_string(),
            "2000 is not between 0 and 1024"
        );
        assert_eq!(refused(Augment { brightness: -0.1, ..Augment::default() }).key, "brightness");
    }
}
