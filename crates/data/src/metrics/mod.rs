//! How near translations come to references: [`Bleu`] and [`Chrf`], with the numbers of the Python package sacreBLEU.
//!
//! ```
//! use anther_data::metrics::{Bleu, Chrf};
//!
//! let hypotheses = ["the cat sat on the mat ."];
//! let references = [["the cat sat on a mat."]];
//! let bleu = Bleu::of_corpus(&hypotheses, &references);
//! assert_eq!(format!("{:.2}", bleu.score), "48.89");
//! assert_eq!(format!("{:.2}", Chrf::of_corpus(&hypotheses, &references).score), "71.42");
//! ```

mod bleu;
mod chrf;
mod tokenize;

pub use bleu::Bleu;
pub use chrf::Chrf;
pub use tokenize::tokenize_13a;

use std::collections::BTreeMap;

/// How often each run of `n` items occurs.
fn ngrams<T: Ord + Clone>(items: &[T], n: usize) -> BTreeMap<&[T], usize> {
    let mut counts = BTreeMap::new();
    for gram in items.windows(n) {
        *counts.entry(gram).or_insert(0) += 1;
    }
    counts
}

/// What Python's `str.split` splits at: the white space of Unicode, and four control characters that are none there.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}
