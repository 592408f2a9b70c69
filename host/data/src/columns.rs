//! Typed reading of one row group: parquet's column readers straight into reused vectors.

use cryptobot_engine::BarBlock;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::RowGroupReader;

/// The columns of a bar besides its time, in the order of every array of this crate.
pub const VALUES: [&str; 5] = ["open", "high", "low", "close", "volume"];
/// The time column.
pub const TIME: &str = "ts";

/// What the files of a kind hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Bars of trades.
    Bars,
    /// Bars of the mark or index price, which have no volume.
    Marks,
    /// Funding rates.
    Funding,
}

impl Content {
    /// What a kind holds. Kinds that nothing reads yet count as bars: of them only `ts` is looked at.
    pub fn of_kind(kind: &str) -> Self {
        if kind == FUNDING {
            Self::Funding
        } else if kind.starts_with(MARK) || kind.starts_with(INDEX) {
            Self::Marks
        } else {
            Self::Bars
        }
    }

    /// The columns that its files have, for messages.
    pub fn columns(self) -> &'static str {
        match self {
            Self::Bars => "bars have ts (int64, ms UTC), open, high, low, close, volume",
            Self::Marks => "mark and index prices have ts (int64, ms UTC), open, high, low, close",
            Self::Funding => "funding has ts (int64, ms UTC), rate and, where it is known, mark_price",
        }
    }
}

/// The kind of funding rates.
pub(crate) const FUNDING: &str = "funding";
/// What the kinds of mark prices begin with; a timeframe follows.
pub(crate) const MARK: &str = "mark-";
/// What the kinds of index prices begin with; a timeframe follows.
pub(crate) const INDEX: &str = "index-";

/// One column of a row group, read in steps. Nulls are allowed in the schema and found in the levels.
pub(crate) struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    levels: Vec<i16>,
}

impl<T: DataType> Typed<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, levels: Vec::new() }
    }

    /// Appends the next `rows` values; without those that are null. Returns how many were not null.
    fn read(&mut self, rows: usize, out: &mut Vec<T::T>) -> Result<usize> {
        self.levels.clear();
        let (records, values, _) = self.reader.read_records(rows, Some(&mut self.levels), None, out)?;
        if records == rows {
            Ok(values)
        } else {
            Err(ParquetError::General(format!("a column ends after {records} of {rows} rows")))
        }
    }

    /// Puts the values of the last read where they belong: `None` = null.
    fn spread<V: Copy>(&self, values: &[V]) -> Vec<Option<V>> {
        let mut values = values.iter().copied();
        if self.levels.is_empty() {
            return values.map(Some).collect();
        }
        self.levels.iter().map(|level| if *level == 0 { None } else { values.next() }).collect()
    }
}

/// A column of 64-bit integers: times.
pub(crate) struct Times(Typed<Int64Type>);

impl Times {
    /// The column at `index`.
    pub fn open(group: &dyn RowGroupReader, index: usize) -> Result<Self> {
        match group.get_column_reader(index)? {
            ColumnReader::Int64ColumnReader(reader) => Ok(Self(Typed::new(reader))),
            _ => Err(ParquetError::General("`ts` is not int64".to_owned())),
        }
    }

    /// Appends the next `rows` times; returns whether none was null.
    pub fn read(&mut self, rows: usize, out: &mut Vec<i64>) -> Result<bool> {
        Ok(self.0.read(rows, out)? == rows)
    }

    /// The next `rows` times with their nulls.
    pub fn read_nullable(&mut self, rows: usize) -> Result<Vec<Option<i64>>> {
        let mut times = Vec::new();
        self.read(rows, &mut times)?;
        Ok(self.0.spread(&times))
    }

    fn skip(&mut self, rows: usize) -> Result<()> {
        self.0.reader.skip_records(rows).map(drop)
    }
}

/// A column of numbers of any width.
pub(crate) enum Numbers {
    Double(Typed<DoubleType>),
    Float(Typed<FloatType>, Vec<f32>),
    Long(Typed<Int64Type>, Vec<i64>),
    Int(Typed<Int32Type>, Vec<i32>),
}

impl Numbers {
    /// The column at `index`.
    pub fn open(group: &dyn RowGroupReader, index: usize) -> Result<Self> {
        Ok(match group.get_column_reader(index)? {
            ColumnReader::DoubleColumnReader(reader) => Self::Double(Typed::new(reader)),
            ColumnReader::FloatColumnReader(reader) => Self::Float(Typed::new(reader), Vec::new()),
            ColumnReader::Int64ColumnReader(reader) => Self::Long(Typed::new(reader), Vec::new()),
            ColumnReader::Int32ColumnReader(reader) => Self::Int(Typed::new(reader), Vec::new()),
            _ => {
                return Err(ParquetError::General("a price or volume column is no number".to_owned()));
            }
        })
    }

    fn read(&mut self, rows: usize, out: &mut Vec<f64>) -> Result<usize> {
        match self {
            Self::Double(column) => column.read(rows, out),
            Self::Float(column, scratch) => read_as(column, scratch, rows, out, f64::from),
            Self::Long(column, scratch) => read_as(column, scratch, rows, out, |value| value as f64),
            Self::Int(column, scratch) => read_as(column, scratch, rows, out, f64::from),
        }
    }

    fn skip(&mut self, rows: usize) -> Result<()> {
        match self {
            Self::Double(column) => column.reader.skip_records(rows),
            Self::Float(column, _) => column.reader.skip_records(rows),
            Self::Long(column, _) => column.reader.skip_records(rows),
            Self::Int(column, _) => column.reader.skip_records(rows),
        }
        .map(drop)
    }

    /// The next `rows` values with their nulls.
    pub fn read_nullable(&mut self, rows: usize) -> Result<Vec<Option<f64>>> {
        let mut values = Vec::new();
        self.read(rows, &mut values)?;
        Ok(match self {
            Self::Double(column) => column.spread(&values),
            Self::Float(column, _) => column.spread(&values),
            Self::Long(column, _) => column.spread(&values),
            Self::Int(column, _) => column.spread(&values),
        })
    }
}

fn read_as<T: DataType>(
    column: &mut Typed<T>,
    scratch: &mut Vec<T::T>,
    rows: usize,
    out: &mut Vec<f64>,
    convert: impl Fn(T::T) -> f64,
) -> Result<usize> {
    scratch.clear();
    let values = column.read(rows, scratch)?;
    out.extend(scratch.drain(..).map(convert));
    Ok(values)
}

/// Where the columns of a bar stand in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarColumns {
    /// Index of `ts`.
    pub time: usize,
    /// Indices of the prices among [`VALUES`].
    pub prices: [usize; 4],
    /// Index of the volume; `None` = there is none, and it reads as zero.
    pub volume: Option<usize>,
}

/// The bars of one row group, read in steps.
pub(crate) struct GroupReader {
    times: Times,
    prices: [Numbers; 4],
    volume: Option<Numbers>,
}

/// Rows with their nulls: the slow form, for reports.
pub(crate) struct NullableRows {
    /// Open times.
    pub times: Vec<Option<i64>>,
    /// The columns of [`VALUES`].
    pub values: [Vec<Option<f64>>; 5],
}

impl GroupReader {
    /// A reader that begins after `skip` rows.
    pub fn open(group: &dyn RowGroupReader, columns: BarColumns, skip: usize) -> Result<Self> {
        let mut times = Times::open(group, columns.time)?;
        let [open, high, low, close] = columns.prices.map(|index| Numbers::open(group, index));
        let mut prices = [open?, high?, low?, close?];
        let mut volume = columns.volume.map(|index| Numbers::open(group, index)).transpose()?;
        if skip > 0 {
            times.skip(skip)?;
            for column in prices.iter_mut().chain(&mut volume) {
                column.skip(skip)?;
            }
        }
        Ok(Self { times, prices, volume })
    }

    /// Replaces `block` with the next `rows` rows; returns whether no value was null.
    pub fn read(&mut self, rows: usize, block: &mut BarBlock) -> Result<bool> {
        block.clear();
        let mut complete = self.times.read(rows, &mut block.open_ms)?;
        let BarBlock { open, high, low, close, volume, .. } = block;
        for (column, out) in self.prices.iter_mut().zip([open, high, low, close]) {
            complete &= column.read(rows, out)? == rows;
        }
        match &mut self.volume {
            Some(column) => complete &= column.read(rows, volume)? == rows,
            None => volume.resize(rows, 0.0),
        }
        Ok(complete)
    }

    /// The next `rows` rows with their nulls.
    pub fn read_nullable(&mut self, rows: usize) -> Result<NullableRows> {
        let times = self.times.read_nullable(rows)?;
        let mut values: [Vec<Option<f64>>; 5] = Default::default();
        for (column, out) in self.prices.iter_mut().zip(&mut values) {
            *out = column.read_nullable(rows)?;
        }
        values[4] = match &mut self.volume {
            Some(column) => column.read_nullable(rows)?,
            None => vec![Some(0.0); rows],
        };
        Ok(NullableRows { times, values })
    }
}
