//! What the engines of a run read: bars, mark prices and recorded events of each instrument, once or many times.

use cryptobot_data::messages::Recording;
use cryptobot_data::{ReadAhead, SeriesReader, StoredSeries};
use cryptobot_engine::{BarBlock, BarInterval, BarSource, MarketSource, MemorySource, Windows};
use cryptobot_model::Timeframe;

use crate::error::RunError;

/// Memory of a decoded bar.
const ROW_BYTES: u64 = size_of::<BarInterval>() as u64;

/// Where the bars of an instrument come from.
pub(crate) enum Supply {
    /// Stored bars, and mark prices of the same length where there are any.
    Stored { bars: Box<SeriesReader>, mark: Option<Box<SeriesReader>> },
    /// Bars of a recording's trades, and the recording that orders are matched with.
    Recorded { bars: BarBlock, timeframe: Timeframe, recording: Recording },
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
        let ahead = |reader: Box<SeriesReader>| {
            let timeframe = reader.timeframe();
            Box::new(ReadAhead::new(*reader, timeframe)) as Box<dyn BarSource>
        };
        match self {
            Self::Stored { bars, mark } => Feed { bars: ahead(bars), mark: mark.map(ahead), events: None },
            Self::Recorded { bars, timeframe, recording } => Feed {
                bars: Box::new(MemorySource::new(&[bars], timeframe)),
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
            Self::Recorded { bars, timeframe, recording } => SharedSupply {
                bars: Shared::Decoded(MemorySource::new(&[bars], timeframe)),
                mark: None,
                recording: Some(recording),
            },
        })
    }
}

/// Bars that lie side by side in memory: enough for large pages, few enough to be held twice for a moment.
const ROWS_TOGETHER: usize = 1 << 18;

fn decoded(mut reader: SeriesReader) -> Result<Shared, RunError> {
    let mut windows = Windows::new(reader.timeframe());
    let (mut all, mut block, mut kept) = (Vec::new(), BarBlock::default(), BarBlock::default());
    loop {
        reader.read(&mut block)?;
        kept.append(&block, block.len());
        if kept.len() >= ROWS_TOGETHER || (block.is_empty() && !kept.is_empty()) {
            all.push(windows.whole(&kept));
            kept.clear();
        }
        if block.is_empty() {
            return Ok(Shared::Decoded(MemorySource::of(all, &windows)));
        }
    }
}

/// Bars that many engines read, at once too.
enum Shared {
    /// In memory.
    Decoded(MemorySource),
    /// Decoded by each of them again.
    Stored(StoredSeries),
}

impl Shared {
    fn source(&self) -> Box<dyn BarSource> {
        match self {
            Self::Decoded(source) => Box::new(source.clone()),
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
