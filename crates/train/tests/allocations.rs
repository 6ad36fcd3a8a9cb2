//! A step of training takes no memory once the first ones have filled the pools, nor does a decoded token after the first; and what
//! recomputation saves. In a program of its own, because it counts what all threads ask for.

use anther_attention::{AttentionConfig, Position, Weighing};
use anther_data::text::CharText;
use anther_kernels::{CountingAllocator, Level, set_default_level};
use anther_tensor::{Element, Ids, ParamSet, Parameters, Tape};
use anther_train::learner::Learner;
use anther_train::recipe::Recipe;
use anther_train::task::{NtTraining, ReverseMapTraining, Task, TextTraining};
use anther_transformer::{CausalLm, CausalLmConfig, ModelSummary};

/// Above the lists of ops of a tape, some 3 KB; below every batch and every activation of the models here, 8 KB and more.
#[global_allocator]
static MEMORY: CountingAllocator = CountingAllocator::above(4096);

/// Takes 20 steps. Returns how many large requests the last 10 made, the bytes of the largest, and the new buffers of tensors.
fn requests(learner: &mut Learner) -> (usize, usize, usize) {
    for _ in 0..10 {
        learner.step().unwrap();
    }
    let (before, buffers) = (MEMORY.large(), f32::pool().allocations());
    let _ = MEMORY.take_largest();
    for _ in 0..10 {
        learner.step().unwrap();
    }
    let requests = (MEMORY.large() - before, MEMORY.take_largest(), f32::pool().allocations() - buffers);
    assert_eq!(learner.steps(), 20);
    requests
}

fn learner(recipe: &str, task: impl FnOnce(&Recipe) -> Box<dyn Task>) -> Learner {
    let recipe = Recipe::read(recipe, "test", &[] as &[&str]).unwrap();
    let task = task(&recipe);
    Learner::new(&recipe, task).unwrap()
}

fn on_text() -> Learner {
    let recipe = "data = { task = \"text\", path = \"in memory\" }\nmodel = { width = 16, layers = 1, context = 32, dropout = 0.1 }\n\
        train = { batch = 64, accumulate = 2, ema = 0.9, recompute = true }\n";
    learner(recipe, |recipe| {
        let text = CharText::from_text(&"to be or not to be, that is the question. ".repeat(100), 0.9).unwrap();
        Box::new(TextTraining::of_text(recipe, &text).unwrap())
    })
}

fn on_sequences(weighing: &str, optimizer: &str) -> Learner {
    let data = "data = { n = 5, tau = 4, rules = [\"sum\", \"diff\"] }\n";
    let attention = format!("attention = {{ weighing = \"{weighing}\" }}");
    let model = format!("[model]\nwidth = 16\nlayers = 1\ncontext = 32\nembedding = \"fixed\"\n{attention}\n");
    let train = format!("[train]\nbatch = 100\noptimizer = \"{optimizer}\"\n");
    learner(&[data, &model, &train].concat(), |recipe| Box::new(NtTraining::new(recipe).unwrap()))
}

fn on_pairs() -> Learner {
    let data = "data = { task = \"reverse-map\", n = 50 }\n";
    let model =
        "model = { kind = \"encoder-decoder\", width = 16, encoder_layers = 1, decoder_layers = 1, context = 12 }\n";
    let train = "train = { batch = 64, accumulate = 2, recompute = true }\n";
    learner(&[data, model, train].concat(), |recipe| Box::new(ReverseMapTraining::new(recipe).unwrap()))
}

/// Bytes of tensors that a learner of sequences with so many evaluation batches has at rest, and at most while it evaluates.
fn bytes_of_evaluation(batches: usize) -> [usize; 2] {
    let recipe = format!(
        "data = {{ n = 5, tau = 4 }}\nmodel = {{ width = 16, layers = 1, context = 32 }}\ntrain = {{ batch = 100, eval_batches = {batches} }}"
    );
    let learner = learner(&recipe, |recipe| Box::new(NtTraining::new(recipe).unwrap()));
    let at_rest = f32::pool().live_bytes();
    f32::pool().reset_peak();
    assert_eq!(learner.evaluate().unwrap().tokens, batches * 100 * 32);
    [at_rest, f32::pool().peak_bytes()]
}

fn model(config: &CausalLmConfig) -> (CausalLm, Parameters<f32>) {
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), config).unwrap();
    (model, Parameters::initialise(&set, 1))
}

/// Decodes a prompt and 50 tokens. Returns how many large requests all but the first token made, and the new buffers of tensors.
fn requests_of_decoding(weighing: Weighing, position: Position, batch: usize) -> (usize, usize) {
    let attention = AttentionConfig { weighing, position, ..AttentionConfig::default() };
    // The logits of one token and the keys of one layer are larger than what counts as large.
    let config = CausalLmConfig { vocab_size: 2000, width: 64, context: 64, attention, ..CausalLmConfig::default() };
    let (model, parameters) = model(&config);
    let mut cache = model.cache(batch);
    let mut decode = |tokens: usize| {
        let ids = Ids::new([batch, tokens], vec![1; batch * tokens]);
        let logits = model.decode(&Tape::inference(&parameters), &ids, &mut cache);
        assert_eq!(*logits.shape(), [batch, 2000]);
    };
    decode(5);
    decode(1);
    let before = (MEMORY.large(), f32::pool().allocations());
    (0..49).for_each(|_| decode(1));
    (MEMORY.large() - before.0, f32::pool().allocations() - before.1)
}

/// The most bytes of tensors of a training step, with and without recomputation.
fn peaks() -> (usize, usize) {
    let (model, parameters) = model(&CausalLmConfig { vocab_size: 16, layers: 8, ..CausalLmConfig::default() });
    let peak = |model: &CausalLm| ModelSummary::measure(model, &parameters, 4).activation_bytes;
    let kept = peak(&model);
    (peak(&model.recomputing(true)), kept)
}

// One test function, because tests run side by side and would count each other.
#[test]
fn steps_and_tokens_after_the_first_ones_take_no_memory() {
    let probe = MEMORY.large();
    drop(std::hint::black_box(vec![1_u8; 4096]));
    assert!(MEMORY.large() > probe, "the allocator does not count");

    // With more threads each of them fills its own packing memory when its first large task comes, which may be late.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    for level in Level::available() {
        set_default_level(level).unwrap();
        let learners = [on_text(), on_sequences("expressive", "sgd"), on_sequences("softmax", "adamw")];
        for (i, mut learner) in learners.into_iter().enumerate() {
            assert_eq!(requests(&mut learner), (0, 0, 0), "learner {i} at {level}");
        }
        // What each token of a padded batch sees depends on the batch, so lists of that are made anew: 8 bytes a token, in a list that doubles as it
        // grows. Every activation has more.
        let (large, largest, buffers) = requests(&mut on_pairs());
        assert!(
            largest <= 2 * 8 * 32 * 12 && buffers == 0,
            "{large} requests, {largest} bytes, {buffers} buffers at {level}"
        );
        for weighing in [Weighing::Softmax, Weighing::Expressive] {
            for (position, batch) in [(Position::Learned, 1), (Position::Rotary, 1), (Position::Learned, 8)] {
                let found = requests_of_decoding(weighing, position, batch);
                assert_eq!(found, (0, 0), "{weighing:?}, {position:?}, batch {batch} at {level}");
            }
        }
        assert_eq!(bytes_of_evaluation(30), bytes_of_evaluation(1), "an evaluation of more batches needs more memory");
        let (recomputed, kept) = peaks();
        assert!(3 * recomputed < kept, "{recomputed} bytes with recomputation, {kept} without, at {level}");
    }
}
