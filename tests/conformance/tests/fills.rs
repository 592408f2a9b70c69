//! Plays every case in `cases/`: adding a case is adding a folder with a `case.yaml`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_engine::{
    Accounts, BarBlock, BarInterval, Bracket, Desk, Exchange, ExchangeConfig, Fault, Latency, Report,
    Slippage, Venue,
};
use cryptobot_model::{
    Amendment, Bar, Callback, ContractTerms, Instrument, InstrumentId, OrderId, OrderKind, OrderRequest,
    OrderTerms, Price, PriceBand, Quantity, SeriesId, Side, StrategyId, TimeInForce, Timeframe, Timestamp,
    TriggerSource,
};
use cryptobot_risk::{Approved, Closing};
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
    /// Mark prices of the same minutes: open, high, low, close; the last price where there are none.
    #[serde(default)]
    marks: Vec<[f64; 4]>,
    /// The mark price at which the exchange liquidates whatever position there is.
    liquidation: Option<f64>,
    /// How much it closes then, at first; all of it where nothing is said.
    liquidation_quantity: Option<f64>,
    /// Where the rest goes then.
    liquidation_after: Option<f64>,
    /// Filters of the instrument: highest buy and lowest sell price as multiples of the mark price.
    price_band: Option<PriceBand>,
    max_orders: Option<u32>,
    max_quantity: Option<Quantity>,
    market_max_quantity: Option<Quantity>,
    /// Minutes that are missing before a bar, by its number.
    #[serde(default)]
    holes: BTreeMap<usize, i64>,
    /// What the strategy does after the close of a bar, by the bar's number.
    actions: BTreeMap<usize, Vec<Action>>,
    /// Executions in their order.
    fills: Vec<ExpectedFill>,
    /// Order events: `order kind @ms reason`, in their order; not compared when absent.
    events: Option<Vec<String>>,
    /// Equity after the last bar.
    equity: String,
}

fn balance() -> f64 {
    100_000.0
}

/// An order of any kind, in the names of a case.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    side: Side,
    #[serde(default)]
    quantity: f64,
    /// Limit.
    price: Option<f64>,
    trigger: Option<f64>,
    #[serde(default = "last")]
    source: TriggerSource,
    #[serde(default = "gtc")]
    tif: TimeInForce,
    /// Milliseconds after the open of the first bar at which it expires.
    until_ms: Option<i64>,
    /// Of a trailing stop: basis points or a distance.
    callback_bps: Option<f64>,
    distance: Option<f64>,
    activation: Option<f64>,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    close_position: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Action {
    Market(Given),
    Limit(Given),
    Stop(Given),
    StopLimit(Given),
    TakeProfit(Given),
    TakeProfitLimit(Given),
    Trailing(Given),
    /// Two orders of which at most one is filled: a limit at `price` and a stop at `trigger`.
    Oco(Given),
    Bracket {
        side: Side,
        quantity: f64,
        entry: Option<f64>,
        stop: f64,
        target: Option<f64>,
        #[serde(default = "last")]
        source: TriggerSource,
    },
    Target {
        quantity: f64,
    },
    /// By the order's number, from 1.
    Modify {
        order: u64,
        quantity: f64,
        price: f64,
    },
    /// By the order's number, from 1.
    Cancel {
        order: u64,
    },
}

impl Given {
    fn limit(&self) -> OrderKind<f64> {
        OrderKind::Limit { price: self.price.unwrap(), tif: self.tif() }
    }

    fn tif(&self) -> TimeInForce {
        self.until_ms.map_or(self.tif, |ms| TimeInForce::Gtd(Timestamp((START_MS + ms) * 1_000_000)))
    }

    fn stop(&self) -> OrderKind<f64> {
        OrderKind::StopMarket { trigger: self.trigger.unwrap(), source: self.source }
    }

    fn take_profit(&self) -> OrderKind<f64> {
        OrderKind::TakeProfitMarket { trigger: self.trigger.unwrap(), source: self.source }
    }

    fn stop_limit(&self) -> OrderKind<f64> {
        let Self { trigger, source, price, .. } = *self;
        OrderKind::StopLimit { trigger: trigger.unwrap(), source, price: price.unwrap(), tif: self.tif() }
    }

    fn take_profit_limit(&self) -> OrderKind<f64> {
        let Self { trigger, source, price, .. } = *self;
        OrderKind::TakeProfitLimit {
            trigger: trigger.unwrap(),
            source,
            price: price.unwrap(),
            tif: self.tif(),
        }
    }

    fn trailing(&self) -> OrderKind<f64> {
        let distance = self.distance.map(Callback::Distance);
        let callback = distance.or(self.callback_bps.map(Callback::Bps)).unwrap();
        OrderKind::TrailingStop { callback, activation: self.activation, source: self.source }
    }

    fn terms(&self) -> OrderTerms {
        let Self { reduce_only, close_position, .. } = *self;
        OrderTerms { reduce_only, close_position, ..OrderTerms::FREE }
    }

    fn submit(&self, desk: &mut Desk, series: SeriesId, kind: OrderKind<f64>) -> Result<(), Fault> {
        desk.submit(series, self.side, self.quantity, kind, self.terms()).map(|_| ())
    }
}

fn last() -> TriggerSource {
    TriggerSource::Last
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
                Action::Market(given) => given.submit(desk, series, OrderKind::Market)?,
                Action::Limit(given) => given.submit(desk, series, given.limit())?,
                Action::Stop(given) => given.submit(desk, series, given.stop())?,
                Action::StopLimit(given) => given.submit(desk, series, given.stop_limit())?,
                Action::TakeProfit(given) => given.submit(desk, series, given.take_profit())?,
                Action::TakeProfitLimit(given) => given.submit(desk, series, given.take_profit_limit())?,
                Action::Trailing(given) => given.submit(desk, series, given.trailing())?,
                Action::Oco(given) => {
                    let kinds = [given.limit(), given.stop()];
                    desk.submit_pair(series, given.side, given.quantity, kinds, given.terms())?;
                }
                Action::Bracket { side, quantity, entry, stop, target, source } => {
                    desk.submit_bracket(series, side, quantity, &Bracket { entry, stop, target, source })?;
                }
                Action::Target { quantity } => {
                    desk.target_position(series, quantity)?;
                }
                Action::Modify { order, quantity, price } => {
                    desk.modify(OrderId::new(StrategyId(0), order), quantity, price)?;
                }
                Action::Cancel { order } => desk.cancel(OrderId::new(StrategyId(0), order))?,
            }
        }
        self.bar += 1;
        Ok(())
    }
}

/// The simulated exchange with the mark prices and the liquidation price of a case.
struct Staged {
    exchange: Exchange,
    marks: BTreeMap<Timestamp, BarInterval>,
    margin: Margin,
}

#[derive(Clone, Copy)]
struct Margin {
    price: Option<Price>,
    quantity: Option<Quantity>,
    after: Option<Price>,
}

/// The engine's accounts with the case's margin.
struct WithMargin<'a>(&'a dyn Accounts, Margin);

impl Accounts for WithMargin<'_> {
    fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity {
        self.0.position(strategy, instrument)
    }

    fn liquidation_price(&self, _strategy: StrategyId, _instrument: InstrumentId) -> Option<Price> {
        self.1.price
    }

    fn liquidation_price_after(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        fills: &[cryptobot_model::Fill],
    ) -> Option<Price> {
        let liquidated = fills.iter().any(|fill| fill.rule == cryptobot_model::FillRule::Liquidation);
        if liquidated { self.1.after } else { self.1.price }
    }

    fn liquidation_quantity(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        position: Quantity,
        _mark: Price,
    ) -> Quantity {
        self.1.quantity.unwrap_or(position.abs())
    }
}

impl Venue for Staged {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        self.exchange.submit(order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.exchange.cancel(instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        self.exchange.modify(instrument, amendment);
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        _mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        let mark = self.marks.get(&interval.open_ts);
        self.exchange.on_bar(instrument, interval, mark, &WithMargin(accounts, self.margin), reports);
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        self.exchange.liquidate(closing, mark, now, reports);
    }

    fn is_quiet(&self, instrument: InstrumentId) -> bool {
        self.exchange.is_quiet(instrument)
    }
}

/// Open times of the bars in milliseconds.
fn opens(case: &Case) -> Vec<i64> {
    let mut missing = 0;
    (0..case.bars.len())
        .map(|index| {
            missing += case.holes.get(&index).copied().unwrap_or(0);
            START_MS + (index as i64 + missing) * 60_000
        })
        .collect()
}

fn block(case: &Case) -> BarBlock {
    let mut block = BarBlock { open_ms: opens(case), ..BarBlock::default() };
    for [open, high, low, close, volume] in &case.bars {
        block.open.push(*open);
        block.high.push(*high);
        block.low.push(*low);
        block.close.push(*close);
        block.volume.push(*volume);
    }
    block
}

fn marks(case: &Case) -> BTreeMap<Timestamp, BarInterval> {
    assert!(
        case.marks.is_empty() || case.marks.len() == case.bars.len(),
        "{}: a mark for each bar",
        case.about
    );
    let minutes = opens(case).into_iter().zip(&case.marks);
    minutes
        .map(|(open_ms, [open, high, low, close])| {
            let open_ts = Timestamp(open_ms * 1_000_000);
            let ts = open_ts.plus(Timeframe::MINUTE.nanos());
            let bar = Bar { ts, open: *open, high: *high, low: *low, close: *close, volume: 0.0 };
            (open_ts, BarInterval { open_ts, bar })
        })
        .collect()
}

fn play(case: &Case) -> Record {
    let terms = ContractTerms {
        price_band: case.price_band,
        max_orders: case.max_orders,
        max_quantity: case.max_quantity,
        market_max_quantity: case.market_max_quantity,
        ..ContractTerms::default()
    };
    let instrument = Instrument { terms, ..instrument("TEST") };
    let mut run = MemoryRun::new(vec![(instrument, block(case))]);
    run.balance = cryptobot_model::Money::from_f64(case.balance).unwrap();
    run.exchange = ExchangeConfig {
        latency: Latency::constant((case.latency_ms * 1e6) as i64),
        slippage: if case.slippage_bps == 0.0 { Slippage::NONE } else { Slippage::fixed(case.slippage_bps) },
        open_late: case.open_late,
        window_bars: 10,
        seed: 0,
    };
    let margin = Margin {
        price: case.liquidation.and_then(Price::from_f64),
        quantity: case.liquidation_quantity.and_then(Quantity::from_f64),
        after: case.liquidation_after.and_then(Price::from_f64),
    };
    let marks = marks(case);
    let mut record = Record::default();
    let script = Script { actions: case.actions.clone(), bar: 0 };
    run.with(script, &[Timeframe::MINUTE], 0)
        .run_at(|exchange| Staged { exchange, marks, margin }, &mut record);
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
                let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
                let kind = format!("{:?}", event.kind).to_lowercase();
                format!("{} {kind} @{}{reason}", event.id.sequence(), after_start(event.ts))
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
