//! The rows of a stored series in order of time, file by file.

use std::path::PathBuf;

use cryptobot_model::Timestamp;

use super::files::parquet_files;
use super::groups::read_rows;
use super::kind::SeriesId;
use super::rows::Rows;
use crate::catalog::Catalog;
use crate::error::DataError;

/// Reads the rows of a series in a period; one file of it is in memory at a time.
#[derive(Clone, Debug)]
pub struct StoredRows {
    series: SeriesId,
    folder: PathBuf,
    /// Files that are not read yet, the next one last.
    files: Vec<String>,
    from_ms: i64,
    to_ms: i64,
    rows: Rows,
    row: usize,
}

impl StoredRows {
    /// The rows with `from <= ts < to`. They come as they are stored: [`check`](super::check) tells what is wrong with
    /// them.
    ///
    /// # Errors
    /// The series is not stored, or its folder cannot be read.
    pub fn open(
        catalog: &Catalog,
        series: &SeriesId,
        period: (Timestamp, Timestamp),
    ) -> Result<Self, DataError> {
        // Says what is there where the series is not.
        catalog.coverage(&series.venue, &series.symbol, &series.kind.to_string())?;
        let folder = catalog.root().join(series.folder());
        let mut files = parquet_files(&folder)?;
        files.reverse();
        // Times of rows are whole milliseconds: the first one not before the period's begin, and not before its end.
        let first_ms = |ts: Timestamp| ts.plus(999_999).millis();
        Ok(Self {
            rows: Rows::new(series.kind),
            series: series.clone(),
            folder,
            files,
            from_ms: first_ms(period.0),
            to_ms: first_ms(period.1),
            row: 0,
        })
    }

    /// The place of the next row in [`StoredRows::rows`]; `None` at the end. The rows may be those of another file after
    /// each call.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<usize>, DataError> {
        loop {
            while self.row < self.rows.len() {
                let (row, ts_ms) = (self.row, self.rows.ts_ms(self.row));
                if ts_ms >= self.to_ms {
                    return Ok(None);
                }
                self.row += 1;
                if ts_ms >= self.from_ms {
                    return Ok(Some(row));
                }
            }
            let Some(file) = self.files.pop() else { return Ok(None) };
            let name = format!("{}/{file}", self.series.folder());
            self.rows = read_rows(&self.folder.join(&file), &name, self.series.kind)?.0;
            self.row = 0;
        }
    }

    /// The rows of the file that is being read.
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }
}
