//! Funding rates and mark prices of a catalog: what is read, what is refused, what is missing.
#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "tests may")]

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use cryptobot_data::{
    Catalog, DataError, FundingRates, RowFault, SeriesReader, write_bars, write_funding, write_marks,
};
use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Price, Rate, Timeframe, Timestamp};
use parquet::column::writer::ColumnWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use support::{Layout, MINUTE, Rows, START, path, request};

const HOUR: i64 = 60 * MINUTE;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A row as it may stand in a file: time, rate, mark price.
type Row = (Option<i64>, Option<f64>, Option<f64>);
/// Makes a row impossible.
type Spoil = fn(&mut Row);

/// Writes rows as wrong as a test wants, some to a row group.
fn write_rows(path: &Path, rows: &[Row], group_rows: usize, with_mark: bool) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mark = if with_mark { "optional double mark_price;" } else { "" };
    let schema = format!("message m {{ optional double rate; {mark} optional int64 ts; }}");
    let file = File::create(path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(parse_message_type(&schema).unwrap()), properties).unwrap();
    for rows in rows.chunks(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        let mut numbers = vec![rows.iter().map(|row| row.1).collect::<Vec<_>>()];
        if with_mark {
            numbers.push(rows.iter().map(|row| row.2).collect());
        }
        for values in numbers {
            let mut column = group.next_column().unwrap().unwrap();
            let ColumnWriter::DoubleColumnWriter(typed) = column.untyped() else { unreachable!() };
            let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
            let present: Vec<f64> = values.into_iter().flatten().collect();
            typed.write_batch(&present, Some(&levels), None).unwrap();
            column.close().unwrap();
        }
        let mut column = group.next_column().unwrap().unwrap();
        let ColumnWriter::Int64ColumnWriter(typed) = column.untyped() else { unreachable!() };
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.0.is_some())).collect();
        let present: Vec<i64> = rows.iter().filter_map(|row| row.0).collect();
        typed.write_batch(&present, Some(&levels), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Every eight hours from 2024-01-01, some milliseconds late.
fn eight_hours(count: i64) -> Vec<Row> {
    (0..count).map(|row| (Some(START + row * 8 * HOUR + row % 47), Some(0.000_1), Some(100.0))).collect()
}

fn funding(root: &Path, from: i64, to: i64) -> Result<FundingRates, DataError> {
    // A symbol needs a folder, whatever is in it.
    fs::create_dir_all(root.join("venue/PAIR/1m")).unwrap();
    Catalog::open(root).unwrap().funding("venue", "PAIR", None, (at(from), at(to)))
}

#[test]
fn rates_come_with_floored_times_and_the_files_they_came_from() {
    let root = tempfile::tempdir().unwrap();
    let mut rows = eight_hours(9);
    rows[1].2 = None;
    write_rows(&path(root.path(), "funding", "b.parquet"), &rows[..4], 3, true);
    write_rows(&path(root.path(), "funding", "a.parquet"), &rows[4..], 100, false);
    let found = funding(root.path(), START, START + 72 * HOUR).unwrap();
    assert_eq!(found.missing, []);
    assert_eq!(found.stored, Some((at(START), at(START + 64 * HOUR))));
    let times: Vec<i64> = found.rates.iter().map(|rate| rate.ts.millis()).collect();
    assert_eq!(times, (0..9).map(|row| START + row * 8 * HOUR).collect::<Vec<_>>());
    let marks: Vec<bool> = found.rates.iter().map(|rate| rate.mark.is_some()).collect();
    assert_eq!(marks, [true, false, true, true, false, false, false, false, false]);
    let touched = |from: i64, to: i64| {
        let found = funding(root.path(), START + from * HOUR, START + to * HOUR).unwrap();
        found.touched.into_iter().map(|file| file.relative).collect::<Vec<_>>()
    };
    let (a, b) = ("venue/PAIR/funding/a.parquet".to_owned(), "venue/PAIR/funding/b.parquet".to_owned());
    assert_eq!(touched(0, 72), [b.clone(), a.clone()]);
    assert_eq!(touched(0, 32), [b]);
    assert_eq!(touched(25, 72), [a]);
    assert_eq!(touched(65, 72), [""; 0]);
}

#[test]
fn what_is_far_away_or_not_there_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let none = funding(root.path(), START, START + 24 * HOUR).unwrap();
    assert!(none.stored.is_none() && none.rates.is_empty() && none.missing.is_empty());
    write_rows(&path(root.path(), "funding", "2024.parquet"), &eight_hours(9), 100, true);
    for (from, to) in [(-2_000, -1_976), (2_000, 2_024)] {
        let far = funding(root.path(), START + from * HOUR, START + to * HOUR).unwrap();
        assert_eq!((far.rates.len(), far.missing.len(), far.missing[0].count), (0, 1, 3));
        assert!(far.stored.is_some() && far.touched.is_empty());
    }
}

#[test]
fn rates_that_cannot_be_true_are_refused_by_row() {
    let plant: [(RowFault, Spoil); 8] = [
        (RowFault::Null, |row| row.0 = None),
        (RowFault::Null, |row| row.1 = None),
        (RowFault::Duplicate, |row| row.0 = row.0.map(|ts| ts - 8 * HOUR)),
        (RowFault::Unsorted, |row| row.0 = row.0.map(|ts| ts - 9 * HOUR)),
        (RowFault::Rate, |row| row.1 = Some(0.5)),
        (RowFault::Rate, |row| row.1 = Some(f64::NAN)),
        (RowFault::Price, |row| row.2 = Some(0.0)),
        (RowFault::Time, |row| row.0 = Some(i64::MAX)),
    ];
    for group_rows in [1, 4, 100] {
        for (fault, spoil) in plant {
            let root = tempfile::tempdir().unwrap();
            let mut rows = eight_hours(12);
            spoil(&mut rows[11]);
            write_rows(&path(root.path(), "funding", "2024.parquet"), &rows, group_rows, true);
            match funding(root.path(), START, START + 24 * HOUR) {
                Err(DataError::Rows(faults)) => {
                    assert_eq!((faults.rows[0].row, faults.rows[0].fault, faults.total), (11, fault, 1));
                    assert!(faults.to_string().starts_with("venue/PAIR/funding/2024.parquet: 1 faulty row"));
                }
                other => panic!("{fault:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn files_of_other_columns_or_the_same_times_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = path(root.path(), "funding", "2024.parquet");
    Rows::minutes(START, 10).write(&file, Layout::PLAIN);
    let error = funding(root.path(), START, START + HOUR).unwrap_err().to_string();
    assert!(error.contains("`rate` is missing; funding has ts") && error.contains("mark_price"), "{error}");
    write_rows(&file, &eight_hours(9), 100, true);
    write_rows(&path(root.path(), "funding", "more.parquet"), &eight_hours(11)[8..], 100, true);
    let error = funding(root.path(), START, START + HOUR).unwrap_err();
    assert!(
        matches!(&error, DataError::Overlap { begins, .. } if *begins == at(START + 64 * HOUR)),
        "{error}"
    );
    fs::write(&file, b"ts,rate").unwrap();
    assert!(matches!(funding(root.path(), START, START + HOUR), Err(DataError::Parquet { .. })));
}

#[test]
fn written_rates_are_read_back() {
    let root = tempfile::tempdir().unwrap();
    let rate = |hour: i64, units: i128, mark: Option<f64>| FundingRate {
        ts: at(START + hour * HOUR),
        rate: Rate::from_units(units),
        mark: mark.and_then(Price::from_f64),
    };
    let rates = [rate(0, 10_000, Some(42_000.1)), rate(4, -1, None), rate(8, 123_456, Some(0.000_012_34))];
    let file = path(root.path(), "funding", "2024.parquet");
    write_funding(&file, &rates).unwrap();
    assert_eq!(funding(root.path(), START, START + 9 * HOUR).unwrap().rates, rates);
    for wrong in [[rates[1], rates[0]], [rates[0], rates[0]]] {
        assert!(matches!(write_funding(&file, &wrong), Err(DataError::Unwritable { .. })));
    }
}

proptest! {
    /// Where an interval holds, exactly the lost times are missing, in every part of it.
    #[test]
    fn exactly_the_lost_rates_are_missing(
        interval in select(vec![1_i64, 2, 4, 8]),
        lost in subsequence((5..115_i64).collect::<Vec<_>>(), 0..4),
        window in (0..60_i64, 60..120_i64),
        file_rows in 20_usize..130,
    ) {
        // Far enough apart that the interval can be told between them.
        let mut lost = lost;
        lost.dedup_by(|b, a| *b - *a > 1 && *b - *a <= 24 / interval + 1);
        let times: Vec<i64> = (0..120).filter(|step| !lost.contains(step)).collect();
        let rows: Vec<Row> =
            times.iter().map(|step| (Some(START + step * interval * HOUR + 7), Some(-0.002), None)).collect();
        let root = tempfile::tempdir().unwrap();
        for (part, rows) in rows.chunks(file_rows).enumerate() {
            write_rows(&path(root.path(), "funding", &format!("{part}.parquet")), rows, 50, false);
        }
        let (from, to) = (START + window.0 * interval * HOUR, START + window.1 * interval * HOUR);
        let found = funding(root.path(), from, to).unwrap();
        let step = |ts: Timestamp| (ts.millis() - START) / HOUR / interval;
        let missing: Vec<i64> =
            found.missing.iter().flat_map(|run| step(run.first)..=step(run.last)).collect();
        let inside = |step: &&i64| (window.0..window.1).contains(*step);
        prop_assert_eq!(missing, lost.iter().filter(inside).copied().collect::<Vec<_>>());
        let rates: Vec<i64> = found.rates.iter().map(|rate| step(rate.ts)).collect();
        prop_assert_eq!(rates, times.iter().filter(inside).copied().collect::<Vec<_>>());
    }
}

/// Marks a little above the bars of [`Rows::minutes`].
fn marks(timeframe: Timeframe, first: i64, count: i64) -> BarBlock {
    let mut marks = BarBlock::default();
    for row in 0..count {
        let price = 100.0 + row as f64;
        marks.open_ms.push(first + row * timeframe.millis());
        marks.open.push(price);
        marks.high.push(price + 2.0);
        marks.low.push(price - 1.0);
        marks.close.push(price + 1.0);
        marks.volume.push(0.0);
    }
    marks
}

fn minutes(count: usize) -> (tempfile::TempDir, Catalog) {
    let root = tempfile::tempdir().unwrap();
    Rows::minutes(START, count).write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    let catalog = Catalog::open(root.path()).unwrap();
    (root, catalog)
}

fn open_marks(catalog: &Catalog, timeframe: &str) -> Option<SeriesReader> {
    let bars = catalog.series(&request(timeframe)).unwrap();
    catalog.marks("venue", "PAIR", &bars).unwrap()
}

#[test]
fn marks_need_no_volume_and_are_built_for_the_bars() {
    let (root, catalog) = minutes(60);
    assert!(open_marks(&catalog, "1m").is_none(), "none are stored");
    let minute = marks(Timeframe::MINUTE, START, 60);
    write_marks(&path(root.path(), "mark-1m", "2024.parquet"), Timeframe::MINUTE, &minute).unwrap();
    let exact = open_marks(&catalog, "1m").unwrap();
    assert!(exact.waived().is_none());
    let touched: Vec<String> = exact.touched().into_iter().map(|file| file.relative).collect();
    assert_eq!(touched, ["venue/PAIR/mark-1m/2024.parquet"]);
    let read = support::read(exact).unwrap();
    assert_eq!((&read.open, &read.low, &read.volume), (&minute.open, &minute.low, &minute.volume));
    let built = support::read(open_marks(&catalog, "15m").unwrap()).unwrap();
    assert_eq!(built.open, [100.0, 115.0, 130.0, 145.0]);
    assert_eq!((built.high[1], built.low[1], built.close[1]), (131.0, 114.0, 130.0));
    // Volumes may stand there: they are not looked at.
    let mut rows = Rows::minutes(START, 60);
    rows.values[4].fill(None);
    rows.write(&path(root.path(), "mark-1m", "2024.parquet"), Layout { nullable: true, ..Layout::PLAIN });
    assert_eq!(support::read(open_marks(&catalog, "1m").unwrap()).unwrap().volume, [0.0; 60]);
}

#[test]
fn longer_marks_than_bars_are_not_used_and_the_period_decides_between_others() {
    let (root, catalog) = minutes(60);
    let write = |kind: &str, first: i64, count: i64| {
        let timeframe: Timeframe = kind.strip_prefix("mark-").unwrap().parse().unwrap();
        write_marks(&path(root.path(), kind, "x.parquet"), timeframe, &marks(timeframe, first, count))
            .unwrap();
    };
    write("mark-1h", START, 1);
    assert!(open_marks(&catalog, "15m").is_none());
    // One that has nothing of the period, one that has a part, one that has all of it.
    write("mark-1m", START - 600 * MINUTE, 60);
    assert!(open_marks(&catalog, "15m").is_none());
    write("mark-3m", START, 10);
    assert_eq!(open_marks(&catalog, "15m").unwrap().source_kind().to_string(), "3m");
    write("mark-5m", START, 12);
    assert_eq!(open_marks(&catalog, "15m").unwrap().source_kind().to_string(), "5m");
    assert_eq!(open_marks(&catalog, "3m").unwrap().source_kind().to_string(), "3m");
    write("mark-15m", START, 4);
    assert_eq!(open_marks(&catalog, "15m").unwrap().source_kind().to_string(), "15m");
}

#[test]
fn bars_with_a_hole_in_their_marks_have_none() {
    let (root, catalog) = minutes(60);
    for (file, first, count) in [("a.parquet", 0, 20), ("b.parquet", 32, 28)] {
        let part = marks(Timeframe::MINUTE, START + first * MINUTE, count);
        write_marks(&path(root.path(), "mark-1m", file), Timeframe::MINUTE, &part).unwrap();
    }
    for (timeframe, without, left) in [("1m", 12, 48), ("5m", 3, 9), ("15m", 2, 2)] {
        let marks = open_marks(&catalog, timeframe).unwrap();
        let missing = marks.waived().unwrap();
        assert_eq!(missing.bars_of(marks.timeframe()), without, "{timeframe}");
        let read = support::read(marks).unwrap();
        assert_eq!(read.len(), left, "{timeframe}");
    }
    let built = support::read(open_marks(&catalog, "15m").unwrap()).unwrap();
    assert_eq!(built.open_ms, [START, START + 45 * MINUTE]);
}

#[test]
fn impossible_marks_are_refused() {
    let (root, catalog) = minutes(60);
    let mut rows = Rows::minutes(START, 60);
    rows.values[1][7] = Some(1.0);
    rows.write(&path(root.path(), "mark-1m", "2024.parquet"), Layout::PLAIN);
    let error = support::read(open_marks(&catalog, "1m").unwrap()).unwrap_err();
    let DataError::Rows(faults) = &error else { panic!("{error}") };
    assert_eq!((faults.rows[0].row, faults.rows[0].fault), (7, RowFault::High));
    let mut wrong = marks(Timeframe::MINUTE, START, 3);
    wrong.low[1] = 0.0;
    let file = path(root.path(), "mark-1m", "2024.parquet");
    assert!(matches!(write_marks(&file, Timeframe::MINUTE, &wrong), Err(DataError::Unwritable { .. })));
    // Bars of trades still need their volume.
    let bars = marks(Timeframe::MINUTE, START, 3);
    write_marks(&path(root.path(), "1m", "2024.parquet"), Timeframe::MINUTE, &bars).unwrap();
    let error = catalog.series(&request("1m")).map(drop).unwrap_err().to_string();
    assert!(error.contains("`volume` is missing; bars have ts"), "{error}");
    write_bars(&path(root.path(), "1m", "2024.parquet"), Timeframe::MINUTE, &(&bars).into()).unwrap();
    catalog.series(&request("1m")).map(drop).unwrap();
}
