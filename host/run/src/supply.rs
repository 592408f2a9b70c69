//! What the engines of a run read: bars, mark prices and recorded events of each instrument, once or many times.

use cryptobot_data::books::StoredMarket;
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
    /// Trades of the catalog, and the book where orders are matched with it.
    Market(Box<StoredMarket>),
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
    pub(crate) fn once(self) -> Result<Feed, RunError> {
        let ahead = |reader: Box<SeriesReader>| {
            let timeframe = reader.timeframe();
            Box::new(ReadAhead::new(*reader, timeframe)) as Box<dyn BarSource>
        };
        Ok(match self {
            Self::Stored { bars, mark } => Feed { bars: ahead(bars), mark: mark.map(ahead), events: None },
            Self::Recorded { bars, timeframe, recording } => Feed {
                bars: Box::new(MemorySource::new(&[bars], timeframe)),
                mark: None,
                events: Some(Box::new(recording.events())),
            },
            Self::Market(market) => Feed {
                bars: Box::new(ReadAhead::new(market.bars()?, market.timeframe())),
                mark: None,
                events: Some(Box::new(market.events_ahead()?)),
            },
        })
    }

    /// Memory that its decoded bars would take.
    fn decoded_bytes(&self) -> u64 {
        let rows = match self {
            Self::Stored { bars, mark } => {
                bars.expected_rows() + mark.as_ref().map_or(0, |mark| mark.expected_rows())
            }
            Self::Recorded { bars, .. } => bars.len() as u64,
            Self::Market(market) => return market.expected_bars() * ROW_BYTES + market.decoded_bytes(),
        };
        rows * ROW_BYTES
    }

    /// For many runs.
    fn share(self, decode: bool) -> Result<SharedSupply, RunError> {
        let share = |reader: Box<SeriesReader>| {
            if decode {
                let timeframe = reader.timeframe();
                decoded(*reader, timeframe)
            } else {
                Ok(Shared::Stored(reader.repeatable()))
            }
        };
        Ok(match self {
            Self::Stored { bars, mark } => {
                SharedSupply { bars: share(bars)?, mark: mark.map(share).transpose()?, events: None }
            }
            Self::Recorded { bars, timeframe, recording } => SharedSupply {
                bars: Shared::Decoded(MemorySource::new(&[bars], timeframe)),
                mark: None,
                events: Some(SharedEvents::Decoded(recording)),
            },
            Self::Market(market) if decode => SharedSupply {
                bars: decoded(market.bars()?, market.timeframe())?,
                mark: None,
                events: Some(SharedEvents::Decoded(market.decode()?)),
            },
            Self::Market(market) => SharedSupply {
                bars: Shared::Traded(market.clone()),
                mark: None,
                events: Some(SharedEvents::Stored(market)),
            },
        })
    }
}

/// Bars that lie side by side in memory: enough for large pages, few enough to be held twice for a moment.
const ROWS_TOGETHER: usize = 1 << 18;

fn decoded(mut source: impl BarSource, timeframe: Timeframe) -> Result<Shared, RunError> {
    let mut windows = Windows::new(timeframe);
    let (mut all, mut block, mut kept) = (Vec::new(), BarBlock::default(), BarBlock::default());
    loop {
        source.next_block(&mut block).map_err(RunError::from_feed)?;
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
    /// Built of trades by each of them again.
    Traded(Box<StoredMarket>),
}

impl Shared {
    fn source(&self) -> Result<Box<dyn BarSource>, RunError> {
        Ok(match self {
            Self::Decoded(source) => Box::new(source.clone()),
            Self::Stored(series) => Box::new(series.read()),
            Self::Traded(market) => Box::new(market.bars()?),
        })
    }
}

/// Events that many engines read, at once too.
enum SharedEvents {
    /// In memory.
    Decoded(Recording),
    /// Decoded by each of them again.
    Stored(Box<StoredMarket>),
}

impl SharedEvents {
    fn source(&self) -> Result<Box<dyn MarketSource>, RunError> {
        Ok(match self {
            Self::Decoded(recording) => Box::new(recording.events()),
            Self::Stored(market) => Box::new(market.events()?),
        })
    }
}

/// An instrument's bars for many engines.
pub(crate) struct SharedSupply {
    bars: Shared,
    mark: Option<Shared>,
    events: Option<SharedEvents>,
}

impl SharedSupply {
    /// What the next engine reads.
    pub(crate) fn feed(&self) -> Result<Feed, RunError> {
        Ok(Feed {
            bars: self.bars.source()?,
            mark: self.mark.as_ref().map(Shared::source).transpose()?,
            events: self.events.as_ref().map(SharedEvents::source).transpose()?,
        })
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

#[cfg(test)]
mod tests {
    use cryptobot_data::Catalog;
    use cryptobot_data::books::MarketRequest;
    use cryptobot_data::messages::Detail;
    use cryptobot_data::sample::VENUE;
    use cryptobot_data::store::SeriesKind;
    use cryptobot_data::synthetic::{Scenario, ScenarioRequest, generate};
    use cryptobot_model::Timestamp;

    use super::*;

    /// All bars and events that an engine reads.
    fn read(feed: Feed) -> (Vec<String>, Vec<String>) {
        let (mut bars, mut block, mut windows) = (feed.bars, BarBlock::default(), Vec::new());
        loop {
            bars.next_block(&mut block).unwrap();
            if block.is_empty() {
                break;
            }
            let row = |row| format!("{} {} {}", block.open_ms[row], block.close[row], block.volume[row]);
            windows.extend((0..block.len()).map(row));
        }
        let (mut source, mut events) = (feed.events.unwrap(), Vec::new());
        while let Some(event) = source.next_before(Timestamp(i64::MAX)).unwrap() {
            events.push(format!("{event:?}"));
        }
        (windows, events)
    }

    #[test]
    fn many_runs_read_a_stored_market_as_one_does_in_memory_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("made");
        let from: Timestamp = "2024-01-01".parse().unwrap();
        let request = ScenarioRequest {
            scenario: Scenario::Bull,
            symbols: vec!["BTCUSDT".to_owned()],
            from,
            to: from.plus(2 * Timeframe::HOUR.nanos()),
            kinds: vec![SeriesKind::AggTrades, SeriesKind::Depth],
            seed: 4,
            correlation: None,
        };
        generate(&request, &root).unwrap();
        let catalog = Catalog::open(&root).unwrap();
        let instrument = catalog.instruments(VENUE).unwrap().get("BTCUSDT").unwrap().instrument;
        let request = MarketRequest {
            venue: VENUE.to_owned(),
            symbol: "BTCUSDT".to_owned(),
            tick: instrument.tick,
            lot: instrument.lot,
            timeframe: Timeframe::MINUTE,
            detail: Detail::Book,
            from: None,
            to: None,
            allow_gaps: false,
        };
        let supply = || Supply::Market(Box::new(StoredMarket::open(&catalog, &request).unwrap()));
        let once = read(supply().once().unwrap());
        assert!(once.0.len() > 100 && once.1.len() > 5_000, "{} {}", once.0.len(), once.1.len());
        for (budget, decoded) in [(0, false), (u64::MAX, true)] {
            let (shared, residency) = share(vec![supply()], budget).unwrap();
            assert_eq!(matches!(residency, Residency::Decoded { .. }), decoded);
            for _ in 0..2 {
                assert_eq!(read(shared[0].feed().unwrap()), once);
            }
        }
    }
}
