//! Benchmarks of whole runs: ratios within one process, figures for people.
//!
//! ```text
//! cryptobot-bench catalog DIR [PAIRS [YEARS]]  one-minute bars of 50 pairs and 5 years: bytes, scans, queries
//! cryptobot-bench job PLUGIN.wasm [ROUNDS]   the benchmark job: arrays, native strategy, component, script
//! cryptobot-bench job PLUGIN.wasm ROUNDS native|event|single|pages [SYMBOLS [BARS]]  one way only, for a profiler
//! cryptobot-bench replay FILE.gz [ROUNDS]    a recorded order book: events per second, fills of passive orders
//! cryptobot-bench fidelity                   the job without and with margin, funding, limits and stops
//! cryptobot-bench fidelity ideal|margin|stops|late  one of them, to count its instructions with callgrind
//! cryptobot-bench fidelity [WAY] FLIP SIGNAL GUARDED [single]  the same with components: sma-flip, signal-flip and
//!     guarded-flip, whose stops come with the entries and follow the fills
//! cryptobot-bench compile FOLDER PLUGIN.wasm...  compiles plugins into a cache: to count a whole `host run` with callgrind
//! cryptobot-bench neighbour GOOD.wasm HOSTILE.wasm  a callback of a plugin alone and beside a hostile one
//! cryptobot-bench stream BARS                a streamed run of any length; count its instructions with callgrind
//! cryptobot-bench swap COUNTER.wasm          1,000 swaps under 10,000 events/s; the plugin of tests/e2e/plugins/counter
//! cryptobot-bench sweep PLUGIN.wasm CATALOG [COMBINATIONS]  the job as a sweep, on one thread and on all
//! ```
#![allow(clippy::print_stdout, clippy::disallowed_types, reason = "a benchmark measures and prints")]

mod catalog;
mod fidelity;
mod job;
mod neighbour;
mod peer;
mod replay;
mod stream;
mod swap;
mod sweep;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use cryptobot_engine::Delivery;
use cryptobot_wasm::{Runtime, RuntimeConfig};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["catalog", folder] => catalog::run(folder, 50, 5),
        ["catalog", folder, pairs] => catalog::run(folder, pairs.parse().unwrap_or(50), 5),
        ["catalog", folder, pairs, years] => {
            catalog::run(folder, pairs.parse().unwrap_or(50), years.parse().unwrap_or(5))
        }
        ["job", plugin] => job::run(plugin, 9),
        ["job", plugin, rounds] => job::run(plugin, rounds.parse().unwrap_or(9)),
        ["job", plugin, rounds, way, ref size @ ..] => {
            let number = |at: usize| size.get(at).and_then(|size| size.parse().ok());
            let (symbols, bars) = (number(0).unwrap_or(1), number(1).unwrap_or(job::YEAR));
            job::profile(plugin, way, rounds.parse().unwrap_or(1), symbols, bars)
        }
        ["replay", file] => replay::run(file, 9),
        ["replay", file, rounds] => replay::run(file, rounds.parse().unwrap_or(9)),
        ["fidelity"] => fidelity::run(None, 9),
        ["fidelity", way] => fidelity::count(way, None),
        ["fidelity", a, b, c] => fidelity::run(Some(([a, b, c], Delivery::Event)), 9),
        ["fidelity", a, b, c, "single"] => fidelity::run(Some(([a, b, c], Delivery::Single)), 9),
        ["fidelity", way, a, b, c] => fidelity::count(way, Some(([a, b, c], Delivery::Event))),
        ["fidelity", way, a, b, c, "single"] => fidelity::count(way, Some(([a, b, c], Delivery::Single))),
        ["compile", folder, ref plugins @ ..] => compile(folder, plugins),
        ["neighbour", good, hostile] => neighbour::run(good, hostile, 5),
        ["stream", bars] => stream::run(bars.parse().unwrap_or(1_000_000)),
        ["swap", plugin] => swap::run(plugin),
        ["sweep", plugin, catalog] => sweep::run(plugin, catalog, None),
        ["sweep", plugin, catalog, combinations] => sweep::run(plugin, catalog, combinations.parse().ok()),
        _ => {
            println!(
                "usage: cryptobot-bench catalog DIR [PAIRS [YEARS]] | job PLUGIN.wasm [ROUNDS [native|event|single|pages [SYMBOLS [BARS]]]] | fidelity [ideal|margin|stops|late] [FLIP.wasm SIGNAL.wasm GUARDED.wasm [single]] | replay FILE.gz [ROUNDS] | compile FOLDER PLUGIN.wasm... | neighbour GOOD.wasm HOSTILE.wasm | stream BARS | swap COUNTER.wasm | sweep PLUGIN.wasm CATALOG [COMBINATIONS]"
            );
            ExitCode::from(2)
        }
    }
}

/// Compiles in this process: under valgrind, the processor that code is made for is another one, and `host` cannot start
/// itself as the compiler.
fn compile(folder: &str, plugins: &[&str]) -> ExitCode {
    let config = RuntimeConfig { cache_dir: Some(folder.into()), ..RuntimeConfig::default() };
    let compiled = Runtime::new(&config).map_err(|error| error.to_string()).and_then(|runtime| {
        plugins.iter().try_for_each(|file| {
            let plugin = runtime.load(Path::new(file)).map_err(|error| format!("{file}: {error}"))?;
            println!("{file}: {:?}", plugin.compile_outcome());
            Ok(())
        })
    });
    compiled.map_or_else(|error| job::failed(&error), |()| ExitCode::SUCCESS)
}
