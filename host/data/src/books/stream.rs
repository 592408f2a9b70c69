//! Stored trades and books as the events of a market: merged, and decoded ahead on another thread where it is wanted.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use cryptobot_engine::{MarketFault, MarketSource, TimedEvent};
use cryptobot_model::{DepthTrade, DepthUpdate, Quantity, Side, Timestamp};
use cryptobot_sim::depth::{Book, Level};

use super::changes::{Change, Changes};
use super::trades::TradeRows;
use crate::error::DataError;
use crate::messages::EventKind;

/// Events and levels that are decoded at a time, about.
const BLOCK_EVENTS: usize = 8_192;
const BLOCK_LEVELS: usize = 65_536;
/// Blocks that are decoded in advance.
const BLOCKS_AHEAD: usize = 2;

/// Events in order of time.
#[derive(Debug, Default)]
pub(super) struct EventBlock {
    pub events: Vec<(Timestamp, EventKind)>,
    pub updates: Vec<DepthUpdate>,
}

/// Merges trades and changes of the book: by time; at one time trades come first, then what they did to the book.
pub(super) struct EventReader {
    trades: TradeRows,
    changes: Option<Changes>,
    trade: Option<(Timestamp, DepthTrade)>,
    change: Option<Change>,
    /// What was before the period, as one trade and one snapshot.
    before: (Option<(Timestamp, DepthTrade)>, Option<Change>),
}

impl EventReader {
    /// Of what happened before `from`, when there can be no order yet, the book tells the state: its snapshot, and the
    /// newest trade.
    pub fn new(
        mut trades: TradeRows,
        mut changes: Option<Changes>,
        from: Timestamp,
    ) -> Result<Self, DataError> {
        let trade = trades.next()?;
        let change = next_change(&mut changes)?;
        let mut reader = Self { trades, changes, trade, change, before: (None, None) };
        if reader.changes.is_some() {
            reader.pass(from)?;
        }
        Ok(reader)
    }

    fn pass(&mut self, from: Timestamp) -> Result<(), DataError> {
        while let Some((ts, _)) = self.trade
            && ts < from
        {
            self.before.0 = std::mem::replace(&mut self.trade, self.trades.next()?);
        }
        let (mut book, mut newest) = (Book::new(), None);
        while let Some(change) = self.change.take_if(|change| change.ts < from) {
            newest = Some(change.ts);
            if change.is_snapshot {
                book.reset(&change.levels);
            } else {
                for level in &change.levels {
                    book.apply(*level);
                }
            }
            self.change = next_change(&mut self.changes)?;
        }
        self.before.1 = newest.map(|ts| Change { ts, is_snapshot: true, levels: levels(&book) });
        Ok(())
    }

    /// Adds the next events to a block: none at the end.
    pub fn read(&mut self, block: &mut EventBlock) -> Result<(), DataError> {
        let (trade, book) = std::mem::take(&mut self.before);
        if let Some((ts, trade)) = trade {
            // Whichever was first: neither meets an order.
            let ts = book.as_ref().map_or(ts, |book| ts.min(book.ts));
            block.events.push((ts, EventKind::Trade(trade)));
        }
        if let Some(book) = book {
            block.push(&book);
        }
        let (events, levels) = (block.events.len() + BLOCK_EVENTS, block.updates.len() + BLOCK_LEVELS);
        while block.events.len() < events && block.updates.len() < levels {
            match (self.trade, &self.change) {
                (None, None) => break,
                (Some((ts, trade)), change) if change.as_ref().is_none_or(|change| ts <= change.ts) => {
                    block.events.push((ts, EventKind::Trade(trade)));
                    self.trade = self.trades.next()?;
                }
                _ => {
                    let next = next_change(&mut self.changes)?;
                    if let Some(change) = std::mem::replace(&mut self.change, next) {
                        block.push(&change);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The levels of a book.
fn levels(book: &Book) -> Vec<DepthUpdate> {
    let of = |side| book.levels(side).map(move |Level { tick, lots }| DepthUpdate { side, tick, lots });
    of(Side::Buy).chain(of(Side::Sell)).collect()
}

fn next_change(changes: &mut Option<Changes>) -> Result<Option<Change>, DataError> {
    changes.as_mut().map_or(Ok(None), Changes::next)
}

impl EventBlock {
    fn push(&mut self, change: &Change) {
        let start = self.updates.len();
        self.updates.extend_from_slice(&change.levels);
        let range = start..self.updates.len();
        let kind = if change.is_snapshot { EventKind::Snapshot(range) } else { EventKind::Diff(range) };
        self.events.push((change.ts, kind));
    }
}

/// Where the blocks come from.
enum Blocks {
    Here(Box<EventReader>),
    Ahead(Receiver<Result<EventBlock, DataError>>),
}

/// The events of a stored market, for a simulated exchange.
pub struct StoredEvents {
    blocks: Blocks,
    lot: Quantity,
    block: EventBlock,
    next: usize,
    is_over: bool,
}

impl StoredEvents {
    pub(super) fn new(reader: EventReader, lot: Quantity) -> Self {
        Self::of(Blocks::Here(Box::new(reader)), lot)
    }

    /// Decodes on a thread that ends when this is dropped.
    pub(super) fn ahead(reader: EventReader, lot: Quantity) -> Self {
        let (send, receive) = sync_channel(BLOCKS_AHEAD);
        thread::spawn(move || decode(reader, &send));
        Self::of(Blocks::Ahead(receive), lot)
    }

    fn of(blocks: Blocks, lot: Quantity) -> Self {
        Self { blocks, lot, block: EventBlock::default(), next: 0, is_over: false }
    }

    fn refill(&mut self) -> Result<(), DataError> {
        self.next = 0;
        match &mut self.blocks {
            Blocks::Here(reader) => {
                self.block.events.clear();
                self.block.updates.clear();
                reader.read(&mut self.block)?;
            }
            // A thread that ends without an end or an error has panicked: never take that for the end.
            Blocks::Ahead(blocks) => {
                let stopped = |_| Err(DataError::Thread { doing: "decoding trades and books" });
                self.block = blocks.recv().unwrap_or_else(stopped)?;
            }
        }
        self.is_over = self.block.events.is_empty();
        Ok(())
    }
}

fn decode(mut reader: EventReader, send: &SyncSender<Result<EventBlock, DataError>>) {
    loop {
        let mut block = EventBlock::default();
        let read = reader.read(&mut block);
        let is_last = read.is_err() || block.events.is_empty();
        if send.send(read.map(|()| block)).is_err() || is_last {
            return;
        }
    }
}

impl MarketSource for StoredEvents {
    fn lot(&self) -> Quantity {
        self.lot
    }

    fn next_before(&mut self, end: Timestamp) -> Result<Option<TimedEvent<'_>>, MarketFault> {
        if self.next == self.block.events.len() && !self.is_over {
            self.refill()?;
        }
        match self.block.events.get(self.next) {
            Some((ts, kind)) if *ts < end => {
                self.next += 1;
                Ok(Some((*ts, kind.event(&self.block.updates))))
            }
            _ => Ok(None),
        }
    }
}
