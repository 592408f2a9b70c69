//! The reader on recorded exchange data, which stand beside the repository where there are any.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::{Catalog, DataError, MissingBars, SeriesReader, SeriesRequest, resample};
use cryptobot_engine::BarBlock;
use cryptobot_model::{Timeframe, Timestamp};

fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no recorded data at {}", root.display());
    None
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn request(venue: &str, symbol: &str, timeframe: &str, period: (&str, &str)) -> SeriesRequest {
    SeriesRequest {
        venue: venue.to_owned(),
        symbol: symbol.to_owned(),
        timeframe: timeframe.parse().unwrap(),
        from: (!period.0.is_empty()).then(|| at(period.0)),
        to: (!period.1.is_empty()).then(|| at(period.1)),
        allow_gaps: false,
    }
}

fn read(mut reader: SeriesReader) -> BarBlock {
    let (mut all, mut block) = (BarBlock::default(), BarBlock::default());
    loop {
        reader.read(&mut block).unwrap();
        if block.is_empty() {
            return all;
        }
        all.open_ms.extend(&block.open_ms);
        all.open.extend(&block.open);
        all.high.extend(&block.high);
        all.low.extend(&block.low);
        all.close.extend(&block.close);
        all.volume.extend(&block.volume);
    }
}

/// One line of a venue's table of files.
struct Listed {
    symbol: String,
    timeframe: Timeframe,
    rows: u64,
    first: Timestamp,
    last: Timestamp,
    missing: u64,
    runs: usize,
}

fn listed(readme: &str) -> Vec<Listed> {
    let parse = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let mut path = cells.first()?.split('/');
        let (symbol, kind) = (path.next()?.to_owned(), path.next()?);
        let timeframe = kind.parse().ok()?;
        let stamp = |text: &str| text.replace(' ', "T").parse().ok();
        let (missing, runs) = cells.get(4)?.split_once(" (")?;
        Some(Listed {
            symbol,
            timeframe,
            rows: cells.get(1)?.parse().ok()?,
            first: stamp(cells.get(2)?)?,
            last: stamp(cells.get(3)?)?,
            missing: missing.parse().ok()?,
            runs: runs.trim_end_matches(')').parse().ok()?,
        })
    };
    readme.lines().filter(|line| line.contains(".parquet")).filter_map(parse).collect()
}

#[test]
fn every_listed_file_has_the_rows_and_gaps_that_its_table_says() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(&root).unwrap();
    let mut files = 0;
    for venue in ["binance-usdm", "binance-spot", "bitfinex", "kraken"] {
        let readme = fs::read_to_string(root.join(venue).join("README.md")).unwrap();
        for file in listed(&readme) {
            let Listed { symbol, timeframe, rows, first, last, missing, runs } = file;
            let name = format!("{venue} {symbol} {timeframe} {first}");
            let mut request = request(venue, &symbol, &timeframe.to_string(), ("", ""));
            (request.from, request.to) = (Some(first), Some(last.plus(1)));
            match catalog.series(&request) {
                Ok(reader) => {
                    assert_eq!(missing, 0, "{name}");
                    assert_eq!(reader.expected_rows(), rows, "{name}");
                }
                Err(DataError::Missing(report)) => {
                    assert_eq!((report.bars(), report.runs.len()), (missing, runs), "{name}: {report}");
                }
                Err(error) => panic!("{name}: {error}"),
            }
            request.allow_gaps = true;
            let reader = catalog.series(&request).unwrap();
            assert_eq!(reader.waived().map_or(0, MissingBars::bars), missing, "{name}");
            assert_eq!(
                (reader.first_open(), reader.last_close()),
                (first, last.plus(timeframe.nanos())),
                "{name}"
            );
            assert_eq!(read(reader).len() as u64, rows, "{name}");
            files += 1;
        }
    }
    assert!(files > 300, "only {files} files were checked");
}

#[test]
fn gapped_data_are_refused_and_the_gap_is_named() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(root).unwrap();
    let refusal = |symbol: &str, timeframe: &str, period: (&str, &str)| match catalog.series(&request(
        "binance-usdm",
        symbol,
        timeframe,
        period,
    )) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{symbol} {timeframe} {period:?} was accepted"),
    };
    let ada = refusal("ADAUSDT", "1m", ("2025-01-27T13:03", "2025-06-24T10:33"));
    assert!(ada.contains("lacks 103997 bars in 1 range"), "{ada}");
    let bitcoin = refusal("BTCUSDT", "1m", ("2025-05-05", "2025-07-13"));
    assert!(bitcoin.contains("lacks 16649 bars in 1 range"), "{bitcoin}");
    let early = refusal("BTCUSDT", "15m", ("2022-01-01", "2024-01-01"));
    assert!(early.contains("begins 2023-01-01T00:00:00Z, asked from 2022-01-01T00:00:00Z"), "{early}");
    assert!(early.contains("35040 bars"), "{early}");
    let late = refusal("BTCUSDT", "15m", ("2025-12-31", "2026-02-01"));
    assert!(late.contains("ends 2026-01-01T00:00:00Z, asked to 2026-02-01T00:00:00Z"), "{late}");
    let whole = refusal("BTCUSDT", "1m", ("", ""));
    assert!(whole.contains("in 2 ranges"), "{whole}");
    let symbol = refusal("BTCUSD", "1m", ("", ""));
    assert!(symbol.contains("symbols there: ADAUSDT, ALGOUSDT"), "{symbol}");
    let kind = refusal("BTCUSDT", "7s", ("", ""));
    assert!(kind.contains("kinds there: 15m, 1d, 1h"), "{kind}");
}

#[test]
fn clean_periods_of_the_portfolio_open() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(root).unwrap();
    let rows = |symbol: &str, timeframe: &str, period: (&str, &str)| {
        catalog.series(&request("binance-usdm", symbol, timeframe, period)).unwrap().expected_rows()
    };
    assert_eq!(rows("BTCUSDT", "15m", ("2023-01-01", "2025-01-01")), 70_176);
    assert_eq!(rows("ETHUSDT", "15m", ("2022-01-01", "2025-01-01")), 105_216);
    assert_eq!(rows("BTCUSDT", "1h", ("2020-01-01", "2026-01-01")), 52_608);
    assert_eq!(rows("FILUSDT", "1m", ("2023-04-01", "2023-05-01")), 43_200);
}

#[test]
fn the_finest_kind_that_covers_the_period_is_resampled() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(root).unwrap();
    let minute =
        catalog.series(&request("binance-usdm", "BTCUSDT", "2h", ("2025-06-01", "2025-06-02"))).unwrap();
    assert_eq!(minute.source_kind(), Timeframe::MINUTE);
    assert_eq!(minute.expected_rows(), 12);
    // 1m, 5m and 15m do not reach back to 2021; 30m does.
    let coarse =
        catalog.series(&request("binance-usdm", "BTCUSDT", "2h", ("2021-01-01", "2021-02-01"))).unwrap();
    assert_eq!(coarse.source_kind().to_string(), "30m");
    assert_eq!(read(coarse).len(), 31 * 12);
}

/// Hours at which the exchange gave out two versions of its bars, and independent copies hold one or the other:
/// those that the data's notes name, and four more where another calculation finds the same differences.
const RESTATED: [&str; 9] = [
    "2023-11-10T15:00",
    "2024-10-28T20:00",
    "2024-10-28T21:00",
    "2025-01-14T15:00",
    "2025-01-29T01:00",
    "2023-08-16T15:00",
    "2023-11-14T11:00",
    "2025-01-14T13:00",
    "2025-01-29T02:00",
];

#[test]
fn resampled_minutes_equal_the_stored_higher_bars() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(root).unwrap();
    let venue = "binance-usdm";
    let (mut compared, mut restated) = (0, 0);
    for symbol in catalog.symbols(venue).unwrap() {
        for target in ["15m", "1h"] {
            let mut stored = request(venue, &symbol, target, ("", ""));
            stored.allow_gaps = true;
            let Ok(reader) = catalog.series(&stored) else {
                continue;
            };
            let coarse = read(reader);
            let mut fine = request(venue, &symbol, "1m", ("", ""));
            fine.allow_gaps = true;
            let Ok(reader) = catalog.series(&fine) else {
                continue;
            };
            if reader.source_kind() != Timeframe::MINUTE || stored.timeframe == Timeframe::MINUTE {
                continue;
            }
            let rows: BTreeMap<i64, usize> = coarse.open_ms.iter().copied().zip(0..).collect();
            for block in continuous(&read(reader)) {
                let built = resample(&block, Timeframe::MINUTE, stored.timeframe).unwrap();
                for row in 0..built.len() {
                    let open = Timestamp::from_millis(built.open_ms[row]);
                    let Some(&other) = rows.get(&built.open_ms[row]) else {
                        continue;
                    };
                    if RESTATED.iter().any(|hour| Timeframe::HOUR.open_of(open) == at(hour)) {
                        restated += 1;
                        continue;
                    }
                    let bar = [built.open[row], built.high[row], built.low[row], built.close[row]];
                    let expected =
                        [coarse.open[other], coarse.high[other], coarse.low[other], coarse.close[other]];
                    assert_eq!(bar, expected, "{symbol} {target} {open}");
                    let (volume, expected) = (built.volume[row], coarse.volume[other]);
                    assert!(
                        (volume - expected).abs() <= 1e-6 * expected.max(1.0),
                        "{symbol} {target} {open}"
                    );
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} bars compared, {restated} restated ones left out");
    assert!(compared > 50_000, "only {compared} bars could be compared");
}

/// Splits minutes at their holes, so that no higher bar is built over one.
fn continuous(bars: &BarBlock) -> Vec<BarBlock> {
    let mut blocks: Vec<BarBlock> = Vec::new();
    for row in 0..bars.len() {
        let follows = row > 0 && bars.open_ms[row] - bars.open_ms[row - 1] == 60_000;
        if !follows {
            blocks.push(BarBlock::default());
        }
        let block = blocks.last_mut().unwrap();
        block.open_ms.push(bars.open_ms[row]);
        block.open.push(bars.open[row]);
        block.high.push(bars.high[row]);
        block.low.push(bars.low[row]);
        block.close.push(bars.close[row]);
        block.volume.push(bars.volume[row]);
    }
    blocks
}
