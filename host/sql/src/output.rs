//! Results as CSV, JSON, a file, or a few rows for a person.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use cryptobot_data::{DataError, replace_file};

use crate::database::{Query, Value};
use crate::error::SqlError;
use crate::parquet::write_parquet;

/// The first rows of a result, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Which columns hold numbers: in every row that is shown.
    pub numbers: Vec<bool>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// Whether there are more.
    pub more: bool,
}

/// The first `limit` rows.
pub fn preview(query: &mut Query<'_>, limit: usize, stop: &AtomicBool) -> Result<Preview, SqlError> {
    let columns = query.columns();
    let mut shown = Preview { numbers: vec![true; columns.len()], columns, ..Preview::default() };
    query.run(stop, |cells| {
        if shown.rows.len() == limit {
            shown.more = true;
            return Ok(ControlFlow::Break(()));
        }
        for (number, cell) in shown.numbers.iter_mut().zip(cells) {
            *number &= !matches!(cell, Value::Text(_) | Value::Blob(_));
        }
        shown.rows.push(cells.iter().map(text).collect());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(shown)
}

/// Writes CSV: a line of names, then the rows. NULL is empty. Returns the number of rows.
pub fn write_csv(query: &mut Query<'_>, out: impl Write, stop: &AtomicBool) -> Result<u64, SqlError> {
    let mut out = BufWriter::new(out);
    let mut line = String::new();
    put_line(&mut line, query.columns().iter().map(String::as_str));
    out.write_all(line.as_bytes())?;
    let mut count = 0;
    query.run(stop, |cells| {
        let cells: Vec<String> = cells.iter().map(text).collect();
        put_line(&mut line, cells.iter().map(String::as_str));
        out.write_all(line.as_bytes())?;
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    out.flush()?;
    Ok(count)
}

/// Writes one JSON document: a list of objects. Of columns with the same name all but the first get a number. Numbers
/// that JSON does not know are null.
pub fn write_json(query: &mut Query<'_>, out: impl Write, stop: &AtomicBool) -> Result<u64, SqlError> {
    let mut out = BufWriter::new(out);
    let names = distinct(query.columns());
    let names =
        names.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>().map_err(io::Error::from)?;
    let mut count = 0_u64;
    out.write_all(b"[")?;
    query.run(stop, |cells| {
        out.write_all(if count == 0 { b"\n  {" } else { b",\n  {" })?;
        for (index, (name, cell)) in names.iter().zip(cells).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(out, "{separator}{name}: {}", json(cell))?;
        }
        out.write_all(b"}")?;
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    out.write_all(if count == 0 { b"]\n" } else { b"\n]\n" })?;
    out.flush()?;
    Ok(count)
}

/// Writes a file: CSV or Parquet, by its extension. It is whole or not there. Returns the number of rows.
pub fn write_file(query: &mut Query<'_>, path: &Path, stop: &AtomicBool) -> Result<u64, SqlError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => write_csv_file(query, path, stop),
        Some("parquet") => write_parquet(query, path, stop),
        _ => Err(SqlError::Extension(path.display().to_string())),
    }
}

fn write_csv_file(query: &mut Query<'_>, path: &Path, stop: &AtomicBool) -> Result<u64, SqlError> {
    let mut outcome = Ok(0);
    let write = |file: &mut File| {
        outcome = write_csv(query, file, stop);
        outcome.as_ref().map(drop).map_err(|error| io::Error::other(error.to_string()))
    };
    let replaced = replace_file(path, write);
    let count = match outcome {
        // Said with the name of the file.
        Err(SqlError::Output(error)) => return Err(DataError::io(path)(error).into()),
        other => other?,
    };
    replaced.map_err(DataError::io(path))?;
    Ok(count)
}

fn put_line<'a>(line: &mut String, cells: impl Iterator<Item = &'a str>) {
    line.clear();
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            line.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            // Writing to a String cannot fail.
            let _ = write!(line, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            line.push_str(cell);
        }
    }
    line.push('\n');
}

/// A cell as text.
pub(crate) fn text(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{bytes:02x?}"),
    }
}

fn json(cell: &Value) -> serde_json::Value {
    match cell {
        Value::Null => serde_json::Value::Null,
        Value::Integer(value) => (*value).into(),
        Value::Real(value) => {
            serde_json::Number::from_f64(*value).map_or(serde_json::Value::Null, Into::into)
        }
        Value::Text(_) | Value::Blob(_) => text(cell).into(),
    }
}

/// Names of which none stands twice.
pub(crate) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut number = 1;
        let mut candidate = name.clone();
        while distinct.contains(&candidate) {
            number += 1;
            candidate = format!("{name}_{number}");
        }
        distinct.push(candidate);
    }
    distinct
}
