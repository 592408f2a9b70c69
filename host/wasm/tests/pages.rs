//! What a plugin can do with its page of bars, and what ends its run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::ops::ControlFlow;

use common::{clairvoyant, runtime};
use cryptobot_engine::{Delivery, Desk, DeskLimits, EngineError, FaultKind};
use cryptobot_journal::JournalHash;
use cryptobot_model::{Money, ParamValue, StrategyId, Timeframe};
use cryptobot_test_support::market::{START_MS, random_walk};
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument, series};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

fn params(behaviour: &str) -> Vec<(String, ParamValue)> {
    let behaviour = ("behaviour".to_owned(), ParamValue::Text(behaviour.to_owned()));
    vec![behaviour, ("luck".to_owned(), ParamValue::Integer(1))]
}

fn run(plugin: &Plugin, behaviour: &str, paged: bool) -> Result<(JournalHash, Money), EngineError> {
    let markets = vec![(instrument("BTCUSDT"), random_walk(3_000, 7))];
    let desk = desk(0, &[instrument("BTCUSDT")], &[Timeframe::MINUTE], 1);
    let (params, limits) = (params(behaviour), Limits::default());
    let delivery = if paged { Delivery::Paged } else { Delivery::Single };
    let strategy = plugin.instantiate(desk, params, &limits, delivery).unwrap();
    let mut recorder = HashOnly::default();
    let mut engine = MemoryRun::new(markets).with_strategy(Box::new(strategy)).engine().into_engine();
    let outcome = engine.run(&mut recorder, &mut |_| ControlFlow::Continue(()))?;
    Ok((recorder.finish().1, outcome.accounts[0].equity))
}

#[test]
fn reading_ahead_shows_in_the_journal() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    let honest = run(&plugin, "honest", false).unwrap();
    assert_eq!(run(&plugin, "honest", true).unwrap(), honest);
    assert_eq!(run(&plugin, "peek", false).unwrap(), honest, "it sees nothing ahead bar by bar");
    let (journal, equity) = run(&plugin, "peek", true).unwrap();
    assert_ne!(journal, honest.0);
    assert!(equity > honest.1, "it knew what was to come: {equity} against {}", honest.1);
}

#[test]
fn breaking_the_rules_of_a_page_is_a_fault() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    for (behaviour, says) in [
        ("beyond", "and answered"),
        ("nowhere", "and answered"),
        ("outside", "is not ahead among the rows"),
        ("backwards", "is not ahead among the rows"),
        ("again", "it went on in its page"),
        ("onwards", "it went on in its page"),
    ] {
        match run(&plugin, behaviour, true) {
            Err(EngineError::InPage(fault)) => {
                assert_eq!(fault.kind, FaultKind::Contract, "{behaviour}: {fault}");
                assert!(fault.message.contains(says), "{behaviour}: {fault}");
            }
            other => panic!("{behaviour}: {other:?}"),
        }
    }
}

/// Orders count in the minute of the bar in which they were asked for, wherever that is in a page. A minute has six bars
/// here, and the strategy turns in some of them.
#[test]
fn orders_count_in_the_minute_of_their_row() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    let base = Timeframe::from_nanos(10_000_000_000).unwrap();
    let run = |seed: u64, most: usize, delivery: Delivery| {
        let mut block = random_walk(300, seed);
        for (index, open_ms) in block.open_ms.iter_mut().enumerate() {
            *open_ms = START_MS + index as i64 * base.millis();
        }
        let limits = DeskLimits { intents_per_minute: most, ..DeskLimits::default() };
        let series = series(&[instrument("BTCUSDT")], &[base]);
        let desk = Desk::new(StrategyId(0), series, 1, 0, 1, limits);
        let strategy = plugin.instantiate(desk, params("honest"), &Limits::default(), delivery).unwrap();
        let markets = vec![(instrument("BTCUSDT"), block)];
        let mut run = MemoryRun::new(markets).with_strategy(Box::new(strategy));
        run.base = base;
        let mut engine = run.engine().into_engine();
        let outcome = engine.run(&mut HashOnly::default(), &mut |_| ControlFlow::Continue(()));
        // Single calls stop the strategy, the others the run.
        match outcome {
            Ok(outcome) => outcome.faults.first().map(|(_, fault)| fault.kind),
            Err(EngineError::InPage(fault)) => Some(fault.kind),
            Err(error) => panic!("{error}"),
        }
    };
    let mut kept = 0;
    for (seed, most) in (1..=40).flat_map(|seed| (1..=6).map(move |most| (seed, most))) {
        let single = run(seed, most, Delivery::Single);
        kept += usize::from(single.is_none());
        for delivery in [Delivery::Event, Delivery::Paged] {
            assert_eq!(run(seed, most, delivery), single, "{delivery}, {most} a minute, market {seed}");
        }
    }
    assert!((40..200).contains(&kept), "some limits are kept and some are not: {kept}");
}

/// Instructions are counted by callback, so that strict mode has no pages.
#[test]
fn strict_mode_has_no_pages() {
    let config = RuntimeConfig { strict: true, ..RuntimeConfig::default() };
    let strict = Runtime::new(&config).unwrap().load_bytes(clairvoyant()).unwrap();
    assert!(!strict.takes_pages());
    assert_eq!(run(&strict, "peek", true).unwrap(), run(&strict, "honest", false).unwrap());
}
