//! Results as Parquet, whose columns have one type each, unlike those of SQLite.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use cryptobot_data::table::{CellKind, Cells, Columns, TableWriter};

use crate::database::{Query, Value};
use crate::error::SqlError;
use crate::output::{distinct, text};

/// Rows of a row group.
const GROUP_ROWS: usize = 65_536;

/// Writes a table. The type of a column is that of the rows of the first group; where a later one does not fit, the
/// query runs again with the wider type.
pub(crate) fn write_parquet(query: &mut Query<'_>, path: &Path, stop: &AtomicBool) -> Result<u64, SqlError> {
    let names = distinct(query.columns());
    let mut kinds: Vec<Option<CellKind>> = vec![None; names.len()];
    loop {
        let mut attempt =
            Attempt { path, names: &names, kinds: &mut kinds, table: None, rows: Vec::new(), count: 0 };
        let mut fits = true;
        query.run(stop, |cells| {
            attempt.rows.push(cells.to_vec());
            if attempt.rows.len() == GROUP_ROWS {
                fits = attempt.group()?;
            }
            Ok(if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if fits && attempt.group()? {
            let count = attempt.count;
            if let Some(table) = attempt.table {
                table.finish()?;
            }
            return Ok(count);
        }
    }
}

/// One run of the query.
struct Attempt<'a> {
    path: &'a Path,
    names: &'a [String],
    kinds: &'a mut [Option<CellKind>],
    table: Option<TableWriter>,
    rows: Vec<Vec<Value>>,
    count: u64,
}

impl Attempt<'_> {
    /// Writes the rows at hand; false = they need wider types than those that the table was begun with.
    fn group(&mut self) -> Result<bool, SqlError> {
        let mut changed = false;
        for (index, kind) in self.kinds.iter_mut().enumerate() {
            let wider = self.rows.iter().fold(*kind, |kind, row| widened(kind, &row[index]));
            changed |= wider != *kind;
            *kind = wider;
        }
        let table = match &mut self.table {
            Some(_) if changed => return Ok(false),
            Some(table) => table,
            none => none.insert(TableWriter::create(self.path, &layout(self.names, self.kinds))?),
        };
        if !self.rows.is_empty() {
            let columns: Vec<Cells> = self
                .kinds
                .iter()
                .enumerate()
                .map(|(index, kind)| {
                    cells(kind.unwrap_or(CellKind::Number), self.rows.iter().map(|row| &row[index]))
                })
                .collect();
            table.group(&columns)?;
        }
        self.count += self.rows.len() as u64;
        self.rows.clear();
        Ok(true)
    }
}

/// Columns without any value hold numbers.
fn layout(names: &[String], kinds: &[Option<CellKind>]) -> Columns {
    names.iter().cloned().zip(kinds.iter().map(|kind| kind.unwrap_or(CellKind::Number))).collect()
}

fn widened(kind: Option<CellKind>, cell: &Value) -> Option<CellKind> {
    let own = match cell {
        Value::Null => return kind,
        Value::Integer(_) => CellKind::Integer,
        Value::Real(_) => CellKind::Number,
        Value::Text(_) | Value::Blob(_) => CellKind::Text,
    };
    Some(match (kind, own) {
        (None, own) => own,
        (Some(kind), own) if kind == own => kind,
        (Some(CellKind::Text), _) | (_, CellKind::Text) => CellKind::Text,
        _ => CellKind::Number,
    })
}

fn cells<'a>(kind: CellKind, column: impl Iterator<Item = &'a Value>) -> Cells {
    let integer = |cell: &Value| if let Value::Integer(value) = cell { Some(*value) } else { None };
    match kind {
        CellKind::Flag => Cells::Flags(column.map(|cell| integer(cell).map(|value| value != 0)).collect()),
        CellKind::Integer => Cells::Integers(column.map(integer).collect()),
        CellKind::Number => Cells::Numbers(
            column
                .map(|cell| match cell {
                    Value::Integer(value) => Some(*value as f64),
                    Value::Real(value) => Some(*value),
                    _ => None,
                })
                .collect(),
        ),
        CellKind::Text => {
            Cells::Texts(column.map(|cell| (*cell != Value::Null).then(|| text(cell))).collect())
        }
    }
}
