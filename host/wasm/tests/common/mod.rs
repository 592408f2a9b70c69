//! Guests and desks that the tests share.
#![allow(dead_code)] // Every test crate uses another part.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cryptobot_engine::{Delivery, Desk, DeskLimits, Fault, Intent, Strategy};
use cryptobot_model::{
    Bar, InstrumentId, ParamValue, SeriesId, SeriesInfo, StrategyId, Timeframe, Timestamp,
};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig, WasmStrategy};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// The component of a package in `plugins/`, built once per test run.
fn built(package: &str, dir: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(dir);
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{package}-{}", std::process::id()));
    let built = cryptobot_plugin::build(&dir, &out).unwrap_or_else(|error| panic!("{package}: {error}"));
    let bytes = std::fs::read(built.path).unwrap();
    std::fs::remove_dir_all(out).unwrap();
    bytes
}

/// The strategy that misbehaves on demand.
pub fn hostile() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("hostile", "hostile"))
}

/// The strategy that contradicts itself.
pub fn liar() -> Vec<u8> {
    built("hostile-liar", "hostile/liar")
}

/// The strategy that abuses its page.
pub fn clairvoyant() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("hostile-clairvoyant", "hostile/clairvoyant"))
}

/// A component of a world of the contract in which every function traps. `world` may use the contract's package.
pub fn dummy(world: &str) -> Vec<u8> {
    dummy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1"), world)
}

/// As [`dummy`], for another version of the contract.
pub fn dummy_of(contract: &Path, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(contract).unwrap();
    let package = resolve.push_str("test.wit", &format!("package test:test;\n{world}")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

pub fn runtime() -> Runtime {
    Runtime::new(&RuntimeConfig::default()).unwrap()
}

/// The usual limits, with short deadlines for those who will reach them: on a busy machine the others need time.
pub fn limits(behaviour: &str) -> Limits {
    if behaviour == "loop" {
        Limits { callback_deadline_ms: 200, init_deadline_ms: 400, ..Limits::default() }
    } else {
        Limits::default()
    }
}

pub fn desk() -> Desk {
    let series = SeriesInfo {
        id: SeriesId(0),
        role: "main".into(),
        instrument: InstrumentId(0),
        symbol: "BTCUSDT".into(),
        venue: "test".into(),
        timeframe: Timeframe::MINUTE,
        tick: 0.01,
        lot: 0.001,
        min_notional: 5.0,
    };
    Desk::new(StrategyId(0), vec![series], 1, 100, 7, DeskLimits::default())
}

/// The hostile strategy, told how to behave where.
pub fn hostile_strategy(plugin: &Plugin, behaviour: &str, callback: &str) -> WasmStrategy {
    hostile_at(desk(), plugin, behaviour, callback)
}

/// As [`hostile_strategy`], at a desk of a run.
pub fn hostile_at(desk: Desk, plugin: &Plugin, behaviour: &str, callback: &str) -> WasmStrategy {
    let text = |name: &str, value: &str| (name.to_owned(), ParamValue::Text(value.to_owned()));
    let params = vec![text("behaviour", behaviour), text("in", callback)];
    plugin.instantiate(desk, params, &limits(behaviour), Delivery::Single).unwrap()
}

/// Delivers bar `step` as the engine does, and returns what the strategy wants.
pub fn step(strategy: &mut WasmStrategy, step: i64) -> Result<Vec<Intent>, Fault> {
    let price = 100.0 + (step % 7) as f64;
    let ts = Timestamp((step + 1) * Timeframe::MINUTE.nanos());
    let bar = Bar { ts, open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 1.0 };
    let desk = strategy.desk();
    desk.begin(bar.ts);
    desk.accepting = true;
    desk.observe(SeriesId(0), &bar);
    let called = strategy.on_bar(SeriesId(0), &bar);
    let mut intents = Vec::new();
    let desk = strategy.desk();
    desk.take_intents(&mut intents);
    desk.account.pending[0] = 0.0;
    called.map(|()| intents)
}

/// Resident memory of this process, bytes.
pub fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    resident * 4096
}
