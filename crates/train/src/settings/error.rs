//! What can be wrong with settings, in sentences that name the key, where it came from and how to mend it.

use toml::Table;

use super::suggest::{key_paths, nearest};
use super::{DEPTH_LIMIT, TEXT_LIMIT};

/// What can be wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// More bytes than [`TEXT_LIMIT`].
    #[error("{origin} has {bytes} bytes, but settings have at most {TEXT_LIMIT}; is it the right file?")]
    TooLong {
        /// The text.
        origin: String,
        /// Its size.
        bytes: usize,
    },
    /// Deeper than [`DEPTH_LIMIT`].
    #[error("{origin} nests tables and lists more than {DEPTH_LIMIT} deep; settings need at most 3")]
    TooDeep {
        /// The text.
        origin: String,
    },
    /// Not TOML.
    #[error("{origin} line {line} is not TOML: {reason}")]
    Syntax {
        /// The text.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// An edit that cannot be understood or applied.
    #[error("the argument `--set {argument}` cannot be used: {reason}")]
    Edit {
        /// The argument as given.
        argument: String,
        /// Why.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{origin} has the unknown key `{key}`; {}", hint(nearest.as_deref()))]
    UnknownKey {
        /// The text or the argument that has it.
        origin: String,
        /// Its full path.
        key: String,
        /// The most similar key there is.
        nearest: Option<String>,
    },
    /// A value that does not fit its key.
    #[error("{origin} gives `{key}` a wrong value: {reason}")]
    WrongValue {
        /// The text or the argument that has it.
        origin: String,
        /// Its full path.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A required key that is not there.
    #[error("{origin} does not set `{key}`, which has no default; add it")]
    MissingKey {
        /// The text.
        origin: String,
        /// Its full path.
        key: String,
    },
    /// Settings that TOML cannot express.
    #[error("the settings cannot be written as TOML: {reason}")]
    Write {
        /// What the writer said.
        reason: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "remove it, or look up the keys in the guide".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    )
}

/// A message of a parser or a deserialiser without line breaks.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What serde said about a table, taken apart.
pub(super) struct Complaint {
    /// The table or value that the message is about.
    place: Vec<String>,
    message: String,
}

impl Complaint {
    pub(super) fn new(error: &toml::de::Error) -> Self {
        // The first line is the message; each later line "in `a.b`" is a place, the innermost first.
        let text = error.to_string();
        let mut place = Vec::new();
        let mut message = String::new();
        for line in text.lines() {
            match line.strip_prefix("in `").and_then(|rest| rest.strip_suffix('`')) {
                Some(keys) => place.insert(0, keys.to_owned()),
                None => message.extend([line, " "]),
            }
        }
        Complaint { place, message: one_line(&message) }
    }

    /// The path of the key at fault.
    pub(super) fn path(&self) -> String {
        let field = self.field();
        let parts: Vec<&str> = self.place.iter().map(String::as_str).chain(field).collect();
        parts.join(".")
    }

    /// The field that is unknown or missing.
    fn field(&self) -> Option<&str> {
        let rest =
            self.message.strip_prefix("unknown field `").or_else(|| self.message.strip_prefix("missing field `"))?;
        rest.split('`').next()
    }

    pub(super) fn into_error(self, origin: String, defaults: &Table) -> SettingsError {
        let key = self.path();
        if self.message.starts_with("missing field") {
            return SettingsError::MissingKey { origin, key };
        }
        if self.message.starts_with("unknown field") {
            // Keys that are left out by default are known only from what serde expected in this place.
            let expected = self.message.split('`').skip(3).step_by(2);
            let beside = expected
                .map(|field| self.place.iter().map(String::as_str).chain([field]).collect::<Vec<_>>().join("."));
            // A table whose keys depend on its kind may know the same key for another kind.
            let known = beside.chain(key_paths(defaults)).filter(|known| *known != key);
            let nearest = nearest(&key, known);
            return SettingsError::UnknownKey { origin, key, nearest };
        }
        let key = if key.is_empty() { "the whole table".to_owned() } else { key };
        let reason = too_large(&self.message).unwrap_or_else(|| plain_types(&self.message));
        SettingsError::WrongValue { origin, key, reason }
    }
}

/// What is wrong with a whole number that TOML has no room for: an edit takes it for a text.
fn too_large(message: &str) -> Option<String> {
    let (digits, _) = message.strip_prefix("invalid type: string \"")?.split_once('"')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && digits.parse::<i64>().is_err())
        .then(|| format!("{digits} is over {}, the largest number of TOML", i64::MAX))
}

/// Replaces Rust's names of types by words.
fn plain_types(message: &str) -> String {
    let mut message = message.to_owned();
    let words = [
        ("expected usize", "expected a whole number of at least 0"),
        ("expected u64", "expected a whole number of at least 0"),
        ("expected u32", "expected a whole number of at least 0"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("unknown variant", "unknown choice"),
        (", expected", "; expected"),
    ];
    for (from, to) in words {
        message = message.replace(from, to);
    }
    message
}
