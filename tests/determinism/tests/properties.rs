//! Random strategies on random markets.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::thread;

use cryptobot_engine::{BarBlock, ExchangeConfig, Latency, Slippage};
use cryptobot_model::{Money, OrderEventKind, OrderId, Quantity, StrategyId, Timeframe, Timestamp};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{HashOnly, MemoryRun, Record, instrument};
use proptest::prelude::*;

/// Everything that makes a random run.
#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    bars: usize,
    symbols: usize,
    strategies: usize,
    latency_ms: i64,
    slippage: u8,
}

fn setups() -> impl Strategy<Value = Setup> {
    (
        any::<u64>(),
        60_usize..600,
        1_usize..4,
        1_usize..4,
        prop::sample::select(vec![0, 1, 50, 30_000, 60_000, 130_000]),
        0_u8..3,
    )
        .prop_map(|(seed, bars, symbols, strategies, latency_ms, slippage)| Setup {
            seed,
            bars,
            symbols,
            strategies,
            latency_ms,
            slippage,
        })
}

fn run(setup: &Setup, block_rows: usize) -> MemoryRun {
    let markets = (0..setup.symbols)
        .map(|index| (instrument(&format!("S{index}")), random_walk(setup.bars, setup.seed ^ index as u64)));
    let mut run = MemoryRun::new(markets.collect());
    run.block_rows = block_rows;
    run.balance = "1000000".parse().unwrap();
    run.exchange = ExchangeConfig {
        latency: Latency::constant(setup.latency_ms * 1_000_000),
        slippage: match setup.slippage {
            0 => Slippage::NONE,
            1 => Slippage::fixed(2.0),
            _ => Slippage::sqrt_impact(0.5, 0.1),
        },
        ..ExchangeConfig::default()
    };
    let timeframes: [Timeframe; 2] = [Timeframe::MINUTE, "5m".parse().unwrap()];
    for _ in 0..setup.strategies {
        run = run.with(Noise::default(), &timeframes, setup.seed);
    }
    run
}

fn hash(setup: &Setup, block_rows: usize) -> String {
    let mut recorder = HashOnly::default();
    run(setup, block_rows).run(&mut recorder);
    recorder.finish().1.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    /// Wallet, cost of open positions and everything that was traded add up, per strategy, to the last unit.
    #[test]
    fn money_is_conserved(setup in setups()) {
        let mut record = Record::default();
        let outcome = run(&setup, 64).run(&mut record);
        for strategy in 0..setup.strategies {
            let id = StrategyId::from(strategy);
            let mut cash: Money = "1000000".parse().unwrap();
            let mut positions = BTreeMap::<_, (Quantity, f64)>::new();
            for fill in record.fills.iter().filter(|fill| fill.strategy == id) {
                let signed = fill.side.signed(fill.quantity);
                let entry = positions.entry(fill.instrument).or_insert((Quantity::ZERO, 0.0));
                // A fill through zero is booked in two parts, each rounded; so is the flow here.
                let held = entry.0;
                let closing = if held.signum() * signed.signum() < 0 && signed.abs() > held.abs() { -held } else { signed };
                cash -= closing.at(fill.price) + (signed - closing).at(fill.price) + fill.fee;
                entry.0 += signed;
            }
            let marks = record.last_prices.clone();
            let open: Money = positions
                .iter()
                .map(|(instrument, (quantity, _))| {
                    quantity.at(cryptobot_model::Price::from_f64(marks[instrument.index()]).unwrap())
                })
                .sum();
            prop_assert_eq!(outcome.accounts[strategy].equity, cash + open);
        }
    }

    /// Nothing is executed before it was decided and could have arrived, and never in a bar that had begun before.
    #[test]
    fn no_fill_before_decision_and_latency(setup in setups()) {
        let mut record = Record::default();
        run(&setup, 64).run(&mut record);
        let mut submitted = BTreeMap::<OrderId, Timestamp>::new();
        for event in &record.events {
            match event.kind {
                OrderEventKind::Submitted => {
                    submitted.insert(event.id, event.ts);
                }
                OrderEventKind::Rejected if !submitted.contains_key(&event.id) => {}
                _ => {
                    let arrival = submitted[&event.id].plus(setup.latency_ms * 1_000_000);
                    if event.kind != OrderEventKind::Cancelled {
                        prop_assert!(event.ts >= arrival, "{event:?} before {arrival}");
                    }
                }
            }
        }
        for trade in &record.trades {
            prop_assert!(trade.opened_at <= trade.closed_at);
        }
    }

    /// An order lives through its states in order and ends once.
    #[test]
    fn orders_end_once(setup in setups()) {
        let mut record = Record::default();
        run(&setup, 64).run(&mut record);
        let mut ended = BTreeMap::<OrderId, usize>::new();
        let mut filled = BTreeMap::<OrderId, Quantity>::new();
        for event in &record.events {
            prop_assert!(!ended.contains_key(&event.id) || event.reason.is_some_and(|reason| reason.name() == "unknown-order"), "{event:?}");
            *filled.entry(event.id).or_default() += event.quantity;
            if event.kind.is_final() {
                *ended.entry(event.id).or_default() += 1;
            }
        }
        for fill in &record.fills {
            prop_assert!(fill.quantity.signum() == 1 && filled[&fill.order] >= fill.quantity);
        }
    }

    /// The journal depends on nothing but the inputs: not on how bars are cut into blocks, nor on other threads.
    #[test]
    fn equal_inputs_give_equal_journals(setup in setups(), rows in 1_usize..200) {
        let reference = hash(&setup, 64);
        prop_assert_eq!(&hash(&setup, rows), &reference);
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(move || hash(&setup, 64))).collect();
        for thread in threads {
            prop_assert_eq!(&thread.join().unwrap(), &reference);
        }
        let other = Setup { seed: setup.seed ^ 1, ..setup };
        prop_assert_ne!(&hash(&other, 64), &reference);
    }

    /// Strategies do not see each other: each one's fills are the same with and without the others.
    #[test]
    fn strategies_are_independent(setup in setups()) {
        let mut together = Record::default();
        run(&Setup { strategies: 2, ..setup }, 64).run(&mut together);
        let mut alone = Record::default();
        run(&Setup { strategies: 1, ..setup }, 64).run(&mut alone);
        let first: Vec<_> = together.fills.iter().filter(|fill| fill.strategy == StrategyId(0)).copied().collect();
        prop_assert_eq!(first, alone.fills);
    }
}

/// Bars of all timeframes together: each closes on its grid, holds what its minutes held and comes after shorter ones.
#[test]
fn higher_bars_are_what_their_minutes_were() {
    use cryptobot_engine::{Desk, Fault};
    use cryptobot_model::{Bar, SeriesId};
    use cryptobot_test_support::native::Logic;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Listener(Arc<Mutex<Vec<(SeriesId, Timestamp, Bar)>>>);
    impl Logic for Listener {
        fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
            assert_eq!(desk.now, bar.ts, "a bar is delivered when it closes");
            self.0.lock().unwrap().push((series, desk.now, *bar));
            Ok(())
        }
    }

    let minutes = 3 * 24 * 60;
    let block: BarBlock = random_walk(minutes, 7);
    let names = ["1m", "5m", "15m", "1h", "4h", "1d"];
    let timeframes: Vec<Timeframe> = names.iter().map(|name| name.parse().unwrap()).collect();
    let listener = Listener::default();
    MemoryRun::new(vec![(instrument("S"), block.clone())])
        .with(listener.clone(), &timeframes, 0)
        .run(&mut HashOnly::default());
    let heard = listener.0.lock().unwrap().clone();
    assert!(
        heard.windows(2).all(|pair| (pair[0].1, pair[0].0) < (pair[1].1, pair[1].0)),
        "by time, shorter first"
    );
    for (index, timeframe) in timeframes.iter().enumerate() {
        let length = (timeframe.nanos() / Timeframe::MINUTE.nanos()) as usize;
        let bars: Vec<Bar> =
            heard.iter().filter(|(series, ..)| series.index() == index).map(|(_, _, bar)| *bar).collect();
        assert_eq!(bars.len(), minutes / length, "{timeframe}");
        for (bar, start) in bars.iter().zip((0..minutes).step_by(length)) {
            let rows = start..start + length;
            assert_eq!(bar.open, block.open[start]);
            assert_eq!(bar.close, block.close[start + length - 1]);
            assert_eq!(bar.high, block.high[rows.clone()].iter().copied().fold(f64::MIN, f64::max));
            assert_eq!(bar.low, block.low[rows.clone()].iter().copied().fold(f64::MAX, f64::min));
            assert_eq!(bar.volume, block.volume[rows].iter().sum::<f64>());
        }
    }
}

/// What falls on one time comes in one order: news of orders, bars by length, timers; a timer that is set for the time
/// of the step still goes off in it, one that a timer sets goes off in the next.
#[test]
fn one_step_has_one_order() {
    use cryptobot_engine::{Desk, Fault};
    use cryptobot_model::{Bar, OrderEvent, OrderKind, OrderTerms, SeriesId, Side};
    use cryptobot_test_support::native::Logic;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Diary(Arc<Mutex<Vec<String>>>);
    impl Diary {
        fn note(&self, desk: &Desk, what: &str) {
            let minute = (desk.now.millis() - cryptobot_test_support::market::START_MS) / 60_000;
            self.0.lock().unwrap().push(format!("{minute} {what}"));
        }
    }
    impl Logic for Diary {
        fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
            self.note(desk, &format!("bar {}", series.0));
            if series == SeriesId(0) {
                desk.submit(series, Side::Buy, 0.1, OrderKind::Market, OrderTerms::FREE)?;
                desk.set_timer(1, desk.now)?;
            }
            Ok(())
        }
        fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
            self.note(desk, &format!("{:?}", event.kind).to_lowercase());
            Ok(())
        }
        fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
            self.note(desk, &format!("timer {id}"));
            if id == 1 {
                desk.set_timer(2, now)?;
            }
            Ok(())
        }
    }

    let diary = Diary::default();
    let timeframes = [Timeframe::MINUTE, "2m".parse().unwrap()];
    MemoryRun::new(vec![(instrument("S"), random_walk(2, 1))])
        .with(diary.clone(), &timeframes, 0)
        .run(&mut HashOnly::default());
    let expected = [
        "1 bar 0",
        "1 timer 1",
        "2 submitted",
        "2 accepted",
        "2 filled",
        "2 bar 0",
        "2 bar 1",
        "2 timer 2",
        "2 timer 1",
    ];
    // The overdue timer goes before the one of this minute.
    assert_eq!(*diary.0.lock().unwrap(), expected);
}

/// An order given in `init` is refused with its reason and never sent.
#[test]
fn orders_are_refused_in_init() {
    use cryptobot_engine::{Desk, Fault};
    use cryptobot_model::{Bar, OrderKind, OrderTerms, RefusalReason, SeriesId, Side};
    use cryptobot_test_support::native::Logic;

    struct Hasty;
    impl Logic for Hasty {
        fn init(&mut self, desk: &mut Desk) -> Result<(), Fault> {
            desk.submit(SeriesId(0), Side::Buy, 1.0, OrderKind::Market, OrderTerms::FREE).map(|_| ())
        }
        fn on_bar(&mut self, _desk: &mut Desk, _series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
            Ok(())
        }
    }

    let mut record = Record::default();
    MemoryRun::new(vec![(instrument("S"), random_walk(3, 1))])
        .with(Hasty, &[Timeframe::MINUTE], 0)
        .run(&mut record);
    let reasons: Vec<_> = record.events.iter().map(|event| (event.kind, event.reason)).collect();
    assert_eq!(reasons, [(OrderEventKind::Rejected, Some(RefusalReason::NotAccepting))]);
    assert!(record.fills.is_empty());
}
