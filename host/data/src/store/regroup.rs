//! Sorted rows into a file, group by group, so that a large file is never in memory whole.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use parquet::basic::Encoding;
use parquet::column::writer::ColumnWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::files::{FileNotes, NOTES};
use super::kind::{CellType, ColumnSpec, SeriesKind};
use super::rows::{Column, Rows};
use crate::write::{DICTIONARY_PRICES, compressed, months, write_column};

/// Rows of a group at most: a month of minutes has 44,640.
pub(crate) const GROUP_ROWS: usize = 1 << 19;

/// Writes rows that come sorted: zstd, statistics, a row group per month and half a million rows. What a file looks like
/// follows from its rows alone, not from how many of them came at a time.
pub(crate) struct GroupWriter<'a> {
    kind: SeriesKind,
    columns: Vec<usize>,
    pending: Rows,
    file: Option<&'a mut File>,
    writer: Option<SerializedFileWriter<&'a mut File>>,
}

impl<'a> GroupWriter<'a> {
    /// Writes into an open file. `present` tells of each column whether it has any value: optional ones without are left
    /// out.
    pub fn new(file: &'a mut File, kind: SeriesKind, present: &[bool]) -> Self {
        let columns = kind.columns().iter().zip(present).enumerate();
        let columns = columns
            .filter(|(_, (spec, present))| !spec.optional || **present)
            .map(|(index, _)| index)
            .collect();
        Self { kind, columns, pending: Rows::new(kind), file: Some(file), writer: None }
    }

    /// Adds rows that follow those before.
    pub fn push(&mut self, rows: &Rows) -> io::Result<()> {
        self.pending.extend(rows, 0..rows.len());
        self.flush(false).map_err(io::Error::other)
    }

    /// Writes what is left and completes the file.
    pub fn finish(mut self, notes: &FileNotes) -> io::Result<()> {
        let notes = serde_json::to_string(notes).map_err(io::Error::other)?;
        let complete = || {
            self.flush(true)?;
            let mut writer = self.open(0)?;
            writer.append_key_value_metadata(KeyValue::new(NOTES.to_owned(), notes));
            writer.close().map(drop)
        };
        complete().map_err(io::Error::other)
    }

    /// Writes the groups to which no further row can come, or all.
    fn flush(&mut self, all: bool) -> Result<(), ParquetError> {
        let times: Vec<i64> = (0..self.pending.len()).map(|row| self.pending.ts_ms(row)).collect();
        let mut written = 0;
        for month in months(&times) {
            let last = month.end == times.len();
            for group in (month.start..month.end).step_by(GROUP_ROWS) {
                let group = group..(group + GROUP_ROWS).min(month.end);
                if all || !last || group.len() == GROUP_ROWS {
                    self.group(group.clone())?;
                    written = group.end;
                }
            }
        }
        self.pending.remove_first(written);
        Ok(())
    }

    fn group(&mut self, rows: Range<usize>) -> Result<(), ParquetError> {
        let mut writer = self.open(rows.len())?;
        let mut group = writer.next_row_group()?;
        for &index in &self.columns {
            write_cells(&mut group, &self.kind.columns()[index], self.pending.column(index), rows.clone())?;
        }
        group.close()?;
        self.writer = Some(writer);
        Ok(())
    }

    /// The writer, which is made for the first group: its encodings follow from the first `sample` rows.
    fn open(&mut self, sample: usize) -> Result<SerializedFileWriter<&'a mut File>, ParquetError> {
        if let Some(writer) = self.writer.take() {
            return Ok(writer);
        }
        let closed = || ParquetError::General("the file is closed".to_owned());
        let file = self.file.take().ok_or_else(closed)?;
        let schema = Arc::new(parse_message_type(&schema(self.kind.columns(), &self.columns))?);
        SerializedFileWriter::new(file, schema, Arc::new(properties(&self.pending, sample)?))
    }
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
fn properties(rows: &Rows, sample: usize) -> Result<WriterProperties, ParquetError> {
    let mut properties = compressed()?;
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
    rows: Range<usize>,
) -> Result<(), ParquetError> {
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
