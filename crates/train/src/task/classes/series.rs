//! Series of numbers.

use anther_data::series::{PreparedSeries, SeriesPart};
use anther_data::{DataDir, LabelledBatch};
use anther_transformer::ExampleForm;

use super::{Part, Source, Split};
use crate::recipe::DataConfig;
use crate::task::TaskError;
use crate::task::fingerprint::Fingerprint;

pub(super) struct SeriesSource(PreparedSeries);

impl SeriesSource {
    pub(super) fn new(config: &DataConfig, data: &DataDir, split: Split<'_>) -> Result<Self, TaskError> {
        let name = config.name.as_deref().ok_or(TaskError::Kind)?;
        Ok(SeriesSource(PreparedSeries::load(name, data, |labels| split(labels).0)?))
    }

    fn part(&self, part: Part) -> &SeriesPart {
        match part {
            Part::Train | Part::Validation => &self.0.train,
            Part::Test => &self.0.test,
        }
    }
}

impl Source for SeriesSource {
    fn form(&self) -> ExampleForm {
        ExampleForm::Series { channels: self.0.channels, longest: self.0.longest }
    }

    fn classes(&self) -> usize {
        self.0.classes.len()
    }

    fn count(&self, part: Part) -> usize {
        if part == Part::Validation { 0 } else { self.part(part).len() }
    }

    fn labels(&self) -> Vec<u32> {
        self.0.train.labels.clone()
    }

    fn plain(&self, part: Part, examples: &[usize], batch: &mut LabelledBatch) -> Result<(), TaskError> {
        self.part(part).refill(examples, batch);
        Ok(())
    }

    fn digest(&self, digest: &mut Fingerprint) {
        for part in [&self.0.train, &self.0.test] {
            digest.bytes((part.len() as u64).to_le_bytes());
            for values in part.values.chunks(4096) {
                digest.bytes(values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
            }
            for (length, label) in part.lengths.iter().zip(&part.labels) {
                digest.bytes((*length as u64).to_le_bytes());
                digest.bytes(label.to_le_bytes());
            }
        }
    }
}
