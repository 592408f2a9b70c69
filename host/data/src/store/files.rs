//! One Parquet file of any kind: rows into it, and the notes that its footer carries.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use super::kind::{CellType, ColumnSpec};
use super::rows::{Column, Rows};
use crate::error::DataError;
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
