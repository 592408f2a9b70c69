//! The base bars of one instrument, read ahead by one block.

use cryptobot_model::{Bar, Timeframe, Timestamp};
use cryptobot_sim::BarInterval;

use crate::source::{BarBlock, BarSource, SourceError};

/// No further bar.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

pub(crate) struct Feed {
    source: Box<dyn BarSource>,
    length_ns: i64,
    block: BarBlock,
    row: usize,
    next_close: Timestamp,
}

impl Feed {
    pub(crate) fn open(source: Box<dyn BarSource>, timeframe: Timeframe) -> Result<Self, SourceError> {
        let mut feed = Self {
            source,
            length_ns: timeframe.nanos(),
            block: BarBlock::default(),
            row: 0,
            next_close: NEVER,
        };
        feed.load()?;
        Ok(feed)
    }

    /// Close time of the next bar, [`NEVER`] at the end.
    pub(crate) fn next_close(&self) -> Timestamp {
        self.next_close
    }

    /// The next bar. Only called while [`Feed::next_close`] is a time.
    pub(crate) fn bar(&self) -> BarInterval {
        let (block, row) = (&self.block, self.row);
        BarInterval {
            open_ts: Timestamp(self.next_close.0 - self.length_ns),
            bar: Bar {
                ts: self.next_close,
                open: block.open[row],
                high: block.high[row],
                low: block.low[row],
                close: block.close[row],
                volume: block.volume[row],
            },
        }
    }

    /// Goes on to the bar after the next one.
    pub(crate) fn advance(&mut self) -> Result<(), SourceError> {
        self.row += 1;
        if self.row < self.block.len() {
            self.set_next_close();
            Ok(())
        } else {
            self.load()
        }
    }

    fn load(&mut self) -> Result<(), SourceError> {
        self.source.next_block(&mut self.block)?;
        self.row = 0;
        if self.block.is_empty() {
            self.next_close = NEVER;
        } else {
            self.set_next_close();
        }
        Ok(())
    }

    fn set_next_close(&mut self) {
        self.next_close = Timestamp::from_millis(self.block.open_ms[self.row]).plus(self.length_ns);
    }
}
