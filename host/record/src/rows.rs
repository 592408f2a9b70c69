//! Messages as rows of the catalog.

use cryptobot_data::DataError;
use cryptobot_data::store::{Appended, CatalogWriter, Cell, Rows, SeriesId, SeriesKind};
use cryptobot_feed::{Activity, Book, Input, Liquidation, Series, Stream, TradeIds};
use cryptobot_model::{Bar, FundingRate, Price, Quantity, Side, Timeframe, Timestamp, TradeSeen};

/// Rows of one series that wait to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The series of the catalog.
    pub(crate) id: SeriesId,
    pub(crate) rows: Rows,
    of: Of,
    /// Last update of the newest change of a book where it changed no level, and of the change before.
    empty: Option<(u64, u64)>,
    /// Whether a message lacked the numbers of its exchange.
    pub(crate) unnumbered: bool,
    /// Rows that were left out since they cannot be true, and what is wrong with the last of them.
    pub(crate) refused: u64,
    pub(crate) refusal: Option<String>,
}

/// What the messages of a series are.
#[derive(Clone, Copy, Debug)]
enum Of {
    Bars(Timeframe),
    Mark(Timeframe),
    Funding,
    Trades,
    Book { tick: Price, lot: Quantity },
    Liquidations,
}

impl Waiting {
    /// Where the messages of a series go; `None` where the catalog has no place for them.
    pub(crate) fn new(series: &Series) -> Result<Option<Self>, DataError> {
        let (of, kind) = match series.stream {
            Stream::Bars(timeframe) => (Of::Bars(timeframe), SeriesKind::Bars(timeframe)),
            Stream::Mark(timeframe) => (Of::Mark(timeframe), SeriesKind::Mark(timeframe)),
            Stream::Funding => (Of::Funding, SeriesKind::Funding),
            Stream::Trades => (Of::Trades, SeriesKind::AggTrades),
            Stream::Book { tick, lot } => (Of::Book { tick, lot }, SeriesKind::Depth),
            Stream::Liquidations => (Of::Liquidations, SeriesKind::Liquidations),
            Stream::Quotes => return Ok(None),
        };
        let id = SeriesId::new(&series.venue, &series.symbol, kind)?;
        Ok(Some(Self {
            id,
            rows: Rows::new(kind),
            of,
            empty: None,
            unnumbered: false,
            refused: 0,
            refusal: None,
        }))
    }

    /// Adds the rows of a message that happened at `at`. Messages that are no rows, such as single mark prices, add
    /// none.
    pub(crate) fn push(&mut self, at: Timestamp, input: &Input) {
        match (self.of, input) {
            (Of::Bars(timeframe), Input::Bar { bar, activity, .. }) => {
                self.push_bar(timeframe, bar, activity.as_ref());
            }
            (Of::Mark(timeframe), Input::Bar { bar, .. }) => self.push_bar(timeframe, bar, None),
            (Of::Funding, Input::Funding { funding: FundingRate { ts, rate, mark }, .. }) => {
                let mark = mark.map(Price::to_f64);
                self.rows.push(&[ts.millis().into(), rate.to_f64().into(), mark.into()]);
            }
            (Of::Trades, Input::Trade { trade, ids: Some(ids), .. }) => self.push_trade(at, trade, *ids),
            (Of::Book { tick, lot }, Input::Book { book, .. }) if book.ids.is_some() => {
                self.push_book(at, book, (tick, lot));
            }
            (Of::Liquidations, Input::Liquidation { liquidation, .. }) => {
                self.push_liquidation(at, liquidation);
            }
            (Of::Trades, Input::Trade { .. }) | (Of::Book { .. }, Input::Book { .. }) => {
                self.unnumbered = true;
            }
            _ => {}
        }
    }

    /// Stores what waits. A row that cannot be true is left out: it must not cost those beside it.
    pub(crate) fn store(&mut self, writer: &CatalogWriter, source: &str) -> Result<Appended, DataError> {
        self.leave_out_impossible();
        if self.rows.is_empty() {
            return Ok(Appended::default());
        }
        let appended = writer.append(&self.id, &self.rows, source)?;
        self.rows = Rows::new(self.id.kind);
        Ok(appended)
    }

    fn leave_out_impossible(&mut self) {
        let faults: Vec<_> = (0..self.rows.len()).map(|row| self.rows.fault(row)).collect();
        if faults.iter().all(Option::is_none) {
            return;
        }
        let mut good = Rows::new(self.id.kind);
        for (row, fault) in faults.into_iter().enumerate() {
            if let Some((fault, column)) = fault {
                let at = Timestamp::from_millis(self.rows.ts_ms(row));
                self.refused += 1;
                self.refusal = Some(format!("{at}: `{column}` {}", fault.text()));
                continue;
            }
            let columns = 0..self.id.kind.columns().len();
            let cells: Vec<Cell> = columns.map(|column| self.rows.cell(row, column)).collect();
            good.push(&cells);
        }
        self.rows = good;
    }

    fn push_bar(&mut self, timeframe: Timeframe, bar: &Bar, activity: Option<&Activity>) {
        let opened = bar.ts.millis() - timeframe.millis();
        let prices = [bar.open, bar.high, bar.low, bar.close].map(Cell::from);
        let [open, high, low, close] = prices;
        self.rows.push(&[
            opened.into(),
            open,
            high,
            low,
            close,
            bar.volume.into(),
            activity.map(|activity| activity.quote_volume).into(),
            activity.map(|activity| number(activity.trades)).into(),
            activity.map(|activity| activity.taker_buy_volume).into(),
        ]);
    }

    fn push_trade(&mut self, at: Timestamp, trade: &TradeSeen, ids: TradeIds) {
        self.rows.push(&[
            at.millis().into(),
            number(ids.id).into(),
            trade.price.to_f64().into(),
            trade.quantity.to_f64().into(),
            ids.trades.map(|(first, _)| number(first)).into(),
            ids.trades.map(|(_, last)| number(last)).into(),
            (trade.aggressor == Side::Sell).into(),
        ]);
    }

    fn push_book(&mut self, at: Timestamp, book: &Book, (tick, lot): (Price, Quantity)) {
        let Some(ids) = book.ids else { return };
        let first = (!book.snapshot).then(|| number(ids.first));
        let mut previous = ids.previous.filter(|_| !book.snapshot);
        // A change of no level has no row: the next one follows the change before it.
        if let Some((_, before)) = self.empty.take_if(|(last, _)| previous == Some(*last)) {
            previous = Some(before);
        }
        if book.levels.is_empty() {
            self.empty = previous.map(|previous| (ids.last, previous));
        }
        let previous = previous.map(number);
        for level in &book.levels {
            let price = Price::from_units(tick.units() * i128::from(level.tick));
            let quantity = Quantity::from_units(lot.units() * i128::from(level.lots));
            self.rows.push(&[
                at.millis().into(),
                number(ids.last).into(),
                first.into(),
                book.snapshot.into(),
                (level.side == Side::Buy).into(),
                price.to_f64().into(),
                quantity.to_f64().into(),
                previous.into(),
            ]);
        }
    }

    fn push_liquidation(&mut self, at: Timestamp, liquidation: &Liquidation) {
        self.rows.push(&[
            at.millis().into(),
            (liquidation.side == Side::Sell).into(),
            liquidation.price.to_f64().into(),
            liquidation.quantity.to_f64().into(),
            liquidation.average_price.map(Price::to_f64).into(),
            liquidation.filled.map(Quantity::to_f64).into(),
        ]);
    }
}

/// A number of an exchange as the catalog stores it; none reaches its end.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
