//! What stands before `@data`.

use super::MAX_SERIES_CHANNELS;

/// The tags that matter here.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) name: String,
    /// Channels, if the file says.
    pub(super) channels: Option<usize>,
    /// Whether values have time stamps.
    pub(super) stamped: bool,
    /// The classes, if the file lists them.
    pub(super) classes: Vec<String>,
}

impl Header {
    /// Takes a line; whether the data begin after it.
    pub(super) fn take(&mut self, line: &str) -> Result<bool, String> {
        let Some(tagged) = line.strip_prefix('@') else {
            return Err(format!("`{}` is neither a tag nor a comment, and @data has not come yet", start(line)));
        };
        let mut words = tagged.split_whitespace();
        let tag = words.next().unwrap_or_default().to_ascii_lowercase();
        let value = words.next();
        match tag.as_str() {
            "data" => return Ok(true),
            "problemname" => self.name = value.unwrap_or_default().to_owned(),
            "timestamps" => self.stamped = truth(&tag, value)?,
            "univariate" if truth(&tag, value)? => self.channels = Some(1),
            "dimension" | "dimensions" => {
                let number = value.and_then(|value| value.parse().ok());
                let number = number.filter(|number| (1..=MAX_SERIES_CHANNELS).contains(number));
                self.channels = Some(number.ok_or_else(|| {
                    format!("@{tag} needs a number of channels, at least 1 and at most {MAX_SERIES_CHANNELS}")
                })?);
            }
            "classlabel" => {
                if !truth(&tag, value)? {
                    return Err("the series have no classes, which is what they are read for".to_owned());
                }
                self.classes = words.map(str::to_owned).collect();
            }
            "targetlabel" if truth(&tag, value)? => {
                return Err("the series have numbers for targets, not classes".to_owned());
            }
            // The others say what the data show: @missing, @equalLength, @seriesLength; or are of later versions.
            _ => {}
        }
        Ok(false)
    }

    /// Checks that a class is one of those that are listed, if any are.
    pub(super) fn check_class(&self, class: &str) -> Result<(), String> {
        if self.classes.is_empty() || self.classes.iter().any(|known| known == class) {
            return Ok(());
        }
        let known = self.classes.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
        Err(format!("the class `{}` is not one of those of @classLabel ({known})", start(class)))
    }
}

fn truth(tag: &str, value: Option<&str>) -> Result<bool, String> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(format!("@{tag} is true or false, not `{}`", start(value.unwrap_or_default()))),
    }
}

/// The first characters of something that may be long.
pub(super) fn start(text: &str) -> String {
    let mut shown: String = text.chars().take(30).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
