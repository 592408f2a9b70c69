//! Writing a tape.

use std::io::{self, Write};

use cryptobot_engine::Command;
use cryptobot_model::{Bar, FundingRate, Price, Side, UpdateIds};

use super::blocks::BlockWriter;
use super::numbers::{put_exact, put_int, put_real, put_uint};
use super::state::{Known, State};
use super::{BLOCK_BYTES, MOST_LEVELS, flag, kind};
use crate::message::{Activity, Book, Input, Liquidation, Message, Quote, Series, TradeIds};

/// Writes messages onto a tape.
#[derive(Debug)]
pub struct TapeWriter<W: Write> {
    blocks: BlockWriter<W>,
    state: State,
    payload: Vec<u8>,
}

impl<W: Write> TapeWriter<W> {
    /// Begins a tape of a feed with these series.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: W, series: &[Series]) -> io::Result<Self> {
        let mut blocks = BlockWriter::new(out)?;
        blocks.write(&serde_json::to_vec(series)?)?;
        blocks.flush()?;
        Ok(Self { blocks, state: State::new(series.len()), payload: Vec::with_capacity(BLOCK_BYTES + 512) })
    }

    /// Appends a message.
    ///
    /// # Errors
    /// What `out` says; the message belongs to no series of the tape, or has more levels than any book.
    pub fn append(&mut self, message: &Message) -> io::Result<()> {
        let Some(known) = self.state.of(message.input.series()) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a message of a series that the tape lacks",
            ));
        };
        if let Input::Book { book, .. } = &message.input
            && book.levels.len() > MOST_LEVELS
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a book of more levels than a tape takes",
            ));
        }
        let before = known.predicted(is_regular(&message.input));
        known.came(message.ts_event);
        let (tag, is_next) = (tag(&message.input), message.sequence == self.state.sequence.wrapping_add(1));
        self.state.sequence = message.sequence;
        let late = message.ts_event.0.wrapping_sub(before);
        let in_millis = late % 1_000_000 == 0;
        let at_once = message.ts_init == message.ts_event;
        let out = &mut self.payload;
        let flags = [(in_millis, flag::MILLIS), (at_once, flag::AT_ONCE), (is_next, flag::NEXT)];
        out.push(flags.iter().filter(|(is, _)| *is).fold(tag, |tag, (_, flag)| tag | flag));
        if !is_next {
            put_uint(out, message.sequence.into());
        }
        if let Some(series) = message.input.series() {
            put_uint(out, series.into());
        }
        put_int(out, i128::from(if in_millis { late / 1_000_000 } else { late }));
        if !at_once {
            put_int(out, i128::from(message.ts_init.0) - i128::from(message.ts_event.0));
        }
        if let Some(known) = self.state.of(message.input.series()) {
            put_input(out, known, &message.input);
        }
        if self.payload.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    /// Hands everything to `out`: from there a killed process cannot take it back.
    ///
    /// # Errors
    /// What `out` says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.close_block()?;
        self.blocks.flush()
    }

    /// Ends the tape and returns what it was written to.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<W> {
        self.close_block()?;
        self.blocks.write(&[])?;
        self.blocks.flush()?;
        Ok(self.blocks.into_inner())
    }

    fn close_block(&mut self) -> io::Result<()> {
        if !self.payload.is_empty() {
            self.blocks.write(&self.payload)?;
            self.payload.clear();
        }
        Ok(())
    }
}

/// Whether messages of this kind come in regular steps.
pub(super) const fn is_regular(input: &Input) -> bool {
    matches!(input, Input::Bar { .. } | Input::Clock)
}

fn tag(input: &Input) -> u8 {
    let (kind, own) = match input {
        Input::Clock => (kind::CLOCK, false),
        Input::Bar { activity, .. } => (if activity.is_some() { kind::ACTIVE_BAR } else { kind::BAR }, false),
        Input::Mark { .. } => (kind::MARK, false),
        Input::Trade { trade, ids, .. } => {
            let kind = if ids.is_some() { kind::NUMBERED_TRADE } else { kind::TRADE };
            (kind, trade.aggressor == Side::Buy)
        }
        Input::Liquidation { liquidation, .. } => (kind::LIQUIDATION, liquidation.side == Side::Buy),
        Input::Quote { .. } => (kind::QUOTE, false),
        Input::Book { book, .. } => {
            (if book.ids.is_some() { kind::NUMBERED_BOOK } else { kind::BOOK }, book.snapshot)
        }
        Input::Funding { funding, .. } => (kind::FUNDING, funding.mark.is_some()),
        Input::Swap { .. } => (kind::SWAP, false),
        Input::Command { strategy, .. } => (kind::COMMAND, strategy.is_some()),
        Input::Overrun { total, .. } => (kind::OVERRUN, *total),
    };
    if own { kind | flag::OWN } else { kind }
}

fn put_input(out: &mut Vec<u8>, known: &mut Known, input: &Input) {
    match input {
        Input::Clock => {}
        Input::Bar { bar, activity, .. } => {
            put_bar(out, known, bar);
            if let Some(activity) = activity {
                put_activity(out, known, activity);
            }
        }
        Input::Mark { price, .. } => {
            put_price(out, known, *price);
        }
        Input::Trade { trade, ids, .. } => {
            put_price(out, known, trade.price);
            put_exact(out, trade.quantity.units(), 0, &mut known.quantity_places);
            if let Some(ids) = ids {
                put_trade_ids(out, known, ids);
            }
        }
        Input::Liquidation { liquidation, .. } => put_liquidation(out, known, liquidation),
        Input::Quote { quote, .. } => put_quote(out, known, quote),
        Input::Book { book, .. } => put_book(out, known, book),
        Input::Funding { funding: FundingRate { ts, rate, mark }, .. } => {
            put_int(out, i128::from(ts.0) - i128::from(known.ts));
            put_int(out, rate.units());
            if let Some(mark) = mark {
                put_price(out, known, *mark);
            }
        }
        Input::Swap { strategy, sha256 } => {
            put_uint(out, strategy.0.into());
            out.extend_from_slice(sha256);
        }
        Input::Command { strategy, command } => {
            out.push(match command {
                Command::Halt => 0,
                Command::Reduce => 1,
                Command::Resume => 2,
                Command::Kill { flatten: false } => 3,
                Command::Kill { flatten: true } => 4,
            });
            if let Some(strategy) = strategy {
                put_uint(out, strategy.0.into());
            }
        }
        Input::Overrun { strategy, call, message, .. } => {
            put_uint(out, strategy.0.into());
            put_uint(out, (*call).into());
            put_uint(out, message.len() as u128);
            out.extend_from_slice(message.as_bytes());
        }
    }
}

fn put_bar(out: &mut Vec<u8>, known: &mut Known, bar: &Bar) {
    put_int(out, i128::from(bar.ts.0) - i128::from(known.ts));
    let places = &mut known.price_places;
    put_real(out, bar.open, known.close, places);
    put_real(out, bar.close, bar.open, places);
    put_real(out, bar.high, bar.open.max(bar.close), places);
    put_real(out, bar.low, bar.open.min(bar.close), places);
    put_real(out, bar.volume, 0.0, &mut known.volume_places);
    known.close = bar.close;
}

fn put_activity(out: &mut Vec<u8>, known: &mut Known, activity: &Activity) {
    put_real(out, activity.quote_volume, 0.0, &mut known.quote_places);
    put_uint(out, activity.trades.into());
    put_real(out, activity.taker_buy_volume, 0.0, &mut known.volume_places);
}

fn put_trade_ids(out: &mut Vec<u8>, known: &mut Known, ids: &TradeIds) {
    put_number(out, &mut known.id, ids.id);
    out.push(u8::from(ids.trades.is_some()));
    if let Some((first, last)) = ids.trades {
        put_number(out, &mut known.trade_id, first);
        put_number(out, &mut known.trade_id, last);
    }
}

/// A number as its difference from the newest one.
fn put_number(out: &mut Vec<u8>, newest: &mut u64, number: u64) {
    put_int(out, i128::from(number) - i128::from(*newest));
    *newest = number;
}

fn put_liquidation(out: &mut Vec<u8>, known: &mut Known, liquidation: &Liquidation) {
    put_price(out, known, liquidation.price);
    put_exact(out, liquidation.quantity.units(), 0, &mut known.quantity_places);
    out.push(u8::from(liquidation.average_price.is_some()) | u8::from(liquidation.filled.is_some()) << 1);
    if let Some(price) = liquidation.average_price {
        put_price(out, known, price);
    }
    if let Some(filled) = liquidation.filled {
        put_exact(out, filled.units(), 0, &mut known.quantity_places);
    }
}

fn put_price(out: &mut Vec<u8>, known: &mut Known, price: Price) {
    put_exact(out, price.units(), known.price, &mut known.exact_places);
    known.price = price.units();
}

fn put_quote(out: &mut Vec<u8>, known: &mut Known, quote: &Quote) {
    let Known { exact_places, quantity_places, .. } = known;
    put_exact(out, quote.bid.units(), known.bid, exact_places);
    put_exact(out, quote.bid_quantity.units(), 0, quantity_places);
    put_exact(out, quote.ask.units(), known.ask, exact_places);
    put_exact(out, quote.ask_quantity.units(), 0, quantity_places);
    (known.bid, known.ask) = (quote.bid.units(), quote.ask.units());
}

fn put_book(out: &mut Vec<u8>, known: &mut Known, book: &Book) {
    put_uint(out, book.levels.len() as u128);
    for level in &book.levels {
        put_int(out, i128::from(level.tick) - i128::from(known.tick));
        put_int(out, i128::from(level.lots) << 1 | i128::from(level.side == Side::Sell));
        known.tick = level.tick;
    }
    if let Some(UpdateIds { first, last, previous }) = book.ids {
        out.push(u8::from(previous.is_some()));
        if let Some(previous) = previous {
            put_number(out, &mut known.id, previous);
        }
        put_number(out, &mut known.id, first);
        put_number(out, &mut known.id, last);
    }
}
