//! Plays every case in `cases/`: adding a case is adding a folder with a `case.yaml`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_engine::{BarBlock, Desk, ExchangeConfig, Fault, Slippage};
use cryptobot_model::{
    Bar, OrderId, OrderKind, OrderTerms, SeriesId, Side, StrategyId, TimeInForce, Timeframe, Timestamp,
    TriggerSource,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows.
    about: String,
    #[serde(default)]
    latency_ms: f64,
    #[serde(default)]
    slippage_bps: f64,
    /// `k` of `open-late`.
    #[serde(default)]
    open_late: f64,
    #[serde(default = "balance")]
    balance: f64,
    /// Minute bars: open, high, low, close, volume.
    bars: Vec<[f64; 5]>,
    /// Minutes that are missing before a bar, by its number.
    #[serde(default)]
    holes: BTreeMap<usize, i64>,
    /// What the strategy does after the close of a bar, by the bar's number.
    actions: BTreeMap<usize, Vec<Action>>,
    /// Executions in their order.
    fills: Vec<ExpectedFill>,
    /// Order events: `order kind @ms`, in their order; not compared when absent.
    events: Option<Vec<String>>,
    /// Equity after the last bar.
    equity: String,
}

fn balance() -> f64 {
    100_000.0
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Action {
    Market {
        side: Side,
        quantity: f64,
        #[serde(default)]
        reduce_only: bool,
    },
    Limit {
        side: Side,
        quantity: f64,
        price: f64,
        #[serde(default = "gtc")]
        tif: TimeInForce,
        #[serde(default)]
        reduce_only: bool,
    },
    Stop {
        side: Side,
        quantity: f64,
        trigger: f64,
        #[serde(default)]
        reduce_only: bool,
    },
    Target {
        quantity: f64,
    },
    /// By the order's number, from 1.
    Cancel {
        order: u64,
    },
}

fn gtc() -> TimeInForce {
    TimeInForce::Gtc
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ExpectedFill {
    order: u64,
    /// Milliseconds after the open of the first bar.
    at_ms: i64,
    side: Side,
    quantity: String,
    price: String,
    fee: String,
    #[serde(default = "zero")]
    slippage: String,
    rule: String,
}

fn zero() -> String {
    "0".to_owned()
}

/// Plays the actions of a case.
struct Script {
    actions: BTreeMap<usize, Vec<Action>>,
    bar: usize,
}

impl Logic for Script {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        for action in self.actions.get(&self.bar).into_iter().flatten().copied() {
            match action {
                Action::Market { side, quantity, reduce_only } => {
                    desk.submit(
                        series,
                        side,
                        quantity,
                        OrderKind::Market,
                        OrderTerms::reducing(reduce_only),
                    )?;
                }
                Action::Limit { side, quantity, price, tif, reduce_only } => {
                    desk.submit(
                        series,
                        side,
                        quantity,
                        OrderKind::Limit { price, tif },
                        OrderTerms::reducing(reduce_only),
                    )?;
                }
                Action::Stop { side, quantity, trigger, reduce_only } => {
                    let kind = OrderKind::StopMarket { trigger, source: TriggerSource::Last };
                    desk.submit(series, side, quantity, kind, OrderTerms::reducing(reduce_only))?;
                }
                Action::Target { quantity } => {
                    desk.target_position(series, quantity)?;
                }
                Action::Cancel { order } => desk.cancel(OrderId::new(StrategyId(0), order))?,
            }
        }
        self.bar += 1;
        Ok(())
    }
}

fn block(case: &Case) -> BarBlock {
    let mut block = BarBlock::default();
    let mut minute = 0;
    for (index, [open, high, low, close, volume]) in case.bars.iter().enumerate() {
        minute += case.holes.get(&index).copied().unwrap_or(0);
        block.open_ms.push(START_MS + minute * 60_000);
        block.open.push(*open);
        block.high.push(*high);
        block.low.push(*low);
        block.close.push(*close);
        block.volume.push(*volume);
        minute += 1;
    }
    block
}

fn play(case: &Case) -> Record {
    let mut run = MemoryRun::new(vec![(instrument("TEST"), block(case))]);
    run.balance = cryptobot_model::Money::from_f64(case.balance).unwrap();
    run.exchange = ExchangeConfig {
        entry_latency_ns: (case.latency_ms * 1e6) as i64,
        slippage: if case.slippage_bps == 0.0 {
            Slippage::None
        } else {
            Slippage::Fixed { bps: case.slippage_bps }
        },
        open_late: case.open_late,
        window_bars: 10,
    };
    let mut record = Record::default();
    let script = Script { actions: case.actions.clone(), bar: 0 };
    run.with(script, &[Timeframe::MINUTE], 0).run(&mut record);
    record
}

fn after_start(ts: Timestamp) -> i64 {
    ts.millis() - START_MS
}

#[test]
fn every_case_comes_out_as_computed_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty());
    let mut failures = Vec::new();
    for path in &names {
        let text = fs::read_to_string(path.join("case.yaml")).unwrap();
        let case: Case =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let record = play(&case);
        let fills: Vec<ExpectedFill> = record
            .fills
            .iter()
            .map(|fill| ExpectedFill {
                order: fill.order.sequence(),
                at_ms: after_start(fill.ts),
                side: fill.side,
                quantity: fill.quantity.to_string(),
                price: fill.price.to_string(),
                fee: fill.fee.to_string(),
                slippage: fill.slippage.to_string(),
                rule: fill.rule.name().to_owned(),
            })
            .collect();
        let name = path.file_name().unwrap().to_string_lossy();
        if fills != case.fills {
            failures
                .push(format!("{name} ({}): fills\n  {fills:?}\nexpected\n  {:?}", case.about, case.fills));
        }
        let events: Vec<String> = record
            .events
            .iter()
            .map(|event| {
                format!("{} {:?} @{}", event.id.sequence(), event.kind, after_start(event.ts)).to_lowercase()
            })
            .collect();
        if case.events.as_ref().is_some_and(|expected| *expected != events) {
            failures.push(format!(
                "{name} ({}): events\n  {events:?}\nexpected\n  {:?}",
                case.about, case.events
            ));
        }
        let equity = cryptobot_model::Money::from_f64(record.equity).unwrap().to_string();
        if equity != case.equity {
            failures.push(format!("{name} ({}): equity {equity}, expected {}", case.about, case.equity));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{} cases", names.len());
}
