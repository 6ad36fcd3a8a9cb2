//! Downloads, from a folder and from a small server on this machine.

mod archives;
mod joins;
mod manifests;
mod plain;
mod resume;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anther_data::fetch::{FetchError, Fetched, Fetcher, Outcome, Source};
use anther_data::manifest::Manifest;
use anther_data::sha256_hex;
use tempfile::TempDir;

/// What a server was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Request {
    path: String,
    range: Option<String>,
    if_range: Option<String>,
}

/// What a server says, and whether it then stays silent with the line open.
struct Answer {
    bytes: Vec<u8>,
    hangs: bool,
}

/// A server that reports what it was asked.
struct Server {
    base: String,
    asked: Receiver<Request>,
}

impl Server {
    fn answering(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        thread::spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
                let mut request = Request { path, ..Request::default() };
                for line in lines.by_ref().take_while(|line| !line.is_empty()) {
                    match line.split_once(": ") {
                        Some((name, value)) if name.eq_ignore_ascii_case("range") => request.range = Some(value.into()),
                        Some((name, value)) if name.eq_ignore_ascii_case("if-range") => {
                            request.if_range = Some(value.into())
                        }
                        _ => {}
                    }
                }
                let Answer { bytes, hangs } = answer(&request);
                // The client may hang up on an answer that it has refused.
                let _ = stream.write_all(&bytes);
                if hangs {
                    open.push(stream);
                }
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Self { base, asked }
    }

    /// A server that gives every request the same answer.
    fn new(answer: impl Into<Vec<u8>>) -> Self {
        let bytes = answer.into();
        Self::answering(move |_| Answer { bytes: bytes.clone(), hangs: false })
    }

    /// A server of a body, with its true length announced.
    fn of(body: &[u8]) -> Self {
        Self::new(whole(body, ""))
    }

    /// A server of a body, with no length announced.
    fn unannounced(body: &str) -> Self {
        Self::new(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"))
    }
}

/// An answer with all of a body. `headers` end with a line end each.
fn whole(body: &[u8], headers: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A target folder.
struct Target {
    folder: TempDir,
}

impl Target {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn fetch(&self, manifest: &Manifest, source: Source) -> Result<Vec<Fetched>, FetchError> {
        Fetcher::new(self.path(), source).patience(Duration::from_secs(5)).fetch(manifest)
    }

    /// What became of each file.
    #[track_caller]
    fn outcomes(&self, manifest: &Manifest, source: Source) -> Vec<Outcome> {
        self.fetch(manifest, source).unwrap().into_iter().map(|file| file.outcome).collect()
    }

    /// Paths and contents of the files of the data set, without those of the fetcher, in order.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        files_below(self.path()).into_iter().filter(|(name, _)| !name.starts_with(".fetched/")).collect()
    }

    /// The names of temporary files.
    fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<String> =
            files_below(&self.path().join(".fetched")).into_iter().map(|(name, _)| name).collect();
        names.retain(|name| !name.ends_with("/lock") && !name.ends_with("/record.json"));
        names
    }

    #[track_caller]
    fn assert_files(&self, files: &[(&str, &str)]) {
        let owned: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        assert_eq!(self.files(), owned);
    }
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            files.extend(
                files_below(&entry.path()).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

/// A mirror folder with some files.
fn mirror(files: &[(&str, &[u8])]) -> (TempDir, Source) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let source = Source::mirror(folder.path().to_str().unwrap()).unwrap();
    assert!(matches!(source, Source::MirrorFolder(_)));
    (folder, source)
}

/// A manifest `demo` with some files.
#[track_caller]
fn manifest(files: &str) -> Manifest {
    Manifest::parse(&format!("name = \"demo\"\nlicence = \"public domain\"\n{files}"), "demo.toml").unwrap()
}

/// The lines that say which bytes a file has.
fn known(bytes: &[u8]) -> String {
    format!("bytes = {}\nsha256 = \"{}\"\n", bytes.len(), sha256_hex(bytes))
}

const NOWHERE: &str = "https://example.invalid";
