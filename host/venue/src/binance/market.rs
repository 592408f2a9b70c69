//! What is followed of one symbol: messages in, arrivals out, each thing once.

use std::collections::VecDeque;

use cryptobot_feed::{Arrival, Book, Input, Liquidation, Series, Stream};
use cryptobot_model::{Price, Quantity, Timestamp, UpdateIds};

use super::ask::{Ask, What};
use super::book::{Diff, Snapshot, Taken, WholeBook};
use super::mark::MarkBars;
use super::message::{Levels, Message, Says};
use super::sieve::{Sieve, Verdict};
use super::streams;
use crate::Channel;
use crate::notice::{Counts, Notice};

/// Quantities of books are counted in these: any that an exchange writes.
const FINEST: Quantity = Quantity::from_units(1);
/// Liquidations that are remembered, so that one is not delivered twice.
const REMEMBERED: usize = 64;

/// What follows from messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) arrivals: VecDeque<Arrival>,
    pub(crate) notices: VecDeque<Notice>,
    pub(crate) counts: Counts,
    pub(crate) asks: Vec<Ask>,
}

/// A series and what is known of it.
type Of<T> = Option<(u32, T)>;

/// What is followed of one symbol.
#[derive(Debug)]
pub(crate) struct Market {
    symbol: String,
    /// Its place among all symbols.
    place: usize,
    tick: Price,
    trades: Of<Sieve>,
    book: Of<WholeBook>,
    /// Whether the book was whole before.
    was_whole: bool,
    /// The last update.
    quotes: Of<u64>,
    liquidations: Of<VecDeque<(Timestamp, Liquidation)>>,
    /// As the exchange writes their length, with the last close.
    bars: Vec<(u32, String, Timestamp)>,
    marks: Vec<(u32, MarkBars)>,
    /// Time of the newest mark.
    marked: Timestamp,
    /// When funding is paid next, ms.
    funding: Of<i64>,
}

impl Market {
    /// Follows the channels of a symbol whose prices are multiples of `tick`; adds their series to the list.
    pub(crate) fn new(
        (symbol, place): (&str, usize),
        tick: Price,
        channels: &[Channel],
        series: &mut Vec<Series>,
    ) -> Self {
        let mut market = Self {
            symbol: symbol.to_owned(),
            place,
            tick,
            trades: None,
            book: None,
            was_whole: false,
            quotes: None,
            liquidations: None,
            bars: Vec::new(),
            marks: Vec::new(),
            marked: Timestamp(i64::MIN),
            funding: None,
        };
        for channel in channels {
            let number = series.len() as u32;
            let stream = match channel {
                Channel::Trades => {
                    market.trades = Some((number, Sieve::default()));
                    Stream::Trades
                }
                Channel::Book => {
                    market.book = Some((number, WholeBook::new()));
                    Stream::Book { tick, lot: FINEST }
                }
                Channel::Quotes => {
                    market.quotes = Some((number, 0));
                    Stream::Quotes
                }
                Channel::Liquidations => {
                    market.liquidations = Some((number, VecDeque::new()));
                    Stream::Liquidations
                }
                Channel::Bars(timeframe) => {
                    market.bars.push((number, timeframe.to_string(), Timestamp(i64::MIN)));
                    Stream::Bars(*timeframe)
                }
                Channel::Mark(timeframe) => {
                    market.marks.push((number, MarkBars::new(*timeframe)));
                    Stream::Mark(*timeframe)
                }
                Channel::Funding => {
                    market.funding = Some((number, i64::MAX));
                    Stream::Funding
                }
            };
            series.push(Series { venue: super::VENUE.to_owned(), symbol: symbol.to_owned(), stream });
        }
        market
    }

    /// The connection with these streams ended.
    pub(crate) fn lose(&mut self, streams: &[String]) {
        let has = |channel| streams.contains(&streams::name(channel, &self.symbol));
        if has(Channel::Book)
            && let Some((_, book)) = &mut self.book
        {
            book.lose();
        }
        if has(Channel::Funding) {
            for (_, bars) in &mut self.marks {
                bars.interrupt();
            }
        }
    }

    /// Takes a message of the symbol.
    pub(crate) fn take(
        &mut self,
        message: &Message<'_>,
        arrived: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), String> {
        let at = message.at;
        let arrival = |input| Arrival { ts_event: at, ts_init: arrived, input };
        match &message.says {
            Says::Trade(trade, ids) => {
                let Some((series, sieve)) = &mut self.trades else { return Ok(()) };
                let is_new = judge(&self.symbol, sieve.take(ids.id), out);
                let input = Input::Trade { series: *series, trade: *trade, ids: Some(*ids) };
                out.arrivals.extend(is_new.then(|| arrival(input)));
            }
            Says::Book(ids, levels) => self.take_diff((at, arrived), *ids, levels, out)?,
            Says::Quote(update, quote) => {
                let Some((series, last)) = &mut self.quotes else { return Ok(()) };
                let is_new = update > last;
                *last = (*last).max(*update);
                out.deliver(is_new, arrival(Input::Quote { series: *series, quote: *quote }));
            }
            Says::Bar(interval, bar, activity) => {
                let of = self.bars.iter_mut().find(|(_, length, _)| length == interval);
                let Some((series, _, last)) = of else { return Ok(()) };
                let is_new = bar.ts > *last;
                *last = (*last).max(bar.ts);
                let input = Input::Bar { series: *series, bar: *bar, activity: Some(*activity) };
                out.deliver(is_new, arrival(input));
            }
            Says::Mark(price, next_funding_ms) => {
                self.take_mark((at, arrived), *price, *next_funding_ms, out);
            }
            Says::Liquidation(liquidation) => {
                let Some((series, known)) = &mut self.liquidations else { return Ok(()) };
                let is_new = !known.contains(&(at, *liquidation));
                if is_new {
                    known.truncate(REMEMBERED - 1);
                    known.push_front((at, *liquidation));
                }
                let input = Input::Liquidation { series: *series, liquidation: *liquidation };
                out.deliver(is_new, arrival(input));
            }
            Says::Nothing => {}
        }
        Ok(())
    }

    /// The levels of an answer on the grid of the symbol.
    pub(crate) fn on_grid(&self, levels: &Levels<'_>) -> Result<Vec<cryptobot_model::DepthUpdate>, String> {
        levels.on_grid(self.tick)
    }

    /// Takes the snapshot of the book that was asked for with this number.
    pub(crate) fn take_snapshot(
        &mut self,
        number: u64,
        snapshot: Snapshot,
        arrived: Timestamp,
        out: &mut Outbox,
    ) {
        let Some((series, book)) = &mut self.book else { return };
        let (series, mut taken) = (*series, book.on_snapshot(number, snapshot));
        // The exchange's snapshots may be behind its streams for a moment.
        let again = taken.ask.take().map(|number| Ask::soon(self.place, What::Book { number }));
        out.asks.extend(again);
        self.deliver(series, taken, arrived, out);
    }

    /// The snapshot with this number did not come.
    pub(crate) fn snapshot_failed(&mut self, number: u64, reason: String, out: &mut Outbox) {
        out.notices.push_back(Notice::NoSnapshot { symbol: self.symbol.clone(), reason });
        let again = self.book.as_mut().and_then(|(_, book)| book.on_failure(number));
        out.asks.extend(again.map(|number| Ask::later(self.place, What::Book { number })));
    }

    /// The series of funding.
    pub(crate) fn funding_series(&self) -> Option<u32> {
        self.funding.map(|(series, _)| series)
    }

    /// The symbol.
    pub(crate) fn symbol(&self) -> &str {
        &self.symbol
    }

    fn take_diff(
        &mut self,
        (at, arrived): (Timestamp, Timestamp),
        ids: UpdateIds,
        levels: &Levels<'_>,
        out: &mut Outbox,
    ) -> Result<(), String> {
        let Some((series, book)) = &mut self.book else { return Ok(()) };
        let diff = Diff { at, arrived, ids, levels: levels.on_grid(self.tick)? };
        let (series, taken) = (*series, book.on_diff(diff));
        self.deliver(series, taken, arrived, out);
        Ok(())
    }

    /// Delivers what became of a message of the book.
    fn deliver(&mut self, series: u32, taken: Taken, arrived: Timestamp, out: &mut Outbox) {
        out.counts.repeated += u64::from(taken.repeated);
        if let Some(Snapshot { at, last, levels }) = taken.snapshot {
            out.counts.resynchronisations += u64::from(self.was_whole);
            self.was_whole = true;
            let ids = Some(UpdateIds { first: last, last, previous: None });
            let input = Input::Book { series, book: Book { snapshot: true, levels, ids } };
            out.arrivals.push_back(Arrival { ts_event: at, ts_init: arrived, input });
        }
        for Diff { at, arrived, ids, levels } in taken.diffs {
            let input = Input::Book { series, book: Book { snapshot: false, levels, ids: Some(ids) } };
            out.arrivals.push_back(Arrival { ts_event: at, ts_init: arrived, input });
        }
        if let Some(reason) = taken.gap {
            out.counts.book_gaps += 1;
            out.notices.push_back(Notice::BookGap { symbol: self.symbol.clone(), reason });
        }
        // After a gap a snapshot may be behind too; the first one is asked for at once.
        let what = taken.ask.map(|number| What::Book { number });
        out.asks.extend(what.map(|what| {
            if self.was_whole { Ask::soon(self.place, what) } else { Ask::now(self.place, what) }
        }));
    }

    fn take_mark(
        &mut self,
        (at, arrived): (Timestamp, Timestamp),
        price: Price,
        next_funding_ms: i64,
        out: &mut Outbox,
    ) {
        if at <= self.marked {
            out.counts.repeated += 1;
            return;
        }
        self.marked = at;
        for (series, bars) in &mut self.marks {
            let series = *series;
            let closed = bars.take(at, price);
            let bar = closed.map(|bar| (bar.ts, Input::Bar { series, bar, activity: None }));
            let inputs = bar.into_iter().chain([(at, Input::Mark { series, price })]);
            out.arrivals.extend(inputs.map(|(ts_event, input)| Arrival {
                ts_event,
                ts_init: arrived,
                input,
            }));
        }
        if let Some((_, due)) = &mut self.funding {
            // What was announced until a moment ago was paid when the next payment is announced.
            if next_funding_ms > *due {
                out.asks.push(Ask::soon(self.place, What::Funding { due_ms: *due }));
            }
            *due = next_funding_ms;
        }
    }
}

impl Outbox {
    /// Delivers what is new, and counts what is not.
    fn deliver(&mut self, is_new: bool, arrival: Arrival) {
        if is_new {
            self.arrivals.push_back(arrival);
        } else {
            self.counts.repeated += 1;
        }
    }
}

/// Whether a trade is delivered; counts what it is.
fn judge(symbol: &str, verdict: Verdict, out: &mut Outbox) -> bool {
    match verdict {
        Verdict::Next => true,
        Verdict::After(hole) => {
            let (first, last) = hole.into_inner();
            out.counts.missing_trades += last - first + 1;
            out.notices.push_back(Notice::TradeGap { symbol: symbol.to_owned(), first, last });
            true
        }
        Verdict::Late => {
            out.counts.missing_trades -= 1;
            out.counts.late += 1;
            true
        }
        Verdict::Known => {
            out.counts.repeated += 1;
            false
        }
    }
}
