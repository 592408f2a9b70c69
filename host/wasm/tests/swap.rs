//! Swaps of components: what fails leaves the running instance alone, what is torn by its own snapshot is a fault.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::mpsc;

use common::{hostile, limits, runtime};
use cryptobot_engine::{
    Change, ChangeRequest, Delivery, Desk, DeskLimits, FaultKind, NoRecorder, Outcome, Params, Strategy,
    Version, When,
};
use cryptobot_model::{ParamValue, StrategyId, Timeframe};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, instrument, series};
use cryptobot_wasm::{Limits, Plugin};

fn text(name: &str, value: &str) -> (String, ParamValue) {
    (name.to_owned(), ParamValue::Text(value.to_owned()))
}

fn told(behaviour: &str, callback: &str) -> Params {
    vec![text("behaviour", behaviour), text("in", callback)]
}

fn version(plugin: &Plugin) -> Arc<Version> {
    let made_of = plugin.clone();
    Arc::new(Version {
        info: plugin.describe(&Limits::default()).unwrap(),
        sha256: plugin.sha256().to_owned(),
        series: series(&[instrument("S")], &[Timeframe::MINUTE]),
        look_back: 0,
        desk_limits: DeskLimits::default(),
        max_open_orders: 200,
        make: Box::new(move |params| {
            let ParamValue::Text(behaviour) = &params[0].1 else { panic!("a text") };
            let strategy =
                made_of.instantiate(Desk::vacant(), params.clone(), &limits(behaviour), Delivery::Single)?;
            Ok(Box::new(strategy) as Box<dyn Strategy>)
        }),
    })
}

fn run(version: &Arc<Version>, changes: Vec<ChangeRequest>) -> MemoryRun {
    let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(400, 3))]).with_version(
        version,
        told("none", ""),
        0,
    );
    run.changes = changes;
    run
}

fn swap(version: &Arc<Version>, bars: u64, set: Params) -> ChangeRequest {
    let change = Change::Swap { version: Ok(Arc::clone(version)), set };
    ChangeRequest { strategy: StrategyId(0), when: When::Bars(bars), change }
}

fn hash(run: MemoryRun) -> (String, Outcome) {
    let mut recorder = HashOnly::default();
    let outcome = run.run(&mut recorder);
    (recorder.finish().1.to_string(), outcome)
}

#[test]
fn failed_swaps_and_identity_swaps_give_the_journal_of_a_run_without() {
    let version = version(&runtime().load_bytes(hostile()).unwrap());
    let (plain, _) = hash(run(&version, Vec::new()));
    let failures = [
        ("refuse", "init", FaultKind::Refused),
        ("trap", "init", FaultKind::Trap),
        ("allocate", "init", FaultKind::Memory),
        ("flood-orders", "init", FaultKind::OrderFlood),
        ("flood-logs", "restore", FaultKind::LogFlood),
        ("panic", "restore", FaultKind::Trap),
        ("recurse", "restore", FaultKind::Trap),
        ("loop", "restore", FaultKind::Deadline),
        ("unknown-series", "restore", FaultKind::Contract),
    ];
    let mut changes = Vec::new();
    for (index, (behaviour, callback, _)) in (0_u64..).zip(failures) {
        changes.push(swap(&version, 40 * index + 5, told(behaviour, callback)));
        changes.push(swap(&version, 40 * index + 25, told("none", "")));
    }
    let (swapped, outcome) = hash(run(&version, changes));
    assert_eq!(swapped, plain);
    assert!(outcome.faults.is_empty());
    for (report, (behaviour, callback, kind)) in outcome.changes.iter().step_by(2).zip(failures) {
        let reason = report.result.as_ref().unwrap_err();
        assert!(reason.starts_with(kind.name()), "{behaviour} in {callback}: {reason}");
    }
    assert!(outcome.changes.iter().skip(1).step_by(2).all(|report| report.result.is_ok()));
}

#[test]
fn a_running_version_that_traps_in_its_snapshot_is_quarantined() {
    let version = version(&runtime().load_bytes(hostile()).unwrap());
    for (behaviour, kind) in [("trap", FaultKind::Trap), ("huge-snapshot", FaultKind::Contract)] {
        let changes =
            vec![swap(&version, 50, told(behaviour, "snapshot")), swap(&version, 60, told("none", ""))];
        let outcome = run(&version, changes).run(&mut NoRecorder);
        assert!(outcome.changes[0].result.is_ok());
        let reason = outcome.changes[1].result.as_ref().unwrap_err();
        assert!(reason.starts_with("the running version's snapshot: "), "{reason}");
        assert_eq!(outcome.faults[0].1.kind, kind);
    }
}

#[test]
fn old_instances_are_handed_out_to_be_dropped_elsewhere() {
    let version = version(&runtime().load_bytes(hostile()).unwrap());
    let changes = (1..=20).map(|at| swap(&version, at * 10, Params::new())).collect();
    let (send, receive) = mpsc::channel::<Box<dyn Send>>();
    let dropped = std::thread::spawn(move || receive.into_iter().map(drop).count());
    let engine = run(&version, changes).engine().into_engine();
    let mut engine = engine.with_retirement(Box::new(move |remains| send.send(remains).unwrap()));
    let outcome = engine.run(&mut NoRecorder, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(outcome.changes.iter().all(|report| report.result.is_ok()));
    drop(engine);
    assert_eq!(dropped.join().unwrap(), 20);
}

#[test]
fn a_plugin_may_refuse_new_values_and_goes_on() {
    let plugin = runtime().load_bytes(hostile()).unwrap();
    let mut strategy =
        plugin.instantiate(common::desk(), told("none", ""), &Limits::default(), Delivery::Single).unwrap();
    strategy.init().unwrap();
    let refused = strategy.tune(&told("none", "")).unwrap_err();
    assert_eq!(refused.to_string(), "refused: tune: I would rather not");
    common::step(&mut strategy, 1).unwrap();
}

/// The same component under another hash: a custom section more.
fn renamed(bytes: &[u8]) -> Vec<u8> {
    [bytes, b"\0\x05\x04mark"].concat()
}

#[test]
fn a_watched_file_takes_over_while_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    std::fs::write(&file, hostile()).unwrap();
    let watch = cryptobot_plugin::Watch::plugin(&file).unwrap();
    let runtime = runtime();
    let first = version(&runtime.load_bytes(hostile()).unwrap());
    let mut recorder = HashOnly::default();
    let mut engine = run(&first, Vec::new()).engine().into_engine();
    engine.start(&mut recorder);
    let mut steps = 0;
    while engine.advance(&mut recorder).unwrap() {
        steps += 1;
        if steps == 100 {
            std::fs::write(folder.path().join("new"), renamed(hostile())).unwrap();
            std::fs::rename(folder.path().join("new"), &file).unwrap();
        }
        if steps == 200 {
            let news = watch.next_within(std::time::Duration::from_secs(30)).unwrap().unwrap();
            let version = runtime.load_bytes(&news.bytes).map(|plugin| version(&plugin));
            let version = version.map_err(|error| error.to_string());
            let change = Change::Swap { version, set: Params::new() };
            engine.request_change(ChangeRequest { strategy: StrategyId(0), when: When::Next, change });
        }
    }
    let outcome = engine.finish(false, &mut recorder);
    assert!(outcome.changes[0].result.is_ok(), "{:?}", outcome.changes[0].result);
    let Change::Swap { version: Ok(version), .. } = &outcome.changes[0].request.change else { panic!() };
    assert_eq!(version.sha256, cryptobot_wasm::sha256(&renamed(hostile())));
    assert_eq!(recorder.finish().1.to_string(), hash(run(&first, Vec::new())).0);
}
