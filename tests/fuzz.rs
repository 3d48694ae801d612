//! Every entry point that is fuzzed, on its seeds and on what becomes of them when they are changed at random.
//!
//! The same seed gives the same changes, so that a failure can be repeated; `make fuzz` looks further.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic and read files"
)]

#[path = "common/fuzzing.rs"]
mod fuzzing;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many changed inputs each target gets.
const CASES: u32 = 800;

#[test]
fn every_seed_holds() {
    for (target, run) in fuzzing::TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() >= 10, "{target} has {} seeds", seeds.len());
        for (name, bytes) in seeds {
            let held = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
            assert!(held.is_ok(), "fuzz/corpus/{target}/{name}");
        }
    }
}

#[test]
fn every_target_is_built_and_has_seeds() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for (target, _) in fuzzing::TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
        assert!(folder().join(format!("fuzz_targets/{target}.rs")).is_file());
    }
    let names = fuzzing::TARGETS.iter().map(|(target, _)| *target);
    let names: Vec<_> = names.collect();
    for entry in fs::read_dir(folder().join("corpus")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            names.contains(&name.to_str().unwrap()),
            "{name:?} has no target"
        );
    }
}

#[test]
fn compose_files_changed_at_random() {
    changed("compose");
}

#[test]
fn settings_changed_at_random() {
    changed("settings");
}

#[test]
fn files_of_variables_changed_at_random() {
    changed("dotenv");
}

#[test]
fn dockerfiles_changed_at_random() {
    changed("dockerfile");
}

#[test]
fn templates_changed_at_random() {
    changed("template");
}

#[test]
fn fig_files_changed_at_random() {
    changed("fig");
}

#[test]
fn decking_files_changed_at_random() {
    changed("decking");
}

#[test]
fn cion_files_changed_at_random() {
    changed("cion");
}

#[test]
fn reports_changed_at_random() {
    changed("results");
}

#[test]
fn baleen_files_changed_at_random() {
    changed("baleen");
}

fn changed(target: &str) {
    let (_, run) = fuzzing::TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .unwrap();
    let seeds: Vec<_> = seeds(target).into_iter().map(|(_, bytes)| bytes).collect();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let input = (any::<Index>(), any::<Index>(), vec(change(), 1..5)).prop_map(
        move |(seed, other, changes)| {
            let mut bytes = seed.get(&seeds).clone();
            for change in &changes {
                change.apply(&mut bytes, other.get::<Vec<u8>>(&seeds));
            }
            bytes
        },
    );
    let held = TestRunner::new_with_rng(config, random).run(&input, |bytes| {
        run(&bytes);
        Ok(())
    });
    if let Err(error) = held {
        panic!("{target}: {error}");
    }
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    /// One byte is another one.
    Byte(Index, u8),
    /// Some are gone.
    Gone(Index, usize),
    /// Some are there again, further on.
    Again(Index, usize, Index),
    /// Some of another seed come in.
    Other(Index, usize, Index),
    /// From here on it is another seed.
    Splice(Index, Index),
    /// A piece of the format comes in.
    Piece(Index, &'static str),
}

/// What has a meaning in one of the formats.
const PIECES: &[&str] = &[
    "*base",
    "&base ",
    "<<: ",
    "${",
    "}",
    "$",
    ":",
    ": ",
    "\n",
    "  ",
    "- ",
    "{",
    "[",
    "]",
    "\"",
    "'",
    "\0",
    "ü",
    "\t",
    "!reset ",
    "!override ",
    "|\n",
    "? ",
    "#",
    " # ",
    "---\n",
    "FROM ",
    "\\\n",
    "<<EOF\n",
    "99999999999",
    "~",
    "null",
    "../../..",
    "services:\n",
    "extends: ",
    "include: ",
    "1-65535",
    "\u{feff}",
    "\r\n",
    "=",
    "export ",
    "--from=",
    "-0",
    ".",
    "0x",
    "1e400",
    "true",
];

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (place(), 1..20usize).prop_map(|(at, length)| Change::Gone(at, length)),
        (place(), 1..60usize, place()).prop_map(|(at, length, to)| Change::Again(at, length, to)),
        (place(), 1..60usize, place()).prop_map(|(at, length, to)| Change::Other(at, length, to)),
        (place(), place()).prop_map(|(at, from)| Change::Splice(at, from)),
        (place(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Change::Piece(at, piece)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, other: &[u8]) {
        let length = bytes.len();
        let at = |place: &Index| place.index(length + 1);
        let part = |of: &[u8], place: &Index, count: usize| {
            let start = place.index(of.len() + 1);
            of[start..(start + count).min(of.len())].to_vec()
        };
        match self {
            Self::Byte(place, byte) => {
                if let Some(slot) = bytes.get_mut(at(place)) {
                    *slot = *byte;
                }
            }
            Self::Gone(place, count) => {
                let start = at(place);
                bytes.drain(start..(start + count).min(length));
            }
            Self::Again(place, count, to) => {
                let part = part(bytes, place, *count);
                bytes.splice(at(to)..at(to), part);
            }
            Self::Other(place, count, to) => {
                bytes.splice(at(to)..at(to), part(other, place, *count));
            }
            Self::Splice(place, from) => {
                bytes.truncate(at(place));
                bytes.extend(part(other, from, other.len()));
            }
            Self::Piece(place, piece) => {
                bytes.splice(at(place)..at(place), piece.bytes());
            }
        }
    }
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
