//! `check` finds every planted fault and nothing where none is.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::sample;
use cryptobot_data::store::{
    CatalogWriter, CheckRequest, Finding, Rows, Rule, SeriesId, SeriesKind, Severity, Void, check, mark_void,
};
use cryptobot_data::table::{CellKind, Cells, TableWriter};
use cryptobot_model::{Timeframe, Timestamp};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
/// Rows of a row group of planted files.
const GROUP: usize = 37;
const COLUMNS: [&str; 6] = ["ts", "open", "high", "low", "close", "volume"];

/// Columns of a clean walk of `rows` minutes from 2024-01-01 on.
fn walk(rows: usize, seed: u64) -> [Vec<f64>; 6] {
    let begin = "2024-01-01".parse::<Timestamp>().unwrap().millis();
    let mut state = seed | 1;
    let mut columns: [Vec<f64>; 6] = Default::default();
    let mut price = 100.0;
    for row in 0..rows {
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(u32::MAX >> 1)
        };
        let open: f64 = price;
        let close = open * (1.0 + 0.002 * (noise() - 0.5));
        let (high, low) =
            (open.max(close) * (1.0 + 0.0005 * noise()), open.min(close) * (1.0 - 0.0005 * noise()));
        let values = [(begin + row as i64 * MINUTE) as f64, open, high, low, close, 1.0 + noise()];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
        price = close;
    }
    columns
}

/// Writes rows as they are, however faulty: by the writer of tables, which checks nothing.
fn plant(path: &Path, columns: &[Vec<f64>; 6]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let kinds = COLUMNS.map(|name| {
        let kind = if name == "ts" { CellKind::Integer } else { CellKind::Number };
        (name.to_owned(), kind)
    });
    let mut table = TableWriter::create(path, &kinds.to_vec()).unwrap();
    // Several groups: faults may stand at their borders.
    for from in (0..columns[0].len()).step_by(GROUP) {
        let cells = |(index, column): (usize, &Vec<f64>)| {
            let rows = column[from..(from + GROUP).min(column.len())].iter();
            if index == 0 {
                Cells::Integers(rows.map(|value| Some(*value as i64)).collect())
            } else {
                Cells::Numbers(rows.map(|value| (*value != 12_345.0).then_some(*value)).collect())
            }
        };
        table.group(&columns.iter().enumerate().map(cells).collect::<Vec<_>>()).unwrap();
    }
    table.finish().unwrap();
}

fn findings(root: &Path, request: &CheckRequest) -> Vec<Finding> {
    let mut all = Vec::new();
    check(&Catalog::open(root).unwrap(), request, |_, found| all.extend(found)).unwrap();
    all
}

type Fault = (Rule, fn(&mut [Vec<f64>; 6], usize));

/// Every kind of fault that rows can have; an empty cell is written for 12345.
const FAULTS: [Fault; 17] = [
    (Rule::Order, |rows, at| rows.iter_mut().for_each(|column| column.swap(at, at + 1))),
    (Rule::Duplicate, |rows, at| rows[0][at] = rows[0][at - 1]),
    (Rule::Gap, |rows, at| {
        for column in rows.iter_mut() {
            column.remove(at);
        }
    }),
    (Rule::ImpossibleBar, |rows, at| rows[2][at] = rows[3][at] * 0.99),
    (Rule::ImpossibleBar, |rows, at| rows[3][at] = rows[2][at] * 1.01),
    (Rule::ImpossibleBar, |rows, at| rows[4][at] = rows[2][at] * 1.01),
    (Rule::OffGrid, |rows, at| rows[0][at] += 1_000.0),
    (Rule::NotFinite, |rows, at| rows[4][at] = f64::NAN),
    (Rule::NotFinite, |rows, at| rows[5][at] = f64::INFINITY),
    (Rule::Negative, |rows, at| rows[5][at] = -1.0),
    (Rule::Price, |rows, at| rows[3][at] = 0.0),
    (Rule::Price, |rows, at| rows[1][at] = -1.0),
    (Rule::Empty, |rows, at| rows[1][at] = 12_345.0),
    (Rule::WrongFile, |rows, at| rows[0][at] -= 366.0 * 86_400_000.0),
    (Rule::Outlier, |rows, at| rows[2][at] *= 1.5),
    (Rule::VolumeSpike, |rows, at| rows[5][at] *= 100_000.0),
    (Rule::StaleRun, |rows, at| {
        let price = rows[4][at];
        let to = at + 100;
        rows[1..5].iter_mut().for_each(|column| column[at..to].fill(price));
        // The price goes on from where it stood.
        let next = rows[4][to];
        let factor = price / next;
        rows[1..5].iter_mut().for_each(|column| column[to..].iter_mut().for_each(|value| *value *= factor));
    }),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_planted_fault_is_found(seed in any::<u64>(), at in 600_usize..1_300) {
        let clean = walk(1_500, seed);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("v/S/1m/2024.parquet");
        plant(&file, &clean);
        prop_assert_eq!(findings(folder.path(), &CheckRequest::default()), []);
        for (index, (rule, spoil)) in FAULTS.iter().enumerate() {
            let mut rows = clean.clone();
            spoil(&mut rows, at);
            plant(&file, &rows);
            let found = findings(folder.path(), &CheckRequest::default());
            let near = found.iter().find(|finding| finding.rule == *rule);
            let near = near.unwrap_or_else(|| panic!("fault {index} ({rule:?}) at {at}: {found:?}"));
            let row = near.row.unwrap() as usize;
            prop_assert!(row.abs_diff(at) <= 1, "fault {} found in row {} not {}", index, row, at);
        }
    }
}

type Spoil = fn(&mut Vec<Vec<f64>>, usize);

/// Rows of a kind with whole numbers and numbers, planted as they are.
fn plant_kind(path: &Path, names: &[(&str, CellKind)], rows: &[Vec<f64>]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let columns = names.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let mut table = TableWriter::create(path, &columns).unwrap();
    let cells = names.iter().enumerate().map(|(column, (_, kind))| {
        let values = rows.iter().map(|row| row[column]);
        match kind {
            CellKind::Integer => Cells::Integers(values.map(|value| Some(value as i64)).collect()),
            CellKind::Flag => Cells::Flags(values.map(|value| Some(value > 0.0)).collect()),
            _ => Cells::Numbers(values.map(Some).collect()),
        }
    });
    table.group(&cells.collect::<Vec<_>>()).unwrap();
    table.finish().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn faults_of_funding_and_trades_are_found(at in 20_usize..80) {
        const EIGHT_HOURS: f64 = 8.0 * 3_600_000.0;
        let begin = "2024-01-01".parse::<Timestamp>().unwrap().millis() as f64;
        let funding: Vec<Vec<f64>> = (0..100).map(|row| vec![begin + f64::from(row) * EIGHT_HOURS + 3.0, 1e-4]).collect();
        let trades: Vec<Vec<f64>> = (0..100)
            .map(|row| vec![begin + f64::from(row / 3), f64::from(row) + 7.0, 100.0, 2.0, f64::from(row % 2)])
            .collect();
        let faults: [(&str, Option<Rule>, Spoil); 9] = [
            ("funding", None, |_, _| ()),
            ("funding", Some(Rule::Gap), |rows, at| { rows.remove(at); }),
            ("funding", Some(Rule::Rate), |rows, at| rows[at][1] = 0.2),
            ("funding", Some(Rule::Duplicate), |rows, at| rows[at][0] = rows[at - 1][0] + 5.0),
            ("funding", Some(Rule::Order), |rows, at| rows.swap(at, at + 1)),
            ("aggtrades", None, |_, _| ()),
            ("aggtrades", Some(Rule::Gap), |rows, at| { rows.remove(at); }),
            ("aggtrades", Some(Rule::Price), |rows, at| rows[at][2] = 0.0),
            ("aggtrades", Some(Rule::WrongFile), |rows, _| rows[99][0] += 86_400_000.0),
        ];
        for (index, (kind, rule, spoil)) in faults.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (number, integer) = (CellKind::Number, CellKind::Integer);
            let (file, names, mut rows) = if kind == "funding" {
                ("2024", vec![("ts", integer), ("rate", number)], funding.clone())
            } else {
                let names = vec![
                    ("ts", integer), ("agg_id", integer), ("price", number), ("qty", number),
                    ("buyer_is_maker", CellKind::Flag),
                ];
                ("2024-01-01", names, trades.clone())
            };
            spoil(&mut rows, at);
            plant_kind(&folder.path().join(format!("v/S/{kind}/{file}.parquet")), &names, &rows);
            let found = findings(folder.path(), &CheckRequest::default());
            match rule {
                None => prop_assert_eq!(&found, &[], "{}", index),
                Some(rule) => prop_assert!(found.iter().any(|of| of.rule == rule), "{}: {:?}", index, found),
            }
        }
    }
}

#[test]
fn the_generated_sample_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    sample::ensure(folder.path(), 7).unwrap();
    let request = CheckRequest { symbol: Some("ETHUSDT".to_owned()), ..CheckRequest::default() };
    let found = findings(folder.path(), &request);
    assert!(found.is_empty(), "{} findings, for example {}", found.len(), found[0]);
}

#[test]
fn damaged_files_and_foreign_columns_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v/S/1m/2024.parquet");
    plant(&file, &walk(100, 3));
    let whole = fs::read(&file).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        let found = findings(folder.path(), &CheckRequest::default());
        assert!(matches!(&found[..], [Finding { rule: Rule::Unreadable, .. }]), "{length}: {found:?}");
    }
}

#[test]
fn known_holes_are_no_errors_and_bars_are_compared_with_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = walk(120, 5);
    for column in &mut rows {
        column.drain(10..20);
    }
    plant(&folder.path().join("v/S/1m/2024.parquet"), &rows);
    let series = SeriesId::new("v", "S", SeriesKind::Bars(Timeframe::MINUTE)).unwrap();
    let rules =
        || findings(folder.path(), &CheckRequest::default()).iter().map(|of| of.rule).collect::<Vec<_>>();
    assert_eq!(rules(), [Rule::Gap]);
    let void = Void {
        from: "2024-01-01T00:10".to_owned(),
        to: "2024-01-01T00:20".to_owned(),
        reason: "halt".to_owned(),
    };
    assert_eq!(mark_void(folder.path(), &series, std::slice::from_ref(&void)).unwrap(), 1);
    assert_eq!(mark_void(folder.path(), &series, &[void]).unwrap(), 0);
    assert_eq!(rules(), []);
    // An hour of which every minute is there, with another high.
    let mut hour = Rows::new("1h".parse().unwrap());
    let ts = "2024-01-01T01:00".parse::<Timestamp>().unwrap().millis();
    hour.push(&[ts.into(), 1.0.into(), 1e6.into(), 1.0.into(), 1.0.into(), 1.0.into()]);
    let hours = SeriesId::new("v", "S", "1h".parse().unwrap()).unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    writer.append(&hours, &hour, "test").unwrap();
    assert_eq!(rules(), [Rule::ResampleMismatch]);
}

#[test]
fn two_sources_and_restated_rows_are_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = walk(200, 9);
    plant(&one.path().join("v/S/1m/2024.parquet"), &rows);
    let mut other = rows;
    other[4][100] *= 1.0001;
    other[2][100] *= 1.001;
    plant(&two.path().join("v/S/1m/2024.parquet"), &other);
    let request =
        CheckRequest { against: Some(Catalog::open(two.path()).unwrap()), ..CheckRequest::default() };
    let found = findings(one.path(), &request);
    assert!(matches!(&found[..], [Finding { rule: Rule::SourceMismatch, row: Some(100), .. }]), "{found:?}");
    let id = SeriesId::new("v", "S", SeriesKind::Bars(Timeframe::MINUTE)).unwrap();
    let mut restated = Rows::new(id.kind);
    restated.push(
        &[other[0][100], 1.0, 2.0, 0.5, 1.5, 3.0]
            .map(|value| if value > 1e9 { (value as i64).into() } else { value.into() }),
    );
    CatalogWriter::open(two.path()).unwrap().append(&id, &restated, "test").unwrap();
    let found = findings(two.path(), &CheckRequest::default());
    assert!(found.iter().any(|of| of.rule == Rule::Restated), "{found:?}");
    assert!(found.iter().all(|of| of.severity == Severity::Notice), "{found:?}");
}

/// `SYMBOL/KIND/FILE` of a venue's README and the number of missing bars and runs in it.
fn stated_gaps(readme: &str) -> BTreeMap<String, (u64, usize)> {
    let line = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (count, runs) = cells.get(5)?.split_once(" (")?;
        let gaps = (count.parse().ok()?, runs.trim_end_matches(')').parse().ok()?);
        cells[1].ends_with(".parquet").then(|| (cells[1].to_owned(), gaps))
    };
    readme.lines().filter_map(line).collect()
}

/// The real files have no error but the holes that their README counts, and those between two files.
#[test]
fn recorded_files_have_no_errors_but_the_stated_holes() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !shared.is_dir() {
        println!("skipped: ../shared/data is not here");
        return;
    }
    let mut files = 0;
    for venue in ["binance-usdm", "binance-spot", "coinbase", "kraken", "bitfinex", "binance-us"] {
        let stated = stated_gaps(&fs::read_to_string(shared.join(venue).join("README.md")).unwrap());
        let request = CheckRequest { venue: Some(venue.to_owned()), ..CheckRequest::default() };
        let mut all: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        check(&Catalog::open(&shared).unwrap(), &request, |path, found| {
            all.entry(path.to_owned()).or_default().extend(found);
        })
        .unwrap();
        for (path, found) in &all {
            files += 1;
            let errors: Vec<_> = found.iter().filter(|of| of.severity == Severity::Error).collect();
            let gaps = errors.iter().filter(|of| of.rule == Rule::Gap && of.row != Some(0)).count();
            let between = errors.iter().filter(|of| of.rule == Rule::Gap && of.row == Some(0)).count();
            assert_eq!(errors.len(), gaps + between, "{path}: {}", errors[0]);
            if let Some((missing, runs)) = stated.get(path.split_once('/').unwrap().1) {
                let sum: u64 = errors
                    .iter()
                    .filter(|of| of.row != Some(0))
                    .map(|of| of.what.split(' ').next().unwrap().parse::<u64>().unwrap())
                    .sum();
                assert_eq!((sum, gaps), (*missing, *runs), "{path}");
            }
        }
        if venue == "binance-usdm" {
            let differs = |time: &str| {
                let time = time.parse::<Timestamp>().unwrap().millis();
                let notices = all.values().flatten().filter(|of| of.rule == Rule::ResampleMismatch);
                notices.filter(|of| of.ts_ms == Some(time)).count() > 0
            };
            // Restated by the exchange, as its README says.
            for time in ["2023-11-10T15:00", "2024-03-27T12:15", "2024-10-28T20:00", "2025-01-29T01:00"] {
                assert!(differs(time), "{time}");
            }
        }
        let notices = all.values().flatten().filter(|of| of.severity == Severity::Notice);
        let mut by_rule: BTreeMap<Rule, u32> = BTreeMap::new();
        notices.for_each(|of| *by_rule.entry(of.rule).or_default() += 1);
        println!("{venue}: {} files, notices {by_rule:?}", all.len());
    }
    assert!(files > 300, "{files} files");
}
