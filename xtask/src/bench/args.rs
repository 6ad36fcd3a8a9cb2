//! The arguments of `cargo xtask bench`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};

mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        cmd bench {
            optional --quick
            optional --only only: String
            optional --threads threads: String
            optional --json json: PathBuf
            optional --markdown markdown: PathBuf
            optional --peers
            optional --python python: PathBuf
            optional --scaling scaling: PathBuf
            optional --criterion
        }
    }
}

/// What to measure and where to put it.
#[derive(Debug, PartialEq)]
pub struct Args {
    /// The short run.
    pub quick: bool,
    /// A part of the names of the cases.
    pub only: String,
    /// Numbers of threads, each measured by itself.
    pub threads: Vec<usize>,
    /// A file for a JSON object a line.
    pub json: Option<PathBuf>,
    /// A file for the table.
    pub markdown: Option<PathBuf>,
    /// The Python that has the packages of the peers, if peers are measured.
    pub peers: Option<PathBuf>,
    /// A folder for pictures of growth instead of the cases.
    pub scaling: Option<PathBuf>,
    /// Run criterion instead.
    pub criterion: bool,
}

impl Args {
    /// Reads the arguments. `cores` is how many threads the machine runs.
    ///
    /// # Errors
    /// One sentence about the first mistake.
    pub fn read(args: Vec<OsString>, cores: usize) -> Result<Args> {
        let flags = flags::Bench::from_vec(args)?;
        let peers = match (flags.peers, flags.python) {
            (false, Some(_)) => bail!("--python is for the peers; add --peers"),
            (false, None) => None,
            (true, python) => Some(python.unwrap_or_else(|| PathBuf::from("python3"))),
        };
        let instead = [flags.scaling.is_some(), flags.criterion, peers.is_some() || flags.quick];
        if instead.iter().filter(|&&chosen| chosen).count() > 1 {
            bail!("--scaling, --criterion and the cases (--quick, --peers) are three things; ask for one at a time");
        }
        let threads = match flags.threads {
            Some(text) => counts(&text)?,
            None if cores > 1 => vec![1, cores],
            None => vec![1],
        };
        Ok(Args {
            quick: flags.quick,
            only: flags.only.unwrap_or_default(),
            threads,
            json: flags.json,
            markdown: flags.markdown,
            peers,
            scaling: flags.scaling,
            criterion: flags.criterion,
        })
    }
}

/// `1,2` as numbers of threads, in that order.
fn counts(text: &str) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for word in text.split(',') {
        match word.trim().parse() {
            Ok(count @ 1..=1024) if !counts.contains(&count) => counts.push(count),
            _ => bail!("--threads {text:?} is no list of different numbers from 1 to 1024; write it like 1,2"),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Args> {
        Args::read(args.iter().map(OsString::from).collect(), 4)
    }

    #[test]
    fn everything_has_a_default() {
        let args = read(&[]).unwrap();
        assert_eq!((args.threads, args.only.as_str(), args.peers, args.quick), (vec![1, 4], "", None, false));
        assert_eq!(Args::read(Vec::new(), 1).unwrap().threads, [1]);
    }

    #[test]
    fn all_flags_are_read() {
        let args = read(&["--quick", "--only", "gemm", "--threads", "2, 1", "--json", "a", "--peers", "--python", "p"]);
        let args = args.unwrap();
        assert!(args.quick && args.only == "gemm" && args.threads == [2, 1]);
        assert_eq!((args.json, args.peers), (Some("a".into()), Some("p".into())));
        assert_eq!(read(&["--peers"]).unwrap().peers, Some("python3".into()));
        assert_eq!(read(&["--scaling", "d"]).unwrap().scaling, Some("d".into()));
    }

    #[test]
    fn mistakes_name_the_flag() {
        for (args, words) in [
            (&["--threads", "0"][..], "--threads"),
            (&["--threads", "1,1"], "different"),
            (&["--threads", "two"], "1,2"),
            (&["--python", "p"], "--peers"),
            (&["--criterion", "--scaling", "d"], "one at a time"),
            (&["--criterion", "--peers"], "one at a time"),
            (&["--fast"], "--fast"),
            (&["--only"], "--only"),
        ] {
            let message = read(args).unwrap_err().to_string();
            assert!(message.contains(words), "{args:?}: {message}");
        }
    }
}
