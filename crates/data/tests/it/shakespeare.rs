//! Tiny Shakespeare, where it is at hand.

use anther_data::text::CharText;
use anther_data::{Cursor, DataDir, Split};

use crate::support::real_data;

#[test]
fn it_has_its_known_sizes_and_reads_back() {
    let Some(data) = real_data() else { return };
    let path = DataDir::resolve(Some(&data), None).find("tinyshakespeare/input.txt").unwrap();
    let text = CharText::load(path, 0.9).unwrap();
    let letters = ('A'..='Z').chain('a'..='z');
    let known: Vec<char> = "\n !$&',-.3:;?".chars().chain(letters).collect();
    assert_eq!(text.vocabulary().characters(), known);
    assert_eq!(text.tokens(Split::Train).len(), 1_003_854);
    assert_eq!(text.tokens(Split::Validation).len(), 111_540);

    let first = text.vocabulary().decode(&text.tokens(Split::Train)[..15]).unwrap();
    assert_eq!(first, "First Citizen:\n");

    let mut blocks = text.block_epochs(64, 1, Cursor::default()).unwrap();
    assert_eq!(blocks.blocks(), 1_003_853 / 64);
    let epoch: u64 = (0..blocks.blocks()).map(|_| checksum(&blocks.next_batch(1).unwrap().inputs)).sum();
    assert_eq!(blocks.cursor(), Cursor { epoch: 1, position: 0 });
    let tokens = &text.tokens(Split::Train)[..blocks.blocks() * 64];
    assert_eq!(epoch, checksum(tokens), "an epoch is not the whole text");
}

fn checksum(tokens: &[u32]) -> u64 {
    tokens.iter().map(|&token| u64::from(token)).sum()
}
