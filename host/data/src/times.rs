//! What is stored of a series, by its times: what a download or an import has yet to bring.

use crate::catalog::Catalog;
use crate::error::DataError;
use crate::store::SeriesId;

impl Catalog {
    /// The times of the rows of a series in `[from_ms, to_ms)`, ms, sorted; none where nothing is stored.
    pub fn stored_times(&self, series: &SeriesId, from_ms: i64, to_ms: i64) -> Result<Vec<i64>, DataError> {
        let mut times = Vec::new();
        self.visit(series, None, |ts, _| {
            if (from_ms..to_ms).contains(&ts) {
                times.push(ts);
            }
        })?;
        times.sort_unstable();
        Ok(times)
    }

    /// The smallest and the largest time of rows in `[from_ms, to_ms)`, each with the value of a column of whole numbers:
    /// of rows with one time the smallest and the largest value.
    pub fn stored_ends(
        &self,
        series: &SeriesId,
        column: &str,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Option<StoredEnds>, DataError> {
        let mut ends: Option<StoredEnds> = None;
        self.visit(series, Some(column), |ts, value| {
            if (from_ms..to_ms).contains(&ts) {
                let row = (ts, value);
                ends = Some(ends.map_or((row, row), |(first, last)| (first.min(row), last.max(row))));
            }
        })?;
        Ok(ends)
    }

    fn visit(
        &self,
        series: &SeriesId,
        column: Option<&str>,
        mut visit: impl FnMut(i64, i64),
    ) -> Result<(), DataError> {
        if !self.root().join(series.folder()).is_dir() {
            return Ok(());
        }
        for file in self.files(&series.venue, &series.symbol, &series.kind.to_string())? {
            let column = column.map(|name| file.numbers(name)).transpose()?;
            for group in 0..file.groups.len() {
                let cells = file.cells(group, column.as_slice())?;
                for (row, ts) in cells.times.iter().enumerate() {
                    // Numbers of trades are below 2^53: exact as f64.
                    let value = cells.columns.first().and_then(|column| column[row]).unwrap_or(0.0) as i64;
                    if let Some(ts) = *ts {
                        visit(ts, value);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Time in ms and value of a first and a last row.
pub type StoredEnds = ((i64, i64), (i64, i64));
