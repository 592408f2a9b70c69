//! Reading a tape.

use std::io::Read;

use cryptobot_engine::Command;
use cryptobot_model::{
    Bar, DepthUpdate, FundingRate, Price, Quantity, Rate, Side, StrategyId, Timestamp, TradeSeen, UpdateIds,
};

use super::blocks::{BlockReader, Next};
use super::numbers::{Bytes, Problem};
use super::state::{Known, State};
use super::{MOST_LEVELS, TapeError, flag, kind};
use crate::message::{Activity, Book, Input, Liquidation, Message, Quote, Series, TradeIds};

/// How a tape ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeEnd {
    /// It was finished.
    Whole,
    /// Its writer was stopped; everything up to its last flush is there.
    CutOff,
}

/// Gives the messages of a tape back.
#[derive(Debug)]
pub struct TapeReader<R> {
    blocks: BlockReader<R>,
    series: Vec<Series>,
    state: State,
    payload: Vec<u8>,
    /// Bytes of the payload that are read.
    read: usize,
    end: Option<TapeEnd>,
}

impl<R: Read> TapeReader<R> {
    /// Opens a tape and reads its list of series.
    ///
    /// # Errors
    /// It is no tape, or ends before its first message.
    pub fn new(input: R) -> Result<Self, TapeError> {
        let mut blocks = BlockReader::new(input)?;
        let mut payload = Vec::new();
        let Next::Block = blocks.read(&mut payload)? else { return Err(TapeError::NoSeries) };
        let series: Vec<Series> = serde_json::from_slice(&payload)
            .map_err(|_| TapeError::Changed { block: 1, problem: "its list of series cannot be read" })?;
        payload.clear();
        Ok(Self { blocks, state: State::new(series.len()), series, payload, read: 0, end: None })
    }

    /// The series that its messages refer to.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// How it ended; `None` before [`TapeReader::next_message`] has returned `None`.
    pub const fn end(&self) -> Option<TapeEnd> {
        self.end
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The tape was changed, or cannot be read. Everything before is as it was written.
    pub fn next_message(&mut self) -> Result<Option<Message>, TapeError> {
        if self.end.is_some() {
            return Ok(None);
        }
        if self.read == self.payload.len() {
            self.read = 0;
            self.end = match self.blocks.read(&mut self.payload)? {
                Next::CutOff => Some(TapeEnd::CutOff),
                Next::Block if self.payload.is_empty() => Some(TapeEnd::Whole),
                Next::Block => None,
            };
            if self.end.is_some() {
                self.payload.clear();
                return Ok(None);
            }
        }
        let mut bytes = Bytes::new(&self.payload[self.read..]);
        let message = message(&mut bytes, &mut self.state)
            .map_err(|problem| TapeError::Changed { block: self.blocks.blocks, problem })?;
        self.read = self.payload.len() - bytes.len();
        Ok(Some(message))
    }
}

fn message(bytes: &mut Bytes<'_>, state: &mut State) -> Result<Message, Problem> {
    let tag = bytes.byte()?;
    let (kind, has) = (tag & flag::KIND, |flag: u8| tag & flag != 0);
    if has(flag::NEXT) {
        state.sequence = state.sequence.wrapping_add(1);
    } else {
        state.sequence = bytes.uint_as()?;
    }
    let sequence = state.sequence;
    let series = match kind {
        kind::CLOCK | kind::SWAP | kind::COMMAND | kind::OVERRUN => None,
        _ => Some(bytes.uint_as()?),
    };
    let known = state.of(series).ok_or("a message of a series that is not in its list")?;
    let late = bytes.int()?.wrapping_mul(if has(flag::MILLIS) { 1_000_000 } else { 1 });
    let predicted = known.predicted(matches!(kind, kind::BAR | kind::ACTIVE_BAR | kind::CLOCK));
    let ts_event = Timestamp(predicted.wrapping_add(late as i64));
    known.came(ts_event);
    let ts_init = if has(flag::AT_ONCE) { ts_event } else { time(ts_event.0, bytes.int()?)? };
    let input = input(bytes, known, kind, series.unwrap_or(0), has(flag::OWN))?;
    Ok(Message { sequence, ts_event, ts_init, input })
}

fn time(base: i64, difference: i128) -> Result<Timestamp, Problem> {
    let sum = i128::from(base).checked_add(difference);
    sum.and_then(|sum| i64::try_from(sum).ok()).map(Timestamp).ok_or("a time is out of range")
}

fn input(
    bytes: &mut Bytes<'_>,
    known: &mut Known,
    kind: u8,
    series: u32,
    own: bool,
) -> Result<Input, Problem> {
    Ok(match kind {
        kind::CLOCK => Input::Clock,
        kind::BAR => Input::Bar { series, bar: bar(bytes, known)?, activity: None },
        kind::ACTIVE_BAR => {
            let bar = bar(bytes, known)?;
            Input::Bar { series, bar, activity: Some(activity(bytes, known)?) }
        }
        kind::MARK => Input::Mark { series, price: price(bytes, known)? },
        kind::TRADE => Input::Trade { series, trade: trade(bytes, known, own)?, ids: None },
        kind::NUMBERED_TRADE => {
            let trade = trade(bytes, known, own)?;
            Input::Trade { series, trade, ids: Some(trade_ids(bytes, known)?) }
        }
        kind::LIQUIDATION => Input::Liquidation { series, liquidation: liquidation(bytes, known, own)? },
        kind::QUOTE => Input::Quote { series, quote: quote(bytes, known)? },
        kind::BOOK => Input::Book { series, book: book(bytes, known, own)? },
        kind::NUMBERED_BOOK => {
            let book = book(bytes, known, own)?;
            let ids = Some(update_ids(bytes, known)?);
            Input::Book { series, book: Book { ids, ..book } }
        }
        kind::FUNDING => {
            let ts = time(known.ts, bytes.int()?)?;
            let rate = Rate::from_units(bytes.int()?);
            let mark = if own { Some(price(bytes, known)?) } else { None };
            Input::Funding { series, funding: FundingRate { ts, rate, mark } }
        }
        kind::SWAP => Input::Swap { strategy: StrategyId(bytes.uint_as()?), sha256: bytes.array()? },
        kind::COMMAND => {
            let command = match bytes.byte()? {
                0 => Command::Halt,
                1 => Command::Reduce,
                2 => Command::Resume,
                3 => Command::Kill { flatten: false },
                4 => Command::Kill { flatten: true },
                _ => return Err("an unknown command"),
            };
            let strategy = if own { Some(StrategyId(bytes.uint_as()?)) } else { None };
            Input::Command { strategy, command }
        }
        kind::OVERRUN => {
            let (strategy, call) = (StrategyId(bytes.uint_as()?), bytes.uint_as()?);
            let length = bytes.uint_as()?;
            let message = str::from_utf8(bytes.slice(length)?).map_err(|_| "a text that is none")?;
            Input::Overrun { strategy, call, total: own, message: message.to_owned() }
        }
        _ => return Err("an unknown kind of message"),
    })
}

/// A price that is written as its difference from the one before.
fn price(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<Price, Problem> {
    known.price = bytes.exact(known.price, &mut known.exact_places)?;
    Ok(Price::from_units(known.price))
}

fn quantity(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<Quantity, Problem> {
    bytes.exact(0, &mut known.quantity_places).map(Quantity::from_units)
}

fn bar(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<Bar, Problem> {
    let ts = time(known.ts, bytes.int()?)?;
    let places = &mut known.price_places;
    let open = bytes.real(known.close, places)?;
    let close = bytes.real(open, places)?;
    let high = bytes.real(open.max(close), places)?;
    let low = bytes.real(open.min(close), places)?;
    let volume = bytes.real(0.0, &mut known.volume_places)?;
    known.close = close;
    Ok(Bar { ts, open, high, low, close, volume })
}

fn quote(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<Quote, Problem> {
    known.bid = bytes.exact(known.bid, &mut known.exact_places)?;
    let bid_quantity = quantity(bytes, known)?;
    known.ask = bytes.exact(known.ask, &mut known.exact_places)?;
    let ask_quantity = quantity(bytes, known)?;
    let (bid, ask) = (Price::from_units(known.bid), Price::from_units(known.ask));
    Ok(Quote { bid, bid_quantity, ask, ask_quantity })
}

fn book(bytes: &mut Bytes<'_>, known: &mut Known, snapshot: bool) -> Result<Book, Problem> {
    let count: usize = bytes.uint_as()?;
    // A level takes two bytes at least: a count that cannot be is not allocated.
    if count > MOST_LEVELS || 2 * count > bytes.len() {
        return Err("a book has more levels than bytes");
    }
    let mut levels = Vec::with_capacity(count);
    for _ in 0..count {
        known.tick = time(known.tick, bytes.int()?)?.0;
        let lots = bytes.int()?;
        let side = if lots & 1 == 0 { Side::Buy } else { Side::Sell };
        let lots = i64::try_from(lots >> 1).map_err(|_| "a quantity is out of range")?;
        levels.push(DepthUpdate { side, tick: known.tick, lots });
    }
    Ok(Book { snapshot, levels, ids: None })
}

fn trade(bytes: &mut Bytes<'_>, known: &mut Known, bought: bool) -> Result<TradeSeen, Problem> {
    let aggressor = side(bought);
    let price = price(bytes, known)?;
    Ok(TradeSeen { aggressor, price, quantity: quantity(bytes, known)? })
}

const fn side(bought: bool) -> Side {
    if bought { Side::Buy } else { Side::Sell }
}

fn liquidation(bytes: &mut Bytes<'_>, known: &mut Known, bought: bool) -> Result<Liquidation, Problem> {
    let (order, order_quantity) = (price(bytes, known)?, quantity(bytes, known)?);
    let has = bytes.byte()?;
    if has > 0b11 {
        return Err("an unknown part of a liquidation");
    }
    let average_price = if has & 1 == 0 { None } else { Some(price(bytes, known)?) };
    let filled = if has & 2 == 0 { None } else { Some(quantity(bytes, known)?) };
    Ok(Liquidation { side: side(bought), price: order, quantity: order_quantity, average_price, filled })
}

fn activity(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<Activity, Problem> {
    let quote_volume = bytes.real(0.0, &mut known.quote_places)?;
    let trades = bytes.uint_as()?;
    Ok(Activity { quote_volume, trades, taker_buy_volume: bytes.real(0.0, &mut known.volume_places)? })
}

fn trade_ids(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<TradeIds, Problem> {
    let id = number(bytes, &mut known.id)?;
    let trades = if is_there(bytes)? {
        Some((number(bytes, &mut known.trade_id)?, number(bytes, &mut known.trade_id)?))
    } else {
        None
    };
    Ok(TradeIds { id, trades })
}

fn update_ids(bytes: &mut Bytes<'_>, known: &mut Known) -> Result<UpdateIds, Problem> {
    let previous = if is_there(bytes)? { Some(number(bytes, &mut known.id)?) } else { None };
    let first = number(bytes, &mut known.id)?;
    Ok(UpdateIds { first, last: number(bytes, &mut known.id)?, previous })
}

/// A number that is written as its difference from the newest one.
fn number(bytes: &mut Bytes<'_>, newest: &mut u64) -> Result<u64, Problem> {
    let sum = i128::from(*newest).checked_add(bytes.int()?);
    *newest = sum.and_then(|sum| u64::try_from(sum).ok()).ok_or("a number is out of range")?;
    Ok(*newest)
}

/// Whether what may be absent follows.
fn is_there(bytes: &mut Bytes<'_>) -> Result<bool, Problem> {
    match bytes.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a switch that is neither on nor off"),
    }
}
