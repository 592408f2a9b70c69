//! Rows of a stored series, one after the other.

use std::ops::Range;

use cryptobot_model::{Price, Quantity, Timestamp};

use crate::catalog::Catalog;
use crate::error::DataError;
use crate::messages::TapeGrid;
use crate::store::{RowStream, Rows, SeriesId};

/// Stands on a row.
pub(super) struct Cursor {
    stream: RowStream,
    rows: Rows,
    /// The row that it stands on, and those after it in this row group.
    left: Range<usize>,
    grid: TapeGrid,
}

impl Cursor {
    /// On the first row of a period.
    pub fn open(
        catalog: &Catalog,
        series: &SeriesId,
        (from, to): (Timestamp, Timestamp),
        grid: TapeGrid,
    ) -> Result<Self, DataError> {
        let stream = catalog.rows(series, (Some(from), Some(to)))?;
        Ok(Self { stream, rows: Rows::new(series.kind), left: 0..0, grid })
    }

    /// Whether there is a row.
    #[inline]
    pub fn is_on_row(&mut self) -> Result<bool, DataError> {
        while self.left.is_empty() {
            match self.stream.next_rows()? {
                Some((rows, wanted)) => (self.rows, self.left) = (rows, wanted),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Goes to the next row.
    #[inline]
    pub const fn advance(&mut self) {
        self.left.start += 1;
    }

    /// Time of the row.
    #[inline]
    pub fn ts_ms(&self) -> i64 {
        self.rows.ts_ms(self.left.start)
    }

    /// A whole number; `None` where the cell is empty.
    #[inline]
    pub fn integer(&self, column: usize) -> Option<i64> {
        let column = self.rows.column(column);
        column.is_filled(self.left.start).then(|| column.bits[self.left.start] as i64)
    }

    /// A switch.
    #[inline]
    pub fn flag(&self, column: usize) -> bool {
        self.integer(column) == Some(1)
    }

    fn number(&self, column: usize) -> f64 {
        self.integer(column).map_or(f64::NAN, |bits| f64::from_bits(bits as u64))
    }

    /// Price and quantity in ticks and lots.
    #[inline]
    pub fn on_grid(&self, price: usize, quantity: usize) -> Result<(i64, i64), DataError> {
        let (price_is, quantity_is) = (self.number(price), self.number(quantity));
        let tick = Price::from_f64(price_is).and_then(|price| steps(price.units(), self.grid.tick.units()));
        let lots =
            Quantity::from_f64(quantity_is).and_then(|lots| steps(lots.units(), self.grid.lot.units()));
        match (tick, lots) {
            (Some(tick), Some(lots)) => Ok((tick, lots)),
            (None, _) => Err(self.off_grid("price", price_is, &format!("tick {}", self.grid.tick))),
            (_, None) => Err(self.off_grid("qty", quantity_is, &format!("lot {}", self.grid.lot))),
        }
    }

    /// An error about the row.
    #[cold]
    pub fn fault(&self, column: &str, problem: impl std::fmt::Display, fix: &'static str) -> DataError {
        DataError::Column {
            file: self.stream.file_name().to_owned(),
            column: column.to_owned(),
            problem: format!("at {}: {problem}", Timestamp::from_millis(self.ts_ms())),
            expected: fix,
        }
    }

    #[cold]
    fn off_grid(&self, column: &str, value: f64, step: &str) -> DataError {
        let problem = format!("{value} is not a multiple of the {step}");
        self.fault(column, problem, "fix: state the grid of that time in instruments.json")
    }
}

/// How often `step` goes into a count of units; `None` unless it is a whole number.
fn steps(units: i128, step: i128) -> Option<i64> {
    let (units, step) = (i64::try_from(units).ok()?, i64::try_from(step).ok().filter(|step| *step > 0)?);
    (units % step == 0).then_some(units / step)
}
