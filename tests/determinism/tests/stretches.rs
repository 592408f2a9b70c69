//! Steps that are made in stretches leave behind what single steps do, to the bit.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_engine::{
    AccountKind, Accounts, BarBlock, BarInterval, Desk, Entry, Exchange, ExchangeConfig, Fault, Latency,
    Limits, MarginMode, MarginSettings, Mark, Recorder, Report, RiskSettings, Slippage, Venue,
};
use cryptobot_model::{
    Amendment, Bar, Bracket, Brackets, Calm, ClosedTrade, ContractTerms, FundingRate, Instrument,
    InstrumentId, Money, OrderEvent, OrderId, OrderRequest, Price, SeriesId, Timeframe, Timestamp,
};
use cryptobot_risk::{Approved, Closing};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::{START_MS, wild_walk};
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};
use proptest::prelude::*;

const BARS: usize = 700;

/// An exchange that never knows beforehand whether a bar passes: every step is made by itself.
struct Wary(Exchange);

impl Venue for Wary {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        self.0.submit(order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.0.cancel(instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        self.0.modify(instrument, amendment);
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        self.0.liquidate(closing, mark, now, reports);
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        self.0.on_bar(instrument, interval, mark, accounts, reports);
    }

    fn calm(&self, _instrument: InstrumentId) -> Calm {
        Calm::NONE
    }

    fn pass(&mut self, _instrument: InstrumentId, intervals: &[BarInterval]) {
        assert!(intervals.is_empty(), "no bar lies within no calm");
    }
}

/// Anything that is allowed, once in a while: when and what depends on every bit that it has seen.
#[derive(Default)]
struct Seldom {
    noise: Noise,
    seen: u64,
}

impl Seldom {
    fn see(&mut self, value: f64) {
        self.seen = (self.seen.rotate_left(5) ^ value.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Logic for Seldom {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let Bar { ts, open, high, low, close, volume } = *bar;
        let equity = desk.account.equity();
        for value in [ts.0 as f64, open, high, low, close, volume, equity] {
            self.see(value);
        }
        if (self.seen >> 32).is_multiple_of(31) {
            self.noise.on_bar(desk, series, bar)?;
        }
        Ok(())
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        self.see(event.price.to_f64());
        self.noise.on_order(desk, event)
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        self.noise.on_position_close(desk, trade)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.see(now.0 as f64);
        self.noise.on_timer(desk, id, now)
    }
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    symbols: usize,
    strategies: usize,
    higher: bool,
    /// Of the marks and bars of an instrument one in so many is missing.
    holes: Option<usize>,
    latency_ms: i64,
    stats: bool,
    margin: Option<(AccountKind, MarginMode)>,
    limits: bool,
}

fn setups() -> impl Strategy<Value = Setup> {
    let kinds = prop::sample::select(vec![AccountKind::Shared, AccountKind::Separate]);
    let modes = prop::sample::select(vec![MarginMode::Isolated, MarginMode::Cross]);
    (
        (any::<u64>(), 1_usize..4, 1_usize..4, any::<bool>()),
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

fn run(setup: &Setup) -> MemoryRun {
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
    let frames: &[Timeframe] = &[Timeframe::MINUTE, "15m".parse().unwrap()];
    for index in 0..setup.strategies {
        run = run.with(Seldom::default(), &frames[..=usize::from(setup.higher)], setup.seed ^ index as u64);
    }
    run
}

/// All that a run leaves behind, in its order: journal entries and marks.
#[derive(Default)]
struct Tape {
    lines: Vec<String>,
    record: Record,
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn stretches_and_single_steps_leave_the_same_behind(setup in setups()) {
        let (mut quick, mut slow) = (Tape::default(), Tape::default());
        let fast = run(&setup).run(&mut quick);
        let wary = run(&setup).run_at(Wary, &mut slow);
        for (line, (quick, slow)) in quick.lines.iter().zip(&slow.lines).enumerate() {
            prop_assert_eq!(quick, slow, "line {}", line);
        }
        prop_assert_eq!(quick.lines.len(), slow.lines.len());
        prop_assert_eq!(format!("{fast:?}"), format!("{wary:?}"));
    }
}

#[test]
fn the_runs_trade_and_are_halted_and_liquidated() {
    let (mut fills, mut states, mut funding, mut liquidations) = (0, 0, 0, 0);
    for seed in 0..12 {
        let setup = Setup {
            seed,
            symbols: 2,
            strategies: 2,
            higher: true,
            holes: Some(50),
            latency_ms: 50,
            stats: false,
            margin: Some((AccountKind::Separate, MarginMode::Isolated)),
            limits: seed % 2 == 0,
        };
        let mut tape = Tape::default();
        run(&setup).run(&mut tape);
        fills += tape.record.fills.len();
        states += tape.record.states.len();
        funding += tape.record.funding.len();
        liquidations += tape.record.liquidations.len();
    }
    let seen = [fills, states, funding, liquidations];
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
}
