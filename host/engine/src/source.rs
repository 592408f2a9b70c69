//! Where bars come from.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use cryptobot_model::{Bar, Timeframe, Timestamp};
use cryptobot_sim::BarInterval;

use crate::rows::Rows;

/// Rows that are turned from columns into bars at a time: few enough to stay in the nearest cache.
const WINDOW_ROWS: usize = 256;

/// Rows of one bar series as columns of equal length, in strictly rising order of time.
#[derive(Clone, Debug, Default)]
pub struct BarBlock {
    /// Open times, ms since the epoch, UTC: the unit of stored data.
    pub open_ms: Vec<i64>,
    /// First prices.
    pub open: Vec<f64>,
    /// Highest prices.
    pub high: Vec<f64>,
    /// Lowest prices.
    pub low: Vec<f64>,
    /// Last prices.
    pub close: Vec<f64>,
    /// Traded amounts in base units.
    pub volume: Vec<f64>,
}

impl BarBlock {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.open_ms.len()
    }

    /// Whether the block has no rows.
    pub fn is_empty(&self) -> bool {
        self.open_ms.is_empty()
    }

    /// Adds the first rows of another block, at most `count`.
    pub fn append(&mut self, other: &Self, count: usize) {
        self.extend_from(other, 0..count.min(other.len()));
    }

    /// Adds some rows of another block, all of which it has.
    pub fn extend_from(&mut self, other: &Self, rows: Range<usize>) {
        self.open_ms.extend_from_slice(&other.open_ms[rows.clone()]);
        self.open.extend_from_slice(&other.open[rows.clone()]);
        self.high.extend_from_slice(&other.high[rows.clone()]);
        self.low.extend_from_slice(&other.low[rows.clone()]);
        self.close.extend_from_slice(&other.close[rows.clone()]);
        self.volume.extend_from_slice(&other.volume[rows]);
    }

    /// Adds a bar.
    pub fn push(&mut self, BarInterval { open_ts, bar }: &BarInterval) {
        self.open_ms.push(open_ts.millis());
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.open_ms.clear();
        for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume] {
            column.clear();
        }
    }
}

/// Bars in strictly rising order of time, ready to be shown, behind the one that came before them: an empty bar before
/// the first.
#[derive(Clone, Debug)]
pub struct BarWindow(Rows);

impl Default for BarWindow {
    fn default() -> Self {
        Self::behind(BarInterval::default())
    }
}

/// Some rows of a block, which last `length_ns` each.
fn intervals(
    block: &BarBlock,
    rows: Range<usize>,
    length_ns: i64,
) -> impl ExactSizeIterator<Item = BarInterval> {
    let prices = block.open[rows.clone()].iter().zip(&block.high[rows.clone()]).zip(&block.low[rows.clone()]);
    let ends = block.close[rows.clone()].iter().zip(&block.volume[rows.clone()]);
    block.open_ms[rows].iter().zip(prices).zip(ends).map(
        move |((open_ms, ((open, high), low)), (close, volume))| {
            let open_ts = Timestamp::from_millis(*open_ms);
            let ts = open_ts.plus(length_ns);
            let bar = Bar { ts, open: *open, high: *high, low: *low, close: *close, volume: *volume };
            BarInterval { open_ts, bar }
        },
    )
}

impl BarWindow {
    /// A window without bars.
    fn behind(before: BarInterval) -> Self {
        Self(Rows::Few(vec![before]))
    }

    /// The bar before those of the window, and then they.
    #[inline]
    pub fn with_before(&self) -> &[BarInterval] {
        &self.0
    }

    /// The bars of the window.
    pub fn bars(&self) -> &[BarInterval] {
        &self.0[1..]
    }

    /// The last of its bars; the one before it where it has none.
    pub fn last(&self) -> BarInterval {
        self.0.last().copied().unwrap_or_default()
    }

    /// Replaces its bars by some rows of a block, all of which it has. They come after `before` and last `length_ns` each.
    pub fn fill(&mut self, before: BarInterval, block: &BarBlock, rows: Range<usize>, length_ns: i64) {
        let mut bars = match std::mem::take(&mut self.0) {
            Rows::Few(bars) => bars,
            Rows::Many { .. } => Vec::new(),
        };
        bars.clear();
        bars.push(before);
        bars.extend(intervals(block, rows, length_ns));
        self.0 = Rows::Few(bars);
    }
}

/// Turns blocks of one series into windows, one after another.
#[derive(Clone, Debug)]
pub struct Windows {
    length_ns: i64,
    last: BarInterval,
}

impl Windows {
    /// For bars of this length.
    pub fn new(timeframe: Timeframe) -> Self {
        Self { length_ns: timeframe.nanos(), last: BarInterval::default() }
    }

    /// Fills a window with the rows of a block from `taken` on, as many as are at hand and good for the cache; counts them.
    pub fn fill(&mut self, window: &mut BarWindow, block: &BarBlock, taken: &mut usize) {
        let rows = *taken..(*taken + WINDOW_ROWS).min(block.len());
        *taken = rows.end;
        window.fill(self.last, block, rows, self.length_ns);
        self.last = window.last();
    }

    /// All rows of a block as one window, to be kept: for bars that many runs go through.
    pub fn whole(&mut self, block: &BarBlock) -> Arc<BarWindow> {
        let bars = intervals(block, 0..block.len(), self.length_ns);
        let window = BarWindow(Rows::keep(std::iter::once(self.last).chain(bars), block.len() + 1));
        self.last = window.last();
        Arc::new(window)
    }

    /// The windows that a block is, one after another: for bars that one run goes through.
    pub fn of(&mut self, block: &BarBlock) -> Vec<Arc<BarWindow>> {
        let (mut windows, mut taken) = (Vec::with_capacity(block.len().div_ceil(WINDOW_ROWS)), 0);
        while taken < block.len() {
            let mut window = BarWindow::default();
            self.fill(&mut window, block, &mut taken);
            windows.push(Arc::new(window));
        }
        windows
    }

    /// The window behind all others: it has no bars.
    pub fn end(&self) -> Arc<BarWindow> {
        Arc::new(BarWindow::behind(self.last))
    }
}

/// Why a source stopped.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// A stream of bars of one instrument and timeframe, read block by block so that memory stays flat.
pub trait BarSource {
    /// Replaces the contents of `block` with the next rows; leaves it empty at the end.
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError>;

    /// The next rows ready to be shown, [`Windows::end`] at the end, from a source that has them so; `None` from all
    /// others, which hand them out by [`BarSource::next_block`]. A source answers in the same way all the time.
    fn next_window(&mut self) -> Option<Result<Arc<BarWindow>, SourceError>> {
        None
    }
}

/// A source over bars that are already in memory. Any number of them can share the bars.
#[derive(Clone, Debug)]
pub struct MemorySource {
    windows: Arc<[Arc<BarWindow>]>,
    next: usize,
}

impl MemorySource {
    /// A source that hands out `blocks`, bars of this length, in order.
    pub fn new(blocks: &[BarBlock], timeframe: Timeframe) -> Self {
        let mut windows = Windows::new(timeframe);
        let full = blocks.iter().filter(|block| !block.is_empty());
        let all = full.map(|block| windows.whole(block)).collect();
        Self::of(all, &windows)
    }

    /// A source that hands out the windows that were made by `maker`, all of them.
    pub fn of(mut windows: Vec<Arc<BarWindow>>, maker: &Windows) -> Self {
        windows.push(maker.end());
        Self { windows: windows.into(), next: 0 }
    }
}

impl BarSource for MemorySource {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        if let Some(Ok(window)) = self.next_window() {
            window.bars().iter().for_each(|interval| block.push(interval));
        }
        Ok(())
    }

    fn next_window(&mut self) -> Option<Result<Arc<BarWindow>, SourceError>> {
        let last = self.windows.len() - 1;
        let window = Arc::clone(&self.windows[self.next.min(last)]);
        self.next += 1;
        Some(Ok(window))
    }
}
