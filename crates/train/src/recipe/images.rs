//! What a recipe may say of images.

use anther_data::images::Augment;
use anther_transformer::ConfigError;

use super::validate::{Checked, refuse};
use super::{DataConfig, TaskKind};

/// The largest number that images are standardised by; one over it is the smallest deviation. Beyond it pixels would not be numbers of 32 bits any more.
const LARGEST: f64 = 1e6;

impl DataConfig {
    /// Whether the table has keys that only images have.
    pub(super) fn has_images(&self) -> bool {
        self.size.is_some() || self.mean.is_some() || self.std.is_some() || self.augment != Augment::default()
    }

    pub(super) fn validate_images(&self) -> Checked {
        if self.task != TaskKind::Images && self.has_images() {
            let reason = "size, mean, std and augment are for images; remove them or set data.task to \"images\"";
            return refuse("data", reason);
        }
        if self.size.is_some_and(|size| !(1..=4096).contains(&size)) {
            return refuse("data.size", "the side of images is not between 1 and 4096");
        }
        self.validate_standard()?;
        self.augment
            .validate()
            .map_err(|error| ConfigError::new(&format!("data.augment.{}", error.key), error.to_string()))
    }

    fn validate_standard(&self) -> Checked {
        let (mean, std) = match (&self.mean, &self.std) {
            (None, None) => return Ok(()),
            (Some(mean), Some(std)) => (mean, std),
            (Some(_), None) => return refuse("data.std", "data.mean is given without it; give both or none"),
            (None, Some(_)) => return refuse("data.mean", "data.std is given without it; give both or none"),
        };
        if mean.is_empty() {
            return refuse(
                "data.mean",
                "the list is empty; give a number for each channel, or leave data.mean and data.std out",
            );
        }
        if mean.len() != std.len() {
            let (means, deviations) = (mean.len(), std.len());
            return refuse(
                "data.std",
                format!("it has {deviations} numbers, but data.mean has {means}; give one for each channel"),
            );
        }
        if let Some(number) = mean.iter().find(|number| !(-LARGEST..=LARGEST).contains(*number)) {
            return refuse("data.mean", format!("{number} is not between {} and {LARGEST}", -LARGEST));
        }
        let least = 1.0 / LARGEST;
        match std.iter().find(|number| !(least..=LARGEST).contains(*number)) {
            Some(number) => refuse("data.std", format!("{number} is not between {least} and {LARGEST}")),
            None => Ok(()),
        }
    }
}
