//! Properties of whole runs: conservation, causality, equal journals for equal inputs.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_engine::{
    AccountKind, BarBlock, Entry, ExchangeConfig, Latency, Limits, MarginMode, MarginSettings, Mark,
    Recorder, RiskSettings, Slippage,
};
use cryptobot_model::{Bracket, Brackets, ContractTerms, FundingRate, Instrument, Money, Timestamp};
use cryptobot_test_support::market::{START_MS, wild_walk};
use cryptobot_test_support::run::{MemoryRun, Record, instrument};
use proptest::prelude::*;

const BARS: usize = 700;

/// Everything that makes a random run.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Of the markets and of chance.
    pub seed: u64,
    /// Markets.
    pub symbols: usize,
    /// Strategies, each with an account.
    pub strategies: usize,
    /// Whether strategies also get higher bars.
    pub higher: bool,
    /// Of the marks and bars of an instrument one in so many is missing.
    pub holes: Option<usize>,
    /// To the exchange and back.
    pub latency_ms: i64,
    /// Whether slippage follows volume and volatility.
    pub stats: bool,
    /// Whose margin is simulated, with funding and mark prices.
    pub margin: Option<(AccountKind, MarginMode)>,
    /// Whether risk limits and a circuit breaker are on.
    pub limits: bool,
}

/// Setups with up to so many strategies.
pub fn setups(strategies: usize) -> impl Strategy<Value = Setup> {
    let kinds = prop::sample::select(vec![AccountKind::Shared, AccountKind::Separate]);
    let modes = prop::sample::select(vec![MarginMode::Isolated, MarginMode::Cross]);
    (
        (any::<u64>(), 1_usize..4, 1..=strategies, any::<bool>()),
        (prop::option::of(30_usize..200), prop::sample::select(vec![0, 50, 130_000]), any::<bool>()),
        (prop::option::of((kinds, modes)), any::<bool>()),
    )
        .prop_map(
            |((seed, symbols, strategies, higher), (holes, latency_ms, stats), (margin, limits))| Setup {
                seed,
                symbols,
                strategies,
                higher,
                holes,
                latency_ms,
                stats,
                margin,
                limits,
            },
        )
}

fn contract(index: usize) -> Instrument {
    let money = |text: &str| text.parse::<Money>().unwrap();
    let bracket = |floor, cap, max_leverage, rate: &str, cum| Bracket {
        floor: money(floor),
        cap: money(cap),
        max_leverage,
        maintenance_rate: rate.parse().unwrap(),
        cum: money(cum),
    };
    let table = vec![bracket("0", "1000", 20, "0.02", "0"), bracket("1000", "1000000", 10, "0.05", "30")];
    let terms = ContractTerms { brackets: Brackets::new(table).unwrap(), ..ContractTerms::default() };
    Instrument { terms, ..instrument(&format!("S{index}")) }
}

/// Without every `nth` row.
fn holed(block: &BarBlock, nth: usize) -> BarBlock {
    let kept = |column: &[f64]| rows(column, nth);
    BarBlock {
        open_ms: rows(&block.open_ms, nth),
        open: kept(&block.open),
        high: kept(&block.high),
        low: kept(&block.low),
        close: kept(&block.close),
        volume: kept(&block.volume),
    }
}

fn rows<T: Copy>(column: &[T], nth: usize) -> Vec<T> {
    let kept = column.iter().enumerate().filter(|(index, _)| !(index + 1).is_multiple_of(nth));
    kept.map(|(_, value)| *value).collect()
}

fn limits() -> Limits {
    let text = r#"{"strategy": {"budget": {"daily_loss": 0.05, "halt_at_drawdown": 0.4, "max_leverage": 5}},
        "portfolio": {"weekly_loss": 0.2}, "market": {"circuit_breaker": {"jump": 0.02, "within_s": 300, "halt_s": 900}}}"#;
    serde_json::from_str::<RiskSettings>(text).unwrap().resolve().unwrap()
}

/// The run without its strategies.
pub fn empty_run(setup: &Setup) -> MemoryRun {
    let market = |index: usize| {
        let block = wild_walk(BARS, setup.seed ^ index as u64, 8);
        let block = setup.holes.filter(|_| index == 1).map_or(block.clone(), |nth| holed(&block, nth));
        (contract(index), block)
    };
    let mut run = MemoryRun::new((0..setup.symbols).map(market).collect());
    run.balance = "700".parse().unwrap();
    run.leverage = 10.0;
    run.block_rows = 300;
    run.exchange = ExchangeConfig {
        latency: Latency::constant(setup.latency_ms * 1_000_000),
        slippage: if setup.stats { Slippage::sqrt_impact(0.5, 0.1) } else { Slippage::NONE },
        ..ExchangeConfig::default()
    };
    if let Some((kind, mode)) = setup.margin {
        run.margin = Some((kind, MarginSettings::new(mode, 10).unwrap()));
        let marks = wild_walk(BARS, setup.seed, 8);
        run.marks.insert(0, setup.holes.map_or(marks.clone(), |nth| holed(&marks, nth)));
        let hours = (1..BARS as i64 / 60).map(|hour| START_MS + hour * 3_600_000);
        let rate = "0.0003".parse().unwrap();
        let funding = hours.map(|ms| FundingRate { ts: Timestamp::from_millis(ms), rate, mark: None });
        run.funding.insert(0, funding.collect());
    }
    if setup.limits {
        run.limits = limits();
    }
    run
}

/// All that a run leaves behind, in its order: journal entries and marks.
#[derive(Default)]
pub struct Tape {
    /// One each.
    pub lines: Vec<String>,
    /// The entries themselves.
    pub record: Record,
}

impl Recorder for Tape {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.lines.push(format!("{entry:?}"));
        self.record.entry(entry);
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let (prices, equities) = (bits(mark.prices), bits(mark.equities));
        self.lines.push(format!("{} {prices:x?} {equities:x?} {:x?}", mark.ts, bits(mark.margin_ratios)));
    }
}
