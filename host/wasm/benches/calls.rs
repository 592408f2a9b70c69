//! What a call into a plugin costs: nanoseconds per bar, the minimum of many short runs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::disallowed_types)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{desk, hostile, hostile_strategy, liar};
use cryptobot_engine::{Delivery, Strategy};
use cryptobot_model::{Bar, SeriesId, Timestamp};
use cryptobot_wasm::{CompileOutcome, Limits, Runtime, RuntimeConfig, WasmStrategy};
use wasmtime::component::{Component, ComponentType, Linker, Lower};
use wasmtime::{Config, Engine, Store};

const RUNS: usize = 50;
const CALLS: i64 = 20_000;

fn main() {
    bare();
    let bytes = hostile();
    let cache = tempfile::tempdir().unwrap();
    let config = RuntimeConfig { cache_dir: Some(cache.path().to_owned()), ..RuntimeConfig::default() };
    let cached = Runtime::new(&config).unwrap();
    cached.load_bytes(bytes).unwrap();
    let load =
        minimum(|| assert_eq!(cached.load_bytes(bytes).unwrap().compile_outcome(), CompileOutcome::Cached));
    println!("load of {} bytes, compiled before {:13.1} us", bytes.len(), load * 1e-3);
    for (name, strict) in [("default", false), ("strict", true)] {
        let runtime = Runtime::new(&RuntimeConfig { strict, ..RuntimeConfig::default() }).unwrap();
        let begun = Instant::now();
        let plugin = runtime.load_bytes(bytes).unwrap();
        println!("{name:8} compile {:31.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        let instantiate = minimum(|| {
            black_box(plugin.instantiate(desk(), Vec::new(), &Limits::default(), Delivery::Single).unwrap());
        });
        println!("{name:8} instantiate and drop {:19.1} us", instantiate * 1e-3);
        for behaviour in ["idle", "none"] {
            let mut strategy = hostile_strategy(&plugin, behaviour, "on-bar");
            strategy.init().unwrap();
            let per_call = minimum(|| on_bars(&mut strategy)) / CALLS as f64;
            let does = if behaviour == "idle" { "that does nothing" } else { "with a target order" };
            println!("{name:8} on-bar {does:22} {per_call:10.1} ns");
        }
    }
}

/// The same call through wasmtime alone: what is left when the host's own part is taken away.
fn bare() {
    #[derive(Clone, Copy, ComponentType, Lower)]
    #[component(record)]
    struct Row {
        ts: i64,
        open: f64,
        high: f64,
        low: f64,
        close: f64,
        volume: f64,
    }
    let mut config = Config::new();
    config.concurrency_support(false);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, &liar()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let events = instance.get_export_index(&mut store, None, "cryptobot:plugin/events@0.1.0").unwrap();
    let on_bar = instance.get_export_index(&mut store, Some(&events), "on-bar").unwrap();
    let on_bar = instance.get_typed_func::<(u32, Row), ()>(&mut store, on_bar).unwrap();
    let per_call = minimum(|| {
        for ts in 0..CALLS {
            let price = ts as f64;
            let row = Row { ts, open: price, high: price, low: price, close: price, volume: 1.0 };
            on_bar.call(&mut store, (0, black_box(row))).unwrap();
        }
    }) / CALLS as f64;
    println!("wasmtime alone  on-bar that does nothing {per_call:9.1} ns");
}

fn on_bars(strategy: &mut WasmStrategy) {
    let mut intents = Vec::with_capacity(4);
    for step in 0..CALLS {
        let price = step as f64;
        let bar =
            Bar { ts: Timestamp(step), open: price, high: price, low: price, close: price, volume: 1.0 };
        strategy.on_bar(SeriesId(0), black_box(&bar)).unwrap();
        let desk = strategy.desk();
        if desk.has_requests() {
            desk.account.pending[0] = 0.0;
            desk.take_intents(&mut intents);
            intents.clear();
        }
    }
}

/// Nanoseconds of the fastest of many runs.
fn minimum(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let begun = Instant::now();
        run();
        begun.elapsed().as_secs_f64() * 1e9
    };
    (0..RUNS).map(time).fold(f64::INFINITY, f64::min)
}
