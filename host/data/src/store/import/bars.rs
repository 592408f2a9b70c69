//! Bars from the trades of a foreign file.

use cryptobot_model::{Timeframe, Timestamp};

use crate::store::rows::Cell;

/// Builds bars from trades that come in the order of time. A stretch without a trade has no bar.
pub(super) struct TradeBars {
    length: Timeframe,
    bar: Option<Bar>,
}

#[derive(Clone, Copy)]
struct Bar {
    open_ms: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    quote_volume: f64,
    trades: i64,
}

impl TradeBars {
    /// Bars of a length, none yet.
    pub fn new(length: Timeframe) -> Self {
        Self { length, bar: None }
    }

    /// Adds a trade; returns the bar before, where this one begins the next.
    pub fn add(&mut self, ts_ms: i64, price: f64, quantity: f64) -> Result<Option<[Cell; 9]>, String> {
        let open_ms = self.length.open_of(Timestamp::from_millis(ts_ms)).millis();
        if let Some(bar) = &mut self.bar {
            if open_ms < bar.open_ms {
                return Err(
                    "a trade stands before an earlier one: bars are built in the order of time; of an \
                            archive of several files, --entry chooses one"
                        .to_owned(),
                );
            }
            if open_ms == bar.open_ms {
                bar.high = bar.high.max(price);
                bar.low = bar.low.min(price);
                bar.close = price;
                bar.volume += quantity;
                bar.quote_volume += price * quantity;
                bar.trades += 1;
                return Ok(None);
            }
        }
        let first = Bar {
            open_ms,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: quantity,
            quote_volume: price * quantity,
            trades: 1,
        };
        Ok(self.bar.replace(first).map(cells))
    }

    /// The last bar.
    pub fn finish(self) -> Option<[Cell; 9]> {
        self.bar.map(cells)
    }
}

/// The columns of bars.
fn cells(bar: Bar) -> [Cell; 9] {
    [
        bar.open_ms.into(),
        bar.open.into(),
        bar.high.into(),
        bar.low.into(),
        bar.close.into(),
        bar.volume.into(),
        bar.quote_volume.into(),
        bar.trades.into(),
        Cell::Empty,
    ]
}
