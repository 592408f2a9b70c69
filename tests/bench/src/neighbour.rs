//! What a callback of an honest plugin costs beside a hostile one, in one process.

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cryptobot_engine::{Delivery, Desk, Fault, NoRecorder, Strategy};
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, ParamValue, SeriesId, Timeframe, Timestamp, Wants};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{ALL_WANTS, MemoryRun, desk, instrument};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig, WasmStrategy};

use crate::job::failed;

const BARS: usize = 20_000;

/// Behaviours of the plugin `hostile`: nothing, work that is allowed, work that is refused, and faults.
const BEHAVIOURS: [&str; 7] =
    ["idle", "huge-window", "huge-indicator", "forge", "hoard", "trap", "flood-orders"];

/// Callbacks on bars so far, and their time.
type Watch = Rc<Cell<(u32, Duration)>>;

/// A plugin whose callbacks on bars are timed.
struct Timed {
    plugin: WasmStrategy,
    watch: Watch,
}

impl Strategy for Timed {
    fn desk(&mut self) -> &mut Desk {
        self.plugin.desk()
    }

    fn init(&mut self) -> Result<(), Fault> {
        self.plugin.init()
    }

    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let begun = Instant::now();
        let result = self.plugin.on_bar(series, bar);
        let (calls, took) = self.watch.get();
        self.watch.set((calls + 1, took + begun.elapsed()));
        result
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        self.plugin.on_order(event)
    }

    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        self.plugin.on_position_close(series, trade)
    }

    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.plugin.on_timer(id, now)
    }

    fn stop(&mut self) -> Result<(), Fault> {
        self.plugin.stop()
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.plugin.snapshot()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.plugin.restore(state_version, state)
    }
}

/// Prints the least mean time of a callback of `good` alone and beside each behaviour, and their ratios.
pub(crate) fn run(good: &str, hostile: &str, rounds: usize) -> ExitCode {
    match measure(good, hostile, rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => failed(&problem),
    }
}

fn measure(good: &str, hostile: &str, rounds: usize) -> Result<(), String> {
    let runtime = Runtime::new(&RuntimeConfig::default()).map_err(|error| error.to_string())?;
    let load = |file: &str| {
        runtime
            .load(Path::new(file))
            .map_err(|error| format!("{file}: {error}; build it with `host plugin build`"))
    };
    let (good, hostile) = (load(good)?, load(hostile)?);
    let info = good.describe(&Limits::default()).map_err(|fault| fault.to_string())?;
    let defaults: Vec<_> = info.params.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
    let ways: Vec<Option<&str>> = [None].into_iter().chain(BEHAVIOURS.map(Some)).collect();
    let mut least = vec![f64::MAX; ways.len()];
    for _ in 0..rounds {
        for (way, least) in ways.iter().zip(&mut least) {
            let took = once(&good, info.wants, &defaults, way.map(|behaviour| (&hostile, behaviour)))?;
            *least = least.min(took);
        }
    }
    println!("a callback on a bar of the good plugin, best of {rounds} runs of {BARS} bars     ns   ratio");
    for (way, took) in ways.iter().zip(&least) {
        println!(
            "{:60} {took:8.1} {:7.3}",
            way.map_or("alone".to_owned(), |behaviour| format!("beside `{behaviour}`")),
            took / least[0]
        );
    }
    Ok(())
}

/// The mean time of a callback of the good plugin in a run, ns.
fn once(
    good: &Plugin,
    wants: Wants,
    params: &[(String, ParamValue)],
    hostile: Option<(&Plugin, &str)>,
) -> Result<f64, String> {
    let instruments = [instrument("S")];
    let desk = |slot| desk(slot, &instruments, &[Timeframe::MINUTE], 1);
    let start = |plugin: &Plugin, slot, params| {
        plugin
            .instantiate(desk(slot), params, &Limits::default(), Delivery::Single)
            .map_err(|fault| fault.to_string())
    };
    let watch = Watch::default();
    let timed = Timed { plugin: start(good, 0, params.to_vec())?, watch: Rc::clone(&watch) };
    let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(BARS, 7))])
        .with_strategy_wanting(Box::new(timed), wants);
    if let Some((plugin, behaviour)) = hostile {
        let text = |name: &str, value: &str| (name.to_owned(), ParamValue::Text(value.to_owned()));
        let params = vec![text("behaviour", behaviour), text("in", "on-bar")];
        run = run.with_strategy_wanting(Box::new(start(plugin, 1, params)?), ALL_WANTS);
    }
    run.run(&mut NoRecorder);
    let (calls, took) = watch.get();
    Ok(took.as_nanos() as f64 / f64::from(calls))
}
