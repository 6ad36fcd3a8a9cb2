//! The manifests of the project: archives made up with their members are fetched from a folder, and read by the readers that the tasks use.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anther_data::DataDir;
use anther_data::corpus::{CorpusFiles, PartNames, read_text};
use anther_data::fetch::{Fetcher, FileState, Look, Outcome, Source};
use anther_data::images::ImageDataSet;
use anther_data::listops::ListOpsTable;
use anther_data::manifest::{Format, Manifest, RemoteFile};
use anther_data::parallel::{ParallelText, Part, find};
use anther_data::series::PreparedSeries;

use super::archives::{gz, tgz, zip_of};
use super::{Target, mirror};
use crate::support::{real_data, workspace_root};

fn manifests() -> Vec<Manifest> {
    let folder = workspace_root().join("datasets");
    Manifest::names(&folder).unwrap().iter().map(|name| Manifest::named(&folder, name).unwrap()).collect()
}

fn named(name: &str) -> Manifest {
    Manifest::named(&workspace_root().join("datasets"), name).unwrap()
}

/// The same files in the same places, whatever their sizes and sums.
fn loosened(manifest: &Manifest) -> Manifest {
    let mut text = format!("name = \"{}\"\nlicence = \"made up\"\n", manifest.name());
    for file in manifest.files() {
        let (url, path) = (file.url(), file.path());
        writeln!(
            text,
            "[[files]]\nurl = \"{url}\"\npath = \"{path}\"\nmax_bytes = 1000000\nchecksum = \"none-published\""
        )
        .unwrap();
        let Some(archive) = file.archive() else { continue };
        let kind = match archive.format() {
            Format::TarGz => "tar.gz",
            Format::Zip => "zip",
            Format::Gz => "gz",
        };
        writeln!(text, "unpack = \"{kind}\"\nmax_unpacked = 1000000\nmembers = [").unwrap();
        for member in archive.members() {
            let from = member.from().map_or_else(String::new, |from| format!("from = \"{from}\", "));
            writeln!(text, "{{ {from}path = \"{}\" }},", member.path()).unwrap();
        }
        writeln!(text, "]").unwrap();
    }
    for join in manifest.joins() {
        writeln!(text, "[[joins]]\npath = \"{}\"\nparts = {:?}", join.path(), join.parts()).unwrap();
    }
    Manifest::parse(&text, "loosened.toml").unwrap()
}

/// A small file of the kind that a path of the manifest says.
fn made_up(path: &str) -> Vec<u8> {
    let name = path.rsplit('/').next().unwrap();
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let idx = |magic: u32, sizes: &[u32], bytes: usize| {
        let mut file: Vec<u8> = [&[magic], sizes].concat().iter().flat_map(|number| number.to_be_bytes()).collect();
        file.resize(file.len() + bytes, 1);
        file
    };
    let content = match plain {
        _ if plain.contains("images-idx3") => idx(2051, &[2, 4, 4], 32),
        _ if plain.contains("labels-idx1") => idx(2049, &[2], 2),
        _ if plain.starts_with("data_batch") || plain == "test_batch.bin" => vec![3; 2 * 3073],
        _ if path.contains("cifar-100") && plain.ends_with(".bin") => vec![3; 2 * 3074],
        _ if plain.ends_with(".ts") => {
            b"@problemName x\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n2,3,4:b\n".to_vec()
        }
        _ if plain.ends_with(".tsv") => b"Source\tTarget\n( ( ( [MAX 2 ) 9 ) ] )\t9\n".to_vec(),
        _ if plain.ends_with(".xml") || plain.ends_with(".sgm") => {
            b"<doc>\n<seg id=\"1\"> one two </seg>\n<seg id=\"2\"> three </seg>\n</doc>\n".to_vec()
        }
        _ if plain.starts_with("train.tags") => b"<url>http://x</url>\none two\nthree\n".to_vec(),
        _ => b"one two\nthree\n".to_vec(),
    };
    if plain == name { content } else { gz(&content) }
}

/// What the address of a file would give.
fn packed(file: &RemoteFile) -> Vec<u8> {
    let Some(archive) = file.archive() else { return made_up(file.path()) };
    let inside = |from: &str| from.replace("**/", "some/folder/");
    let members: Vec<(String, Vec<u8>)> = archive
        .members()
        .iter()
        .map(|member| (inside(member.from().unwrap_or_default()), made_up(member.path())))
        .collect();
    let mut members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    if archive.format() == Format::Gz {
        return gz(members[0].1);
    }
    members.push(("some/README", b"passed over"));
    if archive.format() == Format::Zip { zip_of(&members) } else { tgz(&members) }
}

/// Fetches a made-up data set, opens it with `open`, and checks that nothing is left to fetch.
fn fetched(manifest: &Manifest, open: impl FnOnce(&Path, &DataDir)) {
    let files: Vec<(&str, Vec<u8>)> = manifest.files().iter().map(|file| (file.path(), packed(file))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (*path, &bytes[..])).collect();
    let (_folder, source) = mirror(&files);
    let target = Target::new();
    let demo = loosened(manifest);
    let outcomes = target.outcomes(&demo, source);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Added), "{}: {outcomes:?}", manifest.name());
    assert!(target.leftovers().is_empty(), "{:?}", target.leftovers());
    let again = target.outcomes(&demo, Source::Offline);
    assert!(again.iter().all(|outcome| *outcome == Outcome::AlreadyPresent), "{}: {again:?}", manifest.name());
    open(target.path(), &DataDir::resolve(Some(target.path()), None));
}

/// Opens the parts of a parallel text, under these names if there are some.
fn assert_pairs(folder: &Path, languages: [&str; 2], parts: &[(Part, Option<&str>)], pairs: usize) {
    for &(part, name) in parts {
        let [source, target] = find(folder, languages, part, name).unwrap();
        let read = ParallelText::read(&source, &target).unwrap();
        let want = if part == Part::Train { pairs } else { 2 };
        assert_eq!(read.pairs.len(), want, "{}", source.display());
        let is_of = |path: &Path, language: &str| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.split('.').any(|word| word == language)
        };
        assert!(
            is_of(&source, languages[0]) && is_of(&target, languages[1]),
            "{} {}",
            source.display(),
            target.display()
        );
    }
}

const ALL: [(Part, Option<&str>); 3] = [(Part::Train, None), (Part::Validation, None), (Part::Test, None)];

#[test]
fn every_data_set_lands_where_its_reader_looks() {
    let mut opened = 0;
    for manifest in manifests() {
        let name = manifest.name().to_owned();
        fetched(&manifest, |root, data| {
            let folder = || data.folder(&name, None).unwrap();
            match name.as_str() {
                "multi30k" => {
                    assert_pairs(&folder(), ["de", "en"], &ALL, 2);
                    assert_pairs(&folder(), ["en", "fr"], &[ALL[0], (Part::Test, Some("test_2017_mscoco"))], 2);
                }
                "iwslt2017" => {
                    assert_pairs(&folder(), ["de", "en"], &ALL, 2);
                    assert_pairs(&folder(), ["en", "de"], &ALL, 2);
                    assert_pairs(&folder(), ["de", "en"], &[(Part::Test, Some("IWSLT17.TED.tst2010"))], 2);
                }
                "iwslt2017-tst" => {
                    assert_pairs(&folder(), ["en", "de"], &[(Part::Test, Some("IWSLT17.TED.tst2016"))], 2)
                }
                "wmt14" => assert_pairs(&folder(), ["en", "de"], &ALL, 2),
                "wmt14-statmt" => {
                    assert_pairs(&folder(), ["en", "de"], &ALL, 6);
                    assert_pairs(&folder(), ["de", "en"], &ALL, 6);
                }
                "wmt17" => {
                    for (language, pairs) in
                        [("cs", 6), ("de", 8), ("fi", 4), ("lv", 10), ("ru", 4), ("tr", 2), ("zh", 54)]
                    {
                        assert_pairs(&folder(), [language, "en"], &ALL, pairs);
                        assert_pairs(&folder(), ["en", language], &ALL, pairs);
                    }
                }
                "wikitext-2" | "wikitext-2-raw" | "wikitext-103" | "wikitext-103-raw" => {
                    let files = CorpusFiles::find(&folder(), &PartNames::default()).unwrap();
                    for path in [&files.train, &files.validation, files.test.as_ref().unwrap()] {
                        assert_eq!(read_text(path).unwrap().lines().count(), 2);
                    }
                }
                "tinyshakespeare" => assert!(root.join("tinyshakespeare/input.txt").is_file()),
                "cifar10" | "cifar100" | "mnist" => {
                    let set = ImageDataSet::load(&name, None, data).unwrap();
                    let images = if name == "cifar10" { 10 } else { 2 };
                    assert_eq!((set.train.len(), set.test.len()), (images, 2), "{name}");
                }
                "lra-listops" => {
                    for part in ["train", "val", "test"] {
                        ListOpsTable::read(&folder().join(format!("basic_{part}.tsv"))).unwrap();
                    }
                }
                _ => {
                    let set = PreparedSeries::load(&name, data, |labels| (0..labels.len()).collect()).unwrap();
                    assert_eq!((set.train.len(), set.test.len()), (2, 2), "{name}");
                }
            }
        });
        opened += 1;
    }
    assert!(opened >= 25, "{opened}");
}

#[test]
fn limits_leave_room_for_what_is_known() {
    for manifest in manifests() {
        for archive in manifest.files().iter().filter_map(RemoteFile::archive) {
            let members: u64 =
                archive.members().iter().filter_map(|member| member.size()).map(|size| size.limit()).sum();
            assert!(members <= archive.max_unpacked(), "{}", manifest.name());
        }
    }
}

/// The real files that are at hand are those of the manifests.
#[test]
fn real_data_are_the_files_of_their_manifests() {
    let Some(data) = real_data() else { return };
    for name in ["tinyshakespeare", "multi30k"] {
        let states = Fetcher::new(&data, Source::Offline).states(&named(name), Look::Thorough).unwrap();
        for (path, state) in states {
            assert_eq!(state, FileState::Matches, "{}", path.display());
        }
    }
    // Parts of sets whose other files are not here.
    for (name, some) in [("wikitext-2", 2), ("wikitext-2-raw", 2)] {
        let states = Fetcher::new(&data, Source::Offline).states(&named(name), Look::Thorough).unwrap();
        let right = states.iter().filter(|(_, state)| *state == FileState::Matches).count();
        assert_eq!(right, some, "{name}: {states:?}");
    }
    let target = Target::new();
    let fetched = target.outcomes(&named("iwslt2017-tst"), Source::MirrorFolder(data.clone()));
    assert_eq!(fetched, [Outcome::Added; 4]);
    let [source, english] =
        find(&target.path().join("iwslt2017-tst"), ["de", "en"], Part::Test, Some("IWSLT17.TED.tst2017")).unwrap();
    assert_eq!(ParallelText::read(&source, &english).unwrap().pairs.len(), 1138);
    assert!(fs::read_dir(target.path().join("iwslt2017-tst")).unwrap().count() == 4);
}
