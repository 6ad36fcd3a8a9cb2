//! Archives, good and hostile.

use std::fs;
use std::io::Write;
use std::path::Path;

use anther_data::fetch::{FetchError, Outcome, Source};
use anther_data::manifest::Manifest;
use anther_data::sha256_hex;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;

use super::{NOWHERE, Server, Target, known, mirror};
use crate::support::assert_sentence;

const FILES: [(&str, &[u8]); 3] =
    [("set/a.txt", b"first\n"), ("set/deep/b.txt", b"second\n"), ("set/c.txt", b"not wanted\n")];

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gz_best(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tape archive with any names, which the library would not write.
fn tar_of(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn tar_of_files(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(name, bytes)| (name.as_bytes(), EntryType::Regular, *bytes)).collect();
    tar_of(&entries)
}

pub(super) fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    gz(&tar_of_files(files))
}

pub(super) fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same bytes with one run of them replaced wherever it is, by as many others.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    for at in 0..=bytes.len() - old.len() {
        if &bytes[at..at + old.len()] == old {
            bytes[at..at + old.len()].copy_from_slice(new);
            found += 1;
        }
    }
    assert!(found > 0, "{old:?} is not there");
    bytes
}

/// Changes two bytes of every local header and of every entry of the central directory of a zip archive.
fn patched(zip: &[u8], local: usize, central: usize, value: u16) -> Vec<u8> {
    let mut bytes = zip.to_vec();
    for at in 0..bytes.len() - 4 {
        let offset = match &bytes[at..at + 4] {
            b"PK\x03\x04" => local,
            b"PK\x01\x02" => central,
            _ => continue,
        };
        bytes[at + offset..at + offset + 2].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

const MEMBERS: &str =
    "members = [{ from = \"set/a.txt\", path = \"demo/a.txt\" }, { from = \"**/b.txt\", path = \"demo/b.txt\" }]\n";

/// A manifest of one archive with these lines after its size and sum.
#[track_caller]
fn demo(url: &str, archive: &[u8], rest: &str) -> Manifest {
    super::manifest(&format!("[[files]]\nurl = \"{url}/x\"\npath = \"demo/x.pack\"\n{}{rest}", known(archive)))
}

/// The error that an archive gives, which leaves nothing.
#[track_caller]
fn refused(archive: &[u8], kind: &str, rest: &str) -> FetchError {
    let (_folder, source) = mirror(&[("demo/x.pack", archive)]);
    let target = Target::new();
    let outside = target.path().join("../evil.txt");
    let error = target
        .fetch(&demo(NOWHERE, archive, &format!("unpack = \"{kind}\"\nmax_unpacked = 100000\n{rest}")), source)
        .map(|files| panic!("{files:?} came out of a bad archive"))
        .unwrap_err();
    assert!(matches!(error, FetchError::Archive { .. }), "{error}");
    assert_sentence(&error, &["demo+x.pack", "thrown away"]);
    assert_eq!((target.files(), target.leftovers()), (vec![], vec![]), "{error}");
    assert!(!outside.exists() && !Path::new("/evil.txt").exists());
    error
}

#[test]
fn members_are_taken_and_nothing_else() {
    let dotted: Vec<_> = FILES.iter().map(|(name, bytes)| (format!("./{name}"), *bytes)).collect();
    let dotted: Vec<_> = dotted.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    for (kind, archive) in [("zip", zip_of(&FILES)), ("tar.gz", tgz(&FILES)), ("tar.gz", tgz(&dotted))] {
        let server = Server::of(&archive);
        let demo = demo(&server.base, &archive, &format!("unpack = \"{kind}\"\nmax_unpacked = 100000\n{MEMBERS}"));
        let target = Target::new();
        assert_eq!(target.outcomes(&demo, Source::Origin), [Outcome::Added; 2]);
        target.assert_files(&[("demo/a.txt", "first\n"), ("demo/b.txt", "second\n")]);
        assert!(target.leftovers().is_empty(), "{:?}", target.leftovers());
        server.asked.recv().unwrap();

        assert_eq!(target.outcomes(&demo, Source::Origin), [Outcome::AlreadyPresent; 2]);
        assert_eq!(target.outcomes(&demo, Source::Offline), [Outcome::AlreadyPresent; 2]);
        assert!(server.asked.try_recv().is_err(), "what was there was asked for again");

        // Changed and missing members are taken anew; one that is the same is called present.
        fs::write(target.path().join("demo/a.txt"), "FIRST\n").unwrap();
        assert!(matches!(target.fetch(&demo, Source::Offline), Err(FetchError::Offline { .. })));
        fs::remove_file(target.path().join("demo/b.txt")).unwrap();
        assert_eq!(target.outcomes(&demo, Source::Origin), [Outcome::AlreadyPresent, Outcome::Added]);
        target.assert_files(&[("demo/a.txt", "first\n"), ("demo/b.txt", "second\n")]);
    }
}

#[test]
fn a_gzip_stream_is_one_file() {
    let archive = gz(b"inside\n");
    let (_folder, source) = mirror(&[("demo/x.pack", &archive)]);
    let member =
        |more: &str| format!("unpack = \"gz\"\nmax_unpacked = 100\nmembers = [{{ path = \"demo/a.txt\"{more} }}]\n");
    let target = Target::new();
    assert_eq!(target.outcomes(&demo(NOWHERE, &archive, &member("")), source), [Outcome::Added]);
    target.assert_files(&[("demo/a.txt", "inside\n")]);
    let wrong_sum = member(&format!(", sha256 = \"{}\"", sha256_hex(b"outside\n")));
    assert_sentence(&refused(&archive, "gz", wrong_sum.split_once("100\n").unwrap().1), &["SHA-256", "instead of"]);
    assert_sentence(
        &refused(&archive, "gz", "members = [{ path = \"demo/a.txt\", bytes = 8 }]\n"),
        &["7 bytes instead of 8"],
    );
    assert_sentence(
        &refused(&archive[..archive.len() - 9], "gz", "members = [{ path = \"demo/a.txt\" }]\n"),
        &["cut off"],
    );
    assert_sentence(&refused(b"no gzip at all", "gz", "members = [{ path = \"demo/a.txt\" }]\n"), &["damaged"]);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../evil.txt", "set/../../evil.txt", "/evil.txt", "C:/evil.txt", "..\\evil.txt", "\\evil.txt"] {
        let entries: [(&[u8], EntryType, &[u8]); 2] =
            [(b"set/a.txt", EntryType::Regular, b"first\n"), (name.as_bytes(), EntryType::Regular, b"evil\n")];
        assert_sentence(&refused(&gz(&tar_of(&entries)), "tar.gz", MEMBERS), &["leads out"]);
        let filler = "x".repeat(name.len());
        let zip = replaced(&zip_of(&[FILES[0], (&filler, b"evil\n")]), filler.as_bytes(), name.as_bytes());
        assert_sentence(&refused(&zip, "zip", MEMBERS), &["leads out"]);
    }
}

#[test]
fn names_that_are_not_utf_8_are_refused() {
    let entries: [(&[u8], EntryType, &[u8]); 1] = [(b"set/\xff.txt", EntryType::Regular, b"")];
    assert_sentence(&refused(&gz(&tar_of(&entries)), "tar.gz", MEMBERS), &["not UTF-8"]);
    let zip = replaced(&zip_of(&[("set/x.txt", b"")]), b"set/x.txt", b"set/\xff.txt");
    assert_sentence(&refused(&zip, "zip", MEMBERS), &["not UTF-8"]);
}

#[test]
fn only_regular_files_are_taken() {
    for (kind, word) in [
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Link, "link to another"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "special"),
        (EntryType::Directory, "folder"),
    ] {
        let tar = gz(&tar_of(&[(b"set/a.txt", kind, b"")]));
        assert_sentence(&refused(&tar, "tar.gz", MEMBERS), &["set/a.txt", word]);
    }
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.add_symlink("set/a.txt", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    assert_sentence(&refused(&zip, "zip", MEMBERS), &["set/a.txt", "symbolic link"]);
    // A link that nobody wants is passed over.
    let entries: [(&[u8], EntryType, &[u8]); 3] = [
        (b"set/l", EntryType::Symlink, b""),
        (b"set/a.txt", EntryType::Regular, b"first\n"),
        (b"b.txt", EntryType::Regular, b"second\n"),
    ];
    let tar = gz(&tar_of(&entries));
    let (_folder, source) = mirror(&[("demo/x.pack", &tar)]);
    let rest = format!("unpack = \"tar.gz\"\nmax_unpacked = 100000\n{MEMBERS}");
    assert_eq!(Target::new().outcomes(&demo(NOWHERE, &tar, &rest), source), [Outcome::Added; 2]);
}

#[test]
fn members_must_be_there_once() {
    let twice = [FILES[0], FILES[1], ("else/b.txt", b"again\n" as &[u8])];
    let same = [FILES[0], FILES[0], FILES[1]];
    let case = [FILES[0], ("SET/A.TXT", b"other\n" as &[u8]), FILES[1]];
    let missing = [FILES[0]];
    assert_sentence(&refused(&tgz(&twice), "tar.gz", MEMBERS), &["several members", "**/b.txt"]);
    assert_sentence(&refused(&zip_of(&twice), "zip", MEMBERS), &["several members", "**/b.txt"]);
    assert_sentence(&refused(&tgz(&same), "tar.gz", MEMBERS), &["several members", "set/a.txt"]);
    let zip_same = replaced(&zip_of(&[FILES[0], ("set/d.txt", b""), FILES[1]]), b"set/d.txt", b"set/a.txt");
    assert_sentence(&refused(&zip_same, "zip", MEMBERS), &["several members"]);
    assert_sentence(&refused(&tgz(&case), "tar.gz", MEMBERS), &["upper and lower case"]);
    assert_sentence(&refused(&zip_of(&case), "zip", MEMBERS), &["upper and lower case"]);
    assert_sentence(&refused(&tgz(&missing), "tar.gz", MEMBERS), &["no member **/b.txt"]);
    assert_sentence(&refused(&zip_of(&missing), "zip", MEMBERS), &["no member **/b.txt"]);
}

#[test]
fn members_have_the_sizes_and_sums_of_the_manifest() {
    for (kind, archive) in [("zip", zip_of(&FILES)), ("tar.gz", tgz(&FILES))] {
        let member = |more: &str| format!("members = [{{ from = \"set/a.txt\", path = \"demo/a.txt\", {more} }}]\n");
        assert_sentence(&refused(&archive, kind, &member("bytes = 7")), &["6 bytes instead of 7"]);
        assert_sentence(&refused(&archive, kind, &member("bytes = 5")), &["more than the 5 bytes"]);
        assert_sentence(&refused(&archive, kind, &member("max_bytes = 5")), &["more than the 5 bytes"]);
        assert_sentence(&refused(&archive, kind, &member(&format!("md5 = \"{}\"", "0".repeat(32)))), &["MD5"]);
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    // A hundred megabytes of zeros, which pack to a thousandth.
    let zeros = vec![0; 100_000_000];
    let files: [(&str, &[u8]); 3] = [FILES[0], ("set/deep/b.txt", &zeros), FILES[2]];
    let unwanted: [(&str, &[u8]); 3] = [FILES[0], FILES[1], ("set/c.txt", &zeros)];
    for (kind, archive) in [("zip", zip_of(&files)), ("tar.gz", tgz(&files)), ("tar.gz", tgz(&unwanted))] {
        assert!(archive.len() < 1_000_000);
        assert_sentence(&refused(&archive, kind, MEMBERS), &["more than the 100000 bytes"]);
    }
    let gz_bomb = gz(&zeros);
    assert_sentence(
        &refused(&gz_bomb, "gz", "members = [{ path = \"demo/a.txt\" }]\n"),
        &["more than the 100000 bytes"],
    );
    // One that says in its directory that it is small.
    let zip = zip_of(&files);
    let lying = replaced(&zip, &100_000_000_u32.to_le_bytes(), &7_u32.to_le_bytes());
    refused(&lying, "zip", MEMBERS);
}

/// What becomes of an archive that may unpack to a hundred megabytes, with more lines after that.
fn unpacked(archive: &[u8], kind: &str, rest: &str) -> Result<(), String> {
    let (_folder, source) = mirror(&[("demo/x.pack", archive)]);
    let rest = format!("unpack = \"{kind}\"\nmax_unpacked = 100000000\n{rest}");
    Target::new().fetch(&demo(NOWHERE, archive, &rest), source).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn archives_unpack_to_200_times_their_size_at_most() {
    let zeros = vec![0_u8; 4_000_000];
    // A comment in the header makes the stream as long as it should be.
    let packed = |length: usize| {
        let with = |comment: usize| {
            let builder = flate2::GzBuilder::new().comment(vec![b'x'; comment]);
            let mut encoder = builder.write(Vec::new(), Compression::best());
            encoder.write_all(&zeros).unwrap();
            encoder.finish().unwrap()
        };
        let shortest = with(0).len();
        let archive = with(length - shortest);
        assert_eq!(archive.len(), length);
        archive
    };
    let member = "members = [{ path = \"demo/a.txt\" }]\n";
    assert_eq!(unpacked(&packed(20_000), "gz", member), Ok(()));
    let error = unpacked(&packed(19_999), "gz", member).unwrap_err();
    assert!(error.contains("more than 200 times its own 19999 bytes"), "{error}");

    let files = |bytes: usize| [("set/a.txt", &zeros[..bytes]), FILES[1]];
    for (kind, archive) in [("zip", zip_of(&files(4_000_000))), ("tar.gz", gz_best(&tar_of_files(&files(4_000_000))))] {
        let error = unpacked(&archive, kind, MEMBERS).unwrap_err();
        assert!(error.contains("more than 200 times"), "{error}");
    }
    // What is small may be packed as well as it can.
    for (kind, archive) in [("zip", zip_of(&files(1_000_000))), ("tar.gz", gz_best(&tar_of_files(&files(1_000_000))))] {
        assert!(archive.len() < 5000, "{kind}: {}", archive.len());
        assert_eq!(unpacked(&archive, kind, MEMBERS), Ok(()));
    }
}

#[test]
fn archives_have_no_more_entries_than_they_may() {
    for (kind, archive) in [("zip", zip_of(&FILES)), ("tar.gz", tgz(&FILES))] {
        assert_eq!(unpacked(&archive, kind, &format!("max_entries = 3\n{MEMBERS}")), Ok(()));
        let error = unpacked(&archive, kind, &format!("max_entries = 2\n{MEMBERS}")).unwrap_err();
        assert!(error.contains("more than 2 entries"), "{error}");
    }
}

/// A record of POSIX of so many bytes.
fn record(key: &str, bytes: usize, value: &str) -> Vec<u8> {
    let head = format!("{bytes} {key}={value}");
    format!("{head}{}\n", "x".repeat(bytes - head.len() - 1)).into_bytes()
}

#[test]
fn what_is_said_about_an_entry_has_a_limit() {
    const LIMIT: usize = 64 << 10;
    let of = |kind: EntryType, about: &[u8]| {
        let entries: [(&[u8], EntryType, &[u8]); 3] = [
            (b"about", kind, about),
            (b"set/other.txt", EntryType::Regular, b"first\n"),
            (b"b.txt", EntryType::Regular, b"second\n"),
        ];
        unpacked(&gz(&tar_of(&entries)), "tar.gz", MEMBERS)
    };
    let path = record("path", 18, "set/a.txt");
    let posix = |bytes: usize| [path.clone(), record("comment", bytes - path.len(), "")].concat();
    let gnu = |bytes: usize| [b"set/a.txt".to_vec(), vec![0; bytes - 9]].concat();
    assert_eq!(of(EntryType::XHeader, &posix(LIMIT)), Ok(()));
    assert_eq!(of(EntryType::GNULongName, &gnu(10)), Ok(()));
    // Too much for a name, but not to be looked at.
    for kind in [EntryType::GNULongLink, EntryType::XGlobalHeader, EntryType::GNULongName] {
        let error = of(kind, &gnu(LIMIT)).unwrap_err();
        assert!(!error.contains("more than 65536 bytes"), "{error}");
    }
    for (kind, about) in [
        (EntryType::XHeader, posix(LIMIT + 1)),
        (EntryType::GNULongName, gnu(LIMIT + 1)),
        (EntryType::GNULongLink, gnu(LIMIT + 1)),
        (EntryType::XGlobalHeader, gnu(LIMIT + 1)),
    ] {
        let error = of(kind, &about).unwrap_err();
        assert!(error.contains("more than 65536 bytes about an entry"), "{error}");
    }
}

#[test]
fn what_is_said_about_an_entry_agrees_with_it() {
    let path = record("path", 18, "set/a.txt");
    let of = |about: &[(EntryType, &[u8])]| {
        let mut entries: Vec<(&[u8], EntryType, &[u8])> =
            about.iter().map(|&(kind, bytes)| (&b"about"[..], kind, bytes)).collect();
        entries.push((b"set/other.txt", EntryType::Regular, b"first\n"));
        entries.push((b"b.txt", EntryType::Regular, b"second\n"));
        unpacked(&gz(&tar_of(&entries)), "tar.gz", MEMBERS)
    };
    let right = [path.clone(), record("size", 9, "6")].concat();
    assert_eq!(of(&[(EntryType::XHeader, &right)]), Ok(()));
    let wrong = [path.clone(), record("size", 9, "7")].concat();
    assert!(of(&[(EntryType::XHeader, &wrong)]).unwrap_err().contains("6 bytes by its header"));
    let twice = [(EntryType::XHeader, &path[..]), (EntryType::XHeader, &path[..])];
    assert!(of(&twice).unwrap_err().contains("two names"));
    for (name, words) in [(&b"set/../../a.txt\0"[..], "leads out"), (b"else/b.txt\0", "several members")] {
        let error = of(&[(EntryType::GNULongName, name)]).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn damaged_archives_are_refused() {
    let (zip, tar) = (zip_of(&FILES), tgz(&FILES));
    for length in [0_usize, 1, 30, zip.len() / 2, zip.len() - 1] {
        if length > 0 {
            refused(&zip[..length], "zip", MEMBERS);
        }
    }
    for length in [1, 10, tar.len() / 2, tar.len() - 8, tar.len() - 1] {
        refused(&tar[..length], "tar.gz", MEMBERS);
    }
    // A tape archive that ends within a member, in a gzip stream that is whole.
    let inner = tar_of(&[(b"set/a.txt", EntryType::Regular, b"first\n")]);
    assert_sentence(&refused(&gz(&inner[..515]), "tar.gz", MEMBERS), &["cut off"]);
    // Bytes of a member that are not those of its checksum.
    let stored = {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file("set/a.txt", options).unwrap();
        writer.write_all(b"first\n").unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert_sentence(&refused(&replaced(&stored, b"first\n", b"worst\n"), "zip", MEMBERS), &["damaged"]);
    // Encrypted, and packed in a way that is not compiled in.
    assert_sentence(&refused(&patched(&zip, 6, 8, 1), "zip", MEMBERS), &["encrypted"]);
    refused(&patched(&zip, 8, 10, 12), "zip", MEMBERS);
}

#[test]
fn an_interrupted_unpacking_is_done_again_from_the_archive() {
    let archive = zip_of(&FILES);
    let demo = demo(NOWHERE, &archive, &format!("unpack = \"zip\"\nmax_unpacked = 100000\n{MEMBERS}"));
    let target = Target::new();
    let work = target.path().join(".fetched/demo");
    fs::create_dir_all(work.join("unpacked")).unwrap();
    fs::create_dir_all(target.path().join("demo")).unwrap();
    fs::write(work.join("demo+x.pack"), &archive).unwrap();
    // One member had been moved to its place, the other not, and nothing written down.
    fs::write(target.path().join("demo/a.txt"), "first\n").unwrap();
    fs::write(work.join("unpacked/1"), "sec").unwrap();
    let nowhere = Source::MirrorFolder("/no/such/folder".into());
    assert_eq!(target.outcomes(&demo, nowhere), [Outcome::Replaced, Outcome::Added]);
    target.assert_files(&[("demo/a.txt", "first\n"), ("demo/b.txt", "second\n")]);
    assert!(target.leftovers().is_empty(), "{:?}", target.leftovers());
}

#[test]
fn files_of_others_are_left_alone() {
    // A file where a mirror would have the archive is somebody's, and stays.
    let archive = zip_of(&FILES);
    let (_folder, source) = mirror(&[("demo/x.pack", &archive)]);
    let demo = demo(NOWHERE, &archive, &format!("unpack = \"zip\"\nmax_unpacked = 100000\n{MEMBERS}"));
    let target = Target::new();
    fs::create_dir_all(target.path().join("demo")).unwrap();
    fs::write(target.path().join("demo/x.pack"), "mine").unwrap();
    assert_eq!(target.outcomes(&demo, source), [Outcome::Added; 2]);
    target.assert_files(&[("demo/a.txt", "first\n"), ("demo/b.txt", "second\n"), ("demo/x.pack", "mine")]);
}
