//! Rows of any kind, by columns, and the typed rows that they are made of.

use cryptobot_model::decimal::LARGEST;

use super::kind::{CellType, ColumnSpec, SeriesKind, ValueRange};
use crate::audit::{LATEST_MS, on_grid};
use crate::funding::LARGEST_RATE;

/// Value of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Empty,
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A switch.
    Flag(bool),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// Rows of a kind, in any order, held by columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    kind: SeriesKind,
    columns: Vec<Column>,
}

/// The cells of a column, as their bits, and which of them have a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    pub(crate) bits: Vec<u64>,
    pub(crate) filled: Vec<bool>,
}

/// Why a row cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellFault {
    /// A value that must be there is not.
    Null,
    /// The time is no multiple of the grid, or not in milliseconds since 1970.
    Time,
    /// A value is not finite.
    NotFinite,
    /// A value is negative that cannot be.
    Negative,
    /// A price is zero, negative or larger than the host can compute with.
    Price,
    /// A funding rate beyond a tenth.
    Rate,
    /// The high is below another price.
    High,
    /// The low is above another price.
    Low,
}

impl Rows {
    /// No rows.
    pub fn new(kind: SeriesKind) -> Self {
        Self { kind, columns: vec![Column::default(); kind.columns().len()] }
    }

    /// What they are.
    pub fn kind(&self) -> SeriesKind {
        self.kind
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.columns[0].bits.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row: a cell for each of the kind's columns. Cells of another type, too many or too few count as empty;
    /// whole numbers are taken for numbers. What is empty and must not be is found before anything is written.
    pub fn push(&mut self, cells: &[Cell]) {
        for (index, (column, spec)) in self.columns.iter_mut().zip(self.kind.columns()).enumerate() {
            column.push(spec, cells.get(index).copied().unwrap_or(Cell::Empty));
        }
    }

    /// Adds some rows of another table of the same kind.
    pub(crate) fn extend(&mut self, from: &Self, rows: std::ops::Range<usize>) {
        for (column, source) in self.columns.iter_mut().zip(&from.columns) {
            column.bits.extend_from_slice(&source.bits[rows.clone()]);
            column.filled.extend_from_slice(&source.filled[rows.clone()]);
        }
    }

    /// Some rows as a table.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        let mut part = Self::new(self.kind);
        part.extend(self, rows);
        part
    }

    /// Drops rows from the beginning.
    pub(crate) fn remove_first(&mut self, count: usize) {
        for column in &mut self.columns {
            column.bits.drain(..count);
            column.filled.drain(..count);
        }
    }

    /// Of each column, whether it has any value.
    pub(crate) fn present(&self) -> Vec<bool> {
        self.columns.iter().map(|column| column.filled.contains(&true)).collect()
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        for column in &mut self.columns {
            column.bits.clear();
            column.filled.clear();
        }
    }

    /// A cell.
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        let (Some(spec), Some(cells)) = (self.kind.columns().get(column), self.columns.get(column)) else {
            return Cell::Empty;
        };
        cells.cell(row, spec.cell)
    }

    /// Time of a row, ms since the epoch.
    pub fn ts_ms(&self, row: usize) -> i64 {
        self.columns[0].bits[row] as i64
    }

    /// Adds a row of another table of the same kind.
    pub(crate) fn copy(&mut self, from: &Self, row: usize) {
        for (column, source) in self.columns.iter_mut().zip(&from.columns) {
            column.bits.push(source.bits[row]);
            column.filled.push(source.is_filled(row));
        }
    }

    /// The cells of a column.
    pub(crate) fn column(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// Takes whole columns, all of one length.
    pub(crate) fn from_columns(kind: SeriesKind, columns: Vec<Column>) -> Self {
        Self { kind, columns }
    }

    /// Sets a cell.
    pub(crate) fn set(&mut self, row: usize, column: usize, from: &Self, from_row: usize) {
        self.columns[column].bits[row] = from.columns[column].bits[from_row];
        self.columns[column].filled[row] = from.columns[column].is_filled(from_row);
    }

    /// What is wrong with a row: the fault and the column.
    pub fn fault(&self, row: usize) -> Option<(CellFault, &'static str)> {
        let specs = self.kind.columns();
        for (column, spec) in specs.iter().enumerate() {
            if let Some(fault) = fault(spec, self.cell(row, column)) {
                return Some((fault, spec.name));
            }
        }
        let ts_ms = self.ts_ms(row);
        let on_time = match self.kind.grid() {
            Some(grid) => on_grid(grid, ts_ms),
            None => (-LATEST_MS..=LATEST_MS).contains(&ts_ms),
        };
        if !on_time {
            return Some((CellFault::Time, "ts"));
        }
        if self.kind.has_bars() {
            let [open, high, low, close] =
                [1, 2, 3, 4].map(|column| f64::from_bits(self.columns[column].bits[row]));
            if high < open.max(close).max(low) {
                return Some((CellFault::High, "high"));
            }
            if low > open.min(close) {
                return Some((CellFault::Low, "low"));
            }
        }
        // Where no column but the time has to be there, one at least has to.
        let says_nothing = specs[1..].iter().all(|spec| spec.optional)
            && (1..specs.len()).all(|column| self.cell(row, column) == Cell::Empty);
        says_nothing.then_some((CellFault::Null, "every column"))
    }
}

fn fault(spec: &ColumnSpec, cell: Cell) -> Option<CellFault> {
    let number = match cell {
        Cell::Empty => return (!spec.optional).then_some(CellFault::Null),
        Cell::Flag(_) => return None,
        Cell::Integer(value) => {
            return (spec.range == ValueRange::NotNegative && value < 0).then_some(CellFault::Negative);
        }
        Cell::Number(value) => value,
    };
    if !number.is_finite() {
        return Some(CellFault::NotFinite);
    }
    match spec.range {
        ValueRange::NotNegative if number < 0.0 => Some(CellFault::Negative),
        ValueRange::Price if number <= 0.0 || number > LARGEST => Some(CellFault::Price),
        ValueRange::FundingRate if number.abs() > LARGEST_RATE => Some(CellFault::Rate),
        _ => None,
    }
}

impl Column {
    fn push(&mut self, spec: &ColumnSpec, cell: Cell) {
        let bits = match (spec.cell, cell) {
            (CellType::Integer, Cell::Integer(value)) => Some(value as u64),
            // Zero has two forms of which one is enough.
            (CellType::Number, Cell::Number(value)) => Some((value + 0.0).to_bits()),
            (CellType::Number, Cell::Integer(value)) => Some((value as f64).to_bits()),
            (CellType::Flag, Cell::Flag(value)) => Some(u64::from(value)),
            _ => None,
        };
        self.bits.push(bits.unwrap_or(0));
        self.filled.push(bits.is_some());
    }

    /// A cell, as what the column holds.
    pub fn cell(&self, row: usize, cell: CellType) -> Cell {
        match self.bits.get(row) {
            Some(&bits) if self.is_filled(row) => match cell {
                CellType::Integer => Cell::Integer(bits as i64),
                CellType::Number => Cell::Number(f64::from_bits(bits)),
                CellType::Flag => Cell::Flag(bits != 0),
            },
            _ => Cell::Empty,
        }
    }

    /// The cells of a column of whole numbers; empty ones are zero.
    pub fn into_integers(self) -> Vec<i64> {
        self.bits.into_iter().map(|bits| bits as i64).collect()
    }

    /// Whether a cell has a value.
    pub(crate) fn is_filled(&self, row: usize) -> bool {
        self.filled[row]
    }
}

impl CellFault {
    /// What is wrong, in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Null => "has no value",
            Self::Time => "is off the grid, or not in milliseconds since 1970",
            Self::NotFinite => "is not finite",
            Self::Negative => "is negative",
            Self::Price => "is not above zero, or larger than the host can compute with",
            Self::Rate => "is no fraction between -0.1 and 0.1",
            Self::High => "is below open, low or close",
            Self::Low => "is above open or close",
        }
    }
}
