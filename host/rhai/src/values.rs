//! The kinds of values that a script gets from the host.

use cryptobot_engine::Column;
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, OrderEventKind, RefusalReason, Side};
use rhai::{Engine, INT, ImmutableString};

use crate::context::{Answer, mistake};

/// One output of a declared indicator, or a column of features; the same for all symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) slot: Slot,
    /// Number of the output or column.
    pub(crate) output: u32,
}

/// What a line belongs to, by its place among what was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// An indicator.
    Indicator(u32),
    /// Features.
    Features(u32),
}

/// Declared features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features(pub(crate) u32);

/// A series by its role: 0 is the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Series(pub(crate) usize);

/// What a script keeps from bar to bar, of the symbol that is being served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State;

/// An order's event as scripts see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event(pub(crate) OrderEvent);

/// A closed position as scripts see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed(pub(crate) ClosedTrade);

/// Names the types and gives them their properties.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Line>("indicator");
    engine.register_type_with_name::<Features>("features");
    engine.register_type_with_name::<Series>("series");
    engine.register_type_with_name::<State>("state");
    engine.register_fn("==", |a: Series, b: Series| a == b);
    engine.register_fn("!=", |a: Series, b: Series| a != b);
    bar(engine);
    event(engine);
    closed(engine);
}

fn bar(engine: &mut Engine) {
    engine
        .register_type_with_name::<Bar>("bar")
        .register_get("time", |bar: &mut Bar| bar.ts.0)
        .register_get("open", |bar: &mut Bar| bar.open)
        .register_get("high", |bar: &mut Bar| bar.high)
        .register_get("low", |bar: &mut Bar| bar.low)
        .register_get("close", |bar: &mut Bar| bar.close)
        .register_get("volume", |bar: &mut Bar| bar.volume);
}

fn event(engine: &mut Engine) {
    engine
        .register_type_with_name::<Event>("order event")
        .register_get("time", |event: &mut Event| event.0.ts.0)
        .register_get("id", |event: &mut Event| event.0.id.0 as INT)
        .register_get("kind", |event: &mut Event| ImmutableString::from(kind_name(event.0.kind)))
        .register_get("side", |event: &mut Event| ImmutableString::from(side_name(event.0.side)))
        .register_get("price", |event: &mut Event| event.0.price.to_f64())
        .register_get("quantity", |event: &mut Event| event.0.quantity.to_f64())
        .register_get("remaining", |event: &mut Event| event.0.remaining.to_f64())
        .register_get("fee", |event: &mut Event| event.0.fee.to_f64())
        .register_get("maker", |event: &mut Event| event.0.maker)
        .register_get("reason", |event: &mut Event| {
            ImmutableString::from(event.0.reason.map_or("", RefusalReason::name))
        });
}

fn closed(engine: &mut Engine) {
    engine
        .register_type_with_name::<Closed>("trade")
        .register_get("opened_at", |trade: &mut Closed| trade.0.opened_at.0)
        .register_get("closed_at", |trade: &mut Closed| trade.0.closed_at.0)
        .register_get("side", |trade: &mut Closed| ImmutableString::from(side_name(trade.0.side)))
        .register_get("quantity", |trade: &mut Closed| trade.0.quantity.to_f64())
        .register_get("entry_price", |trade: &mut Closed| trade.0.entry_price.to_f64())
        .register_get("exit_price", |trade: &mut Closed| trade.0.exit_price.to_f64())
        .register_get("net_pnl", |trade: &mut Closed| trade.0.net_pnl.to_f64());
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// As the contract names them.
const fn kind_name(kind: OrderEventKind) -> &'static str {
    match kind {
        OrderEventKind::Submitted => "submitted",
        OrderEventKind::Accepted => "accepted",
        OrderEventKind::Rejected => "rejected",
        OrderEventKind::Triggered => "triggered",
        OrderEventKind::PartiallyFilled => "partially-filled",
        OrderEventKind::Filled => "filled",
        OrderEventKind::Modified => "modified",
        OrderEventKind::Cancelled => "cancelled",
        OrderEventKind::Expired => "expired",
    }
}

/// A side by its name.
pub(crate) fn side(name: &str) -> Answer<Side> {
    match name {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => mistake(format!("a side is \"buy\" or \"sell\", not \"{name}\"")),
    }
}

/// A column of a bar by its name.
pub(crate) fn column(name: &str) -> Answer<Column> {
    Ok(match name {
        "time" => Column::Ts,
        "open" => Column::Open,
        "high" => Column::High,
        "low" => Column::Low,
        "close" => Column::Close,
        "volume" => Column::Volume,
        _ => {
            return mistake(format!(
                "a bar has \"time\", \"open\", \"high\", \"low\", \"close\" and \"volume\", not \"{name}\""
            ));
        }
    })
}
