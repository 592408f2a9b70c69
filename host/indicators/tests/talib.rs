//! The indicators against TA-Lib, an independent implementation (`pip install TA-Lib numpy pyarrow`).
//!
//! Runs where `CRYPTOBOT_PYTHON` (or `python3`) can import talib; skipped with the reason otherwise. Uses recorded
//! closes where they are beside the repository, else a generated walk.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use cryptobot_indicators::Bank;

const TOLERANCE: f64 = 1e-9;

fn recorded_bars() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/binance-usdm/BTCUSDT/15m");
    ["2023.parquet", "2024.parquet"]
        .iter()
        .map(|year| folder.join(year))
        .filter(|path| path.exists())
        .collect()
}

/// `sma 30` → handle and output in the bank.
fn create(bank: &mut Bank, name: &str) -> (u32, u32) {
    let mut words = name.split(' ');
    let kind = words.next().unwrap();
    let numbers: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
    let names: &[&str] = match kind {
        "macd" => &["fast", "slow", "signal"],
        "bollinger" => &["period", "width"],
        _ => &["period"],
    };
    let params: Vec<(String, f64)> =
        names.iter().zip(&numbers).map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let output = numbers.get(names.len()).map_or(0, |number| *number as u32);
    (bank.create(kind, 0, &params).unwrap(), output)
}

fn compare(bars: &[(f64, f64, f64)], name: &str, expected: &[f64]) {
    assert_eq!(bars.len(), expected.len(), "{name}");
    let mut bank = Bank::new(1);
    let (handle, output) = create(&mut bank, name);
    let mut compared = 0;
    for (row, ((high, low, close), expected)) in bars.iter().zip(expected).enumerate() {
        bank.update(0, *close, *high, *low, *close, 0.0);
        let value = bank.value(handle, output, 0);
        assert_eq!(value.is_nan(), expected.is_nan(), "{name} row {row}: {value} against {expected}");
        if !expected.is_nan() {
            // What is a difference of prices has the digits of the prices.
            let scale = match name.split(' ').next() {
                Some("macd") => close.abs(),
                Some("roc" | "rsi") => 100.0,
                _ => expected.abs(),
            };
            let error = (value - expected).abs() / scale.max(f64::MIN_POSITIVE);
            assert!(error <= TOLERANCE, "{name} row {row}: {value} against {expected}, error {error:e}");
            compared += 1;
        }
    }
    assert!(compared > bars.len() / 2, "{name}: only {compared} values");
}

#[test]
fn every_indicator_agrees_with_ta_lib() {
    let python = std::env::var_os("CRYPTOBOT_PYTHON").unwrap_or_else(|| "python3".into());
    let usable = Command::new(&python).args(["-c", "import talib, numpy, pyarrow"]).output();
    if !usable.is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: {} cannot import talib, numpy and pyarrow (see CRYPTOBOT_PYTHON)",
            python.display()
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (bars, results) = (folder.path().join("bars"), folder.path().join("results"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/talib_oracle.py");
    let recorded = recorded_bars();
    if recorded.is_empty() {
        println!("no recorded data beside the repository: using a generated walk");
    }
    let status = Command::new(&python).arg(script).args([&bars, &results]).args(&recorded).status().unwrap();
    assert!(status.success());

    let bars: Vec<(f64, f64, f64)> = std::fs::read_to_string(bars)
        .unwrap()
        .lines()
        .map(|line| {
            let row: Vec<f64> = line.split(' ').map(|text| text.parse().unwrap()).collect();
            (row[0], row[1], row[2])
        })
        .collect();
    let results = std::fs::read_to_string(results).unwrap();
    let mut checked = 0;
    for line in results.lines() {
        let (name, values) = line.split_once(',').unwrap();
        let values: Vec<f64> = values.split(',').map(|text| text.parse().unwrap()).collect();
        compare(&bars, name, &values);
        checked += 1;
    }
    println!("{checked} results over {} bars agree within {TOLERANCE:e}", bars.len());
    assert_eq!(checked, 59);
}
