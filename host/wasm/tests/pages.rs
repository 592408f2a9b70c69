//! What a plugin can do with its page of bars, and what ends its run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::ops::ControlFlow;

use common::{clairvoyant, runtime};
use cryptobot_engine::{Delivery, EngineError, FaultKind};
use cryptobot_journal::JournalHash;
use cryptobot_model::{Money, ParamValue, Timeframe};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument};
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

/// Instructions are counted by callback, so that strict mode has no pages.
#[test]
fn strict_mode_has_no_pages() {
    let config = RuntimeConfig { strict: true, ..RuntimeConfig::default() };
    let strict = Runtime::new(&config).unwrap().load_bytes(clairvoyant()).unwrap();
    assert!(!strict.takes_pages());
    assert_eq!(run(&strict, "peek", true).unwrap(), run(&strict, "honest", false).unwrap());
}
