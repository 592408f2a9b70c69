//! Plugins in a whole run: the faulty one is quarantined, the others never notice.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{hostile, hostile_at};
use cryptobot_engine::{FaultKind, NoRecorder, Outcome};
use cryptobot_model::{StrategyId, Timeframe};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument};
use cryptobot_wasm::{Plugin, Runtime, RuntimeConfig};

fn plugin(strict: bool) -> Plugin {
    let config = RuntimeConfig { strict, ..RuntimeConfig::default() };
    Runtime::new(&config).unwrap().load_bytes(hostile()).unwrap()
}

/// One strategy per behaviour, all on the same market.
fn run(plugin: &Plugin, behaviours: &[(&str, &str)]) -> MemoryRun {
    let instruments = [instrument("BTCUSDT")];
    let run = MemoryRun::new(vec![(instrument("BTCUSDT"), random_walk(2_000, 7))]);
    behaviours.iter().enumerate().fold(run, |run, (index, (behaviour, callback))| {
        let desk = desk(index, &instruments, &[Timeframe::MINUTE], 1);
        run.with_strategy(Box::new(hostile_at(desk, plugin, behaviour, callback)))
    })
}

#[test]
fn a_faulty_plugin_does_not_change_the_others() {
    let plugin = plugin(false);
    let honest = |outcome: &Outcome| (outcome.accounts[0], outcome.bars);
    let alone = run(&plugin, &[("none", "")]).run(&mut NoRecorder);
    assert!(alone.faults.is_empty());
    let cases = [
        ("trap", "on-bar", FaultKind::Trap),
        ("trap", "on-order", FaultKind::Trap),
        ("panic", "on-position-close", FaultKind::Trap),
        ("loop", "on-bar", FaultKind::Deadline),
        ("allocate", "on-order", FaultKind::Memory),
        ("refuse", "init", FaultKind::Refused),
        ("flood-orders", "on-bar", FaultKind::OrderFlood),
        ("flood-nan", "on-bar", FaultKind::InvalidArgumentFlood),
        ("nan-everywhere", "on-bar", FaultKind::InvalidArgumentFlood),
        ("flood-brackets", "on-order", FaultKind::OrderFlood),
        ("flood-modify", "on-bar", FaultKind::OrderFlood),
    ];
    for (behaviour, callback, kind) in cases {
        let together = run(&plugin, &[("none", ""), (behaviour, callback)]).run(&mut NoRecorder);
        assert_eq!(honest(&together), honest(&alone), "{behaviour} in {callback}");
        let faults: Vec<_> = together.faults.iter().map(|(who, fault)| (*who, fault.kind)).collect();
        assert_eq!(faults, [(StrategyId(1), kind)], "{behaviour} in {callback}");
    }
}

#[test]
fn what_does_not_exist_cannot_be_cancelled_or_changed_and_is_no_fault() {
    for behaviour in ["unknown-order", "unknown-modify"] {
        let outcome = run(&plugin(false), &[(behaviour, "on-bar")]).run(&mut NoRecorder);
        assert!(outcome.faults.is_empty(), "{behaviour}: {:?}", outcome.faults);
    }
}

#[test]
fn strict_mode_gives_the_same_journal() {
    let journal = |strict| {
        let mut recorder = HashOnly::default();
        let outcome = run(&plugin(strict), &[("none", "")]).run(&mut recorder);
        assert!(outcome.faults.is_empty());
        recorder.finish()
    };
    let (entries, hash) = journal(false);
    assert!(entries > 2_000);
    assert_eq!(journal(true), (entries, hash));
}
