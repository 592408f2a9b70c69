//! Plays every case in `cases/`: adding a case is adding a folder with a `case.yaml`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod action;
mod case;
mod expected;
mod recorded;
mod staged;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cryptobot_model::{OrderEvent, OrderEventKind, Wants};
use cryptobot_test_support::run::ALL_WANTS;

use case::{Case, Played};

/// The cases, by their names.
fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let read = |path: &Path| {
        let text = fs::read_to_string(path.join("case.yaml")).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let case = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, case)
    };
    paths.iter().map(|path| read(path)).collect()
}

#[test]
fn every_case_comes_out_as_computed_by_hand() {
    let cases = cases();
    let mut failures = Vec::new();
    for (name, case) in &cases {
        let Played { record, outcome, .. } = case.play(ALL_WANTS);
        for difference in case.expected.differences(&record, &outcome) {
            failures.push(format!("{name} ({}): {difference}", case.about));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{} cases", cases.len());
}

/// The steps that are no outcome.
const STEPS: [OrderEventKind; 4] = [
    OrderEventKind::Submitted,
    OrderEventKind::Accepted,
    OrderEventKind::Triggered,
    OrderEventKind::Modified,
];

#[test]
fn a_strategy_is_told_of_the_steps_it_wants_and_does_the_same() {
    let kind = |event: &OrderEvent| format!("{:?}", event.kind);
    let every_step = Wants { outcomes: false, ..ALL_WANTS };
    let outcomes = Wants { orders: false, ..ALL_WANTS };
    let (mut all_kinds, mut outcome_kinds) = (BTreeSet::new(), BTreeSet::new());
    for (name, case) in cases() {
        let [all, both, less] = [every_step, ALL_WANTS, outcomes].map(|wants| case.play(wants));
        assert_eq!(both.told, all.told, "{name}: with both it is told of every step");
        if case.reports_at_once() {
            // What the last step brings is told in no other.
            assert!(all.record.events.starts_with(&all.told), "{name}: {:?}", all.told);
        }
        let is_step = |event: &&OrderEvent| STEPS.contains(&event.kind);
        let expected: Vec<OrderEvent> = all.told.iter().filter(|event| !is_step(event)).copied().collect();
        assert_eq!(less.told, expected, "{name}");
        all_kinds.extend(all.told.iter().map(kind));
        outcome_kinds.extend(less.told.iter().map(kind));
        let hash = all.record.journal_hash();
        assert_eq!(both.record.journal_hash(), hash, "{name}");
        assert_eq!(less.record.journal_hash(), hash, "{name}");
    }
    assert_eq!((all_kinds.len(), outcome_kinds.len()), (9, 5), "{all_kinds:?} {outcome_kinds:?}");
}
