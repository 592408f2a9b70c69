//! Microstructure from trades.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::average::Vwma;
use crate::input::Trade;
use crate::kind::{Kind, kinds};
use crate::moving_average::Sma;
use crate::pair::Covariance;
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Previous, Sum, ratio};

pub(crate) const KINDS: &[Kind<Trade>] = kinds! { Trade:
    trade_intensity(period: u32 = 100 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "ts", "Trades per second over the last `period` intervals between trades; 0 where they took no time",
        source "common", oracle "definition";
        TradeIntensity::new(period)? => |i, trade| i.update(trade.ts),
    taker_ratio(period: u32 = 100 in 1..=MAX_PERIOD) -> ["value"], from period;
        "quantity, side", "Share of the quantity that takers bought, 0 to 1", source "common", oracle "definition";
        TakerFlow::new(period)? => |i, trade| f64::midpoint(i.update(trade), 1.0),
    trade_imbalance(period: u32 = 100 in 1..=MAX_PERIOD) -> ["value"], from period;
        "quantity, side", "Bought minus sold quantity of takers per quantity, -1 to 1", source "common", oracle "definition";
        TakerFlow::new(period)? => |i, trade| i.update(trade),
    average_trade_size(period: u32 = 100 in 1..=MAX_PERIOD) -> ["value"], from period;
        "quantity", "Mean quantity of the last `period` trades", source "common", oracle "definition";
        Sma::new(period)? => |i, trade| i.update(trade.quantity),
    trade_vwap(period: u32 = 100 in 1..=MAX_PERIOD) -> ["value"], from period;
        "price, quantity", "Volume-weighted average price of the last `period` trades", source "common", oracle "definition";
        Vwma::new(period)? => |i, trade| i.update(trade.price, trade.quantity),
    kyle_lambda(period: u32 = 100 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "price, quantity, side", "Kyle's lambda: slope of price changes over signed quantities, price per base unit",
        source "Kyle 1985", oracle "definition";
        KyleLambda::new(period)? => |i, trade| i.update(trade),
};

/// Trades per second over the last `period` intervals. First result at trade `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TradeIntensity {
    previous: Option<i64>,
    /// Seconds between trades.
    gaps: Sum,
}

impl TradeIntensity {
    /// Over `period` intervals (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { previous: None, gaps: Sum::new(checked("trade intensity period", period, 1)?) })
    }

    /// Takes the time of the next trade, in ns, and returns the trades per second.
    #[inline]
    pub fn update(&mut self, ts: i64) -> f64 {
        let Some(before) = self.previous.replace(ts) else {
            return f64::NAN;
        };
        let seconds = self.gaps.update((ts - before) as f64 / 1e9);
        // Below a nanosecond there is only rounding.
        if seconds < 1e-9 { 0.0 } else { self.gaps.window().len() / seconds }
    }
}

/// Bought minus sold quantity of takers per quantity over the last `period` trades. First result at the `period`-th.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TakerFlow {
    signed: Sum,
    all: Sum,
}

impl TakerFlow {
    /// Over `period` trades (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("taker flow period", period, 1)?);
        Ok(Self { signed: sum.clone(), all: sum })
    }

    /// Takes the next trade and returns the flow, -1 to 1.
    #[inline]
    pub fn update(&mut self, trade: &Trade) -> f64 {
        ratio(self.signed.update(trade.signed()), self.all.update(trade.quantity))
    }
}

/// Kyle's lambda (1985): least-squares slope of the change of price from trade to trade over the signed quantity, for the
/// last `period` trades; 0 where quantities do not differ. First result at trade `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct KyleLambda {
    price: Previous,
    relation: Covariance,
}

impl KyleLambda {
    /// Over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let relation = Covariance::new(checked("kyle lambda period", period, 2)?)?;
        Ok(Self { price: Previous::NONE, relation })
    }

    /// Takes the next trade and returns the slope.
    #[inline]
    pub fn update(&mut self, trade: &Trade) -> f64 {
        let change = trade.price - self.price.replace(trade.price);
        if change.is_nan() { change } else { self.relation.update(trade.signed(), change).slope }
    }
}
