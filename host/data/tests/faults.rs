//! Every planted fault is found and located, however the file is laid out.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use cryptobot_data::{Catalog, DataError, ReadAhead, RowFault};
use cryptobot_engine::{BarBlock, BarSource};
use cryptobot_model::{Timeframe, Timestamp};
use parquet::basic::{Compression, ZstdLevel};
use proptest::prelude::*;
use proptest::sample::select;
use support::{Layout, MINUTE, Rows, START, load, path, request};

fn layouts() -> impl Strategy<Value = Layout> {
    let compressions =
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())];
    (1_usize..80, any::<[bool; 2]>(), select(compressions.to_vec())).prop_map(
        |(group_rows, [statistics, nullable], compression)| Layout {
            group_rows,
            statistics,
            nullable,
            integer_volume: false,
            compression,
        },
    )
}

/// A fault at a row, and what the report must say: kind and row.
fn plant(rows: &mut Rows, fault: RowFault, row: usize, column: usize, bad: f64) -> RowFault {
    let set = |rows: &mut Rows, column: usize, value: f64| rows.values[column][row] = Some(value);
    match fault {
        RowFault::Null if column == 5 => rows.times[row] = None,
        RowFault::Null => rows.values[column][row] = None,
        RowFault::Duplicate if column < 3 => rows.times[row] = rows.times[row - 1],
        RowFault::Duplicate => rows.repeat(row - 1),
        RowFault::Unsorted => rows.swap(row - 1, row),
        RowFault::OffGrid => rows.times[row] = rows.times[row].map(|time| time + 1 + column as i64 * 11_000),
        RowFault::Price => set(rows, column % 4, bad),
        RowFault::High => set(rows, 1, 99.5),
        RowFault::Low => set(rows, 2, 200.0),
        RowFault::Time | RowFault::Rate => unreachable!("bars have none"),
        RowFault::Volume => set(rows, 4, if bad == 0.0 { -1.0 } else { bad }),
    }
    // A low above the high makes the high the one that is named.
    if fault == RowFault::Low { RowFault::High } else { fault }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_planted_fault_is_found_and_located(
        layout in layouts(),
        count in 3_usize..200,
        place in 0.0..1.0_f64,
        column in 0_usize..6,
        bad in select(vec![0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        fault in select(vec![
            RowFault::Null, RowFault::Duplicate, RowFault::Unsorted, RowFault::OffGrid,
            RowFault::Price, RowFault::High, RowFault::Low, RowFault::Volume,
        ]),
    ) {
        let layout = Layout { nullable: layout.nullable || fault == RowFault::Null, ..layout };
        let mut rows = Rows::minutes(START, count);
        let row = 1 + ((count - 2) as f64 * place) as usize;
        let expected = plant(&mut rows, fault, row, column, bad);
        let root = tempfile::tempdir().unwrap();
        rows.write(&path(root.path(), "1m", "2024.parquet"), layout);
        let mut request = request("1m");
        for allow_gaps in [false, true] {
            request.allow_gaps = allow_gaps;
            match load(root.path(), &request) {
                Err(DataError::Rows(faults)) => {
                    prop_assert_eq!(faults.total, 1, "{}", faults);
                    prop_assert_eq!(faults.rows[0].row, row as u64, "{}", faults);
                    prop_assert_eq!(faults.rows[0].fault, expected, "{}", faults);
                    prop_assert_eq!(&faults.file, "venue/PAIR/1m/2024.parquet");
                }
                other => prop_assert!(false, "{fault:?} at {row}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_planted_hole_is_found_before_reading_and_can_be_waived(
        layout in layouts(),
        count in 10_usize..300,
        place in 0.0..1.0_f64,
        length in 1_usize..5,
    ) {
        let mut rows = Rows::minutes(START, count);
        let from = 1 + ((count - length - 2) as f64 * place) as usize;
        rows.remove(from, length);
        let root = tempfile::tempdir().unwrap();
        rows.write(&path(root.path(), "1m", "2024.parquet"), layout);
        let catalog = Catalog::open(root.path()).unwrap();
        let mut request = request("1m");
        let Err(DataError::Missing(missing)) = catalog.series(&request) else { panic!("no refusal") };
        prop_assert_eq!(missing.bars(), length as u64);
        prop_assert_eq!(missing.runs.len(), 1);
        prop_assert_eq!(missing.runs[0].from, Timestamp::from_millis(START + from as i64 * MINUTE));
        request.allow_gaps = true;
        let reader = catalog.series(&request).unwrap();
        prop_assert_eq!(reader.waived(), Some(&*missing));
        prop_assert_eq!(reader.expected_rows(), (count - length) as u64);
        prop_assert_eq!(support::read(reader).unwrap().len(), count - length);
    }

    #[test]
    fn what_any_period_lacks_is_counted_exactly(
        layout in layouts(),
        holes in proptest::collection::vec((1_usize..100, 1_usize..6), 0..4),
        from in -20_i64..140,
        length in 1_i64..140,
    ) {
        let mut rows = Rows::minutes(START, 120);
        for (at, length) in holes {
            let at = at.min(rows.len() - 1);
            rows.remove(at, length.min(rows.len() - at));
        }
        let root = tempfile::tempdir().unwrap();
        rows.write(&path(root.path(), "1m", "2024.parquet"), layout);
        let mut request = request("1m");
        request.from = Some(Timestamp::from_millis(START + from * MINUTE));
        request.to = Some(Timestamp::from_millis(START + (from + length) * MINUTE));
        let lacking = (from..from + length).filter(|row| !rows.times.contains(&Some(START + row * MINUTE)));
        let lacking = lacking.count() as i64;
        match load(root.path(), &request) {
            Ok(block) => prop_assert_eq!((lacking, block.len() as i64), (0, length)),
            Err(DataError::Missing(missing)) => {
                prop_assert_eq!(missing.bars() as i64, lacking, "{}", missing);
                prop_assert!(lacking > 0 && missing.runs.windows(2).all(|pair| pair[0].to <= pair[1].from));
            }
            Err(DataError::NoBars { .. }) => prop_assert_eq!(lacking, length),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_period_of_any_layout_reads_exactly_its_rows(
        layout in layouts(),
        integer_volume in any::<bool>(),
        count in 1_usize..300,
        from in -20_i64..320,
        length in 1_i64..320,
    ) {
        let rows = Rows::minutes(START, count);
        let root = tempfile::tempdir().unwrap();
        rows.write(&path(root.path(), "1m", "2024.parquet"), Layout { integer_volume, ..layout });
        let mut request = request("1m");
        request.allow_gaps = true;
        request.from = Some(Timestamp::from_millis(START + from * MINUTE));
        request.to = Some(Timestamp::from_millis(START + (from + length) * MINUTE));
        let inside = from.clamp(0, count as i64)..(from + length).clamp(0, count as i64);
        match load(root.path(), &request) {
            Ok(block) => {
                let expected: Vec<i64> = inside.clone().map(|row| START + row * MINUTE).collect();
                prop_assert_eq!(block.open_ms, expected);
                let volumes: Vec<f64> = inside.map(|row| (row % 5) as f64).collect();
                prop_assert_eq!(block.volume, volumes);
            }
            Err(DataError::NoBars { .. }) => prop_assert!(inside.is_empty()),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics(at in 0.0..1.0_f64, to in any::<u8>(), cut in any::<bool>()) {
        let root = tempfile::tempdir().unwrap();
        let file = path(root.path(), "1m", "2024.parquet");
        Rows::minutes(START, 500).write(&file, Layout { group_rows: 200, nullable: true, ..Layout::PLAIN });
        let mut bytes = fs::read(&file).unwrap();
        let place = (bytes.len() as f64 * at) as usize;
        if cut {
            bytes.truncate(place);
        } else {
            bytes[place] = to;
        }
        fs::write(&file, &bytes).unwrap();
        match load(root.path(), &request("1m")) {
            Ok(block) => prop_assert!(!cut && !block.is_empty()),
            Err(error) => prop_assert!(error.to_string().contains("2024.parquet") || !cut, "{error}"),
        }
    }
}

#[test]
fn reading_ahead_gives_the_same_bars_and_the_same_errors() {
    let root = tempfile::tempdir().unwrap();
    let file = path(root.path(), "1m", "2024.parquet");
    let mut rows = Rows::minutes(START, 100_000);
    let through = |root: &Path| {
        let mut source =
            ReadAhead::new(Catalog::open(root).unwrap().series(&request("1m")).unwrap(), Timeframe::MINUTE);
        let (mut times, mut block) = (Vec::new(), BarBlock::default());
        loop {
            source.next_block(&mut block).map_err(|error| error.to_string())?;
            if block.is_empty() {
                source.next_block(&mut block).unwrap();
                assert!(block.is_empty(), "the end stays the end");
                return Ok::<_, String>(times);
            }
            times.extend_from_slice(&block.open_ms);
        }
    };
    rows.write(&file, Layout { group_rows: 30_000, ..Layout::PLAIN });
    assert_eq!(through(root.path()).unwrap(), load(root.path(), &request("1m")).unwrap().open_ms);
    rows.values[4][77_777] = Some(-1.0);
    rows.write(&file, Layout { group_rows: 30_000, ..Layout::PLAIN });
    let error = load(root.path(), &request("1m")).unwrap_err().to_string();
    assert!(error.contains("row 77777"), "{error}");
    assert_eq!(through(root.path()).unwrap_err(), error);
    // Dropped half-way: the thread ends by itself.
    let mut source = ReadAhead::new(
        Catalog::open(root.path()).unwrap().series(&request("1m")).unwrap(),
        Timeframe::MINUTE,
    );
    source.next_block(&mut BarBlock::default()).unwrap();
}

#[test]
fn a_report_names_the_first_rows_and_counts_all() {
    let root = tempfile::tempdir().unwrap();
    let mut rows = Rows::minutes(START, 40_000);
    for row in (30_000..30_070).step_by(10) {
        rows.values[1][row] = Some(1.0);
    }
    rows.write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    let text = load(root.path(), &request("1m")).unwrap_err().to_string();
    assert!(
        text.starts_with("venue/PAIR/1m/2024.parquet: 7 faulty rows: row 30000 at 2024-01-21T20:00:00Z:"),
        "{text}"
    );
    assert!(
        text.contains("high is below open, low or close (open 105, high 1, low 104, close 106, volume 0)"),
        "{text}"
    );
    assert_eq!(text.matches("row 300").count(), 5, "{text}");
}

#[test]
fn files_that_are_no_parquet_are_refused_clearly() {
    for contents in [&b""[..], b"PAR1", b"not parquet at all", b"PAR1xxxxxxxxPAR1"] {
        let root = tempfile::tempdir().unwrap();
        let file = path(root.path(), "1m", "2024.parquet");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, contents).unwrap();
        let error = load(root.path(), &request("1m")).unwrap_err();
        assert!(matches!(error, DataError::Parquet { .. }), "{error}");
        assert!(
            error.to_string().starts_with("venue/PAIR/1m/2024.parquet: not a readable Parquet file"),
            "{error}"
        );
    }
}

#[test]
fn the_same_time_in_two_files_is_refused() {
    let root = tempfile::tempdir().unwrap();
    Rows::minutes(START, 100).write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    Rows::minutes(START + 99 * MINUTE, 100).write(&path(root.path(), "1m", "2025.parquet"), Layout::PLAIN);
    let error = load(root.path(), &request("1m")).unwrap_err().to_string();
    assert!(error.contains("2025.parquet: begins at 2024-01-01T01:39:00Z, before the end of"), "{error}");
}

#[test]
fn a_missing_year_is_a_gap() {
    let root = tempfile::tempdir().unwrap();
    Rows::minutes(START, 100).write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    Rows::minutes(START + 200 * MINUTE, 100).write(&path(root.path(), "1m", "2025.parquet"), Layout::PLAIN);
    let error = load(root.path(), &request("1m")).unwrap_err().to_string();
    assert!(
        error.contains("lacks 100 bars in 1 range: 2024-01-01T01:40:00Z to 2024-01-01T03:20:00Z"),
        "{error}"
    );
    assert!(error.contains("complete are: 2024-01-01T00:00:00Z to 2024-01-01T01:40:00Z"), "{error}");
}
