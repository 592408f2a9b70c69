//! A whole recording in memory, on the grid of its instrument.

use std::ops::Range;
use std::path::Path;

use cryptobot_model::{DepthEvent, DepthTrade, DepthUpdate, Price, Quantity, Side, Timestamp};
use cryptobot_sim::depth::{BookSync, Continuity};

use super::error::MessageError;
use super::file::{DepthDiff, DepthSnapshot, LevelText, Message, MessageFile, TradeMessage};

/// The grid of the recorded instrument, and how its diffs follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapeGrid {
    /// Smallest step of a price.
    pub tick: Price,
    /// Smallest step of a quantity.
    pub lot: Quantity,
    /// Rule of the sequence numbers.
    pub continuity: Continuity,
}

impl TapeGrid {
    /// Price and quantity of a trade.
    pub(crate) fn amounts(&self, trade: DepthTrade) -> (f64, f64) {
        let price = Price::from_units(self.tick.units() * i128::from(trade.tick));
        let quantity = Quantity::from_units(self.lot.units() * i128::from(trade.lots));
        (price.to_f64(), quantity.to_f64())
    }
}

/// An event with the times of both clocks.
#[derive(Clone, Debug)]
pub struct TapeEvent {
    /// When it happened at the exchange.
    pub exchange_ts: Timestamp,
    /// When it was received, moved so that nothing is received before it happened.
    pub local_ts: Timestamp,
    kind: EventKind,
}

/// What an event says; the levels of books stand in a list of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Snapshot(Range<usize>),
    Diff(Range<usize>),
    Trade(DepthTrade),
}

impl EventKind {
    /// The event with its levels.
    #[inline]
    pub(crate) fn event<'a>(&self, updates: &'a [DepthUpdate]) -> DepthEvent<'a> {
        match self {
            Self::Snapshot(range) => DepthEvent::Snapshot(&updates[range.clone()]),
            Self::Diff(range) => DepthEvent::Diff(&updates[range.clone()]),
            Self::Trade(trade) => DepthEvent::Trade(*trade),
        }
    }

    /// The order of events of one time: trades first. A change of that time has what they took out of the book already.
    const fn rank(&self) -> u8 {
        match self {
            Self::Trade(_) => 0,
            Self::Snapshot(_) | Self::Diff(_) => 1,
        }
    }
}

/// A recording: events in the order in which they were received.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    events: Vec<TapeEvent>,
    updates: Vec<DepthUpdate>,
    by_exchange: Vec<u32>,
    clock_shift_ns: i64,
    before_book: usize,
}

impl Tape {
    /// Reads a recording. Sequence errors, prices off the grid and messages of a second symbol are errors.
    pub fn read(path: &Path, grid: &TapeGrid) -> Result<Self, MessageError> {
        let mut file = MessageFile::open(path)?;
        let mut reading = Reading::new(*grid);
        loop {
            let step = match file.next_message()? {
                None => break,
                Some((received_at, message)) => reading.on_message(received_at, &message),
            };
            step.map_err(|problem| problem.at(&file))?;
        }
        reading.finish().map_err(|problem| MessageError::Incomplete { file: path.to_owned(), problem })
    }

    /// The events in the order in which they were received.
    pub fn events(&self) -> &[TapeEvent] {
        &self.events
    }

    /// The events in the order in which they happened at the exchange; at one time trades come before the book.
    pub fn by_exchange(&self) -> impl Iterator<Item = &TapeEvent> {
        self.by_exchange.iter().map(|&index| &self.events[index as usize])
    }

    /// The event with this number in the order in which they happened at the exchange.
    pub fn at_exchange(&self, number: usize) -> Option<&TapeEvent> {
        self.by_exchange.get(number).map(|&index| &self.events[index as usize])
    }

    /// What an event says.
    #[inline]
    pub fn event(&self, event: &TapeEvent) -> DepthEvent<'_> {
        event.kind.event(&self.updates)
    }

    /// Changes of single levels and trades in all: the usual count of market events.
    pub fn changes(&self) -> usize {
        let trades = self.events.iter().filter(|event| matches!(event.kind, EventKind::Trade(_))).count();
        self.updates.len() + trades
    }

    /// What was added to the local clock, ns.
    pub const fn clock_shift_ns(&self) -> i64 {
        self.clock_shift_ns
    }

    /// Trades before the book was there.
    pub const fn trades_before_book(&self) -> usize {
        self.before_book
    }

    /// A tape of events whose receipt is not known, in the order in which they happened.
    pub(crate) fn of_events(events: Vec<(Timestamp, EventKind)>, updates: Vec<DepthUpdate>) -> Self {
        let by_exchange = (0..events.len() as u32).collect();
        let event = |(ts, kind)| TapeEvent { exchange_ts: ts, local_ts: ts, kind };
        let events: Vec<TapeEvent> = events.into_iter().map(event).collect();
        Self { events, updates, by_exchange, clock_shift_ns: 0, before_book: 0 }
    }
}

enum Problem {
    Text(String),
    Gap(cryptobot_sim::depth::SequenceGap),
}

impl Problem {
    fn at(self, file: &MessageFile) -> MessageError {
        let (line, file) = (file.line_number(), file.path().to_owned());
        match self {
            Self::Text(problem) => MessageError::Line { file, line, problem },
            Self::Gap(gap) => MessageError::Gap { file, line, gap },
        }
    }
}

/// A diff whose turn has not come.
struct Held {
    ts: Timestamp,
    updates: Vec<DepthUpdate>,
}

struct Reading {
    grid: TapeGrid,
    symbol: Option<String>,
    sync: BookSync<Held>,
    ready: Vec<Held>,
    has_snapshot: bool,
    /// Latest time of a book message: the book's own messages never change places.
    last_depth: Timestamp,
    tape: Tape,
}

impl Reading {
    fn new(grid: TapeGrid) -> Self {
        Self {
            grid,
            symbol: None,
            sync: BookSync::new(grid.continuity),
            ready: Vec::new(),
            has_snapshot: false,
            last_depth: Timestamp(i64::MIN),
            tape: Tape::default(),
        }
    }

    fn on_message(&mut self, received_at: Timestamp, message: &Message) -> Result<(), Problem> {
        match message {
            Message::Other(_) => Ok(()),
            Message::Trade(trade) => self.on_trade(received_at, trade).map_err(Problem::Text),
            Message::Diff(diff) => self.on_diff(received_at, diff),
            Message::Snapshot(snapshot) => self.on_snapshot(received_at, snapshot),
        }
    }

    fn on_diff(&mut self, received_at: Timestamp, diff: &DepthDiff) -> Result<(), Problem> {
        self.check_symbol(diff.symbol).map_err(Problem::Text)?;
        let updates = self.levels(&diff.bids, &diff.asks).map_err(Problem::Text)?;
        let held = Held { ts: diff.ts, updates };
        self.sync.on_diff(diff.ids, held, &mut self.ready).map_err(Problem::Gap)?;
        self.push_ready(received_at);
        Ok(())
    }

    fn on_snapshot(&mut self, received_at: Timestamp, snapshot: &DepthSnapshot) -> Result<(), Problem> {
        let levels = self.levels(&snapshot.bids, &snapshot.asks).map_err(Problem::Text)?;
        if self.sync.applied().is_some_and(|applied| snapshot.last_id <= applied) {
            // What the diffs led to is at least as new.
            return Ok(());
        }
        self.sync.on_snapshot(snapshot.last_id, &mut self.ready).map_err(Problem::Gap)?;
        self.has_snapshot = true;
        let first = self.ready.first().map(|held| held.ts);
        // Exchanges that tell no time of the snapshot tell that of the diff it belongs to.
        let ts = snapshot.ts.or(first).unwrap_or(received_at);
        let range = self.store(&levels);
        self.push_depth(ts, received_at, EventKind::Snapshot(range));
        self.push_ready(received_at);
        Ok(())
    }

    fn on_trade(&mut self, received_at: Timestamp, trade: &TradeMessage) -> Result<(), String> {
        self.check_symbol(trade.symbol)?;
        if !trade.in_book {
            return Ok(());
        }
        let (tick, lots) = self.on_grid(trade.price, trade.quantity)?;
        let kind = EventKind::Trade(DepthTrade { aggressor: trade.aggressor, tick, lots });
        self.tape.events.push(TapeEvent { exchange_ts: trade.ts, local_ts: received_at, kind });
        Ok(())
    }

    fn push_ready(&mut self, received_at: Timestamp) {
        for held in std::mem::take(&mut self.ready) {
            let range = self.store(&held.updates);
            self.push_depth(held.ts, received_at, EventKind::Diff(range));
        }
    }

    fn push_depth(&mut self, ts: Timestamp, received_at: Timestamp, kind: EventKind) {
        self.last_depth = ts.max(self.last_depth);
        self.tape.events.push(TapeEvent { exchange_ts: self.last_depth, local_ts: received_at, kind });
    }

    fn store(&mut self, updates: &[DepthUpdate]) -> Range<usize> {
        let start = self.tape.updates.len();
        self.tape.updates.extend_from_slice(updates);
        start..self.tape.updates.len()
    }

    fn check_symbol(&mut self, symbol: &str) -> Result<(), String> {
        match &self.symbol {
            Some(known) if known == symbol => Ok(()),
            Some(known) => {
                Err(format!("symbol {symbol} in a recording of {known}; fix: one file per symbol"))
            }
            None => {
                self.symbol = Some(symbol.to_owned());
                Ok(())
            }
        }
    }

    fn levels(&self, bids: &[LevelText], asks: &[LevelText]) -> Result<Vec<DepthUpdate>, String> {
        let mut updates = Vec::with_capacity(bids.len() + asks.len());
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for [price, quantity] in levels {
                let (tick, lots) = self.on_grid(price, quantity)?;
                updates.push(DepthUpdate { side, tick, lots });
            }
        }
        Ok(updates)
    }

    fn on_grid(&self, price: &str, quantity: &str) -> Result<(i64, i64), String> {
        let tick = steps(price, self.grid.tick.units())
            .ok_or_else(|| format!("price `{price}` is not a multiple of the tick {}", self.grid.tick))?;
        let lots = steps(quantity, self.grid.lot.units())
            .ok_or_else(|| format!("quantity `{quantity}` is not a multiple of the lot {}", self.grid.lot))?;
        Ok((tick, lots))
    }

    fn finish(self) -> Result<Tape, String> {
        if !self.has_snapshot {
            return Err("no depth snapshot; a book cannot be built from diffs alone".to_owned());
        }
        let mut tape = self.tape;
        let ahead = tape.events.iter().map(|event| event.exchange_ts.0 - event.local_ts.0).max();
        tape.clock_shift_ns = ahead.unwrap_or(0).max(0);
        for event in &mut tape.events {
            event.local_ts = event.local_ts.plus(tape.clock_shift_ns);
        }
        tape.by_exchange = (0..tape.events.len() as u32).collect();
        let order = |event: &TapeEvent| (event.exchange_ts, event.kind.rank());
        tape.by_exchange.sort_by_key(|&index| order(&tape.events[index as usize]));
        let is_trade = |event: &&TapeEvent| matches!(event.kind, EventKind::Trade(_));
        tape.before_book = tape.by_exchange().take_while(is_trade).count();
        Ok(tape)
    }
}

/// How often `step` (in units of 10⁻⁸) goes into a decimal text without sign; `None` unless it is a whole number.
fn steps(text: &str, step: i128) -> Option<i64> {
    let step = i64::try_from(step).ok().filter(|step| *step > 0)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || fraction.len() > 8 {
        return None;
    }
    let mut units = 0_i64;
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', 8 - fraction.len())) {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        units = units.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    (units % step == 0).then_some(units / step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_steps() {
        let tick = "0.1".parse::<Price>().unwrap().units();
        for (text, expected) in [
            ("61800.20", Some(618_002)),
            ("0.000", Some(0)),
            ("5", Some(50)),
            ("0.10000000000", Some(1)),
            ("61800.25", None),
            ("", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("1.000000001", None),
            ("99999999999999", None),
        ] {
            assert_eq!(steps(text, tick), expected, "{text}");
        }
    }
}
