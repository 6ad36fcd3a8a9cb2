//! Generating text token by token with a key–value cache.

use anther_kernels::row_argmax;
use anther_tensor::{Ids, ParamSet, Parameters, Precision, Tape};
use anther_transformer::CausalLm;

use super::gpt::GPT;
use crate::case::{Case, Item, Limit, Work};
use crate::inputs::ids;

const PROMPT: usize = 16;
const GENERATED: usize = 224;

pub(super) fn cases() -> Vec<Case> {
    vec![case("decode_gpt_greedy_b1", Precision::F32, 4), case("decode_gpt_greedy_b1_bf16", Precision::Bf16, 2)]
}

/// Decoding with weights held in `precision`, which takes so many bytes a weight.
fn case(name: &str, precision: Precision, bytes: usize) -> Case {
    // Each token needs every matrix once; what it reads of the cache is small beside them.
    let bytes = (GENERATED * GPT.matrix_elements() * bytes) as f64;
    let work = Work::Items { of: Item::Token, count: GENERATED as f64, limit: Limit::Bytes(bytes) };
    Case::new(name, work, move || {
        let mut set = ParamSet::new();
        let model = CausalLm::new(&mut set.root(), &GPT.config()).expect("the configuration is valid");
        let parameters = Parameters::<f32>::initialise(&set, 0).with_precision(precision);
        let prompt = Ids::new([1, PROMPT], ids(PROMPT, GPT.vocabulary, 3));
        let mut cache = model.cache(1);
        let mut token = Ids::new([1, 1], vec![0]);
        move || {
            cache.clear();
            let mut best = [0];
            let mut input = &prompt;
            for _ in 0..=GENERATED {
                let tape = Tape::inference(&parameters);
                let logits = model.decode(&tape, input, &mut cache);
                row_argmax(&mut best, logits.data(), GPT.vocabulary);
                token.refill(&best);
                input = &token;
            }
        }
    })
    .quick()
    .fresh()
}
