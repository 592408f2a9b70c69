//! Stress put on stored bars: recorded ones, and generated ones of any shape.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::Catalog;
use cryptobot_data::sample::VENUE;
use cryptobot_data::store::{
    CatalogWriter, Cell, CheckRequest, Finding, Rows, Rule, SeriesId, SeriesKind, Severity, check,
    stored_rows,
};
use cryptobot_data::synthetic::{
    OverlayRequest, Scenario, ScenarioRequest, Stress, SyntheticError, generate, overlay,
};
use cryptobot_model::{Timeframe, Timestamp};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
const CRASH: Stress = Stress::FlashCrash { fall: 0.3, minutes: 15, recovery: 0.6 };

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

/// A stress on some weeks of BTCUSDT.
fn on_recorded(on: &Path, stress: Stress, kinds: &str) -> OverlayRequest {
    OverlayRequest {
        on: on.to_owned(),
        venue: "binance-usdm".to_owned(),
        symbols: vec!["BTCUSDT".to_owned()],
        stress,
        at: at("2024-03-05T12:00"),
        from: Some(at("2024-03-01")),
        to: Some(at("2024-03-09")),
        kinds: kinds.split(' ').map(|kind| kind.parse().unwrap()).collect(),
    }
}

fn rows(root: &Path, venue: &str, kind: &str) -> Rows {
    stored_rows(root, &SeriesId::new(venue, "BTCUSDT", kind.parse().unwrap()).unwrap()).unwrap()
}

/// Pairs of rows before and after, of the period that was copied.
fn both(on: &Path, out: &Path, kind: &str) -> (Rows, Rows, usize) {
    let (before, after) = (rows(on, "binance-usdm", kind), rows(out, "binance-usdm", kind));
    let first = (0..before.len()).find(|row| before.ts_ms(*row) == after.ts_ms(0)).unwrap();
    assert!((0..after.len()).all(|row| before.ts_ms(first + row) == after.ts_ms(row)), "{kind}: other times");
    (before, after, first)
}

fn number(rows: &Rows, row: usize, column: usize) -> f64 {
    match rows.cell(row, column) {
        Cell::Number(value) => value,
        Cell::Integer(value) => value as f64,
        other => panic!("{other:?}"),
    }
}

const OPEN: usize = 1;
const HIGH: usize = 2;
const LOW: usize = 3;
const CLOSE: usize = 4;
const VOLUME: usize = 5;

fn findings(root: &Path) -> Vec<Finding> {
    let mut all = Vec::new();
    check(&Catalog::open(root).unwrap(), &CheckRequest::default(), |_, found| all.extend(found)).unwrap();
    all
}

fn is_on(grid: f64, value: f64) -> bool {
    let steps = value / grid;
    (steps - steps.round()).abs() < 1e-6
}

/// Neither an error nor a bar that is another one than its parts, beside those that are among the recorded ones.
fn is_clean(out: &Path) {
    let found = findings(out);
    let wrong = |of: &&Finding| of.severity == Severity::Error || of.rule == Rule::ResampleMismatch;
    let wrong: Vec<&Finding> = found.iter().filter(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_crash_in_recorded_bars_falls_recovers_and_leaves_the_rest_alone() {
    let Some(on) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let request = on_recorded(&on, CRASH, "5m 15m 30m 1h 4h mark-1h funding");
    let made = overlay(&request, &out).unwrap();
    assert!(made.series.iter().all(|(_, rows, changed)| *changed > 0 && changed < rows), "{made:?}");
    is_clean(&out);

    for kind in ["5m", "15m", "1h"] {
        let (before, after, first) = both(&on, &out, kind);
        let length = kind.parse::<Timeframe>().unwrap().millis();
        let begins = request.at.millis();
        let lowest = (0..after.len())
            .filter(|row| (begins..begins + 2 * HOUR).contains(&after.ts_ms(*row)))
            .map(|row| number(&after, row, LOW))
            .fold(f64::MAX, f64::min);
        for row in 0..after.len() {
            let old = first + row;
            let ts = after.ts_ms(row);
            if ts + length <= begins {
                let columns = 0..after.kind().columns().len();
                assert!(
                    columns.into_iter().all(|of| after.cell(row, of) == before.cell(old, of)),
                    "{kind} {row}"
                );
                continue;
            }
            assert!([OPEN, HIGH, LOW, CLOSE].iter().all(|of| is_on(0.1, number(&after, row, *of))));
            assert!(is_on(0.001, number(&after, row, VOLUME)));
            let ratio = number(&after, row, CLOSE) / number(&before, old, CLOSE);
            if ts >= begins + 75 * 60_000 {
                assert!((ratio - 0.88).abs() < 1e-4, "{kind} {row}: {ratio}");
                let (new, old) = (number(&after, row, VOLUME), number(&before, old, VOLUME));
                assert!((new - old).abs() < 1e-6 * old, "{new} {old}");
            } else {
                assert!(
                    ratio < 1.0 && number(&after, row, VOLUME) > number(&before, old, VOLUME),
                    "{kind} {row}"
                );
            }
        }
        let start = (0..before.len()).find(|row| before.ts_ms(*row) == begins).unwrap();
        let fall = 1.0 - lowest / number(&before, start, OPEN);
        assert!((fall - 0.3).abs() < 0.02, "{kind}: {fall}");
    }

    // A third, two thirds and all of the fall, then a quarter of the recovery's time: 7/16 of 60 % of it.
    let (before, after, first) = both(&on, &out, "5m");
    let begin = (0..after.len()).find(|row| after.ts_ms(*row) == request.at.millis()).unwrap();
    for (bars, expected) in
        [(1, 1.0 - 0.3 / 9.0), (2, 1.0 - 1.2 / 9.0), (3, 0.7), (6, 1.0 - 0.3 * (1.0 - 0.2625))]
    {
        let row = begin + bars - 1;
        let ratio = number(&after, row, CLOSE) / number(&before, first + row, CLOSE);
        assert!((ratio - expected).abs() < 1e-5, "after {bars} bars: {ratio}, not {expected}");
    }
    let (before, after, first) = both(&on, &out, "mark-1h");
    let last = after.len() - 1;
    let ratio = number(&after, last, CLOSE) / number(&before, first + last, CLOSE);
    assert!((ratio - 0.88).abs() < 1e-6, "{ratio}");
    let (before, after, first) = both(&on, &out, "funding");
    for row in 0..after.len() {
        assert_eq!(after.cell(row, 1), before.cell(first + row, 1), "rates stay");
        let (old, new) = (before.cell(first + row, 2), after.cell(row, 2));
        let expected = if after.ts_ms(row) <= request.at.millis() { 1.0 } else { 0.88 };
        if let (Cell::Number(old), Cell::Number(new)) = (old, new) {
            assert!((new / old - expected).abs() < 1e-6, "{old} {new}");
        }
    }
}

#[test]
fn an_overlay_says_that_it_is_one() {
    let Some(on) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    overlay(&on_recorded(&on, CRASH, "15m"), &out).unwrap();
    let instruments = Catalog::open(&out).unwrap().instruments("binance-usdm").unwrap();
    assert!(instruments.synthetic());
    let label = "overlay flash-crash at 2024-03-05T12:00:00Z on stored data: not market data";
    assert_eq!(instruments.label(), Some(label));
    let stated = Catalog::at(&on).instruments("binance-usdm").unwrap().get("BTCUSDT").unwrap();
    assert_eq!(instruments.get("BTCUSDT").unwrap().instrument, stated.instrument);
    let bytes = fs::read(out.join("binance-usdm/BTCUSDT/15m/2024.parquet")).unwrap();
    let source = b"overlay flash-crash at 2024-03-05T12:00:00Z";
    assert!(bytes.windows(source.len()).any(|part| part == source), "the file says where its rows came from");
    overlay(&on_recorded(&on, CRASH, "15m"), &out).unwrap();
    assert_eq!(bytes, fs::read(out.join("binance-usdm/BTCUSDT/15m/2024.parquet")).unwrap());
}

#[test]
fn a_gap_lies_between_two_bars_and_stays() {
    let Some(on) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let request = on_recorded(&on, Stress::Gap { size: -0.2 }, "5m 1h");
    overlay(&request, &out).unwrap();
    is_clean(&out);
    let (before, after, first) = both(&on, &out, "5m");
    for row in 0..after.len() {
        let expected = if after.ts_ms(row) < request.at.millis() { 1.0 } else { 0.8 };
        for column in [OPEN, HIGH, LOW, CLOSE] {
            let ratio = number(&after, row, column) / number(&before, first + row, column);
            assert!((ratio - expected).abs() < 1e-5, "{row}: {ratio}");
        }
        assert_eq!(after.cell(row, VOLUME), before.cell(first + row, VOLUME));
    }
}

#[test]
fn volatility_is_multiplied_and_both_ends_stay() {
    let Some(on) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let request = on_recorded(&on, Stress::Volatility { factor: 3.0, minutes: 1_440 }, "5m 15m 1h");
    overlay(&request, &out).unwrap();
    is_clean(&out);
    let (before, after, first) = both(&on, &out, "5m");
    let window = request.at.millis()..request.at.millis() + 24 * HOUR;
    let volatility = |rows: &Rows, from: usize, count: usize| {
        let inside: Vec<f64> = (from..from + count)
            .filter(|row| window.contains(&rows.ts_ms(*row)))
            .map(|row| libm::log(number(rows, row, CLOSE) / number(rows, row, OPEN)))
            .collect();
        assert_eq!(inside.len(), 288);
        let mean = inside.iter().sum::<f64>() / 288.0;
        (inside.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 288.0).sqrt()
    };
    let ratio = volatility(&after, 0, after.len()) / volatility(&before, first, after.len());
    assert!((ratio - 3.0).abs() < 0.01, "{ratio}");
    for row in 0..after.len() {
        if !window.contains(&after.ts_ms(row)) {
            assert_eq!(after.cell(row, CLOSE), before.cell(first + row, CLOSE));
        }
    }
    let last = (0..after.len()).rfind(|row| window.contains(&after.ts_ms(*row))).unwrap();
    assert!((number(&after, last, CLOSE) - number(&before, first + last, CLOSE)).abs() < 0.11);
}

#[test]
fn a_drought_takes_volume_and_no_price() {
    let Some(on) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let request = on_recorded(&on, Stress::Drought { factor: 10.0, minutes: 120 }, "5m 15m 1h 4h");
    overlay(&request, &out).unwrap();
    is_clean(&out);
    for kind in ["5m", "1h"] {
        let (before, after, first) = both(&on, &out, kind);
        for row in 0..after.len() {
            let dry = (request.at.millis()..request.at.millis() + 2 * HOUR).contains(&after.ts_ms(row));
            let ratio = number(&after, row, VOLUME) / number(&before, first + row, VOLUME);
            assert!((ratio - if dry { 0.1 } else { 1.0 }).abs() < 1e-3, "{kind} {row}: {ratio}");
            assert!((1..5).all(|of| after.cell(row, of) == before.cell(first + row, of)));
        }
    }
}

#[test]
fn what_cannot_be_put_under_stress_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (on, out) = (folder.path().join("on"), folder.path().join("out"));
    let scenario = ScenarioRequest {
        scenario: Scenario::Sideways,
        symbols: vec!["BTCUSDT".to_owned()],
        from: at("2024-03-05"),
        to: at("2024-03-05T04:00"),
        kinds: ["1m", "funding", "aggtrades"].map(|kind| kind.parse().unwrap()).to_vec(),
        seed: 1,
        correlation: None,
    };
    generate(&scenario, &on).unwrap();
    let fine = OverlayRequest {
        venue: VENUE.to_owned(),
        at: at("2024-03-05T01:00"),
        from: None,
        to: None,
        kinds: Vec::new(),
        ..on_recorded(&on, CRASH, "1m")
    };
    let refused = |request: OverlayRequest, usage: bool, words: &[&str]| {
        let problem = overlay(&request, &out).unwrap_err();
        assert_eq!(problem.is_usage(), usage, "{problem}");
        let problem = problem.to_string();
        assert!(words.iter().all(|word| problem.contains(word)), "{words:?} in: {problem}");
        assert!(!out.exists());
    };
    refused(
        OverlayRequest { at: at("2024-03-06"), ..fine.clone() },
        false,
        &["2024-03-06", "it has 2024-03-05"],
    );
    refused(OverlayRequest { symbols: vec!["X".to_owned()], ..fine.clone() }, false, &["`X`", "BTCUSDT"]);
    refused(
        OverlayRequest { kinds: vec![SeriesKind::Funding], ..fine.clone() },
        false,
        &["no bars of trades"],
    );
    refused(OverlayRequest { on: folder.path().join("nowhere"), ..fine.clone() }, false, &["nowhere"]);
    let stress = Stress::Gap { size: -2.0 };
    refused(OverlayRequest { stress, ..fine.clone() }, true, &["size -2", "-0.95"]);
    let made = overlay(&fine, &out).unwrap();
    assert_eq!(made.left_out, ["BTCUSDT aggtrades"]);
    let problem = overlay(&OverlayRequest { on: out.clone(), ..fine }, &on.join("synthetic")).unwrap_err();
    assert!(matches!(problem, SyntheticError::Occupied { .. }), "{problem}");
}

fn stress() -> impl Strategy<Value = Stress> {
    let minutes = 1_u32..200;
    prop_oneof![
        (0.01..0.9, minutes.clone(), 0.0..1.0).prop_map(|(fall, minutes, recovery)| Stress::FlashCrash {
            fall,
            minutes,
            recovery
        }),
        (-0.9..5.0).prop_map(|size| Stress::Gap { size }),
        (0.1..8.0, minutes.clone()).prop_map(|(factor, minutes)| Stress::Volatility { factor, minutes }),
        (1.0..1e4, minutes).prop_map(|(factor, minutes)| Stress::Drought { factor, minutes }),
    ]
}

/// Minutes of a coarse walk with silent minutes, and the same as bars of fifteen, of which some are not derived.
fn store(root: &Path, moves: &[(i32, u32, u32, u32)]) {
    let writer = CatalogWriter::open(root).unwrap();
    let append = |kind: &str, rows: &Rows| {
        let id = SeriesId::new("venue", "BTCUSDT", kind.parse().unwrap()).unwrap();
        writer.append(&id, rows, "test").unwrap();
    };
    let mut minutes = Rows::new("1m".parse().unwrap());
    let mut quarters = Rows::new("15m".parse().unwrap());
    let mut close = 10_000;
    let mut quarter = [0.0; 5];
    for (index, (step, up, down, volume)) in moves.iter().enumerate() {
        let open = close;
        close = (open + step).max(50);
        let (high, low) = (open.max(close) + *up as i32, (open.min(close) - *down as i32).max(1));
        let ts = support::START + index as i64 * 60_000;
        let volume = f64::from(*volume);
        let bar = [open, high, low, close].map(f64::from);
        let cells = [ts.into(), bar[0].into(), bar[1].into(), bar[2].into(), bar[3].into(), volume.into()];
        minutes.push(&cells);
        quarter = match index % 15 {
            0 => [bar[0], bar[1], bar[2], bar[3], volume],
            _ => [quarter[0], quarter[1].max(bar[1]), quarter[2].min(bar[2]), bar[3], quarter[4] + volume],
        };
        if index % 15 == 14 {
            let [open, high, low, close, volume] = quarter;
            let ts = ts - 14 * 60_000;
            quarters.push(&[ts.into(), open.into(), high.into(), low.into(), close.into(), volume.into()]);
        }
    }
    append("1m", &minutes);
    append("15m", &quarters);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Any stress at any minute of any bars: the result has no error, bars of both lengths agree, and what lies before stays.
    /// Of the longer bars alone, without the minutes, the result is possible too.
    #[test]
    fn stressed_bars_are_possible_and_agree(
        moves in prop::collection::vec((-300..300, 0_u32..50, 0_u32..50, 0_u32..1_000), 150..300),
        stress in stress(),
        minute in 0_i64..140,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (on, out) = (folder.path().join("on"), folder.path().join("out"));
        store(&on, &moves);
        let at = Timestamp::from_millis(support::START + minute * 60_000);
        let request = OverlayRequest {
            on: on.clone(), venue: "venue".to_owned(), symbols: vec!["BTCUSDT".to_owned()], stress, at,
            from: None, to: None, kinds: Vec::new(),
        };
        overlay(&request, &out).unwrap();
        is_clean(&out);
        let (before, after) = (rows(&on, "venue", "1m"), rows(&out, "venue", "1m"));
        prop_assert_eq!(before.len(), after.len());
        for row in 0..usize::try_from(minute).unwrap() {
            prop_assert!((0..6).all(|column| before.cell(row, column) == after.cell(row, column)));
        }
        let coarse = OverlayRequest { kinds: vec!["15m".parse().unwrap()], ..request };
        if overlay(&coarse, &out).is_ok() {
            is_clean(&out);
        }
    }
}
