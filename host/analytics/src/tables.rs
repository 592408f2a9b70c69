//! `orders.csv`, `fills.csv`, `trades.csv`, `funding.csv` and `equity.csv`: exact decimals, times in ISO 8601 UTC.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use cryptobot_model::{
    Callback, FundingPrice, Liquidity, Money, OrderEventKind, Side, TimeInForce, Timestamp, TriggerSource,
};

use crate::metrics::trading::trade_return;
use crate::orders::OrderRow;
use crate::record::Record;

/// Text that is written at once: a table is never in memory as a whole.
const CHUNK_BYTES: usize = 1 << 18;

/// Writes a header and a row for each of `items`, which has its number, from 0 on.
fn table<T>(
    out: &mut dyn Write,
    header: &str,
    items: &[T],
    mut row: impl FnMut(&mut Table, usize, &T),
) -> io::Result<()> {
    let mut table = Table::default();
    table.word(header).end();
    for (index, item) in items.iter().enumerate() {
        row(&mut table, index, item);
        if table.text.len() >= CHUNK_BYTES {
            out.write_all(table.text.as_bytes())?;
            table.text.clear();
        }
    }
    out.write_all(table.text.as_bytes())
}

/// Rows of a table in memory.
#[derive(Default)]
struct Table {
    text: String,
    begun: bool,
}

impl Table {
    fn separate(&mut self) {
        if self.begun {
            self.text.push(',');
        }
        self.begun = true;
    }

    /// A value that needs no quotes: numbers, times, names of this program.
    fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        // Writing into a string cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    fn optional(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.word(""),
        }
    }

    /// A name of this program.
    fn word(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.text.push_str(value);
        self
    }

    fn optional_word(&mut self, value: Option<&str>) -> &mut Self {
        self.word(value.unwrap_or_default())
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.word(if value { "true" } else { "false" })
    }

    /// Text from outside: quoted where the format needs it, and never a formula for a spreadsheet.
    fn text(&mut self, value: &str) -> &mut Self {
        let escaped = escape(value);
        self.word(&escaped)
    }

    fn end(&mut self) {
        self.text.push('\n');
        self.begun = false;
    }
}

/// A CSV field (RFC 4180). A leading `= + - @` is disarmed with an apostrophe, because spreadsheets would compute it.
fn escape(value: &str) -> Cow<'_, str> {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if formula { Cow::Owned(format!("'{value}")) } else { Cow::Borrowed(value) };
    if value.contains([',', '"', '\n', '\r']) {
        return Cow::Owned(format!("\"{}\"", value.replace('"', "\"\"")));
    }
    value
}

/// `buy` or `sell`.
pub(crate) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// `long` or `short`, of a trade that was entered with `side`.
pub(crate) const fn direction(side: Side) -> &'static str {
    match side {
        Side::Buy => "long",
        Side::Sell => "short",
    }
}

const fn tif(tif: TimeInForce) -> &'static str {
    match tif {
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        TimeInForce::Gtx => "gtx",
        TimeInForce::Gtd(_) => "gtd",
    }
}

const fn source(source: TriggerSource) -> &'static str {
    match source {
        TriggerSource::Mark => "mark",
        TriggerSource::Last => "last",
    }
}

/// Where the price of a funding payment came from.
pub(crate) const fn funding_price(source: FundingPrice) -> &'static str {
    match source {
        FundingPrice::Recorded => "recorded",
        FundingPrice::MarkOpen => "mark-open",
        FundingPrice::LastClose => "last-close",
    }
}

/// The newest step of an order.
pub(crate) const fn status(kind: Option<OrderEventKind>) -> &'static str {
    match kind {
        None => "decided",
        Some(OrderEventKind::Submitted) => "submitted",
        Some(OrderEventKind::Accepted) => "accepted",
        Some(OrderEventKind::Rejected) => "rejected",
        Some(OrderEventKind::Triggered) => "triggered",
        Some(OrderEventKind::PartiallyFilled) => "partially-filled",
        Some(OrderEventKind::Filled) => "filled",
        Some(OrderEventKind::Modified) => "modified",
        Some(OrderEventKind::Cancelled) => "cancelled",
        Some(OrderEventKind::Expired) => "expired",
    }
}

/// One row per order.
pub fn orders(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let header = "order,strategy,venue,symbol,side,type,requested_quantity,quantity,price,trigger,trigger_source,\
         callback,callback_bps,activation,time_in_force,reduce_only,decided_at,status,updated_at,filled,average_price,fees,liquidity,reason,venue_error,origin";
    table(out, header, &record.orders, |table, _, order| order_row(table, record, order))
}

fn order_row(table: &mut Table, record: &Record, order: &OrderRow) {
    let instrument = order.instrument.map(|id| &record.instruments[id.index()]);
    let liquidity = (!order.filled.is_zero()).then_some(if order.taker { "taker" } else { "maker" });
    table.plain(order.id.0);
    table.text(&record.strategies[order.strategy.index()].name);
    table.text(instrument.map_or("", |label| &label.venue));
    table.text(instrument.map_or("", |label| &label.symbol));
    table.word(side(order.side)).word(order.terms.kind).optional(order.requested);
    table.plain(order.quantity);
    table.optional(order.terms.price).optional(order.terms.trigger);
    table.optional_word(order.terms.source.map(source));
    let (distance, bps) = match order.terms.callback {
        Some(Callback::Distance(distance)) => (Some(distance), None),
        Some(Callback::Bps(bps)) => (None, Some(bps)),
        None => (None, None),
    };
    table.optional(distance).optional(bps).optional(order.terms.activation);
    table.optional_word(order.terms.tif.map(tif));
    table.flag(order.reduce_only).plain(order.decided_at);
    table.word(status(order.status)).plain(order.updated_at).plain(order.filled);
    table.optional(order.average_price()).plain(order.fees);
    table.optional_word(liquidity).optional_word(order.reason.map(cryptobot_model::RefusalReason::name));
    table.optional_word(instrument.and_then(|label| order.venue_error(&label.venue)));
    table.word(order.origin.name());
    table.end();
}

/// One row per execution, with the rule of the exchange that produced it.
pub fn fills(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let header = "ts,order,strategy,venue,symbol,side,price,quantity,notional,fee,slippage,liquidity,rule";
    table(out, header, &record.fills, |table, _, fill| {
        let label = &record.instruments[fill.instrument.index()];
        let maker = fill.liquidity == Liquidity::Maker;
        table.plain(fill.ts).plain(fill.order.0).text(&record.strategies[fill.strategy.index()].name);
        table.text(&label.venue).text(&label.symbol).word(side(fill.side)).plain(fill.price);
        table.plain(fill.quantity).plain(fill.quantity.at(fill.price)).plain(fill.fee).plain(fill.slippage);
        table.word(if maker { "maker" } else { "taker" }).word(fill.rule.name());
        table.end();
    })
}

/// One row per closed position.
pub fn trades(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let header = "trade,strategy,venue,symbol,side,opened_at,closed_at,quantity,entry_price,exit_price,gross_pnl,\
                  fees,funding,slippage,insurance,net_pnl,return,holding_s";
    table(out, header, &record.trades, |table, index, trade| {
        let label = &record.instruments[trade.instrument.index()];
        let holding = (trade.closed_at.0 - trade.opened_at.0) as f64 / 1e9;
        table.plain(index + 1).text(&record.strategies[trade.strategy.index()].name);
        table.text(&label.venue).text(&label.symbol).word(direction(trade.side));
        table.plain(trade.opened_at).plain(trade.closed_at).plain(trade.quantity).plain(trade.entry_price);
        table.plain(trade.exit_price).plain(trade.gross_pnl).plain(trade.fees).plain(trade.funding);
        table
            .plain(trade.slippage)
            .plain(trade.insurance)
            .plain(trade.net_pnl)
            .optional(trade_return(trade))
            .plain(holding);
        table.end();
    })
}

/// One row per payment of funding.
pub fn funding(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let header = "ts,strategy,venue,symbol,position,mark,source,rate,paid";
    table(out, header, &record.funding, |table, _, payment| {
        let label = &record.instruments[payment.instrument.index()];
        table.plain(payment.ts).text(&record.strategies[payment.strategy.index()].name);
        table.text(&label.venue).text(&label.symbol).plain(payment.position).plain(payment.mark);
        table.word(funding_price(payment.source)).plain(payment.rate).plain(payment.paid);
        table.end();
    })
}

/// One row per bucket of the curves; a column per strategy where there are several.
pub fn equity(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut header = "ts,equity,low,high,drawdown,buy_and_hold".to_owned();
    let strategies = if record.strategies.len() > 1 { record.strategies.as_slice() } else { &[] };
    for strategy in strategies {
        header.push(',');
        header.push_str(&escape(&format!("equity:{}", strategy.name)));
    }
    let market = record.buy_and_hold(&record.portfolio);
    let balance = record.portfolio.initial_balance.to_f64();
    let start = record.portfolio.initial_balance;
    let mut first = Table::default();
    first.word(&header).end();
    first.plain(record.from).plain(start).plain(start).plain(start).plain(0).plain(start);
    for strategy in strategies {
        first.plain(strategy.initial_balance);
    }
    table(out, &first.text, &record.portfolio.equity, |table, index, bucket| {
        let drawdown = if bucket.of_peak < 1.0 { bucket.of_peak - 1.0 } else { 0.0 };
        table.plain(record.times[index]).optional(exact(bucket.last)).optional(exact(bucket.low));
        table.optional(exact(bucket.high)).plain(drawdown).optional(exact(market[index] * balance));
        for strategy in strategies {
            table.optional(exact(strategy.equity[index].last));
        }
        table.end();
    })
}

fn exact(value: f64) -> Option<Money> {
    Money::from_f64(value)
}

/// Seconds since the epoch, as charts want them.
pub(crate) const fn seconds(ts: Timestamp) -> i64 {
    ts.0.div_euclid(cryptobot_model::time::NANOS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_written_in_chunks_is_one_table() {
        let items: Vec<usize> = (0..CHUNK_BYTES / 4).collect();
        let mut written = Vec::new();
        table(&mut written, "number,item", &items, |table, number, item| {
            table.plain(number).plain(item).end();
        })
        .unwrap();
        assert!(written.len() > 2 * CHUNK_BYTES);
        let text = String::from_utf8(written).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("number,item"));
        assert!(lines.enumerate().all(|(index, line)| line == format!("{index},{index}")));
        assert_eq!(text.lines().count(), items.len() + 1);
        let mut empty = Vec::new();
        table(&mut empty, "a", &[(); 0], |_, _, ()| {}).unwrap();
        assert_eq!(empty, b"a\n");
    }

    #[test]
    fn text_from_outside_cannot_break_a_row_or_become_a_formula() {
        assert_eq!(escape("trend"), "trend");
        assert_eq!(escape("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(escape("=1+1"), "'=1+1");
    }
}
