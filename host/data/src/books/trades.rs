//! Rows of the kind `aggtrades` as trades on the grid, and as bars.

use cryptobot_engine::{BarBlock, BarSource, SourceError};
use cryptobot_model::{DepthTrade, Side, Timestamp};

use super::cursor::Cursor;
use crate::error::DataError;
use crate::messages::{BarBuilder, TapeGrid};

/// Columns of the kind `aggtrades`, in their order.
const PRICE: usize = 2;
const QUANTITY: usize = 3;
const BUYER_IS_MAKER: usize = 6;

/// Bars that are built at a time, at least.
const BLOCK_ROWS: usize = 4_096;

/// Reads trades.
pub(super) struct TradeRows(pub Cursor);

impl TradeRows {
    /// The next trade.
    pub fn next(&mut self) -> Result<Option<(Timestamp, DepthTrade)>, DataError> {
        if !self.0.is_on_row()? {
            return Ok(None);
        }
        let (tick, lots) = self.0.on_grid(PRICE, QUANTITY)?;
        let aggressor = if self.0.flag(BUYER_IS_MAKER) { Side::Sell } else { Side::Buy };
        let ts = Timestamp::from_millis(self.0.ts_ms());
        self.0.advance();
        Ok(Some((ts, DepthTrade { aggressor, tick, lots })))
    }
}

/// Bars of stored trades, built while they are read.
pub struct TradeBars {
    pub(super) trades: TradeRows,
    pub(super) grid: TapeGrid,
    pub(super) builder: BarBuilder,
    /// Close of the last bar.
    pub(super) to: Timestamp,
    pub(super) is_over: bool,
}

impl TradeBars {
    /// Replaces the contents of `block` with the next bars; leaves it empty at the end.
    pub fn read(&mut self, block: &mut BarBlock) -> Result<(), DataError> {
        block.clear();
        while block.len() < BLOCK_ROWS && !self.is_over {
            if let Some((ts, trade)) = self.trades.next()? {
                let (price, quantity) = self.grid.amounts(trade);
                self.builder.trade(ts, price, quantity, block);
            } else {
                self.builder.finish(self.to, block);
                self.is_over = true;
            }
        }
        Ok(())
    }
}

impl BarSource for TradeBars {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        self.read(block).map_err(SourceError::from)
    }
}
