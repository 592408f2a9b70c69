//! A recorded market in a case: on whole ticks and lots.

use cryptobot_engine::{
    DepthConfig, ExchangeConfig, MarketFault, MarketSource, Matching, QueueModel, RecordedExchange,
    TimedEvent,
};
use cryptobot_model::{
    DepthEvent, DepthTrade, DepthUpdate, Instrument, InstrumentId, Price, Quantity, Side, Timestamp,
};
use serde::Deserialize;

use crate::case::after_start;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The queue model; without one the trades alone are known.
    queue: Option<QueueModel>,
    #[serde(default = "yes")]
    impact: bool,
    /// In the order of time.
    events: Vec<Row>,
}

fn yes() -> bool {
    true
}

/// An event, milliseconds after the open of the first bar.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    at_ms: i64,
    /// Price and quantity of levels: the whole book.
    book: Option<Levels>,
    /// New quantities of levels.
    diff: Option<Levels>,
    /// Side that took, price, quantity.
    trade: Option<(Side, f64, f64)>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Levels {
    bids: Vec<[f64; 2]>,
    asks: Vec<[f64; 2]>,
}

enum Event {
    Book(Vec<DepthUpdate>),
    Diff(Vec<DepthUpdate>),
    Trade(DepthTrade),
}

struct Rows {
    lot: Quantity,
    events: Vec<(Timestamp, Event)>,
    next: usize,
}

impl MarketSource for Rows {
    fn lot(&self) -> Quantity {
        self.lot
    }

    fn next_before(&mut self, end: Timestamp) -> Result<Option<TimedEvent<'_>>, MarketFault> {
        let Some((ts, event)) = self.events.get(self.next).filter(|(ts, _)| *ts < end) else {
            return Ok(None);
        };
        self.next += 1;
        let event = match event {
            Event::Book(levels) => DepthEvent::Snapshot(levels),
            Event::Diff(levels) => DepthEvent::Diff(levels),
            Event::Trade(trade) => DepthEvent::Trade(*trade),
        };
        Ok(Some((*ts, event)))
    }
}

impl Recorded {
    pub fn venue(&self, instrument: &Instrument, exchange: &ExchangeConfig) -> RecordedExchange {
        let matching = match self.queue {
            Some(queue) => Matching::Depth(DepthConfig { queue, impact: self.impact }),
            None => Matching::Trades,
        };
        let events = self.events.iter().map(|row| (after_start(row.at_ms), row.event(instrument))).collect();
        let source = Rows { lot: instrument.lot, events, next: 0 };
        let instruments = std::slice::from_ref(instrument);
        let latency = exchange.latency.clone();
        RecordedExchange::new(instruments, vec![Box::new(source)], matching, latency, exchange.seed)
    }
}

impl Row {
    fn event(&self, instrument: &Instrument) -> Event {
        let grid = cryptobot_sim::depth::Contract::new(InstrumentId(0), instrument);
        let on = |price: f64, quantity: f64| {
            let tick = grid.ticks(Price::from_f64(price).unwrap()).unwrap();
            (tick, grid.lots(Quantity::from_f64(quantity).unwrap()).unwrap())
        };
        let level = |side: Side| {
            move |[price, quantity]: &[f64; 2]| {
                let (tick, lots) = on(*price, *quantity);
                DepthUpdate { side, tick, lots }
            }
        };
        let levels = |of: &Levels| {
            let bids = of.bids.iter().map(level(Side::Buy));
            bids.chain(of.asks.iter().map(level(Side::Sell))).collect()
        };
        match (&self.book, &self.diff, self.trade) {
            (Some(book), None, None) => Event::Book(levels(book)),
            (None, Some(diff), None) => Event::Diff(levels(diff)),
            (None, None, Some((aggressor, price, quantity))) => {
                let (tick, lots) = on(price, quantity);
                Event::Trade(DepthTrade { aggressor, tick, lots })
            }
            _ => panic!("an event is one of book, diff and trade: {self:?}"),
        }
    }
}
