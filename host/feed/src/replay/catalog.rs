//! Series of the catalog as a feed.

use cryptobot_data::store::{Cell, SeriesId, SeriesKind, StoredRows};
use cryptobot_data::{Catalog, DataError, SeriesRequest};
use cryptobot_model::{Bar, DepthUpdate, Price, Quantity, Side, Timeframe, Timestamp, TradeSeen};

use super::source::{BarStream, FundingStream, Source};
use super::{Range, Replay, ReplayHandle, Speed};
use crate::feed::FeedError;
use crate::message::{Arrival, Book, Input, Series, Stream};
use crate::pace::Pace;

/// Quantities of stored levels are counted in this: remainders in the book are no multiples of the lot of orders.
const FINEST: Quantity = Quantity::from_units(1);

/// Why stored series cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data are bad or missing.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No feed delivers such rows.
    #[error("{0} cannot be replayed; what can be: bars such as 1m, mark-1m, funding, aggtrades, depth")]
    Kind(SeriesId),
    /// A source cannot be read.
    #[error(transparent)]
    Feed(FeedError),
}

/// A row that is not what its kind says.
#[derive(Debug, thiserror::Error)]
#[error("{series}: the row at {ts} has no usable {column}; `host data check` tells more")]
struct BadRow {
    series: SeriesId,
    ts: Timestamp,
    column: &'static str,
}

/// Replays series of the catalog over a period: rows with `from <= ts < to`, bars by their open time. Bars are checked
/// on the way and must be complete.
///
/// # Errors
/// A series is not stored, has holes, or is of a kind that no feed delivers.
pub fn open(
    catalog: &Catalog,
    series: &[SeriesId],
    period: (Timestamp, Timestamp),
    speed: Speed,
    pace: Box<dyn Pace>,
) -> Result<(Replay, ReplayHandle), OpenError> {
    let sources = series.iter().map(|series| source(catalog, series, period)).collect::<Result<_, _>>()?;
    Replay::new(sources, Range::ALL, speed, pace).map_err(OpenError::Feed)
}

fn source(
    catalog: &Catalog,
    id: &SeriesId,
    period: (Timestamp, Timestamp),
) -> Result<(Series, Box<dyn Source>), OpenError> {
    let rows = |read: Read| -> Result<Box<dyn Source>, DataError> {
        let rows = StoredRows::open(catalog, id, period)?;
        Ok(Box::new(RowStream { series: id.clone(), rows, read, held: None }))
    };
    let (stream, source): (Stream, Box<dyn Source>) = match id.kind {
        SeriesKind::Bars(timeframe) => {
            let bars = catalog.series(&SeriesRequest {
                venue: id.venue.clone(),
                symbol: id.symbol.clone(),
                timeframe,
                from: Some(period.0),
                to: Some(period.1),
                allow_gaps: false,
            })?;
            (Stream::Bars(timeframe), Box::new(BarStream::new(Box::new(bars), timeframe)))
        }
        SeriesKind::Mark(timeframe) => (Stream::Mark(timeframe), rows(Read::Mark(timeframe))?),
        SeriesKind::Funding => {
            let rates = catalog.funding(&id.venue, &id.symbol, None, period)?.rates;
            (Stream::Funding, Box::new(FundingStream::new(rates)))
        }
        SeriesKind::AggTrades => (Stream::Trades, rows(Read::Trade)?),
        SeriesKind::Depth => {
            let tick = catalog.instruments(&id.venue)?.get(&id.symbol)?.instrument.tick;
            (Stream::Book { tick, lot: FINEST }, rows(Read::Level(tick))?)
        }
        SeriesKind::Index(_)
        | SeriesKind::Premium(_)
        | SeriesKind::OpenInterest(_)
        | SeriesKind::LongShort(_)
        | SeriesKind::Liquidations => return Err(OpenError::Kind(id.clone())),
    };
    Ok((Series { venue: id.venue.clone(), symbol: id.symbol.clone(), stream }, source))
}

/// What rows are read as.
#[derive(Clone, Copy)]
enum Read {
    Mark(Timeframe),
    Trade,
    /// Levels on a grid of prices; those of one update are one message.
    Level(Price),
}

/// Rows of a stored series as messages.
struct RowStream {
    series: SeriesId,
    rows: StoredRows,
    read: Read,
    /// The level that begins the next message.
    held: Option<Level>,
}

/// A level and the update that it is of.
#[derive(Clone, Copy)]
struct Level {
    ts: Timestamp,
    update: (i64, bool),
    change: DepthUpdate,
}

impl RowStream {
    fn number(&self, row: usize, column: &'static str) -> Result<f64, BadRow> {
        match self.cell(row, column) {
            Cell::Number(value) if value.is_finite() => Ok(value),
            _ => Err(self.bad(row, column)),
        }
    }

    fn flag(&self, row: usize, column: &'static str) -> Result<bool, BadRow> {
        if let Cell::Flag(flag) = self.cell(row, column) { Ok(flag) } else { Err(self.bad(row, column)) }
    }

    fn cell(&self, row: usize, column: &'static str) -> Cell {
        let index = self.series.kind.columns().iter().position(|spec| spec.name == column);
        index.map_or(Cell::Empty, |index| self.rows.rows().cell(row, index))
    }

    fn bad(&self, row: usize, column: &'static str) -> BadRow {
        BadRow { series: self.series.clone(), ts: self.ts(row), column }
    }

    fn ts(&self, row: usize) -> Timestamp {
        Timestamp::from_millis(self.rows.rows().ts_ms(row))
    }

    fn price(&self, row: usize) -> Result<Price, BadRow> {
        Price::from_f64(self.number(row, "price")?).ok_or_else(|| self.bad(row, "price"))
    }

    fn quantity(&self, row: usize) -> Result<Quantity, BadRow> {
        Quantity::from_f64(self.number(row, "qty")?).ok_or_else(|| self.bad(row, "qty"))
    }

    fn mark(&self, row: usize, timeframe: Timeframe, series: u32) -> Result<Arrival, BadRow> {
        let bar = Bar {
            ts: self.ts(row).plus(timeframe.nanos()),
            open: self.number(row, "open")?,
            high: self.number(row, "high")?,
            low: self.number(row, "low")?,
            close: self.number(row, "close")?,
            volume: 0.0,
        };
        Ok(Arrival::at(bar.ts, Input::Bar { series, bar, activity: None }))
    }

    fn trade(&self, row: usize, series: u32) -> Result<Arrival, BadRow> {
        let aggressor = if self.flag(row, "buyer_is_maker")? { Side::Sell } else { Side::Buy };
        let trade = TradeSeen { aggressor, price: self.price(row)?, quantity: self.quantity(row)? };
        Ok(Arrival::at(self.ts(row), Input::Trade { series, trade, ids: None }))
    }

    fn level(&self, row: usize, tick: Price) -> Result<Level, BadRow> {
        let Cell::Integer(last_id) = self.cell(row, "last_id") else { return Err(self.bad(row, "last_id")) };
        let (price, quantity) = (self.price(row)?.units(), self.quantity(row)?.units());
        let on_grid = tick.units() > 0 && price % tick.units() == 0;
        let at = on_grid.then(|| i64::try_from(price / tick.units()).ok()).flatten();
        let change = DepthUpdate {
            side: if self.flag(row, "bid")? { Side::Buy } else { Side::Sell },
            tick: at.ok_or_else(|| self.bad(row, "price on the grid of the instrument"))?,
            lots: i64::try_from(quantity).map_err(|_| self.bad(row, "qty"))?,
        };
        Ok(Level { ts: self.ts(row), update: (last_id, self.flag(row, "snapshot")?), change })
    }

    /// Levels up to the next update.
    fn book(&mut self, tick: Price, series: u32) -> Result<Option<Arrival>, FeedError> {
        let mut first = self.held.take();
        let mut levels = Vec::from_iter(first.map(|first| first.change));
        while let Some(row) = self.rows.next_row()? {
            let level = self.level(row, tick)?;
            let begins = *first.get_or_insert(level);
            if (begins.ts, begins.update) != (level.ts, level.update) {
                self.held = Some(level);
                break;
            }
            levels.push(level.change);
        }
        Ok(first.map(|Level { ts, update: (_, snapshot), .. }| {
            Arrival::at(ts, Input::Book { series, book: Book { snapshot, levels, ids: None } })
        }))
    }
}

impl Source for RowStream {
    fn next(&mut self, series: u32) -> Result<Option<Arrival>, FeedError> {
        if let Read::Level(tick) = self.read {
            return self.book(tick, series);
        }
        let Some(row) = self.rows.next_row()? else { return Ok(None) };
        Ok(Some(match self.read {
            Read::Mark(timeframe) => self.mark(row, timeframe, series)?,
            Read::Trade | Read::Level(_) => self.trade(row, series)?,
        }))
    }
}
