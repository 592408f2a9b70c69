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

/// What a script logs in a run: it opens at its second bar, and cancels an order that rests and one that never was.
fn said(callbacks: &str) -> (Vec<String>, String) {
    let trades = "state.bars = 0;\nstate.resting = 0;\nfn on_bar(bar) {\n  state.bars += 1;\n  if state.bars == 2 { \
                  buy(1); state.resting = buy(1, #{limit: 100.0}); }\n  if state.bars == 4 { cancel(state.resting); \
                  cancel(999); }\n}\n";
    let script =
        Script::load_bytes(Path::new("says.rhai"), format!("{trades}{callbacks}").as_bytes()).unwrap();
    let info = script.describe(&Limits::default()).unwrap();
    let market = (instrument("S"), random_walk(10, 1));
    let desk = desk(0, std::slice::from_ref(&market.0), &[Timeframe::MINUTE], 1);
    let strategy = Box::new(script.instantiate(desk, Vec::new(), &Limits::default()));
    let mut recorder = HashOnly::default();
    let mut engine =
        MemoryRun::new(vec![market]).with_strategy_wanting(strategy, info.wants).engine().into_engine();
    engine.run(&mut recorder, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    let mut strategies = engine.into_strategies();
    let logs = strategies[0].desk().take_logs().into_iter().map(|line| line.message);
    (logs.collect(), recorder.finish().1.to_string())
}

#[test]
fn a_script_is_told_of_what_it_has_functions_for() {
    let every = "fn on_order(event) { info(`step ${event.kind}`); }\n";
    let outcome = "fn on_outcome(event) { info(`outcome ${event.kind}`); }\n";
    let (steps, hash) = said(every);
    let kinds = ["submitted", "submitted", "accepted", "accepted", "filled", "rejected", "cancelled"];
    assert_eq!(steps, kinds.map(|kind| format!("step {kind}")));
    let (outcomes, same) = said(outcome);
    assert_eq!(outcomes, ["outcome filled", "outcome rejected", "outcome cancelled"]);
    assert_eq!(same, hash);
    // With both functions each is told of what it is for.
    let (both, same) = said(&format!("{every}{outcome}"));
    let is_step = |line: &&String| line.starts_with("step");
    assert_eq!(both.iter().filter(is_step).collect::<Vec<_>>(), steps.iter().collect::<Vec<_>>());
    assert_eq!(
        both.iter().filter(|line| !is_step(line)).collect::<Vec<_>>(),
        outcomes.iter().collect::<Vec<_>>()
    );
    assert_eq!(both[5], "outcome filled", "after the step");
    assert_eq!((said("").0, said("").1), (Vec::new(), same));
}
