//! One Parquet file of any kind: rows in, rows out, and the notes that its footer carries.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use parquet::basic::Encoding;
use parquet::column::reader::ColumnReader;
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescriptor, ColumnPath};
use serde::{Deserialize, Serialize};

use super::kind::{CellType, ColumnSpec, SeriesId, SeriesKind};
use super::merge::{is_sorted, merge};
use super::rows::{Column, Rows};
use crate::error::DataError;
use crate::file::guarded;
use crate::write::{DICTIONARY_PRICES, compressed, months, write_column, write_groups};

/// The entry of the footer that carries the notes.
const NOTES: &str = "cryptobot";
/// Restated times that a file remembers, the latest.
const REMEMBERED: usize = 1_000;

/// What a file says about its rows besides the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNotes {
    /// Where the rows came from, sorted.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Times, ms since the epoch, of rows that replaced others, sorted; the latest thousand.
    #[serde(default)]
    pub restated_ms: Vec<i64>,
}

impl FileNotes {
    /// Adds what another file, or a new part, says.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sources.extend(other.sources.iter().cloned());
        self.sources.sort();
        self.sources.dedup();
        self.restated_ms.extend(&other.restated_ms);
        self.restated_ms.sort_unstable();
        self.restated_ms.dedup();
        let surplus = self.restated_ms.len().saturating_sub(REMEMBERED);
        self.restated_ms.drain(..surplus);
    }

    /// The notes of an open file; none where there are none, or where another program wrote something else there.
    pub(crate) fn of(reader: &SerializedFileReader<File>) -> Self {
        let entries = reader.metadata().file_metadata().key_value_metadata();
        let entry = entries.and_then(|entries| entries.iter().find(|entry| entry.key == NOTES));
        let notes = entry.and_then(|entry| serde_json::from_str(entry.value.as_deref()?).ok());
        notes.unwrap_or_default()
    }
}

/// Reads a file of a kind whole. Columns are found by name; one that the kind does not have is refused, since it would
/// be lost when the file is written again.
pub(crate) fn read_rows(path: &Path, name: &str, kind: SeriesKind) -> Result<(Rows, FileNotes), DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let reader = guarded(name, || SerializedFileReader::new(file))?;
    let places = places(&reader, name, kind)?;
    let mut columns = vec![Column::default(); kind.columns().len()];
    for group in 0..reader.num_row_groups() {
        guarded(name, || {
            let group = reader.get_row_group(group)?;
            for ((spec, place), column) in kind.columns().iter().zip(&places).zip(&mut columns) {
                read_column(group.as_ref(), *place, spec, column)?;
            }
            Ok(())
        })?;
    }
    Ok((Rows::from_columns(kind, columns), FileNotes::of(&reader)))
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
    mut reader: parquet::column::reader::ColumnReaderImpl<T>,
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

/// Writes sorted rows into an open file: zstd, statistics, a row group per month. An optional column without any value
/// is left out.
pub(crate) fn write_rows(file: &mut File, rows: &Rows, notes: &FileNotes) -> io::Result<()> {
    let specs = rows.kind().columns();
    let present = |index: &usize| !specs[*index].optional || rows.column(*index).filled.contains(&true);
    let written: Vec<usize> = (0..specs.len()).filter(present).collect();
    let times: Vec<i64> = (0..rows.len()).map(|row| rows.ts_ms(row)).collect();
    let months = months(&times);
    let write = || {
        let properties = properties(rows, months.first().map_or(0, ExactSizeIterator::len), notes)?;
        write_groups(file, &schema(specs, &written), properties, months, |group, month| {
            written
                .iter()
                .try_for_each(|&index| write_cells(group, &specs[index], rows.column(index), month.clone()))
        })
    };
    write().map_err(io::Error::other)
}

fn schema(specs: &[ColumnSpec], written: &[usize]) -> String {
    let field = |&index: &usize| {
        let spec = &specs[index];
        let repetition = if spec.optional { "optional" } else { "required" };
        let cell = match spec.cell {
            CellType::Integer => "int64",
            CellType::Number => "double",
            CellType::Flag => "boolean",
        };
        format!("{repetition} {cell} {};", spec.name)
    };
    format!("message rows {{ {} }}", written.iter().map(field).collect::<Vec<_>>().join(" "))
}

/// The encodings that are read fastest: as those of bars, for every kind.
fn properties(rows: &Rows, sample: usize, notes: &FileNotes) -> Result<WriterProperties, ParquetError> {
    let notes = serde_json::to_string(notes).map_err(|error| ParquetError::External(Box::new(error)))?;
    let mut properties =
        compressed()?.set_key_value_metadata(Some(vec![KeyValue::new(NOTES.to_owned(), notes)]));
    for (index, spec) in rows.kind().columns().iter().enumerate() {
        let path = ColumnPath::from(spec.name);
        let (dictionary, encoding) = match spec.cell {
            CellType::Flag => continue,
            CellType::Integer => (false, Encoding::DELTA_BINARY_PACKED),
            CellType::Number => {
                let mut values = rows.column(index).bits[..sample].to_vec();
                values.sort_unstable();
                values.dedup();
                (values.len() <= DICTIONARY_PRICES && spec.name != "volume", Encoding::BYTE_STREAM_SPLIT)
            }
        };
        properties = properties
            .set_column_dictionary_enabled(path.clone(), dictionary)
            .set_column_encoding(path, encoding);
    }
    Ok(properties.build())
}

fn write_cells<W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    spec: &ColumnSpec,
    column: &Column,
    rows: std::ops::Range<usize>,
) -> Result<(), ParquetError> {
    use parquet::column::writer::ColumnWriter;

    let filled = &column.filled[rows.clone()];
    let bits = column.bits[rows].iter().zip(filled).filter(|(_, filled)| **filled).map(|(bits, _)| *bits);
    let levels: Option<Vec<i16>> =
        spec.optional.then(|| filled.iter().map(|&there| i16::from(there)).collect());
    write_column(group, |writer| match writer {
        ColumnWriter::Int64ColumnWriter(writer) => {
            let values: Vec<i64> = bits.map(|bits| bits as i64).collect();
            writer.write_batch(&values, levels.as_deref(), None)
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            let values: Vec<f64> = bits.map(f64::from_bits).collect();
            writer.write_batch(&values, levels.as_deref(), None)
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            let values: Vec<bool> = bits.map(|bits| bits != 0).collect();
            writer.write_batch(&values, levels.as_deref(), None)
        }
        _ => Err(ParquetError::General("a column of another type".to_owned())),
    })
}

/// First and last time of a file, from its statistics or its rows; `None` = it has no rows.
pub(crate) fn bounds(path: &Path, name: &str, kind: SeriesKind) -> Result<Option<(i64, i64)>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let reader = guarded(name, || SerializedFileReader::new(file))?;
    let place = places(&reader, name, kind)?[0].unwrap_or(0);
    let mut bounds: Option<(i64, i64)> = None;
    for group in reader.metadata().row_groups().iter().filter(|group| group.num_rows() > 0) {
        let statistics = match group.column(place).statistics() {
            Some(parquet::file::statistics::Statistics::Int64(of)) => {
                of.min_opt().copied().zip(of.max_opt().copied())
            }
            _ => None,
        };
        let Some((low, high)) = statistics else {
            let (rows, _) = read_rows(path, name, kind)?;
            let times = (0..rows.len()).map(|row| rows.ts_ms(row));
            return Ok(times.clone().min().zip(times.max()));
        };
        bounds = Some(bounds.map_or((low, high), |(first, last)| (first.min(low), last.max(high))));
    }
    Ok(bounds)
}

/// The Parquet files of a folder, sorted; none where there is no folder.
pub(crate) fn parquet_files(folder: &Path) -> Result<Vec<String>, DataError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DataError::io(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(DataError::io(folder))?.file_name();
        if let Ok(name) = name.into_string()
            && !name.starts_with('.')
            && name.ends_with(".parquet")
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
