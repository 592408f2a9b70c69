//! Bars from the trades of a foreign file.

use cryptobot_model::Timeframe;

use crate::store::rows::Cell;
use crate::store::trade_bar::{BarTrade, TradeBar};

/// Builds bars from trades that come in the order of time. A stretch without a trade has no bar.
pub(super) struct TradeBars {
    length: Timeframe,
    bar: Option<TradeBar>,
}

impl TradeBars {
    /// Bars of a length, none yet.
    pub fn new(length: Timeframe) -> Self {
        Self { length, bar: None }
    }

    /// Adds a trade; returns the bar before, where this one begins the next.
    pub fn add(&mut self, ts_ms: i64, price: f64, quantity: f64) -> Result<Option<[Cell; 9]>, String> {
        let trade = BarTrade { ts_ms, price, quantity, taker_bought: None };
        let newest = TradeBar::of(&trade, self.length);
        match &mut self.bar {
            Some(bar) if newest.open_ms() < bar.open_ms() => {
                let message = "a trade stands before an earlier one: bars are built in the order of time; of an \
                               archive of several files, --entry chooses one";
                Err(message.to_owned())
            }
            Some(bar) if newest.open_ms() == bar.open_ms() => {
                *bar = bar.then(&newest);
                Ok(None)
            }
            bar => Ok(bar.replace(newest).map(TradeBar::cells)),
        }
    }

    /// The last bar.
    pub fn finish(self) -> Option<[Cell; 9]> {
        self.bar.map(TradeBar::cells)
    }
}
