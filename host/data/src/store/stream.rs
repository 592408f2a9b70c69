//! Rows of a series of any kind in order of time, for those who compute with them: a row group of them is in memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cryptobot_model::Timestamp;

use super::files::parquet_files;
use super::groups::{SeriesFile, bounds};
use super::kind::{SeriesId, SeriesKind};
use super::rows::Rows;
use crate::error::DataError;

/// A file with rows of the period.
struct Part {
    path: PathBuf,
    name: String,
    first: i64,
}

/// A file that is being read.
struct Open {
    file: SeriesFile,
    name: String,
    /// The row group that comes next, and the rows before it.
    group: usize,
    rows: usize,
    /// Time of the last row that was given.
    before: i64,
}

/// The rows of a period, row group by row group. Every row that is given is checked.
pub struct RowStream {
    kind: SeriesKind,
    parts: VecDeque<Part>,
    open: Option<Open>,
    period_ms: Range<i64>,
}

impl RowStream {
    pub(crate) fn open(
        root: &Path,
        series: &SeriesId,
        period: (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Self, DataError> {
        let folder = series.folder();
        let period_ms =
            period.0.map_or(i64::MIN, Timestamp::millis)..period.1.map_or(i64::MAX, Timestamp::millis);
        let mut parts = Vec::new();
        for file in parquet_files(&root.join(&folder))? {
            let (path, name) = (root.join(&folder).join(&file), format!("{folder}/{file}"));
            let Some((first, last)) = bounds(&path, &name, series.kind)? else { continue };
            if last >= period_ms.start && first < period_ms.end {
                parts.push(Part { path, name, first });
            }
        }
        parts.sort_by_key(|part| part.first);
        Ok(Self { kind: series.kind, parts: parts.into(), open: None, period_ms })
    }

    /// The rows of the next row group, and which of them lie in the period; `None` at the end.
    pub fn next_rows(&mut self) -> Result<Option<(Rows, Range<usize>)>, DataError> {
        loop {
            if self.open.as_ref().is_none_or(|open| open.group == open.file.groups()) {
                let Some(Part { path, name, .. }) = self.parts.pop_front() else { return Ok(None) };
                let file = SeriesFile::open(&path, &name, self.kind)?;
                self.open = Some(Open { file, name, group: 0, rows: 0, before: i64::MIN });
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            if let Some(given) = open.next_group(&self.period_ms)? {
                return Ok(Some(given));
            }
        }
    }

    /// The file that the rows which were given last are from, below the catalog's root.
    pub(crate) fn file_name(&self) -> &str {
        self.open.as_ref().map_or("", |open| &open.name)
    }
}

impl Open {
    /// The next row group, and which of its rows lie in the period; `None` where it has none of it.
    fn next_group(&mut self, period_ms: &Range<i64>) -> Result<Option<(Rows, Range<usize>)>, DataError> {
        let (group, rows_before) = (self.group, self.rows);
        self.group += 1;
        self.rows += self.file.rows(group);
        let bounds = self.file.bounds(group)?;
        if bounds.is_none_or(|(first, last)| last < period_ms.start || first >= period_ms.end) {
            return Ok(None);
        }
        let rows = self.file.read(group)?;
        let mut wanted = rows.len()..rows.len();
        for row in 0..rows.len() {
            let ts_ms = rows.ts_ms(row);
            if ts_ms >= period_ms.end {
                wanted.end = row;
                break;
            }
            if ts_ms < period_ms.start {
                continue;
            }
            let fault = match rows.fault(row) {
                Some((fault, column)) => Some((column, fault.text())),
                None if ts_ms < self.before => Some(("ts", "is earlier than in the row before")),
                None => None,
            };
            if let Some((column, what)) = fault {
                return Err(DataError::Column {
                    file: self.name.clone(),
                    column: column.to_owned(),
                    problem: format!("{what} (row {})", rows_before + row),
                    expected: "fix: correct the row or import the file again; `host data check` lists all of them",
                });
            }
            self.before = ts_ms;
            wanted.start = wanted.start.min(row);
        }
        let start = wanted.start.min(wanted.end);
        Ok(Some((rows, start..wanted.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::store::{CatalogWriter, Cell};

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn rows_of_a_period_come_in_order_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let series = SeriesId::new("v", "S", SeriesKind::AggTrades).unwrap();
        let mut rows = Rows::new(series.kind);
        for (number, hour) in [30_i64, 1, 25, 50, 23].into_iter().enumerate() {
            let cells = [hour * DAY_MS / 24, number as i64].map(Cell::from);
            rows.push(&[cells[0], cells[1], 1.0.into(), 2.0.into(), Cell::Empty, Cell::Empty, true.into()]);
        }
        CatalogWriter::open(folder.path()).unwrap().append(&series, &rows, "test").unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let hours = |from: i64, to: i64| {
            let at = |hour: i64| Some(Timestamp::from_millis(hour * DAY_MS / 24));
            let mut stream = catalog.rows(&series, (at(from), at(to))).unwrap();
            let period = (at(from).unwrap(), at(to).unwrap().plus(-1_000_000));
            let files = catalog.files_in(&series, period).unwrap().len();
            let mut hours = Vec::new();
            while let Some((rows, wanted)) = stream.next_rows().unwrap() {
                hours.extend(wanted.map(|row| rows.ts_ms(row) * 24 / DAY_MS));
            }
            (files, hours)
        };
        assert_eq!(hours(0, 100), (3, vec![1, 23, 25, 30, 50]));
        assert_eq!(hours(23, 30), (2, vec![23, 25]));
        assert_eq!(hours(31, 49), (0, vec![]));
        let other = SeriesId::new("v", "S", SeriesKind::Depth).unwrap();
        assert!(
            catalog.rows(&other, (None, None)).is_err_and(|error| error.to_string().contains("no `depth`"))
        );
    }
}
