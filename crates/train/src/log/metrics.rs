//! `metrics.jsonl` and `metrics.csv` as one log that can be cut back to where a checkpoint was saved.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json};

use super::{CsvTable, JsonLines, LogError};
use crate::fs::FsError;

/// The log as JSON objects, one a line.
pub const METRICS_JSONL: &str = "metrics.jsonl";
/// The log as a table.
pub const METRICS_CSV: &str = "metrics.csv";

/// The most bytes of one line, 64 KiB.
const LINE_LIMIT: u64 = 64 << 10;

/// A number in a log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// A measure. Written so that reading it back gives the same bits; what is not finite is `null` in JSON.
    Real(f64),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl Value {
    fn json(self) -> Json {
        match self {
            Self::Count(count) => count.into(),
            Self::Real(real) => Number::from_f64(real).map_or(Json::Null, Json::Number),
        }
    }

    fn cell(self) -> String {
        match self {
            Self::Real(real) if !real.is_finite() => real.to_string(),
            _ => self.json().to_string(),
        }
    }
}

/// Where both files of a log end; part of the training state in a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Bytes of `metrics.jsonl`.
    pub jsonl: u64,
    /// Bytes of `metrics.csv`.
    pub csv: u64,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The step.
    pub step: u64,
    /// The metrics that are there, in the order of the file; `None` for one that was not finite.
    pub values: Vec<(String, Option<f64>)>,
}

/// Writes every line to both files.
///
/// ```
/// use anther_train::log::{MetricsLog, read_rows, METRICS_JSONL};
/// let dir = tempfile::tempdir()?;
/// let mut log = MetricsLog::create(dir.path(), &["train_loss", "lr"])?;
/// log.append(1, &[("train_loss", 2.5.into()), ("lr", 1e-3.into())])?;
/// assert_eq!(read_rows(&dir.path().join(METRICS_JSONL))?[0].values[0], ("train_loss".to_owned(), Some(2.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetricsLog {
    columns: Vec<String>,
    jsonl: JsonLines,
    csv: CsvTable,
}

impl MetricsLog {
    /// New files in `dir`. The columns are `step` and those given.
    ///
    /// # Errors
    /// [`LogError::Fs`], also when the files exist.
    pub fn create(dir: &Path, columns: &[&str]) -> Result<Self, LogError> {
        let columns = with_step(columns);
        let jsonl = JsonLines::create(&dir.join(METRICS_JSONL))?;
        let csv = CsvTable::create(&dir.join(METRICS_CSV), &columns)?;
        Ok(Self { columns, jsonl, csv })
    }

    /// The files in `dir`, cut back to `position`: what was written after the checkpoint will be written again.
    ///
    /// # Errors
    /// [`LogError::Fs`], and [`LogError::Position`] when the files cannot be those of the checkpoint.
    pub fn resume(dir: &Path, columns: &[&str], position: LogPosition) -> Result<Self, LogError> {
        let columns = with_step(columns);
        let csv = CsvTable::resume(&dir.join(METRICS_CSV), &columns, position.csv)?;
        let jsonl = JsonLines::resume(&dir.join(METRICS_JSONL), position.jsonl)?;
        Ok(Self { columns, jsonl, csv })
    }

    /// Appends a line; the metrics appear in the order of the columns, those that are not given stay empty.
    ///
    /// # Errors
    /// [`LogError::Column`] for a metric without a column (nothing is written), [`LogError::Fs`].
    pub fn append(&mut self, step: u64, values: &[(&str, Value)]) -> Result<(), LogError> {
        if let Some((name, _)) = values.iter().find(|(name, _)| !self.columns[1..].iter().any(|known| known == name)) {
            return Err(LogError::Column { name: (*name).to_owned(), columns: self.columns[1..].to_vec() });
        }
        let mut object = Map::new();
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let value = if column == "step" {
                Some(Value::Count(step))
            } else {
                values.iter().find(|(name, _)| name == column).map(|&(_, value)| value)
            };
            if let Some(value) = value {
                object.insert(column.clone(), value.json());
            }
            cells.push(value.map_or_else(String::new, Value::cell));
        }
        self.jsonl.append(&object)?;
        self.csv.append(&cells)
    }

    /// Forces both files to the disk and returns where they end. To be called before the checkpoint that keeps it.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn sync(&self) -> Result<LogPosition, LogError> {
        Ok(LogPosition { jsonl: self.jsonl.sync()?, csv: self.csv.sync()? })
    }
}

fn with_step(columns: &[&str]) -> Vec<String> {
    ["step"].iter().chain(columns).map(|&column| column.to_owned()).collect()
}

/// All lines of a `metrics.jsonl`. A last line without a newline, cut off by a crash, is left out.
///
/// # Errors
/// [`LogError::Fs`], and [`LogError::Line`] for a line that is too long or no object of numbers with a `step`.
pub fn read_rows(path: &Path) -> Result<Vec<Row>, LogError> {
    let mut reader = BufReader::new(File::open(path).map_err(FsError::at("open", path))?);
    let mut rows = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        let wrong = |reason: &str| LogError::Line { path: path.to_path_buf(), line, reason: reason.to_owned() };
        text.clear();
        let mut limited = reader.by_ref().take(LINE_LIMIT);
        let read = limited.read_until(b'\n', &mut text).map_err(FsError::at("read", path))?;
        if text.last() != Some(&b'\n') {
            if read as u64 == LINE_LIMIT {
                return Err(wrong("the line is longer than 64 KiB"));
            }
            break;
        }
        let object: Map<String, Json> =
            serde_json::from_slice(&text).map_err(|error| wrong(&format!("it is not a JSON object: {error}")))?;
        let step = object.get("step").and_then(Json::as_u64).ok_or_else(|| wrong("it has no whole number `step`"))?;
        let mut values = Vec::with_capacity(object.len());
        for (name, value) in object.into_iter().filter(|(name, _)| name != "step") {
            if !value.is_null() && !value.is_number() {
                return Err(wrong(&format!("`{name}` is not a number")));
            }
            values.push((name, value.as_f64()));
        }
        rows.push(Row { step, values });
    }
    Ok(rows)
}
