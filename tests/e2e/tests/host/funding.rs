//! Funding and mark prices: recorded ones are used, missing ones are never passed over in silence.

use cryptobot_data::{write_funding, write_marks};
use cryptobot_e2e::Sandbox;
use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Rate, Timeframe, Timestamp};
use cryptobot_test_support::market::random_walk;
use serde_json::{Value, json};

pub(super) const DAYS: usize = 10;
const RUN: &str = "run --plugin sma-flip --timeframe 15m --set quantity=0.01 --out run --format json";
const NO_MARKS: &str = "test: stops and liquidation watch the last price of AUSDT: no mark prices of 15m or finer are \
                        stored for the period";

/// Ten days of minutes of a perpetual from 2023-01-01.
pub(super) fn perpetual() -> Sandbox {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    let bars = minutes();
    cryptobot_e2e::write_minutes(&sandbox.path("data/test/AUSDT/1m/2023.parquet"), &bars, 0..bars.len());
    sandbox.write(
        "data/test/instruments.json",
        r#"{"instruments": {"AUSDT": {"tick": "0.01", "lot": "0.001", "contract": "perpetual", "funding": true}}}"#,
    );
    sandbox
}

fn minutes() -> BarBlock {
    random_walk(DAYS * 1_440, 1)
}

/// Rates of 0.0001, some milliseconds late, without those of some intervals.
pub(super) fn write_rates(sandbox: &Sandbox, every_hours: i64, lost: &[i64]) {
    let first: Timestamp = "2023-01-01".parse().unwrap();
    let count = DAYS as i64 * 24 / every_hours;
    let rate = |step: i64| FundingRate {
        ts: Timestamp::from_millis(first.millis() + step * every_hours * 3_600_000 + step % 16),
        rate: Rate::from_units(10_000),
        mark: None,
    };
    let rates: Vec<FundingRate> = (0..count).filter(|step| !lost.contains(step)).map(rate).collect();
    write_funding(&sandbox.path("data/test/AUSDT/funding/2023.parquet"), &rates).unwrap();
}

/// Mark prices for some of the minutes: the last prices themselves.
pub(super) fn mark_minutes(sandbox: &Sandbox, file: &str, rows: std::ops::Range<usize>) {
    let bars = minutes();
    let column = |values: &[f64]| values[rows.clone()].to_vec();
    let marks = BarBlock {
        open_ms: bars.open_ms[rows.clone()].to_vec(),
        open: column(&bars.open),
        high: column(&bars.high),
        low: column(&bars.low),
        close: column(&bars.close),
        volume: column(&bars.volume),
    };
    let path = sandbox.path(format!("data/test/AUSDT/mark-1m/{file}.parquet"));
    write_marks(&path, Timeframe::MINUTE, &marks).unwrap();
}

fn run(sandbox: &Sandbox, more: &str) -> Value {
    sandbox.host(&format!("{RUN} {more}")).expect(0).json()
}

fn funding(summary: &Value) -> f64 {
    summary["costs"]["funding"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_perpetual_without_funding_is_refused_with_the_ways_out() {
    let sandbox = perpetual();
    let ways = ["test/SYMBOL/funding", "`venues: {test: {funding: none}}`", "assume:0.0001"];
    let refused = |more: &str, words: &[&str]| {
        let words: Vec<&str> = words.iter().chain(&ways).copied().collect();
        println!("{}", sandbox.host(&format!("{RUN} {more}")).refused(3, &words));
        assert!(!sandbox.path("run/journal.bin").exists());
    };
    refused("", &["from 2023-01-01T00:00:00Z to 2023-01-11T00:00:00Z: AUSDT has none"]);
    // Missing bars may be waived, funding may not.
    refused("--allow-gaps", &["AUSDT has none"]);
    for (every, lost, listed) in [
        (8, vec![7], "lacks 1: 2023-01-03T08:00:00Z;"),
        (
            4,
            vec![13, 14, 40],
            "lacks 3: 2023-01-03T04:00:00Z to 2023-01-03T08:00:00Z (2) 2023-01-07T16:00:00Z;",
        ),
        (1, vec![100], "lacks 1: 2023-01-05T04:00:00Z;"),
        (8, (0..6).collect(), "lacks 6: 2023-01-01T00:00:00Z to 2023-01-02T16:00:00Z (6);"),
    ] {
        write_rates(&sandbox, every, &lost);
        refused("", &[listed]);
    }
    // A period beside the hole has all its rates.
    write_rates(&sandbox, 8, &[7]);
    run(&sandbox, "--from 2023-01-03T08:15");
    run(&sandbox, "--to 2023-01-03T08:00");
    let damaged = b"rates".as_slice();
    sandbox.write("data/test/AUSDT/funding/2023.parquet", damaged);
    sandbox.host(RUN).refused(3, &["test/AUSDT/funding/2023.parquet", "not a readable Parquet file"]);
}

#[test]
fn recorded_rates_are_paid_and_part_of_the_identity() {
    let sandbox = perpetual();
    write_rates(&sandbox, 8, &[]);
    let every_eight = run(&sandbox, "");
    assert!(funding(&every_eight) != 0.0);
    assert_eq!(every_eight["warnings"], json!([NO_MARKS]));
    assert!(sandbox.read("run/run.yaml").contains("funding: required"));
    write_rates(&sandbox, 4, &[]);
    let every_four = run(&sandbox, "");
    assert_ne!(funding(&every_four), funding(&every_eight));
    assert_ne!(every_four["run"]["data_sha256"], every_eight["run"]["data_sha256"]);
    assert_ne!(every_four["journal_sha256"], every_eight["journal_sha256"]);
}

#[test]
fn assumed_rates_are_paid_as_recorded_ones_and_on_record() {
    let sandbox = perpetual();
    sandbox.write("assume.yaml", "venues: {test: {funding: assume:0.0001}}\n");
    let assumed = run(&sandbox, "--config assume.yaml");
    let warning = "test: funding is assumed to be 0.0001 at every interval; no recorded rates are used";
    assert_eq!(assumed["warnings"], json!([NO_MARKS, warning]));
    assert!(sandbox.read("run/run.yaml").contains("funding: assume:0.0001"));
    assert!(sandbox.read("run/report.html").contains(warning));
    let again = sandbox.host("run --config run/run.yaml --out again --format json").expect(0).json();
    assert_eq!(again["run"], assumed["run"]);
    // The recorded rates of this market are the same, so everything that happens is.
    write_rates(&sandbox, 8, &[]);
    let recorded = run(&sandbox, "");
    assert!(funding(&recorded) != 0.0);
    assert_eq!(recorded["journal_sha256"], assumed["journal_sha256"]);
    assert_ne!(recorded["run"]["id"], assumed["run"]["id"]);
}

#[test]
fn the_interval_of_an_instrument_counts() {
    let sandbox = perpetual();
    let stated = |hours: u32| {
        let terms = r#""tick": "0.01", "lot": "0.001", "contract": "perpetual", "funding": true"#;
        let file =
            format!(r#"{{"instruments": {{"AUSDT": {{{terms}, "terms": {{"funding_hours": {hours}}}}}}}}}"#);
        sandbox.write("data/test/instruments.json", file);
    };
    write_rates(&sandbox, 8, &[]);
    stated(4);
    sandbox.host(RUN).refused(3, &["lacks 30: 2023-01-01T04:00:00Z 2023-01-01T12:00:00Z"]);
    sandbox.write("assume.yaml", "venues: {test: {funding: assume:0.0001}}\n");
    let assumed = run(&sandbox, "--config assume.yaml");
    write_rates(&sandbox, 4, &[]);
    assert_eq!(run(&sandbox, "")["journal_sha256"], assumed["journal_sha256"]);
    stated(8);
    assert_ne!(run(&sandbox, "--config assume.yaml")["journal_sha256"], assumed["journal_sha256"]);
}

#[test]
fn no_funding_is_paid_only_where_the_configuration_says_so() {
    let sandbox = perpetual();
    write_rates(&sandbox, 8, &[3]);
    sandbox.write("none.yaml", "venues: {test: {funding: none}}\n");
    let none = run(&sandbox, "--config none.yaml");
    assert!(funding(&none) == 0.0);
    assert_eq!(none["warnings"], json!([NO_MARKS, "test: no funding is paid, as the configuration says"]));
    assert!(sandbox.read("run/run.yaml").contains("funding: none"));
    for wrong in ["maybe", "assume", "assume:1%", "assume:0.5"] {
        sandbox.write("wrong.yaml", format!("venues: {{test: {{funding: '{wrong}'}}}}\n"));
        let line = sandbox
            .host(&format!("{RUN} --config wrong.yaml"))
            .refused(2, &["wrong.yaml:1:", &format!("`{wrong}`"), "required, none or assume:RATE"]);
        println!("{line}");
    }
}

#[test]
fn marks_are_used_where_they_are_fine_enough() {
    let sandbox = perpetual();
    write_rates(&sandbox, 8, &[]);
    let without = run(&sandbox, "");
    let rows = DAYS * 1_440;
    mark_minutes(&sandbox, "all", 0..rows);
    let with = run(&sandbox, "");
    assert_eq!(with["warnings"], json!([]));
    assert_ne!(with["run"]["data_sha256"], without["run"]["data_sha256"]);
    // Marks that equal the last prices change no trade.
    assert_eq!((&with["fills"], &with["trades"]), (&without["fills"], &without["trades"]));

    std::fs::remove_file(sandbox.path("data/test/AUSDT/mark-1m/all.parquet")).unwrap();
    mark_minutes(&sandbox, "a", 0..1_000);
    mark_minutes(&sandbox, "b", 1_020..rows);
    // Minutes 1000 to 1019 lie in two bars of 15 minutes.
    let holed = "test AUSDT mark-15m (built from mark-1m): 2 bars have no mark price; the last price stands in for it";
    assert_eq!(run(&sandbox, "")["warnings"], json!([holed]));

    std::fs::rename(sandbox.path("data/test/AUSDT/mark-1m"), sandbox.path("data/test/AUSDT/mark-30m"))
        .unwrap();
    let coarse = run(&sandbox, "");
    assert_eq!(coarse["warnings"], json!([NO_MARKS]));
    assert_eq!(coarse["run"]["data_sha256"], without["run"]["data_sha256"]);
}
