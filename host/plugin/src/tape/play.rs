//! Plays a tape to a plugin and notes what comes of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use cryptobot_engine::{Entry, Fault, Mark, Recorder};
use cryptobot_model::{
    Instrument, Money, OrderEventKind, ParamValue, Quantity, SeriesInfo, Timeframe, Timestamp,
};

use super::bars::SymbolBars;
use super::case::Terms;
use super::lines;
use crate::loaded::Loaded;
use crate::stage::{Market, Stage};

/// What came of a case. Bars are counted from 1, one for each time at which bars close.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Actual {
    /// What the plugin asked for, in order: `bar N buy 1 SYMBOL market`.
    pub(super) orders: Vec<String>,
    /// Executions, in order: `bar N buy 1 SYMBOL at 100 open`.
    pub(super) fills: Vec<String>,
    /// Orders that were refused: `bar N order 1 below-minimum`.
    pub(super) refusals: Vec<String>,
    /// Positions at the end that are not flat, by symbol.
    pub(super) position: BTreeMap<String, Quantity>,
    /// Equity at the end, positions at the newest prices.
    pub(super) equity: Money,
    /// Funding paid; negative = received.
    pub(super) funding: Money,
    /// Why the plugin was stopped.
    pub(super) fault: Option<Fault>,
}

/// Runs the plugin over the bars.
pub(super) fn play(
    plugin: &Loaded,
    params: &[(String, ParamValue)],
    terms: &Terms,
    bars: Vec<SymbolBars>,
) -> Result<Actual, String> {
    let closes = closes(&bars, terms.timeframe);
    let market = |SymbolBars { symbol, bars, marks, funding }| Market {
        instrument: Instrument { symbol, ..terms.instrument.clone() },
        bars,
        marks,
        funding,
    };
    let stage = Stage {
        markets: bars.into_iter().map(market).collect(),
        timeframe: terms.timeframe,
        balance: terms.balance,
        leverage: terms.leverage,
        margin: terms.margin,
        exchange: terms.exchange.clone(),
        limits: terms.limits,
        seed: terms.seed,
    };
    let series = stage.series(plugin.info());
    let symbols = stage.markets.iter().map(|market| market.instrument.symbol.clone()).collect();
    let mut record = Record { closes, series, symbols, actual: Actual::default() };
    let strategy = match plugin.start(stage.desk(plugin), params) {
        Ok(strategy) => strategy,
        Err(fault) => return Ok(Actual { fault: Some(fault), equity: terms.balance, ..record.actual }),
    };
    let outcome = stage
        .engine(strategy, plugin.info())
        .and_then(|mut engine| engine.run(&mut record, &mut |_| ControlFlow::Continue(())))
        .map_err(|error| format!("timeframe: {error}"))?;
    let mut actual = record.actual;
    actual.position.retain(|_, quantity| *quantity != Quantity::ZERO);
    actual.equity = outcome.accounts.first().map_or(terms.balance, |account| account.equity);
    actual.fault = outcome.faults.into_iter().next().map(|(_, fault)| fault);
    Ok(actual)
}

/// The times at which bars close, rising.
fn closes(bars: &[SymbolBars], timeframe: Timeframe) -> Vec<Timestamp> {
    let opens = bars.iter().flat_map(|symbol| &symbol.bars.open_ms);
    let mut closes: Vec<Timestamp> =
        opens.map(|open| Timestamp::from_millis(open + timeframe.millis())).collect();
    closes.sort_unstable();
    closes.dedup();
    closes
}

struct Record {
    closes: Vec<Timestamp>,
    series: Vec<SeriesInfo>,
    symbols: Vec<String>,
    actual: Actual,
}

impl Record {
    /// Bars that have closed by a time: the number of the newest one.
    fn closed(&self, ts: Timestamp) -> usize {
        self.closes.partition_point(|close| *close <= ts)
    }
}

impl Recorder for Record {
    fn entry(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Intent { ts, intent, .. } => {
                let line = format!("bar {} {}", self.closed(*ts), lines::intent(intent, &self.series));
                self.actual.orders.push(line);
            }
            Entry::Fill(fill) => {
                let symbol = self.symbols.get(fill.instrument.index()).cloned().unwrap_or_default();
                // The bar in which it happened is the one that closes next.
                let (bar, side) = (self.closed(fill.ts) + 1, lines::buy_or_sell(fill.side));
                let (quantity, price, rule) = (fill.quantity, fill.price, fill.rule.name());
                self.actual.fills.push(format!("bar {bar} {side} {quantity} {symbol} at {price} {rule}"));
                *self.actual.position.entry(symbol).or_default() += fill.side.signed(quantity);
            }
            Entry::Funding(payment) => self.actual.funding += payment.paid,
            Entry::Order(event) if event.kind == OrderEventKind::Rejected => {
                let reason = event.reason.map_or("refused", |reason| reason.name());
                let (bar, order) = (self.closed(event.ts), event.id.sequence());
                self.actual.refusals.push(format!("bar {bar} order {order} {reason}"));
            }
            _ => {}
        }
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}
}
