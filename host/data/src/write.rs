//! Writing: Parquet files of bars, and files that are either whole or not there.

use std::fs::{self, File};
use std::io;
use std::iter;
use std::ops::Range;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Price, Timeframe, Timestamp};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use crate::audit::{on_grid, times_rise, values_are_possible};
use crate::columns::TIME;
use crate::error::DataError;

/// Different prices in a month above which a dictionary of them does not pay.
pub(crate) const DICTIONARY_PRICES: usize = 12_288;

/// Bars with the further columns that exchanges give. A column that is `None` is not written.
#[derive(Clone, Copy, Debug)]
pub struct BarTable<'a> {
    /// The bars.
    pub bars: &'a BarBlock,
    /// Traded amount in quote units.
    pub quote_volume: Option<&'a [Option<f64>]>,
    /// Number of trades.
    pub trades: Option<&'a [Option<i64>]>,
    /// Amount in base units that takers bought.
    pub taker_buy_volume: Option<&'a [Option<f64>]>,
}

impl<'a> From<&'a BarBlock> for BarTable<'a> {
    fn from(bars: &'a BarBlock) -> Self {
        Self { bars, quote_volume: None, trades: None, taker_buy_volume: None }
    }
}

/// Writes bars as one Parquet file of the catalog: zstd, statistics, one row group per month.
///
/// Rows must be sorted, unique, on the grid and possible; gaps are allowed. The file appears under its name only
/// when it is complete and on disk.
pub fn write_bars(path: &Path, timeframe: Timeframe, table: &BarTable<'_>) -> Result<(), DataError> {
    check(timeframe, table).map_err(unwritable(path))?;
    replace_file(path, |file| write_table(file, table).map_err(io::Error::other)).map_err(DataError::io(path))
}

/// Writes mark prices as one Parquet file of the catalog, as [`write_bars`] does, without volumes.
pub fn write_marks(path: &Path, timeframe: Timeframe, marks: &BarBlock) -> Result<(), DataError> {
    check(timeframe, &BarTable::from(marks)).map_err(unwritable(path))?;
    let write = |file: &mut File| {
        let months = months(&marks.open_ms);
        let schema = "message marks { required int64 ts; required double open; required double high; \
                      required double low; required double close; }";
        write_groups(file, schema, properties(marks, &months)?, months, |group, rows| {
            write_times_and_prices(group, marks, rows)
        })
    };
    replace_file(path, |file| write(file).map_err(io::Error::other)).map_err(DataError::io(path))
}

/// Writes funding rates as one Parquet file of the catalog: zstd, statistics, one row group.
///
/// Rows must be in order of time, with one rate for a minute.
pub fn write_funding(path: &Path, rates: &[FundingRate]) -> Result<(), DataError> {
    if !rates.windows(2).all(|pair| Timeframe::MINUTE.open_of(pair[1].ts) > pair[0].ts) {
        return Err(unwritable(path)("the rates are not sorted by time, or two have the same minute"));
    }
    let times: Vec<i64> = rates.iter().map(|rate| rate.ts.millis()).collect();
    let values: Vec<f64> = rates.iter().map(|rate| rate.rate.to_f64()).collect();
    let marks: Vec<Option<f64>> = rates.iter().map(|rate| rate.mark.map(Price::to_f64)).collect();
    let write = |file: &mut File| {
        let schema =
            "message funding { required int64 ts; required double rate; optional double mark_price; }";
        let all = iter::once(0..rates.len());
        write_groups(file, schema, compressed()?.build(), all, |group, _| {
            let (present, levels) = with_levels(&marks);
            write_column(group, |column| put_integers(column, &times, None))?;
            write_column(group, |column| put_numbers(column, &values, None))?;
            write_column(group, |column| put_numbers(column, &present, Some(&levels)))
        })
    };
    replace_file(path, |file| write(file).map_err(io::Error::other)).map_err(DataError::io(path))
}

fn unwritable(path: &Path) -> impl Fn(&'static str) -> DataError {
    |problem| DataError::Unwritable { file: path.to_owned(), problem: problem.to_owned() }
}

fn check(timeframe: Timeframe, table: &BarTable<'_>) -> Result<(), &'static str> {
    let BarBlock { open_ms, open, high, low, close, volume } = table.bars;
    let rows = open_ms.len();
    let same_length = [open, high, low, close, volume].iter().all(|column| column.len() == rows)
        && table.quote_volume.is_none_or(|column| column.len() == rows)
        && table.trades.is_none_or(|column| column.len() == rows)
        && table.taker_buy_volume.is_none_or(|column| column.len() == rows);
    if !same_length {
        Err("the columns have different lengths")
    } else if !open_ms.iter().all(|&open| on_grid(timeframe, open)) {
        Err("an open time is not on the timeframe's grid")
    } else if !times_rise(open_ms, timeframe.millis(), false) {
        Err("the bars are not sorted by time, or two have the same time")
    } else if !values_are_possible(table.bars) {
        Err("a bar has an impossible price or volume")
    } else {
        Ok(())
    }
}

fn write_table(file: &mut File, table: &BarTable<'_>) -> Result<(), ParquetError> {
    let months = months(&table.bars.open_ms);
    let mut schema =
        "message bars { required int64 ts; required double open; required double high; required \
                      double low; required double close; required double volume;"
            .to_owned();
    for (column, there) in [
        (" optional double quote_volume;", table.quote_volume.is_some()),
        (" optional int64 trades;", table.trades.is_some()),
        (" optional double taker_buy_volume;", table.taker_buy_volume.is_some()),
    ] {
        if there {
            schema.push_str(column);
        }
    }
    schema.push('}');
    let properties = properties(table.bars, &months)?;
    write_groups(file, &schema, properties, months, |group, month| write_group(group, table, month))
}

/// Writes a file of row groups, each of some rows.
pub(crate) fn write_groups<'a>(
    file: &'a mut File,
    schema: &str,
    properties: WriterProperties,
    groups: impl IntoIterator<Item = Range<usize>>,
    write: impl Fn(&mut SerializedRowGroupWriter<'_, &'a mut File>, Range<usize>) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(schema)?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    for rows in groups {
        let mut group = writer.next_row_group()?;
        write(&mut group, rows)?;
        group.close()?;
    }
    writer.close().map(drop)
}

/// What all files have: zstd, and statistics by which a reader finds rows and holes.
pub(crate) fn compressed() -> Result<WriterPropertiesBuilder, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk))
}

/// The encodings that are read fastest, as measured: a dictionary where prices have few values, else their bytes
/// split by significance, since those of a month share the upper ones. Times rise by one step: as differences a month
/// of them takes a few bytes.
fn properties(bars: &BarBlock, months: &[Range<usize>]) -> Result<WriterProperties, ParquetError> {
    let first = months.first().map_or(&[][..], |month| &bars.close[month.clone()]);
    let mut prices: Vec<u64> = first.iter().map(|price| price.to_bits()).collect();
    prices.sort_unstable();
    prices.dedup();
    let mut properties = compressed()?
        .set_dictionary_enabled(prices.len() <= DICTIONARY_PRICES)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT);
    for (name, encoding) in [
        (TIME, Encoding::DELTA_BINARY_PACKED),
        ("volume", Encoding::BYTE_STREAM_SPLIT),
        ("trades", Encoding::DELTA_BINARY_PACKED),
    ] {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, encoding);
    }
    Ok(properties.build())
}

/// Ranges of rows that lie in one calendar month each.
pub(crate) fn months(times: &[i64]) -> Vec<Range<usize>> {
    let month = |time: i64| {
        let (year, month, _) = Timestamp::from_millis(time).civil();
        (year, month)
    };
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(&first) = times.get(from) {
        let to = from + times[from..].partition_point(|&time| month(time) <= month(first));
        ranges.push(from..to);
        from = to;
    }
    ranges
}

fn write_group<W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    table: &BarTable<'_>,
    rows: Range<usize>,
) -> Result<(), ParquetError> {
    write_times_and_prices(group, table.bars, rows.clone())?;
    write_column(group, |column| put_numbers(column, &table.bars.volume[rows.clone()], None))?;
    if let Some(values) = table.quote_volume {
        let (present, levels) = with_levels(&values[rows.clone()]);
        write_column(group, |column| put_numbers(column, &present, Some(&levels)))?;
    }
    if let Some(values) = table.trades {
        let (present, levels) = with_levels(&values[rows.clone()]);
        write_column(group, |column| put_integers(column, &present, Some(&levels)))?;
    }
    if let Some(values) = table.taker_buy_volume {
        let (present, levels) = with_levels(&values[rows.clone()]);
        write_column(group, |column| put_numbers(column, &present, Some(&levels)))?;
    }
    Ok(())
}

fn write_times_and_prices<W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    bars: &BarBlock,
    rows: Range<usize>,
) -> Result<(), ParquetError> {
    write_column(group, |column| put_integers(column, &bars.open_ms[rows.clone()], None))?;
    for prices in [&bars.open, &bars.high, &bars.low, &bars.close] {
        write_column(group, |column| put_numbers(column, &prices[rows.clone()], None))?;
    }
    Ok(())
}

pub(crate) fn with_levels<T: Copy>(values: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.iter().copied().flatten().collect(), levels)
}

pub(crate) fn write_column<W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    put: impl FnOnce(&mut ColumnWriter<'_>) -> Result<usize, ParquetError>,
) -> Result<(), ParquetError> {
    let mut column =
        group.next_column()?.ok_or_else(|| ParquetError::General("too many columns".to_owned()))?;
    put(column.untyped())?;
    column.close()
}

pub(crate) fn put_integers(
    column: &mut ColumnWriter<'_>,
    values: &[i64],
    levels: Option<&[i16]>,
) -> Result<usize, ParquetError> {
    match column {
        ColumnWriter::Int64ColumnWriter(writer) => writer.write_batch(values, levels, None),
        _ => Err(ParquetError::General("the column does not hold integers".to_owned())),
    }
}

pub(crate) fn put_numbers(
    column: &mut ColumnWriter<'_>,
    values: &[f64],
    levels: Option<&[i16]>,
) -> Result<usize, ParquetError> {
    match column {
        ColumnWriter::DoubleColumnWriter(writer) => writer.write_batch(values, levels, None),
        _ => Err(ParquetError::General("the column does not hold numbers".to_owned())),
    }
}

/// Writes a file beside `path` under another name, brings it to disk, then gives it its name: at every moment
/// `path` is the old file or the whole new one. Missing folders are made.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}-{serial}.tmp", process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| {
            write(&mut file)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // The new name is on disk only when its folder is.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        replace_file(&path, |file| file.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn months_are_cut_at_their_first_bar() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().millis();
        let times = [at("2023-12-31T23:59"), at("2024-01-01"), at("2024-01-31"), at("2024-03-01")];
        assert_eq!(months(&times), [0..1, 1..3, 3..4]);
        assert!(months(&[]).is_empty());
    }
}
