//! Running the program in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A recipe on a small text that takes a millisecond a step and saves every step.
pub const TINY_TEXT: &str = r#"# A tiny model of a tiny text
[data]
task = "text"
path = "text.txt"

[model]
layers = 1
heads = 2
width = 16
context = 16

[train]
steps = 40
batch = 4
eval_every = 10
eval_batches = 2
checkpoint_every = 1
log_every = 1
"#;

/// Flags that make the recipe nt-expressive as small.
pub const TINY_NT: [&str; 6] = ["--set", "train.batch=5", "--set", "train.warmup=0", "--set", "train.eval_batches=2"];

/// How long something that must happen may take before the test gives up: far longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// These bytes packed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file in the format of MNIST with these axes.
pub fn idx(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// A folder to run the program in.
pub struct Place {
    dir: TempDir,
}

/// What a process left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    /// A folder with `tiny.toml` and the text that it is about.
    pub fn with_text() -> Self {
        let place = Place::new();
        place.write("tiny.toml", TINY_TEXT);
        place.write("text.txt", "the quick brown fox jumps over the lazy dog; ".repeat(20));
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with these arguments, not run yet. Variables that would change what it does are not handed on.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anther"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("ANTHER_SIMD")
            .env_remove("ANTHER_DATA")
            .env_remove("RAYON_NUM_THREADS")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args))
    }

    /// Runs what must succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran
    }

    /// Starts a process whose output nobody reads.
    pub fn spawn(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }

    /// Whole lines of the log of a run so far.
    pub fn logged(&self, run: &str) -> usize {
        let log = fs::read(self.path(run).join("metrics.jsonl")).unwrap_or_default();
        log.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// The newest checkpoint of a run, as the program reads it.
    pub fn saved_step(&self, run: &str) -> u64 {
        let ran = self.ok(&["eval", run, "--json"]);
        last_json(&ran)["step"].as_u64().unwrap()
    }

    /// SHA-256 of the parameters of a run after a step.
    pub fn parameters(&self, run: &str, step: u64) -> String {
        let file = format!("ckpt/step-{step:08}/model.safetensors");
        sha256(&self.path(run).join(file))
    }
}

/// A process that is killed if the test fails before it is waited for.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts a command whose output nobody reads.
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: command.spawn().unwrap() }
    }

    /// Waits until something is so, unless the process ends before.
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended before {what}");
            assert!(start.elapsed() < PATIENCE, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills it as nothing can prevent.
    pub fn kill(mut self) -> Ran {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by name. A shell has `kill` built in; the program of that name is not on every system.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success(), "{kill}");
    }

    pub fn wait(mut self) -> Ran {
        use std::io::Read;
        let text = |pipe: Option<&mut dyn Read>| {
            let mut bytes = Vec::new();
            pipe.unwrap().read_to_end(&mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let stdout = text(self.child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
        let stderr = text(self.child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
        let code = self.child.wait().unwrap().code();
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Checks that the program refused with this exit code and one sentence that has all these words.
    #[track_caller]
    pub fn refuses(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "a refusal prints no result");
        // One line of ours, some lines of clap before it goes on with hints after an empty one.
        let (_, complaint) = self.stderr.rsplit_once("error: ").unwrap_or_else(|| panic!("no sentence: {self:?}"));
        let complaint = complaint.split("\n\n").next().unwrap_or_default();
        for word in words {
            assert!(complaint.contains(word), "{complaint:?} does not say {word:?}");
        }
    }
}

/// The last line of the standard output as JSON.
#[track_caller]
pub fn last_json(ran: &Ran) -> serde_json::Value {
    let line = ran.stdout.lines().last().unwrap_or_else(|| panic!("no output: {ran:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

pub fn sha256(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
