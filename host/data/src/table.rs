//! Tables of results as Parquet: columns of numbers and texts, any cell of which may be empty.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescriptor, Type};

use crate::error::DataError;
use crate::file::guarded;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Switches.
    Flag,
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers of 64 bits.
    Number,
    /// Texts in UTF-8.
    Text,
}

/// The cells of some rows of a column; `None` = empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Switches.
    Flags(Vec<Option<bool>>),
    /// Whole numbers.
    Integers(Vec<Option<i64>>),
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

/// The columns of a table: their names and what they hold.
pub type Columns = Vec<(String, CellKind)>;

/// Writes a table group by group, under another name until it is complete and on disk.
pub struct TableWriter {
    path: PathBuf,
    temporary: PathBuf,
    /// `None` = the table is finished.
    writer: Option<SerializedFileWriter<File>>,
}

impl TableWriter {
    /// Begins a table.
    pub fn create(path: &Path, columns: &Columns) -> Result<Self, DataError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!("{name}.tmp"));
        let file = File::create(&temporary).map_err(DataError::io(&temporary))?;
        let opened = || {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .build();
            SerializedFileWriter::new(file, Arc::new(schema(columns)?), Arc::new(properties))
        };
        // From here on the file is removed unless it is finished.
        let mut table = Self { path: path.to_owned(), temporary, writer: None };
        table.writer = Some(opened().map_err(|error| unwritable(path, &error))?);
        Ok(table)
    }

    /// Adds an entry to the metadata in the file's footer.
    pub fn note(&mut self, key: &str, value: String) {
        if let Some(writer) = &mut self.writer {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
    }

    /// Adds rows: the cells of every column, as many of each.
    pub fn group(&mut self, columns: &[Cells]) -> Result<(), DataError> {
        self.write(columns).map_err(|error| unwritable(&self.path, &error))
    }

    fn write(&mut self, columns: &[Cells]) -> Result<(), ParquetError> {
        let writer = self.writer.as_mut().ok_or_else(|| mismatch("the table is finished"))?;
        let mut group = writer.next_row_group()?;
        for cells in columns {
            let mut column = group.next_column()?.ok_or_else(|| mismatch("more columns than named"))?;
            put(column.untyped(), cells)?;
            column.close()?;
        }
        group.close().map(drop)
    }

    /// Leaves no table behind.
    pub fn discard(self) {
        // What cannot be removed is replaced by the next table of this name.
        let _ = fs::remove_file(&self.temporary);
    }

    /// Completes the table and gives the file its name.
    pub fn finish(mut self) -> Result<(), DataError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|error| unwritable(&self.path, &error))?;
        file.sync_all()
            .and_then(|()| fs::rename(&self.temporary, &self.path))
            .and_then(|()| sync_folder(&self.path))
            .map_err(DataError::io(&self.path))
    }
}

impl Drop for TableWriter {
    /// What is not finished leaves nothing behind. After `finish` there is no file of this name.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Brings a name to disk: it is there only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Reads a table group by group.
pub struct TableReader {
    name: String,
    reader: SerializedFileReader<File>,
    columns: Columns,
}

impl TableReader {
    /// Opens a table that has exactly these columns.
    pub fn open(path: &Path, columns: &Columns) -> Result<Self, DataError> {
        let table = Self::any(path)?;
        if table.columns != *columns {
            let reason = "it has other columns than a table of this kind".to_owned();
            return Err(DataError::Parquet { file: table.name, reason });
        }
        Ok(table)
    }

    /// Opens a table, whatever its columns are.
    pub fn any(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(DataError::io(path))?;
        let reader = guarded(&name, || SerializedFileReader::new(file))?;
        let column = |column: &Arc<ColumnDescriptor>| {
            let kind = CellKind::ALL.into_iter().find(|kind| kind.physical() == column.physical_type());
            let kind = kind.ok_or_else(|| mismatch("a column holds neither numbers nor texts"))?;
            Ok((column.name().to_owned(), kind))
        };
        let columns = guarded(&name, || {
            reader.metadata().file_metadata().schema_descr().columns().iter().map(column).collect()
        })?;
        Ok(Self { name, reader, columns })
    }

    /// Its columns.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// An entry of the metadata in the file's footer.
    pub fn noted(&self, key: &str) -> Option<&str> {
        let entries = self.reader.metadata().file_metadata().key_value_metadata()?;
        entries.iter().find(|entry| entry.key == key)?.value.as_deref()
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// Number of rows, all groups together.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// Smallest and largest value of a column of whole numbers in a group, where the file tells.
    pub fn integer_bounds(&self, group: usize, column: usize) -> Option<(i64, i64)> {
        match self.reader.metadata().row_group(group).column(column).statistics()? {
            Statistics::Int64(bounds) => bounds.min_opt().copied().zip(bounds.max_opt().copied()),
            _ => None,
        }
    }

    /// The cells of every column of a group.
    pub fn group(&self, index: usize) -> Result<Vec<Cells>, DataError> {
        guarded(&self.name, || {
            let group = self.reader.get_row_group(index)?;
            let rows = group.metadata().num_rows() as usize;
            let read = |(at, (_, kind)): (usize, &(String, CellKind))| {
                get(group.get_column_reader(at)?, *kind, rows)
            };
            self.columns.iter().enumerate().map(read).collect()
        })
    }
}

impl CellKind {
    const ALL: [Self; 4] = [Self::Flag, Self::Integer, Self::Number, Self::Text];

    const fn physical(self) -> Physical {
        match self {
            Self::Flag => Physical::BOOLEAN,
            Self::Integer => Physical::INT64,
            Self::Number => Physical::DOUBLE,
            Self::Text => Physical::BYTE_ARRAY,
        }
    }
}

fn schema(columns: &Columns) -> Result<Type, ParquetError> {
    let field = |(name, kind): &(String, CellKind)| {
        let field = Type::primitive_type_builder(name, kind.physical()).with_repetition(Repetition::OPTIONAL);
        let logical = (*kind == CellKind::Text).then_some(LogicalType::String);
        field.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    Type::group_type_builder("table").with_fields(fields).build()
}

fn put(column: &mut ColumnWriter<'_>, cells: &Cells) -> Result<usize, ParquetError> {
    fn parted<T: Clone, V>(cells: &[Option<T>], as_value: impl Fn(T) -> V) -> (Vec<V>, Vec<i16>) {
        let levels = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        (cells.iter().flatten().cloned().map(as_value).collect(), levels)
    }
    match (column, cells) {
        (ColumnWriter::BoolColumnWriter(writer), Cells::Flags(cells)) => {
            let (values, levels) = parted(cells, |flag| flag);
            writer.write_batch(&values, Some(&levels), None)
        }
        (ColumnWriter::Int64ColumnWriter(writer), Cells::Integers(cells)) => {
            let (values, levels) = parted(cells, |integer| integer);
            writer.write_batch(&values, Some(&levels), None)
        }
        (ColumnWriter::DoubleColumnWriter(writer), Cells::Numbers(cells)) => {
            let (values, levels) = parted(cells, |number| number);
            writer.write_batch(&values, Some(&levels), None)
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Texts(cells)) => {
            let (values, levels) = parted(cells, |text| ByteArray::from(text.into_bytes()));
            writer.write_batch(&values, Some(&levels), None)
        }
        _ => Err(mismatch("cells of another kind than their column")),
    }
}

fn get(column: ColumnReader, kind: CellKind, rows: usize) -> Result<Cells, ParquetError> {
    fn all<T: DataType>(
        mut reader: ColumnReaderImpl<T>,
        rows: usize,
    ) -> Result<Vec<Option<T::T>>, ParquetError> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let (records, ..) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
        if records != rows || levels.len() != rows {
            return Err(mismatch("a column ends too early"));
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level == 0 { None } else { values.next() }).collect())
    }
    let text = |bytes: ByteArray| {
        String::from_utf8(bytes.data().to_vec()).map_err(|_| mismatch("a text is not in UTF-8"))
    };
    Ok(match (column, kind) {
        (ColumnReader::BoolColumnReader(reader), CellKind::Flag) => Cells::Flags(all(reader, rows)?),
        (ColumnReader::Int64ColumnReader(reader), CellKind::Integer) => Cells::Integers(all(reader, rows)?),
        (ColumnReader::DoubleColumnReader(reader), CellKind::Number) => Cells::Numbers(all(reader, rows)?),
        (ColumnReader::ByteArrayColumnReader(reader), CellKind::Text) => {
            let cells = all(reader, rows)?.into_iter().map(|cell| cell.map(text).transpose());
            Cells::Texts(cells.collect::<Result<_, _>>()?)
        }
        _ => return Err(mismatch("a column of another kind")),
    })
}

fn mismatch(problem: &str) -> ParquetError {
    ParquetError::General(problem.to_owned())
}

fn unwritable(path: &Path, error: &ParquetError) -> DataError {
    DataError::Unwritable { file: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_columns_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let columns: Columns = [
            ("on", CellKind::Flag),
            ("index", CellKind::Integer),
            ("sharpe", CellKind::Number),
            ("error", CellKind::Text),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec();
        let first = vec![
            Cells::Flags(vec![Some(true), None, Some(false)]),
            Cells::Integers(vec![Some(0), Some(i64::MAX), None]),
            Cells::Numbers(vec![None, Some(-0.5), Some(f64::MIN_POSITIVE)]),
            Cells::Texts(vec![Some("a „b“".to_owned()), Some(String::new()), None]),
        ];
        let second = vec![
            Cells::Flags(vec![None]),
            Cells::Integers(vec![Some(-1)]),
            Cells::Numbers(vec![None]),
            Cells::Texts(vec![None]),
        ];
        let mut table = TableWriter::create(&path, &columns).unwrap();
        table.group(&first).unwrap();
        assert!(!path.exists());
        table.group(&second).unwrap();
        table.note("about", "a test".to_owned());
        table.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let read = TableReader::open(&path, &columns).unwrap();
        assert_eq!((read.noted("about"), read.noted("more")), (Some("a test"), None));
        assert_eq!(
            (0..read.groups()).map(|group| read.group(group).unwrap()).collect::<Vec<_>>(),
            [first, second]
        );
        assert!(TableReader::open(&path, &columns[1..].to_vec()).is_err());
        TableWriter::create(&path, &columns).unwrap().discard();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, "no table").unwrap();
        assert!(TableReader::open(&path, &columns).is_err());
    }
}
