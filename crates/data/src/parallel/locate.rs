//! Finding the two sides of a part of a data set by the names that the field gives to such files.

use std::path::{Path, PathBuf};

use super::ParallelError;

/// The names before the language that the parts of a data set are looked for under, the first that is there is taken.
const NAMES: [&[&str]; 3] = [
    &["train", "train.tags", "training"],
    &["valid", "val", "dev", "IWSLT17.TED.dev2010", "newstest2013", "newsdev2017", "newstest2016"],
    &["test", "test_2016_flickr", "IWSLT17.TED.tst2015", "newstest2014", "newstest2017"],
];

/// The part of a parallel text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on.
    Train,
    /// What is measured during training.
    Validation,
    /// What is measured once.
    Test,
}

impl Part {
    /// What it is called in recipes and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// The files of both sides of a part in `folder`, source first. `name` is what stands before the languages in their names; without it the usual ones are
/// tried. Looked for in the folder itself and in those below it that are named after the pair of languages or after one of them.
///
/// With the name N and the languages s and t, a side in the language L is `N.L`, `N.s-t.L` or `N.t-s.L` (IWSLT), of a source `N.s-t.src.L` or
/// `N-st-src.L`, of a target `N.s-t.ref.L`, `N.s-t.ref.A.L` or `N-st-ref.L` (WMT); each as it is or with `.xml` or `.sgm`, each of those packed (`.gz`) or
/// not.
///
/// # Errors
/// [`ParallelError::NotFound`].
pub fn find(
    folder: &Path,
    [source, target]: [&str; 2],
    part: Part,
    name: Option<&str>,
) -> Result<[PathBuf; 2], ParallelError> {
    let names: Vec<&str> = name.map_or(NAMES[part as usize].to_vec(), |name| vec![name]);
    let pair = format!("{source}-{target}");
    let below = [String::new(), pair, format!("{target}-{source}"), source.to_owned(), target.to_owned()];
    for folder in below.iter().map(|below| folder.join(below)) {
        for name in &names {
            let sides = [side(&folder, name, [source, target], false), side(&folder, name, [source, target], true)];
            if let [Some(one), Some(other)] = sides {
                return Ok([one, other]);
            }
        }
    }
    Err(ParallelError::NotFound {
        part: part.name(),
        folder: folder.to_path_buf(),
        languages: [source, target].map(str::to_owned),
        names: names.join(", "),
    })
}

/// The file of one side, if it is there.
fn side(folder: &Path, name: &str, [source, target]: [&str; 2], is_target: bool) -> Option<PathBuf> {
    let language = if is_target { target } else { source };
    let roles: &[&str] = if is_target { &["ref", "ref.A"] } else { &["src"] };
    let mut stems = vec![
        format!("{name}.{language}"),
        format!("{name}.{source}-{target}.{language}"),
        format!("{name}.{target}-{source}.{language}"),
    ];
    for role in roles {
        stems.push(format!("{name}.{source}-{target}.{role}.{language}"));
        stems.push(format!("{name}-{source}{target}-{role}.{language}"));
    }
    let endings = ["", ".xml", ".sgm"].into_iter().flat_map(|kind| ["", ".gz"].map(|packed| format!("{kind}{packed}")));
    let endings: Vec<String> = endings.collect();
    let files = stems.iter().flat_map(|stem| endings.iter().map(move |ending| folder.join(format!("{stem}{ending}"))));
    files.into_iter().find(|file| file.is_file())
}
