//! A bar that is built from trades.

use cryptobot_model::{Timeframe, Timestamp};

use super::rows::Cell;

/// A trade as bars take it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarTrade {
    /// When, ms since the epoch, UTC.
    pub ts_ms: i64,
    /// Price.
    pub price: f64,
    /// Amount in base units.
    pub quantity: f64,
    /// Whether the taker bought; `None` where it is not known.
    pub taker_bought: Option<bool>,
}

/// The bar of one or more trades of one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeBar {
    open_ms: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    quote_volume: f64,
    trades: i64,
    taker_buy_volume: Option<f64>,
}

impl TradeBar {
    /// The bar of a length in which a trade lies, with nothing but this trade.
    pub fn of(trade: &BarTrade, length: Timeframe) -> Self {
        let BarTrade { ts_ms, price, quantity, taker_bought } = *trade;
        Self {
            open_ms: length.open_of(Timestamp::from_millis(ts_ms)).millis(),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: quantity,
            quote_volume: price * quantity,
            trades: 1,
            taker_buy_volume: taker_bought.map(|bought| if bought { quantity } else { 0.0 }),
        }
    }

    /// Open time, ms since the epoch, UTC.
    pub const fn open_ms(&self) -> i64 {
        self.open_ms
    }

    /// Adds what was traded in the same interval after it.
    #[must_use]
    pub fn then(self, later: &Self) -> Self {
        Self {
            open_ms: self.open_ms,
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            close: later.close,
            volume: self.volume + later.volume,
            quote_volume: self.quote_volume + later.quote_volume,
            trades: self.trades + later.trades,
            taker_buy_volume: self
                .taker_buy_volume
                .zip(later.taker_buy_volume)
                .map(|(ours, theirs)| ours + theirs),
        }
    }

    /// The columns of bars, in the order of the kind.
    pub fn cells(self) -> [Cell; 9] {
        [
            self.open_ms.into(),
            self.open.into(),
            self.high.into(),
            self.low.into(),
            self.close.into(),
            self.volume.into(),
            self.quote_volume.into(),
            self.trades.into(),
            self.taker_buy_volume.map_or(Cell::Empty, Cell::from),
        ]
    }
}
