//! Scripts in whole runs of the engine.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use cryptobot_engine::Strategy;
use cryptobot_model::{Instrument, ParamValue, Timeframe};
use cryptobot_rhai::{Limits, Script};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument};
use cryptobot_test_support::sma_flip::SmaFlip;

fn example(name: &str) -> Script {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rhai").join(name);
    Script::load(&path).unwrap()
}

#[test]
fn the_example_trades_as_the_native_strategy_does() {
    let markets = vec![(instrument("J1USDT"), random_walk(20_000, 42))];
    let native = MemoryRun::new(markets.clone()).with(SmaFlip::new(10, 30, 1.0), &[Timeframe::MINUTE], 42);
    let mut recorder = HashOnly::default();
    native.run(&mut recorder);
    let expected = recorder.finish();

    let script = example("sma-flip.rhai");
    let info = script.describe(&Limits::default()).unwrap();
    let instruments: Vec<Instrument> = markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let params: Vec<(String, ParamValue)> =
        info.params.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
    let desk = desk(0, &instruments, &[Timeframe::MINUTE], 42);
    let strategy: Box<dyn Strategy> = Box::new(script.instantiate(desk, params, &Limits::default()));
    let mut recorder = HashOnly::default();
    let outcome = MemoryRun::new(markets).with_strategy_wanting(strategy, info.wants).run(&mut recorder);
    assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    let found = recorder.finish();
    assert!(found.0 > 1_000);
    assert_eq!(found, expected);
}
