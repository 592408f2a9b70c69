//! Tables over a generated catalog: every input, no look-ahead, scalers, holes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_types, reason = "helpers of a test")]

use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId, SeriesKind};
use cryptobot_data::table::{Cells, TableReader};
use cryptobot_features::{
    FeatureError, Fit, Market, Plan, Scaling, SchemaDocument, TableRequest, Wanted, write_table,
};
use cryptobot_model::{Timeframe, Timestamp};

const MINUTE_MS: i64 = 60_000;
const MINUTES: i64 = 3_000;
const BEGIN_MS: i64 = 1_704_067_200_000;

/// Numbers between 0 and 1, always the same ones.
fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    }
}

/// A folder with two days of every kind; `changed_from` is the minute from which on everything is another.
fn catalog(folder: &Path, changed_from: i64) {
    let mut number = random(7);
    let writer = CatalogWriter::open(folder).unwrap();
    let kinds = [
        "1m",
        "mark-1m",
        "index-1m",
        "oi-5m",
        "long-short-5m",
        "funding",
        "aggtrades",
        "depth",
        "liquidations",
    ];
    let mut rows = kinds.map(|kind| Rows::new(kind.parse::<SeriesKind>().unwrap()));
    let mut price = 100.0;
    for minute in 0..MINUTES {
        if minute == changed_from {
            price *= 2.0;
            number = random(11);
        }
        let open = price;
        price *= 1.0 + 0.01 * (number() - 0.5);
        let (high, low) = (open.max(price), open.min(price));
        let ts = BEGIN_MS + minute * MINUTE_MS;
        let mut push = |kind: usize, cells: &[Cell]| rows[kind].push(cells);
        let cell = |value: f64| Cell::Number(value);
        push(0, &[ts.into(), cell(open), cell(high), cell(low), cell(price), cell(1.0 + number())]);
        let mark = price * (1.0 + 0.001 * number());
        push(1, &[ts.into(), cell(open), cell(high.max(mark)), cell(low), cell(mark)]);
        let index = price * (1.0 + 0.001 * number());
        push(2, &[ts.into(), cell(open), cell(high.max(index)), cell(low), cell(index)]);
        if minute % 5 == 0 {
            push(3, &[ts.into(), cell(1_000.0 + 10.0 * number())]);
            push(4, &[ts.into(), cell(0.5 + number())]);
        }
        if minute % 480 == 0 {
            push(5, &[ts.into(), cell(0.000_1 * number())]);
        }
        for part in 0..4 {
            let (at, id) = (ts + 15_000 * part, minute * 4 + part);
            push(
                6,
                &[
                    at.into(),
                    id.into(),
                    cell(price),
                    cell(0.1 + number()),
                    Cell::Empty,
                    Cell::Empty,
                    (number() < 0.5).into(),
                ],
            );
        }
        let snapshot = minute % 10 == 0;
        for level in 1..=12 {
            for bid in [true, false] {
                let away = if bid { -f64::from(level) } else { f64::from(level) };
                let at = price * (1.0 + 0.000_1 * away);
                push(
                    7,
                    &[
                        ts.into(),
                        minute.into(),
                        Cell::Empty,
                        snapshot.into(),
                        bid.into(),
                        cell(at),
                        cell(1.0 + number()),
                    ],
                );
            }
        }
        if minute % 7 == 0 {
            push(8, &[ts.into(), (number() < 0.5).into(), cell(price), cell(number())]);
        }
    }
    for (kind, rows) in kinds.iter().zip(&rows) {
        let series = SeriesId::new("v", "S", kind.parse().unwrap()).unwrap();
        writer.append(&series, rows, "test").unwrap();
    }
}

const ALL: [&str; 9] = [
    "technical_fast",
    "technical_standard",
    "volume_analysis",
    "market_structure",
    "regime_indicators",
    "time",
    "volatility_metrics",
    "microstructure",
    "futures",
];

fn request(folder: &Path, names: &[&str], higher: &[&str], minutes: i64) -> TableRequest {
    let timeframe: Timeframe = "5m".parse().unwrap();
    let wanted = Wanted {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        higher: higher.iter().map(|text| text.parse().unwrap()).collect(),
        own: Vec::new(),
    };
    let market = Market {
        catalog: Catalog::open(folder).unwrap(),
        venue: "v".to_owned(),
        symbol: "S".to_owned(),
        timeframe,
        from: None,
        to: Some(Timestamp::from_millis(BEGIN_MS + minutes * MINUTE_MS)),
        allow_gaps: false,
    };
    let plan = Plan::new(&wanted, timeframe).unwrap();
    TableRequest { markets: vec![market], plan, fit: None, out: folder.join(format!("{minutes}.parquet")) }
}

/// The cells of each column; of numbers their bits.
fn table(path: &Path) -> Vec<(String, Vec<Option<u64>>)> {
    let read = TableReader::any(path).unwrap();
    let mut columns: Vec<(String, Vec<Option<u64>>)> =
        read.columns().iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
    for group in 0..read.groups() {
        for ((_, column), cells) in columns.iter_mut().zip(read.group(group).unwrap()) {
            match cells {
                Cells::Integers(cells) => {
                    column.extend(cells.iter().map(|cell| cell.map(i64::cast_unsigned)));
                }
                Cells::Numbers(cells) => column.extend(cells.iter().map(|cell| cell.map(f64::to_bits))),
                other => panic!("{other:?}"),
            }
        }
    }
    columns
}

#[test]
fn what_comes_later_changes_no_row() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // From minute 1,507 on, which is inside of bars of every length, the other catalog has another market.
    catalog(folder.path(), MINUTES);
    catalog(other.path(), 1_507);
    let whole = request(folder.path(), &ALL, &["15m", "1h"], MINUTES);
    let written = write_table(&whole).unwrap();
    assert_eq!(written.rows, (MINUTES / 5) as u64);
    let whole = table(&whole.out);
    for (column, (name, cells)) in written.schema.schema.columns.iter().zip(&whole[1..]) {
        assert_eq!(column.name, *name);
        let first = cells.iter().position(Option::is_some).unwrap_or(cells.len());
        assert!(cells[first..].iter().all(Option::is_some), "{name}");
        let length: Timeframe = column.timeframe.parse().unwrap();
        let warm = column.warmup as usize * (length.nanos() / 300_000_000_000) as usize;
        match column.input.as_str() {
            // Four trades a minute.
            "trades" => assert_eq!(first, column.warmup.div_ceil(20) as usize - 1, "{name}"),
            _ => assert_eq!(first, (warm - 1).min(cells.len()), "{name}"),
        }
    }
    let changed = request(other.path(), &ALL, &["15m", "1h"], MINUTES);
    write_table(&changed).unwrap();
    let before = 1_505 / 5;
    let mut differ = 0;
    for ((name, one), (_, two)) in whole.iter().zip(&table(&changed.out)) {
        assert_eq!(one[..before], two[..before], "{name}");
        differ += usize::from(one[before..] != two[before..]);
    }
    assert!(differ > whole.len() / 2, "the other market is another one: {differ}");
    // And a table that ends earlier is the beginning of a longer one.
    for minutes in [5, 1_000, 2_995] {
        let short = request(folder.path(), &ALL, &["15m", "1h"], minutes);
        write_table(&short).unwrap();
        let rows = (minutes / 5) as usize;
        for ((name, one), (_, two)) in whole.iter().zip(&table(&short.out)) {
            assert_eq!(one[..rows], two[..], "{name}");
        }
    }
}

#[test]
fn futures_data_are_those_that_are_known_at_the_close() {
    let folder = tempfile::tempdir().unwrap();
    catalog(folder.path(), MINUTES);
    let request = request(folder.path(), &["funding_rate", "mark_index_deviation"], &[], MINUTES);
    write_table(&request).unwrap();
    let columns = table(&request.out);
    let stored = |kind: &str, column: usize| {
        let series = SeriesId::new("v", "S", kind.parse().unwrap()).unwrap();
        let mut stream = Catalog::open(folder.path()).unwrap().rows(&series, (None, None)).unwrap();
        let (rows, wanted) = stream.next_rows().unwrap().unwrap();
        wanted
            .map(move |row| match rows.cell(row, column) {
                Cell::Number(value) => value,
                cell => panic!("{cell:?}"),
            })
            .collect::<Vec<f64>>()
    };
    let (mark, index, funding) = (stored("mark-1m", 4), stored("index-1m", 4), stored("funding", 1));
    for row in 0..600 {
        let at = |name: &str| {
            let (_, cells) = columns.iter().find(|(column, _)| column == name).unwrap();
            cells[row].map(f64::from_bits)
        };
        let last = 5 * row + 4;
        if row >= 19 {
            assert_eq!(at("mark_index_deviation"), Some(mark[last] / index[last] - 1.0));
        }
        // The payment at the close of a bar is known with it; the indicator needs 21 values.
        let paid = funding[(last + 1) / 480];
        let rounded = (paid * 1e8).round_ties_even() / 1e8;
        if row >= 20 {
            assert!((at("funding_rate").unwrap() - rounded).abs() < 1e-8, "row {row}");
        }
    }
}

#[test]
fn scalers_see_only_rows_before_their_end() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    catalog(folder.path(), MINUTES);
    catalog(other.path(), 1_500);
    let until = Timestamp::from_millis(BEGIN_MS + 1_500 * MINUTE_MS);
    let schema = |folder: &Path, scaling| -> SchemaDocument {
        let fit = Some(Fit { scaling, until });
        let request = TableRequest { fit, ..request(folder, &["technical_fast"], &["15m"], MINUTES) };
        let written = write_table(&request).unwrap();
        let stored = std::fs::read_to_string(written.schema_file).unwrap();
        let read = TableReader::any(&request.out).unwrap();
        assert_eq!(read.noted("cryptobot.features").unwrap(), stored.trim_end());
        serde_json::from_str(&stored).unwrap()
    };
    for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust, Scaling::Log] {
        let (one, two) = (schema(folder.path(), scaling), schema(other.path(), scaling));
        assert_eq!(one, two);
        assert_eq!(one.fitted.unwrap().rows, 300);
        assert_eq!(one.scaler.unwrap().scaling(), scaling);
        assert_eq!(one.sha256, one.schema.sha256());
    }
    // Fitted to be between 0 and 1 until then, and not afterwards.
    schema(other.path(), Scaling::MinMax);
    let columns = table(&other.path().join(format!("{MINUTES}.parquet")));
    let outside = |cells: &[Option<u64>]| {
        cells
            .iter()
            .flatten()
            .filter(|bits| !(-1e-12..=1.0 + 1e-12).contains(&f64::from_bits(**bits)))
            .count()
    };
    let (inside, after): (Vec<usize>, Vec<usize>) =
        columns[1..].iter().map(|(_, cells)| (outside(&cells[..300]), outside(&cells[300..]))).unzip();
    assert!(inside.iter().all(|count| *count == 0) && after.iter().any(|count| *count > 0), "{after:?}");
}

#[test]
fn missing_data_are_an_error_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    catalog(folder.path(), MINUTES);
    let error = |names: &[&str]| {
        let error = write_table(&request(folder.path(), names, &[], MINUTES)).unwrap_err();
        assert!(error.is_data(), "{error}");
        assert_eq!(
            std::fs::read_dir(folder.path())
                .unwrap()
                .filter(|file| {
                    file.as_ref()
                        .unwrap()
                        .path()
                        .extension()
                        .is_some_and(|end| end == "tmp" || end == "parquet")
                })
                .count(),
            0,
            "nothing is left behind"
        );
        error.to_string()
    };
    let day = folder.path().join("v/S/aggtrades/2024-01-02.parquet");
    std::fs::remove_file(day).unwrap();
    let hole = error(&["rsi_14", "taker_ratio"]);
    assert!(hole.starts_with("v S: aggtrades has nothing for the bar that closes at 2024-01-02T00:05:00Z, needed for taker_ratio;"), "{hole}");
    for (kind, name, told) in [
        ("depth", "spread_bps", "v S: nothing is stored of depth, needed for spread_bps;"),
        ("aggtrades", "taker_ratio", "v S: nothing is stored of aggtrades, needed for taker_ratio;"),
        (
            "index-1m",
            "mark_index_deviation",
            "v S: nothing is stored of index-<tf> of at most 5m in the period, needed for",
        ),
        ("long-short-5m", "long_short_ratio", "v S: nothing is stored of long-short-<tf>, needed for"),
        ("liquidations", "liquidation_pressure", "v S: nothing is stored of liquidations, needed for"),
        (
            "oi-5m",
            "open_interest_change",
            "v S: nothing is stored of oi-<tf>, needed for open_interest_change;",
        ),
        ("funding", "funding_rate", "v S: nothing is stored of funding, needed for funding_rate;"),
    ] {
        std::fs::remove_dir_all(folder.path().join("v/S").join(kind)).unwrap();
        let error = error(&[name]);
        assert!(error.starts_with(told), "{error}");
    }
    assert!(write_table(&request(folder.path(), &["rsi_14"], &[], MINUTES)).is_ok());
}

#[test]
fn with_gaps_allowed_cells_without_data_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    catalog(folder.path(), MINUTES);
    std::fs::remove_file(folder.path().join("v/S/depth/2024-01-02.parquet")).unwrap();
    let mut request = request(folder.path(), &["spread_bps", "rsi_14"], &[], MINUTES);
    assert!(matches!(write_table(&request), Err(FeatureError::Hole { .. })));
    request.markets[0].allow_gaps = true;
    write_table(&request).unwrap();
    let columns = table(&request.out);
    let empty = |column: usize| columns[column].1.iter().filter(|cell| cell.is_none()).count();
    assert_eq!((columns[1].0.as_str(), empty(1)), ("rsi_14", 14));
    // A day has 288 bars of 5 minutes; after a day without any the book of the third one begins with a snapshot.
    assert_eq!((columns[2].0.as_str(), empty(2)), ("spread_bps", 288));
}
