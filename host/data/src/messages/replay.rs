//! A recording as the market of a run: events for the simulated exchange, bars for strategies.

use std::path::Path;
use std::sync::Arc;

use cryptobot_engine::{BarBlock, MarketSource};
use cryptobot_model::{DepthEvent, DepthTrade, Price, Quantity, Timeframe, Timestamp};
use cryptobot_sim::depth::Continuity;

use super::error::MessageError;
use super::file::{Message, MessageFile};
use super::tape::{Tape, TapeGrid};

/// Remainders in the book of a spot market are no multiples of the lot of orders: quantities are counted in this unit.
const FINEST_LOT: Quantity = Quantity::from_units(1);

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

    /// What is recorded.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The events in the order in which they happened at the exchange.
    pub fn events(&self) -> TapeReplay {
        TapeReplay { tape: Arc::clone(&self.tape), lot: self.grid.lot, next: 0 }
    }

    /// The recorded trades as bars, by the exchange's clock: only whole ones, from the first that has a trade on. Where
    /// nothing was traded the price stands and the volume is 0.
    pub fn bars(&self, timeframe: Timeframe) -> BarBlock {
        let mut block = BarBlock::default();
        let mut events = self.tape.by_exchange();
        let (Some(first), length) = (events.next(), timeframe.nanos()) else { return block };
        let start = timeframe.open_of(first.exchange_ts.plus(length - 1));
        let mut ends = first.exchange_ts;
        for event in self.tape.by_exchange() {
            ends = event.exchange_ts;
            let DepthEvent::Trade(trade) = self.tape.event(event) else { continue };
            if ends >= start {
                self.add(&mut block, timeframe, ends, trade);
            }
        }
        if !block.is_empty() {
            fill_up_to(&mut block, timeframe.open_of(ends).millis(), length / 1_000_000);
            truncate(&mut block, timeframe.open_of(ends).millis());
        }
        block
    }

    fn add(&self, block: &mut BarBlock, timeframe: Timeframe, ts: Timestamp, trade: DepthTrade) {
        let price = Price::from_units(self.grid.tick.units() * i128::from(trade.tick)).to_f64();
        let quantity = Quantity::from_units(self.grid.lot.units() * i128::from(trade.lots)).to_f64();
        let open_ms = timeframe.open_of(ts).millis();
        fill_up_to(block, open_ms, timeframe.nanos() / 1_000_000);
        if block.open_ms.last() != Some(&open_ms) {
            push(block, open_ms, price);
        }
        let last = block.len() - 1;
        block.high[last] = block.high[last].max(price);
        block.low[last] = block.low[last].min(price);
        block.close[last] = price;
        block.volume[last] += quantity;
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

fn push(block: &mut BarBlock, open_ms: i64, price: f64) {
    block.open_ms.push(open_ms);
    for column in [&mut block.open, &mut block.high, &mut block.low, &mut block.close] {
        column.push(price);
    }
    block.volume.push(0.0);
}

/// Adds flat bars before `open_ms`.
fn fill_up_to(block: &mut BarBlock, open_ms: i64, length_ms: i64) {
    while let (Some(last), Some(close)) = (block.open_ms.last().copied(), block.close.last().copied())
        && last + length_ms < open_ms
    {
        push(block, last + length_ms, close);
    }
}

/// Drops the bars from `open_ms` on.
fn truncate(block: &mut BarBlock, open_ms: i64) {
    let rows = block.open_ms.partition_point(|open| *open < open_ms);
    block.open_ms.truncate(rows);
    for column in [&mut block.open, &mut block.high, &mut block.low, &mut block.close, &mut block.volume] {
        column.truncate(rows);
    }
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

    fn next_before(&mut self, end: Timestamp) -> Option<(Timestamp, DepthEvent<'_>)> {
        let event = self.tape.at_exchange(self.next).filter(|event| event.exchange_ts < end)?;
        self.next += 1;
        Some((event.exchange_ts, self.tape.event(event)))
    }
}
