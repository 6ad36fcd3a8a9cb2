//! The flags.

use std::path::PathBuf;

use anther_data::parallel::Part;
use anther_tensor::Precision;
use anther_train::task::TextSplit;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::commands::train::seeds::Seeds;

/// Invent, train and compare attention mechanisms on a CPU.
#[derive(Debug, Parser)]
#[command(name = "anther", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  anther train nt-expressive
  anther train shakespeare-char --set train.steps=500 --out runs/first
  anther train --resume runs/first
  anther generate runs/first --prompt \"ROMEO:\" --temperature 0.8

Exit codes: 0 done, 1 failed, 2 wrong usage or recipe, 3 diverged, 130 and 143 stopped by SIGINT and SIGTERM.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, or continue a run
    Train(TrainArgs),
    /// Measure a trained model
    Eval(EvalArgs),
    /// Let a model of text continue a prompt
    Generate(GenerateArgs),
    /// Let an encoder-decoder answer the lines of the standard input
    Translate(TranslateArgs),
    /// Write layers of a trained model as tensor chains, or find out which ones have parameters to spare
    Prune(PruneArgs),
    /// Parameters, operations and memory of a model
    Inspect(InspectArgs),
    /// Make a run of a model of another program
    Import(ImportArgs),
    /// Write the weights of a model into a safetensors file, or a model for another program
    Export(ExportArgs),
    /// Score lines of translations against references: BLEU and chrF, as sacreBLEU has them
    Bleu(BleuArgs),
    /// List the recipes that are compiled in
    Recipes(RecipesArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Download data sets and check them
    Fetch(FetchArgs),
}

/// How to compute.
#[derive(Args, Debug)]
pub struct ComputeArgs {
    /// Number of threads, 1 to 1024; the results do not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// SIMD level: auto, scalar, portable, avx2 or avx512 [default: the variable ANTHER_SIMD, else auto]
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<String>,
}

/// Where data sets are.
#[derive(Args, Debug)]
pub struct DataArgs {
    /// Directory of the data sets [default: the variable ANTHER_DATA, else `datasets`]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which checkpoint of a run.
#[derive(Args, Debug)]
pub struct CheckpointArgs {
    /// Use the checkpoint with the best metric
    #[arg(long, conflicts_with = "last")]
    pub best: bool,
    /// Use the newest checkpoint (the default)
    #[arg(long)]
    pub last: bool,
}

/// `anther train`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther train nt-expressive --json
  anther train shakespeare-char --data-dir datasets --set model.width=64 --set train.batch=8
  anther train nt-dot --attention kgv+centred
  anther train my.toml --out runs/mine --seed 3 --threads 2
  anther train --resume runs/mine --set train.steps=5000

Ctrl-C finishes the step, saves it and exits with 130; a second Ctrl-C exits at once.")]
pub struct TrainArgs {
    /// Name of a recipe (see `anther recipes`), or path to a .toml file
    #[arg(value_name = "RECIPE", required_unless_present = "resume", conflicts_with = "resume")]
    pub recipe: Option<String>,
    /// Use another form of an encoder-decoder than the recipe, such as anthe; a wrong name lists all
    #[arg(long, value_name = "PRESET", conflicts_with = "resume")]
    pub model: Option<String>,
    /// Use another attention than the recipe, such as kgv, or bn+centred; a wrong name lists all
    #[arg(long, value_name = "PRESET", conflicts_with = "resume")]
    pub attention: Option<String>,
    /// Change a key of the recipe, such as train.steps=100; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Directory of the run; must not hold one yet [default: the next free runs/RECIPE-N]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Continue the run in this directory with its own recipe; only train.steps may be set
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Seed of the initial values and of the data, the same as --set train.seed=N
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// One run for each of these seeds, such as 1..5 (both included) or 1,2,7, and their mean and standard deviation; the runs go into DIR/seed-N of
    /// --out [default: the next free runs/RECIPE-seeds-N], and the same command goes on where it was stopped
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["resume", "seed"])]
    pub seeds: Option<Seeds>,
    /// End with one line of JSON on the standard output
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// `anther eval`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther eval runs/nt-expressive-1
  anther eval runs/mine --best --json
  anther eval runs/lm-text-1 --split test --stride 32

A run on text is also measured on the whole part of the text: perplexity by token and by word, in windows of a
whole context that follow one another unless --stride or --protocol says otherwise.")]
pub struct EvalArgs {
    /// Directory of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    /// Text: the part to measure on; without it what is measured during training, and the validation part as a whole
    #[arg(long, value_name = "PART", value_enum)]
    pub split: Option<SplitArg>,
    /// Text: windows begin N tokens apart, and each scores the N tokens that the one before has not
    #[arg(long, value_name = "N", conflicts_with = "protocol")]
    pub stride: Option<usize>,
    /// Text: which tokens are scored after which others
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t)]
    pub protocol: ProtocolArg,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// What is measured during training.
    Validation,
    /// What is measured once.
    Test,
}

impl From<SplitArg> for TextSplit {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Validation => TextSplit::Validation,
            SplitArg::Test => TextSplit::Test,
        }
    }
}

/// How perplexity is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtocolArg {
    /// Windows that follow one another, or begin --stride apart; each token counts once
    #[default]
    Standard,
    /// As the program of arXiv 2502.17206: windows half a context apart that score all their tokens
    Paper2Overlap,
}

/// `anther generate`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther generate runs/shakespeare-char-1 --prompt \"ROMEO:\"
  anther generate runs/mine --prompt \"To be\" --temperature 0.8 --top-k 20 --max-tokens 500 --seed 7
  anther generate runs/mine --prompt \"To be\" --temperature 0
  anther generate runs/mine --prompt \"To be\" --precision bf16

The same seed, prompt, checkpoint and precision give the same text.")]
pub struct GenerateArgs {
    /// Directory of a run on text
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    /// The text to continue; of a model of characters, only those of the text that was trained on
    #[arg(long, value_name = "TEXT", default_value = "\n", hide_default_value = true)]
    pub prompt: String,
    /// Below 1 likelier tokens gain, above 1 unlikelier ones; 0 always takes the likeliest
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Draw from the N likeliest tokens only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top_k: usize,
    /// Draw from the fewest likeliest tokens that have probability P together
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f64,
    /// How many tokens to write
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_tokens: u32,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How weights are held: f32 as trained, bf16 rounded to half the bytes, which is faster and changes scores a little
    #[arg(long, value_name = "PRECISION", value_enum, default_value_t, hide_possible_values = true)]
    pub precision: PrecisionArg,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// `anther translate`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  echo 5 17 9 | anther translate runs/reverse-map-1
  anther translate runs/mine --best < sources.txt > targets.txt

  anther translate runs/translate-multi30k-1 --score test

Each line is a source; the line of the output with its number is the best target that a beam search finds.")]
pub struct TranslateArgs {
    /// Directory of a run of an encoder-decoder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Targets that are kept open at once; 1 takes the likeliest token each time
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub beam: u32,
    /// The power of its length that the log-probability of a target is divided by; 0 prefers short ones
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub length_penalty: f64,
    /// Translate this part of the data in the place of the standard input, and print BLEU and chrF
    #[arg(long, value_name = "PART", value_enum)]
    pub score: Option<ScoreArg>,
    /// With --score: write the translations into this file, a line each
    #[arg(long, value_name = "FILE", requires = "score")]
    pub out: Option<PathBuf>,
    /// With --score: answer with one line of JSON
    #[arg(long, requires = "score")]
    pub json: bool,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// A part of a parallel text to translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScoreArg {
    /// What was trained on.
    Train,
    /// What is measured during training.
    Validation,
    /// What is measured once.
    Test,
}

impl From<ScoreArg> for Part {
    fn from(part: ScoreArg) -> Self {
        match part {
            ScoreArg::Train => Part::Train,
            ScoreArg::Validation => Part::Validation,
            ScoreArg::Test => Part::Test,
        }
    }
}

/// How weights are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// As trained.
    #[default]
    F32,
    /// Rounded to bf16.
    Bf16,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::F32 => Precision::F32,
            PrecisionArg::Bf16 => Precision::Bf16,
        }
    }
}

/// `anther prune`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("size").args(["keep", "tol", "rank", "scan"]).required(true)))]
#[command(after_help = "\
Examples:
  anther prune runs/mine --scan
  anther prune runs/mine --layers '*.q_proj' '*.k_proj' --keep 0.1
  anther prune runs/mine --layers '*mlp*' --tol 0.05 --fine-tune 200
  anther prune runs/mine --layers lm_head --rank 16 --data-aware --out runs/small

The result is a run of its own: eval, generate, export and train --resume take it like any other.
Names of layers are those of `anther inspect`, without .weight; a * stands for any characters.")]
pub struct PruneArgs {
    /// Directory of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Globs of the layers
    #[arg(long, value_name = "GLOB", num_args = 1.., required_unless_present = "scan", conflicts_with = "scan")]
    pub layers: Vec<String>,
    /// Keep this share of the parameters of each layer, above 0 and at most 1
    #[arg(long, value_name = "RATIO")]
    pub keep: Option<f64>,
    /// Allow this relative error of each weight, at least 0 and below 1
    #[arg(long, value_name = "ERROR")]
    pub tol: Option<f64>,
    /// Bonds of at most this rank
    #[arg(long, value_name = "N")]
    pub rank: Option<usize>,
    /// Try groups of layers at sizes from .5 to .01, and draw what each costs
    #[arg(long)]
    pub scan: bool,
    /// Cores of a chain; 1 leaves a weight as it is, 2 is a sum of Kronecker products
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=8))]
    pub cores: u8,
    /// Weight what is left out by what the layers are given, over eight batches of training data
    #[arg(long, conflicts_with = "scan")]
    pub data_aware: bool,
    /// Train the pruned model for so many steps
    #[arg(long, value_name = "STEPS", conflicts_with = "scan")]
    pub fine_tune: Option<u64>,
    /// Change a key of the recipe for fine-tuning, such as train.learning_rate=1e-4
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "scan")]
    pub set: Vec<String>,
    /// Directory of the new run [default: the next free runs/RUN-pruned-N]; with --scan the picture [default: RUN/prune-scan.svg]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// `anther bleu`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther translate runs/mine < test.de | anther bleu test.en
  anther bleu reference-1.txt reference-2.txt --json < hypotheses.txt")]
pub struct BleuArgs {
    /// Files of references, a sentence a line
    #[arg(value_name = "REFERENCES", required = true)]
    pub references: Vec<PathBuf>,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `anther import`
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// From where.
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// Programs whose models can be read.
#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    /// A checkpoint of Hugging Face: GPT-2, RoBERTa, Marian, ViT or DeiT
    Hf(ImportHfArgs),
}

/// `anther import hf`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther import hf models/gpt2 --out runs/gpt2
  anther import hf models/gpt2 --out runs/tuned --set data.path=book.txt --set train.steps=500
  anther import hf models/opus-mt-de-en --tokenizer tokenizer.json

The run begins with a checkpoint of step 0: generate, translate, eval, export and train --resume take it like any other;
eval and train need data, which --set data.name or data.path gives.")]
pub struct ImportHfArgs {
    /// Directory with config.json, model.safetensors and, for text, tokenizer.json or, for images, preprocessor_config.json
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Directory of the run; must not hold one yet [default: the next free runs/DIR-N]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
    /// A tokenizer.json in the place of the one in DIR
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// Change a key of the recipe, of data or train; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// `anther export`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  anther export runs/mine model.safetensors
  anther export runs/small model.safetensors --dense
  anther export hf runs/mine models/mine")]
pub struct ExportArgs {
    /// For another program.
    #[command(subcommand)]
    pub to: Option<ExportTo>,
    /// Directory of a run
    #[arg(value_name = "RUN", required = true)]
    pub run: Option<PathBuf>,
    /// The safetensors file to write; must not exist
    #[arg(value_name = "FILE", required = true)]
    pub file: Option<PathBuf>,
    /// Write weights that are tensor chains as dense matrices
    #[arg(long)]
    pub dense: bool,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
}

/// Programs that models can be written for.
#[derive(Debug, Subcommand)]
pub enum ExportTo {
    /// A directory that Hugging Face's transformers loads
    Hf(ExportHfArgs),
}

/// `anther export hf`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther export hf runs/mine models/mine
  anther export hf runs/small models/small --dense")]
pub struct ExportHfArgs {
    /// Directory of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The directory to write; must not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Write weights that are tensor chains as dense matrices
    #[arg(long)]
    pub dense: bool,
    /// Which checkpoint.
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
}

/// `anther inspect`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther inspect shakespeare-char
  anther inspect nt-expressive --set model.layers=4 --json
  anther inspect runs/mine
  anther inspect runs/mine --maps maps.png --prompt \"ROMEO:\"")]
pub struct InspectArgs {
    /// Name of a recipe, path to a .toml file, or directory of a run
    #[arg(value_name = "RECIPE|RUN")]
    pub what: String,
    /// Use another form of an encoder-decoder than the recipe, such as anthe; a wrong name lists all
    #[arg(long, value_name = "PRESET")]
    pub model: Option<String>,
    /// Use another attention than the recipe, such as kgv, or bn+centred; a wrong name lists all
    #[arg(long, value_name = "PRESET")]
    pub attention: Option<String>,
    /// Change a key of the recipe, such as model.width=64; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Draw what a run attends to: a row of heat maps for each layer, one for each head, the darker the more weight
    #[arg(long, value_name = "FILE.png")]
    pub maps: Option<PathBuf>,
    /// The text to draw the maps of [default: the first passage of the validation data]
    #[arg(long, value_name = "TEXT", requires = "maps")]
    pub prompt: Option<String>,
    /// Answer with one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
    /// How to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// `anther recipes`
#[derive(Args, Debug)]
pub struct RecipesArgs {
    /// Print the TOML of this recipe instead
    #[arg(long, value_name = "NAME")]
    pub show: Option<String>,
    /// Answer with one line of JSON
    #[arg(long, conflicts_with = "show")]
    pub json: bool,
}

/// `anther completions`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  anther completions bash > ~/.local/share/bash-completion/completions/anther")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `anther fetch`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anther fetch --list
  anther fetch multi30k JapaneseVowels
  anther fetch --all --mirror /media/datasets
  anther fetch tinyshakespeare --offline

Every file is checked against its manifest; an interrupted download goes on where it was. Manifests in datasets/ of the current directory are known too.")]
pub struct FetchArgs {
    /// Names of data sets
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "all"], conflicts_with_all = ["list", "all"])]
    pub names: Vec<String>,
    /// List the data sets: whether they are here, bytes to download, bytes unpacked if known, licence
    #[arg(long, conflicts_with = "all")]
    pub list: bool,
    /// Fetch every data set; one that fails does not keep the others back
    #[arg(long)]
    pub all: bool,
    /// Take the files from a folder or a server that has them under the paths of the manifests
    #[arg(long, value_name = "DIR|URL", conflicts_with = "offline")]
    pub mirror: Option<String>,
    /// Only check what is here, by reading it; never use the network
    #[arg(long)]
    pub offline: bool,
    /// Where data sets are.
    #[command(flatten)]
    pub data: DataArgs,
}
