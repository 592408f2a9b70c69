//! The benchmark job on a seeded random walk: a year of minutes, averages of 10 and 30 bars, flips of one unit.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use cryptobot_engine::{BarBlock, Delivery, Strategy};
use cryptobot_model::{Instrument, ParamValue, Timeframe, Wants};
use cryptobot_rhai::Script;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::Native;
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, MemoryRun, desk, instrument, run_to_end};
use cryptobot_test_support::sma_flip::SmaFlip;
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

/// One-minute bars of a year.
pub(crate) const YEAR: usize = 525_600;
const SYMBOLS: usize = 10;
const SCRIPT: &str = include_str!("../../../examples/rhai/sma-flip.rhai");

/// Does the job in one way only, on so many symbols with so many bars, over and over: for a profiler, or for longer series
/// than a year.
pub(crate) fn profile(plugin: &str, way: &str, rounds: usize, symbols: usize, bars: usize) -> ExitCode {
    let loaded = Runtime::new(&RuntimeConfig::default()).map_err(|error| error.to_string());
    let loaded =
        loaded.and_then(|runtime| runtime.load(Path::new(plugin)).map_err(|error| error.to_string()));
    let plugin = match loaded {
        Ok(plugin) => plugin,
        Err(error) => return failed(&error),
    };
    let wants = Wants { bars: true, ..Wants::default() };
    let markets = markets(symbols, bars);
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let (took, _) = engine(&markets, |markets| match way {
            "native" => native(markets, wants),
            "single" => component(markets, &plugin, wants, Delivery::Single),
            "pages" => component(markets, &plugin, wants, Delivery::Paged),
            _ => component(markets, &plugin, wants, Delivery::Event),
        });
        best = best.min(took);
    }
    println!("{way}: {best:.2} ms");
    ExitCode::SUCCESS
}

/// Prints the best of some rounds for every way to do the job, and its ratio to plain arrays.
pub(crate) fn run(plugin: &str, rounds: usize) -> ExitCode {
    let runtime = match Runtime::new(&RuntimeConfig::default()) {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let plugin = match runtime.load(Path::new(plugin)) {
        Ok(plugin) => plugin,
        Err(error) => return failed(&format!("{plugin}: {error}; build it with `make build`")),
    };
    let (one, ten) = (markets(1, YEAR), markets(SYMBOLS, YEAR));

    let wants = match plugin.describe(&Limits::default()) {
        Ok(info) => info.wants,
        Err(fault) => return failed(&fault.to_string()),
    };
    let script = match Script::load_bytes(Path::new("sma-flip.rhai"), SCRIPT.as_bytes()) {
        Ok(script) => script,
        Err(error) => return failed(&error.to_string()),
    };
    let [mut arrays, mut bare, mut bare_told, mut event, mut single, mut told, mut paged, mut scripted] =
        [f64::MAX; 8];
    let [mut many, mut paged_many] = [f64::MAX; 2];
    let mut hashes = Vec::new();
    for _ in 0..rounds {
        arrays = arrays.min(timed(|| black_box(plain(&one[0].1))).0);
        let (took, hash) = engine(&one, |markets| native(markets, wants));
        bare = bare.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&one, |markets| native(markets, ALL_WANTS));
        bare_told = bare_told.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&one, |markets| component(markets, &plugin, wants, Delivery::Event));
        event = event.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&one, |markets| component(markets, &plugin, wants, Delivery::Single));
        single = single.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&one, |markets| component(markets, &plugin, wants, Delivery::Paged));
        paged = paged.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&one, |markets| component(markets, &plugin, ALL_WANTS, Delivery::Event));
        told = told.min(took);
        hashes.push(hash);
    }
    for _ in 0..rounds.div_ceil(3) {
        let (took, hash) = engine(&one, |markets| from_script(markets, &script, wants));
        scripted = scripted.min(took);
        hashes.push(hash);
        let (took, hash) = engine(&ten, |markets| component(markets, &plugin, wants, Delivery::Event));
        many = many.min(took);
        let (took, in_pages) = engine(&ten, |markets| component(markets, &plugin, wants, Delivery::Paged));
        paged_many = paged_many.min(took);
        if hash != in_pages {
            return failed("pages and single bars gave different journals");
        }
    }
    hashes.dedup();
    println!("one year of minute bars, best of {rounds}      ms   ratio to arrays");
    for (name, took) in [
        ("arrays", arrays),
        ("native strategy", bare),
        ("native strategy, told of every order", bare_told),
        ("component", event),
        ("component, one call of the host per bar", single),
        ("component, pages", paged),
        ("component, told of every order", told),
        ("script", scripted),
    ] {
        println!("{name:38} {took:8.2} {:8.1}", took / arrays);
    }
    println!("{:38} {many:8.2} {:8.1}", format!("component, {SYMBOLS} symbols"), many / arrays);
    println!(
        "{:38} {paged_many:8.2} {:8.1}",
        format!("component, {SYMBOLS} symbols, pages"),
        paged_many / arrays
    );
    println!("journals of native strategy, component and script are equal: {}", hashes.len() == 1);
    if hashes.len() == 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(crate) fn failed(message: &str) -> ExitCode {
    println!("error: {message}");
    ExitCode::FAILURE
}

/// Minutes, so many each: of the one market of the job, or of several.
fn markets(symbols: usize, bars: usize) -> Vec<(Instrument, BarBlock)> {
    if symbols == 1 {
        return vec![(instrument("J1USDT"), random_walk(bars, 42))];
    }
    (0..symbols)
        .map(|index| (instrument(&format!("P{index:02}USDT")), random_walk(bars, index as u64)))
        .collect()
}

fn flip() -> SmaFlip {
    SmaFlip::new(10, 30, 1.0)
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let result = work();
    (started.elapsed().as_secs_f64() * 1e3, result)
}

/// Times the engine alone, until the journal's hash is known: bars are in memory, the strategy is made, and neither is
/// given up, as in a sweep.
fn engine(
    markets: &[(Instrument, BarBlock)],
    build: impl FnOnce(Vec<(Instrument, BarBlock)>) -> MemoryRun,
) -> (f64, String) {
    let mut engine = build(markets.to_vec()).engine().into_engine();
    let mut recorder = HashOnly::default();
    let (took, hash) = timed(|| {
        run_to_end(&mut engine, &mut recorder);
        recorder.finish().1
    });
    (took, hash.to_string())
}

fn native(markets: Vec<(Instrument, BarBlock)>, wants: Wants) -> MemoryRun {
    let instruments: Vec<Instrument> = markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let strategy = Native::new(desk(0, &instruments, &[Timeframe::MINUTE], 42), flip());
    MemoryRun::new(markets).with_strategy_wanting(Box::new(strategy), wants)
}

fn component(
    markets: Vec<(Instrument, BarBlock)>,
    plugin: &Plugin,
    wants: Wants,
    delivery: Delivery,
) -> MemoryRun {
    let instruments: Vec<Instrument> = markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let desk = desk(0, &instruments, &[Timeframe::MINUTE], 42);
    let strategy = plugin.instantiate(desk, params(), &Limits::default(), delivery);
    #[expect(clippy::expect_used, reason = "a benchmark of the first-party plugin")]
    let strategy: Box<dyn Strategy> = Box::new(strategy.expect("sma-flip starts"));
    MemoryRun::new(markets).with_strategy_wanting(strategy, wants)
}

fn from_script(markets: Vec<(Instrument, BarBlock)>, script: &Script, wants: Wants) -> MemoryRun {
    let instruments: Vec<Instrument> = markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let desk = desk(0, &instruments, &[Timeframe::MINUTE], 42);
    let strategy = script.instantiate(desk, params(), &cryptobot_rhai::Limits::default());
    MemoryRun::new(markets).with_strategy_wanting(Box::new(strategy), wants)
}

pub(crate) fn params() -> Vec<(String, ParamValue)> {
    let params = [
        ("fast", ParamValue::Integer(10)),
        ("slow", ParamValue::Integer(30)),
        ("quantity", ParamValue::Number(1.0)),
    ];
    params.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The job without anything around it.
fn plain(block: &BarBlock) -> (u64, f64) {
    let (open, close) = (&block.open, &block.close);
    let (mut fast, mut slow, mut orders) = (0.0, 0.0, 0);
    let (mut cash, mut position, mut target) = (1e8, 0.0_f64, 0.0);
    for bar in 0..close.len() {
        let traded: f64 = target - position;
        if traded != 0.0 {
            cash -= traded * open[bar] + traded.abs() * open[bar] * 0.0004;
            position = target;
        }
        fast += close[bar] - if bar >= 10 { close[bar - 10] } else { 0.0 };
        slow += close[bar] - if bar >= 30 { close[bar - 30] } else { 0.0 };
        if bar >= 29 {
            let (quick, lazy) = (fast / 10.0, slow / 30.0);
            let wanted = if quick > lazy { 1.0 } else { -1.0 };
            orders += u64::from(wanted != target);
            target = wanted;
        }
    }
    (orders, cash + position * close[close.len() - 1])
}
