//! An instrument in the engine: its base bars and who gets which bars of it.

use cryptobot_model::{
    FundingPrice, FundingRate, Instrument, InstrumentId, Price, SeriesId, Timeframe, Timestamp,
};
use cryptobot_risk::Grid;
use cryptobot_sim::BarInterval;

use super::EngineError;
use crate::aggregate::Aggregator;
use crate::feed::{Feed, NEVER};
use crate::setup::{InstrumentSetup, SetupError};
use crate::slot::Slot;
use crate::source::SourceError;

/// Who gets the bars of an instrument at one timeframe.
pub(crate) type Subscribers = Vec<(usize, SeriesId)>;

pub(crate) struct Market {
    pub(super) instrument: Instrument,
    pub(super) grid: Grid,
    pub(crate) feed: Feed,
    /// Mark prices over the same times, where they are recorded.
    pub(super) mark: Option<Feed>,
    /// Funding that is not due yet, the next one last.
    pub(super) funding: Vec<FundingRate>,
    /// The newest mark price that was told before its bar has closed.
    pub(super) opening: Option<(Timestamp, Price)>,
    /// When its next base bar closes.
    pub(super) next_close: Timestamp,
    pub(super) base: Subscribers,
    pub(super) higher: Vec<(Aggregator, Subscribers)>,
}

impl Market {
    /// Takes the next base bar, with the mark prices of the same time where there are any.
    #[inline]
    pub(super) fn take(&mut self) -> Result<(&BarInterval, Option<&BarInterval>), SourceError> {
        self.feed.take()?;
        self.next_close = self.feed.next_close();
        let interval = self.feed.newest();
        let mark = match &mut self.mark {
            Some(feed) => feed.at(interval.bar.ts)?,
            None => None,
        };
        Ok((interval, mark))
    }

    /// Looks for bars that have arrived since the sources had no more.
    pub(super) fn look_again(&mut self) -> Result<(), SourceError> {
        self.feed.look_again()?;
        self.next_close = self.feed.next_close();
        self.mark.as_mut().map_or(Ok(()), Feed::look_again)
    }

    /// Adds the newest base bar to the higher ones.
    pub(super) fn build_higher(&mut self) {
        for (aggregator, _) in &mut self.higher {
            aggregator.push(self.feed.newest());
        }
    }

    /// Takes bars of those at hand, with the mark prices beside them; adds all but the last to the higher ones.
    pub(super) fn advance(&mut self, bars: usize) -> Result<(), SourceError> {
        for (aggregator, _) in &mut self.higher {
            self.feed.ahead()[..bars - 1].iter().for_each(|interval| aggregator.push(interval));
        }
        self.feed.advance(bars)?;
        self.next_close = self.feed.next_close();
        self.mark.as_mut().map_or(Ok(()), |mark| mark.advance(bars))
    }

    /// The next funding rate that is due by `now`.
    pub(super) fn due_funding(&mut self, now: Timestamp) -> Option<FundingRate> {
        self.funding.pop_if(|next| next.ts <= now)
    }

    /// The price that funding at `ts` is computed with: the recorded one, else the mark at that time, else the last.
    pub(super) fn funding_price(&self, funding: &FundingRate) -> (Price, FundingPrice) {
        if let Some(mark) = funding.mark {
            return (mark, FundingPrice::Recorded);
        }
        let next = self.mark.as_ref().and_then(Feed::next).filter(|next| next.open_ts == funding.ts);
        let open = next.and_then(|next| Price::from_f64(next.bar.open));
        if let Some(open) = open.or_else(|| self.opening_at(funding.ts)) {
            return (open, FundingPrice::MarkOpen);
        }
        let close = self.feed.newest().bar.close;
        (Price::from_f64(close).unwrap_or_default(), FundingPrice::LastClose)
    }

    /// The open of the mark bar that begins at `ts`, where it was told and that bar is the next one.
    fn opening_at(&self, ts: Timestamp) -> Option<Price> {
        let mark = self.mark.as_ref()?;
        let is_next = mark.next().is_none() && mark.newest().bar.ts <= ts;
        self.opening.filter(|(at, _)| is_next && *at == ts).map(|(_, price)| price)
    }

    /// When funding is due next.
    pub(super) fn next_funding(&self) -> Timestamp {
        self.funding.last().map_or(NEVER, |next| next.ts)
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
            mark: setup.mark.map(|source| Feed::open(source, setup.timeframe)).transpose()?,
            funding: setup.funding.into_iter().rev().collect(),
            opening: None,
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
