//! An instrument in the engine: its base bars and who gets which bars of it.

use cryptobot_model::{Instrument, InstrumentId, SeriesId, Timeframe, Timestamp};
use cryptobot_risk::Grid;
use cryptobot_sim::BarInterval;

use super::EngineError;
use crate::aggregate::Aggregator;
use crate::feed::Feed;
use crate::setup::{InstrumentSetup, SetupError};
use crate::slot::Slot;
use crate::source::SourceError;

/// Who gets the bars of an instrument at one timeframe.
pub(super) type Subscribers = Vec<(usize, SeriesId)>;

pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) grid: Grid,
    pub(super) feed: Feed,
    /// When its next base bar closes.
    pub(super) next_close: Timestamp,
    pub(super) base: Subscribers,
    pub(super) higher: Vec<(Aggregator, Subscribers)>,
}

impl Market {
    /// Takes the next base bar.
    #[inline]
    pub(super) fn take(&mut self) -> Result<&BarInterval, SourceError> {
        self.feed.take()?;
        self.next_close = self.feed.next_close();
        Ok(self.feed.newest())
    }

    /// Opens the source and subscribes the strategies to the bars that they asked for.
    pub(super) fn wire(
        id: InstrumentId,
        setup: InstrumentSetup,
        slots: &mut [Slot],
    ) -> Result<Self, EngineError> {
        let feed = Feed::open(setup.source, setup.timeframe)?;
        let mut market = Self {
            grid: Grid::new(&setup.instrument),
            next_close: feed.next_close(),
            feed,
            instrument: setup.instrument,
            base: Vec::new(),
            higher: Vec::new(),
        };
        let mut higher: Vec<(Timeframe, Subscribers)> = Vec::new();
        for (index, slot) in slots.iter_mut().enumerate() {
            for series in slot.strategy.desk().series().iter().filter(|series| series.instrument == id) {
                if series.timeframe == setup.timeframe {
                    market.base.push((index, series.id));
                    continue;
                }
                if !series.timeframe.divisible_by(setup.timeframe) {
                    return Err(SetupError::Timeframe {
                        symbol: series.symbol.clone(),
                        wanted: series.timeframe,
                        base: setup.timeframe,
                    }
                    .into());
                }
                match higher.iter_mut().find(|(timeframe, _)| *timeframe == series.timeframe) {
                    Some((_, subscribers)) => subscribers.push((index, series.id)),
                    None => higher.push((series.timeframe, vec![(index, series.id)])),
                }
            }
        }
        higher.sort_by_key(|(timeframe, _)| *timeframe);
        market.higher =
            higher.into_iter().map(|(timeframe, list)| (Aggregator::new(timeframe), list)).collect();
        Ok(market)
    }
}
