//! One stored series, message by message.

use cryptobot_engine::{BarBlock, BarSource, MarketSource};
use cryptobot_model::{Bar, DepthEvent, FundingRate, Price, Quantity, Timeframe, Timestamp, TradeSeen};

use crate::feed::FeedError;
use crate::message::{Arrival, Book, Input};

/// A stored series.
pub trait Source {
    /// The next message, in order of time; `series` is the place of the series.
    ///
    /// # Errors
    /// The data cannot be read.
    fn next(&mut self, series: u32) -> Result<Option<Arrival>, FeedError>;
}

/// Bars, each of which arrives when it closes.
pub struct BarStream {
    source: Box<dyn BarSource>,
    timeframe: Timeframe,
    block: BarBlock,
    row: usize,
    /// When single prices are wanted at the open of a bar, the next time last.
    opens: Vec<Timestamp>,
    /// The bar whose open was told.
    told: bool,
}

impl BarStream {
    /// The bars of a source, which are of this length.
    pub fn new(source: Box<dyn BarSource>, timeframe: Timeframe) -> Self {
        Self { source, timeframe, block: BarBlock::default(), row: 0, opens: Vec::new(), told: false }
    }

    /// Also tells the price at these times, in rising order, where a bar opens at them: a mark price is known when it
    /// is, not only when the bar that begins with it has closed.
    #[must_use]
    pub fn with_opens(mut self, times: impl DoubleEndedIterator<Item = Timestamp>) -> Self {
        self.opens = times.rev().collect();
        self
    }

    /// The price at the open of the next bar, where it is wanted.
    fn wanted_open(&mut self, open_ts: Timestamp) -> Option<Price> {
        while self.opens.pop_if(|at| *at < open_ts).is_some() {}
        self.opens.pop_if(|at| *at == open_ts)?;
        Price::from_f64(self.block.open[self.row])
    }
}

impl Source for BarStream {
    fn next(&mut self, series: u32) -> Result<Option<Arrival>, FeedError> {
        if self.row == self.block.len() {
            self.source.next_block(&mut self.block)?;
            self.row = 0;
        }
        let Some(opens_at) = self.block.open_ms.get(self.row) else { return Ok(None) };
        let open_ts = Timestamp::from_millis(*opens_at);
        if !std::mem::replace(&mut self.told, true)
            && let Some(price) = self.wanted_open(open_ts)
        {
            return Ok(Some(Arrival::at(open_ts, Input::Mark { series, price })));
        }
        let (row, block) = (self.row, &self.block);
        let bar = Bar {
            ts: open_ts.plus(self.timeframe.nanos()),
            open: block.open[row],
            high: block.high[row],
            low: block.low[row],
            close: block.close[row],
            volume: block.volume[row],
        };
        (self.row, self.told) = (row + 1, false);
        Ok(Some(Arrival::at(bar.ts, Input::Bar { series, bar, activity: None })))
    }
}

/// Funding rates, each of which arrives when it is due.
pub struct FundingStream(std::vec::IntoIter<FundingRate>);

impl FundingStream {
    /// These rates, in order of time.
    pub fn new(rates: Vec<FundingRate>) -> Self {
        Self(rates.into_iter())
    }
}

impl Source for FundingStream {
    fn next(&mut self, series: u32) -> Result<Option<Arrival>, FeedError> {
        let arrival = |funding: FundingRate| Arrival::at(funding.ts, Input::Funding { series, funding });
        Ok(self.0.next().map(arrival))
    }
}

/// A recorded book and its trades.
pub struct RecordingStream {
    events: Box<dyn MarketSource>,
    tick: Price,
}

impl RecordingStream {
    /// The events of a recording with this tick.
    pub fn new(events: Box<dyn MarketSource>, tick: Price) -> Self {
        Self { events, tick }
    }

    /// What quantities of levels are counted in.
    pub fn lot(&self) -> Quantity {
        self.events.lot()
    }
}

impl Source for RecordingStream {
    fn next(&mut self, series: u32) -> Result<Option<Arrival>, FeedError> {
        let (lot, tick) = (self.events.lot(), self.tick);
        let Some((ts, event)) = self.events.next_before(Timestamp(i64::MAX))? else { return Ok(None) };
        let input = match event {
            DepthEvent::Snapshot(levels) => {
                Input::Book { series, book: Book { snapshot: true, levels: levels.to_vec(), ids: None } }
            }
            DepthEvent::Diff(levels) => {
                Input::Book { series, book: Book { snapshot: false, levels: levels.to_vec(), ids: None } }
            }
            DepthEvent::Trade(trade) => {
                let price = Price::from_units(tick.units() * i128::from(trade.tick));
                let quantity = Quantity::from_units(lot.units() * i128::from(trade.lots));
                Input::Trade {
                    series,
                    trade: TradeSeen { aggressor: trade.aggressor, price, quantity },
                    ids: None,
                }
            }
        };
        Ok(Some(Arrival::at(ts, input)))
    }
}
