//! A recording as the market of a run: events for the simulated exchange, bars for strategies.

use std::path::Path;
use std::sync::Arc;

use cryptobot_engine::{BarBlock, MarketFault, MarketSource, TimedEvent};
use cryptobot_model::{DepthEvent, Price, Quantity, Timeframe, Timestamp};
use cryptobot_sim::depth::Continuity;

use super::bars::BarBuilder;
use super::error::MessageError;
use super::file::{Message, MessageFile};
use super::tape::{Tape, TapeGrid};
use crate::resample::next_open;

/// Remainders in the book of a spot market are no multiples of the lot of orders: quantities are counted in this unit.
pub(crate) const FINEST_LOT: Quantity = Quantity::from_units(1);

/// How much of a market orders are matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its trades.
    Trades,
    /// Its order book and its trades.
    Book,
}

/// A recording with the grid it was read on.
#[derive(Clone, Debug)]
pub struct Recording {
    tape: Arc<Tape>,
    grid: TapeGrid,
}

impl Recording {
    /// Reads a recording of an instrument with this tick and lot. How its diffs follow each other, and whether they are
    /// on the lot, is told by the form of their numbers: those of Binance futures name the diff before.
    pub fn read(path: &Path, tick: Price, lot: Quantity) -> Result<Self, MessageError> {
        let continuity = continuity(path)?;
        let lot = match continuity {
            Continuity::Previous => lot,
            Continuity::Next => FINEST_LOT,
        };
        let grid = TapeGrid { tick, lot, continuity };
        Ok(Self { tape: Arc::new(Tape::read(path, &grid)?), grid })
    }

    /// A market that was read from somewhere else.
    pub(crate) fn of(tape: Tape, grid: TapeGrid) -> Self {
        Self { tape: Arc::new(tape), grid }
    }

    /// What is recorded.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The events in the order in which they happened at the exchange.
    pub fn events(&self) -> TapeReplay {
        TapeReplay { tape: Arc::clone(&self.tape), lot: self.grid.lot, next: 0 }
    }

    /// The recorded trades as bars, by the exchange's clock: only whole ones. With a book they begin with it; without, with
    /// the trades. The first is one at whose end a price is known.
    pub fn bars(&self, timeframe: Timeframe, detail: Detail) -> BarBlock {
        let mut block = BarBlock::default();
        let events = || self.tape.by_exchange().map(|event| (event.exchange_ts, self.tape.event(event)));
        let begins = events().find(|(_, event)| match detail {
            Detail::Trades => matches!(event, DepthEvent::Trade(_)),
            Detail::Book => matches!(event, DepthEvent::Snapshot(_)),
        });
        let Some((begins, _)) = begins else { return block };
        let mut builder = BarBuilder::new(timeframe, next_open(timeframe, begins));
        let mut ends = begins;
        for (ts, event) in events() {
            if let DepthEvent::Trade(trade) = event {
                let (price, quantity) = self.grid.amounts(trade);
                builder.trade(ts, price, quantity, &mut block);
                ends = ts;
            } else if detail == Detail::Book {
                ends = ts;
            }
        }
        builder.finish(timeframe.open_of(ends), &mut block);
        block
    }
}

/// How the diffs of a recording follow each other.
pub fn continuity(path: &Path) -> Result<Continuity, MessageError> {
    let mut file = MessageFile::open(path)?;
    while let Some((_, message)) = file.next_message()? {
        if let Message::Diff(diff) = message {
            let names_previous = diff.ids.previous.is_some();
            return Ok(if names_previous { Continuity::Previous } else { Continuity::Next });
        }
    }
    Ok(Continuity::Previous)
}

/// Plays a recording to the simulated exchange.
#[derive(Clone, Debug)]
pub struct TapeReplay {
    tape: Arc<Tape>,
    lot: Quantity,
    next: usize,
}

impl MarketSource for TapeReplay {
    fn lot(&self) -> Quantity {
        self.lot
    }

    fn next_before(&mut self, end: Timestamp) -> Result<Option<TimedEvent<'_>>, MarketFault> {
        let next = self.tape.at_exchange(self.next).filter(|event| event.exchange_ts < end);
        self.next += usize::from(next.is_some());
        Ok(next.map(|event| (event.exchange_ts, self.tape.event(event))))
    }
}
