//! The files of the repository, read once.

use std::path::Path;

use anyhow::{Context, Result};
use xshell::{Cmd, Shell, cmd};

/// One file.
pub struct File {
    /// From the root of the repository, with `/` on every system.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its contents, if they are text.
    pub text: Option<String>,
}

/// All files that are tracked or could be: those that are ignored are not here.
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When git does not know the folder or a file cannot be read.
    pub fn of_repository(root: &Path) -> Result<Tree> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        // New files count: a rule that only sees them after `git add` comes too late.
        let names = git(&shell, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).read();
        let names = names.context("the list of files comes from git, and it gave none; is this a clone?")?;
        let mut paths: Vec<&str> = names.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        let files: Result<Vec<Option<File>>> = paths.into_iter().map(|path| read(root, path)).collect();
        Ok(Tree { files: files?.into_iter().flatten().collect() })
    }

    /// In the order of their paths.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Text files, as path and contents.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// Rust sources, as path and contents.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The contents of one text file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts().find(|(other, _)| *other == path).map(|(_, text)| text)
    }
}

/// Git in the shell's folder, whatever repository a hook that called us was about.
fn git<'a>(shell: &'a Shell, args: &[&str]) -> Cmd<'a> {
    let ours = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"];
    let git = cmd!(shell, "git {args...}").quiet();
    ours.into_iter().fold(git, Cmd::env_remove)
}

/// A file that git lists may have been deleted, or may be a link or a repository of its own: those have nothing to check.
fn read(root: &Path, path: &str) -> Result<Option<File>> {
    let full = root.join(path);
    let is_file = full.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Ok(None);
    }
    let contents = std::fs::read(&full).with_context(|| format!("{path} cannot be read"))?;
    let bytes = contents.len() as u64;
    let text = String::from_utf8(contents).ok().filter(|text| !text.contains('\0'));
    Ok(Some(File { path: path.to_owned(), bytes, text }))
}

/// The number of the line, from 1, that the byte `offset` of `text` is in.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
impl Tree {
    /// A tree of these paths and contents.
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            bytes: text.len() as u64,
            text: Some((*text).to_owned()),
        };
        Tree { files: files.iter().map(file).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_are_in_the_tree_and_ignored_ones_are_not() {
        let shell = Shell::new().unwrap();
        let folder = shell.create_temp_dir().unwrap();
        shell.change_dir(folder.path());
        git(&shell, &["init", "--quiet"]).run().unwrap();
        let files = [
            (".gitignore", "/target\n"),
            ("target/c.txt", "built"),
            ("a/b c.rs", "text\n"),
            ("a/data", "\0"),
            ("gone", ""),
        ];
        for (path, text) in files {
            shell.write_file(path, text).unwrap();
        }
        git(&shell, &["add", "gone"]).run().unwrap();
        shell.remove_path("gone").unwrap();

        let tree = Tree::of_repository(folder.path()).unwrap();
        let paths: Vec<&str> = tree.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".gitignore", "a/b c.rs", "a/data"]);
        assert_eq!(tree.text("a/b c.rs"), Some("text\n"));
        assert_eq!(tree.text("a/data"), None);
        assert_eq!(tree.files()[1].bytes, 5);
    }

    #[test]
    fn without_a_repository_there_is_a_sentence() {
        let shell = Shell::new().unwrap();
        let folder = shell.create_temp_dir().unwrap();
        let error = Tree::of_repository(&folder.path().join("missing")).err().unwrap();
        assert!(error.to_string().contains("is this a clone?"), "{error}");
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a\nb\nc", 0), 1);
        assert_eq!(line_of("a\nb\nc", 1), 1);
        assert_eq!(line_of("a\nb\nc", 2), 2);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
