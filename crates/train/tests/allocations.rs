//! A step of training takes no memory once the first ones have filled the pools. In a program of its own, because it counts what
//! all threads ask for.

use anther_data::text::CharText;
use anther_kernels::{CountingAllocator, Level, set_default_level};
use anther_tensor::Element;
use anther_train::learner::Learner;
use anther_train::recipe::Recipe;
use anther_train::task::{NtTraining, Task, TextTraining};

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
        train = { batch = 64, accumulate = 2, ema = 0.9 }\n";
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

// One test function, because tests run side by side and would count each other.
#[test]
fn steps_after_the_first_ones_take_no_memory() {
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
    }
}
