//! Lists as text and tokens, and what they are worth.

use thiserror::Error;

use super::{CLOSE, MIN, ZERO};

/// The names of the operators, in order of their tokens.
const OPERATORS: [&str; 4] = ["[MIN", "[MAX", "[MED", "[SM"];

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpressionError {
    /// A word that is no part of a list.
    #[error("`{word}` is neither a digit nor [MIN, [MAX, [MED, [SM or ]")]
    Word {
        /// The word.
        word: String,
    },
    /// A list that ends too early, too late, or has no parts.
    #[error("the list is not whole at its token number {place}")]
    Shape {
        /// The token, counted from 1.
        place: usize,
    },
}

/// The tokens of a list: words with spaces between them; `(` and `)` mean nothing.
///
/// # Errors
/// [`ExpressionError::Word`].
pub fn encode(text: &str) -> Result<Vec<u32>, ExpressionError> {
    let token = |word: &str| {
        let operator = OPERATORS.iter().position(|&operator| operator == word);
        match (word.as_bytes(), operator) {
            (_, Some(operator)) => Ok(MIN + operator as u32),
            (b"]", _) => Ok(CLOSE),
            (&[digit @ b'0'..=b'9'], _) => Ok(ZERO + u32::from(digit - b'0')),
            _ => Err(ExpressionError::Word { word: word.chars().take(20).collect() }),
        }
    };
    text.split_whitespace().filter(|word| !["(", ")"].contains(word)).map(token).collect()
}

/// The value of a list, 0 to 9.
///
/// # Errors
/// [`ExpressionError::Shape`] for tokens that are no list.
pub fn value(tokens: &[u32]) -> Result<u32, ExpressionError> {
    let mut open: Vec<(u32, Vec<u32>)> = Vec::new();
    for (place, &token) in (1..).zip(tokens) {
        let whole = match token {
            ZERO..MIN => token - ZERO,
            MIN..CLOSE => {
                open.push((token, Vec::new()));
                continue;
            }
            CLOSE => match open.pop() {
                Some((operator, parts)) if !parts.is_empty() => apply(operator, parts),
                _ => return Err(ExpressionError::Shape { place }),
            },
            _ => return Err(ExpressionError::Shape { place }),
        };
        match open.last_mut() {
            Some((_, parts)) => parts.push(whole),
            None if place == tokens.len() => return Ok(whole),
            None => return Err(ExpressionError::Shape { place: place + 1 }),
        }
    }
    Err(ExpressionError::Shape { place: tokens.len() })
}

/// What an operator makes of one part or more.
pub(super) fn apply(operator: u32, mut parts: Vec<u32>) -> u32 {
    parts.sort_unstable();
    let middle = parts.len() / 2;
    match operator - MIN {
        0 => parts[0],
        1 => parts[parts.len() - 1],
        2 if parts.len().is_multiple_of(2) => u32::midpoint(parts[middle - 1], parts[middle]),
        2 => parts[middle],
        _ => parts.iter().sum::<u32>() % 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<u32, String> {
        encode(text).and_then(|tokens| value(&tokens)).map_err(|error| error.to_string())
    }

    #[test]
    fn lists_have_the_value_that_a_person_finds() {
        for (text, expected) in [
            ("7", 7),
            ("[MIN 4 2 9 ]", 2),
            ("[MAX 4 2 9 ]", 9),
            ("[MED 4 2 9 ]", 4),
            ("[MED 4 2 9 7 ]", 5),
            ("[SM 4 2 9 ]", 5),
            ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
            ("( ( ( ( [MAX 2 ) ( ( ( [MED 3 ) 8 ) ] ) ) 1 ) ] )", 5),
        ] {
            assert_eq!(of(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for (text, words) in [
            ("[MAX 1 x ]", "`x` is neither"),
            ("[max 1 2 ]", "`[max`"),
            ("12", "`12`"),
            ("", "token number 0"),
            ("[MAX 1 2", "token number 3"),
            ("[MAX ]", "token number 2"),
            ("1 2", "token number 2"),
            ("]", "token number 1"),
            ("[MAX 1 ] ]", "token number 4"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(value(&[0]).is_err() && value(&[99]).is_err());
    }
}
