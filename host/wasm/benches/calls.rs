//! What a call into a plugin costs: nanoseconds per bar, the minimum of many short runs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{desk, hostile, hostile_strategy};
use cryptobot_engine::Strategy;
use cryptobot_model::{Bar, SeriesId, Timestamp};
use cryptobot_wasm::{Limits, Runtime, RuntimeConfig, WasmStrategy};

const RUNS: usize = 50;
const CALLS: i64 = 20_000;

fn main() {
    let bytes = hostile();
    for (name, strict) in [("default", false), ("strict", true)] {
        let runtime = Runtime::new(&RuntimeConfig {
            strict,
            ..RuntimeConfig::default()
        })
        .unwrap();
        let begun = Instant::now();
        let plugin = runtime.load_bytes(bytes).unwrap();
        println!("{name:8} compile {:31.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        let instantiate = minimum(|| {
            black_box(
                plugin
                    .instantiate(desk(), Vec::new(), &Limits::default())
                    .unwrap(),
            );
        });
        println!(
            "{name:8} describe, instantiate and drop {:9.1} us",
            instantiate * 1e-3
        );
        for behaviour in ["idle", "none"] {
            let mut strategy = hostile_strategy(&plugin, behaviour, "on-bar");
            strategy.init().unwrap();
            let per_call = minimum(|| on_bars(&mut strategy)) / CALLS as f64;
            let does = if behaviour == "idle" {
                "that does nothing"
            } else {
                "with a target order"
            };
            println!("{name:8} on-bar {does:22} {per_call:10.1} ns");
        }
    }
}

fn on_bars(strategy: &mut WasmStrategy) {
    let mut intents = Vec::with_capacity(4);
    for step in 0..CALLS {
        let price = step as f64;
        let bar = Bar {
            ts: Timestamp(step),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
        };
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
