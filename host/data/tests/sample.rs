//! The bundled sample: the same values everywhere, and never over foreign files.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use cryptobot_data::sample::{self, Outcome};
use cryptobot_data::{Catalog, DataError, SeriesRequest};
use cryptobot_engine::BarBlock;

/// Values of seed 42. They change only with the generator's version.
const VALUES: [(&str, &str); 5] = [
    ("BTCUSDT", "ceae5ae4b64c8fe7aa24e2a684657173a56c3392d65fcbe87eb33e210693e9a9"),
    ("ETHUSDT", "011a0c82a2fa72af1166308af0d87fcd2af072fb48470f01ce191e843b2e2810"),
    ("BNBUSDT", "1d806da1946ed5eb398f1fa779aa66d9aa45b5e5b42bcbb6725f612a3114d581"),
    ("ADAUSDT", "289046146302d609ccf6250f33edbf35a7c7fb02264d53da060839d98aa8f2f9"),
    ("SOLUSDT", "11bb37b13085bb58a515f16834df756e09053ed51b940150b6254760a4e28a8d"),
];

/// Mark prices of seed 42.
const MARKS: [(&str, &str); 2] = [
    ("BTCUSDT", "24cd99a9d72cbe528afec8d4c3f218956fe3a0e9a30c3b166b52cf76529505ef"),
    ("ADAUSDT", "357ae09077aa62524022af6ff1c32c4e6159165f807b8531627a72b6bf643bff"),
];

fn request(symbol: &str) -> SeriesRequest {
    SeriesRequest { venue: sample::VENUE.to_owned(), symbol: symbol.to_owned(), ..support::request("1m") }
}

#[test]
fn the_sample_is_made_once_read_back_and_never_put_over_foreign_files() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(sample::ensure(root.path(), sample::SEED).unwrap(), Outcome::Generated);
    assert_eq!(sample::ensure(root.path(), sample::SEED).unwrap(), Outcome::Cached);

    let catalog = Catalog::open(root.path()).unwrap();
    assert_eq!(catalog.venues().unwrap(), [sample::VENUE]);
    let instruments = catalog.instruments(sample::VENUE).unwrap();
    assert!(instruments.synthetic());
    assert_eq!(instruments.label(), Some(sample::LABEL));
    for (symbol, hash) in VALUES {
        let reader = catalog.series(&request(symbol)).unwrap();
        assert_eq!(reader.first_open().to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(reader.last_close().to_string(), "2025-01-01T00:00:00Z");
        let bars = support::read(reader).unwrap();
        assert_eq!(sample::values_sha256(&bars), hash, "{symbol}");
        let found = instruments.get(symbol).unwrap();
        assert_eq!(found.warning, None);
        let marks = catalog.marks(sample::VENUE, symbol, &catalog.series(&request(symbol)).unwrap());
        let marks = marks.unwrap().unwrap();
        assert!(marks.waived().is_none(), "{symbol}");
        let marks = support::read(marks).unwrap();
        let per_unit = 1.0 / found.instrument.tick.to_f64();
        let prices = |of: &BarBlock| [&of.open, &of.high, &of.low, &of.close].map(Clone::clone).concat();
        for price in prices(&bars).into_iter().chain(prices(&marks)) {
            let ticks = price * per_unit;
            assert!((ticks - ticks.round()).abs() < 1e-6, "{symbol}: {price} is not on the tick");
        }
    }

    // An incomplete sample is ours to complete.
    fs::remove_file(root.path().join("synthetic/ADAUSDT/1m/2024.parquet")).unwrap();
    assert_eq!(sample::ensure(root.path(), sample::SEED).unwrap(), Outcome::Replaced);
    // A changed or a foreign file is not.
    let changed = root.path().join("synthetic/instruments.json");
    let original = fs::read(&changed).unwrap();
    fs::write(&changed, b"{}").unwrap();
    assert!(matches!(sample::ensure(root.path(), sample::SEED), Err(DataError::Foreign { .. })));
    fs::write(&changed, original).unwrap();
    let foreign = root.path().join("synthetic/BTCUSDT/1m/2023.parquet");
    fs::write(&foreign, b"mine").unwrap();
    let error = sample::ensure(root.path(), 7).unwrap_err().to_string();
    assert!(error.contains("2023.parquet: was not made by the generator"), "{error}");
    assert_eq!(fs::read(&foreign).unwrap(), b"mine");
    fs::remove_file(foreign).unwrap();
    fs::remove_file(root.path().join("synthetic/manifest.json")).unwrap();
    assert!(matches!(sample::ensure(root.path(), 7), Err(DataError::Foreign { .. })));
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["synthetic"], "no temporary folder may stay");
}

#[test]
fn marks_follow_the_price_and_funding_the_premium() {
    for (symbol, hash) in MARKS {
        let bars = sample::bars(symbol, sample::SEED).unwrap();
        let (marks, funding) = sample::marks_and_funding(symbol, sample::SEED).unwrap();
        assert_eq!(sample::values_sha256(&marks), hash, "{symbol}");
        assert_eq!(marks.open_ms, bars.open_ms);
        let apart = |(last, mark): (&f64, &f64)| (mark / last - 1.0).abs();
        let mean = bars.close.iter().zip(&marks.close).map(apart).sum::<f64>() / bars.len() as f64;
        assert!(mean < 0.001, "{symbol}: {mean}");
        assert_eq!(funding.len(), 366 * 3);
        let rates: Vec<f64> = funding.iter().map(|funding| funding.rate.to_f64()).collect();
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!((0.000_05..0.000_2).contains(&mean), "{symbol}: {mean}");
        let negative = rates.iter().filter(|rate| **rate < 0.0).count();
        assert!((20..500).contains(&negative), "{symbol}: {negative} negative rates");
        for (row, funding) in funding.iter().enumerate() {
            assert_eq!(funding.ts.millis(), bars.open_ms[row * 480]);
            assert_eq!(funding.mark.unwrap().to_f64(), marks.open[row * 480]);
        }
    }
}

#[test]
fn another_seed_makes_other_values() {
    let bars = sample::bars("BTCUSDT", 43).unwrap();
    assert_ne!(sample::values_sha256(&bars), VALUES[0].1);
    assert_eq!(bars.len(), 366 * 1_440);
    assert!(sample::bars("DOGEUSDT", 42).is_none());
    assert_eq!(sample::symbols(), VALUES.map(|(symbol, _)| symbol));
}
