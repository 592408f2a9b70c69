//! Files of other programs and exchanges, read as rows of a kind.

mod archive;
mod bars;
mod columns;
mod feather;
mod parts;
mod text;

use std::path::Path;

use bars::TradeBars;
use columns::{Layout, layout};
use cryptobot_model::Timestamp;
use parts::{Field, parts};

use super::kind::{CellType, SeriesId, SeriesKind};
use super::rows::{Cell, Rows};
use super::writer::{Appended, CatalogWriter, refuse_impossible};
use crate::error::DataError;

/// Unit of the times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// How a file is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// What its rows are.
    pub kind: SeriesKind,
    /// Which column of the file is which: column of the kind, name or number in the file.
    pub map: Vec<(String, String)>,
    /// Unit of its times; `None` = by their size, which is right for times from 1973 on.
    pub unit: Option<TimeUnit>,
    /// Of a zip archive only the file of this name; `None` = all.
    pub entry: Option<String>,
}

/// Rows that are held at a time while a large file is imported.
const CHUNK_ROWS: usize = 1 << 19;

/// Reads a CSV, JSON, Parquet or feather file; CSV and JSON also gzipped, or in a zip archive.
///
/// Columns are found by the names that exchanges and common programs give them, else by their number where the file has
/// no names and the shape of a known dump. A file of trades read as bars is resampled. Rows are not checked here:
/// appending does that.
pub fn read_foreign(path: &Path, options: &ImportOptions) -> Result<Rows, DataError> {
    let mut rows = Rows::new(options.kind);
    each_row(path, options, |cells| {
        rows.push(cells);
        Ok(())
    })?;
    Ok(rows)
}

/// Reads a file as [`read_foreign`] does and appends its rows to a series. A file of more than half a million rows is read
/// twice and appended in parts: nothing is written before every row of it was read and found possible, and memory does
/// not grow with it.
pub fn import(
    writer: &CatalogWriter,
    series: &SeriesId,
    path: &Path,
    options: &ImportOptions,
    source: &str,
) -> Result<Appended, DataError> {
    let mut chunk = Rows::new(options.kind);
    let mut checked = 0;
    each_row(path, options, |cells| {
        if chunk.len() == CHUNK_ROWS {
            refuse_impossible(series, &chunk, checked)?;
            checked += chunk.len();
            chunk.clear();
        }
        chunk.push(cells);
        Ok(())
    })?;
    refuse_impossible(series, &chunk, checked)?;
    if checked == 0 {
        return writer.append(series, &chunk, source);
    }
    chunk.clear();
    let mut done = Appended::default();
    each_row(path, options, |cells| {
        if chunk.len() == CHUNK_ROWS {
            done.join(writer.append(series, &chunk, source)?);
            chunk.clear();
        }
        chunk.push(cells);
        Ok(())
    })?;
    done.join(writer.append(series, &chunk, source)?);
    Ok(done)
}

/// Visits every row of a file as cells of the kind.
fn each_row(
    path: &Path,
    options: &ImportOptions,
    mut visit: impl FnMut(&[Cell]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut bars: Option<TradeBars> = None;
    let mut cells = Vec::new();
    for part in parts(path, options.entry.as_deref())? {
        let mut layout: Option<Layout> = None;
        let name = part.name.clone();
        let failed = |line: u64, problem: String| DataError::Import { file: name.clone(), line, problem };
        part.each_row(|line, header, fields| {
            if layout.is_none() {
                layout = Some(self::layout(options, header, fields.len()).map_err(|of| failed(line, of))?);
            }
            let Some(layout) = &layout else { return Ok(()) };
            cells.clear();
            for (spec, place) in layout.specs.iter().zip(&layout.places) {
                let field = place.and_then(|place| fields.get(place)).unwrap_or(&Field::Empty);
                let cell = if spec.name == "ts" { time(field, options.unit) } else { cell(field, spec.cell) };
                cells.push(cell.map_err(|problem| failed(line, format!("`{}` {problem}", spec.name)))?);
            }
            let Some(length) = layout.bars_of else { return visit(&cells) };
            let bars = bars.get_or_insert_with(|| TradeBars::new(length));
            match trade(&cells).and_then(|(ts, price, quantity)| bars.add(ts, price, quantity)) {
                Ok(Some(bar)) => visit(&bar),
                Ok(None) => Ok(()),
                Err(problem) => Err(failed(line, problem)),
            }
        })?;
    }
    bars.and_then(TradeBars::finish).map_or(Ok(()), |bar| visit(&bar))
}

/// Time, price and quantity of a trade that can be true.
fn trade(cells: &[Cell]) -> Result<(i64, f64, f64), String> {
    match cells {
        [Cell::Integer(ts), Cell::Number(price), Cell::Number(quantity)]
            if *price > 0.0 && price.is_finite() && *quantity >= 0.0 && quantity.is_finite() =>
        {
            Ok((*ts, *price, *quantity))
        }
        _ => Err("is no trade: it needs a time, a price above zero and a quantity".to_owned()),
    }
}

/// A time in ms, floored.
fn time(field: &Field<'_>, unit: Option<TimeUnit>) -> Result<Cell, String> {
    let whole = |value: i64| {
        let ms = match unit.unwrap_or_else(|| unit_of(value)) {
            TimeUnit::Seconds => value.checked_mul(1_000),
            TimeUnit::Milliseconds => Some(value),
            TimeUnit::Microseconds => Some(value.div_euclid(1_000)),
            TimeUnit::Nanoseconds => Some(value.div_euclid(1_000_000)),
        };
        ms.map(Cell::Integer).ok_or_else(|| format!("{value} is no time"))
    };
    match field {
        Field::Empty => Ok(Cell::Empty),
        Field::Flag(_) => Err("is a switch, not a time".to_owned()),
        Field::Integer(value) => whole(*value),
        Field::Time(ms) => Ok(Cell::Integer(*ms)),
        Field::Number(value) => fraction(*value, unit),
        Field::Text(text) => {
            if let Ok(value) = text.parse::<i64>() {
                return whole(value);
            }
            if let Ok(value) = text.parse::<f64>() {
                return fraction(value, unit);
            }
            let iso = text.trim_end_matches(" UTC").trim_end_matches("+00:00").replacen(' ', "T", 1);
            let parsed = iso.parse::<Timestamp>();
            parsed.map(|at| Cell::Integer(at.millis())).map_err(|_| format!("{text:?} is no time in UTC"))
        }
    }
}

/// A time with a fraction: in seconds that is exact to the millisecond.
fn fraction(value: f64, unit: Option<TimeUnit>) -> Result<Cell, String> {
    let factor = match unit.unwrap_or_else(|| unit_of(value as i64)) {
        TimeUnit::Seconds => 1e3,
        TimeUnit::Milliseconds => 1.0,
        TimeUnit::Microseconds => 1e-3,
        TimeUnit::Nanoseconds => 1e-6,
    };
    let ms = (value * factor + 1e-4).floor();
    if ms.abs() < 1e15 { Ok(Cell::Integer(ms as i64)) } else { Err(format!("{value} is no time")) }
}

/// By size: times of 1973 to 5138 in ms are in other units those of years that no exchange saw.
const fn unit_of(value: i64) -> TimeUnit {
    match value.unsigned_abs() {
        0..100_000_000_000 => TimeUnit::Seconds,
        100_000_000_000..100_000_000_000_000 => TimeUnit::Milliseconds,
        100_000_000_000_000..100_000_000_000_000_000 => TimeUnit::Microseconds,
        _ => TimeUnit::Nanoseconds,
    }
}

fn cell(field: &Field<'_>, wanted: CellType) -> Result<Cell, String> {
    let wrong = |what: &str| Err(format!("is {field}, not {what}"));
    Ok(match (wanted, field) {
        (_, Field::Empty) => Cell::Empty,
        (CellType::Integer, Field::Integer(value)) => Cell::Integer(*value),
        (CellType::Integer, Field::Number(value)) if value.fract() == 0.0 && value.abs() < 9e15 => {
            Cell::Integer(*value as i64)
        }
        (CellType::Integer, Field::Text(text)) => match text.parse::<i64>() {
            Ok(value) => Cell::Integer(value),
            Err(_) => return wrong("a whole number"),
        },
        (CellType::Integer, _) => return wrong("a whole number"),
        (CellType::Number, Field::Integer(value)) => Cell::Number(*value as f64),
        (CellType::Number, Field::Number(value)) => Cell::Number(*value),
        (CellType::Number, Field::Text(text)) => match text.parse::<f64>() {
            Ok(value) => Cell::Number(value),
            Err(_) => return wrong("a number"),
        },
        (CellType::Number, Field::Flag(_) | Field::Time(_)) => return wrong("a number"),
        (CellType::Flag, Field::Flag(value)) => Cell::Flag(*value),
        (CellType::Flag, Field::Integer(value @ (0 | 1))) => Cell::Flag(*value == 1),
        (CellType::Flag, Field::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "sell" => Cell::Flag(true),
            "false" | "f" | "0" | "buy" => Cell::Flag(false),
            _ => return wrong("true or false"),
        },
        (CellType::Flag, _) => return wrong("true or false"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_unit_are_the_same_time() {
        let at = Ok(Cell::Integer(1_704_067_200_000));
        for text in [
            "1704067200",
            "1704067200000",
            "1704067200000000",
            "1704067200000000000",
            "1704067200.0",
            "2024-01-01",
            "2024-01-01 00:00:00",
            "2024-01-01T00:00:00Z",
            "2024-01-01 00:00:00+00:00",
        ] {
            assert_eq!(time(&Field::Text(text), None), at, "{text}");
        }
        assert_eq!(time(&Field::Text("1704067200.123"), None), Ok(Cell::Integer(1_704_067_200_123)));
        assert_eq!(
            time(&Field::Integer(86_400_000), Some(TimeUnit::Milliseconds)),
            Ok(Cell::Integer(86_400_000))
        );
        assert!(time(&Field::Text("yesterday"), None).is_err());
    }
}
