//! Columns of order books: the book is followed through all its changes, and read at the close of each bar.

use std::collections::BTreeMap;

use cryptobot_data::DataError;
use cryptobot_data::store::SeriesKind;
use cryptobot_indicators::input::BOOK_LEVELS;
use cryptobot_indicators::{Book, BookLevel, ColumnSpec, FeatureSet};
use cryptobot_model::Timestamp;

use crate::error::FeatureError;
use crate::market::Market;
use crate::side::{Interval, RowCursor, Side};

/// Columns of the kind `depth`, in their order.
const LAST_ID: usize = 1;
const SNAPSHOT: usize = 3;
const BID: usize = 4;
const PRICE: usize = 5;
const QUANTITY: usize = 6;

pub(crate) struct Books {
    set: FeatureSet<Book>,
    rows: RowCursor,
    levels: Levels,
    /// Time of the newest change, ms.
    newest_ms: i64,
}

/// An order book that is followed.
#[derive(Default)]
struct Levels {
    /// Quantities by the bits of the price: positive numbers are sorted as their bits are.
    bids: BTreeMap<u64, f64>,
    asks: BTreeMap<u64, f64>,
    /// Time and last update of the snapshot that is being read: its rows follow each other.
    snapshot: Option<(i64, i64)>,
    has_snapshot: bool,
}

impl Books {
    pub(crate) fn open(
        market: &Market,
        columns: &[ColumnSpec],
        period: (Timestamp, Timestamp),
    ) -> Result<Self, FeatureError> {
        let rows = market.cursor(SeriesKind::Depth, columns, period)?;
        Ok(Self { set: FeatureSet::of(columns)?, rows, levels: Levels::default(), newest_ms: i64::MIN })
    }
}

impl Side for Books {
    /// A book of which nothing was heard since the bar before, or one without a snapshot, is not known.
    fn advance(&mut self, bar: Interval) -> Result<Option<&'static str>, DataError> {
        while let Some(row) = self.rows.next_before(bar.close_ms)? {
            self.newest_ms = row.ts_ms();
            let price = row.number(PRICE).unwrap_or(f64::NAN);
            let snapshot = row.flag(SNAPSHOT).then_some((row.ts_ms(), row.integer(LAST_ID)));
            self.levels.set(snapshot, row.flag(BID), price, row.number(QUANTITY).unwrap_or(0.0));
        }
        let book = self.levels.book().filter(|_| self.newest_ms >= bar.open_ms);
        if let Some(book) = &book {
            self.set.update(book);
        }
        Ok(book.is_none().then_some("depth"))
    }

    fn values(&self) -> &[f64] {
        self.set.values()
    }
}

impl Levels {
    /// Takes a level of a snapshot, which is named by time and number, or of a change.
    fn set(&mut self, snapshot: Option<(i64, i64)>, bid: bool, price: f64, quantity: f64) {
        if snapshot.is_some() && snapshot != self.snapshot {
            self.bids.clear();
            self.asks.clear();
            self.has_snapshot = true;
        }
        self.snapshot = snapshot;
        let side = if bid { &mut self.bids } else { &mut self.asks };
        if quantity > 0.0 {
            side.insert(price.to_bits(), quantity);
        } else {
            side.remove(&price.to_bits());
        }
    }

    /// The best levels; `None` while there is no snapshot, or nothing on a side.
    fn book(&self) -> Option<Book> {
        fn best<'a>(levels: impl Iterator<Item = (&'a u64, &'a f64)>) -> [BookLevel; BOOK_LEVELS] {
            let mut best = [BookLevel::default(); BOOK_LEVELS];
            for (level, (price, quantity)) in best.iter_mut().zip(levels) {
                *level = BookLevel { price: f64::from_bits(*price), quantity: *quantity };
            }
            best
        }
        let known = self.has_snapshot && !self.bids.is_empty() && !self.asks.is_empty();
        known.then(|| Book { bids: best(self.bids.iter().rev()), asks: best(self.asks.iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_replace_the_book_and_changes_its_levels() {
        let mut levels = Levels::default();
        levels.set(None, true, 9.0, 1.0);
        levels.set(None, false, 11.0, 1.0);
        assert_eq!(levels.book(), None, "no snapshot yet");
        let snapshot = |levels: &mut Levels, id: i64, bid: f64, ask: f64| {
            levels.set(Some((5, id)), true, bid, 2.0);
            levels.set(Some((5, id)), true, bid - 1.0, 3.0);
            levels.set(Some((5, id)), false, ask, 4.0);
        };
        snapshot(&mut levels, 1, 10.0, 12.0);
        levels.set(None, true, 10.5, 0.5);
        levels.set(None, true, 9.0, 0.0);
        let book = levels.book().unwrap();
        let prices = |side: &[BookLevel]| side.iter().map(|level| level.price).take(3).collect::<Vec<_>>();
        assert_eq!((prices(&book.bids), prices(&book.asks)), (vec![10.5, 10.0, 0.0], vec![12.0, 0.0, 0.0]));
        snapshot(&mut levels, 2, 20.0, 21.0);
        assert_eq!(prices(&levels.book().unwrap().bids), [20.0, 19.0, 0.0]);
        levels.set(None, false, 21.0, 0.0);
        assert_eq!(levels.book(), None, "nothing is asked");
    }
}
