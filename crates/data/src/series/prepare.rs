//! From files as they are to series that a model can read: no gaps, one scale, one length.

use std::path::{Path, PathBuf};

use super::{Series, SeriesError, SeriesSet};
use crate::{DataDir, LabelledBatch};

/// The most numbers of both parts together, padding included: 2³⁰, which is 4 GiB.
pub const MAX_SERIES_NUMBERS: usize = 1 << 30;

/// A data set of series, ready to be classified: a training and a test part with the same channels, classes and scale.
///
/// - A missing value is put on the straight line between its neighbours; before the first and after the last known value that value is repeated. A channel
///   without any value is 0.
/// - A channel that is shorter than another of the same case is filled up with its last value.
/// - Every channel is standardised by the mean and the deviation (of a sample: divided by n − 1) of all steps of all training cases, `(x − mean) / deviation`;
///   a channel that never changes is only shifted.
/// - Shorter series are filled up with zeros at the end, to the length of the longest of both parts.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedSeries {
    /// Channels of every case.
    pub channels: usize,
    /// Steps of every case, padding included.
    pub longest: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What is trained on.
    pub train: SeriesPart,
    /// What is tested with.
    pub test: SeriesPart,
    /// Mean and deviation of each channel, as the files have it.
    pub scale: Vec<[f64; 2]>,
}

/// One part of a data set of series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesPart {
    /// The numbers, `[cases, longest, channels]`.
    pub values: Vec<f32>,
    /// Steps of each case that are no padding.
    pub lengths: Vec<usize>,
    /// The class of each case.
    pub labels: Vec<u32>,
}

impl PreparedSeries {
    /// The data set in a folder named `name` (below `uea` in the data directory, or a path): a file `…_TRAIN.ts` and one `…_TEST.ts`, packed with gzip or not.
    /// `learned` chooses by their classes the training cases that standardise all.
    ///
    /// # Errors
    /// [`SeriesError`], also if the folder does not have just one file of either kind.
    pub fn load(name: &str, data: &DataDir, learned: impl Fn(&[u32]) -> Vec<usize>) -> Result<Self, SeriesError> {
        let folder = data.folder(name, Some("uea"))?;
        let [train, test] = [part_file(&folder, "_TRAIN")?, part_file(&folder, "_TEST")?];
        let origins = [train.display().to_string(), test.display().to_string()];
        let [train, test] = [SeriesSet::read(&train)?, SeriesSet::read(&test)?];
        PreparedSeries::new(train, test, [&origins[0], &origins[1]], learned)
    }

    /// Prepares two parts; `origins` name them in messages, and `learned` chooses by their classes the training cases whose statistics standardise all.
    ///
    /// # Errors
    /// [`SeriesError::Parts`] if they do not belong together, have a case without a single step, or are too large.
    ///
    /// # Panics
    /// If `learned` chooses a case that does not exist.
    pub fn new(
        mut train: SeriesSet,
        mut test: SeriesSet,
        origins: [&str; 2],
        learned: impl Fn(&[u32]) -> Vec<usize>,
    ) -> Result<Self, SeriesError> {
        let refused = |part: usize, reason: String| SeriesError::Parts { origin: origins[part].to_owned(), reason };
        let channels = train.channels;
        if test.channels != channels {
            let reason = format!("{} channels, but the training cases have {channels}", test.channels);
            return Err(refused(1, reason));
        }
        for (number, case) in (1..).zip(&mut test.cases) {
            let name = &test.classes[case.class];
            case.class = train.classes.binary_search(name).map_err(|_| {
                refused(1, format!("case {number} has the class `{name}`, which no training case and no header names"))
            })?;
        }
        for (part, set) in [(0, &mut train), (1, &mut test)] {
            for (number, case) in (1..).zip(&mut set.cases) {
                fill(case).map_err(|reason| refused(part, format!("case {number} {reason}")))?;
            }
        }
        let longest = train.cases.iter().chain(&test.cases).map(Series::length).max().unwrap_or(0);
        let cases = train.cases.len() + test.cases.len();
        if cases
            .checked_mul(longest)
            .and_then(|steps| steps.checked_mul(channels))
            .is_none_or(|n| n > MAX_SERIES_NUMBERS)
        {
            let reason = format!("{cases} cases of {longest} steps and {channels} channels are too many to be kept");
            return Err(refused(0, reason));
        }
        let labels: Vec<u32> = train.cases.iter().map(|case| case.class as u32).collect();
        let cases: Vec<&Series> = learned(&labels).into_iter().map(|case| &train.cases[case]).collect();
        let scale: Vec<[f64; 2]> = (0..channels).map(|channel| moments(&cases, channel)).collect();
        let [train_part, test_part] = [&train, &test].map(|set| part(&set.cases, longest, &scale));
        Ok(PreparedSeries { channels, longest, classes: train.classes, train: train_part, test: test_part, scale })
    }
}

impl SeriesPart {
    /// Number of cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no cases.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The cases of these numbers in the place of a batch: numbers `[rows, longest, channels]`, lengths and labels.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn refill(&self, cases: &[usize], batch: &mut LabelledBatch) {
        batch.clear();
        let size = self.values.len() / self.len().max(1);
        for &case in cases {
            batch.numbers.extend_from_slice(&self.values[case * size..][..size]);
            batch.lengths.push(self.lengths[case]);
            batch.labels.push(self.labels[case]);
        }
    }
}

/// The one file of a folder whose name ends with this and `.ts`, packed or not.
fn part_file(folder: &Path, part: &str) -> Result<PathBuf, SeriesError> {
    let refused = |reason: String| SeriesError::Parts { origin: folder.display().to_string(), reason };
    let entries = folder.read_dir().map_err(|error| refused(format!("it cannot be listed: {error}")))?;
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_suffix(".gz").unwrap_or(&name).strip_suffix(".ts").is_some_and(|name| name.ends_with(part))
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named).collect();
    found.sort();
    match &mut found[..] {
        [] => Err(refused(format!("there is no file NAME{part}.ts or NAME{part}.ts.gz in this folder"))),
        [one] => Ok(std::mem::take(one)),
        [first, second, ..] => {
            let [first, second] = [first, second].map(|path| path.file_name().unwrap_or_default().to_string_lossy());
            Err(refused(format!("both {first} and {second} could be meant; keep one")))
        }
    }
}

/// Makes all channels of a case as long as the longest, without gaps.
fn fill(case: &mut Series) -> Result<(), String> {
    let length = case.length();
    if length == 0 {
        return Err("has no values".to_owned());
    }
    for channel in &mut case.values {
        interpolate(channel);
        channel.resize(length, channel.last().copied().unwrap_or(0.0));
    }
    Ok(())
}

/// Puts missing values (NaN) on the line between the known ones around them.
fn interpolate(values: &mut [f32]) {
    let known: Vec<usize> = (0..values.len()).filter(|&step| !values[step].is_nan()).collect();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
        values.fill(0.0);
        return;
    };
    let (start, end) = (values[first], values[last]);
    values[..first].fill(start);
    values[last + 1..].fill(end);
    for pair in known.windows(2) {
        let (from, to) = (f64::from(values[pair[0]]), f64::from(values[pair[1]]));
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
        let width = (pair[1] - pair[0]) as f64;
        for (i, value) in (1..).zip(&mut values[pair[0] + 1..pair[1]]) {
            *value = (from + (to - from) * f64::from(i) / width) as f32;
        }
    }
}

/// Mean and deviation of a channel over all steps; a deviation of 1 for a channel that never changes.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
fn moments(cases: &[&Series], channel: usize) -> [f64; 2] {
    let values = || cases.iter().flat_map(|case| &case.values[channel]).map(|&value| f64::from(value));
    let count = values().count();
    let mean = values().sum::<f64>() / count.max(1) as f64;
    let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / count.saturating_sub(1).max(1) as f64).sqrt();
    // Rounding leaves a little where there is nothing; a test value divided by that would be enormous.
    [mean, if deviation > 1e-9 * mean.abs() && deviation > 1e-30 { deviation } else { 1.0 }]
}

fn part(cases: &[Series], longest: usize, scale: &[[f64; 2]]) -> SeriesPart {
    let mut values = vec![0.0; cases.len() * longest * scale.len()];
    for (case, rows) in cases.iter().zip(values.chunks_exact_mut((longest * scale.len()).max(1))) {
        for (channel, &[mean, deviation]) in scale.iter().enumerate() {
            for (row, &value) in rows.chunks_exact_mut(scale.len()).zip(&case.values[channel]) {
                row[channel] = ((f64::from(value) - mean) / deviation) as f32;
            }
        }
    }
    SeriesPart {
        values,
        lengths: cases.iter().map(Series::length).collect(),
        labels: cases.iter().map(|case| case.class as u32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::interpolate;

    #[test]
    fn gaps_are_bridged_and_ends_repeated() {
        let gap = f32::NAN;
        for (mut values, filled) in [
            (vec![gap, 1.0, gap, gap, 4.0, gap], vec![1.0, 1.0, 2.0, 3.0, 4.0, 4.0]),
            (vec![gap, gap], vec![0.0, 0.0]),
            (vec![gap, -2.0], vec![-2.0, -2.0]),
            (vec![], vec![]),
            (vec![1.0, gap, 0.0], vec![1.0, 0.5, 0.0]),
        ] {
            interpolate(&mut values);
            assert_eq!(values, filled);
        }
    }
}
