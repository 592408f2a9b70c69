//! What is stored of trades or books, by row groups: when, which days are missing, where a book can begin.

use cryptobot_model::{Timeframe, Timestamp};

use super::changes::{PREVIOUS_ID, SNAPSHOT};
use crate::catalog::Catalog;
use crate::error::{DataError, MissingDays};
use crate::file::TouchedFile;
use crate::store::{CellType, Column, SeriesFile, SeriesId, Voids};

/// A row group with rows.
struct Span {
    /// Its file, below the catalog's root.
    file: String,
    group: usize,
    rows: u64,
    first_ms: i64,
    last_ms: i64,
}

/// The row groups of a series, in order of time; one at least.
pub(super) struct Spans {
    catalog: Catalog,
    series: SeriesId,
    all: Vec<Span>,
}

impl Spans {
    /// Looks at all files of a series.
    pub fn of(catalog: &Catalog, series: SeriesId) -> Result<Self, DataError> {
        let mut spans = Vec::new();
        for file in catalog.files_of(&series)? {
            let open = SeriesFile::open(&catalog.root().join(&file), &file, series.kind)?;
            for group in 0..open.groups() {
                if let Some((first_ms, last_ms)) = open.bounds(group)? {
                    let (file, rows) = (file.clone(), open.rows(group) as u64);
                    spans.push(Span { file, group, rows, first_ms, last_ms });
                }
            }
        }
        spans.sort_by(|a, b| (a.first_ms, &a.file, a.group).cmp(&(b.first_ms, &b.file, b.group)));
        for pair in spans.windows(2) {
            if pair[1].first_ms < pair[0].last_ms {
                let (first, second) = (pair[0].file.clone(), pair[1].file.clone());
                let begins = Timestamp::from_millis(pair[1].first_ms);
                return Err(DataError::Overlap { first, second, begins });
            }
        }
        if spans.is_empty() {
            return Err(DataError::NoSeries { root: catalog.root().to_owned(), wanted: series.to_string() });
        }
        Ok(Self { catalog: catalog.clone(), series, all: spans })
    }

    /// What they are.
    pub const fn series(&self) -> &SeriesId {
        &self.series
    }

    /// What they are, for who reads them.
    pub fn into_series(self) -> SeriesId {
        self.series
    }

    /// The files with times in `[from, to)`.
    pub fn touched(&self, from: Timestamp, to: Timestamp) -> Result<Vec<TouchedFile>, DataError> {
        self.catalog.files_in(&self.series, (from, to.plus(-1)))
    }

    /// Time of the first and of the last row.
    pub fn extent(&self) -> (Timestamp, Timestamp) {
        let first = self.all.first().map_or(0, |span| span.first_ms);
        let last = self.all.iter().map(|span| span.last_ms).max().unwrap_or(0);
        (Timestamp::from_millis(first), Timestamp::from_millis(last))
    }

    /// Rows of the row groups that have times in `[from, to)`.
    pub fn rows_in(&self, from: Timestamp, to: Timestamp) -> u64 {
        let is_in = |span: &&Span| span.last_ms >= from.millis() && span.first_ms < to.millis();
        self.all.iter().filter(is_in).map(|span| span.rows).sum()
    }

    /// The first row of the last row group that begins before a time, or the first row of all.
    pub fn begin_before(&self, at: Timestamp) -> Timestamp {
        let before = self.all.iter().take_while(|span| span.first_ms < at.millis());
        before.last().map_or(self.extent().0, |span| Timestamp::from_millis(span.first_ms))
    }

    /// Refuses days of `[from, to)` of which nothing is stored, unless they are known to be empty.
    pub fn refuse_missing_days(&self, from: Timestamp, to: Timestamp) -> Result<(), DataError> {
        let voids = Voids::read(self.catalog.root(), &self.series)?;
        let mut days = Vec::<(Timestamp, Timestamp)>::new();
        let mut spans = self.all.iter().peekable();
        let mut day = Timeframe::DAY.open_of(from);
        while day < to {
            let end = day.plus(Timeframe::DAY.nanos());
            while spans.next_if(|span| span.last_ms < day.millis()).is_some() {}
            let is_stored = spans.peek().is_some_and(|span| span.first_ms < end.millis());
            if !is_stored && !voids.cover(day.max(from).millis(), end.min(to).millis()) {
                match days.last_mut() {
                    Some((_, last)) if last.plus(Timeframe::DAY.nanos()) == day => *last = day,
                    _ => days.push((day, day)),
                }
            }
            day = end;
        }
        if days.is_empty() {
            return Ok(());
        }
        let (series, stored) = (self.series.to_string(), self.extent());
        Err(DataError::MissingDays(Box::new(MissingDays { series, days, stored })))
    }

    /// Time of the last snapshot of a book at or before a time; of the first one after it where there is none.
    pub fn snapshot_at(&self, at: Timestamp) -> Result<Timestamp, DataError> {
        let at_ms = at.millis();
        for span in self.all.iter().rev().filter(|span| span.first_ms <= at_ms) {
            let found = self.snapshots(span)?.rfind(|ts_ms| *ts_ms <= at_ms);
            if let Some(ts_ms) = found {
                return Ok(Timestamp::from_millis(ts_ms));
            }
        }
        for span in self.all.iter().filter(|span| span.last_ms > at_ms) {
            let found = self.snapshots(span)?.find(|ts_ms| *ts_ms > at_ms);
            if let Some(ts_ms) = found {
                return Ok(Timestamp::from_millis(ts_ms));
            }
        }
        Err(DataError::NoSnapshot(self.series.to_string()))
    }

    /// Times of the rows of snapshots.
    fn snapshots(&self, span: &Span) -> Result<impl DoubleEndedIterator<Item = i64> + use<>, DataError> {
        let [times, flags] = self.columns(span, [0, SNAPSHOT])?;
        let flag = move |row: &usize| flags.cell(*row, CellType::Flag) == true.into();
        let times = times.into_integers();
        Ok((0..times.len()).filter(flag).map(|row| times[row]).collect::<Vec<_>>().into_iter())
    }

    /// Whether the first change of a book from a time on names the one before.
    pub fn names_previous(&self, from: Timestamp) -> Result<bool, DataError> {
        for span in self.all.iter().filter(|span| span.last_ms >= from.millis()) {
            let [times, flags, previous] = self.columns(span, [0, SNAPSHOT, PREVIOUS_ID])?;
            let is_change = |row: &usize| flags.cell(*row, CellType::Flag) == false.into();
            let times = times.into_integers();
            let mut rows = (0..times.len()).filter(|row| times[*row] >= from.millis());
            if let Some(row) = rows.find(is_change) {
                return Ok(previous.is_filled(row));
            }
        }
        Ok(false)
    }

    fn columns<const N: usize>(&self, span: &Span, columns: [usize; N]) -> Result<[Column; N], DataError> {
        let path = self.catalog.root().join(&span.file);
        let file = SeriesFile::open(&path, &span.file, self.series.kind)?;
        let mut read = [const { None }; N];
        for (column, place) in read.iter_mut().zip(columns) {
            *column = Some(file.column(span.group, place)?);
        }
        Ok(read.map(Option::unwrap_or_default))
    }
}
