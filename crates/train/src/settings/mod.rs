//! Settings from a TOML text and `--set key=value` edits, typed strictly.
//!
//! The text becomes a table, the edits change the table, and only then is it typed. The target type refuses unknown keys
//! (`serde(deny_unknown_fields)`); what it refuses is reported with the full path of the key, where it came from, and the
//! nearest key that exists.

mod edit;
mod error;
mod suggest;

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use edit::Edit;
pub use error::SettingsError;
pub use suggest::nearest;

/// The most bytes of a settings text, 256 KiB.
pub const TEXT_LIMIT: usize = 256 << 10;
/// The most tables and lists inside each other.
pub const DEPTH_LIMIT: usize = 16;

/// Keys that an edit of another key makes void.
#[derive(Clone, Copy, Debug)]
pub struct Replacement {
    /// The path of the key that is edited.
    pub key: &'static str,
    /// The paths of the keys that a text says no longer after it.
    pub others: &'static [&'static str],
}

/// Reads settings.
///
/// `origin` names the text in messages: a file name, or what stands for one. Each edit is `key.path=value`; the value is a
/// TOML value, and what is not one is taken as a string, so that `data.path=notes.txt` needs no quotes.
///
/// # Errors
/// [`SettingsError`] for a text that is too long, nested too deep or not TOML, for an edit that cannot be understood, and for
/// an unknown key or a value of the wrong type.
///
/// ```
/// #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
/// #[serde(deny_unknown_fields, default)]
/// struct Oven { degrees: u32, fan: bool }
///
/// use anther_train::settings;
/// let oven: Oven = settings::read("degrees = 180", "oven.toml", &["fan=true"])?;
/// assert_eq!((oven.degrees, oven.fan), (180, true));
///
/// let error = settings::read::<Oven>("degree = 180", "oven.toml", &[] as &[&str]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "oven.toml has the unknown key `degree`; did you mean `degrees`?",
/// );
/// # Ok::<(), settings::SettingsError>(())
/// ```
pub fn read<T>(text: &str, origin: &str, edits: &[impl AsRef<str>]) -> Result<T, SettingsError>
where
    T: Serialize + DeserializeOwned + Default,
{
    read_replacing(text, origin, edits, &[])
}

/// As [`read`], where some keys say one thing together.
///
/// An edit that gives such a key another value takes the other keys of its [`Replacement`] out of the text, wherever it stands among the edits: what these set themselves stays.
///
/// # Errors
/// As [`read`].
pub fn read_replacing<T>(
    text: &str,
    origin: &str,
    edits: &[impl AsRef<str>],
    replacements: &[Replacement],
) -> Result<T, SettingsError>
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut table = parse(text, origin)?;
    let edits: Vec<Edit> = edits.iter().map(|argument| Edit::parse(argument.as_ref())).collect::<Result<_, _>>()?;
    for replacement in replacements {
        if edits.iter().any(|edit| edit.changes(replacement.key, &table)) {
            replacement.others.iter().for_each(|key| edit::remove(&mut table, key));
        }
    }
    edits.iter().try_for_each(|edit| edit.apply(&mut table))?;
    if depth(&table) > DEPTH_LIMIT {
        return Err(SettingsError::TooDeep { origin: origin.to_owned() });
    }
    // The error of the conversion holds the path and, for an unknown key, the keys that are known in its place.
    table.try_into().map_err(|error| refused::<T>(&error, origin, &edits))
}

/// The settings as TOML; reading it back gives the same settings.
///
/// # Errors
/// [`SettingsError::Write`] for a type that TOML cannot express.
pub fn write<T: Serialize>(settings: &T) -> Result<String, SettingsError> {
    toml::to_string(settings).map_err(|error| SettingsError::Write { reason: error.to_string() })
}

fn parse(text: &str, origin: &str) -> Result<Table, SettingsError> {
    if text.len() > TEXT_LIMIT {
        return Err(SettingsError::TooLong { origin: origin.to_owned(), bytes: text.len() });
    }
    text.parse::<Table>().map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..start];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let reason = error::one_line(error.message());
        SettingsError::Syntax { origin: origin.to_owned(), line, reason }
    })
}

fn depth(table: &Table) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Table(table) => depth(table),
            Value::Array(list) => 1 + list.iter().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + table.values().map(of).max().unwrap_or(0)
}

/// Turns what serde said into a sentence about a key.
fn refused<T: Serialize + Default>(error: &toml::de::Error, origin: &str, edits: &[Edit]) -> SettingsError {
    let complaint = error::Complaint::new(error);
    // The last edit that set the key, something inside it or something around it is to blame; the text otherwise.
    let edit = edits.iter().rev().find(|edit| edit.touches(&complaint.path()));
    let origin = edit.map_or_else(|| origin.to_owned(), |edit| format!("the argument `--set {}`", edit.argument));
    let defaults = Table::try_from(T::default()).unwrap_or_default();
    complaint.into_error(origin, &defaults)
}
