//! Trades and order books of the catalog as the market of a run: events for the simulated exchange, bars for strategies.
//!
//! A [`StoredMarket`] is what a [`Recording`] is, read from the kinds `aggtrades` and `depth` in place of a file of
//! messages: the same bars, the same order of events, the same check that no change of the book is missing. It is read
//! row group by row group, so that memory does not grow with the period.

mod changes;
mod cursor;
mod spans;
mod stream;
mod trades;

use cryptobot_model::{Price, Quantity, Timeframe, Timestamp};
use cryptobot_sim::depth::Continuity;

use crate::catalog::Catalog;
use crate::error::DataError;
use crate::file::TouchedFile;
use crate::messages::{BarBuilder, Detail, FINEST_LOT, Recording, Tape, TapeGrid};
use crate::resample::next_open;
use crate::store::{SeriesId, SeriesKind};
use changes::Changes;
use cursor::Cursor;
use spans::Spans;
use stream::{EventBlock, EventReader};
use trades::TradeRows;

pub use stream::StoredEvents;
pub use trades::TradeBars;

/// Memory that an event takes, about: a row of the book is a level of one.
const ROW_BYTES: u64 = 48;

/// Which market is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketRequest {
    /// Venue, for example `binance-usdm`.
    pub venue: String,
    /// Symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// Smallest step of a price.
    pub tick: Price,
    /// Smallest step of an order's quantity.
    pub lot: Quantity,
    /// Length of the bars.
    pub timeframe: Timeframe,
    /// Whether the book is wanted, or the trades alone.
    pub detail: Detail,
    /// Only bars that open at or after this; `None` = from the first that can be built.
    pub from: Option<Timestamp>,
    /// Only bars that close at or before this; `None` = to the last whole one.
    pub to: Option<Timestamp>,
    /// Whether changes of the book may be missing: it stands still then until the next snapshot.
    pub allow_gaps: bool,
}

impl MarketRequest {
    /// Open time of the first bar that is wanted, where that is stated.
    fn first_open(&self) -> Option<Timestamp> {
        self.from.map(|from| next_open(self.timeframe, from))
    }

    /// Begin and end of the whole bars of what is stored: the first one is known by a trade in it or before it.
    fn whole_bars(
        &self,
        first_trade: Timestamp,
        (begins, ends): (Timestamp, Timestamp),
    ) -> (Timestamp, Timestamp) {
        let stored = next_open(self.timeframe, begins);
        let from = self.first_open().map_or(stored, |from| from.max(stored));
        let from = if first_trade < from { from } else { self.timeframe.open_of(first_trade) };
        let to = self.timeframe.open_of(self.to.map_or(ends, |to| to.min(ends)));
        (from, to)
    }
}

/// A stored market over a period. It is read any number of times, by several threads at once.
#[derive(Clone, Debug)]
pub struct StoredMarket {
    catalog: Catalog,
    trades: SeriesId,
    /// Where trades begin to be read: the price at the open of the first bar is known by them.
    trades_from: Timestamp,
    book: Option<BookPlan>,
    grid: TapeGrid,
    timeframe: Timeframe,
    from: Timestamp,
    to: Timestamp,
    touched: Vec<TouchedFile>,
    rows: u64,
}

#[derive(Clone, Debug)]
struct BookPlan {
    series: SeriesId,
    /// Time of the snapshot that it begins with.
    from: Timestamp,
    allow_gaps: bool,
}

impl StoredMarket {
    /// Finds what a period needs and decodes nothing that is not needed for that.
    ///
    /// The book begins with the last snapshot before the period, or with the first one in it. How its changes follow each
    /// other, and whether they are on the lot of orders, is told by their numbers: futures name the change before.
    ///
    /// # Errors
    /// One of the kinds is not stored, a day of the period is missing, the book has no snapshot or its changes have no
    /// numbers, or no whole bar is left.
    pub fn open(catalog: &Catalog, request: &MarketRequest) -> Result<Self, DataError> {
        let stored = |kind| Spans::of(catalog, SeriesId::new(&request.venue, &request.symbol, kind)?);
        let trades = stored(SeriesKind::AggTrades)?;
        let book = match request.detail {
            Detail::Trades => None,
            Detail::Book => Some(stored(SeriesKind::Depth)?),
        };
        let mut grid = TapeGrid { tick: request.tick, lot: FINEST_LOT, continuity: Continuity::Next };
        let (mut begins, mut ends) = trades.extent();
        if let Some(book) = &book {
            begins = book.snapshot_at(request.first_open().unwrap_or(book.extent().0))?;
            ends = ends.max(book.extent().1);
            if book.names_previous(begins)? {
                (grid.lot, grid.continuity) = (request.lot, Continuity::Previous);
            }
        }
        let (from, to) = request.whole_bars(trades.extent().0, (begins, ends));
        for spans in [Some(&trades), book.as_ref()].into_iter().flatten() {
            spans.refuse_missing_days(request.from.unwrap_or(from), request.to.unwrap_or(to))?;
        }
        if from >= to {
            let series = book.as_ref().unwrap_or(&trades).series().to_string();
            return Err(DataError::NoBars { series, stored: Some((begins, ends)) });
        }
        let trades_from = trades.begin_before(from);
        let (mut touched, mut rows) = (trades.touched(trades_from, to)?, trades.rows_in(trades_from, to));
        if let Some(book) = &book {
            touched.extend(book.touched(begins, to)?);
            rows += book.rows_in(begins, to);
        }
        let plan = |book: Spans| BookPlan {
            series: book.into_series(),
            from: begins,
            allow_gaps: request.allow_gaps,
        };
        Ok(Self {
            catalog: catalog.clone(),
            trades: trades.into_series(),
            trades_from,
            book: book.map(plan),
            grid,
            timeframe: request.timeframe,
            from,
            to,
            touched,
            rows,
        })
    }

    /// Open time of the first bar.
    pub const fn first_open(&self) -> Timestamp {
        self.from
    }

    /// Close time of the last bar.
    pub const fn last_close(&self) -> Timestamp {
        self.to
    }

    /// Length of the bars.
    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Number of bars.
    pub const fn expected_bars(&self) -> u64 {
        ((self.to.0 - self.from.0) / self.timeframe.nanos()).unsigned_abs()
    }

    /// Memory that its events would take, about.
    pub const fn decoded_bytes(&self) -> u64 {
        self.rows * ROW_BYTES
    }

    /// The files whose rows are read, for the identity of a run.
    pub fn touched(&self) -> &[TouchedFile] {
        &self.touched
    }

    /// The events of the period in the order in which they happened at the exchange; before them what a market needs to
    /// begin with.
    pub fn events(&self) -> Result<StoredEvents, DataError> {
        Ok(StoredEvents::new(self.reader()?, self.grid.lot))
    }

    /// The same, decoded on another thread while the engine works on the events before.
    pub fn events_ahead(&self) -> Result<StoredEvents, DataError> {
        Ok(StoredEvents::ahead(self.reader()?, self.grid.lot))
    }

    /// The trades as bars. Where nothing was traded the price stands and the volume is 0.
    pub fn bars(&self) -> Result<TradeBars, DataError> {
        Ok(TradeBars {
            trades: self.trade_rows()?,
            grid: self.grid,
            builder: BarBuilder::new(self.timeframe, self.from),
            to: self.to,
            is_over: false,
        })
    }

    /// All events in memory, for many runs.
    pub fn decode(&self) -> Result<Recording, DataError> {
        let mut reader = self.reader()?;
        let mut all = EventBlock::default();
        loop {
            let before = all.events.len();
            reader.read(&mut all)?;
            if all.events.len() == before {
                return Ok(Recording::of(Tape::of_events(all.events, all.updates), self.grid));
            }
        }
    }

    fn trade_rows(&self) -> Result<TradeRows, DataError> {
        let period = (self.trades_from, self.to);
        Cursor::open(&self.catalog, &self.trades, period, self.grid).map(TradeRows)
    }

    fn reader(&self) -> Result<EventReader, DataError> {
        let changes = self.book.as_ref().map(|BookPlan { series, from, allow_gaps }| {
            let rows = Cursor::open(&self.catalog, series, (*from, self.to), self.grid)?;
            Ok::<_, DataError>(Changes::new(series.to_string(), rows, self.grid.continuity, *allow_gaps))
        });
        EventReader::new(self.trade_rows()?, changes.transpose()?, self.from)
    }
}
