//! Plays every case in `cases/`: adding a case is adding a folder with a `case.yaml`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod action;
mod case;
mod expected;
mod recorded;
mod staged;

use std::fs;
use std::path::Path;

use case::Case;

#[test]
fn every_case_comes_out_as_computed_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty());
    let mut failures = Vec::new();
    for path in &names {
        let text = fs::read_to_string(path.join("case.yaml")).unwrap();
        let case: Case =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (record, outcome) = case.play();
        let name = path.file_name().unwrap().to_string_lossy();
        for difference in case.expected.differences(&record, &outcome) {
            failures.push(format!("{name} ({}): {difference}", case.about));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{} cases", names.len());
}
