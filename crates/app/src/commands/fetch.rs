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

    use anther_data::fetch::{Event, Fetcher, FileState, Look, Outcome, Source};
    use anther_data::manifest::{Manifest, RemoteFile, Size};

    use super::super::{DONE, data_dir};
    use super::manifests;
    use crate::cli::FetchArgs;
    use crate::failure::Failure;
    use crate::output;
    use crate::signals::Signals;

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
        let names = if args.all { manifests::names(folder)? } else { args.names.clone() };
        // A name that is wrong is told before anything is fetched.
        let manifests: Vec<Manifest> =
            names.iter().map(|name| manifests::named(folder, name)).collect::<Result<_, _>>()?;
        let _ending =
            Signals::listen()?.end_at_once("stopped; what has come is kept, and the same command goes on from there");
        let fetcher = Fetcher::new(directory, source).watch(&tell);
        let mut failed = Vec::new();
        for manifest in &manifests {
            match fetcher.fetch(manifest) {
                Ok(files) => {
                    for file in files {
                        let word = match file.outcome {
                            Outcome::AlreadyPresent => "present",
                            Outcome::Added => "fetched",
                            Outcome::Replaced => "replaced",
                        };
                        output::print(&format!("{word} {}", file.path.display()))?;
                    }
                }
                Err(error) if manifests.len() == 1 => return Err(error.into()),
                Err(error) => {
                    output::tell(&format!("failed {}: {error}", manifest.name()));
                    failed.push(manifest.name());
                }
            }
        }
        if failed.is_empty() {
            return Ok(DONE);
        }
        let (wrong, all) = (failed.len(), manifests.len());
        Err(anyhow::anyhow!("{wrong} of {all} data sets are not complete: {}", failed.join(", ")).into())
    }

    /// Says what is done, since it can take long.
    fn tell(event: Event<'_>) {
        let text = match event {
            Event::Fetching { from, have, size } => {
                let size = match size {
                    Size::Exact(bytes) => format!("{bytes} bytes"),
                    Size::AtMost(bytes) => format!("at most {bytes} bytes"),
                };
                let have = if have > 0 { format!(", {have} of them are here") } else { String::new() };
                format!("fetching {from} ({size}{have})")
            }
            Event::Unverified { from, sha256 } => format!(
                "warning: nobody publishes a checksum of {from}; it has SHA-256 {sha256}, which later fetches will expect"
            ),
            Event::Unpacking { path } => format!("unpacking {}", path.display()),
        };
        output::tell(&text);
    }

    /// One line a data set: its name, whether it is in the data directory, what is downloaded, what that unpacks to, and its terms.
    fn list(folder: &Path, directory: &Path) -> Result<String, Failure> {
        let mut lines = String::new();
        let fetcher = Fetcher::new(directory, Source::Offline);
        for name in manifests::names(folder)? {
            let manifest = manifests::named(folder, &name)?;
            let states = fetcher.states(&manifest, Look::Quick)?;
            let has = |state| states.iter().any(|(_, other)| *other == state);
            let word = match () {
                () if has(FileState::Differs) => "differs",
                () if has(FileState::Missing) => "missing",
                () if has(FileState::Unrecorded) => "unknown",
                () => "present",
            };
            let files = manifest.files();
            let exact = files.iter().all(|file| matches!(file.size(), Size::Exact(_)));
            let bytes: u64 = files.iter().map(|file| file.size().limit()).sum();
            let most = if exact { "" } else { "≤ " };
            let bytes = format!("{most}{bytes}");
            let unpacked = unpacked(files).map_or_else(String::new, |bytes| format!(", unpacked {bytes}"));
            lines += &format!("{name:<20} {word:<8} {bytes:>14} bytes{unpacked}  {}\n", manifest.licence());
        }
        Ok(lines)
    }

    /// The bytes of all members, if their sizes are known.
    fn unpacked(files: &[RemoteFile]) -> Option<u64> {
        let members: Vec<_> =
            files.iter().filter_map(RemoteFile::archive).flat_map(|archive| archive.members()).collect();
        let exact = |size| if let Size::Exact(bytes) = size { Some(bytes) } else { None };
        let sizes: Option<Vec<u64>> = members.iter().map(|member| member.size().and_then(exact)).collect();
        sizes.filter(|sizes| !sizes.is_empty()).map(|sizes| sizes.iter().sum())
    }
}
