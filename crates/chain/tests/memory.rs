//! A chain embedding of many rows never holds a table of them. A program of its own: the peak of the pool belongs to the whole process.

use std::sync::Arc;

use anther_chain::{ChainRule, ChainRules};
use anther_tensor::layers::Embedding;
use anther_tensor::{Element, Ids, Init, ParamSet, Parameters, Tape};

#[test]
fn a_large_vocabulary_is_never_dense() {
    const ROWS: usize = 250_000;
    const WIDTH: usize = 256;
    let mut set = ParamSet::new();
    let mut root = set.root();
    let rules = ChainRules(vec![ChainRule { rank: Some(32), cores: 3, ..ChainRule::of("embed") }]);
    let table =
        Embedding::new(&mut root.factored_by(Arc::new(rules)).child("embed"), ROWS, WIDTH, Init::Normal { std: 1.0 });
    let parameters = Parameters::<f32>::initialise(&set, 0);
    let mut gradients = parameters.gradients();
    let count = parameters.count();
    assert!(count < ROWS * WIDTH / 100, "{count}");

    for tokens in [1, 64] {
        f32::pool().trim();
        f32::pool().reset_peak();
        let before = f32::pool().live_bytes();
        let tape = Tape::recording(&parameters);
        let ids = Ids::new([tokens], (0..tokens as u32).map(|i| i * 3907 % ROWS as u32).collect());
        let y = table.forward(&tape, &ids);
        assert_eq!(*y.shape(), [tokens, WIDTH]);
        let forward = f32::pool().peak_bytes() - before;
        tape.backward(&y.square().sum(), None, &mut gradients);
        let peak = f32::pool().peak_bytes() - before;
        // Beside the cores' own size, a token reads a slice of each core: rank² × leg of the widest, 32 KiB of numbers at most.
        assert!(forward < 4 * (tokens * 20_000 + count), "{tokens} tokens: {forward} bytes for {count} parameters");
        assert!(peak < ROWS * WIDTH / 8, "{tokens} tokens: {peak} bytes");
    }
    assert!(gradients.slab_mut().iter().any(|&g| g != 0.0));
}
