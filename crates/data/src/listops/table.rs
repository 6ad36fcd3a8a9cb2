//! Files with a list and its value in each line.

use std::path::Path;

use super::{ListOpsError, encode, value};
use crate::LabelledBatch;
use crate::lines::{MAX_LINE_BYTES, checked};
use crate::packed::read_packed_text;

/// The most bytes of a file, unpacked: 2 GiB.
const MAX_BYTES: u64 = 2 << 30;

/// The lists of a file of the Long Range Arena: a line `Source`, tab, `Target`, then a list and its value in each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOpsTable {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    labels: Vec<u32>,
}

impl ListOpsTable {
    /// Reads a file, packed with gzip or not.
    ///
    /// # Errors
    /// [`ListOpsError`], also for a value that is not that of its list.
    pub fn read(path: &Path) -> Result<Self, ListOpsError> {
        ListOpsTable::parse(&read_packed_text(path, MAX_BYTES)?, &path.display().to_string())
    }

    /// Understands the text of a file; `origin` names it in messages.
    ///
    /// # Errors
    /// [`ListOpsError::Line`], and [`ListOpsError::Read`] for a NUL byte or a line of more than [`MAX_LINE_BYTES`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, ListOpsError> {
        let at = |line: usize, reason: String| ListOpsError::Line { origin: origin.to_owned(), line, reason };
        let mut lines = (1..).zip(checked(text, origin, MAX_LINE_BYTES)?.lines());
        if lines.next().map(|(_, line)| line.trim()) != Some("Source\tTarget") {
            return Err(at(1, "the first line is not `Source`, a tab, `Target`".to_owned()));
        }
        let mut table = ListOpsTable { starts: vec![0], ..ListOpsTable::default() };
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let (source, target) =
                line.split_once('\t').ok_or_else(|| at(number, "there is no tab between list and value".to_owned()))?;
            let tokens = encode(source).map_err(|error| at(number, error.to_string()))?;
            let found = value(&tokens).map_err(|error| at(number, error.to_string()))?;
            if target.trim().parse() != Ok(found) {
                return Err(at(number, format!("the value of this list is {found}, not `{}`", target.trim())));
            }
            table.tokens.extend(tokens);
            table.starts.push(table.tokens.len());
            table.labels.push(found);
        }
        if table.is_empty() {
            return Err(at(2, "there are no lists".to_owned()));
        }
        Ok(table)
    }

    /// Number of lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no lists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Tokens of the longest list.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// The value of each list.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The tokens of a list.
    ///
    /// # Panics
    /// If there is no such list.
    #[must_use]
    pub fn list(&self, index: usize) -> &[u32] {
        &self.tokens[self.starts[index]..self.starts[index + 1]]
    }

    /// The lists of these numbers in the place of a batch, in rows of `longest` tokens.
    ///
    /// # Panics
    /// If there is no such list, or one is longer.
    pub fn refill(&self, lists: &[usize], longest: usize, batch: &mut LabelledBatch) {
        batch.clear();
        for &index in lists {
            batch.push_tokens(self.list(index), longest, self.labels[index]);
        }
    }
}
