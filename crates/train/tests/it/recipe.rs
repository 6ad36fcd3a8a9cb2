//! Recipes: what is read, and a table of what is refused.

use anther_data::nt::NtRule;
use anther_train::recipe::{Presets, Recipe, RecipeError};

const TEXT: &[&str] = &["data.task=text", "data.path=a.txt"];

fn read(edits: &[&str]) -> Result<Recipe, RecipeError> {
    Recipe::read("", "test.toml", edits)
}

/// The attention of that name in the place of a recipe's.
fn attention(name: &str) -> Presets<'_> {
    Presets { attention: Some(name), ..Presets::default() }
}

#[test]
fn the_default_is_a_run() {
    let recipe = read(&[]).unwrap();
    assert_eq!(recipe.data.rule, Some(NtRule::Sum));
    assert_eq!(recipe.data.nt().rules, [NtRule::Sum]);
    assert!(read(TEXT).is_ok());
}

#[test]
fn a_resolved_recipe_reads_back_the_same() {
    for edits in [
        &[][..],
        TEXT,
        &["data.rules=[\"sum\", \"diff\"]", "train.target=0.999", "model.attention.weighing=expressive"],
        &["model.attention.project={kind=\"mlp\", maps=[\"key\"], hidden=5}", "model.attention.after.kind=centred"],
        &["model.attention.condition=[{kind=\"qk-norm\"}, {kind=\"batch-norm\", beta=0.5}]"],
        &["data.rule=latin", "data.n=7", "train.learning_rate=1e-4", "model.init_std=0.02", "train.optimizer=nesterov"],
    ] {
        let recipe = read(edits).unwrap();
        let text = recipe.to_toml().unwrap();
        assert_eq!(Recipe::read(&text, "again.toml", &[] as &[&str]).unwrap(), recipe, "{text}");
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    for edits in [
        &["data.tau=62"][..],
        &["data.rules=[\"sum\", \"diff\"]", "data.tau=30", "model.context=63"],
        &["data.n=4096"],
        &["train.warmup=2000"],
        &["train.batch=6", "train.accumulate=6"],
        &["train.min_learning_rate=1e-3"],
        &["train.learning_rate=0", "train.clip=0", "train.weight_decay=0", "train.beta1=0"],
        &["model.embedding=fixed", "data.n=32"],
        &["model.embedding=fixed", "data.n=32", "data.embedding=one-hot"],
        &["train.steps=1", "train.eval_every=1", "train.log_every=1", "train.checkpoint_every=1", "train.keep=1"],
    ] {
        read(edits).unwrap_or_else(|error| panic!("{edits:?}: {error}"));
    }
}

/// Edits of the default recipe, the key that the message must name, and a word of the reason.
const REFUSED: [(&[&str], &str, &str); 91] = [
    (&["train.steps=0"], "train.steps", "between 1 and"),
    (&["train.batch=0"], "train.batch", "between 1 and"),
    (&["train.accumulate=0"], "train.accumulate", "between 1 and"),
    (&["train.accumulate=5"], "train.accumulate", "divisor"),
    (&["train.eval_every=0"], "train.eval_every", "between 1 and"),
    (&["train.eval_batches=0"], "train.eval_batches", "between 1 and"),
    (&["train.checkpoint_every=0"], "train.checkpoint_every", "between 1 and"),
    (&["train.keep=0"], "train.keep", "between 1 and"),
    (&["train.log_every=0"], "train.log_every", "between 1 and"),
    (&["train.steps=9000000000000000"], "train.steps", "between 1 and"),
    (&["train.steps=18446744073709551615"], "train.steps", "is over 9223372036854775807, the largest number of TOML"),
    (&["train.warmup=2001"], "train.warmup", "2001 steps of warm-up"),
    (&["train.batch=10000000"], "train.batch", "limit"),
    (&["train.learning_rate=-1e-3"], "train.learning_rate", "at least 0"),
    (&["train.learning_rate=inf"], "train.learning_rate", "finite"),
    (&["train.learning_rate=nan"], "train.learning_rate", "finite"),
    (&["train.min_learning_rate=1"], "train.min_learning_rate", "between 0 and the learning rate"),
    (&["train.min_learning_rate=nan"], "train.min_learning_rate", "NaN"),
    (&["train.schedule=step", "train.decay_factor=0"], "train.decay_factor", "above 0"),
    (&["train.schedule=step", "train.decay_factor=2"], "train.decay_factor", "at most 1"),
    (&["train.schedule=sine"], "train.schedule", "cosine"),
    (&["train.beta1=1"], "train.beta1", "below 1"),
    (&["train.beta1=-0.1"], "train.beta1", "at least 0"),
    (&["train.beta2=1.5"], "train.beta2", "below 1"),
    (&["train.momentum=1"], "train.momentum", "below 1"),
    (&["train.optimizer=nesterov", "train.momentum=0"], "train.momentum", "above 0"),
    (&["train.optimizer=lion"], "train.optimizer", "adamw"),
    (&["train.eps=0"], "train.eps", "1e-30"),
    (&["train.eps=nan"], "train.eps", "NaN"),
    (&["train.weight_decay=-1"], "train.weight_decay", "at least 0"),
    (&["train.clip=-1"], "train.clip", "at least 0"),
    (&["train.label_smoothing=1"], "train.label_smoothing", "below 1"),
    (&["train.ema=1"], "train.ema", "below 1"),
    (&["train.target=nan"], "train.target", "finite"),
    (&["data.n=1"], "data.n", "between 2 and"),
    (&["data.n=5000"], "data.n", "4096"),
    (&["data.tau=0"], "data.tau", "at least 1"),
    (&["data.tau=63"], "model.context", "65"),
    (&["data.rules=[\"sum\", \"diff\"]", "data.tau=31"], "model.context", "65"),
    (&["data.tau=200"], "data.tau", "128 bits can count; make data.n or data.tau smaller"),
    (&["data.noise=1.5"], "data.noise", "probability"),
    (&["data.noise=1"], "data.noise", "no symbol"),
    (&["data.noise=nan"], "data.noise", "NaN"),
    (&["data.rule=sum", "data.rules=[\"diff\"]"], "data.rules", "keep one"),
    (&["data.rule=product"], "data.rule", "window"),
    (&["data.path=a.txt"], "data.path", "reads no file"),
    (&["data.task=text"], "data.path", "needs a file"),
    (&["data.task=text", "data.path=\"\""], "data.path", "empty"),
    (&["data.task=text", "data.path=a", "data.train_fraction=1"], "data.train_fraction", "between 0 and 1"),
    (&["data.task=text", "data.path=a", "data.rule=sum"], "data.rule", "no rules"),
    (&["data.task=text", "data.path=a", "model.embedding=fixed"], "model.embedding", "learned"),
    (&["model.heads=3"], "model.heads", "divide"),
    (&["model.embedding=fixed", "data.n=33"], "model.width", "orthogonal"),
    (
        &["model.embedding=fixed", "data.n=31", "data.embedding=one-hot"],
        "data.embedding",
        "a model.width of 31, not 32",
    ),
    (
        &["model.attention.project.kind=conv"],
        "model.attention.project",
        "unknown choice `conv`; expected one of `linear`",
    ),
    (&["model.attention.project.order=vgk"], "model.attention.project.kind", "has no default; add it"),
    (&["model.attention.project={kind=\"gate\", ordre=\"vgk\"}"], "model.attention.project.ordre", "did you mean"),
    (&["model.attention.project={kind=\"mlp\", maps=[]}"], "model.attention.project.maps", "no map is a network"),
    (&["model.attention.condition=[{kind=\"batch-norm\", eps=0}]"], "model.attention.condition", "an eps of 0"),
    (&["model.attention.after={kind=\"none\", gain=1.0}"], "model.attention.after.gain", "unknown key"),
    (
        &["model.attention.condition=[{kind=\"batch-norm\"}]", "model.attention.weighing=expressive"],
        "model.attention.condition",
        "softmax",
    ),
    (&["model.vocab_size=9"], "model.vocab_size", "unknown key"),
    (&["data.name=x"], "data.name", "reads no file"),
    (&["model.norm=batch-norm"], "model.norm", "for classifiers"),
    (&["data.hold_out=0.1"], "data", "tasks that tell classes"),
    (&["model.kind=classifier"], "model.kind", "no classes to tell"),
    (&["data.task=images", "data.name=x"], "model.kind", "classifier"),
    (&["data.task=images", "model.kind=classifier"], "data.name", "name their folder"),
    (&["data.task=series", "data.name=\"\"", "model.kind=classifier"], "data.name", "empty"),
    (&["data.task=series", "data.name=x", "data.size=8", "model.kind=classifier"], "data", "for images"),
    (&["data.task=images", "data.name=x", "data.size=0", "model.kind=classifier"], "data.size", "between 1 and 4096"),
    (&["data.task=images", "data.name=x", "data.size=10", "model.kind=classifier"], "model.patch", "do not tile"),
    (&["data.task=images", "data.name=x", "data.hold_out=nan", "model.kind=classifier"], "data.hold_out", "NaN"),
    (
        &["data.task=images", "data.name=x", "data.augment.mixup=5", "model.kind=classifier"],
        "data.augment.mixup",
        "between 0.05 and 4",
    ),
    (
        &["data.task=images", "data.name=x", "data.augment.cutmix=0.01", "model.kind=classifier"],
        "data.augment.cutmix",
        "between 0.05 and 4",
    ),
    (
        &["data.task=images", "data.name=x", "data.augment.hue=0.6", "model.kind=classifier"],
        "data.augment.hue",
        "between 0 and 0.5",
    ),
    (&["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[0.5]"], "data.std", "give both or none"),
    (&["data.task=images", "data.name=x", "model.kind=classifier", "data.std=[0.5]"], "data.mean", "give both or none"),
    (
        &["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[]", "data.std=[]"],
        "data.mean",
        "the list is empty",
    ),
    (
        &["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[0.5, 0.5]", "data.std=[0.5]"],
        "data.std",
        "it has 1 numbers, but data.mean has 2",
    ),
    (
        &["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[0.5, nan]", "data.std=[0.5, 1]"],
        "data.mean",
        "NaN is not between -1000000 and 1000000",
    ),
    (
        &["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[0.5, 0]", "data.std=[0.5, 0]"],
        "data.std",
        "0 is not between 0.000001 and 1000000",
    ),
    (
        &["data.task=images", "data.name=x", "model.kind=classifier", "data.mean=[0.5]", "data.std=[-0.5]"],
        "data.std",
        "-0.5 is not between",
    ),
    (&["data.mean=[0.5]", "data.std=[0.5]"], "data", "tasks that tell classes"),
    (
        &["data.task=listops", "data.mean=[0.5]", "model.kind=classifier"],
        "data",
        "mean, std and augment are for images",
    ),
    (&["data.task=listops", "model.kind=classifier"], "data.shortest", "between 4 and 8"),
    (
        &["data.task=series", "data.name=x", "model.kind=classifier", "train.batch=1099511627776"],
        "train.batch",
        "examples of 1 tokens are over the limit",
    ),
    (&["data.task=listops", "data.examples=16777217", "model.kind=classifier"], "data.examples", "1 and 16777216"),
    (
        &["data.task=listops", "data.longest=200", "data.shortest=4", "data.depth=1", "model.kind=classifier"],
        "data.depth",
        "2 and 32",
    ),
    (
        &["data.task=listops", "data.longest=200", "data.shortest=199", "data.depth=2", "model.kind=classifier"],
        "data.longest",
        "one in 10,000",
    ),
    (
        &["data.task=listops", "data.longest=200", "data.shortest=9", "model.kind=classifier", "model.drop_path=1"],
        "model.drop_path",
        "[0, 1)",
    ),
];

#[test]
fn every_mistake_is_a_sentence_with_its_key() {
    for (edits, key, reason) in REFUSED {
        let message = match read(edits) {
            Ok(_) => panic!("{edits:?} was accepted"),
            Err(error) => error.to_string(),
        };
        assert!(message.contains(key) && message.contains(reason), "{edits:?}: {message}");
        assert!(!message.contains('\n'), "{message:?} is more than a sentence");
    }
}

#[test]
fn a_key_in_the_wrong_table_is_found() {
    let error = read(&["model.steps=10"]).unwrap_err().to_string();
    assert!(error.contains("`model.steps`") && error.contains("did you mean `train.steps`?"), "{error}");
    let error = read(&["model.attention.weighting=softmax"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `model.attention.weighing`?"), "{error}");
    let error = read(&["train.targt=1"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `train.target`?"), "{error}");
}

#[test]
fn a_preset_replaces_the_attention_of_a_recipe_and_edits_come_after_it() {
    let text = "[model.attention]\nweighing = \"expressive\"\nscale = 0.1\nposition = \"rotary\"\n[train]\nseed = 3\n";
    let read = |preset, edits: &[&str]| Recipe::read_with(text, "test.toml", attention(preset), edits);
    let with = |edits: &[&str]| Recipe::read(text, "test.toml", edits).unwrap();
    let kgv = "model.attention.project.kind=gate";
    assert_eq!(read("expressive", &[]).unwrap(), with(&[]));
    assert_eq!(read("kgv+expressive", &["train.seed=4"]).unwrap(), with(&[kgv, "train.seed=4"]));
    let dot = read("dot", &[]).unwrap().model.attention().clone();
    assert_eq!((dot.weighing, dot.scale), Default::default(), "the factor was chosen for the other weighing");
    assert_eq!(dot.position, with(&[]).model.attention().position);
    let bn = read("bn", &["model.attention.weighing=expressive"]).unwrap_err().to_string();
    assert!(bn.contains("test.toml cannot be run: model.attention.condition: batch-norm"), "{bn}");
    let unknown = read("sparse", &[]).unwrap_err().to_string();
    assert!(unknown.contains("there is no preset `sparse`; choose from dot, "), "{unknown}");
}

#[test]
fn every_preset_is_a_recipe() {
    for name in anther_transformer::AttentionConfig::preset_names() {
        let recipe = Recipe::read_with("", "test.toml", attention(name), &[] as &[&str]).unwrap();
        let text = recipe.to_toml().unwrap();
        assert_eq!(Recipe::read(&text, "again.toml", &[] as &[&str]).unwrap(), recipe, "{name}: {text}");
    }
}
