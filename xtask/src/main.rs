//! `cargo xtask`: the project's automation, with nothing to install but Rust.
//!
//! One file per subcommand. It drives cargo and the `anther` binary from outside and depends on no crate of the workspace, so that it
//! compiles in seconds and works while the rest of the tree does not build.
#![forbid(unsafe_code)]

mod app;
mod bench;
mod ci;
mod fetch;
mod golden;
mod project;
mod run;
mod test;
mod tidy;
mod train;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use project::Project;

const HELP: &str = "\
cargo xtask COMMAND [ARGS]

  train [RECIPE] [ARGS]     build the command line, then `anther train RECIPE ARGS`; without RECIPE: nt-expressive,
                            with --resume RUN the rest of that run
  run ARGS                  build the command line, then `anther ARGS`
  fetch [ARGS]              build the command line, then `anther fetch ARGS`
  test [ARGS]               every test of the workspace, doctests too; the last line is the total
  bench [ARGS]              measures every case: [--quick] [--only TEXT] [--threads 1,2] [--json FILE] [--markdown FILE],
                            beside PyTorch and JAX with --peers [--python PROGRAM]; or draws how time and memory grow,
                            --scaling DIR; or runs criterion, --criterion
  tidy                      the house rules
  golden [--reference DIR]  check the golden files, and with DIR also the programs that made them
  ci                        all that a change must pass: fmt, clippy, tidy, golden, test, fetch, doc, deny
  help                      this text

The arguments of train, run, fetch and test are passed on as they are, --help included.
";

/// Exit code of a command line that asks for something that does not exist.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_else(|| OsString::from("help"));
    let args: Vec<OsString> = args.collect();
    let name = command.to_string_lossy().into_owned();
    match dispatch(&name, args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => match error.downcast::<xflags::Error>() {
            Ok(flags) if flags.is_help() => {
                print!("{HELP}");
                ExitCode::SUCCESS
            }
            Ok(flags) => {
                eprintln!("xtask {name}: {flags}; `cargo xtask help` lists what there is");
                ExitCode::from(USAGE)
            }
            Err(error) => {
                eprintln!("xtask {name}: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Runs one subcommand and returns the exit code of the whole program.
///
/// Commands that wrap another program see their arguments before any parser does: a parser here would eat the other program's flags.
fn dispatch(name: &str, args: Vec<OsString>) -> Result<u8> {
    match name {
        "train" => train::main(&Project::find()?, args),
        "run" => run::main(&Project::find()?, args),
        "fetch" => fetch::main(&Project::find()?, args),
        "test" => test::main(&Project::find()?, &args),
        "bench" => bench::main(&Project::find()?, args),
        "tidy" => {
            flags::Bare::from_vec(args)?;
            tidy::main(&Project::find()?)
        }
        "golden" => {
            let flags = flags::Golden::from_vec(args)?;
            golden::main(&Project::find()?, flags.reference.as_deref())
        }
        "ci" => {
            flags::Bare::from_vec(args)?;
            ci::main(Project::find()?)
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(0)
        }
        _ => {
            eprintln!("xtask: there is no command `{name}`; `cargo xtask help` lists what there is");
            Ok(USAGE)
        }
    }
}

/// Arguments of the commands that have their own.
mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        cmd bare {}
    }

    xflags::xflags! {
        cmd golden {
            optional --reference reference: PathBuf
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_a_usage_error() {
        assert_eq!(dispatch("trian", Vec::new()).unwrap(), USAGE);
    }

    #[test]
    fn help_names_every_command() {
        for name in ["train", "run", "fetch", "test", "bench", "tidy", "golden", "ci", "help"] {
            assert!(HELP.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
        }
    }

    #[test]
    fn commands_without_arguments_refuse_them() {
        let error = flags::Bare::from_vec(vec![OsString::from("--fast")]).unwrap_err();
        assert!(!error.is_help());
        assert!(error.to_string().contains("--fast"));
    }

    #[test]
    fn golden_reads_its_reference() {
        let flags = flags::Golden::from_vec(vec!["--reference".into(), "programs".into()]).unwrap();
        assert_eq!(flags.reference.as_deref(), Some(std::path::Path::new("programs")));
        assert!(flags::Golden::from_vec(vec!["--reference".into()]).is_err());
    }
}
