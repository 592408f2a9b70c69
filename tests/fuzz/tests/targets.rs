//! What a stranger can hand over: the loader answers with one line, the sandbox with a fault, and nothing panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]
#![allow(clippy::disallowed_types, reason = "they open files")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cryptobot_engine::{Delivery, Desk, DeskLimits, Strategy};
use cryptobot_fuzz::{corpus, fuzz};
use cryptobot_model::{
    Bar, InstrumentId, ParamValue, SeriesId, SeriesInfo, StrategyId, Timeframe, Timestamp,
};
use cryptobot_wasm::{Limits, Plugin, PluginFile, Runtime, RuntimeConfig, WasmStrategy, read_manifest};

/// The component of `sma-flip`, built once.
fn sma_flip() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sma-flip");
        let built =
            cryptobot_plugin::build(&dir, &PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).expect("it builds");
        std::fs::read(built.path).expect("the component")
    })
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(&RuntimeConfig::default()).expect("a runtime"))
}

const SHORT: Limits = Limits {
    memory_bytes: 16 << 20,
    table_elements: 10_000,
    indicators: 16,
    transfer_bytes: 1 << 20,
    callback_deadline_ms: 200,
    init_deadline_ms: 400,
    total_ms: None,
    callback_fuel: 1_000_000,
    init_fuel: 1_000_000,
};

#[test]
fn components() {
    let mut seeds = corpus("component");
    seeds.push(sma_flip().to_vec());
    fuzz("component", &seeds, 3_000, |bytes| match PluginFile::parse(bytes.to_vec()) {
        Err(refused) => assert!(!refused.to_string().contains(char::is_control), "{refused:?}"),
        // What is still a component is compiled and asked what it is.
        Ok(file) => {
            if let Ok(plugin) = runtime().compile(&file) {
                // Anything but a panic is an answer.
                let _ = plugin.describe(&SHORT);
            }
        }
    });
}

#[test]
fn manifests() {
    fuzz("manifest", &corpus("manifest"), 20_000, |bytes| match read_manifest(bytes) {
        Err(refused) => assert!(!refused.to_string().contains(char::is_control), "{refused:?}"),
        Ok(manifest) => {
            assert_eq!(manifest.problem(), None);
            let json = serde_json::to_vec(&manifest).unwrap();
            assert_eq!(read_manifest(&json).unwrap(), manifest, "what is read can be written and read again");
            assert!(manifest.declares.beyond(&manifest.declares).is_empty());
        }
    });
}

fn started(plugin: &Plugin) -> WasmStrategy {
    let series = SeriesInfo {
        id: SeriesId(0),
        role: "base".to_owned(),
        instrument: InstrumentId(0),
        symbol: "BTCUSDT".to_owned(),
        venue: "test".to_owned(),
        timeframe: Timeframe::MINUTE,
        tick: 0.01,
        lot: 0.001,
        min_notional: 5.0,
    };
    let desk = Desk::new(StrategyId(0), vec![series], 1, 100, 7, DeskLimits::default());
    let info = plugin.describe(&SHORT).unwrap();
    let params: Vec<(String, ParamValue)> =
        info.params.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
    let mut strategy = plugin.instantiate(desk, params, &SHORT, Delivery::Single).unwrap();
    strategy.init().unwrap();
    strategy
}

fn feed(strategy: &mut WasmStrategy, bars: i64) {
    for step in 1..=bars {
        let price = 100.0 + (step % 17) as f64;
        let ts = Timestamp(step * Timeframe::MINUTE.nanos());
        let bar = Bar { ts, open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 1.0 };
        let desk = strategy.desk();
        desk.begin(ts);
        desk.accepting = true;
        desk.observe(SeriesId(0), &bar);
        // After a fault it stays dead, and says so.
        let called = strategy.on_bar(SeriesId(0), &bar);
        strategy.desk().take_intents(&mut Vec::new());
        if let Err(fault) = called {
            assert_eq!(strategy.on_bar(SeriesId(0), &bar), Err(fault));
            return;
        }
    }
}

#[test]
fn states() {
    let plugin = runtime().load_bytes(sma_flip()).unwrap();
    let mut honest = started(&plugin);
    feed(&mut honest, 50);
    let mut seeds = corpus("state");
    seeds.push(honest.snapshot().unwrap());
    fuzz("state", &seeds, 1_000, |state| {
        let mut strategy = started(&plugin);
        if strategy.restore(1, state).is_ok() {
            feed(&mut strategy, 20);
            // Whatever it became, it can be asked for its state.
            let _ = strategy.snapshot();
        }
    });
}
