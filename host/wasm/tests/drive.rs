//! Plugins whose `on-bar` is called by a driver: they do what they do when the host calls it for every bar, and see no
//! more.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::ops::ControlFlow;

use common::{clairvoyant, desk as one_desk, dummy, runtime};
use cryptobot_engine::{BarBlock, Delivery, EngineError, FaultKind, Outcome, Strategy};
use cryptobot_journal::JournalHash;
use cryptobot_model::{Instrument, ParamValue, Timeframe};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

fn run(
    plugin: &Plugin,
    behaviour: &str,
    (symbols, bars): (usize, usize),
    delivery: Delivery,
) -> Result<(JournalHash, Outcome), EngineError> {
    run_on(plugin, behaviour, markets(symbols, bars), delivery)
}

fn markets(symbols: usize, bars: usize) -> Vec<(Instrument, BarBlock)> {
    let market = |index: usize| (instrument(&format!("S{index}USDT")), random_walk(bars, index as u64));
    (0..symbols).map(market).collect()
}

fn run_on(
    plugin: &Plugin,
    behaviour: &str,
    markets: Vec<(Instrument, BarBlock)>,
    delivery: Delivery,
) -> Result<(JournalHash, Outcome), EngineError> {
    let instruments: Vec<Instrument> = markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let desk = desk(0, &instruments, &[Timeframe::MINUTE], 1);
    let behaviour = ("behaviour".to_owned(), ParamValue::Text(behaviour.to_owned()));
    let params = vec![behaviour, ("luck".to_owned(), ParamValue::Integer(1))];
    let limits = Limits::default();
    let strategy = plugin.instantiate(desk, params, &limits, delivery).unwrap();
    let mut recorder = HashOnly::default();
    let mut engine = MemoryRun::new(markets).with_strategy(Box::new(strategy)).engine().into_engine();
    let outcome = engine.run(&mut recorder, &mut |_| ControlFlow::Continue(()))?;
    Ok((recorder.finish().1, outcome))
}

#[test]
fn a_driven_plugin_sees_nothing_ahead() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    assert!(plugin.is_driven());
    let (honest, outcome) = run(&plugin, "honest", (1, 3_000), Delivery::Single).unwrap();
    assert!(outcome.faults.is_empty() && outcome.accounts[0].wallet != outcome.accounts[0].equity);
    for behaviour in ["honest", "peek", "beyond", "nowhere", "outside", "again", "onwards"] {
        let (driven, _) = run(&plugin, behaviour, (1, 3_000), Delivery::Event).unwrap();
        assert_eq!(driven, honest, "{behaviour} is for pages of its own");
    }
}

/// An indicator that is asked for in the middle of a page is kept up to date from there on, as with single bars.
#[test]
fn a_driven_plugin_may_ask_for_indicators_at_any_time() {
    let plugin = runtime().load_bytes(common::hostile()).unwrap();
    assert!(plugin.is_driven());
    let text = |name: &str, value: &str| (name.to_owned(), ParamValue::Text(value.to_owned()));
    let run = |bars: usize, delivery: Delivery| {
        let params = vec![text("behaviour", "indicators"), text("in", "on-bar")];
        let desk = desk(0, &[instrument("S0USDT")], &[Timeframe::MINUTE], 1);
        let strategy = plugin.instantiate(desk, params, &Limits::default(), delivery).unwrap();
        let run = MemoryRun::new(markets(1, bars)).with_strategy(Box::new(strategy));
        run.engine().into_engine().run(&mut HashOnly::default(), &mut |_| ControlFlow::Continue(()))
    };
    let most = Limits::default().indicators as usize;
    for delivery in [Delivery::Single, Delivery::Event] {
        assert!(run(most, delivery).unwrap().faults.is_empty(), "{delivery}");
    }
    let single = run(most + 1, Delivery::Single).unwrap().faults.remove(0).1;
    match run(most + 1, Delivery::Event) {
        Err(EngineError::InPage(fault)) => assert_eq!(fault.to_string(), single.to_string()),
        other => panic!("{other:?}"),
    }
}

/// Where the plugin is, is the driver's to say: a plugin that says it is further on would be shown what is there.
#[test]
fn a_driven_plugin_cannot_say_where_it_is() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    let (_, outcome) = run(&plugin, "leap", (1, 100), Delivery::Single).unwrap();
    let single = &outcome.faults[0].1;
    assert_eq!(single.kind, FaultKind::Contract);
    match run(&plugin, "leap", (1, 100), Delivery::Event) {
        Err(EngineError::InPage(fault)) => assert_eq!(fault.to_string(), single.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_that_does_not_fit_is_a_shorter_one() {
    let plugin = runtime().load_bytes(clairvoyant()).unwrap();
    let mut markets = markets(450, 150);
    // Nothing moves for long, so that the driver is given long stretches: more than its memory holds.
    for (_, block) in &mut markets {
        for column in [&mut block.open, &mut block.high, &mut block.low, &mut block.close] {
            column[..145].fill(100.0);
        }
    }
    let (single, _) = run_on(&plugin, "honest", markets.clone(), Delivery::Single).unwrap();
    let (driven, outcome) = run_on(&plugin, "honest", markets, Delivery::Event).unwrap();
    assert_eq!((driven, outcome.bars), (single, 450 * 150));
}

#[test]
fn the_memory_of_the_driver_is_not_the_plugins() {
    let strict = Runtime::new(&RuntimeConfig { strict: true, ..RuntimeConfig::default() }).unwrap();
    let (plain, strict) =
        (runtime().load_bytes(clairvoyant()).unwrap(), strict.load_bytes(clairvoyant()).unwrap());
    assert!(!strict.is_driven(), "where instructions are counted, they are the plugin's own");
    let used = |plugin: &Plugin, limits: &Limits| {
        let strategy = plugin.instantiate(one_desk(), Vec::new(), limits, Delivery::Event);
        strategy.map(|mut strategy| strategy.resources().memory_bytes.unwrap() as usize)
    };
    let own = used(&strict, &Limits::default()).unwrap();
    assert_eq!(used(&plain, &Limits::default()).unwrap(), own);
    let enough = Limits { memory_bytes: own, ..Limits::default() };
    assert_eq!(used(&plain, &enough).unwrap(), own);
    let fault = used(&plain, &Limits { memory_bytes: own - 1, ..Limits::default() }).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Memory);
}

/// A plugin that brings functions by the names of a driver's could read ahead in what it is handed.
#[test]
fn a_plugin_is_not_its_own_driver() {
    let functions = "export drive-layout: func(series: list<u32>);
        export drive-load: func(times: list<s64>, values: list<f64>);
        export drive-run: func(at: u32, until: u32) -> u32;";
    let world = format!("world w {{ include cryptobot:plugin/strategy@0.1.0; {functions} }}");
    let plugin = runtime().load_bytes(&dummy(&world)).unwrap();
    assert!(!plugin.is_driven());
    let honest =
        runtime().load_bytes(&dummy("world w { include cryptobot:plugin/strategy@0.1.0; }")).unwrap();
    assert!(honest.is_driven());
    let world = "world w { include cryptobot:plugin/strategy@0.1.0; import drive-cursor: func(row: u32); }";
    let refused = runtime().load_bytes(&dummy(world)).unwrap_err();
    assert!(refused.to_string().contains("drive-cursor"), "{refused}");
}
