//! Images with augmentation.

use anther_data::images::{ImageDataSet, ImageSet, ImageViews, Standard};
use anther_data::{DataDir, LabelledBatch};
use anther_transformer::ExampleForm;

use super::{Part, Source, Split};
use crate::recipe::DataConfig;
use crate::task::TaskError;
use crate::task::fingerprint::Fingerprint;

pub(super) struct Images {
    set: ImageDataSet,
    views: ImageViews,
}

impl Images {
    pub(super) fn new(config: &DataConfig, data: &DataDir, split: Split<'_>) -> Result<Self, TaskError> {
        let name = config.name.as_deref().ok_or(TaskError::Kind)?;
        let set = ImageDataSet::load(name, config.size, data)?;
        let [channels, rows, columns] = set.train.shape;
        let size = config.size.map_or([rows, columns], |size| [size, size]);
        let standard = match config.standard() {
            Some(standard) if standard.channels() != channels => {
                return Err(TaskError::Channels { given: standard.channels(), channels });
            }
            Some(standard) => standard,
            None => Standard::of(&set.train, &split(&labels(&set.train)).0),
        };
        let views = ImageViews::new(standard, size, config.augment);
        Ok(Images { set, views })
    }

    fn part(&self, part: Part) -> &ImageSet {
        match part {
            Part::Train | Part::Validation => &self.set.train,
            Part::Test => &self.set.test,
        }
    }
}

fn labels(set: &ImageSet) -> Vec<u32> {
    set.labels.iter().map(|&label| label.into()).collect()
}

impl Source for Images {
    fn form(&self) -> ExampleForm {
        ExampleForm::Images { shape: self.views.shape() }
    }

    fn classes(&self) -> usize {
        self.set.classes
    }

    fn count(&self, part: Part) -> usize {
        if part == Part::Validation { 0 } else { self.part(part).len() }
    }

    fn labels(&self) -> Vec<u32> {
        labels(&self.set.train)
    }

    fn plain(&self, part: Part, examples: &[usize], batch: &mut LabelledBatch) -> Result<(), TaskError> {
        self.views.plain(self.part(part), examples, batch);
        Ok(())
    }

    fn trained(&self, examples: &[usize], seed: u64, step: u64, batch: &mut LabelledBatch) -> Result<(), TaskError> {
        self.views.augmented(&self.set.train, examples, seed, step, batch);
        Ok(())
    }

    fn standard(&self) -> Option<&Standard> {
        Some(self.views.standard())
    }

    fn digest(&self, digest: &mut Fingerprint) {
        for set in [&self.set.train, &self.set.test] {
            digest.bytes((set.len() as u64).to_le_bytes());
            digest.bytes(&set.pixels);
            set.labels.iter().for_each(|label| digest.bytes(label.to_le_bytes()));
        }
    }
}
