//! Finding data sets on disk.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::DataError;

/// The directory that holds the data sets, and where that choice comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
    origin: Origin,
}

/// Who named the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Environment,
    Default,
}

impl DataDir {
    /// Chooses the directory: the flag `--data-dir` if given, else the variable `ANTHER_DATA` if set and not empty, else `datasets`
    /// in the working directory. The caller reads the variable, so that nothing here depends on the process.
    ///
    /// ```
    /// use anther_data::DataDir;
    ///
    /// let data = DataDir::resolve(None, std::env::var_os("ANTHER_DATA").as_deref());
    /// println!("data sets are looked for in {}", data.path().display());
    /// ```
    pub fn resolve(flag: Option<&Path>, env: Option<&OsStr>) -> Self {
        let (root, origin) = match (flag, env.filter(|value| !value.is_empty())) {
            (Some(flag), _) => (flag.to_owned(), Origin::Flag),
            (None, Some(value)) => (PathBuf::from(value), Origin::Environment),
            (None, None) => (PathBuf::from("datasets"), Origin::Default),
        };
        Self { root, origin }
    }

    /// The directory. It need not exist.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The full path of a file or a folder of a data set, such as `tinyshakespeare/input.txt`.
    ///
    /// # Errors
    /// [`DataError::Outside`] for a path that is absolute, empty, or has `..` in it; [`DataError::NotFound`], which says where it
    /// looked and how to mend it; [`DataError::Io`] if the operating system does not let us look.
    pub fn find(&self, relative: impl AsRef<Path>) -> Result<PathBuf, DataError> {
        let relative = relative.as_ref();
        if !is_plain(relative) {
            return Err(DataError::Outside { relative: relative.into() });
        }
        let path = self.root.join(relative);
        match path.try_exists() {
            Ok(true) => Ok(path),
            Ok(false) => Err(DataError::NotFound {
                relative: relative.into(),
                root: self.root.clone(),
                origin: match self.origin {
                    Origin::Flag => "given by --data-dir",
                    Origin::Environment => "given by ANTHER_DATA",
                    Origin::Default => "the default, in the working directory",
                },
                name: relative.iter().next().unwrap_or_default().to_string_lossy().into_owned(),
            }),
            Err(source) => Err(DataError::Io { path, source }),
        }
    }

    /// The file or folder that a person means by `name`: a path as it is, if it is absolute, begins with `.` or `..`, or is there; else what has that name below
    /// `family` in the data directory (`uea/JapaneseVowels`), or else in the data directory itself.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn named(&self, name: &str, family: Option<&str>) -> Result<PathBuf, DataError> {
        let plain = Path::new(name);
        // A path that is no place below a data directory can only be meant as it is, and fails by its own name.
        let meant = matches!(plain.components().next(), Some(Component::CurDir | Component::ParentDir));
        if plain.is_absolute() || meant || plain.exists() {
            return Ok(plain.to_path_buf());
        }
        let within = family.map(|family| Path::new(family).join(plain)).filter(|path| self.root.join(path).exists());
        self.find(within.as_deref().unwrap_or(plain))
    }

    /// The folder that a person means by `name`, as [`named`](Self::named) finds it.
    ///
    /// # Errors
    /// As [`find`](Self::find), and [`DataError::NotAFolder`].
    pub fn folder(&self, name: &str, family: Option<&str>) -> Result<PathBuf, DataError> {
        let path = self.named(name, family)?;
        match path.metadata() {
            Ok(found) if found.is_dir() => Ok(path),
            Ok(_) => Err(DataError::NotAFolder { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(DataError::Missing { path }),
            Err(source) => Err(DataError::Io { path, source }),
        }
    }
}

/// Whether a path has at least one part and all its parts are names.
fn is_plain(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}
