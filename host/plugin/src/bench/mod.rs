//! What a plugin costs: compilation, start, each callback, memory.
//!
//! Figures are of this machine at this moment. They compare plugins with each other and with the empty call, and are no
//! promise for another machine.

mod floor;
mod timed;
mod walk;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use cryptobot_engine::{
    BarBlock, Delivery, Entry, ExchangeConfig, Fault, Limits as RiskLimits, Mark, Recorder, Strategy,
};
use cryptobot_model::{
    Bar, ContractTerms, Instrument, Money, ParamValue, Price, Quantity, SeriesId, Timeframe, Timestamp,
};
use cryptobot_wasm::{CompileOutcome, Compiler, LoadError, Runtime, RuntimeConfig, RuntimeError};
use rust_decimal::Decimal;
use serde::Serialize;
use thiserror::Error;

use crate::backend::{Limits, Loader, is_script};
use crate::inspect::InspectError;
use crate::loaded::Loaded;
use crate::machine::Machine;
use crate::stage::{Market, Stage};
use timed::{Timed, Watches, clock_ns};

/// Calls of a round that measures the empty call.
const FLOOR_CALLS: u32 = 100_000;

/// What to measure on.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Parameters; the plugin's defaults for the others.
    pub params: BTreeMap<String, ParamValue>,
    /// Measurements of which the median counts; at least 1.
    pub rounds: usize,
    /// The bars.
    pub tape: BenchTape,
    /// Folder of compiled plugins, to measure a load from it.
    pub cache_dir: Option<PathBuf>,
    /// Where code is compiled.
    pub compiler: Compiler,
}

/// Bars to measure on.
#[derive(Clone, Debug)]
pub enum BenchTape {
    /// A seeded random walk of this many minute bars.
    Generated(usize),
    /// Bars of one instrument.
    Stored(Box<Instrument>, Timeframe, BarBlock),
}

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The file is no plugin.
    #[error(transparent)]
    Open(#[from] InspectError),
    /// A parameter is wrong.
    #[error("--set: {0}")]
    Params(#[from] cryptobot_model::params::ParamError),
    /// The plugin runtime cannot start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The plugin broke, so that its figures mean nothing.
    #[error("the plugin was stopped: {0}")]
    Fault(Fault),
    /// The tape does not suit the plugin.
    #[error("{0}")]
    Tape(String),
}

impl BenchError {
    /// Whether the plugin is at fault, rather than what was asked for.
    pub fn is_of_plugin(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Fault(_))
    }
}

/// What a plugin costs on one machine.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// The plugin's name.
    pub plugin: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The machine the figures are of.
    pub machine: Machine,
    /// `generated` or the series.
    pub tape: String,
    /// Bars of a round, of all symbols.
    pub bars: u64,
    /// Rounds, of which the median counts.
    pub rounds: usize,
    /// Reading, checking and compiling the file, and letting it describe itself, ms.
    pub compile_ms: f64,
    /// Loading what was compiled before, ms; `None` where no folder of compiled plugins can be used.
    pub load_ms: Option<f64>,
    /// Making an instance, ms.
    pub start_ms: f64,
    /// Each callback that was called.
    pub callbacks: Vec<CallbackCost>,
    /// A call that does nothing, ns: the least that a callback of a component can cost.
    pub empty_call_ns: f64,
    /// Orders, changes and cancels that it asked for in a round.
    pub orders: u64,
    /// Memory of the sandbox after a round, bytes; `None` where the plugin runs without one.
    pub memory_bytes: Option<u64>,
    /// Bars per second of a whole round with engine and exchange, without the stopwatch, journal and report.
    pub bars_per_s: f64,
}

/// What one callback costs.
#[derive(Clone, Debug, Serialize)]
pub struct CallbackCost {
    /// Its name in the contract.
    pub name: &'static str,
    /// Calls of a round.
    pub calls: u64,
    /// One call, ns; what it asks of the host is in it.
    pub ns: f64,
}

/// Measures a plugin.
pub fn bench(path: &Path, limits: &Limits, options: &BenchOptions) -> Result<BenchReport, BenchError> {
    let config = RuntimeConfig { compiler: options.compiler.clone(), ..RuntimeConfig::default() };
    let runtime = Runtime::new(&config)?;
    let loader = Loader::new(config);
    let (plugin, opening) = timed(|| Loaded::open(&loader, path, limits));
    let plugin = plugin?;
    let params = plugin.info().complete(&options.params)?;
    let stage = stage(&plugin, &params, options)?;
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds.max(1) {
        rounds.play(&plugin, &params, &stage)?;
    }
    Ok(BenchReport {
        plugin: plugin.info().name.clone(),
        sha256: plugin.sha256().to_owned(),
        machine: Machine::this(),
        tape: match &options.tape {
            BenchTape::Generated(_) => "generated".to_owned(),
            BenchTape::Stored(instrument, timeframe, _) => {
                format!("{} {} {timeframe}", instrument.venue, instrument.symbol)
            }
        },
        bars: rounds.bars,
        rounds: options.rounds.max(1),
        compile_ms: opening * 1e3,
        load_ms: options.cache_dir.as_ref().and_then(|cache| load_ms(cache, path, &options.compiler)),
        start_ms: median(rounds.starts) * 1e3,
        callbacks: CALLBACKS
            .iter()
            .zip(rounds.callbacks)
            .filter(|(_, (calls, _))| *calls > 0)
            .map(|(name, (calls, ns))| CallbackCost { name, calls, ns: median(ns) })
            .collect(),
        empty_call_ns: empty_call_ns(&runtime, &stage, limits, options.rounds.max(1))?,
        orders: rounds.orders,
        memory_bytes: rounds.memory_bytes,
        bars_per_s: rounds.bars as f64 / median(rounds.runs),
    })
}

/// Names of callbacks in the order of [`Rounds::callbacks`].
const CALLBACKS: [&str; 6] = ["init", "on-bar", "on-order", "on-position-close", "on-timer", "stop"];

/// What the rounds came to.
#[derive(Default)]
struct Rounds {
    bars: u64,
    orders: u64,
    memory_bytes: Option<u64>,
    /// Seconds.
    starts: Vec<f64>,
    /// Seconds of whole runs.
    runs: Vec<f64>,
    /// Calls of a round and ns of a call in each.
    callbacks: [(u64, Vec<f64>); 6],
}

impl Rounds {
    /// One run against the clock, and one with a stopwatch on each callback.
    fn play(
        &mut self,
        plugin: &Loaded,
        params: &[(String, ParamValue)],
        stage: &Stage,
    ) -> Result<(), BenchError> {
        let (strategy, start) = timed(|| plugin.start(stage.desk(plugin), params));
        let outcome = run(plugin, stage, strategy.map_err(BenchError::Fault)?)?;
        self.starts.push(start);
        self.runs.push(outcome.seconds);
        (self.bars, self.orders) = (outcome.bars, outcome.orders);

        let clock = clock_ns();
        let watches = Rc::new(Watches::default());
        let inner = plugin.start(stage.desk(plugin), params).map_err(BenchError::Fault)?;
        let outcome = run(plugin, stage, Box::new(Timed { inner, watches: Rc::clone(&watches) }))?;
        self.memory_bytes = outcome.memory_bytes;
        let Watches { init, on_bar, on_order, on_position_close, on_timer, stop } = &*watches;
        let all = [init, on_bar, on_order, on_position_close, on_timer, stop];
        for (watch, (calls, ns)) in all.into_iter().zip(&mut self.callbacks) {
            if let Some((count, each)) = watch.reading(clock) {
                *calls = count;
                ns.push(each);
            }
        }
        Ok(())
    }
}

struct Ran {
    bars: u64,
    orders: u64,
    seconds: f64,
    memory_bytes: Option<u64>,
}

#[derive(Default)]
struct CountIntents(u64);

impl Recorder for CountIntents {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.0 += u64::from(matches!(entry, Entry::Intent { .. }));
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}
}

fn run(plugin: &Loaded, stage: &Stage, strategy: Box<dyn Strategy>) -> Result<Ran, BenchError> {
    let cannot = |error: cryptobot_engine::EngineError| BenchError::Tape(error.to_string());
    let mut engine = stage.engine(strategy, plugin.info()).map_err(cannot)?;
    let mut intents = CountIntents::default();
    let (outcome, seconds) = timed(|| engine.run(&mut intents, &mut |_| ControlFlow::Continue(())));
    let outcome = outcome.map_err(cannot)?;
    if let Some((_, fault)) = outcome.faults.into_iter().next() {
        return Err(BenchError::Fault(fault));
    }
    let memory_bytes =
        engine.into_strategies().first_mut().and_then(|strategy| strategy.resources().memory_bytes);
    Ok(Ran { bars: outcome.bars, orders: intents.0, seconds, memory_bytes })
}

/// The tape with one symbol, or with two where the plugin does not want to be alone.
fn stage(
    plugin: &Loaded,
    params: &[(String, ParamValue)],
    options: &BenchOptions,
) -> Result<Stage, BenchError> {
    let on = |markets, timeframe| Stage {
        markets,
        timeframe,
        balance: Money::from_f64(1e7).unwrap_or_default(),
        leverage: 1.0,
        margin: None,
        exchange: ExchangeConfig::default(),
        limits: RiskLimits::default(),
        seed: 42,
    };
    match &options.tape {
        BenchTape::Stored(instrument, timeframe, bars) => {
            Ok(on(vec![Market::new((**instrument).clone(), bars.clone())], *timeframe))
        }
        BenchTape::Generated(count) => {
            let market = |stream: u64| Market::new(instrument(stream), walk::bars(*count, stream));
            let alone = on(vec![market(0)], Timeframe::MINUTE);
            let refused = match begins(plugin, params, &alone) {
                Ok(()) => return Ok(alone),
                Err(refused) => refused,
            };
            let pair = on(vec![market(0), market(1)], Timeframe::MINUTE);
            begins(plugin, params, &pair).map(|()| pair).map_err(|_| BenchError::Fault(refused))
        }
    }
}

/// Whether the plugin accepts its series and parameters.
fn begins(plugin: &Loaded, params: &[(String, ParamValue)], stage: &Stage) -> Result<(), Fault> {
    plugin.start(stage.desk(plugin), params)?.init()
}

fn instrument(stream: u64) -> Instrument {
    Instrument {
        venue: "generated".to_owned(),
        symbol: format!("WALK{stream}USDT"),
        tick: Price::from_f64(0.01).unwrap_or(Price::ZERO),
        lot: Quantity::from_f64(0.001).unwrap_or(Quantity::ZERO),
        min_notional: Money::ZERO,
        maker_fee: Decimal::new(2, 4),
        taker_fee: Decimal::new(4, 4),
        funding: false,
        terms: ContractTerms::default(),
    }
}

/// Milliseconds that a load of a plugin takes which was compiled before.
fn load_ms(cache: &Path, path: &Path, compiler: &Compiler) -> Option<f64> {
    if is_script(path) {
        return None;
    }
    let (cache_dir, compiler) = (Some(cache.to_owned()), compiler.clone());
    let config = RuntimeConfig { cache_dir, compiler, ..RuntimeConfig::default() };
    let runtime = Runtime::new(&config).ok()?;
    runtime.load(path).ok()?;
    let (again, seconds) = timed(|| runtime.load(path));
    (again.ok()?.compile_outcome() == CompileOutcome::Cached).then_some(seconds * 1e3)
}

/// Nanoseconds of a call into a component that does nothing.
fn empty_call_ns(
    runtime: &Runtime,
    stage: &Stage,
    limits: &Limits,
    rounds: usize,
) -> Result<f64, BenchError> {
    let cannot = |error: LoadError| BenchError::Open(InspectError::Load(error.into()));
    let bytes = floor::component().map_err(BenchError::Tape)?;
    let plugin = runtime.load_bytes(&bytes).map_err(cannot)?;
    let desk = stage.empty_desk();
    let inner = Box::new(
        plugin
            .instantiate(desk, Vec::new(), &limits.component, Delivery::Single)
            .map_err(BenchError::Fault)?,
    );
    let mut strategy = Timed { inner, watches: Rc::default() };
    let bar = Bar { ts: Timestamp(0), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 1.0 };
    let mut costs = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let clock = clock_ns();
        strategy.watches = Rc::default();
        for _ in 0..FLOOR_CALLS {
            strategy.on_bar(SeriesId(0), &bar).map_err(BenchError::Fault)?;
        }
        costs.extend(strategy.watches.on_bar.reading(clock).map(|(_, ns)| ns));
    }
    Ok(median(costs))
}

/// A result and the seconds it took.
fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed().as_secs_f64())
}

/// The middle value, the upper one of two; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
