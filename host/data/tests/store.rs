//! Appending to a catalog: what is stored in the end, whatever came in which order.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_data::store::{Appended, CatalogWriter, Cell, Rows, SeriesId, SeriesKind};
use cryptobot_data::{Catalog, SeriesRequest};
use cryptobot_engine::BarBlock;
use cryptobot_model::{Timeframe, Timestamp};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().millis()
}

fn minutes_id() -> SeriesId {
    SeriesId::new("v", "S", "1m".parse().unwrap()).unwrap()
}

/// A bar whose values follow from its price.
fn bar(rows: &mut Rows, ts: i64, price: f64, trades: Option<i64>) {
    rows.push(&[
        ts.into(),
        price.into(),
        (price + 1.0).into(),
        (price - 0.5).into(),
        (price + 0.5).into(),
        10.0.into(),
        Cell::Empty,
        trades.into(),
        Cell::Empty,
    ]);
}

fn bars(of: impl IntoIterator<Item = (i64, f64)>) -> Rows {
    let mut rows = Rows::new(SeriesKind::Bars(Timeframe::MINUTE));
    for (ts, price) in of {
        bar(&mut rows, ts, price, None);
    }
    rows
}

/// Times and opens of a series, as a run reads them.
fn read(root: &Path) -> BTreeMap<i64, f64> {
    let request = SeriesRequest {
        venue: "v".to_owned(),
        symbol: "S".to_owned(),
        timeframe: Timeframe::MINUTE,
        from: None,
        to: None,
        allow_gaps: true,
    };
    let mut series = Catalog::open(root).unwrap().series(&request).unwrap();
    let (mut block, mut found) = (BarBlock::default(), BTreeMap::new());
    loop {
        series.read(&mut block).unwrap();
        if block.is_empty() {
            return found;
        }
        found.extend(block.open_ms.iter().copied().zip(block.open.iter().copied()));
    }
}

#[test]
fn rows_come_in_any_order_and_are_stored_sorted_by_year() {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    let new_year = at("2024-01-01");
    let around = [new_year + MINUTE, new_year - MINUTE, new_year, new_year - 2 * MINUTE];
    let first = writer.append(&minutes_id(), &bars(around.map(|ts| (ts, 5.0))), "test").unwrap();
    let files = vec!["v/S/1m/2023.parquet".to_owned(), "v/S/1m/2024.parquet".to_owned()];
    assert_eq!(first, Appended { added: 4, files, ..Appended::default() });
    let stamp = || fs::metadata(folder.path().join("v/S/1m/2024.parquet")).unwrap().modified().unwrap();
    let written = stamp();
    let again = writer.append(&minutes_id(), &bars(around.map(|ts| (ts, 5.0))), "test").unwrap();
    assert_eq!(again, Appended { identical: 4, ..Appended::default() });
    assert_eq!(stamp(), written, "nothing new, nothing written");
    let restated = writer.append(&minutes_id(), &bars([(new_year, 7.0)]), "test").unwrap();
    assert_eq!((restated.restated, restated.added), (1, 0));
    assert_eq!(read(folder.path())[&new_year], 7.0);
    assert_eq!(read(folder.path()).len(), 4);
}

#[test]
fn what_was_empty_is_completed_and_what_is_known_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    let with = |trades| {
        let mut rows = Rows::new(SeriesKind::Bars(Timeframe::MINUTE));
        bar(&mut rows, at("2024-01-01"), 5.0, trades);
        writer.append(&minutes_id(), &rows, "test").unwrap()
    };
    assert_eq!(with(None).added, 1);
    assert_eq!(with(Some(3)).completed, 1);
    assert_eq!(with(None).identical, 1);
    assert_eq!(with(Some(4)).restated, 1);
}

#[test]
fn rows_that_cannot_be_true_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    for (ts, price, reason) in [
        (at("2024-01-01") + 1, 5.0, "`ts` is off the grid"),
        (at("2024-01-01"), f64::NAN, "`open` is not finite"),
        (at("2024-01-01"), -5.0, "`open` is not above zero"),
    ] {
        let error = writer.append(&minutes_id(), &bars([(0, 1.0), (ts, price)]), "test").unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!folder.path().join("v").exists());
    }
}

#[test]
fn a_file_without_a_name_of_the_layout_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    let begin = at("2024-01-01");
    writer.append(&minutes_id(), &bars([(begin, 1.0), (begin + 5 * MINUTE, 1.0)]), "one").unwrap();
    let series = folder.path().join("v/S/1m");
    fs::rename(series.join("2024.parquet"), series.join("mine.parquet")).unwrap();
    let more = bars([(begin + 5 * MINUTE, 2.0), (begin + 6 * MINUTE, 2.0)]);
    let error = writer.append(&minutes_id(), &more, "two").unwrap_err().to_string();
    assert!(error.contains("v/S/1m/mine.parquet") && error.contains("repair --compact"), "{error}");
    let done = writer.compact(&minutes_id()).unwrap();
    assert_eq!(done.removed, ["v/S/1m/mine.parquet"]);
    assert_eq!(writer.append(&minutes_id(), &more, "two").unwrap().restated, 1);
    assert_eq!(read(folder.path()).values().copied().collect::<Vec<_>>(), [1.0, 2.0, 2.0]);
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let begin = at("2024-01-01");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let root = folder.path();
            scope.spawn(move || {
                let writer = CatalogWriter::open(root).unwrap();
                for step in 0..10 {
                    let rows = bars([(begin + (step * 4 + thread) * MINUTE, 1.0)]);
                    writer.append(&minutes_id(), &rows, "test").unwrap();
                }
            });
        }
    });
    assert_eq!(read(folder.path()).len(), 40);
}

#[test]
fn every_kind_is_stored_and_read_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    for name in [
        "1m",
        "mark-1m",
        "index-1m",
        "premium-1m",
        "funding",
        "oi-1m",
        "long-short-1m",
        "aggtrades",
        "depth",
        "liquidations",
    ] {
        let kind: SeriesKind = name.parse().unwrap();
        let id = SeriesId::new("v", "S", kind).unwrap();
        let mut rows = Rows::new(kind);
        for row in 0..3 {
            let cells: Vec<Cell> = kind
                .columns()
                .iter()
                .map(|spec| match (spec.name, spec.cell) {
                    ("ts", _) => Cell::Integer(at("2024-01-01") + row * MINUTE),
                    (_, _) if spec.optional && row == 1 && name != "long-short-1m" => Cell::Empty,
                    (_, cryptobot_data::store::CellType::Integer) => Cell::Integer(row),
                    (_, cryptobot_data::store::CellType::Number) => Cell::Number(0.001),
                    (_, cryptobot_data::store::CellType::Flag) => Cell::Flag(row == 2),
                })
                .collect();
            rows.push(&cells);
        }
        assert_eq!(writer.append(&id, &rows, "test").unwrap().added, 3, "{name}");
        assert_eq!(writer.append(&id, &rows, "test").unwrap().identical, 3, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against a map: the newest row of a time counts.
    #[test]
    fn appends_add_up_to_a_map(
        parts in prop::collection::vec(prop::collection::vec((-30_i64..30, 1_u8..4), 0..40), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let writer = CatalogWriter::open(folder.path()).unwrap();
        let mut model = BTreeMap::new();
        for part in parts {
            let rows: Vec<_> =
                part.iter().map(|&(minute, price)| (at("2024-01-01") + minute * MINUTE, f64::from(price))).collect();
            let known = model.len() as u64;
            model.extend(rows.iter().copied());
            let done = writer.append(&minutes_id(), &bars(rows.clone()), "test").unwrap();
            prop_assert_eq!(done.added, model.len() as u64 - known);
            prop_assert_eq!(done.added + done.identical + done.completed + done.restated, rows.len() as u64);
            if !model.is_empty() {
                prop_assert_eq!(&read(folder.path()), &model);
            }
        }
    }

    /// Rows in files of any names and borders come out as the same rows in the files of their years.
    #[test]
    fn compaction_keeps_every_row(cuts in prop::collection::vec(1_usize..60, 0..5)) {
        let folder = tempfile::tempdir().unwrap();
        let writer = CatalogWriter::open(folder.path()).unwrap();
        let all: Vec<_> = (-30..30).map(|minute| (at("2024-01-01") + minute * MINUTE, 5.0)).collect();
        let mut cuts = cuts;
        cuts.extend([0, 60]);
        cuts.sort_unstable();
        let series = folder.path().join("v/S/1m");
        for (index, pair) in cuts.windows(2).enumerate() {
            let part = bars(all[pair[0]..pair[1]].iter().copied());
            let scratch = tempfile::tempdir().unwrap();
            CatalogWriter::open(scratch.path()).unwrap().append(&minutes_id(), &part, "test").unwrap();
            for year in ["2023", "2024"] {
                let from = scratch.path().join(format!("v/S/1m/{year}.parquet"));
                if from.exists() {
                    fs::create_dir_all(&series).unwrap();
                    fs::copy(from, series.join(format!("part-{index}-{year}.parquet"))).unwrap();
                }
            }
        }
        writer.compact(&minutes_id()).unwrap();
        prop_assert_eq!(read(folder.path()), all.into_iter().collect::<BTreeMap<_, _>>());
        let mut files: Vec<_> = fs::read_dir(&series)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        files.sort();
        prop_assert_eq!(files, ["2023.parquet", "2024.parquet"]);
        prop_assert!(writer.compact(&minutes_id()).unwrap().written.is_empty());
    }
}

#[test]
fn a_file_looks_as_its_rows_do_however_they_came() {
    let all: Vec<(i64, f64)> =
        (0..100_000).map(|row| (at("2024-01-10") + row * MINUTE, (row % 97 + 1) as f64)).collect();
    let written = |pieces: &[(usize, usize)]| {
        let folder = tempfile::tempdir().unwrap();
        let writer = CatalogWriter::open(folder.path()).unwrap();
        for &(from, to) in pieces {
            writer.append(&minutes_id(), &bars(all[from..to].iter().copied()), "test").unwrap();
        }
        fs::read(folder.path().join("v/S/1m/2024.parquet")).unwrap()
    };
    let once = written(&[(0, 100_000)]);
    assert_eq!(written(&[(0, 1), (1, 30_000), (30_000, 100_000)]), once);
    // From behind, into a hole, and rows that are there already.
    assert_eq!(written(&[(70_000, 100_000), (0, 40_000), (35_000, 75_000)]), once);
}
