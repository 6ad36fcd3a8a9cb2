//! Sentences in two languages, line by line: plain text, the `train.tags` files of IWSLT, and the XML and SGML files of IWSLT and WMT; all of them packed with
//! gzip or not.
//!
//! ```
//! use anther_data::parallel::{ParallelText, sentences};
//!
//! assert_eq!(sentences("<doc>\n<seg id=\"1\"> Two &amp; two </seg>\n</doc>\n"), ["Two & two"]);
//! assert_eq!(sentences("<url>http://x</url>\n<title>A talk</title>\nHello.\n"), ["A talk", "Hello."]);
//! let text = ParallelText::of_sides("ein Hund\n\n", "a dog\nnothing\n", ["de", "en"])?;
//! assert_eq!((text.pairs.len(), text.dropped), (1, 1));
//! let text = ParallelText::all_of_sides("ein Hund\n\n", "a dog\nnothing\n", ["de", "en"])?;
//! assert_eq!((&text.pairs[1], text.dropped), (&["".to_owned(), "nothing".to_owned()], 0));
//! # Ok::<(), anther_data::parallel::ParallelError>(())
//! ```

mod batches;
mod locate;

use std::path::{Path, PathBuf};

pub use batches::{BatchLimit, PairBatches, PairEpoch};
pub use locate::{Part, find};
use thiserror::Error;

use crate::lines::{MAX_LINE_BYTES, checked};
use crate::packed::{ReadError, read_packed_text};

/// The most bytes of a side, unpacked: 2 GiB.
pub const MAX_SIDE_BYTES: u64 = 2 << 30;

/// What is wrong with two files of sentences.
#[derive(Debug, Error)]
pub enum ParallelError {
    /// A side cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sides have different numbers of sentences.
    #[error("{source_name} has {sources} sentences, but {target_name} has {targets}; give two sides of the same text")]
    Lengths {
        /// The file of one side.
        source_name: String,
        /// Its sentences.
        sources: usize,
        /// The file of the other side.
        target_name: String,
        /// Its sentences.
        targets: usize,
    },
    /// A part has no files.
    #[error(
        "the folder {} has no {part} text in {} and {}: no two files with the names {names} for both languages, such as {}.{}.gz; name the part with \
         data.{part}, or fetch the data set", folder.display(), languages[0], languages[1], names.split(',').next().unwrap_or_default(), languages[0]
    )]
    NotFound {
        /// Which part.
        part: &'static str,
        /// Where it was looked for.
        folder: PathBuf,
        /// The languages of source and target.
        languages: [String; 2],
        /// The names that were tried.
        names: String,
    },
    /// There are no pairs.
    #[error("{source_name} and {target_name} have no pair of sentences in which neither is empty")]
    Empty {
        /// The file of one side.
        source_name: String,
        /// The file of the other side.
        target_name: String,
    },
}

/// Pairs of sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParallelText {
    /// Source and target, without white space around them.
    pub pairs: Vec<[String; 2]>,
    /// Pairs that were left out because a side is empty.
    pub dropped: usize,
}

impl ParallelText {
    /// Reads two files whose sentences belong together one by one, to learn from them: pairs with an empty side are left out and counted.
    ///
    /// # Errors
    /// [`ParallelError`].
    pub fn read(source: &Path, target: &Path) -> Result<Self, ParallelError> {
        Ok(ParallelText::read_all(source, target)?.without_empty())
    }

    /// Reads two files with all their pairs, to score answers: what is empty is an empty sentence, so that answers are line by line those of the file, and a
    /// score counts as many sentences as others have counted.
    ///
    /// # Errors
    /// [`ParallelError`].
    pub fn read_all(source: &Path, target: &Path) -> Result<Self, ParallelError> {
        let names = [source, target].map(|path| path.display().to_string());
        let [one, other] = [read_packed_text(source, MAX_SIDE_BYTES)?, read_packed_text(target, MAX_SIDE_BYTES)?];
        ParallelText::all_of_sides(&one, &other, [&names[0], &names[1]])
    }

    /// The same as [`read`](Self::read) for texts that are in memory; `names` are for messages.
    ///
    /// # Errors
    /// As [`all_of_sides`](Self::all_of_sides).
    pub fn of_sides(source: &str, target: &str, names: [&str; 2]) -> Result<Self, ParallelError> {
        Ok(ParallelText::all_of_sides(source, target, names)?.without_empty())
    }

    /// The same as [`read_all`](Self::read_all) for texts that are in memory; `names` are for messages.
    ///
    /// # Errors
    /// [`ParallelError::Lengths`], [`ParallelError::Empty`], and [`ParallelError::Read`] for a NUL byte or a line of more than [`MAX_LINE_BYTES`].
    pub fn all_of_sides(source: &str, target: &str, names: [&str; 2]) -> Result<Self, ParallelError> {
        let side = |text, name| Ok::<_, ReadError>(sentences(checked(text, name, MAX_LINE_BYTES)?));
        let (sources, targets) = (side(source, names[0])?, side(target, names[1])?);
        let [source_name, target_name] = names.map(str::to_owned);
        if sources.len() != targets.len() {
            let (sources, targets) = (sources.len(), targets.len());
            return Err(ParallelError::Lengths { source_name, sources, target_name, targets });
        }
        let pairs: Vec<_> = sources.into_iter().zip(targets).map(|(source, target)| [source, target]).collect();
        if !pairs.iter().any(is_full) {
            return Err(ParallelError::Empty { source_name, target_name });
        }
        Ok(ParallelText { pairs, dropped: 0 })
    }

    /// Leaves out what nothing can be learned from.
    fn without_empty(mut self) -> Self {
        let all = self.pairs.len();
        self.pairs.retain(is_full);
        self.dropped += all - self.pairs.len();
        self
    }
}

/// Whether neither side is empty.
fn is_full(pair: &[String; 2]) -> bool {
    pair.iter().all(|side| !side.is_empty())
}

/// Tags of `train.tags` files whose lines are about a talk and are no sentences.
const ABOUT: [&str; 8] = ["<url>", "<talkid>", "<keywords>", "<speaker>", "<reviewer", "<translator", "<doc", "</doc>"];

/// The sentences of one side, without white space around them; empty ones stay, because they have a partner.
///
/// With a line that begins with `<seg id` it is XML or SGML, and these lines are the sentences. With one that begins with `<url>` or `<talkid>` it is a
/// `train.tags` file: titles and descriptions are sentences, what else is about a talk is none. Anything else is plain text, a sentence a line.
#[must_use]
pub fn sentences(text: &str) -> Vec<String> {
    let lines = || text.lines().map(str::trim);
    let is_seg = |line: &&str| line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("<seg id"));
    if lines().any(|line| is_seg(&line)) {
        return lines().filter(is_seg).map(|line| unescaped(&without_tags(line))).collect();
    }
    if lines().any(|line| line.starts_with("<url>") || line.starts_with("<talkid>")) {
        let sentences = lines().filter(|line| !ABOUT.iter().any(|tag| line.starts_with(tag)));
        return sentences.map(untitled).collect();
    }
    lines().map(str::to_owned).collect()
}

/// What stands between tags.
fn without_tags(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// The text of a title or a description, and any other line as it is: a sentence may have angle brackets.
fn untitled(line: &str) -> String {
    let is_title = ["<title>", "<description>"].iter().any(|tag| line.starts_with(tag));
    if is_title { without_tags(line) } else { line.to_owned() }
}

/// The five names that XML has for characters; `&amp;` last, so that `&amp;lt;` becomes `&lt;`.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}
