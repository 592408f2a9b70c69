//! Every output of every kind against an independent computation: TA-Lib, or numpy from the published definition
//! (`pip install TA-Lib numpy pyarrow`).
//!
//! Runs where `CRYPTOBOT_PYTHON` (or `python3`) can import talib; skipped with the reason otherwise. Uses recorded
//! bars where they are beside the repository, and always a generated walk.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use cryptobot_indicators::{Input, Kind, Ohlcv, Pair};

const TOLERANCE: f64 = 1e-9;

fn recorded_bars() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/binance-usdm/BTCUSDT/15m");
    ["2024.parquet"].iter().map(|year| folder.join(year)).filter(|path| path.exists()).collect()
}

/// A line of the oracle's index with its columns.
struct Expected<I: 'static> {
    kind: &'static Kind<I>,
    params: Vec<f64>,
    oracle: String,
    scale: String,
    outputs: Vec<Vec<f64>>,
}

fn numbers(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap())).collect()
}

/// What the oracle makes of the bars of some files, or of its walk.
fn ask<I: Input>(python: &OsStr, grid: &str, files: &[PathBuf]) -> (Vec<Ohlcv>, Vec<Expected<I>>) {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/run.py");
    let status = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .arg(folder.path())
        .arg(grid)
        .args(files)
        .status()
        .unwrap();
    assert!(status.success());
    let bars: Vec<Ohlcv> = numbers(&folder.path().join("bars"))
        .chunks_exact(6)
        .map(|row| Ohlcv {
            ts: row[0].to_bits().cast_signed(),
            open: row[1],
            high: row[2],
            low: row[3],
            close: row[4],
            volume: row[5],
        })
        .collect();
    let values = numbers(&folder.path().join("values"));
    let mut columns = values.chunks_exact(bars.len()).map(<[f64]>::to_vec);
    let index = std::fs::read_to_string(folder.path().join("results")).unwrap();
    let expected = index.lines().map(|line| {
        let fields: Vec<&str> = line.split('|').collect();
        let kind = I::kind(fields[0]);
        Expected {
            kind: kind.ok_or(fields[0]).unwrap(),
            params: fields[1]
                .split(',')
                .filter(|text| !text.is_empty())
                .map(|text| text.parse().unwrap())
                .collect(),
            oracle: fields[2].to_owned(),
            scale: fields[3].to_owned(),
            outputs: columns.by_ref().take(fields[4].parse().unwrap()).collect(),
        }
    });
    (bars, expected.collect())
}

/// What is wrong with an indicator's outputs, if anything.
fn compare<I: Input>(bars: &[Ohlcv], input: fn(&Ohlcv) -> I, expected: &Expected<I>) -> Result<(), String> {
    let kind = expected.kind;
    assert_eq!(kind.outputs.len(), expected.outputs.len(), "{}: outputs of the oracle", kind.name);
    assert_eq!(kind.params.len(), expected.params.len(), "{}: parameters of the oracle", kind.name);
    let params: Vec<(String, f64)> = kind
        .params
        .iter()
        .zip(&expected.params)
        .map(|(param, value)| (param.name.to_owned(), *value))
        .collect();
    let mut indicator = kind.start(&params).unwrap();
    let mut compared = 0;
    for (row, bar) in bars.iter().enumerate() {
        let values = indicator.update(&input(bar));
        for (output, column) in expected.outputs.iter().enumerate() {
            let (value, expected_value) = (values[output], column[row]);
            let told = || {
                format!(
                    "{} {:?} {} row {row}: {value} against {expected_value}",
                    kind.name, expected.params, kind.outputs[output]
                )
            };
            if value.is_nan() != expected_value.is_nan() {
                return Err(told());
            }
            // Infinity stands for what depends on rounding alone.
            if !expected_value.is_finite() {
                continue;
            }
            let scale = match expected.scale.as_str() {
                "own" => expected_value.abs(),
                "price" => bar.close.abs(),
                number => number.parse::<f64>().unwrap().max(expected_value.abs()),
            };
            let error = (value - expected_value).abs();
            let error = if error == 0.0 { 0.0 } else { error / scale };
            if error.is_nan() || error > TOLERANCE {
                return Err(format!("{}, error {error:e}", told()));
            }
            compared += 1;
        }
    }
    if compared < bars.len() / 2 {
        return Err(format!("{}: only {compared} values", kind.name));
    }
    Ok(())
}

#[test]
fn every_output_agrees_with_its_oracle() {
    let python = std::env::var_os("CRYPTOBOT_PYTHON").unwrap_or_else(|| "python3".into());
    let usable = Command::new(&python).args(["-c", "import talib, numpy, pyarrow"]).output();
    if !usable.is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: {} cannot import talib, numpy and pyarrow (see CRYPTOBOT_PYTHON)",
            python.display()
        );
        return;
    }
    let recorded = recorded_bars();
    if recorded.is_empty() {
        println!("no recorded data beside the repository: only a generated walk");
    }
    let sources = if recorded.is_empty() { vec![vec![]] } else { vec![vec![], recorded] };
    for files in sources {
        let mut seen = check(&python, "plain", &files, |bar| *bar);
        seen.extend(check(&python, "eighths", &files, |bar| *bar));
        assert_eq!(seen, told::<Ohlcv>(), "oracles of the registry and of the test");
        let seen = check(&python, "pairs", &files, |bar| Pair { x: bar.close, y: bar.open });
        assert_eq!(seen, told::<Pair>(), "oracles of the registry and of the test");
    }
}

/// Compares all results of one grid, and says which kinds were compared with what.
fn check<I: Input>(
    python: &OsStr,
    grid: &str,
    files: &[PathBuf],
    input: fn(&Ohlcv) -> I,
) -> BTreeSet<(&'static str, String)> {
    let (bars, results) = ask::<I>(python, grid, files);
    let problems: Vec<String> =
        results.iter().filter_map(|expected| compare(&bars, input, expected).err()).collect();
    let (wrong, all) = (problems.len(), results.len());
    assert!(problems.is_empty(), "{wrong} of {all} results differ:\n{}", problems.join("\n"));
    println!("{all} results over {} bars agree within {TOLERANCE:e}", bars.len());
    results.iter().map(|result| (result.kind.name, result.oracle.clone())).collect()
}

/// What the registry says the kinds are compared with.
fn told<I: Input>() -> BTreeSet<(&'static str, String)> {
    let kinds = I::FAMILIES.iter().flat_map(|family| family.kinds);
    kinds.flat_map(|kind| kind.oracle.split("; ").map(|oracle| (kind.name, oracle.to_owned()))).collect()
}
