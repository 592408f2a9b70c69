//! The base bars of one instrument, read ahead by one block.

use std::sync::Arc;

use cryptobot_model::{Timeframe, Timestamp};
use cryptobot_sim::BarInterval;

use crate::source::{BarBlock, BarSource, BarWindow, SourceError, Windows};

/// No further bar.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

pub(crate) struct Feed {
    source: Box<dyn BarSource>,
    /// For sources whose bars come in columns: the columns, and how many rows of them were in a window.
    windows: Windows,
    block: BarBlock,
    taken: usize,
    window: Arc<BarWindow>,
    /// Bars of the window, with the one before it.
    length: usize,
    /// The newest bar that was taken, in the window.
    newest: usize,
}

impl Feed {
    pub(crate) fn open(source: Box<dyn BarSource>, timeframe: Timeframe) -> Result<Self, SourceError> {
        let mut feed = Self {
            source,
            windows: Windows::new(timeframe),
            block: BarBlock::default(),
            taken: 0,
            window: Arc::default(),
            length: 0,
            newest: 0,
        };
        feed.refill()?;
        Ok(feed)
    }

    /// Close time of the next bar, [`NEVER`] at the end.
    pub(crate) fn next_close(&self) -> Timestamp {
        self.next().map_or(NEVER, |interval| interval.bar.ts)
    }

    /// The newest bar that was taken; an empty one before the first.
    #[inline]
    pub(crate) fn newest(&self) -> &BarInterval {
        &self.window.with_before()[self.newest]
    }

    /// Bars that come next and are at hand.
    #[inline]
    pub(crate) fn ahead(&self) -> &[BarInterval] {
        &self.window.with_before()[self.newest + 1..]
    }

    /// The newest bar that was taken and those that come next.
    pub(crate) fn newest_and_ahead(&self) -> &[BarInterval] {
        &self.window.with_before()[self.newest..]
    }

    /// Takes bars of those at hand.
    pub(crate) fn advance(&mut self, bars: usize) -> Result<(), SourceError> {
        self.newest += bars;
        self.look_again()
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

    /// Asks the source again, where it had nothing more: for sources that are filled while the run goes on.
    pub(crate) fn look_again(&mut self) -> Result<(), SourceError> {
        if self.newest + 1 == self.length { self.refill() } else { Ok(()) }
    }

    /// The bar that comes next, where there is one.
    pub(crate) fn next(&self) -> Option<&BarInterval> {
        self.window.with_before().get(self.newest + 1)
    }

    fn refill(&mut self) -> Result<(), SourceError> {
        self.newest = 0;
        if let Some(window) = self.source.next_window() {
            self.window = window?;
            self.length = self.window.with_before().len();
            return Ok(());
        }
        if self.taken == self.block.len() {
            self.source.next_block(&mut self.block)?;
            self.taken = 0;
        }
        self.windows.fill(Arc::make_mut(&mut self.window), &self.block, &mut self.taken);
        self.length = self.window.with_before().len();
        Ok(())
    }
}
