//! `--set key.path=value`.

use toml::{Table, Value};

use super::{DEPTH_LIMIT, SettingsError, TEXT_LIMIT};

/// One change to a table of settings.
#[derive(Debug)]
pub(super) struct Edit {
    /// The argument as given.
    pub(super) argument: String,
    path: Vec<String>,
    value: Value,
}

impl Edit {
    pub(super) fn parse(argument: &str) -> Result<Self, SettingsError> {
        let wrong = |reason: &str| SettingsError::Edit { argument: shortened(argument), reason: reason.to_owned() };
        if argument.len() > TEXT_LIMIT {
            return Err(wrong("it is longer than 256 KiB"));
        }
        let Some((key, value)) = argument.split_once('=') else {
            return Err(wrong("it has no `=`; write it as key=value"));
        };
        let path: Vec<String> = key.trim().split('.').map(str::to_owned).collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !path.iter().all(|part| !part.is_empty() && part.chars().all(plain)) {
            return Err(wrong("its key is not made of names joined by dots, such as train.steps"));
        }
        if path.len() > DEPTH_LIMIT {
            return Err(wrong("its key has more than 16 parts"));
        }
        let value = parse_value(value.trim()).ok_or_else(|| wrong("its value is not a complete TOML value"))?;
        Ok(Edit { argument: shortened(argument), path, value })
    }

    pub(super) fn apply(&self, table: &mut Table) -> Result<(), SettingsError> {
        let (last, parents) = self.path.split_last().expect("splitting a text gives at least one part");
        let mut table = table;
        for (i, parent) in parents.iter().enumerate() {
            let next = table.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
            table = next.as_table_mut().ok_or_else(|| SettingsError::Edit {
                argument: self.argument.clone(),
                reason: format!("`{}` is a value and has no keys", self.path[..=i].join(".")),
            })?;
        }
        table.insert(last.clone(), self.value.clone());
        Ok(())
    }

    /// Whether the edit gives the key of that path another value than the table has.
    pub(super) fn changes(&self, path: &str, table: &Table) -> bool {
        self.path.join(".") == path && find(table, path) != Some(&self.value)
    }

    /// Whether the edit set the key of that path, something inside it, or something around it.
    pub(super) fn touches(&self, path: &str) -> bool {
        let own = self.path.join(".");
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('.'))
        };
        inside(path, &own) || inside(&own, path)
    }
}

fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        Some((parent, rest)) => find(table.get(parent)?.as_table()?, rest),
        None => table.get(path),
    }
}

/// Takes the key of that path out, if it is there.
pub(super) fn remove(table: &mut Table, path: &str) {
    match path.split_once('.') {
        Some((parent, rest)) => {
            if let Some(Value::Table(table)) = table.get_mut(parent) {
                remove(table, rest);
            }
        }
        None => drop(table.remove(path)),
    }
}

/// A TOML value, or a string for what is not one and does not begin like one.
fn parse_value(text: &str) -> Option<Value> {
    if let Ok(mut table) = format!("value = {text}").parse::<Table>() {
        // A line break could smuggle in a second key.
        return if table.len() == 1 { table.remove("value") } else { None };
    }
    let structured = text.starts_with(['"', '\'', '[', '{']);
    let odd = text.chars().any(char::is_control);
    (!structured && !odd).then(|| Value::String(text.to_owned()))
}

/// An argument for a message: the first 80 characters of it, escaped.
fn shortened(argument: &str) -> String {
    let start: String = argument.chars().take(80).flat_map(char::escape_debug).collect();
    if argument.chars().nth(80).is_some() { format!("{start}…") } else { start }
}
