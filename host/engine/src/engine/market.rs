//! An instrument in the engine: its base bars and who gets which bars of it.

use cryptobot_model::{Instrument, InstrumentId, SeriesId, Timeframe};
use cryptobot_risk::Grid;
use cryptobot_sim::BarInterval;

use super::EngineError;
use crate::aggregate::Aggregator;
use crate::feed::Feed;
use crate::setup::{InstrumentSetup, SetupError};
use crate::slot::Slot;

/// Who gets the bars of an instrument at one timeframe.
pub(super) type Subscribers = Vec<(usize, SeriesId)>;

pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) grid: Grid,
    pub(super) feed: Feed,
    /// The bar that closed last.
    pub(super) bar: BarInterval,
    pub(super) base: Subscribers,
    pub(super) higher: Vec<(Aggregator, Subscribers)>,
    /// Strategies that see its price.
    pub(super) traders: Vec<usize>,
}

impl Market {
    /// Opens the source and subscribes the strategies to the bars that they asked for.
    pub(super) fn wire(
        id: InstrumentId,
        setup: InstrumentSetup,
        slots: &mut [Slot],
    ) -> Result<Self, EngineError> {
        let mut market = Self {
            grid: Grid::new(&setup.instrument),
            feed: Feed::open(setup.source, setup.timeframe)?,
            bar: BarInterval::default(),
            instrument: setup.instrument,
            base: Vec::new(),
            higher: Vec::new(),
            traders: Vec::new(),
        };
        let mut higher: Vec<(Timeframe, Subscribers)> = Vec::new();
        for (index, slot) in slots.iter_mut().enumerate() {
            for series in slot.strategy.desk().series().iter().filter(|series| series.instrument == id) {
                if !market.traders.contains(&index) {
                    market.traders.push(index);
                }
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
