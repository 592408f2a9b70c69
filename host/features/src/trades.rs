//! Columns of trades: fed with every trade, read at the close of each bar.

use cryptobot_data::DataError;
use cryptobot_data::store::SeriesKind;
use cryptobot_indicators::{ColumnSpec, FeatureSet, Trade};
use cryptobot_model::Timestamp;

use crate::error::FeatureError;
use crate::market::Market;
use crate::side::{Interval, RowCursor, Side};

/// Columns of the kind `aggtrades`, in their order.
const PRICE: usize = 2;
const QUANTITY: usize = 3;
const BUYER_IS_MAKER: usize = 6;

pub(crate) struct Trades {
    set: FeatureSet<Trade>,
    rows: RowCursor,
    /// Time of the newest trade, ms.
    newest_ms: i64,
}

impl Trades {
    pub(crate) fn open(
        market: &Market,
        columns: &[ColumnSpec],
        period: (Timestamp, Timestamp),
    ) -> Result<Self, FeatureError> {
        let rows = market.cursor(SeriesKind::AggTrades, columns, period)?;
        Ok(Self { set: FeatureSet::of(columns)?, rows, newest_ms: i64::MIN })
    }
}

impl Side for Trades {
    /// A bar of which no trade is stored although something was traded in it has a hole.
    fn advance(&mut self, bar: Interval) -> Result<Option<&'static str>, DataError> {
        while let Some(row) = self.rows.next_before(bar.close_ms)? {
            self.newest_ms = row.ts_ms();
            self.set.update(&Trade {
                ts: Timestamp::from_millis(row.ts_ms()).0,
                price: row.number(PRICE).unwrap_or(f64::NAN),
                quantity: row.number(QUANTITY).unwrap_or(f64::NAN),
                taker_buys: !row.flag(BUYER_IS_MAKER),
            });
        }
        Ok((bar.traded && self.newest_ms < bar.open_ms).then_some("aggtrades"))
    }

    fn values(&self) -> &[f64] {
        self.set.values()
    }
}
