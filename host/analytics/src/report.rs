//! `report.html`: one page with everything in it and no use of the network.
//!
//! Data are embedded as JSON in a script element that is never executed; the page's own script writes all of it as
//! text, and a content security policy lets no other script run. Text of plugins can therefore be anything.

use std::borrow::Cow;

use cryptobot_model::time::NANOS_PER_SECOND;
use cryptobot_model::{ClosedTrade, Money, Timestamp};
use serde::Serialize;

use crate::curve::PriceBucket;
use crate::drawdown::Drawdown;
use crate::groups::Group;
use crate::metrics::calendar::monthly_returns;
use crate::metrics::returns::per_period;
use crate::metrics::rolling::{Wins, rolling_sharpe, rolling_wins};
use crate::metrics::sampling::Samples;
use crate::metrics::trading::trade_return;
use crate::record::Record;
use crate::summary::Summary;
use crate::tables::{direction, seconds};

mod risk;

const PAGE: &str = include_str!("../web/report.html");
/// The style of reports, with a light and a dark theme.
pub const STYLE: &str = include_str!("../web/report.css");
/// Functions for numbers, times and elements that the scripts of reports begin with.
pub const FORMAT_SCRIPT: &str = include_str!("../web/format.js");
const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/report.js"));
const LIBRARY: &str = include_str!(concat!(env!("OUT_DIR"), "/library.js"));
const LICENCE: &str = include_str!(concat!(env!("OUT_DIR"), "/licence.txt"));
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/policy.txt"));

/// Windows of the rolling charts in days.
const WINDOWS: [usize; 3] = [30, 60, 90];
/// Candles that all price charts share; each has at least [`FEWEST_CANDLES`] if the run has as many.
const MOST_CANDLES: usize = 20_000;
const FEWEST_CANDLES: usize = 1_000;

/// The page in parts, one after another. `configuration` is the text of `run.yaml`.
pub fn html(
    record: &Record,
    summary: &Summary,
    configuration: &str,
) -> Result<Vec<Cow<'static, str>>, serde_json::Error> {
    let mut data = serde_json::to_string(&Data::new(record, summary, configuration))?;
    // A `<` in JSON stands inside a string only; escaped, nothing in the data can end the element.
    if data.contains('<') {
        data = data.replace('<', "\\u003c");
    }
    let title = escape(&format!("{} – run report", summary.run.plugin));
    Ok(fill(
        PAGE,
        [
            ("{{policy}}", Cow::Borrowed(POLICY)),
            ("{{title}}", Cow::Owned(title)),
            ("{{style}}", Cow::Borrowed(STYLE)),
            ("{{licence}}", Cow::Owned(escape(LICENCE))),
            ("{{data}}", Cow::Owned(data)),
            ("{{library}}", Cow::Borrowed(LIBRARY)),
            ("{{script}}", Cow::Borrowed(SCRIPT)),
        ],
    ))
}

/// A page in parts: each value in the place of its mark. The marks stand in the page in the order of the values, so that
/// a mark inside a value is plain text.
pub fn fill<'a, const N: usize>(page: &'a str, values: [(&str, Cow<'a, str>); N]) -> Vec<Cow<'a, str>> {
    let (mut parts, mut rest) = (Vec::with_capacity(2 * N + 1), page);
    for (mark, value) in values {
        if let Some((before, after)) = rest.split_once(mark) {
            parts.push(Cow::Borrowed(before));
            parts.push(value);
            rest = after;
        }
    }
    parts.push(Cow::Borrowed(rest));
    parts
}

/// Text as it stands in a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What the page's script reads; names are short because there are tens of thousands of values.
#[derive(Serialize)]
struct Data<'a> {
    summary: &'a Summary,
    groups: Vec<Group>,
    configuration: &'a str,
    from: i64,
    to: i64,
    step: i64,
    curve: CurveData,
    strategies: Vec<StrategyData<'a>>,
    prices: Vec<PriceData<'a>>,
    deepest: Option<DrawdownData>,
    longest: Option<DrawdownData>,
    months: Vec<(i32, u32, f64)>,
    returns: Vec<f64>,
    rolling: RollingData,
    trades: TradeData,
    rules: Vec<risk::RuleData>,
    liquidations: Vec<risk::LiquidationData>,
    host_orders: Vec<risk::HostOrderData>,
    /// `(instrument, opened, long)` of each position that was open at the end.
    open: Vec<(u32, i64, bool)>,
}

#[derive(Serialize)]
struct CurveData {
    time: Vec<i64>,
    equity: Vec<f64>,
    drawdown: Vec<f64>,
    market: Vec<f64>,
}

#[derive(Serialize)]
struct StrategyData<'a> {
    name: &'a str,
    equity: Vec<f64>,
    margin: Vec<f64>,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct PriceData<'a> {
    venue: &'a str,
    symbol: &'a str,
    time: Vec<i64>,
    low: Vec<f64>,
    high: Vec<f64>,
    last: Vec<f64>,
}

#[derive(Serialize)]
struct DrawdownData {
    peak: i64,
    trough: i64,
    recovered: Option<i64>,
    depth: f64,
}

#[derive(Serialize)]
struct RollingData {
    time: Vec<i64>,
    windows: [usize; 3],
    sharpe: Vec<Vec<Option<f64>>>,
    win_rate: Vec<Vec<Option<f64>>>,
    /// Trades that each win rate is of.
    closed: Vec<Vec<usize>>,
}

/// Columns, in the order of closing.
#[derive(Default, Serialize)]
struct TradeData {
    strategy: Vec<u32>,
    instrument: Vec<u32>,
    side: Vec<&'static str>,
    opened: Vec<i64>,
    closed: Vec<i64>,
    quantity: Vec<f64>,
    entry: Vec<f64>,
    exit: Vec<f64>,
    fees: Vec<f64>,
    slippage: Vec<f64>,
    funding: Vec<f64>,
    insurance: Vec<f64>,
    net: Vec<f64>,
    #[serde(rename = "return")]
    result: Vec<Option<f64>>,
    /// Indices of those that a liquidation ended.
    liquidated: Vec<usize>,
    /// Indices of those that the host ended, after a fault or at the operator's command.
    by_host: Vec<usize>,
}

impl<'a> Data<'a> {
    fn new(record: &'a Record, summary: &'a Summary, configuration: &'a str) -> Self {
        let samples = Samples::of_account(record, &record.portfolio);
        Self {
            groups: summary.groups(),
            configuration,
            from: seconds(record.from),
            to: seconds(record.to),
            step: record.step_nanos / NANOS_PER_SECOND,
            curve: CurveData::new(record),
            strategies: strategies(record, summary),
            prices: prices(record),
            deepest: record.portfolio.drawdowns.deepest.map(DrawdownData::new),
            longest: record.portfolio.drawdowns.longest.map(DrawdownData::new),
            months: monthly_returns(&samples)
                .iter()
                .map(|month| (month.year, month.month, short(month.value)))
                .collect(),
            returns: samples.returns().into_iter().map(short).collect(),
            rolling: RollingData::new(record, summary, &samples),
            trades: TradeData::new(record),
            rules: risk::rules(record),
            liquidations: risk::liquidations(record),
            host_orders: risk::host_orders(record),
            open: record
                .open_positions
                .iter()
                .map(|open| (open.instrument.0, seconds(open.opened_at), open.quantity.signum() > 0))
                .collect(),
            summary,
        }
    }
}

impl CurveData {
    fn new(record: &Record) -> Self {
        let balance = record.portfolio.initial_balance.to_f64();
        let equity = &record.portfolio.equity;
        Self {
            time: record.times.iter().map(|ts| next_second(*ts)).collect(),
            equity: equity.iter().map(|bucket| short(bucket.last)).collect(),
            drawdown: equity.iter().map(|bucket| short(bucket.of_peak - 1.0)).collect(),
            market: record
                .buy_and_hold(&record.portfolio)
                .into_iter()
                .map(|value| short(value * balance))
                .collect(),
        }
    }
}

/// Names and figures; curves only where they are not the portfolio's.
fn strategies<'a>(record: &'a Record, summary: &Summary) -> Vec<StrategyData<'a>> {
    let several = record.strategies.len() > 1;
    let data =
        |(account, of_strategy): (&'a crate::record::AccountRecord, &crate::summary::StrategySummary)| {
            let equity = if several { account.equity.as_slice() } else { &[] };
            StrategyData {
                name: &account.name,
                equity: equity.iter().map(|bucket| short(bucket.last)).collect(),
                margin: risk::margin(account),
                groups: of_strategy.groups(&summary.currency),
            }
        };
    record.strategies.iter().zip(&summary.strategies).map(data).collect()
}

/// The price curves, with neighbouring buckets merged where there are more than a chart can show.
fn prices(record: &Record) -> Vec<PriceData<'_>> {
    let budget = (MOST_CANDLES / record.instruments.len().max(1)).max(FEWEST_CANDLES);
    let group = record.times.len().div_ceil(budget).max(1);
    let data = |index: usize| {
        let label = &record.instruments[index];
        let merged = record.prices[index]
            .buckets
            .chunks(group)
            .map(|buckets| buckets.iter().copied().reduce(PriceBucket::merged).unwrap_or(buckets[0]));
        let times = record.times.chunks(group).map(|times| times[times.len() - 1]);
        let mut price = PriceData {
            venue: &label.venue,
            symbol: &label.symbol,
            time: Vec::new(),
            low: Vec::new(),
            high: Vec::new(),
            last: Vec::new(),
        };
        for (ts, bucket) in times.zip(merged).filter(|(_, bucket)| bucket.last.is_finite()) {
            price.time.push(next_second(ts));
            price.low.push(short(bucket.low));
            price.high.push(short(bucket.high));
            price.last.push(short(bucket.last));
        }
        price
    };
    (0..record.instruments.len()).map(data).collect()
}

impl DrawdownData {
    fn new(drawdown: Drawdown) -> Self {
        Self {
            peak: seconds(drawdown.peak),
            trough: seconds(drawdown.trough),
            recovered: drawdown.recovered.map(seconds),
            depth: drawdown.depth,
        }
    }
}

impl RollingData {
    fn new(record: &Record, summary: &Summary, samples: &Samples) -> Self {
        let risk_free = per_period(summary.metrics.risk_free, samples.period.per_year());
        let shortened = |values: Vec<Option<f64>>| values.into_iter().map(|value| value.map(short)).collect();
        let closing = |trade: &ClosedTrade| (trade.closed_at, trade.net_pnl > Money::ZERO);
        let closings: Vec<_> = record.trades.iter().map(closing).collect();
        let wins = WINDOWS.map(|days| rolling_wins(record.from, &samples.times, &closings, days));
        Self {
            time: samples.times.iter().map(|ts| next_second(*ts)).collect(),
            windows: WINDOWS,
            sharpe: WINDOWS.map(|days| shortened(rolling_sharpe(samples, days, risk_free))).into(),
            win_rate: wins.iter().map(|wins| shortened(wins.iter().map(Wins::rate).collect())).collect(),
            closed: wins.iter().map(|wins| wins.iter().map(|wins| wins.closed).collect()).collect(),
        }
    }
}

impl TradeData {
    fn new(record: &Record) -> Self {
        let (liquidated, by_host) = (risk::liquidated_trades(record), risk::trades_ended_by_host(record));
        let mut data = Self { liquidated, by_host, ..Self::default() };
        for trade in &record.trades {
            data.strategy.push(trade.strategy.0);
            data.instrument.push(trade.instrument.0);
            data.side.push(direction(trade.side));
            data.opened.push(seconds(trade.opened_at));
            data.closed.push(seconds(trade.closed_at));
            data.quantity.push(trade.quantity.to_f64());
            data.entry.push(trade.entry_price.to_f64());
            data.exit.push(trade.exit_price.to_f64());
            data.fees.push(trade.fees.to_f64());
            data.slippage.push(trade.slippage.to_f64());
            data.funding.push(trade.funding.to_f64());
            data.insurance.push(trade.insurance.to_f64());
            data.net.push(trade.net_pnl.to_f64());
            data.result.push(trade_return(trade).map(short));
        }
        data
    }
}

/// The first full second at or after `ts`: buckets end on full seconds, so that no two of them share one.
const fn next_second(ts: Timestamp) -> i64 {
    -(-ts.0).div_euclid(NANOS_PER_SECOND)
}

/// Rounded to eight significant digits, enough for any screen.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    // Powers of ten are exact up to 10^22.
    let factor = (0..(7 - magnitude).clamp(0, 15)).fold(1.0, |factor, _| factor * 10.0);
    libm::rint(value * factor) / factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shortened_to_what_a_screen_shows() {
        assert_eq!(short(10_023.123_456_789), 10_023.123);
        assert_eq!(short(-0.000_123_456_789_12), -0.000_123_456_79);
        assert_eq!(short(99_349_416.69), 99_349_417.0);
        assert!(short(f64::NAN).is_nan());
    }

    #[test]
    fn a_mark_inside_a_part_is_plain_text() {
        let values = [("{{x}}", Cow::Borrowed("{{y}}")), ("{{y}}", Cow::Borrowed("1"))];
        assert_eq!(fill("a {{x}} b {{y}}", values).concat(), "a {{y}} b 1");
    }

    #[test]
    fn times_move_to_full_seconds_without_meeting() {
        assert_eq!(next_second(Timestamp(1)), 1);
        assert_eq!(next_second(Timestamp(NANOS_PER_SECOND)), 1);
        assert_eq!(next_second(Timestamp(NANOS_PER_SECOND + 1)), 2);
    }
}
