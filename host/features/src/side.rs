//! Columns that are computed from other data than bars, row by row beside the bars of a symbol.

use std::collections::VecDeque;

use cryptobot_data::DataError;
use cryptobot_data::store::{Cell, RowStream, Rows};

/// The time that a bar covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    /// Its open, ms since the epoch.
    pub(crate) open_ms: i64,
    /// Its close, ms since the epoch.
    pub(crate) close_ms: i64,
    /// Whether anything was traded in it.
    pub(crate) traded: bool,
}

/// Columns that go along with bars.
pub(crate) trait Side {
    /// Takes what happened until the close of a bar; answers with what is missing for it, where something is.
    fn advance(&mut self, bar: Interval) -> Result<Option<&'static str>, DataError>;

    /// The values of the columns, as of the newest bar for which nothing was missing.
    fn values(&self) -> &[f64];
}

/// Rows of a stored series, one after the other.
pub(crate) struct RowCursor {
    stream: RowStream,
    /// The file that is being read, and the rows of it that are still to come.
    rows: Option<(Rows, VecDeque<usize>)>,
}

impl RowCursor {
    pub(crate) fn new(stream: RowStream) -> Self {
        Self { stream, rows: None }
    }

    /// The next row before a time, as its time and its cells by column.
    pub(crate) fn next_before(&mut self, end_ms: i64) -> Result<Option<Row<'_>>, DataError> {
        while self.rows.as_ref().is_none_or(|(_, left)| left.is_empty()) {
            match self.stream.next_rows()? {
                Some((rows, wanted)) => self.rows = Some((rows, wanted.collect())),
                None => return Ok(None),
            }
        }
        let Some((rows, left)) = &mut self.rows else { return Ok(None) };
        match left.pop_front_if(|row| rows.ts_ms(*row) < end_ms) {
            Some(row) => Ok(Some(Row { rows, row })),
            None => Ok(None),
        }
    }
}

/// A row of a stored series.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    rows: &'a Rows,
    row: usize,
}

impl Row<'_> {
    /// Its time, ms since the epoch.
    pub(crate) fn ts_ms(self) -> i64 {
        self.rows.ts_ms(self.row)
    }

    /// A number; `None` where the cell is empty.
    pub(crate) fn number(self, column: usize) -> Option<f64> {
        match self.rows.cell(self.row, column) {
            Cell::Number(value) => Some(value),
            _ => None,
        }
    }

    /// A whole number, 0 where the cell is empty.
    pub(crate) fn integer(self, column: usize) -> i64 {
        match self.rows.cell(self.row, column) {
            Cell::Integer(value) => value,
            _ => 0,
        }
    }

    /// A switch, off where the cell is empty.
    pub(crate) fn flag(self, column: usize) -> bool {
        self.rows.cell(self.row, column) == Cell::Flag(true)
    }
}
