//! What the engines of a run read: bars, mark prices and recorded events of each instrument, once or many times.

use std::sync::Arc;

use cryptobot_data::messages::Recording;
use cryptobot_data::{ReadAhead, SeriesReader, StoredSeries};
use cryptobot_engine::{BarBlock, BarSource, MarketSource, MemorySource, SourceError};

use crate::error::RunError;

/// Rows of a decoded block that is shared.
const SHARED_ROWS: usize = 4_096;

/// Memory of a decoded row: a time, four prices and a volume.
const ROW_BYTES: u64 = 48;

/// Where the bars of an instrument come from.
pub(crate) enum Supply {
    /// Stored bars, and mark prices of the same length where there are any.
    Stored { bars: Box<SeriesReader>, mark: Option<Box<SeriesReader>> },
    /// Bars of a recording's trades, and the recording that orders are matched with.
    Recorded { bars: BarBlock, recording: Recording },
}

/// What one engine reads of an instrument.
pub(crate) struct Feed {
    pub(crate) bars: Box<dyn BarSource>,
    pub(crate) mark: Option<Box<dyn BarSource>>,
    pub(crate) events: Option<Box<dyn MarketSource>>,
}

impl Supply {
    /// Whether there are mark prices.
    pub(crate) fn has_mark(&self) -> bool {
        matches!(self, Self::Stored { mark: Some(_), .. })
    }

    /// For a single run: stored bars are decoded on other threads while it goes on.
    pub(crate) fn once(self) -> Feed {
        let ahead = |reader: Box<SeriesReader>| Box::new(ReadAhead::new(*reader)) as Box<dyn BarSource>;
        match self {
            Self::Stored { bars, mark } => Feed { bars: ahead(bars), mark: mark.map(ahead), events: None },
            Self::Recorded { bars, recording } => Feed {
                bars: Box::new(MemorySource::new(vec![bars])),
                mark: None,
                events: Some(Box::new(recording.events())),
            },
        }
    }

    /// Memory that its decoded bars would take.
    fn decoded_bytes(&self) -> u64 {
        let rows = match self {
            Self::Stored { bars, mark } => {
                bars.expected_rows() + mark.as_ref().map_or(0, |mark| mark.expected_rows())
            }
            Self::Recorded { bars, .. } => bars.len() as u64,
        };
        rows * ROW_BYTES
    }

    /// For many runs.
    fn share(self, decode: bool) -> Result<SharedSupply, RunError> {
        let share = |reader: Box<SeriesReader>| {
            if decode { decoded(*reader) } else { Ok(Shared::Stored(reader.repeatable())) }
        };
        Ok(match self {
            Self::Stored { bars, mark } => {
                SharedSupply { bars: share(bars)?, mark: mark.map(share).transpose()?, recording: None }
            }
            Self::Recorded { bars, recording } => SharedSupply {
                bars: Shared::Decoded([Arc::new(bars)].into()),
                mark: None,
                recording: Some(recording),
            },
        })
    }
}

fn decoded(mut reader: SeriesReader) -> Result<Shared, RunError> {
    let (mut blocks, mut read) = (Vec::new(), BarBlock::default());
    loop {
        reader.read(&mut read)?;
        if read.is_empty() {
            return Ok(Shared::Decoded(blocks.into()));
        }
        let mut from = 0;
        while from < read.len() {
            let mut block = BarBlock::default();
            let to = (from + SHARED_ROWS).min(read.len());
            block.extend_from(&read, from..to);
            blocks.push(Arc::new(block));
            from = to;
        }
    }
}

/// Bars that many engines read, at once too.
enum Shared {
    /// In memory.
    Decoded(Arc<[Arc<BarBlock>]>),
    /// Decoded by each of them again.
    Stored(StoredSeries),
}

impl Shared {
    fn source(&self) -> Box<dyn BarSource> {
        match self {
            Self::Decoded(blocks) => Box::new(SharedSource { blocks: Arc::clone(blocks), next: 0 }),
            Self::Stored(series) => Box::new(series.read()),
        }
    }
}

/// An instrument's bars for many engines.
pub(crate) struct SharedSupply {
    bars: Shared,
    mark: Option<Shared>,
    recording: Option<Recording>,
}

impl SharedSupply {
    /// What the next engine reads.
    pub(crate) fn feed(&self) -> Feed {
        let events = self.recording.as_ref().map(|it| Box::new(it.events()) as Box<dyn MarketSource>);
        Feed { bars: self.bars.source(), mark: self.mark.as_ref().map(Shared::source), events }
    }
}

/// Where many runs have their bars from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residency {
    /// They are decoded once and kept in memory, this many bytes.
    Decoded {
        /// Size of the bars.
        bytes: u64,
    },
    /// They would have taken this many bytes, more than the budget: each run decodes them again.
    Streamed {
        /// Size that they would have had.
        bytes: u64,
    },
}

/// Prepares supplies for many runs: all decoded where they fit in `budget` bytes, else all streamed.
pub(crate) fn share(supplies: Vec<Supply>, budget: u64) -> Result<(Vec<SharedSupply>, Residency), RunError> {
    let bytes = supplies.iter().map(Supply::decoded_bytes).sum();
    let decode = bytes <= budget;
    let shared = supplies.into_iter().map(|supply| supply.share(decode)).collect::<Result<_, _>>()?;
    let residency = if decode { Residency::Decoded { bytes } } else { Residency::Streamed { bytes } };
    Ok((shared, residency))
}

/// Hands out shared blocks.
struct SharedSource {
    blocks: Arc<[Arc<BarBlock>]>,
    next: usize,
}

impl BarSource for SharedSource {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        if let Some(next) = self.next_shared() {
            block.extend_from(&next, 0..next.len());
        }
        Ok(())
    }

    fn next_shared(&mut self) -> Option<Arc<BarBlock>> {
        let block = self.blocks.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        Some(block)
    }
}
