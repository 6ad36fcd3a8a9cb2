//! Patterns of names: `*` stands for any characters, dots too, `?` for one.

use strsim::levenshtein;

/// Whether the whole name matches.
pub(crate) fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    // Greedy, with one place to come back to: the last star and how much it has eaten.
    let (mut g, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                g += 1;
                n += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                g = at + 1;
                n = eaten + 1;
            }
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

/// The three names that look most like a glob that matches none, the nearest first. Stars cost nothing.
pub(crate) fn nearest(glob: &str, names: &[&str]) -> Vec<String> {
    // Names are short, but a hostile glob need not be.
    let glob: String = glob.chars().filter(|&c| c != '*').take(256).collect();
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let score = |name: &str| (levenshtein(&last(&glob), &last(name)), levenshtein(&glob, name));
    let mut scored: Vec<_> = names.iter().map(|name| (score(name), *name)).collect();
    scored.sort();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_characters() {
        for (glob, name, expected) in [
            ("*.q_proj", "decoder.layers.0.self_attn.q_proj", true),
            ("decoder.*.q_proj", "encoder.layers.0.self_attn.q_proj", false),
            ("*", "", true),
            ("", "a", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("layers.?.up", "layers.1.up", true),
            ("layers.?.up", "layers.12.up", false),
            ("up", "up", true),
            ("up", "up_proj", false),
            ("*é", "cafeé", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
        // No star of many makes the search slow.
        assert!(!matches(&"a*".repeat(40), &"a".repeat(2000).replacen('a', "b", 1)));
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["model.layers.0.q_proj", "model.layers.0.k_proj", "lm_head", "model.embed_tokens"];
        assert_eq!(nearest("*.qproj", &names)[0], "model.layers.0.q_proj");
        assert_eq!(nearest("*.embed_token", &names)[0], "model.embed_tokens");
        assert_eq!(nearest("x", &[]), [""; 0]);
    }
}
