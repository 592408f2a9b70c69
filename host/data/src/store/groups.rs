//! One Parquet file of any kind, read row group by row group.

use std::fs::File;
use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use super::files::{FileNotes, parquet_files};
use super::kind::{CellType, ColumnSpec, SeriesId, SeriesKind};
use super::merge::{is_sorted, merge};
use super::rows::{Column, Rows};
use crate::error::DataError;
use crate::file::guarded;

/// An open file of a series. Its rows are handed out by row groups, so that a large file is never in memory whole.
pub struct SeriesFile {
    name: String,
    kind: SeriesKind,
    reader: SerializedFileReader<File>,
    places: Vec<Option<usize>>,
}

impl SeriesFile {
    /// Opens a file of a kind; `name` is what errors call it. Columns are found by name; one that the kind does not have
    /// is refused, since it would be lost when the file is written again.
    pub fn open(path: &Path, name: &str, kind: SeriesKind) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path))?;
        let reader = guarded(name, || SerializedFileReader::new(file))?;
        let places = places(&reader, name, kind)?;
        Ok(Self { name: name.to_owned(), kind, reader, places })
    }

    /// The kind of its rows.
    pub(crate) fn kind(&self) -> SeriesKind {
        self.kind
    }

    /// Number of row groups.
    pub fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// Number of rows of a row group.
    pub fn rows(&self, group: usize) -> usize {
        usize::try_from(self.reader.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Smallest and largest time of a row group, ms: from its statistics, else from its rows. `None` = it has no rows.
    pub fn bounds(&self, group: usize) -> Result<Option<(i64, i64)>, DataError> {
        if self.rows(group) == 0 {
            return Ok(None);
        }
        let place = self.places[0].unwrap_or(0);
        if let Some(Statistics::Int64(of)) =
            self.reader.metadata().row_group(group).column(place).statistics()
            && let (Some(&low), Some(&high)) = (of.min_opt(), of.max_opt())
            && low <= high
        {
            return Ok(Some((low, high)));
        }
        let times = self.column(group, 0)?;
        let times = times.bits.iter().map(|&bits| bits as i64);
        Ok(times.clone().min().zip(times.max()))
    }

    /// One column of a row group.
    pub fn column(&self, group: usize, column: usize) -> Result<Column, DataError> {
        guarded(&self.name, || {
            let mut cells = Column::default();
            let group = self.reader.get_row_group(group)?;
            read_column(group.as_ref(), self.places[column], &self.kind.columns()[column], &mut cells)?;
            Ok(cells)
        })
    }

    /// All rows of a row group.
    pub fn read(&self, group: usize) -> Result<Rows, DataError> {
        let mut columns = vec![Column::default(); self.kind.columns().len()];
        self.read_onto(group, &mut columns)?;
        Ok(Rows::from_columns(self.kind, columns))
    }

    /// Of each column of the kind, whether the file has it.
    pub(crate) fn present(&self) -> Vec<bool> {
        self.places.iter().map(Option::is_some).collect()
    }

    /// What the footer says besides the rows.
    pub fn notes(&self) -> FileNotes {
        FileNotes::of(&self.reader)
    }

    fn read_onto(&self, group: usize, columns: &mut [Column]) -> Result<(), DataError> {
        guarded(&self.name, || {
            let group = self.reader.get_row_group(group)?;
            for ((spec, place), column) in self.kind.columns().iter().zip(&self.places).zip(columns) {
                read_column(group.as_ref(), *place, spec, column)?;
            }
            Ok(())
        })
    }
}

/// Reads a file of a kind whole.
pub(crate) fn read_rows(path: &Path, name: &str, kind: SeriesKind) -> Result<(Rows, FileNotes), DataError> {
    let file = SeriesFile::open(path, name, kind)?;
    let mut columns = vec![Column::default(); kind.columns().len()];
    for group in 0..file.groups() {
        file.read_onto(group, &mut columns)?;
    }
    Ok((Rows::from_columns(kind, columns), file.notes()))
}

/// All rows of a series, sorted by key and unique.
pub fn stored_rows(root: &Path, series: &SeriesId) -> Result<Rows, DataError> {
    let folder = root.join(series.folder());
    let mut all = Rows::new(series.kind);
    for file in parquet_files(&folder)? {
        let name = format!("{}/{file}", series.folder());
        let (rows, _) = read_rows(&folder.join(&file), &name, series.kind)?;
        for row in 0..rows.len() {
            all.copy(&rows, row);
        }
    }
    Ok(if is_sorted(&all) { all } else { merge(&Rows::new(series.kind), &all).rows })
}

/// First and last time of a file; `None` = it has no rows.
pub(crate) fn bounds(path: &Path, name: &str, kind: SeriesKind) -> Result<Option<(i64, i64)>, DataError> {
    let file = SeriesFile::open(path, name, kind)?;
    let mut bounds: Option<(i64, i64)> = None;
    for group in 0..file.groups() {
        if let Some((low, high)) = file.bounds(group)? {
            bounds = Some(bounds.map_or((low, high), |(first, last)| (first.min(low), last.max(high))));
        }
    }
    Ok(bounds)
}

/// Where the columns of a kind stand in a file.
fn places(
    reader: &SerializedFileReader<File>,
    file: &str,
    kind: SeriesKind,
) -> Result<Vec<Option<usize>>, DataError> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<&str> = schema.columns().iter().map(AsRef::as_ref).map(ColumnDescriptor::name).collect();
    let specs = kind.columns();
    let refused = |column: &str, problem: &str| {
        let (file, column, problem) = (file.to_owned(), column.to_owned(), problem.to_owned());
        DataError::Column { file, column, problem, expected: "docs: reference/catalog, columns of each kind" }
    };
    if let Some(other) = names.iter().find(|name| specs.iter().all(|spec| spec.name != **name)) {
        return Err(refused(other, "is none of this kind and would be lost; move the file away first"));
    }
    let find = |spec: &ColumnSpec| {
        let place = names.iter().position(|name| *name == spec.name);
        if place.is_none() && !spec.optional { Err(refused(spec.name, "is missing")) } else { Ok(place) }
    };
    specs.iter().map(find).collect()
}

fn read_column(
    group: &dyn RowGroupReader,
    place: Option<usize>,
    spec: &ColumnSpec,
    column: &mut Column,
) -> Result<(), ParquetError> {
    let rows = group.metadata().num_rows() as usize;
    let Some(place) = place else {
        column.bits.resize(column.bits.len() + rows, 0);
        column.filled.resize(column.filled.len() + rows, false);
        return Ok(());
    };
    let reader = group.get_column_reader(place)?;
    match (reader, spec.cell) {
        (ColumnReader::Int64ColumnReader(reader), CellType::Integer) => {
            read_as(reader, rows, column, |value| value as u64)
        }
        (ColumnReader::Int32ColumnReader(reader), CellType::Integer) => {
            read_as(reader, rows, column, |value| i64::from(value) as u64)
        }
        (ColumnReader::DoubleColumnReader(reader), CellType::Number) => {
            read_as(reader, rows, column, |value| (value + 0.0).to_bits())
        }
        (ColumnReader::FloatColumnReader(reader), CellType::Number) => {
            read_as(reader, rows, column, |value| (f64::from(value) + 0.0).to_bits())
        }
        (ColumnReader::Int64ColumnReader(reader), CellType::Number) => {
            read_as(reader, rows, column, |value| (value as f64).to_bits())
        }
        (ColumnReader::Int32ColumnReader(reader), CellType::Number) => {
            read_as(reader, rows, column, |value| f64::from(value).to_bits())
        }
        (ColumnReader::BoolColumnReader(reader), CellType::Flag) => read_as(reader, rows, column, u64::from),
        _ => Err(ParquetError::General(format!("column `{}` is of another type", spec.name))),
    }
}

fn read_as<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    column: &mut Column,
    bits: impl Fn(T::T) -> u64,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let (records, ..) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if records != rows {
        return Err(ParquetError::General(format!("a column ends after {records} of {rows} rows")));
    }
    let mut values = values.into_iter();
    if levels.is_empty() {
        column.bits.extend(values.map(bits));
        column.filled.resize(column.bits.len(), true);
        return Ok(());
    }
    for level in levels {
        let value = if level == 0 { None } else { values.next() };
        column.filled.push(value.is_some());
        column.bits.push(value.map_or(0, &bits));
    }
    Ok(())
}
