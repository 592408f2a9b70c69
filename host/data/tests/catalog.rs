//! Names, identity and instruments of a catalog.
#![allow(clippy::unwrap_used, clippy::disallowed_types)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cryptobot_data::{Catalog, DataError, DataHash, HashJob, SeriesReader, reference_sha256};
use cryptobot_model::Timestamp;
use support::{Layout, MINUTE, Rows, START, path, request};

fn open(root: &Path) -> SeriesReader {
    Catalog::open(root).unwrap().series(&request("1m")).unwrap()
}

fn hash(reader: &SeriesReader, cache: Option<&Path>) -> Result<DataHash, DataError> {
    let period = (reader.first_open(), reader.last_close());
    HashJob::start(reader.touched(), period, cache.map(Path::to_owned)).join()
}

/// Three files that together hold 300 minutes, written in the order of `order`.
fn three_files(root: &Path, order: [i64; 3]) {
    for part in order {
        let file = path(root, "1m", &format!("{}.parquet", 2022 + part));
        Rows::minutes(START + part * 100 * MINUTE, 100).write(&file, Layout::PLAIN);
    }
}

/// Sets back the time of the last change, so that the cache believes the file to be settled.
fn settle(file: &Path) {
    let long_ago = SystemTime::now() - Duration::from_mins(1);
    fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
}

#[test]
fn the_order_of_listing_changes_neither_bars_nor_hash() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    three_files(one.path(), [0, 1, 2]);
    three_files(other.path(), [2, 0, 1]);
    let (a, b) = (open(one.path()), open(other.path()));
    let hashes = (hash(&a, None).unwrap(), hash(&b, None).unwrap());
    assert_eq!(hashes.0, hashes.1);
    let mut reversed = a.touched();
    reversed.reverse();
    reversed.extend(a.touched());
    let period = (a.first_open(), a.last_close());
    assert_eq!(HashJob::start(reversed, period, None).join().unwrap(), hashes.0);
    assert_eq!(support::read(a).unwrap().open_ms, support::read(b).unwrap().open_ms);

    let moved = (period.0, period.1.plus(1));
    assert_ne!(
        HashJob::start(open(one.path()).touched(), moved, None).join().unwrap().sha256,
        hashes.0.sha256
    );
}

#[test]
fn only_files_of_the_period_count() {
    let root = tempfile::tempdir().unwrap();
    three_files(root.path(), [0, 1, 2]);
    let mut request = request("1m");
    request.from = Some(Timestamp::from_millis(START + 150 * MINUTE));
    let reader = Catalog::open(root.path()).unwrap().series(&request).unwrap();
    let files: Vec<String> = reader.touched().into_iter().map(|file| file.relative).collect();
    assert_eq!(files, ["venue/PAIR/1m/2023.parquet", "venue/PAIR/1m/2024.parquet"]);
    assert_eq!(reader.expected_rows(), 150);
}

#[test]
fn the_cache_is_used_and_never_believed_blindly() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().join("cache/hashes.json");
    let file = path(root.path(), "1m", "2024.parquet");
    Rows::minutes(START, 100).write(&file, Layout::PLAIN);
    settle(&file);
    let first = hash(&open(root.path()), Some(&cache)).unwrap();
    // It is used: a forged entry for the same stamp comes back.
    let text = fs::read_to_string(&cache).unwrap();
    let known = first.files.values().next().unwrap();
    fs::write(&cache, text.replace(known.as_str(), &"0".repeat(64))).unwrap();
    assert_ne!(hash(&open(root.path()), Some(&cache)).unwrap(), first);
    // A spoilt cache is ignored and replaced.
    for spoilt in ["", "{", "{\"files\": 3}", "{\"files\": {}}"] {
        fs::write(&cache, spoilt).unwrap();
        assert_eq!(hash(&open(root.path()), Some(&cache)).unwrap(), first);
        assert!(fs::read_to_string(&cache).unwrap().contains(known.as_str()));
    }
    // A file that changed is hashed again.
    Rows::minutes(START, 101).write(&file, Layout::PLAIN);
    assert_ne!(hash(&open(root.path()), Some(&cache)).unwrap().sha256, first.sha256);
}

#[test]
fn a_file_that_changed_a_moment_ago_is_not_cached() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().join("hashes.json");
    Rows::minutes(START, 100).write(&path(root.path(), "1m", "2024.parquet"), Layout::PLAIN);
    hash(&open(root.path()), Some(&cache)).unwrap();
    assert_eq!(fs::read_to_string(&cache).unwrap(), "{\"files\":{}}");
}

#[test]
fn a_file_that_changes_during_the_run_is_an_error_and_not_cached() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().join("hashes.json");
    let file = path(root.path(), "1m", "2024.parquet");
    Rows::minutes(START, 100).write(&file, Layout::PLAIN);
    let reader = open(root.path());
    Rows::minutes(START, 200).write(&file, Layout::PLAIN);
    settle(&file);
    assert!(matches!(hash(&reader, Some(&cache)), Err(DataError::Changed { .. })));
    assert!(!cache.exists());
}

#[test]
fn errors_name_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    three_files(root.path(), [0, 1, 2]);
    fs::create_dir_all(root.path().join("not-a-venue")).unwrap();
    let catalog = Catalog::open(root.path()).unwrap();
    let refusal = |venue: &str, symbol: &str, timeframe: &str| {
        let (venue, symbol) = (venue.to_owned(), symbol.to_owned());
        catalog
            .series(&cryptobot_data::SeriesRequest { venue, symbol, ..request(timeframe) })
            .err()
            .unwrap()
            .to_string()
    };
    assert!(refusal("binance", "PAIR", "1m").ends_with("no venue `binance`; venues there: venue"));
    assert_eq!(refusal("venue", "PEAR", "1m"), "venue: no symbol `PEAR`; symbols there: PAIR");
    assert!(refusal("venue", "PAIR", "30s").ends_with("kinds there: 1m"));
    assert!(refusal("venue", "../venue", "1m").contains("no symbol `../venue`"));
    assert!(refusal("../x", "PAIR", "1m").contains("no venue `../x`"));
    let missing = Catalog::open(root.path().join("nothing")).err().unwrap().to_string();
    assert!(missing.ends_with("no such data folder; give the root of a catalog with --data"), "{missing}");
    let mut empty = request("1m");
    (empty.from, empty.to) = (Some(Timestamp(5)), Some(Timestamp(5)));
    assert!(matches!(catalog.series(&empty), Err(DataError::EmptyPeriod { .. })));
    let coverage = catalog.coverage("venue", "PAIR", "1m").unwrap();
    assert_eq!((coverage.rows, coverage.files.len()), (300, 3));
    assert_eq!((coverage.first.millis(), coverage.last.millis()), (START, START + 299 * MINUTE));
}

#[test]
fn columns_of_the_wrong_type_are_named() {
    let root = tempfile::tempdir().unwrap();
    let file = path(root.path(), "1m", "2024.parquet");
    Rows::minutes(START, 10).write(&file, Layout::PLAIN);
    // The same file with `ts` renamed in its schema (both names have two letters).
    let bytes = fs::read(&file).unwrap();
    let renamed: Vec<u8> = String::from_utf8_lossy(&bytes)
        .contains("ts")
        .then(|| replace(&bytes, b"\x02ts", b"\x02tz"))
        .unwrap();
    fs::write(&file, renamed).unwrap();
    let error = Catalog::open(root.path()).unwrap().series(&request("1m")).err().unwrap().to_string();
    assert!(error.starts_with("venue/PAIR/1m/2024.parquet: column `ts` is missing"), "{error}");
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    out
}

fn instruments(venue: &str, json: Option<&str>) -> Result<cryptobot_data::Instruments, DataError> {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join(venue).join("BTCUSDT/1m")).unwrap();
    if let Some(json) = json {
        fs::write(root.path().join(venue).join("instruments.json"), json).unwrap();
    }
    Catalog::open(root.path()).unwrap().instruments(venue)
}

#[test]
fn instruments_come_from_the_file_and_defaults_fill_in() {
    let json = r#"{"synthetic": true, "label": "made up", "instruments": {
        "BTCUSDT": {"tick": "0.10", "lot": 0.001, "min_notional": 5, "contract": "perpetual", "taker_fee": 1e-4},
        "ETHUSDT": {"tick": "0.01", "lot": "0.001", "contract": "spot"}}}"#;
    let instruments = instruments("binance-usdm", Some(json)).unwrap();
    assert!(instruments.synthetic());
    assert_eq!(instruments.label(), Some("made up"));
    let found = instruments.get("BTCUSDT").unwrap();
    assert_eq!(found.warning, None);
    let bitcoin = found.instrument;
    assert_eq!((bitcoin.tick.to_string(), bitcoin.lot.to_string()), ("0.1".to_owned(), "0.001".to_owned()));
    assert_eq!(
        (bitcoin.min_notional.to_string(), bitcoin.taker_fee.to_string()),
        ("5".to_owned(), "0.0001".to_owned())
    );
    assert_eq!(bitcoin.maker_fee.to_string(), "0.0002");
    assert!(bitcoin.funding);
    assert!(!instruments.get("ETHUSDT").unwrap().instrument.funding);
    assert!(instruments.get("XRPUSDT").unwrap().warning.unwrap().contains("has no XRPUSDT"));
}

#[test]
fn faults_of_the_instruments_file_are_located() {
    let problem = |json: &str| {
        let found = instruments("v", Some(json)).and_then(|instruments| instruments.get("BTCUSDT"));
        found.unwrap_err().to_string()
    };
    let unknown = problem("{\n  \"instruments\": {\n    \"BTCUSDT\": {\"tick\": 1, \"lott\": 1}\n  }\n}");
    assert!(
        unknown.contains("instruments.json:3:33: unknown field `lott`, expected one of `tick`, `lot`"),
        "{unknown}"
    );
    let missing = problem("{\"instruments\": {\"BTCUSDT\": {\"tick\": 1}}}");
    assert!(missing.contains("instruments.json:1:39: missing field `lot`"), "{missing}");
    for (entry, expected) in [
        (r#"{"tick": 0, "lot": 1}"#, "tick 0 must be above 0"),
        (r#"{"tick": "0.000000001", "lot": 1}"#, "at most 8 decimal places"),
        (r#"{"tick": 1, "lot": 1, "maker_fee": 4}"#, "maker_fee 4 is a fraction of notional"),
        (r#"{"tick": 1, "lot": 1, "min_notional": -5}"#, "must not be negative"),
        (r#"{"tick": 1, "lot": 1, "contract": "spot", "funding": true}"#, "a spot instrument has no funding"),
        (r#"{"tick": "x", "lot": 1}"#, "expected a decimal such as 0.01"),
    ] {
        let problem = problem(&format!("{{\"instruments\": {{\"BTCUSDT\": {entry}}}}}"));
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn venues_have_defaults_and_assumptions_are_told() {
    let of = |venue: &str, symbol: &str| instruments(venue, None).unwrap().get(symbol).unwrap();
    let usdm = of("binance-usdm", "BTCUSDT");
    assert_eq!(usdm.warning, None);
    assert_eq!(usdm.instrument.tick.to_string(), "0.1");
    assert!(usdm.instrument.funding);
    let spot = of("binance-spot", "BTCUSDT").instrument;
    assert_eq!((spot.maker_fee.to_string(), spot.funding), ("0.0010".to_owned(), false));
    let ethereal = of("ethereal", "BTCUSD");
    assert_eq!(ethereal.instrument.taker_fee.to_string(), "0.0003");
    assert!(ethereal.warning.unwrap().contains("assumed tick 0.00000001"));
    let unknown = of("nowhere", "BTCUSDT");
    assert_eq!(unknown.instrument.lot.to_string(), "0.00000001");
    assert!(!unknown.instrument.funding);
    let warning = unknown.warning.unwrap();
    assert!(warning.contains("venue nowhere is not known"), "{warning}");
}

#[test]
fn the_reference_hash_depends_on_terms_only() {
    let of = |venue: &str, symbol: &str| instruments(venue, None).unwrap().get(symbol).unwrap().instrument;
    let (a, b) = (of("binance-usdm", "BTCUSDT"), of("binance-usdm", "ETHUSDT"));
    let hash = reference_sha256(&[a.clone(), b.clone()]);
    assert_eq!(hash, reference_sha256(&[b.clone(), a.clone(), b.clone()]));
    let mut riskier = a.clone();
    riskier.terms.brackets = cryptobot_model::Brackets::flat(20, "0.02".parse().unwrap()).unwrap();
    assert_ne!(hash, reference_sha256(&[riskier, b.clone()]));
    let mut dearer = a;
    dearer.taker_fee += dearer.taker_fee;
    assert_ne!(hash, reference_sha256(&[dearer, b]));
}
