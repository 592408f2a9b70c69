//! A stored series as a file of its own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use cryptobot_model::Timestamp;

use super::files::parquet_files;
use super::groups::SeriesFile;
use super::kind::{CellType, SeriesId};
use super::rows::{Cell, Rows};
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::table::{CellKind, Cells, TableWriter};
use crate::write::replace_file;

/// What of a series is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// The series.
    pub series: SeriesId,
    /// Only rows at or after this.
    pub from: Option<Timestamp>,
    /// Only rows before this.
    pub to: Option<Timestamp>,
    /// Names of the columns, in the order in which they are written; none = all.
    pub columns: Vec<String>,
}

/// Writes rows of a series into a file: CSV or Parquet, by its extension. Returns their number. The file is whole or not
/// there.
pub fn export(catalog: &Catalog, request: &ExportRequest, out: &Path) -> Result<u64, DataError> {
    let refused = |problem: String| DataError::Unwritable { file: out.to_owned(), problem };
    let series = &request.series;
    // Says what is there where the series is not.
    catalog.coverage(&series.venue, &series.symbol, &series.kind.to_string())?;
    let specs = series.kind.columns();
    let index_of = |name: &String| {
        let index = specs.iter().position(|spec| spec.name == name);
        index.ok_or_else(|| {
            let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
            refused(format!("--columns {name}: {} has {}", series.kind, names.join(", ")))
        })
    };
    let columns = if request.columns.is_empty() {
        (0..specs.len()).collect()
    } else {
        request.columns.iter().map(index_of).collect::<Result<Vec<_>, _>>()?
    };
    let extension = out.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("csv") => csv(catalog, request, &columns, out),
        Some("parquet") => parquet(catalog, request, &columns, out),
        _ => Err(refused("the name must end with .csv or .parquet".to_owned())),
    }
}

/// Visits the row groups of the series with the rows of each that are wanted.
fn each_group(
    catalog: &Catalog,
    request: &ExportRequest,
    mut visit: impl FnMut(&Rows, &[usize]) -> Result<(), DataError>,
) -> Result<u64, DataError> {
    let series = &request.series;
    let folder = catalog.root().join(series.folder());
    let from = request.from.map_or(i64::MIN, Timestamp::millis);
    let to = request.to.map_or(i64::MAX, Timestamp::millis);
    let mut count = 0;
    for file in parquet_files(&folder)? {
        let name = format!("{}/{file}", series.folder());
        let file = SeriesFile::open(&folder.join(&file), &name, series.kind)?;
        for group in 0..file.groups() {
            if file.bounds(group)?.is_none_or(|(low, high)| high < from || low >= to) {
                continue;
            }
            let rows = file.read(group)?;
            let wanted: Vec<usize> =
                (0..rows.len()).filter(|&row| (from..to).contains(&rows.ts_ms(row))).collect();
            count += wanted.len() as u64;
            if !wanted.is_empty() {
                visit(&rows, &wanted)?;
            }
        }
    }
    Ok(count)
}

fn csv(catalog: &Catalog, request: &ExportRequest, columns: &[usize], out: &Path) -> Result<u64, DataError> {
    let specs = request.series.kind.columns();
    let mut count = Ok(0);
    let write = |file: &mut File| {
        let mut text = BufWriter::new(file);
        let names: Vec<&str> = columns.iter().map(|&index| specs[index].name).collect();
        writeln!(text, "{}", names.join(","))?;
        count = each_group(catalog, request, |rows, wanted| {
            for &row in wanted {
                csv_row(&mut text, rows, row, columns).map_err(DataError::io(out))?;
            }
            Ok(())
        });
        match &count {
            Ok(_) => text.flush(),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    };
    let written = replace_file(out, write);
    let count = count?;
    written.map_err(DataError::io(out))?;
    Ok(count)
}

fn csv_row(text: &mut impl Write, rows: &Rows, row: usize, columns: &[usize]) -> io::Result<()> {
    for (position, &column) in columns.iter().enumerate() {
        if position > 0 {
            text.write_all(b",")?;
        }
        match rows.cell(row, column) {
            Cell::Empty => {}
            Cell::Integer(value) => write!(text, "{value}")?,
            Cell::Number(value) => write!(text, "{value}")?,
            Cell::Flag(value) => write!(text, "{value}")?,
        }
    }
    text.write_all(b"\n")
}

fn parquet(
    catalog: &Catalog,
    request: &ExportRequest,
    columns: &[usize],
    out: &Path,
) -> Result<u64, DataError> {
    let specs = request.series.kind.columns();
    let kind = |cell| match cell {
        CellType::Integer => CellKind::Integer,
        CellType::Number => CellKind::Number,
        CellType::Flag => CellKind::Flag,
    };
    let layout =
        columns.iter().map(|&index| (specs[index].name.to_owned(), kind(specs[index].cell))).collect();
    let mut table = TableWriter::create(out, &layout)?;
    let count = each_group(catalog, request, |rows, wanted| {
        let cells: Vec<Cells> =
            columns.iter().map(|&column| cells(rows, wanted, column, specs[column].cell)).collect();
        table.group(&cells)
    })?;
    table.finish()?;
    Ok(count)
}

fn cells(rows: &Rows, wanted: &[usize], column: usize, cell: CellType) -> Cells {
    let all = wanted.iter().map(|&row| rows.cell(row, column));
    match cell {
        CellType::Integer => Cells::Integers(
            all.map(|cell| if let Cell::Integer(value) = cell { Some(value) } else { None }).collect(),
        ),
        CellType::Number => Cells::Numbers(
            all.map(|cell| if let Cell::Number(value) = cell { Some(value) } else { None }).collect(),
        ),
        CellType::Flag => Cells::Flags(
            all.map(|cell| if let Cell::Flag(value) = cell { Some(value) } else { None }).collect(),
        ),
    }
}
