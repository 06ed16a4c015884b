//! Checks the properties with the seeds of the fuzz targets, with edited seeds, and with concatenated pieces of them.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::fs;
use std::path::{Path, PathBuf};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names of the files in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = directory("seeds").join(target);
    names(&directory).iter().map(|name| fs::read(directory.join(name)).unwrap()).collect()
}

/// A piece of a seed, or other bytes.
fn piece(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let cut = |(seed, [one, other]): (Vec<u8>, [Index; 2])| {
        let (one, other) = (one.index(seed.len() + 1), other.index(seed.len() + 1));
        seed[one.min(other)..one.max(other)].to_vec()
    };
    prop_oneof![
        3 => (prop::sample::select(seeds), any::<[Index; 2]>()).prop_map(cut),
        2 => prop::sample::select(VALUES.as_slice()).prop_map(|value| value.as_bytes().to_vec()),
        1 => "\\PC{0,3}|[ -~]{1,3}|[\\x00-\\x1f\"\\\\]".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ]
}

/// Values that can take the place of another one in JSON and in filters.
const VALUES: [&str; 10] =
    ["null", "[]", "{}", "true", "\"\"", "-1", "1e300", "\"\\u0000\"", "\"\u{e9}\"", "[{\"value\":1}]"];

/// A seed in which a piece takes the place of some bytes.
fn edited(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edit = |(mut seed, at, length, piece): (Vec<u8>, Index, usize, Vec<u8>)| {
        let at = at.index(seed.len() + 1);
        let end = seed.len().min(at + length);
        seed.splice(at..end, piece);
        seed
    };
    (prop::sample::select(seeds.clone()), any::<Index>(), 0..8_usize, piece(seeds)).prop_map(edit)
}

fn check_property(target: &str, property: Property) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| property(seed));
    let pieces = prop::collection::vec(piece(seeds.clone()), 1..6).prop_map(|pieces| pieces.concat());
    let input = prop_oneof![edited(seeds), pieces];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
    let checked = runner.run(&input, |input| {
        property(&input);
        Ok::<_, TestCaseError>(())
    });
    checked.unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn every_parser_has_its_property() {
    for (target, property) in PROPERTIES {
        check_property(target, property);
    }
}

#[test]
fn every_property_has_a_fuzz_target_and_seeds() {
    let expected: Vec<_> = PROPERTIES.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(names(&directory("seeds")), expected);
    let files: Vec<_> = expected.iter().map(|target| format!("{target}.rs")).collect();
    assert_eq!(names(&directory("targets")), files);
    let manifest = fs::read_to_string(directory("Cargo.toml")).unwrap();
    for (target, file) in expected.iter().zip(files) {
        let code = fs::read_to_string(directory("targets").join(&file)).unwrap();
        assert!(
            code.ends_with(&format!("|input: &[u8]| roster::fuzzing::check(\"{target}\", input));\n")),
            "{file}"
        );
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"targets/{file}\"\n")), "{target}");
    }
}
