//! The manifests of data sets: the ones of the project, which are compiled in, and any in the folder `datasets`.
//!
//! They do not come from the data directory: that is where the files go, and it may hold nothing yet.

use std::collections::BTreeSet;
use std::path::Path;

use anther_data::manifest::{Manifest, ManifestError};

use crate::failure::Failure;

/// The folder of the working directory whose manifests are known too, and go before those that are compiled in.
pub const FOLDER: &str = "datasets";

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../../../datasets/", $name, ".toml")))),+]
    };
}

/// Names and texts of the manifests that are compiled in.
const BUILT_IN: [(&str, &str); 25] = built_in![
    "EthanolConcentration",
    "FaceDetection",
    "Handwriting",
    "Heartbeat",
    "JapaneseVowels",
    "PEMS-SF",
    "SelfRegulationSCP1",
    "SelfRegulationSCP2",
    "SpokenArabicDigits",
    "UWaveGestureLibrary",
    "cifar10",
    "cifar100",
    "iwslt2017",
    "iwslt2017-tst",
    "lra-listops",
    "mnist",
    "multi30k",
    "tinyshakespeare",
    "wikitext-103",
    "wikitext-103-raw",
    "wikitext-2",
    "wikitext-2-raw",
    "wmt14",
    "wmt14-statmt",
    "wmt17",
];

/// The names of the data sets, in order.
///
/// # Errors
/// If there is a `folder` that cannot be read.
pub fn names(folder: &Path) -> Result<Vec<String>, ManifestError> {
    let mut names: BTreeSet<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(names_in(folder)?);
    Ok(names.into_iter().collect())
}

/// The manifest of a data set.
///
/// # Errors
/// A mistake of usage that lists the names if there is no such data set; a [`ManifestError`] about a file of `folder`.
pub fn named(folder: &Path, name: &str) -> Result<Manifest, Failure> {
    if names_in(folder)?.iter().any(|known| known == name) {
        return Ok(Manifest::named(folder, name)?);
    }
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => Ok(Manifest::parse(text, &format!("of {name}"))?),
        None => {
            let known = names(folder)?.join(", ");
            Err(Failure::usage(anyhow::anyhow!("there is no data set `{name}`; there are {known}")))
        }
    }
}

/// The names of the manifests of a folder, if there is one.
fn names_in(folder: &Path) -> Result<Vec<String>, ManifestError> {
    if folder.is_dir() { Manifest::names(folder) } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_of_the_project_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        let nowhere = folder.join("no-such-folder");
        assert_eq!(names(&nowhere).unwrap(), Manifest::names(&folder).unwrap());
        for name in names(&nowhere).unwrap() {
            assert_eq!(named(&nowhere, &name).unwrap(), Manifest::named(&folder, &name).unwrap());
        }
    }
}
