//! Labelled series of numbers: the `.ts` files of the UEA and UCR archives.
//!
//! ```
//! use anther_data::series::SeriesSet;
//!
//! let text = "@problemName Steps\n@classLabel true walk run\n@data\n1,2,3:0.5,0.25:walk\n1,?:0.5,0.25:run\n";
//! let set = SeriesSet::parse(text, "steps.ts")?;
//! assert_eq!((set.channels, set.cases.len(), &set.classes[..]), (2, 2, &["run".to_owned(), "walk".to_owned()][..]));
//! assert_eq!((set.cases[0].class, set.cases[0].length()), (1, 3));
//! # Ok::<(), anther_data::series::SeriesError>(())
//! ```

mod header;
mod line;
mod prepare;

use std::path::Path;

use header::Header;
pub use prepare::{MAX_SERIES_NUMBERS, PreparedSeries, SeriesPart};
use thiserror::Error;

use crate::DataError;
use crate::lines::checked;
use crate::packed::{ReadError, read_packed_text};

/// The most bytes of a file, unpacked: 1 GiB.
pub const MAX_SERIES_BYTES: u64 = 1 << 30;
/// The most bytes of a line, 16 MiB: a case is one line, and the longest of the archives have a few.
pub const MAX_SERIES_LINE: usize = 16 << 20;
/// The most cases of a file: the largest sets of the archives have some ten thousand, and each takes more memory than bytes of the file.
pub const MAX_SERIES_CASES: usize = 1_000_000;
/// The most channels of a case: the archives have up to 1,345, and an empty one takes more memory than bytes of the file.
pub const MAX_SERIES_CHANNELS: usize = 4096;
/// The most values of a channel: the archives have up to 18,000, and all cases are filled up to the longest.
pub const MAX_SERIES_STEPS: usize = 1_000_000;

/// What is wrong with a file of series, and in which line.
#[derive(Debug, Error)]
pub enum SeriesError {
    /// The file cannot be read, or is no text.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A folder without the files of a data set, or files that cannot be the parts of one.
    #[error("{origin}: {reason}")]
    Parts {
        /// The folder or the file.
        origin: String,
        /// What is wrong, and how to mend it.
        reason: String,
    },
    /// A line that is not what it should be; line 0 is the file as a whole.
    #[error("{origin}, line {line}: {reason}")]
    Line {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and how to mend it.
        reason: String,
    },
}

/// Series with a class each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSet {
    /// What `@problemName` says.
    pub name: String,
    /// Channels of every case.
    pub channels: usize,
    /// Names of the classes, sorted: the class of a case is a place in this list.
    pub classes: Vec<String>,
    /// The cases in the order of the file.
    pub cases: Vec<Series>,
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The values of each channel, NaN where one is missing. Channels may differ in length.
    pub values: Vec<Vec<f32>>,
    /// The place of its class in [`SeriesSet::classes`].
    pub class: usize,
}

impl Series {
    /// Values of the longest channel.
    #[must_use]
    pub fn length(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }
}

impl SeriesSet {
    /// Reads a `.ts` file, packed with gzip or not.
    ///
    /// # Errors
    /// [`SeriesError`].
    pub fn read(path: &Path) -> Result<Self, SeriesError> {
        let text = read_packed_text(path, MAX_SERIES_BYTES)?;
        SeriesSet::parse(&text, &path.display().to_string())
    }

    /// Understands the text of a `.ts` file; `origin` names it in messages.
    ///
    /// Tags are compared without regard to case, and all but `@data` may be missing. Channels are divided by `:`, values by `,`, the class comes last. `?` and
    /// `NaN` are missing values; with `@timeStamps true` a value is `(stamp,value)`, and the stamps are left out.
    ///
    /// # Errors
    /// [`SeriesError::Line`], and [`SeriesError::Read`] for a NUL byte or a line of more than [`MAX_SERIES_LINE`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, SeriesError> {
        let at = |line: usize, reason: String| SeriesError::Line { origin: origin.to_owned(), line, reason };
        let mut header = Header::default();
        let mut channels = header.channels;
        let mut found: Vec<(Vec<Vec<f32>>, &str)> = Vec::new();
        let mut in_data = false;
        for (number, line) in (1..).zip(checked(text, origin, MAX_SERIES_LINE)?.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !in_data {
                in_data = header.take(line).map_err(|reason| at(number, reason))?;
                channels = header.channels;
                continue;
            }
            if found.len() == MAX_SERIES_CASES {
                let reason = format!("there are more than {MAX_SERIES_CASES} cases; divide the file");
                return Err(at(number, reason));
            }
            let (values, class) = line::case(line, header.stamped).map_err(|reason| at(number, reason))?;
            let expected = *channels.get_or_insert(values.len());
            if values.len() != expected {
                let reason =
                    format!("{} channels, where there are {expected} before; divide channels by `:`", values.len());
                return Err(at(number, reason));
            }
            header.check_class(class).map_err(|reason| at(number, reason))?;
            found.push((values, class));
        }
        if !in_data {
            return Err(at(0, "there is no @data; it is no .ts file, or it was cut off".into()));
        }
        if found.is_empty() {
            return Err(at(0, "there are no cases after @data".into()));
        }
        let mut classes = header.classes;
        if classes.is_empty() {
            classes = found.iter().map(|(_, class)| (*class).to_owned()).collect();
        }
        classes.sort_unstable();
        classes.dedup();
        let place =
            |class: &str| classes.binary_search_by(|known| known.as_str().cmp(class)).expect("every class is listed");
        let cases = found.into_iter().map(|(values, class)| Series { values, class: place(class) }).collect();
        Ok(SeriesSet { name: header.name, channels: channels.unwrap_or(0), classes, cases })
    }
}
