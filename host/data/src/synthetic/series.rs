//! Rows on their way into the catalog, file by file.

use crate::error::DataError;
use crate::store::{CatalogWriter, Cell, Rows, SeriesId};

/// Collects the rows of a series, in order of time, and appends those of each file at once.
pub(super) struct SeriesOutput<'a> {
    writer: &'a CatalogWriter,
    source: &'a str,
    series: SeriesId,
    rows: Rows,
    /// End of the file under way, ms since the epoch.
    end_ms: i64,
}

impl<'a> SeriesOutput<'a> {
    pub fn new(writer: &'a CatalogWriter, source: &'a str, series: SeriesId) -> Self {
        let rows = Rows::new(series.kind);
        Self { writer, source, series, rows, end_ms: i64::MIN }
    }

    pub fn push(&mut self, ts_ms: i64, cells: &[Cell]) -> Result<(), DataError> {
        if ts_ms >= self.end_ms {
            self.flush()?;
            self.end_ms = self.series.kind.file_period().end_of(ts_ms);
        }
        self.rows.push(cells);
        Ok(())
    }

    /// Appends what is left.
    pub fn flush(&mut self) -> Result<(), DataError> {
        if !self.rows.is_empty() {
            self.writer.append(&self.series, &self.rows, self.source)?;
            self.rows = Rows::new(self.series.kind);
        }
        Ok(())
    }
}
