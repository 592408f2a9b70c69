//! What has arrived for each instrument and the engine has not taken yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use cryptobot_engine::{
    BarBlock, BarInterval, BarSource, MarketFault, MarketSource, SourceError, TimedEvent,
};
use cryptobot_feed::{Book, Series, Stream};
use cryptobot_model::{
    Bar, DepthEvent, DepthTrade, DepthUpdate, Instrument, InstrumentId, Price, Quantity, Timeframe,
    Timestamp, TradeSeen,
};

use crate::error::RunError;
use crate::supply::Feed;

/// What a series of the feed is to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Bars,
    Mark,
    Funding,
    Book,
}

/// Where the messages of a series go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) instrument: InstrumentId,
    pub(crate) role: Role,
}

/// The routes of all series. Series of instruments that the run does not trade have none.
pub(crate) fn routes(series: &[Series], instruments: &[Instrument]) -> Vec<Option<Route>> {
    let route = |of: &Series| {
        let is_it = |known: &Instrument| known.venue == of.venue && known.symbol == of.symbol;
        let instrument = InstrumentId::from(instruments.iter().position(is_it)?);
        let role = match of.stream {
            Stream::Bars(_) => Role::Bars,
            Stream::Mark(_) => Role::Mark,
            Stream::Funding => Role::Funding,
            Stream::Book { .. } => Role::Book,
            Stream::Trades | Stream::Quotes | Stream::Liquidations => return None,
        };
        Some(Route { instrument, role })
    };
    series.iter().map(route).collect()
}

/// Rows that arrived.
type Rows = Rc<RefCell<BarBlock>>;

/// Hands the engine the rows that have arrived.
struct Arrived(Rows);

impl BarSource for Arrived {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        std::mem::swap(block, &mut self.0.borrow_mut());
        Ok(())
    }
}

/// An event of a recorded market.
enum MarketEvent {
    Book(Book),
    Trade(DepthTrade),
}

/// Events of a market that arrived.
struct Events {
    tick: Price,
    lot: Quantity,
    waiting: RefCell<VecDeque<(Timestamp, MarketEvent)>>,
}

/// Hands the exchange the events that have arrived.
struct ArrivedEvents {
    events: Rc<Events>,
    /// The levels of the event that was handed out last.
    levels: Vec<DepthUpdate>,
}

impl MarketSource for ArrivedEvents {
    fn lot(&self) -> Quantity {
        self.events.lot
    }

    fn next_before(&mut self, end: Timestamp) -> Result<Option<TimedEvent<'_>>, MarketFault> {
        let next = self.events.waiting.borrow_mut().pop_front_if(|(ts, _)| *ts < end);
        let Some((ts, event)) = next else { return Ok(None) };
        Ok(Some((
            ts,
            match event {
                MarketEvent::Trade(trade) => DepthEvent::Trade(trade),
                MarketEvent::Book(book) => {
                    self.levels = book.levels;
                    if book.snapshot {
                        DepthEvent::Snapshot(&self.levels)
                    } else {
                        DepthEvent::Diff(&self.levels)
                    }
                }
            },
        )))
    }
}

/// What arrives for one instrument.
pub(crate) struct Inlet {
    timeframe: Timeframe,
    bars: Rows,
    mark: Option<Rows>,
    events: Option<Rc<Events>>,
}

impl Inlet {
    /// The inlet of an instrument whose orders meet bars of this length, for these series.
    pub(crate) fn new(
        instrument: InstrumentId,
        timeframe: Timeframe,
        series: &[Series],
        routes: &[Option<Route>],
    ) -> Self {
        let mut inlet = Self { timeframe, bars: Rows::default(), mark: None, events: None };
        for (series, route) in series.iter().zip(routes) {
            match (route, series.stream) {
                (Some(route), _) if route.instrument != instrument => {}
                (Some(_), Stream::Mark(_)) => inlet.mark = Some(Rows::default()),
                (Some(_), Stream::Book { tick, lot }) => {
                    inlet.events = Some(Rc::new(Events { tick, lot, waiting: RefCell::default() }));
                }
                _ => {}
            }
        }
        inlet
    }

    /// What the engine reads.
    pub(crate) fn feed(&self) -> Feed {
        let arrived = |rows: &Rows| Box::new(Arrived(Rc::clone(rows))) as Box<dyn BarSource>;
        let events = |events: &Rc<Events>| {
            Box::new(ArrivedEvents { events: Rc::clone(events), levels: Vec::new() }) as Box<dyn MarketSource>
        };
        Feed {
            bars: arrived(&self.bars),
            mark: self.mark.as_ref().map(arrived),
            events: self.events.as_ref().map(events),
        }
    }

    /// Whether a bar waits.
    pub(crate) fn has_bars(&self) -> bool {
        !self.bars.borrow().is_empty()
    }

    /// A bar of trades or of the mark price has closed.
    pub(crate) fn push_bar(&self, role: Role, bar: &Bar) {
        let rows = if role == Role::Mark { self.mark.as_ref() } else { Some(&self.bars) };
        let Some(mut rows) = rows.map(|rows| rows.borrow_mut()) else { return };
        rows.push(&BarInterval { open_ts: bar.ts.plus(-self.timeframe.nanos()), bar: *bar });
    }

    /// The book changed.
    pub(crate) fn push_book(&self, ts: Timestamp, book: Book) {
        if let Some(events) = &self.events {
            events.waiting.borrow_mut().push_back((ts, MarketEvent::Book(book)));
        }
    }

    /// Somebody traded.
    pub(crate) fn push_trade(&self, ts: Timestamp, trade: &TradeSeen) -> Result<(), RunError> {
        let Some(events) = &self.events else { return Ok(()) };
        let steps = |units: i128, step: i128| {
            let whole = (step > 0 && units % step == 0).then(|| units / step);
            whole.and_then(|steps| i64::try_from(steps).ok())
        };
        let tick = steps(trade.price.units(), events.tick.units());
        let lots = steps(trade.quantity.units(), events.lot.units());
        let (Some(tick), Some(lots)) = (tick, lots) else {
            let problem =
                format!("a trade of {} at {} is not on the grid of its book", trade.quantity, trade.price);
            return Err(RunError::Engine(format!("{ts}: {problem}")));
        };
        let trade = DepthTrade { aggressor: trade.aggressor, tick, lots };
        events.waiting.borrow_mut().push_back((ts, MarketEvent::Trade(trade)));
        Ok(())
    }
}
