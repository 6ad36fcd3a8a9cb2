//! Files that are fetched as they are.

use std::fs;

use anther_data::fetch::{FetchError, Fetcher, FileState, Look, Outcome, Source};
use anther_data::manifest::Manifest;
use tempfile::TempDir;

use super::{Answer, NOWHERE, Server, Target, known};
use crate::support::assert_sentence;

/// What the manifest declares.
const CONTENT: &str = "to be or not to be";

fn manifest(base: &str) -> Manifest {
    super::manifest(&format!(
        "[[files]]\nurl = \"{base}/origin.txt\"\npath = \"demo/input.txt\"\n{}",
        known(CONTENT.as_bytes())
    ))
}

/// A target folder for that one file.
struct Try {
    target: Target,
}

impl Try {
    fn new() -> Self {
        Self { target: Target::new() }
    }

    fn with(content: &str) -> Self {
        let new = Self::new();
        fs::create_dir(new.target.path().join("demo")).unwrap();
        fs::write(new.target.path().join("demo/input.txt"), content).unwrap();
        new
    }

    fn fetch(&self, base: &str, source: &Source) -> Result<Outcome, FetchError> {
        let fetched = self.target.fetch(&manifest(base), source.clone())?;
        assert_eq!(fetched.len(), 1);
        assert_eq!(fetched[0].path, self.target.path().join("demo/input.txt"));
        Ok(fetched[0].outcome)
    }

    #[track_caller]
    fn assert_only(&self, content: &str) {
        self.target.assert_files(&[("demo/input.txt", content)]);
    }
}

/// A mirror folder with one file.
fn mirror(content: &str) -> (TempDir, Source) {
    super::mirror(&[("demo/input.txt", content.as_bytes())])
}

#[test]
fn a_good_file_arrives_from_its_url() {
    let server = Server::of(CONTENT.as_bytes());
    let target = Try::new();
    assert_eq!(target.fetch(&server.base, &Source::Origin).unwrap(), Outcome::Added);
    target.assert_only(CONTENT);
    assert_eq!(server.asked.recv().unwrap().path, "/origin.txt");
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
    let server = Server::of(CONTENT.as_bytes());
    let target = Try::new();
    let source = Source::mirror(&format!("{}/base/", server.base)).unwrap();
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Added);
    assert_eq!(server.asked.recv().unwrap().path, "/base/demo/input.txt");
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
fn wrong_bodies_get_no_name() {
    let cut = &CONTENT[..7];
    let long = format!("{CONTENT} ");
    let wrong = CONTENT.replace("not", "nut");
    let lying = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{cut}", CONTENT.len());
    let partial = format!("HTTP/1.1 206 Partial Content\r\nContent-Length: 18\r\nConnection: close\r\n\r\n{CONTENT}");
    let elsewhere = Server::of(CONTENT.as_bytes());
    let cases = [
        ("short", Server::of(cut.as_bytes())),
        ("cut", Server::unannounced(cut)),
        ("cut", Server::new(lying)),
        ("long", Server::of(long.as_bytes())),
        ("long", Server::unannounced(&long)),
        ("sum", Server::of(wrong.as_bytes())),
        ("sum", Server::unannounced(&wrong)),
        ("status", Server::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
        (
            "moved",
            Server::new(format!("HTTP/1.1 302 Found\r\nLocation: {}/x\r\nContent-Length: 0\r\n\r\n", elsewhere.base)),
        ),
        ("part", Server::new(partial)),
        ("request", Server::new("nonsense\r\n\r\n")),
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
        // What came before a line was cut is kept for the next time; what is wrong is not.
        let kept = target.target.leftovers();
        let kind = if kind == "short" && !kept.is_empty() { "cut" } else { kind };
        assert_eq!(kind, *want, "case {number}: {error}");
        assert_sentence(&error, &[&server.base]);
        assert_eq!(target.target.files(), [], "case {number}");
        assert_eq!(kept.len(), usize::from(kind == "cut"), "case {number}: {kept:?}");
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
    assert_eq!(target.target.files(), []);
}

#[test]
fn a_folder_in_the_way_is_reported() {
    let target = Try::new();
    fs::create_dir_all(target.target.path().join("demo/input.txt")).unwrap();
    let (_folder, source) = mirror(CONTENT);
    assert!(matches!(target.fetch(NOWHERE, &source), Err(FetchError::Disk { .. })));
}

#[test]
fn offline_asks_nobody() {
    let server = Server::of(CONTENT.as_bytes());
    let target = Try::new();
    let error = target.fetch(&server.base, &Source::Offline).unwrap_err();
    assert!(matches!(error, FetchError::Offline { .. }));
    assert_sentence(&error, &["input.txt", "--offline", "demo"]);
    assert!(matches!(Try::with("other").fetch(&server.base, &Source::Offline), Err(FetchError::Offline { .. })));
    assert_eq!(Try::with(CONTENT).fetch(&server.base, &Source::Offline).unwrap(), Outcome::AlreadyPresent);
    assert!(server.asked.try_recv().is_err(), "something was asked for");
}

#[test]
fn a_chunked_body_needs_no_length() {
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{}\r\nb\r\n{}\r\n0\r\n\r\n",
        &CONTENT[..7],
        &CONTENT[7..]
    );
    let target = Try::new();
    assert_eq!(target.fetch(&Server::new(chunks.clone()).base, &Source::Origin).unwrap(), Outcome::Added);
    target.assert_only(CONTENT);
    let target = Try::new();
    let cut = chunks.split_once("b\r\n").unwrap().0.to_owned();
    let error = target.fetch(&Server::new(cut).base, &Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::TooShort { got: 7, .. } | FetchError::Request { .. }), "{error}");
    assert_eq!(target.target.files(), []);
}

#[test]
fn a_silent_server_is_not_waited_for() {
    let patience = std::time::Duration::from_millis(200);
    for said in
        ["", "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nto be"]
    {
        let server = Server::answering(move |_| Answer { bytes: said.into(), hangs: true });
        let target = Try::new();
        let fetcher = Fetcher::new(target.target.path(), Source::Origin).patience(patience);
        let error = fetcher.fetch(&manifest(&server.base)).unwrap_err();
        assert!(matches!(error, FetchError::Request { .. }), "{said:?}: {error}");
        assert_sentence(&error, &[&server.base]);
        assert_eq!(target.target.files(), []);
    }
}

#[test]
fn a_file_that_nobody_vouches_for_is_written_down() {
    let text = |base: &str| {
        format!("[[files]]\nurl = \"{base}/a\"\npath = \"demo/a.txt\"\nmax_bytes = 20\nchecksum = \"none-published\"\n")
    };
    let target = Target::new();
    let server = Server::of(b"first");
    let demo = super::manifest(&text(&server.base));
    let warned = std::cell::RefCell::new(Vec::new());
    let watch = |event: anther_data::fetch::Event<'_>| {
        if let anther_data::fetch::Event::Unverified { sha256, .. } = event {
            warned.borrow_mut().push(sha256.to_owned());
        }
    };
    Fetcher::new(target.path(), Source::Origin).watch(&watch).fetch(&demo).unwrap();
    assert_eq!(*warned.borrow(), [anther_data::sha256_hex(b"first")]);
    assert_eq!(target.outcomes(&demo, Source::Offline), [Outcome::AlreadyPresent]);

    // A change that keeps the size is found by whoever reads the file.
    let path = target.path().join("demo/a.txt");
    fs::write(&path, "fIrst").unwrap();
    let look = |look| Fetcher::new(target.path(), Source::Offline).states(&demo, look).unwrap()[0].1;
    assert_eq!((look(Look::Quick), look(Look::Thorough)), (FileState::Matches, FileState::Differs));
    assert!(matches!(target.fetch(&demo, Source::Offline), Err(FetchError::Offline { .. })));

    // Another file in its place at the source is refused.
    fs::remove_file(&path).unwrap();
    let other = Server::of(b"other");
    let error = target.fetch(&super::manifest(&text(&other.base)), Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::Changed { .. }), "{error}");
    assert_sentence(&error, &[&other.base, "record.json"]);
    assert_eq!((target.files(), target.leftovers()), (vec![], vec![]));
    assert_eq!(target.outcomes(&demo, Source::Origin), [Outcome::Added]);
    fs::remove_file(target.path().join(".fetched/demo/record.json")).unwrap();
    assert_eq!(look(Look::Quick), FileState::Unrecorded);
    assert_eq!(target.outcomes(&super::manifest(&text(&other.base)), Source::Origin), [Outcome::Replaced]);
    target.assert_files(&[("demo/a.txt", "other")]);
}

#[test]
fn a_limit_holds_where_the_size_is_not_known() {
    let text = |base: &str| {
        format!("[[files]]\nurl = \"{base}/a\"\npath = \"a.txt\"\nmax_bytes = 20\nchecksum = \"none-published\"\n")
    };
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{}\r\n0\r\n\r\n", "x".repeat(21));
    for (server, word) in [
        (Server::of(&[b'x'; 21]), "more than the 20 bytes"),
        (Server::new(chunked), "more than the 20 bytes"),
        (Server::unannounced("x"), "does not say how long"),
        (Server::new("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "0 of 20 bytes"),
    ] {
        let target = Target::new();
        assert_sentence(&target.fetch(&super::manifest(&text(&server.base)), Source::Origin).unwrap_err(), &[word]);
        assert_eq!((target.files(), target.leftovers()), (vec![], vec![]));
    }
}

#[test]
fn md5_is_checked_where_there_is_nothing_better() {
    let text = |md5: &str| {
        super::manifest(&format!(
            "[[files]]\nurl = \"{NOWHERE}/a\"\npath = \"demo/input.txt\"\nbytes = 18\nmd5 = \"{md5}\"\n"
        ))
    };
    let (_folder, source) = mirror(CONTENT);
    let target = Target::new();
    let error = target.fetch(&text(&"0".repeat(32)), source.clone()).unwrap_err();
    assert_sentence(&error, &["MD5", "thrown away"]);
    let FetchError::WrongSum { got, .. } = error else { panic!("{error}") };
    assert_eq!(got.len(), 32);
    assert_eq!(target.files(), []);
    assert_eq!(target.outcomes(&text(&got), source), [Outcome::Added]);
}

#[test]
fn two_fetches_at_once_are_refused() {
    let target = Try::new();
    let work = target.target.path().join(".fetched/demo");
    fs::create_dir_all(&work).unwrap();
    let lock = fs::File::create(work.join("lock")).unwrap();
    lock.lock().unwrap();
    let (_folder, source) = mirror(CONTENT);
    let error = target.fetch(NOWHERE, &source).unwrap_err();
    assert!(matches!(error, FetchError::Busy { .. }), "{error}");
    drop(lock);
    assert_eq!(target.fetch(NOWHERE, &source).unwrap(), Outcome::Added);
}

#[test]
fn a_damaged_record_is_named() {
    let target = Try::new();
    let work = target.target.path().join(".fetched/demo");
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("record.json"), "{").unwrap();
    let (_folder, source) = mirror(CONTENT);
    assert_sentence(&target.fetch(NOWHERE, &source).unwrap_err(), &["record.json", "remove it"]);
}

#[test]
fn mirrors_that_are_neither_folder_nor_server() {
    for wrong in ["", "ftp://example.org/", "http://", "https://a b/"] {
        assert!(matches!(Source::mirror(wrong), Err(FetchError::BadMirror { .. })), "{wrong:?}");
    }
    assert_eq!(Source::mirror("http://example.org").unwrap(), Source::MirrorUrl("http://example.org".into()));
}
