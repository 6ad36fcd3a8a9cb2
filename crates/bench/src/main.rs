//! `anther-bench`: measures the cases. `cargo xtask bench` builds it, drives it and prints its results; it can be called by itself too.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anther_bench::measure::Budget;
use anther_bench::{cases, report, scaling, serve};
use anyhow::{Context, Result, bail};

const HELP: &str = "\
anther-bench COMMAND [--threads N] [--anther FILE]

  list                                 what there is, a JSON object a line
  run [--only TEXT] [--quick] [--seconds S]
                                       measures the cases whose name contains TEXT
  serve                                measures what requests on the input ask for
  scaling --out DIR                    draws time and memory against length, width, depth and threads as SVG

--threads is 1 if it is not given. --anther names the command line whose start is measured.
";

/// Exit code of a command line that asks for something that does not exist.
const USAGE: u8 = 2;

mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        cmd anther-bench {
            optional --threads threads: usize
            optional --anther anther: PathBuf

            cmd list {}
            cmd run {
                optional --only only: String
                optional --quick
                optional --seconds seconds: f64
            }
            cmd serve {}
            cmd scaling {
                required --out out: PathBuf
            }
        }
    }
}

fn main() -> ExitCode {
    let flags = match flags::AntherBench::from_env() {
        Ok(flags) => flags,
        Err(error) if error.is_help() => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("anther-bench: {error}; `anther-bench --help` lists what there is");
            return ExitCode::from(USAGE);
        }
    };
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anther-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: flags::AntherBench) -> Result<()> {
    let threads = flags.threads.unwrap_or(1);
    if threads == 0 {
        bail!("--threads 0 runs nothing; ask for at least 1");
    }
    let anther = flags.anther;
    if let Some(anther) = anther.as_deref().filter(|anther| !anther.is_file()) {
        bail!("--anther names {}, which is no file", anther.display());
    }
    // As the command line does: the calling thread is one of the pool.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .context("the threads cannot be started")?;
    let cases = cases::all(threads, anther.as_deref());
    match flags.subcommand {
        flags::AntherBenchCmd::List(_) => {
            let list: String = cases.iter().map(|case| format!("{}\n", report::entry(case))).collect();
            // A reader that closes the pipe has seen enough.
            match std::io::stdout().write_all(list.as_bytes()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
                _ => {}
            }
        }
        flags::AntherBenchCmd::Run(flags::Run { only, quick, seconds }) => {
            let usual = Budget::default();
            let seconds = seconds.unwrap_or(if quick { 0.2 } else { usual.seconds });
            let only = only.unwrap_or_default();
            let chosen = |case: &&anther_bench::Case| case.name.contains(&only) && (case.quick || !quick);
            let chosen: Vec<_> = cases.iter().filter(chosen).collect();
            if chosen.is_empty() {
                bail!("no case has {only:?} in its name; `anther-bench list` prints them");
            }
            let limits = report::Limits::measure(&cases, threads);
            for case in chosen {
                let result = report::time(case, threads, &Budget { seconds, ..usual });
                println!("{}", report::line(case, threads, &result, &limits));
            }
        }
        flags::AntherBenchCmd::Serve(_) => {
            serve::serve(&cases, threads, std::io::stdin().lock(), std::io::stdout().lock())
                .context("the program that asked is gone")?;
        }
        flags::AntherBenchCmd::Scaling(flags::Scaling { out }) => draw(&out, threads)?,
    }
    Ok(())
}

fn draw(out: &Path, threads: usize) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("the folder {} cannot be made", out.display()))?;
    for (name, picture) in scaling::pictures(threads, &scaling::FULL)? {
        let path: PathBuf = out.join(name);
        std::fs::write(&path, picture).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
