//! A walk through the rows of a table.

use std::ffi::c_int;
use std::rc::Rc;

use cryptobot_data::DataError;
use cryptobot_data::store::{Cell, SeriesKind};
use cryptobot_model::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::vtab::{Context, Filters, VTabCursor, sqlite3_vtab_cursor};

use crate::names::COMMON;
use crate::stored::{Group, GroupKey, Stored, StoredSeries};
use crate::table::{Condition, SYMBOL, Side, TIME, TS, VENUE};

/// A text of a time is compared by its letters: what it leaves out is less than a day.
const DAY_MS: i64 = 86_400_000;
/// Series beyond this many rows would share row numbers.
const ROWS_OF_SERIES: u32 = 40;

/// A walk through the rows of all series of a kind that a search can want.
#[repr(C)]
pub(crate) struct Cursor {
    /// What SQLite knows of it: must be first.
    base: sqlite3_vtab_cursor,
    kind: SeriesKind,
    series: Rc<Vec<StoredSeries>>,
    stored: Rc<Stored>,
    wanted: Wanted,
    at: Option<Place>,
}

/// What a search is about.
struct Wanted {
    venue: Option<String>,
    symbol: Option<String>,
    from: i64,
    to: i64,
}

/// The row that the walk is at.
struct Place {
    key: GroupKey,
    group: Rc<Group>,
    row: usize,
    end: usize,
    first_row: i64,
}

impl Cursor {
    pub fn new(kind: SeriesKind, series: Rc<Vec<StoredSeries>>, stored: Rc<Stored>) -> Self {
        let base = sqlite3_vtab_cursor::default();
        let wanted = Wanted { venue: None, symbol: None, from: i64::MIN, to: i64::MAX };
        Self { base, kind, series, stored, wanted, at: None }
    }

    /// Goes to the first wanted row of the next row group that has one, from a group on.
    fn enter(&mut self, mut key: GroupKey) -> Result<(), DataError> {
        self.at = None;
        while let Some(series) = self.series.get(key.series) {
            if self.wanted.series(series) {
                let files = self.stored.files(series)?;
                while let Some(file) = files.get(key.file) {
                    while let Some(bounds) = file.groups.get(key.group) {
                        if bounds.times.is_some_and(|(low, high)| self.wanted.overlaps(low, high)) {
                            let group = self.stored.group(key, file)?;
                            let (row, end) = self.wanted.rows(&group);
                            if row < end {
                                self.at = Some(Place { key, group, row, end, first_row: bounds.first_row });
                                return Ok(());
                            }
                        }
                        key.group += 1;
                    }
                    key = GroupKey { file: key.file + 1, group: 0, ..key };
                }
            }
            key = GroupKey { series: key.series + 1, file: 0, group: 0, ..key };
        }
        Ok(())
    }
}

impl Wanted {
    fn series(&self, series: &StoredSeries) -> bool {
        self.venue.as_ref().is_none_or(|venue| *venue == series.id.venue)
            && self.symbol.as_ref().is_none_or(|symbol| *symbol == series.id.symbol)
    }

    fn overlaps(&self, low: i64, high: i64) -> bool {
        self.from <= high && low <= self.to
    }

    /// The rows of a group that can be wanted.
    fn rows(&self, group: &Group) -> (usize, usize) {
        if !group.sorted {
            return (0, group.times.len());
        }
        let from = group.times.partition_point(|&ts| ts < self.from);
        (from, from + group.times[from..].partition_point(|&ts| ts <= self.to))
    }

    /// Adds a condition; `None` = no row can meet it.
    fn add(&mut self, condition: Condition, value: ValueRef<'_>) -> Option<()> {
        let text = || value.as_str().ok().map(str::to_owned);
        match (condition, value) {
            (_, ValueRef::Null) => return None,
            (Condition::Venue, _) => self.venue = Some(text()?),
            (Condition::Symbol, _) => self.symbol = Some(text()?),
            (Condition::Ts(side), ValueRef::Integer(ts)) => self.narrow(side, ts, ts),
            (Condition::Ts(side), ValueRef::Real(ts)) => {
                self.narrow(side, ts.floor() as i64, ts.ceil() as i64);
            }
            (Condition::Time(side), _) => {
                if let Some(at) = text().and_then(|text| text.parse::<Timestamp>().ok()) {
                    let ts = at.millis();
                    self.narrow(side, ts.saturating_sub(DAY_MS), ts.saturating_add(DAY_MS));
                }
            }
            // SQLite knows how to compare it.
            (Condition::Ts(_), _) => {}
        }
        Some(())
    }

    fn narrow(&mut self, side: Side, low: i64, high: i64) {
        if side != Side::To {
            self.from = self.from.max(low);
        }
        if side != Side::From {
            self.to = self.to.min(high);
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the structure is laid out as the trait demands: `repr(C)`, SQLite's part first"
)]
unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, _: c_int, plan: Option<&str>, args: &Filters<'_>) -> rusqlite::Result<()> {
        self.wanted = Wanted { venue: None, symbol: None, from: i64::MIN, to: i64::MAX };
        self.at = None;
        for (letter, value) in plan.unwrap_or_default().chars().zip(args.iter()) {
            let met = Condition::of_letter(letter).map_or(Some(()), |of| self.wanted.add(of, value));
            if met.is_none() {
                return Ok(());
            }
        }
        self.enter(GroupKey { kind: self.kind, series: 0, file: 0, group: 0 })
            .map_err(|error| self.stored.fail(error))
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let Some(place) = &mut self.at else { return Ok(()) };
        place.row += 1;
        if place.row < place.end {
            return Ok(());
        }
        let key = GroupKey { group: place.key.group + 1, ..place.key };
        self.enter(key).map_err(|error| self.stored.fail(error))
    }

    fn eof(&self) -> bool {
        self.at.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let Some(Place { key, group, row, .. }) = &self.at else { return Ok(()) };
        let series = &self.series[key.series];
        match column {
            VENUE => context.set_result(&series.id.venue),
            SYMBOL => context.set_result(&series.id.symbol),
            TS => context.set_result(&group.times[*row]),
            TIME => context.set_result(&Timestamp::from_millis(group.times[*row]).to_string()),
            other => {
                // `ts` is the first column of the files.
                let index = other as usize - COMMON.len() + 1;
                match self
                    .stored
                    .cell(*key, series, group, *row, index)
                    .map_err(|error| self.stored.fail(error))?
                {
                    Cell::Empty => context.set_result(&rusqlite::types::Null),
                    Cell::Integer(value) => context.set_result(&value),
                    Cell::Number(value) => context.set_result(&value),
                    Cell::Flag(value) => context.set_result(&i64::from(value)),
                }
            }
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        let number = |place: &Place| {
            ((place.key.series as i64) << ROWS_OF_SERIES) + place.first_row + place.row as i64
        };
        Ok(self.at.as_ref().map_or(0, number))
    }
}
