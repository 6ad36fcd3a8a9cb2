//! Downloads that go on where they were cut off.

use std::fs;

use anther_data::fetch::{FetchError, Outcome, Source};
use anther_data::manifest::Manifest;

use super::{Answer, Request, Server, Target, known, whole};
use crate::support::assert_sentence;

const CONTENT: &[u8] = b"to be or not to be";
const PART: &str = ".fetched/demo/demo+input.txt.part";

fn demo(base: &str) -> Manifest {
    super::manifest(&format!("[[files]]\nurl = \"{base}/a\"\npath = \"demo/input.txt\"\n{}", known(CONTENT)))
}

fn unverified(base: &str) -> Manifest {
    super::manifest(&format!(
        "[[files]]\nurl = \"{base}/a\"\npath = \"demo/input.txt\"\nmax_bytes = 50\nchecksum = \"none-published\"\n"
    ))
}

/// A target with the beginning of the file.
fn begun(part: &[u8]) -> Target {
    let target = Target::new();
    fs::create_dir_all(target.path().join(".fetched/demo")).unwrap();
    fs::write(target.path().join(PART), part).unwrap();
    target
}

fn partial(body: &[u8], range: &str) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\n{range}Connection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A server that gives what is asked for, and cuts answers to requests for the whole off after seven bytes, with this tag.
fn cutting(tag: &'static str) -> Server {
    Server::answering(move |request| {
        let from = request.range.as_deref().map(|range| range["bytes=".len()..].trim_end_matches('-').parse().unwrap());
        let bytes = match from {
            Some(from) => {
                let (last, all) = (CONTENT.len() - 1, CONTENT.len());
                let from: usize = from;
                partial(&CONTENT[from..], &format!("Content-Range: bytes {from}-{last}/{all}\r\n"))
            }
            None => {
                let all = whole(CONTENT, tag);
                all[..all.len() - 11].to_vec()
            }
        };
        Answer { bytes, hangs: false }
    })
}

#[test]
fn a_download_that_was_cut_off_goes_on() {
    let server = cutting("ETag: \"one\"\r\n");
    let target = Target::new();
    let error = target.fetch(&demo(&server.base), Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::TooShort { got: 7, bytes: 18, .. }), "{error}");
    assert_eq!(server.asked.recv().unwrap().range, None);
    assert_eq!(fs::read(target.path().join(PART)).unwrap(), b"to be o");
    assert_eq!(target.outcomes(&demo(&server.base), Source::Origin), [Outcome::Added]);
    let asked = server.asked.recv().unwrap();
    assert_eq!(asked, Request { path: "/a".into(), range: Some("bytes=7-".into()), if_range: Some("\"one\"".into()) });
    target.assert_files(&[("demo/input.txt", "to be or not to be")]);
    assert!(target.leftovers().is_empty(), "{:?}", target.leftovers());
}

#[test]
fn what_nobody_vouches_for_goes_on_only_if_it_is_the_same_version() {
    for (tag, goes_on) in [("ETag: \"one\"\r\n", true), ("ETag: W/\"one\"\r\n", false), ("", false)] {
        let server = cutting(tag);
        let target = Target::new();
        for _ in 0..2 {
            let _ = target.fetch(&unverified(&server.base), Source::Origin);
        }
        server.asked.recv().unwrap();
        assert_eq!(server.asked.recv().unwrap().range.is_some(), goes_on, "{tag:?}");
        assert_eq!(target.files().len(), usize::from(goes_on), "{tag:?}");
    }
}

#[test]
fn a_server_that_cannot_go_on_begins_anew() {
    // One that knows no ranges, and one that has nothing behind what we have.
    let ignoring = Server::of(CONTENT);
    let refusing = Server::answering(|request| {
        let refusal = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */18\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let bytes = if request.range.is_some() { refusal.into() } else { whole(CONTENT, "") };
        Answer { bytes, hangs: false }
    });
    for (server, requests) in [(ignoring, 1), (refusing, 2)] {
        let target = begun(b"another");
        assert_eq!(target.outcomes(&demo(&server.base), Source::Origin), [Outcome::Added]);
        target.assert_files(&[("demo/input.txt", "to be or not to be")]);
        assert_eq!(server.asked.recv().unwrap().range.as_deref(), Some("bytes=7-"));
        assert_eq!(server.asked.try_iter().count() + 1, requests);
    }
    let always = Server::new("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let error = begun(b"another").fetch(&demo(&always.base), Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 416, .. }), "{error}");
}

#[test]
fn another_range_than_the_one_asked_for_is_refused() {
    for range in [
        "Content-Range: bytes 6-17/18\r\n",
        "Content-Range: bytes 7-16/18\r\n",
        "Content-Range: bytes 7-16/17\r\n",
        "Content-Range: bytes 7-18/19\r\n",
        "Content-Range: bytes 7-17/17\r\n",
        "Content-Range: nonsense\r\n",
        "",
    ] {
        let server = Server::new(partial(&CONTENT[7..], range));
        let target = begun(&CONTENT[..7]);
        let error = target.fetch(&demo(&server.base), Source::Origin).unwrap_err();
        assert!(matches!(error, FetchError::WrongRange { asked: 7, .. }), "{range:?}: {error}");
        assert_sentence(&error, &[&server.base, "7", "again"]);
        assert_eq!((target.files(), target.leftovers()), (vec![], vec![]), "{range:?}");
    }
    let unknown = Server::new(partial(&CONTENT[7..], "Content-Range: bytes 7-17/*\r\n"));
    assert_eq!(begun(&CONTENT[..7]).outcomes(&demo(&unknown.base), Source::Origin), [Outcome::Added]);
}

#[test]
fn the_sum_of_the_whole_decides() {
    let server = Server::new(partial(&CONTENT[7..], "Content-Range: bytes 7-17/18\r\n"));
    let target = begun(b"to bee ");
    let error = target.fetch(&demo(&server.base), Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::WrongSum { .. }), "{error}");
    assert_sentence(&error, &["thrown away"]);
    assert_eq!((target.files(), target.leftovers()), (vec![], vec![]));
    // The part that had been wrong is gone, so a good server is enough now.
    let good = Server::of(CONTENT);
    assert_eq!(target.outcomes(&demo(&good.base), Source::Origin), [Outcome::Added]);
    assert_eq!(good.asked.recv().unwrap().range, None);
}

#[test]
fn a_part_that_is_complete_or_too_long_asks_for_nothing_more() {
    let server = Server::of(CONTENT);
    let complete = begun(CONTENT);
    assert_eq!(complete.outcomes(&demo(&server.base), Source::Origin), [Outcome::Added]);
    assert!(server.asked.try_recv().is_err(), "a complete part was asked for again");
    let long = begun(&[b'x'; 19]);
    assert_eq!(long.outcomes(&demo(&server.base), Source::Origin), [Outcome::Added]);
    assert_eq!(server.asked.recv().unwrap().range, None);
}

#[test]
fn a_body_longer_than_its_range_is_refused() {
    let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 7-17/18\r\nConnection: close\r\n\r\n";
    let server = Server::new([head.as_bytes(), &CONTENT[7..], b"!"].concat());
    let target = begun(&CONTENT[..7]);
    let error = target.fetch(&demo(&server.base), Source::Origin).unwrap_err();
    assert!(matches!(error, FetchError::TooLong { .. }), "{error}");
    assert_eq!((target.files(), target.leftovers()), (vec![], vec![]));
}
