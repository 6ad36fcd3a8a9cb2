//! `anther fetch`: data sets from their origin, from a mirror, or only checked.

#[cfg(feature = "fetch")]
mod manifests;

use crate::cli::FetchArgs;
use crate::failure::Failure;

/// Says how to get a program that can download: one without TLS builds faster and needs less.
#[cfg(not(feature = "fetch"))]
pub fn run(_: &FetchArgs) -> Result<u8, Failure> {
    Err(Failure::from(anyhow::anyhow!(
        "this program was built without downloads; run `cargo xtask fetch` with the same arguments, or build it with \
         `cargo build --release --features fetch`"
    )))
}

/// Fetches or lists.
#[cfg(feature = "fetch")]
pub fn run(args: &FetchArgs) -> Result<u8, Failure> {
    with_downloads::run(args)
}

#[cfg(feature = "fetch")]
mod with_downloads {
    use std::path::Path;

    use anther_data::fetch::{Outcome, Source, fetch};
    use anther_data::manifest::FileState;

    use super::super::{DONE, data_dir};
    use super::manifests;
    use crate::cli::FetchArgs;
    use crate::failure::Failure;
    use crate::output;

    /// Fetches or lists.
    pub fn run(args: &FetchArgs) -> Result<u8, Failure> {
        let data = data_dir(&args.data);
        let directory = data.path();
        let folder = Path::new(manifests::FOLDER);
        if args.list {
            output::print(&list(folder, directory)?)?;
            return Ok(DONE);
        }
        let source = match &args.mirror {
            Some(mirror) => Source::mirror(mirror).map_err(Failure::usage)?,
            None if args.offline => Source::Offline,
            None => Source::Origin,
        };
        let names = match &args.name {
            Some(name) => vec![name.clone()],
            None => manifests::names(folder)?,
        };
        for name in names {
            let manifest = manifests::named(folder, &name)?;
            for file in fetch(&manifest, directory, &source)? {
                let word = match file.outcome {
                    Outcome::AlreadyPresent => "present",
                    Outcome::Added => "fetched",
                    Outcome::Replaced => "replaced",
                };
                output::print(&format!("{word} {}", file.path.display()))?;
            }
        }
        Ok(DONE)
    }

    /// One line a data set: its name, whether it is in the data directory, its size and its terms.
    fn list(folder: &Path, directory: &Path) -> Result<String, Failure> {
        let mut lines = String::new();
        for name in manifests::names(folder)? {
            let manifest = manifests::named(folder, &name)?;
            let mut word = "present";
            for file in manifest.files() {
                match file.state(directory) {
                    Ok(FileState::Matches) => {}
                    Ok(FileState::Missing) => word = "missing",
                    Ok(FileState::Differs) => word = "differs",
                    Err(error) => {
                        return Err(anyhow::anyhow!("{} cannot be checked: {error}", file.path()).into());
                    }
                }
            }
            let bytes: u64 = manifest.files().iter().map(|file| file.bytes()).sum();
            lines += &format!("{name:<20} {word:<8} {bytes:>12} bytes  {}\n", manifest.licence());
        }
        Ok(lines)
    }
}
