//! `cargo xtask bench`: measures the cases of `anther-bench`, beside the peers if asked.
//!
//! Ours and each peer are long-lived programs that measure a case on request, so they take turns case by case and see the same machine.

mod args;
mod row;
mod table;
mod turns;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::app::executable;
use crate::project::{Project, ended, must_succeed, show};
use args::Args;
use row::{Entry, Limits, Measured, Row};
use turns::{Answer, Budget, Program};

/// The peers and the programs that speak for them, below `crates/bench/peers`.
const PEERS: [(&str, &str); 2] = [("torch", "torch_peer.py"), ("jax", "jax_peer.py")];

/// Turns that ours and each peer take at a case.
const TURNS: usize = 2;

/// Runs the command.
pub fn main(project: &Project, args: Vec<OsString>) -> Result<u8> {
    let typed: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args = Args::read(args, std::thread::available_parallelism().map_or(1, usize::from))?;
    if args.criterion {
        let mut cargo = project.cargo();
        cargo.args(["bench", "--package", "anther-bench", "--bench", "cases", "--", &args.only]);
        must_succeed(cargo)?;
        return Ok(0);
    }
    let programs = Programs::build(project)?;
    if let Some(out) = &args.scaling {
        let threads = args.threads.iter().copied().max().unwrap_or(1);
        let mut command = programs.ours(threads);
        command.arg("scaling").arg("--out").arg(out);
        must_succeed(command)?;
        return Ok(0);
    }
    let (rows, versions) = measure(project, &programs, &args)?;
    println!("\n{}", table::plain(&rows));
    if let Some(path) = &args.json {
        let text: String = rows.iter().map(|row| format!("{}\n", row.json())).collect();
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &args.markdown {
        let command = ["cargo", "xtask", "bench"].into_iter().chain(typed.iter().map(String::as_str));
        let facts = table::Facts {
            cpu: cpu(),
            date: output(Command::new("date").arg("+%Y-%m-%d"))?,
            versions: versions.join(", "),
            command: command.collect::<Vec<_>>().join(" "),
        };
        fs::write(path, table::markdown(&rows, &facts))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(0)
}

/// What was built.
struct Programs<'a> {
    project: &'a Project,
    bench: PathBuf,
    anther: PathBuf,
}

impl Programs<'_> {
    /// Builds the program that measures and the command line whose start is measured.
    fn build(project: &Project) -> Result<Programs<'_>> {
        let mut cargo = project.cargo();
        cargo.args(["build", "--release", "--package", "anther-bench", "--package", "anther"]);
        cargo.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
        let built = cargo.output().with_context(|| format!("{} did not start", show(&cargo)))?;
        if !built.status.success() {
            bail!("the benchmarks did not build: {} {}", show(&cargo), ended(built.status));
        }
        let messages = String::from_utf8_lossy(&built.stdout);
        let find = |name| executable(&messages, name).with_context(|| format!("cargo built no binary `{name}`"));
        Ok(Programs { project, bench: find("anther-bench")?, anther: find("anther")? })
    }

    fn ours(&self, threads: usize) -> Command {
        let mut command = self.project.command(&self.bench);
        command.args(["--threads", &threads.to_string()]).arg("--anther").arg(&self.anther);
        command
    }

    fn serve(&self, threads: usize) -> Result<Program> {
        let mut command = self.ours(threads);
        command.arg("serve");
        Program::start(command)
    }

    /// Everything there is to measure. The work of a case may follow the threads: the probes keep each of them busy.
    fn list(&self, threads: usize) -> Result<Vec<Entry>> {
        let text = output(self.ours(threads).arg("list"))?;
        let entry = |line| serde_json::from_str::<Value>(line).ok().and_then(|line| Entry::read(&line));
        text.lines().map(|line| entry(line).with_context(|| format!("{line:?} describes no case"))).collect()
    }

    fn peer(&self, python: &Path, script: &str, threads: usize) -> Result<Peer> {
        let mut command = self.project.command(python);
        command.arg("-B").arg(self.project.root().join("crates/bench/peers").join(script)).arg(threads.to_string());
        // Settings of one machine's OpenBLAS would slow the peers down on another.
        command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE").stderr(Stdio::null());
        let mut program = Program::start(command)?;
        let hello = program.line()?;
        let text = |key: &str| hello[key].as_str().unwrap_or_default().to_owned();
        let cases = hello["cases"].as_array().into_iter().flatten();
        let cases = cases.filter_map(|case| case.as_str().map(str::to_owned)).collect();
        Ok(Peer { name: text("peer"), version: text("version"), script: script.to_owned(), cases, program })
    }
}

/// A peer at work.
struct Peer {
    name: String,
    version: String,
    script: String,
    cases: Vec<String>,
    program: Program,
}

/// Measures what the arguments ask for; also the versions of all that took part.
fn measure(project: &Project, programs: &Programs<'_>, args: &Args) -> Result<(Vec<Row>, Vec<String>)> {
    let wanted = |entry: &&Entry| entry.by.is_none() && entry.case.contains(&args.only) && (entry.quick || !args.quick);
    if !programs.list(1)?.iter().any(|entry| wanted(&entry)) {
        bail!("no case{} has {:?} in its name", if args.quick { " of the short run" } else { "" }, args.only);
    }
    // Peers need more calls than ours until their memory is warm.
    let budget = match (args.quick, args.peers.is_some()) {
        (true, false) => Budget { seconds: 0.1, wait: 0.6, fewest: 2 },
        (true, true) => Budget { seconds: 0.2, wait: 1.0, fewest: 3 },
        (false, _) => Budget { seconds: 0.4, wait: 6.0, fewest: 4 },
    };
    let mut versions = vec![output(project.command("rustc").arg("--version"))?];
    let mut rows = Vec::new();
    for (turn, &threads) in args.threads.iter().enumerate() {
        let all = programs.list(threads)?;
        let chosen: Vec<&Entry> = all.iter().filter(wanted).collect();
        let mut ours = programs.serve(threads)?;
        let limits = limits(&all, &mut ours)?;
        let mut peers = Vec::new();
        for (name, script) in PEERS {
            let Some(python) = &args.peers else { continue };
            match programs.peer(python, script, threads) {
                Ok(peer) => peers.push(peer),
                // Said once, not for each number of threads.
                Err(_) if turn > 0 => {}
                Err(_) => println!(
                    "peer {name} is left out: {} cannot import it; install it there, or name another with --python",
                    python.display()
                ),
            }
        }
        if turn == 0 {
            versions.extend(peers.iter().map(|peer| format!("{} {}", peer.name, peer.version)));
        }
        for entry in &chosen {
            // The yardstick inside our own program has one thread.
            let yardsticks = all.iter().filter(|other| threads == 1 && other.by.is_some() && other.case == entry.case);
            let yardsticks: Vec<&str> = match args.peers {
                Some(_) => yardsticks.filter_map(|other| other.by.as_deref()).collect(),
                None => Vec::new(),
            };
            let case = Case { programs, args, entry, threads, yardsticks: &yardsticks, budget };
            let row = case.measure(&mut ours, &mut peers, &limits)?;
            println!("{}", row.json());
            std::io::stdout().flush()?;
            rows.push(row);
        }
    }
    Ok((rows, versions))
}

/// One case at a number of threads, about to be measured.
struct Case<'a> {
    programs: &'a Programs<'a>,
    args: &'a Args,
    entry: &'a Entry,
    threads: usize,
    yardsticks: &'a [&'a str],
    budget: Budget,
}

impl Case<'_> {
    /// Ours and the peers in turns.
    fn measure(&self, ours: &mut Program, peers: &mut [Peer], limits: &Limits) -> Result<Row> {
        if !self.entry.fresh {
            let mut able: Vec<&mut Peer> = peers.iter_mut().filter(|peer| self.is_known(peer)).collect();
            return self.turns(ours, &mut able, limits);
        }
        let mut ours = self.programs.serve(self.threads)?;
        let mut own = Vec::new();
        for peer in peers.iter().filter(|peer| self.is_known(peer)) {
            let python = self.args.peers.as_deref().context("a peer runs without a Python")?;
            own.push(self.programs.peer(python, &peer.script, self.threads)?);
        }
        self.turns(&mut ours, &mut own.iter_mut().collect::<Vec<_>>(), limits)
    }

    fn is_known(&self, peer: &Peer) -> bool {
        peer.cases.contains(&self.entry.case)
    }

    fn turns(&self, ours: &mut Program, peers: &mut [&mut Peer], limits: &Limits) -> Result<Row> {
        let name = &self.entry.case;
        let turns = if self.args.peers.is_some() { TURNS } else { 1 };
        let (mut own, mut theirs) = (Vec::new(), vec![Vec::new(); self.yardsticks.len() + peers.len()]);
        for _ in 0..turns {
            own.push(ours.ask(name, None, self.budget)?);
            for (answers, by) in theirs.iter_mut().zip(self.yardsticks) {
                answers.push(ours.ask(name, Some(by), self.budget)?);
            }
            for (answers, peer) in theirs[self.yardsticks.len()..].iter_mut().zip(peers.iter_mut()) {
                answers.push(peer.program.ask(name, None, self.budget)?);
            }
        }
        let names = self.yardsticks.iter().map(|&by| by.to_owned()).chain(peers.iter().map(|peer| peer.name.clone()));
        let joined = |(name, turns): (String, Vec<Answer>)| Some((name, Measured::of(&turns)?));
        let peers = names.zip(theirs).filter_map(joined).collect();
        let own = Measured::of(&own).with_context(|| format!("{name} gave no sample"))?;
        Ok(Row::new(self.entry.clone(), self.threads, own, peers, limits))
    }
}

/// The machine's limits at the threads of that program: its cases whose names begin with `limit_`.
fn limits(all: &[Entry], ours: &mut Program) -> Result<Limits> {
    let mut limits = Limits { gflops: 0.0, gbytes_s: 0.0 };
    for entry in all.iter().filter(|entry| entry.case.starts_with("limit_")) {
        let answer = ours.ask(&entry.case, None, Budget { seconds: 0.15, wait: 2.0, fewest: 3 })?;
        if let (Some(measured), Some((unit, work))) = (Measured::of(&[answer]), &entry.limit) {
            let limit = if unit == "gflops" { &mut limits.gflops } else { &mut limits.gbytes_s };
            *limit = limit.max(work / (measured.median / 1e3));
        }
    }
    Ok(limits)
}

/// What a program prints, without the last line break.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{} did not start", show(command)))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {}", show(command), ended(output.status), message.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The name of the processor as Linux has it.
fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
