//! Two JSON documents with the same numbers, up to rounding.

use serde_json::Value;

/// Numbers may differ by this much of the larger one: sums may be taken in another order by another numpy.
const RELATIVE: f64 = 1e-12;

/// Below this magnitude the difference is compared with `RELATIVE × SMALL`: what should be zero has no relative precision.
const SMALL: f64 = 1e-3;

/// The first difference, as the place in the document and both values; `None` if there is none.
///
/// The order of an object's entries does not matter. Everything but numbers is equal or different.
pub fn difference(committed: &Value, again: &Value) -> Option<String> {
    differs(committed, again, "")
}

fn differs(left: &Value, right: &Value, place: &str) -> Option<String> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            let close = match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a == b || (a - b).abs() <= RELATIVE * a.abs().max(b.abs()).max(SMALL),
                _ => a == b,
            };
            if close { None } else { Some(format!("{place} is {left}, made again it is {right}")) }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Some(format!("{place} has {} entries, made again it has {}", a.len(), b.len()));
            }
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| differs(a, b, &format!("{place}[{index}]")))
        }
        (Value::Object(a), Value::Object(b)) => {
            if let Some(name) = b.keys().find(|name| !a.contains_key(*name)) {
                return Some(format!("{place} has no entry `{name}`, made again it has one"));
            }
            a.iter().find_map(|(name, a)| {
                let inside = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                match b.get(name) {
                    Some(b) => differs(a, b, &inside),
                    None => Some(format!("{inside} is no longer made")),
                }
            })
        }
        _ if left == right => None,
        _ => Some(format!("{place} is {left}, made again it is {right}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rounding_is_no_difference() {
        let left = json!({"a": [1.0, -2.0e5, 0.0], "b": 1, "c": "x"});
        let right = json!({"c": "x", "b": 1.0, "a": [1.0 + 5e-13, -2.0e5 - 1e-7, 1e-16]});
        assert_eq!(difference(&left, &right), None);
    }

    #[test]
    fn anything_else_is_named_by_its_place() {
        let base = json!({"cases": [{"x": [1.0, 2.0], "name": "n"}]});
        let cases = [
            (json!({"cases": [{"x": [1.0, 2.0 + 1e-11], "name": "n"}]}), "cases[0].x[1] is 2.0"),
            (json!({"cases": [{"x": [1.0], "name": "n"}]}), "cases[0].x has 2 entries"),
            (json!({"cases": [{"x": [1.0, 2.0], "name": "m"}]}), "cases[0].name is \"n\""),
            (json!({"cases": [{"x": [1.0, 2.0]}]}), "cases[0].name is no longer made"),
            (json!({"cases": [{"x": [1.0, 2.0], "name": "n", "y": 1}]}), "no entry `y`"),
            (json!({"cases": [{"x": [1.0, null], "name": "n"}]}), "cases[0].x[1] is 2.0"),
        ];
        for (again, expected) in cases {
            let found = difference(&base, &again).unwrap();
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn small_numbers_are_compared_absolutely() {
        assert_eq!(difference(&json!(1e-17), &json!(-1e-17)), None);
        assert!(difference(&json!(1e-10), &json!(2e-10)).is_some());
    }
}
