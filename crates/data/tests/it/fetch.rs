//! Downloads, from a folder and from a small server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anther_data::fetch::{FetchError, Outcome, Source, fetch};
use anther_data::manifest::Manifest;
use anther_data::sha256_hex;
use tempfile::TempDir;

use crate::support::assert_sentence;

/// What the manifest declares.
const CONTENT: &str = "to be or not to be";

/// A server that gives every request the same answer and reports the paths it was asked for.
struct Server {
    base: String,
    asked: Receiver<String>,
}

impl Server {
    fn new(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                // The client may hang up on an answer that it has refused.
                let _ = stream.write_all(answer.as_bytes());
                if tell.send(request.split(' ').nth(1).unwrap_or_default().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { base, asked }
    }

    /// A server of a body, with its true length announced.
    fn of(body: &str) -> Self {
        Self::new(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
    }

    /// A server of a body, with no length announced.
    fn unannounced(body: &str) -> Self {
        Self::new(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"))
    }
}

fn manifest(base: &str) -> Manifest {
    let text = format!(
        "name = \"demo\"\nlicence = \"public domain\"\n[[files]]\nurl = \"{base}/origin.txt\"\nbytes = {}\n\
         sha256 = \"{}\"\npath = \"demo/input.txt\"\n",
        CONTENT.len(),
        sha256_hex(CONTENT.as_bytes())
    );
    Manifest::parse(&text, "demo.toml").unwrap()
}

/// A target folder, the result of a fetch into it, and every file below it afterwards.
struct Try {
    folder: TempDir,
}

impl Try {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(content: &str) -> Self {
        let new = Self::new();
        fs::create_dir(new.folder.path().join("demo")).unwrap();
        fs::write(new.folder.path().join("demo/input.txt"), content).unwrap();
        new
    }

    fn fetch(&self, base: &str, source: &Source) -> Result<Outcome, FetchError> {
        let fetched = fetch(&manifest(base), self.folder.path(), source)?;
        assert_eq!(fetched.len(), 1);
        assert_eq!(fetched[0].path, self.folder.path().join("demo/input.txt"));
        Ok(fetched[0].outcome)
    }

    /// Names and contents of the files in the folder of the data set.
    fn files(&self) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("demo")) else {
            return vec![];
        };
        let file =
            |path: &Path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
        let mut files: Vec<_> = entries.map(|entry| file(&entry.unwrap().path())).collect();
        files.sort();
        files
    }

    #[track_caller]
    fn assert_only(&self, content: &str) {
        assert_eq!(self.files(), [("input.txt".to_owned(), content.to_owned())]);
    }
}

/// A mirror folder with one file.
fn mirror(content: &str) -> (TempDir, Source) {
    let folder = Try::with(content).folder;
    let source = Source::mirror(folder.path().to_str().unwrap()).unwrap();
    assert!(matches!(source, Source::MirrorFolder(_)));
    (folder, source)
}

const NOWHERE: &str = "https://example.invalid";

#[test]
fn a_good_file_arrives_from_its_url() {
    let server = Server::of(CONTENT);
    let target = Try::new();
    assert_eq!(target.fetch(&server.base, &Source::Origin).unwrap(), Outcome::Added);
    target.assert_only(CONTENT);
    assert_eq!(server.asked.recv().unwrap(), "/origin.txt");
    assert_eq!(target.fetch(&server.base, &Source::Origin).unwrap(), Outcome::AlreadyPresent);
    assert!(server.asked.try_recv().is_err(), "a file that was present was asked for again");
}

#[test]
fn a_good_file_arrives_without_an_announced_length() {
    let target = Try::new();
    assert_eq!(target.fetch(&Server::unannounced(CONTENT).base, &Source::Origin).unwrap(), Outcome::Added);
    target.assert_only(CONTENT);
}

#[test]
fn a_mirror_server_is_asked_for_the_path() {
    let server = Server::of(CONTENT);
    let target = Try::new();
    let source = Source::mirror(&format!("{}/base/", server.base)).unwrap();
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Added);
    assert_eq!(server.asked.recv().unwrap(), "/base/demo/input.txt");
    target.assert_only(CONTENT);
}

#[test]
fn a_mirror_folder_is_copied() {
    let (_folder, source) = mirror(CONTENT);
    let target = Try::new();
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Added);
    target.assert_only(CONTENT);
}

#[test]
fn another_file_is_replaced_only_by_the_right_one() {
    let target = Try::with("something else");
    let (_wrong, source) = mirror(&CONTENT.replace("not", "nut"));
    let error = target.fetch(NOWHERE, &source).unwrap_err();
    assert!(matches!(error, FetchError::WrongSum { .. }), "{error}");
    target.assert_only("something else");
    let (_right, source) = mirror(CONTENT);
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Replaced);
    target.assert_only(CONTENT);
}

#[test]
fn wrong_bodies_leave_nothing_behind() {
    let cut = &CONTENT[..7];
    let long = format!("{CONTENT} ");
    let wrong = CONTENT.replace("not", "nut");
    let lying = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{cut}", CONTENT.len());
    let partial = format!("HTTP/1.1 206 Partial Content\r\nContent-Length: 18\r\nConnection: close\r\n\r\n{CONTENT}");
    let elsewhere = Server::of(CONTENT);
    let cases = [
        ("short", Server::of(cut)),
        ("short", Server::unannounced(cut)),
        ("short", Server::new(lying)),
        ("long", Server::of(&long)),
        ("long", Server::unannounced(&long)),
        ("sum", Server::of(&wrong)),
        ("sum", Server::unannounced(&wrong)),
        ("status", Server::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into())),
        (
            "moved",
            Server::new(format!("HTTP/1.1 302 Found\r\nLocation: {}/x\r\nContent-Length: 0\r\n\r\n", elsewhere.base)),
        ),
        ("part", Server::new(partial)),
        ("request", Server::new("nonsense\r\n\r\n".into())),
        ("request", Server::new(String::new())),
    ];
    for (number, (want, server)) in cases.iter().enumerate() {
        let target = Try::new();
        let error = target.fetch(&server.base, &Source::Origin).unwrap_err();
        let kind = match &error {
            FetchError::TooShort { bytes: 18, got: 7, .. } => "short",
            FetchError::TooLong { bytes: 18, .. } => "long",
            FetchError::WrongSum { .. } => "sum",
            FetchError::Status { status: 404, .. } => "status",
            FetchError::Status { status: 302, .. } => "moved",
            FetchError::Status { status: 206, .. } => "part",
            FetchError::Request { .. } => "request",
            _ => "other",
        };
        assert_eq!(kind, *want, "case {number}: {error}");
        assert_sentence(&error, &[&server.base]);
        assert_eq!(target.files(), [], "case {number}");
    }
    assert!(elsewhere.asked.try_recv().is_err(), "a redirect from this machine was followed");
}

#[test]
fn wrong_mirror_folders_leave_nothing_behind() {
    let target = Try::new();
    let (_short, source) = mirror(&CONTENT[..7]);
    assert!(matches!(target.fetch(NOWHERE, &source), Err(FetchError::TooShort { got: 7, .. })));
    let (_long, source) = mirror(&CONTENT.repeat(2));
    assert!(matches!(target.fetch(NOWHERE, &source), Err(FetchError::TooLong { .. })));
    let empty = tempfile::tempdir().unwrap();
    let error = target.fetch(NOWHERE, &Source::MirrorFolder(empty.path().into())).unwrap_err();
    assert!(matches!(error, FetchError::Disk { .. }));
    assert_sentence(&error, &["input.txt"]);
    assert_eq!(target.files(), []);
}

#[test]
fn a_folder_in_the_way_is_reported() {
    let target = Try::new();
    fs::create_dir_all(target.folder.path().join("demo/input.txt")).unwrap();
    let (_folder, source) = mirror(CONTENT);
    assert!(matches!(target.fetch(NOWHERE, &source), Err(FetchError::Disk { .. })));
}

#[test]
fn offline_asks_nobody() {
    let server = Server::of(CONTENT);
    let target = Try::new();
    let error = target.fetch(&server.base, &Source::Offline).unwrap_err();
    assert!(matches!(error, FetchError::Offline { .. }));
    assert_sentence(&error, &["input.txt", "--offline", "demo"]);
    assert!(matches!(Try::with("other").fetch(&server.base, &Source::Offline), Err(FetchError::Offline { .. })));
    assert_eq!(Try::with(CONTENT).fetch(&server.base, &Source::Offline).unwrap(), Outcome::AlreadyPresent);
    assert!(server.asked.try_recv().is_err(), "something was asked for");
}

#[test]
fn leftovers_of_a_killed_download_do_no_harm() {
    let target = Try::new();
    fs::create_dir(target.folder.path().join("demo")).unwrap();
    let leftover = format!(".input.txt.{}-0.part", std::process::id());
    fs::write(target.folder.path().join("demo").join(&leftover), "half").unwrap();
    let (_folder, source) = mirror(CONTENT);
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Added);
    assert_eq!(target.files(), [(leftover, "half".into()), ("input.txt".into(), CONTENT.into())]);
}

#[test]
fn mirrors_that_are_neither_folder_nor_server() {
    for wrong in ["", "ftp://example.org/", "http://", "https://a b/"] {
        assert!(matches!(Source::mirror(wrong), Err(FetchError::BadMirror { .. })), "{wrong:?}");
    }
    assert_eq!(Source::mirror("http://example.org").unwrap(), Source::MirrorUrl("http://example.org".into()));
}
