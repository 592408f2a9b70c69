//! Catalogs and odd Parquet files for tests.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    dead_code,
    reason = "test support, of which no test uses all"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryptobot_data::{Catalog, DataError, SeriesReader, SeriesRequest};
use cryptobot_engine::BarBlock;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

pub const MINUTE: i64 = 60_000;
/// 2024-01-01T00:00:00Z.
pub const START: i64 = 1_704_067_200_000;

/// How a test file is written.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub group_rows: usize,
    pub statistics: bool,
    pub nullable: bool,
    pub integer_volume: bool,
    pub compression: Compression,
}

impl Layout {
    pub const PLAIN: Self = Self {
        group_rows: 1_000_000,
        statistics: true,
        nullable: false,
        integer_volume: false,
        compression: Compression::UNCOMPRESSED,
    };
}

/// Rows that may be as wrong as a test wants.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub times: Vec<Option<i64>>,
    pub values: [Vec<Option<f64>>; 5],
}

impl Rows {
    /// Clean minutes: a small saw-tooth.
    pub fn minutes(first: i64, count: usize) -> Self {
        let mut rows = Self::default();
        for row in 0..count {
            let price = 100.0 + (row % 7) as f64;
            rows.times.push(Some(first + row as i64 * MINUTE));
            let bar = [price, price + 2.0, price - 1.0, price + 1.0, (row % 5) as f64];
            for (column, value) in rows.values.iter_mut().zip(bar) {
                column.push(Some(value));
            }
        }
        rows
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn remove(&mut self, from: usize, count: usize) {
        self.times.drain(from..from + count);
        for column in &mut self.values {
            column.drain(from..from + count);
        }
    }

    pub fn repeat(&mut self, row: usize) {
        self.times.insert(row, self.times[row]);
        for column in &mut self.values {
            column.insert(row, column[row]);
        }
    }

    pub fn swap(&mut self, a: usize, b: usize) {
        self.times.swap(a, b);
        for column in &mut self.values {
            column.swap(a, b);
        }
    }

    pub fn write(&self, path: &Path, layout: Layout) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let repetition = if layout.nullable { "optional" } else { "required" };
        let volume = if layout.integer_volume { "int64" } else { "double" };
        // Another order than usual, and a column that nobody asked for.
        let schema = format!(
            "message m {{ optional int32 extra; {repetition} double open; {repetition} int64 ts; {repetition} double \
             high; {repetition} double low; {repetition} double close; {repetition} {volume} volume; }}"
        );
        let statistics = if layout.statistics { EnabledStatistics::Chunk } else { EnabledStatistics::None };
        let properties = WriterProperties::builder()
            .set_compression(layout.compression)
            .set_statistics_enabled(statistics)
            .build();
        let file = File::create(path).unwrap();
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
        for from in (0..self.len()).step_by(layout.group_rows) {
            let to = (from + layout.group_rows).min(self.len());
            let [open, high, low, close, volume] = self.values.each_ref().map(|column| &column[from..to]);
            let mut group = writer.next_row_group().unwrap();
            let mut put = |values: Values<'_>| {
                let mut column = group.next_column().unwrap().unwrap();
                values.write(column.untyped());
                column.close().unwrap();
            };
            put(Values::Extra(to - from));
            put(Values::Numbers(open));
            put(Values::Times(&self.times[from..to]));
            for column in [high, low, close, volume] {
                put(Values::Numbers(column));
            }
            group.close().unwrap();
        }
        writer.close().unwrap();
    }
}

enum Values<'a> {
    Extra(usize),
    Times(&'a [Option<i64>]),
    Numbers(&'a [Option<f64>]),
}

impl Values<'_> {
    fn write(&self, column: &mut ColumnWriter<'_>) {
        let levels = |there: Vec<bool>| there.into_iter().map(i16::from).collect::<Vec<_>>();
        match (self, column) {
            (Self::Extra(rows), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(&[], Some(&vec![0; *rows]), None).unwrap();
            }
            (Self::Times(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                let levels = levels(values.iter().map(Option::is_some).collect());
                let values: Vec<i64> = values.iter().copied().flatten().collect();
                writer.write_batch(&values, Some(&levels), None).unwrap();
            }
            (Self::Numbers(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let levels = levels(values.iter().map(Option::is_some).collect());
                let values: Vec<f64> = values.iter().copied().flatten().collect();
                writer.write_batch(&values, Some(&levels), None).unwrap();
            }
            (Self::Numbers(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                let levels = levels(values.iter().map(Option::is_some).collect());
                let values: Vec<i64> = values.iter().flatten().map(|value| *value as i64).collect();
                writer.write_batch(&values, Some(&levels), None).unwrap();
            }
            _ => unreachable!("the schema above has no other columns"),
        }
    }
}

pub fn path(root: &Path, kind: &str, file: &str) -> PathBuf {
    root.join("venue/PAIR").join(kind).join(file)
}

pub fn request(timeframe: &str) -> SeriesRequest {
    let timeframe = timeframe.parse().unwrap();
    let (venue, symbol) = ("venue".to_owned(), "PAIR".to_owned());
    SeriesRequest { venue, symbol, timeframe, from: None, to: None, allow_gaps: false }
}

/// All rows of a reader.
pub fn read(mut reader: SeriesReader) -> Result<BarBlock, DataError> {
    let (mut all, mut block) = (BarBlock::default(), BarBlock::default());
    loop {
        reader.read(&mut block)?;
        if block.is_empty() {
            return Ok(all);
        }
        all.open_ms.extend(&block.open_ms);
        all.open.extend(&block.open);
        all.high.extend(&block.high);
        all.low.extend(&block.low);
        all.close.extend(&block.close);
        all.volume.extend(&block.volume);
    }
}

/// Opens a request and reads everything.
pub fn load(root: &Path, request: &SeriesRequest) -> Result<BarBlock, DataError> {
    read(Catalog::open(root)?.series(request)?)
}
