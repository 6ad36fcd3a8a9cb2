//! One case: channels, then the class.

use super::header::start;
use super::{MAX_SERIES_CHANNELS, MAX_SERIES_STEPS};

/// The channels and the class of a line.
pub(super) fn case(line: &str, stamped: bool) -> Result<(Vec<Vec<f32>>, &str), String> {
    // A part more than there may be, so that a line of colons takes no more memory than one that is right.
    let most = MAX_SERIES_CHANNELS + 2;
    let mut parts = if stamped { outside_brackets(line, most)? } else { line.split(':').take(most).collect() };
    if parts.len() == most {
        return Err(format!("there are more than {MAX_SERIES_CHANNELS} channels; keep those that matter"));
    }
    let class = parts.pop().map_or("", str::trim);
    if parts.is_empty() {
        return Err("there is no class after the values; it comes last, after a `:`".to_owned());
    }
    if class.is_empty() {
        return Err("the class after the last `:` is empty".to_owned());
    }
    let channel = if stamped { stamped_values } else { values };
    let channels = parts.into_iter().enumerate().map(|(number, part)| {
        channel(part).and_then(not_too_long).map_err(|reason| format!("channel {}: {reason}", number + 1))
    });
    Ok((channels.collect::<Result<_, _>>()?, class))
}

fn not_too_long(values: Vec<f32>) -> Result<Vec<f32>, String> {
    if values.len() > MAX_SERIES_STEPS {
        return Err(format!("it has more than {MAX_SERIES_STEPS} values; keep a part of them, or every few"));
    }
    Ok(values)
}

/// Values divided by commas; a channel may be empty.
fn values(part: &str) -> Result<Vec<f32>, String> {
    let part = part.trim();
    if part.is_empty() { Ok(Vec::new()) } else { part.split(',').map(value).collect() }
}

/// Values with time stamps, `(stamp,value)`, divided by commas.
fn stamped_values(part: &str) -> Result<Vec<f32>, String> {
    let mut rest = part.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let inside = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let Some((inside, after)) = inside else {
            return Err(format!("`{}` is no value with a time stamp; write (stamp,value)", start(rest)));
        };
        let Some((_, number)) = inside.rsplit_once(',') else {
            return Err(format!("`({})` has no comma between time stamp and value", start(inside)));
        };
        found.push(value(number)?);
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    Ok(found)
}

fn value(text: &str) -> Result<f32, String> {
    let text = text.trim();
    if text == "?" || text.eq_ignore_ascii_case("nan") {
        return Ok(f32::NAN);
    }
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{}` is not a number that f32 holds; a missing value is `?`", start(text))),
    }
}

/// Divides at colons, but not at those inside brackets: time stamps have some. Stops when there are `most` parts.
fn outside_brackets(line: &str, most: usize) -> Result<Vec<&str>, String> {
    let (mut parts, mut from, mut open) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        match c {
            '(' if open => return Err("a bracket opens inside another".to_owned()),
            '(' => open = true,
            ')' => open = false,
            ':' if !open => {
                parts.push(&line[from..at]);
                from = at + 1;
                if parts.len() == most {
                    return Ok(parts);
                }
            }
            _ => {}
        }
    }
    if open {
        return Err("a bracket is not closed".to_owned());
    }
    parts.push(&line[from..]);
    Ok(parts)
}
