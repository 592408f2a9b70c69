//! The operator's kill switch with several strategies and instruments.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use cryptobot_engine::{BarBlock, Cause, Command, Desk, Fault, OperatorCommand, Scope, TradingState};
use cryptobot_model::{
    Bar, OrderEventKind, OrderKind, OrderTerms, Quantity, RefusalReason, SeriesId, Side, StrategyId,
    TimeInForce, Timeframe, Timestamp, TriggerSource,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};

const MINUTE_NS: i64 = 60_000_000_000;

/// Buys both instruments at the first bar, keeps an entry and a stop in each, and buys again at every bar.
struct Eager(BTreeMap<u32, usize>);

impl Logic for Eager {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _: &Bar) -> Result<(), Fault> {
        let bars = self.0.entry(series.0).or_insert(0);
        *bars += 1;
        desk.submit(series, Side::Buy, 1.0, OrderKind::Market, OrderTerms::FREE)?;
        if *bars == 1 {
            let limit = OrderKind::Limit { price: 50.0, tif: TimeInForce::Gtc };
            desk.submit(series, Side::Buy, 1.0, limit, OrderTerms::FREE)?;
            let stop = OrderKind::StopMarket { trigger: 40.0, source: TriggerSource::Last };
            desk.submit(series, Side::Sell, 1.0, stop, OrderTerms::REDUCE_ONLY)?;
        }
        Ok(())
    }
}

fn flat(bars: usize) -> BarBlock {
    let column = |value: f64| vec![value; bars];
    BarBlock {
        open_ms: (0..bars as i64).map(|bar| START_MS + bar * 60_000).collect(),
        open: column(100.0),
        high: column(101.0),
        low: column(99.0),
        close: column(100.0),
        volume: column(10.0),
    }
}

fn minute(number: i64) -> Timestamp {
    Timestamp::from_millis(START_MS).plus(number * MINUTE_NS)
}

/// Two strategies on two instruments, six bars.
fn run(commands: Vec<OperatorCommand>) -> Record {
    let markets = ["A", "B"].map(|symbol| (instrument(symbol), flat(6)));
    let mut run = MemoryRun::new(markets.into());
    run.commands = commands;
    let mut record = Record::default();
    let run = run.with(Eager(BTreeMap::new()), &[Timeframe::MINUTE], 0);
    run.with(Eager(BTreeMap::new()), &[Timeframe::MINUTE], 0).run(&mut record);
    record
}

fn position(record: &Record, strategy: u32) -> Quantity {
    let own = record.fills.iter().filter(|fill| fill.strategy == StrategyId(strategy));
    own.map(|fill| fill.side.signed(fill.quantity)).sum()
}

#[test]
fn kill_ends_all_orders_of_all_strategies_and_flattens_in_one_step() {
    let kill =
        OperatorCommand { at: minute(3), scope: Scope::Portfolio, command: Command::Kill { flatten: true } };
    let record = run(vec![kill]);
    let cancelled = record.events.iter().filter(|event| event.kind == OrderEventKind::Cancelled);
    let cancelled: Vec<_> = cancelled.map(|event| event.ts).collect();
    assert_eq!(cancelled, [minute(3); 8], "an entry and a stop of each strategy and instrument");
    let closings = record.fills.iter().filter(|fill| fill.side == Side::Sell);
    let closings: Vec<_> = closings.map(|fill| (fill.ts, fill.quantity.to_string())).collect();
    assert_eq!(closings, [minute(3); 4].map(|at| (at, "2".to_owned())));
    assert_eq!((position(&record, 0), position(&record, 1)), (Quantity::ZERO, Quantity::ZERO));
    let refused = record.events.iter().filter(|event| event.kind == OrderEventKind::Rejected);
    let refused: Vec<_> = refused.map(|event| (event.ts, event.reason)).collect();
    let halted = Some(RefusalReason::TradingHalted);
    let expected: Vec<_> = (3..=6).flat_map(|bar| [(minute(bar), halted); 4]).collect();
    assert_eq!(refused, expected, "from the step of the kill on");
    let [change] = record.states.as_slice() else { panic!("{:?}", record.states) };
    assert_eq!((change.ts, change.to, change.cause), (minute(3), TradingState::Halted, Cause::Kill));
}

#[test]
fn a_bot_is_killed_alone() {
    let scope = Scope::Strategy(StrategyId(1));
    let kill = OperatorCommand { at: minute(3), scope, command: Command::Kill { flatten: true } };
    let record = run(vec![kill]);
    assert_eq!(position(&record, 1), Quantity::ZERO);
    assert_eq!(position(&record, 0).to_string(), "10", "five market orders in each instrument were filled");
    let ended = record.events.iter().filter(|event| event.kind == OrderEventKind::Cancelled);
    assert!(ended.clone().all(|event| event.strategy == StrategyId(1)) && ended.count() == 4);
}

#[test]
fn a_command_before_the_first_bar_holds_from_the_first_step_on() {
    let halt = OperatorCommand { at: minute(0), scope: Scope::Portfolio, command: Command::Halt };
    let record = run(vec![halt]);
    assert_eq!((record.fills.len(), record.states[0].ts), (0, minute(1)));
}
