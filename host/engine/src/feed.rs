//! The base bars of one instrument, read ahead by one block.

use std::sync::Arc;

use cryptobot_model::{Bar, Timeframe, Timestamp};
use cryptobot_sim::BarInterval;

use crate::source::{BarBlock, BarSource, SourceError};

/// No further bar.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

/// Rows that are turned from columns into bars at a time: few enough to stay in the nearest cache.
const WINDOW_ROWS: usize = 256;

pub(crate) struct Feed {
    source: Box<dyn BarSource>,
    length_ns: i64,
    block: Arc<BarBlock>,
    /// Rows of the block that are in the window or were.
    taken: usize,
    /// The newest bar that was taken, then those that come next.
    window: Vec<BarInterval>,
    newest: usize,
}

impl Feed {
    pub(crate) fn open(source: Box<dyn BarSource>, timeframe: Timeframe) -> Result<Self, SourceError> {
        let mut feed = Self {
            source,
            length_ns: timeframe.nanos(),
            block: Arc::default(),
            taken: 0,
            window: Vec::with_capacity(WINDOW_ROWS + 1),
            newest: 0,
        };
        feed.window.push(BarInterval::default());
        feed.refill()?;
        Ok(feed)
    }

    /// Close time of the next bar, [`NEVER`] at the end.
    pub(crate) fn next_close(&self) -> Timestamp {
        self.window.get(self.newest + 1).map_or(NEVER, |interval| interval.bar.ts)
    }

    /// The newest bar that was taken; an empty one before the first.
    #[inline]
    pub(crate) fn newest(&self) -> &BarInterval {
        &self.window[self.newest]
    }

    /// Bars that come next and are at hand.
    #[inline]
    pub(crate) fn ahead(&self) -> &[BarInterval] {
        &self.window[self.newest + 1..]
    }

    /// The newest bar that was taken and those that come next.
    pub(crate) fn newest_and_ahead(&self) -> &[BarInterval] {
        &self.window[self.newest..]
    }

    /// Takes bars of those at hand.
    pub(crate) fn advance(&mut self, bars: usize) -> Result<(), SourceError> {
        self.newest += bars;
        if self.newest + 1 == self.window.len() { self.refill() } else { Ok(()) }
    }

    /// Takes the next bar. It is there: [`Feed::next_close`] told when it closes.
    #[inline]
    pub(crate) fn take(&mut self) -> Result<(), SourceError> {
        self.advance(1)
    }

    /// The bar that closes at `close`, where there is one; earlier ones are passed over. For a series that is read
    /// beside another one.
    pub(crate) fn at(&mut self, close: Timestamp) -> Result<Option<&BarInterval>, SourceError> {
        while self.next_close() <= close {
            self.take()?;
        }
        Ok(Some(self.newest()).filter(|interval| interval.bar.ts == close))
    }

    /// The bar that comes next, where there is one.
    pub(crate) fn next(&self) -> Option<&BarInterval> {
        self.window.get(self.newest + 1)
    }

    fn refill(&mut self) -> Result<(), SourceError> {
        if self.taken == self.block.len() {
            match self.source.next_shared() {
                Some(block) => self.block = block,
                None => self.source.next_block(Arc::make_mut(&mut self.block))?,
            }
            self.taken = 0;
        }
        let rows = self.taken..(self.taken + WINDOW_ROWS).min(self.block.len());
        self.taken = rows.end;
        let (block, length_ns) = (&self.block, self.length_ns);
        let prices =
            block.open[rows.clone()].iter().zip(&block.high[rows.clone()]).zip(&block.low[rows.clone()]);
        let ends = block.close[rows.clone()].iter().zip(&block.volume[rows.clone()]);
        self.window.drain(..self.newest);
        self.newest = 0;
        self.window.extend(block.open_ms[rows].iter().zip(prices).zip(ends).map(
            |((open_ms, ((open, high), low)), (close, volume))| {
                let open_ts = Timestamp::from_millis(*open_ms);
                let ts = open_ts.plus(length_ns);
                let bar = Bar { ts, open: *open, high: *high, low: *low, close: *close, volume: *volume };
                BarInterval { open_ts, bar }
            },
        ));
        Ok(())
    }
}
