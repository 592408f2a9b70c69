//! Where bars come from.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

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

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.open_ms.clear();
        for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume] {
            column.clear();
        }
    }
}

/// Why a source stopped.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// A stream of bars of one instrument and timeframe, read block by block so that memory stays flat.
pub trait BarSource {
    /// Replaces the contents of `block` with the next rows; leaves it empty at the end.
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError>;

    /// The next rows without a copy, empty at the end, from a source that keeps them for others too; `None` from all
    /// others, which hand them out by [`BarSource::next_block`].
    fn next_shared(&mut self) -> Option<Arc<BarBlock>> {
        None
    }
}

/// A source over bars that are already in memory.
#[derive(Debug)]
pub struct MemorySource {
    blocks: std::vec::IntoIter<BarBlock>,
}

impl MemorySource {
    /// A source that hands out `blocks` in order.
    pub fn new(blocks: Vec<BarBlock>) -> Self {
        Self { blocks: blocks.into_iter() }
    }
}

impl BarSource for MemorySource {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        for next in self.blocks.by_ref() {
            if !next.is_empty() {
                *block = next;
                break;
            }
        }
        Ok(())
    }
}
