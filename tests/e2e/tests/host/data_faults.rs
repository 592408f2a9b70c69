//! Data that cannot be used are refused with the place and the way out.

use std::fs;

use cryptobot_e2e::{Sandbox, write_minutes};
use cryptobot_test_support::market::random_walk;

const DAY: usize = 1_440;

/// Ten days of minutes from 2023-01-01, without some rows.
fn with_holes(holes: &[std::ops::Range<usize>]) -> Sandbox {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    let bars = random_walk(10 * DAY, 1);
    let mut from = 0;
    for (part, hole) in holes.iter().enumerate() {
        write_minutes(&sandbox.path(format!("data/test/AUSDT/1m/{part}.parquet")), &bars, from..hole.start);
        from = hole.end;
    }
    write_minutes(&sandbox.path("data/test/AUSDT/1m/last.parquet"), &bars, from..bars.len());
    sandbox
}

const RUN: &str = "run --plugin sma-flip --timeframe 15m --set quantity=0.01 --out run --format json";

#[test]
fn gaps_are_refused_until_they_are_waived() {
    let sandbox = with_holes(&[3 * DAY..3 * DAY + 90, 5 * DAY + 7..5 * DAY + 8]);
    let line = sandbox.host(RUN).refused(
        3,
        &[
            "test AUSDT 15m",
            "91 bars in 2 ranges",
            "2023-01-04T00:00:00Z to 2023-01-04T01:30:00Z (90 bars)",
            "2023-01-06T00:07:00Z to 2023-01-06T00:08:00Z (1 bars)",
            "--allow-gaps",
        ],
    );
    println!("{line}");
    assert!(!sandbox.path("run/journal.bin").exists());

    let summary = sandbox.host(&format!("{RUN} --allow-gaps")).expect(0).json();
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("91 missing bars in 2 gaps"), "{warnings}");
    assert!(sandbox.read("run/run.yaml").contains("allow_gaps: true"));
    assert!(sandbox.read("run/report.html").contains("91 missing bars"));
    // The waiver is part of the file, so the file repeats the run.
    let again = sandbox.host("run --config run/run.yaml --out again --format json").expect(0).json();
    assert_eq!(again["run"], summary["run"]);
    // Between the holes nothing is missing.
    sandbox.host(&format!("{RUN} --from 2023-01-06T00:15 --to 2023-01-11")).expect(0);
    sandbox.host(&format!("{RUN} --to 2023-01-04")).expect(0);
}

#[test]
fn periods_outside_the_data_are_refused() {
    let sandbox = with_holes(&[]);
    let refused = |more: &str, words: &[&str]| {
        println!("{}", sandbox.host(&format!("{RUN} {more}")).refused(3, words));
    };
    let stored = "2023-01-01T00:00:00Z to 2023-01-11T00:00:00Z";
    refused("--from 2022-01-01 --to 2022-02-01", &["AUSDT", stored]);
    refused("--from 2024-01-01", &["AUSDT", stored]);
    refused("--from 2022-12-31", &["begins 2023-01-01T00:00:00Z, asked from 2022-12-31T00:00:00Z"]);
    refused("--to 2023-02-01", &["ends 2023-01-11T00:00:00Z, asked to 2023-02-01T00:00:00Z"]);
    refused("--from 2023-01-02T00:01 --to 2023-01-02T00:14", &["no whole bar"]);
}

#[test]
fn files_that_are_no_parquet_are_named() {
    let sandbox = with_holes(&[]);
    let file = "data/test/AUSDT/1m/last.parquet";
    let whole = sandbox.bytes(file);
    for content in [&b""[..], b"ts,open\n1,2\n", &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
        sandbox.write(file, content);
        let line =
            sandbox.host(RUN).refused(3, &["test/AUSDT/1m/last.parquet", "not a readable Parquet file"]);
        println!("{line}");
    }
    // A fault in the middle shows only when the bars are decoded.
    let mut damaged = whole.clone();
    for byte in &mut damaged[whole.len() / 3..whole.len() / 3 + 64] {
        *byte ^= 0xff;
    }
    sandbox.write(file, &damaged);
    println!("{}", sandbox.host(RUN).refused(3, &["test/AUSDT/1m/last.parquet"]));
    sandbox.write(file, &whole);
    sandbox.host(RUN).expect(0);
    fs::rename(sandbox.path("data/test/AUSDT/1m"), sandbox.path("data/test/AUSDT/funding")).unwrap();
    println!("{}", sandbox.host(RUN).refused(3, &["AUSDT", "15m", "funding"]));
}

#[test]
fn bars_that_cannot_be_built_are_refused() {
    let sandbox = with_holes(&[]);
    let timeframe = |timeframe: &str| RUN.replace("15m", timeframe);
    println!("{}", sandbox.host(&timeframe("30s")).refused(3, &["AUSDT", "`30s`", "1m"]));
    println!("{}", sandbox.host(&timeframe("90s")).refused(3, &["AUSDT", "`90s`", "1m"]));
    sandbox.host(&timeframe("7m")).expect(0);
    sandbox.write("fill.yaml", "execution: {fill_timeframe: 10m}\n");
    let line =
        sandbox.host(&format!("{RUN} --config fill.yaml")).refused(2, &["fill_timeframe", "15m", "10m"]);
    println!("{line}");
}

#[test]
fn instruments_that_cannot_be_meant_are_refused() {
    let sandbox = with_holes(&[]);
    for (text, words) in [
        ("{", &["instruments.json"][..]),
        (r#"{"instruments": {"AUSDT": {"tick": "0", "lot": "1"}}}"#, &["instruments.json", "tick"]),
    ] {
        sandbox.write("data/test/instruments.json", text);
        println!("{}", sandbox.host(RUN).refused(3, words));
    }
}
