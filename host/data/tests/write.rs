//! What is written reads back, and what is wrong is not written.
#![allow(clippy::unwrap_used, clippy::disallowed_types)]

mod support;

use std::fs::{self, File};

use cryptobot_data::{BarTable, DataError, write_bars};
use cryptobot_engine::BarBlock;
use cryptobot_model::Timeframe;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use support::{Layout, MINUTE, Rows, START, load, path, request};

const ROWS: usize = 50_000;

fn minutes() -> BarBlock {
    let root = tempfile::tempdir().unwrap();
    Rows::minutes(START, ROWS).write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    load(root.path(), &request("1m")).unwrap()
}

#[test]
fn bars_and_optional_columns_read_back() {
    let root = tempfile::tempdir().unwrap();
    let file = path(root.path(), "1m", "2024.parquet");
    let bars = minutes();
    let quote_volume: Vec<Option<f64>> = (0..ROWS).map(|row| (row % 3 > 0).then_some(row as f64)).collect();
    let trades: Vec<Option<i64>> = (0..ROWS).map(|row| (row % 2 > 0).then_some(row as i64)).collect();
    let table =
        BarTable { quote_volume: Some(&quote_volume), trades: Some(&trades), ..BarTable::from(&bars) };
    write_bars(&file, Timeframe::MINUTE, &table).unwrap();

    let read = load(root.path(), &request("1m")).unwrap();
    assert_eq!(
        (read.open_ms, read.close, read.volume),
        (bars.open_ms.clone(), bars.close.clone(), bars.volume.clone())
    );
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [31 * 1_440, ROWS as i64 - 31 * 1_440], "a row group per month");
    for (row, record) in reader.get_row_iter(None).unwrap().take(100).enumerate() {
        let record = record.unwrap();
        assert_eq!(record.get_double(6).ok(), quote_volume[row]);
        assert_eq!(record.get_long(7).ok(), trades[row]);
        assert_eq!(record.len(), 8);
    }
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
}

type Spoil = fn(&mut BarBlock);

#[test]
fn wrong_bars_are_not_written_and_the_old_file_stays() {
    let root = tempfile::tempdir().unwrap();
    let file = path(root.path(), "1m", "2024.parquet");
    let good = minutes();
    write_bars(&file, Timeframe::MINUTE, &BarTable::from(&good)).unwrap();
    let before = fs::read(&file).unwrap();
    let faults: [(Spoil, &str); 6] = [
        (|bars| bars.open_ms.swap(5, 6), "not sorted"),
        (|bars| bars.open_ms[5] = bars.open_ms[6], "same time"),
        (|bars| bars.open_ms[5] += 1, "grid"),
        (|bars| bars.high[5] = 1.0, "impossible"),
        (|bars| bars.volume[5] = f64::NAN, "impossible"),
        (|bars| bars.close.truncate(7), "different lengths"),
    ];
    for (spoil, expected) in faults {
        let mut bars = good.clone();
        spoil(&mut bars);
        let error = write_bars(&file, Timeframe::MINUTE, &BarTable::from(&bars)).unwrap_err();
        assert!(matches!(error, DataError::Unwritable { .. }));
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    // Gaps may be written: they are found on reading.
    let mut gapped = good;
    for time in &mut gapped.open_ms[100..] {
        *time += 10 * MINUTE;
    }
    write_bars(&file, Timeframe::MINUTE, &BarTable::from(&gapped)).unwrap();
    assert!(matches!(load(root.path(), &request("1m")), Err(DataError::Missing(_))));
}
