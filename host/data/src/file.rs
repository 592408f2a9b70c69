//! One stored Parquet file: its footer, its row groups and the audit of its rows.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use cryptobot_engine::BarBlock;
use cryptobot_model::Timeframe;
use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;

use crate::audit::{RowAudit, TimeScan};
use crate::columns::{BarColumns, Content, GroupReader, Numbers, TIME, Times, VALUES};
use crate::error::{DataError, RowFaults};

/// Rows that are decoded at a time.
pub(crate) const BLOCK_ROWS: usize = 16_384;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder whose panics become errors: a panic hook has nothing to say then.
pub fn panics_become_errors() -> bool {
    GUARDED.get()
}

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Last change in ns since the epoch.
    pub mtime_ns: i64,
    /// The file's number in its file system.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size: metadata.size(), mtime_ns, inode: metadata.ino() }
    }
}

/// A file of the catalog that a run reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedFile {
    /// Path below the catalog's root, with `/`.
    pub relative: String,
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

impl TouchedFile {
    /// A file outside of the catalog, by the name that it has in the results.
    pub fn outside(name: String, path: &Path) -> Result<Self, DataError> {
        let metadata = std::fs::metadata(path).map_err(DataError::io(path))?;
        Ok(Self { relative: name, path: path.to_owned(), stamp: Stamp::of(&metadata) })
    }
}

/// A row group as its metadata describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Number of rows.
    pub rows: usize,
    /// Smallest and largest `ts`, where statistics tell.
    pub bounds: Option<(i64, i64)>,
}

/// Cells of a row group; `None` = null.
pub(crate) struct Cells {
    /// The `ts` column.
    pub times: Vec<Option<i64>>,
    /// The columns that were asked for.
    pub columns: Vec<Vec<Option<f64>>>,
}

/// An open Parquet file with a `ts` column.
pub(crate) struct StoredFile {
    /// What it is.
    pub touched: TouchedFile,
    /// Its row groups in order.
    pub groups: Vec<Group>,
    reader: SerializedFileReader<File>,
    content: Content,
    time: usize,
}

impl StoredFile {
    /// Opens a file and reads its footer.
    pub fn open(path: &Path, relative: String, content: Content) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path))?;
        let stamp = Stamp::of(&file.metadata().map_err(DataError::io(path))?);
        let reader = guarded(&relative, || SerializedFileReader::new(file))?;
        let time = time_column(&reader, &relative, content)?;
        let groups = reader.metadata().row_groups().iter().map(|group| describe(group, time)).collect();
        let touched = TouchedFile { relative, path: path.to_owned(), stamp };
        Ok(Self { touched, groups, reader, content, time })
    }

    /// The path below the catalog's root.
    pub fn name(&self) -> &str {
        &self.touched.relative
    }

    /// Where the columns of bars stand.
    pub fn bar_columns(&self) -> Result<BarColumns, DataError> {
        let [open, high, low, close, volume] = VALUES;
        let prices = [self.numbers(open)?, self.numbers(high)?, self.numbers(low)?, self.numbers(close)?];
        let volume = if self.content == Content::Marks { None } else { Some(self.numbers(volume)?) };
        Ok(BarColumns { time: self.time, prices, volume })
    }

    /// The index of a column of numbers.
    pub fn numbers(&self, name: &str) -> Result<usize, DataError> {
        self.numbers_if_any(name)?.ok_or_else(|| wrong_column(self.name(), self.content, name, "is missing"))
    }

    /// The index of a column of numbers that need not be there.
    pub fn numbers_if_any(&self, name: &str) -> Result<Option<usize>, DataError> {
        let Some(index) = column(&self.reader, name) else { return Ok(None) };
        let kind = self.reader.metadata().file_metadata().schema_descr().column(index).physical_type();
        if matches!(kind, Type::DOUBLE | Type::FLOAT | Type::INT64 | Type::INT32) {
            return Ok(Some(index));
        }
        let problem = format!("is {kind}, not a number");
        Err(wrong_column(self.name(), self.content, name, &problem))
    }

    /// All times of a row group, and all values of some of its columns, with their nulls.
    pub fn cells(&self, group: usize, columns: &[usize]) -> Result<Cells, DataError> {
        self.guarded(|| {
            let rows = self.groups[group].rows;
            let group = self.reader.get_row_group(group)?;
            let times = Times::open(group.as_ref(), self.time)?.read_nullable(rows)?;
            let read = |&index: &usize| Numbers::open(group.as_ref(), index)?.read_nullable(rows);
            Ok(Cells { times, columns: columns.iter().map(read).collect::<parquet::errors::Result<_>>()? })
        })
    }

    /// A reader of the bars of one row group, beginning after `skip` rows.
    pub fn bars(&self, group: usize, columns: BarColumns, skip: usize) -> Result<GroupReader, DataError> {
        self.guarded(|| GroupReader::open(self.reader.get_row_group(group)?.as_ref(), columns, skip))
    }

    /// Reads on in a row group of this file, with the file's name on errors.
    pub fn guarded<T>(&self, read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, DataError> {
        guarded(self.name(), read)
    }

    /// Decodes the `ts` column of one row group and tells what lies in `[from, to)`.
    ///
    /// `None` = the times are not strictly rising on the grid, or one is null.
    pub fn scan(
        &self,
        group: usize,
        timeframe: Timeframe,
        window: (i64, i64),
    ) -> Result<Option<TimeScan>, DataError> {
        let mut scan = TimeScan::new(timeframe, window);
        let clean = self.times(group, |times| scan.add(times))?;
        Ok(clean.then_some(scan))
    }

    /// Smallest and largest `ts` of a row group without statistics; `None` = one is null, or there are no rows.
    pub fn bounds(&self, group: usize) -> Result<Option<(i64, i64)>, DataError> {
        let mut bounds: Option<(i64, i64)> = None;
        let complete = self.times(group, |times| {
            for &time in times {
                bounds = Some(bounds.map_or((time, time), |(low, high)| (low.min(time), high.max(time))));
            }
            true
        })?;
        Ok(bounds.filter(|_| complete))
    }

    /// Hands the times of a row group to `visit` in blocks until it returns false; false also for a null.
    fn times(&self, group: usize, mut visit: impl FnMut(&[i64]) -> bool) -> Result<bool, DataError> {
        let mut left = self.groups[group].rows;
        let mut times = Vec::with_capacity(BLOCK_ROWS.min(left));
        let mut reader =
            self.guarded(|| Times::open(self.reader.get_row_group(group)?.as_ref(), self.time))?;
        while left > 0 {
            let rows = left.min(BLOCK_ROWS);
            times.clear();
            if !self.guarded(|| reader.read(rows, &mut times))? || !visit(&times) {
                return Ok(false);
            }
            left -= rows;
        }
        Ok(true)
    }

    /// Reads every row and reports those that cannot be true; `None` = all are well.
    pub fn audit(&self, timeframe: Timeframe) -> Result<Option<RowFaults>, DataError> {
        let columns = self.bar_columns()?;
        let mut audit = RowAudit::new(timeframe);
        for (index, group) in self.groups.iter().enumerate() {
            let mut reader = self.bars(index, columns, 0)?;
            let mut left = group.rows;
            while left > 0 {
                let rows = left.min(BLOCK_ROWS);
                audit.add(&self.guarded(|| reader.read_nullable(rows))?);
                left -= rows;
            }
        }
        Ok(audit.finish(self.name()))
    }

    /// The error for a file whose rows are not what its metadata or an earlier look said.
    pub fn fault(&self, timeframe: Timeframe) -> DataError {
        match self.audit(timeframe) {
            Ok(Some(faults)) => DataError::Rows(Box::new(faults)),
            Ok(None) => DataError::Parquet {
                file: self.name().to_owned(),
                reason: "its statistics do not describe its rows".to_owned(),
            },
            Err(error) => error,
        }
    }

    /// Reads the next `rows` bars; false = a value is null.
    pub fn read(
        &self,
        reader: &mut GroupReader,
        rows: usize,
        block: &mut BarBlock,
    ) -> Result<bool, DataError> {
        self.guarded(|| reader.read(rows, block))
    }
}

fn describe(group: &RowGroupMetaData, time: usize) -> Group {
    let bounds = match group.column(time).statistics() {
        Some(Statistics::Int64(values)) => match (values.min_opt(), values.max_opt()) {
            (Some(&min), Some(&max)) if min <= max => Some((min, max)),
            _ => None,
        },
        _ => None,
    };
    Group { rows: usize::try_from(group.num_rows()).unwrap_or(0), bounds }
}

fn column(reader: &SerializedFileReader<File>, name: &str) -> Option<usize> {
    let schema = reader.metadata().file_metadata().schema_descr();
    (0..schema.num_columns()).find(|&index| schema.column(index).path().parts() == [name])
}

fn time_column(
    reader: &SerializedFileReader<File>,
    file: &str,
    content: Content,
) -> Result<usize, DataError> {
    let wrong = |problem: &str| wrong_column(file, content, TIME, problem);
    let index = column(reader, TIME).ok_or_else(|| wrong("is missing"))?;
    let description = reader.metadata().file_metadata().schema_descr().column(index);
    if description.physical_type() != Type::INT64 {
        return Err(wrong(&format!("is {}, not int64", description.physical_type())));
    }
    match description.logical_type_ref() {
        Some(LogicalType::Timestamp(time)) if time.unit != TimeUnit::MILLIS => {
            Err(wrong("is not in milliseconds"))
        }
        _ => Ok(index),
    }
}

fn wrong_column(file: &str, content: Content, column: &str, problem: &str) -> DataError {
    let (file, column, problem) = (file.to_owned(), column.to_owned(), problem.to_owned());
    DataError::Column { file, column, problem, expected: content.columns() }
}

/// Runs the parquet crate on bytes from outside. It reports most damage as errors, but some decoders index and
/// slice by lengths that the file states and panic on garbage; here is the one place where that becomes an error.
/// What a panic leaves half-done is dropped with the reader that failed.
pub(crate) fn guarded<T>(
    file: &str,
    read: impl FnOnce() -> parquet::errors::Result<T>,
) -> Result<T, DataError> {
    GUARDED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(false);
    let reason = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the decoder gave up on its contents".to_owned(),
    };
    Err(DataError::Parquet { file: file.to_owned(), reason })
}
