//! From the vocabulary of the host to that of the contract.

use cryptobot_model::{
    Bar, ClosedTrade, OrderEvent, OrderEventKind, ParamValue, RefusalReason, SeriesId, SeriesInfo, Side,
};

use crate::bindings::cryptobot::plugin::types;

impl From<&Bar> for types::Bar {
    #[inline]
    fn from(bar: &Bar) -> Self {
        let Bar { ts, open, high, low, close, volume } = *bar;
        Self { ts: ts.0, open, high, low, close, volume }
    }
}

impl From<Side> for types::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}

impl From<OrderEventKind> for types::OrderEventKind {
    fn from(kind: OrderEventKind) -> Self {
        match kind {
            OrderEventKind::Submitted => Self::Submitted,
            OrderEventKind::Accepted => Self::Accepted,
            OrderEventKind::Rejected => Self::Rejected,
            OrderEventKind::Triggered => Self::Triggered,
            OrderEventKind::PartiallyFilled => Self::PartiallyFilled,
            OrderEventKind::Filled => Self::Filled,
            OrderEventKind::Modified => Self::Modified,
            OrderEventKind::Cancelled => Self::Cancelled,
            OrderEventKind::Expired => Self::Expired,
        }
    }
}

impl From<&OrderEvent> for types::OrderEvent {
    fn from(event: &OrderEvent) -> Self {
        Self {
            ts: event.ts.0,
            series: event.series.0,
            id: event.id.0,
            kind: event.kind.into(),
            side: event.side.into(),
            price: event.price.to_f64(),
            quantity: event.quantity.to_f64(),
            remaining: event.remaining.to_f64(),
            fee: event.fee.to_f64(),
            maker: event.maker,
            reason: event.reason.map_or(0, RefusalReason::code),
        }
    }
}

/// A closed position, as told to the owner of `series`.
pub(crate) fn position_close(series: SeriesId, trade: &ClosedTrade) -> types::PositionClose {
    types::PositionClose {
        ts: trade.closed_at.0,
        series: series.0,
        side: trade.side.into(),
        opened_at: trade.opened_at.0,
        quantity: trade.quantity.to_f64(),
        entry_price: trade.entry_price.to_f64(),
        exit_price: trade.exit_price.to_f64(),
        net_pnl: trade.net_pnl.to_f64(),
    }
}

/// A series as it is given to `init`.
pub(crate) fn series_info(info: &SeriesInfo) -> types::SeriesInfo {
    types::SeriesInfo {
        id: info.id.0,
        role: info.role.clone(),
        symbol: info.symbol.clone(),
        venue: info.venue.clone(),
        timeframe_ns: info.timeframe.nanos(),
        tick: info.tick,
        lot: info.lot,
        min_notional: info.min_notional,
    }
}

/// Parameters as they are given to `init`.
pub(crate) fn params(params: &[(String, ParamValue)]) -> Vec<types::Param> {
    let value = |value: &ParamValue| match value {
        ParamValue::Flag(flag) => types::Value::Flag(*flag),
        ParamValue::Integer(whole) => types::Value::Integer(*whole),
        ParamValue::Number(number) => types::Value::Number(*number),
        ParamValue::Text(text) => types::Value::Text(text.clone()),
    };
    params.iter().map(|(name, given)| types::Param { name: name.clone(), value: value(given) }).collect()
}
