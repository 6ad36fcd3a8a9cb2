//! Settings: what is read, and how every mistake is reported.

use anther_train::settings::{self, DEPTH_LIMIT, Replacement, SettingsError, TEXT_LIMIT};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Garden {
    name: String,
    pond: Pond,
    beds: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Pond {
    depth: f64,
    fishes: usize,
    frozen: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    edge: Edge,
    pump: Pump,
}

impl Default for Pond {
    fn default() -> Self {
        Pond { depth: 1.5, fishes: 3, frozen: false, owner: None, edge: Edge::Stone, pump: Pump::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Edge {
    Stone,
    Wood,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Pump {
    watts: u32,
}

fn read(text: &str, edits: &[&str]) -> Result<Garden, SettingsError> {
    settings::read(text, "garden.toml", edits)
}

#[test]
fn a_text_is_read_and_the_rest_is_default() {
    let garden = read("name = \"north\"\n[pond]\nfishes = 7\n[pond.pump]\nwatts = 40", &[]).unwrap();
    assert_eq!((garden.name.as_str(), garden.pond.fishes, garden.pond.pump.watts), ("north", 7, 40));
    assert_eq!((garden.pond.depth, garden.beds), (1.5, vec![]));
    assert_eq!(read("", &[]).unwrap(), Garden::default());
}

#[test]
fn an_edit_to_another_value_takes_what_belongs_to_the_old_one_out_of_the_text() {
    let rules = [Replacement { key: "name", others: &["pond.owner", "pond.pump.watts", "beds", "absent.key"] }];
    let text = "name = \"north\"\nbeds = [1]\n[pond]\nowner = \"ann\"\nfishes = 7\n[pond.pump]\nwatts = 40";
    let read = |edits: &[&str]| settings::read_replacing::<Garden>(text, "garden.toml", edits, &rules).unwrap();
    let south = read(&["beds=[2]", "name=south"]);
    assert_eq!((south.beds, south.pond.owner, south.pond.pump.watts, south.pond.fishes), (vec![2], None, 0, 7));
    for edits in [&["name=north"][..], &["pond.fishes=7"], &[]] {
        assert_eq!(read(edits).beds, [1], "{edits:?}");
    }
}

#[test]
fn edits_win_over_the_text_and_later_ones_over_earlier_ones() {
    let garden = read("[pond]\nfishes = 7", &["pond.fishes=8", "pond.depth = 2", "pond.fishes=9"]).unwrap();
    assert_eq!((garden.pond.fishes, garden.pond.depth), (9, 2.0));
}

#[test]
fn values_of_edits_are_toml_and_bare_words_are_strings() {
    let name = |edit| read("", &[edit]).unwrap().name;
    assert_eq!(name("name=old mill"), "old mill");
    assert_eq!(name("name=../x/y.txt"), "../x/y.txt");
    assert_eq!(name("name=\"a = b\""), "a = b");
    assert_eq!(name("name='7'"), "7");
    assert_eq!(name("name=2024.txt"), "2024.txt");
    assert_eq!(name("name=a=b"), "a=b");
    assert_eq!(name("name="), "");
    assert_eq!(name("name=日本"), "日本");
    let garden = read("", &["beds=[1, 2]", "pond.frozen=true", "pond.pump={ watts = 5 }", "pond.edge=wood"]).unwrap();
    assert_eq!((garden.beds, garden.pond.frozen, garden.pond.pump.watts), (vec![1, 2], true, 5));
    assert_eq!(garden.pond.edge, Edge::Wood);
}

#[test]
fn what_is_written_is_read_back() {
    let garden = read("name = \"ü \\\" \\n\"", &["pond.owner=me", "beds=[3]", "pond.depth=0.1"]).unwrap();
    assert_eq!(read(&settings::write(&garden).unwrap(), &[]).unwrap(), garden);
}

/// Text, edits, and what the message must hold.
const REFUSED: [(&str, &[&str], &[&str]); 24] = [
    ("nome = \"x\"", &[], &["garden.toml", "unknown key `nome`", "did you mean `name`?"]),
    ("[pond]\nfish = 3", &[], &["unknown key `pond.fish`", "`pond.fishes`"]),
    ("fishes = 3", &[], &["unknown key `fishes`", "`pond.fishes`"]),
    ("[pond.pump]\nwatt = 3", &[], &["unknown key `pond.pump.watt`", "`pond.pump.watts`"]),
    ("[pond]\nownr = \"x\"", &[], &["unknown key `pond.ownr`", "`pond.owner`"]),
    ("[pond]\nzebra = 1", &[], &["unknown key `pond.zebra`", "look up the keys"]),
    ("", &["pond.depht=2"], &["`--set pond.depht=2`", "unknown key `pond.depht`", "`pond.depth`"]),
    ("", &["pont.depth=2"], &["`--set pont.depth=2`", "unknown key `pont`", "`pond`"]),
    ("[pond]\nfishes = \"many\"", &[], &["garden.toml", "`pond.fishes`", "\"many\"", "whole number"]),
    ("[pond]\nfishes = -1", &[], &["`pond.fishes`", "-1", "whole number"]),
    ("[pond]\nfishes = 1.5", &[], &["`pond.fishes`", "1.5", "whole number"]),
    ("[pond]\ndepth = true", &[], &["`pond.depth`", "true", "a number"]),
    ("[pond]\nfrozen = 1", &[], &["`pond.frozen`", "true or false"]),
    ("[pond]\nedge = \"glass\"", &[], &["`pond.edge`", "unknown choice `glass`", "stone", "wood"]),
    ("name = 3", &[], &["`name`", "3", "string"]),
    ("pond = 3", &[], &["`pond`", "3"]),
    ("beds = [1, \"x\"]", &[], &["`beds", "\"x\"", "whole number"]),
    ("[pond]\nfishes = 1", &["pond.fishes=lots"], &["`--set pond.fishes=lots`", "`pond.fishes`", "\"lots\""]),
    ("", &["pond={ fish = 1 }"], &["`--set pond={ fish = 1 }`", "`pond.fish`"]),
    ("name = \"x\"", &["name.length=3"], &["`--set name.length=3`", "`name` is a value"]),
    ("", &["pond.fishes"], &["`--set pond.fishes`", "no `=`"]),
    ("", &["pond..fishes=1"], &["`--set pond..fishes=1`", "names joined by dots"]),
    ("", &["beds=[1, 2"], &["`--set beds=[1, 2`", "not a complete TOML value"]),
    ("name = \"a\"\n[pond\nfishes = 1", &[], &["garden.toml line 2 is not TOML"]),
];

#[test]
fn every_mistake_names_the_key_and_where_it_is() {
    for (text, edits, parts) in REFUSED {
        let message = read(text, edits).expect_err(text).to_string();
        for part in parts {
            assert!(message.contains(part), "{text:?} {edits:?}: {message:?} lacks {part:?}");
        }
        assert!(!message.contains('\n'), "{message:?} is more than a sentence");
    }
}

#[test]
fn a_value_cannot_smuggle_in_another_key() {
    let error = read("", &["name=1\nbeds = [7]"]).unwrap_err();
    assert!(matches!(error, SettingsError::Edit { .. }), "{error}");
}

#[test]
fn the_text_is_limited_in_size() {
    let filled = |size: usize| format!("#{}", "x".repeat(size - 1));
    assert_eq!(read(&filled(TEXT_LIMIT), &[]).unwrap(), Garden::default());
    let error = read(&filled(TEXT_LIMIT + 1), &[]).unwrap_err();
    assert_eq!(error, SettingsError::TooLong { origin: "garden.toml".into(), bytes: TEXT_LIMIT + 1 });
    let edit = format!("name={}", "x".repeat(TEXT_LIMIT));
    assert!(matches!(read("", &[&edit]), Err(SettingsError::Edit { .. })));
}

#[test]
fn the_text_is_limited_in_depth() {
    let nested = |levels: usize| format!("name = {}{}", "[".repeat(levels), "]".repeat(levels));
    let refused_as_value = read(&nested(DEPTH_LIMIT - 1), &[]).unwrap_err();
    assert!(matches!(refused_as_value, SettingsError::WrongValue { .. }), "{refused_as_value}");
    let too_deep = read(&nested(DEPTH_LIMIT), &[]).unwrap_err();
    assert_eq!(too_deep, SettingsError::TooDeep { origin: "garden.toml".into() });
}

#[test]
fn hostile_depth_is_an_error_and_not_a_crash() {
    // Each of these would overflow the stack of a careless parser or destructor.
    let size = TEXT_LIMIT / 2 - 100;
    for text in [
        format!("name = {}", "[".repeat(size)),
        format!("name = {}", "{a=".repeat(size / 2)),
        format!("{}a = 1", "a.".repeat(size)),
        format!("[{}a]", "a.".repeat(size)),
        format!("name = {}{}", "[".repeat(size), "]".repeat(size)),
    ] {
        assert!(read(&text, &[]).is_err());
    }
    let edit = format!("{}a=1", "a.".repeat(1000));
    assert!(read("", &[&edit]).unwrap_err().to_string().contains("more than 16 parts"));
}

#[test]
fn a_missing_key_without_default_is_named() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Strict {
        needed: u32,
    }
    let error = settings::read::<Strict>("", "strict.toml", &[] as &[&str]).unwrap_err();
    assert_eq!(error, SettingsError::MissingKey { origin: "strict.toml".into(), key: "needed".into() });
}
