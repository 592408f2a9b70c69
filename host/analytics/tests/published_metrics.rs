//! Our figures against empyrical-reloaded and quantstats, on generated equity curves and on curves made from recorded
//! prices. Needs Python with both packages: `CRYPTOBOT_PYTHON` or `python3`; skipped with a reason without them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use cryptobot_analytics::{AccountLabel, Collector, InstrumentLabel, Metrics, MetricsOptions, Setup};
use cryptobot_engine::random::Random;
use cryptobot_engine::{Mark, Recorder};
use cryptobot_model::{Money, Timestamp};
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/metrics.py");
const BALANCE: f64 = 10_000.0;

struct Case {
    name: String,
    step_ms: i64,
    from_ms: i64,
    prices: Vec<f64>,
    equity: Vec<f64>,
    risk_free: f64,
}

fn python() -> String {
    std::env::var("CRYPTOBOT_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Why the comparison cannot run here.
fn missing() -> Option<String> {
    let imports = "import empyrical, quantstats";
    match Command::new(python()).args(["-c", imports]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
            Some(format!("{} has no empyrical-reloaded and quantstats: {error}", python()))
        }
        Err(error) => Some(format!("{}: {error}", python())),
    }
}

fn run(arguments: &[&str], input: &str) -> Value {
    let mut child = Command::new(python())
        .arg(SCRIPT)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "metrics.py {arguments:?} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A random walk of prices and of equity; `drift` and `volatility` per step.
fn generated(
    name: &str,
    seed: u64,
    count: usize,
    step_ms: i64,
    drift: f64,
    volatility: f64,
    risk_free: f64,
) -> Case {
    let mut random = Random::new(seed, 0);
    let mut shock =
        || (0..12).map(|_| (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0;
    let (mut price, mut equity) = (100.0, BALANCE);
    let (mut prices, mut equities) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (common, own) = (shock(), shock());
        price *= 1.0 + 0.02 * common;
        equity *= 1.0 + drift + volatility * (0.6 * common + 0.8 * own);
        prices.push(price);
        equities.push(equity);
    }
    let from_ms = Timestamp::from_civil(2023, 3, 1).millis();
    Case { name: name.to_owned(), step_ms, from_ms, prices, equity: equities, risk_free }
}

fn recorded() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !root.join("binance-usdm").is_dir() {
        println!("skipped: recorded prices, because ../shared/data is not there");
        return Vec::new();
    }
    let numbers =
        |value: &Value| value.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect();
    let found = run(&["series", root.to_str().unwrap()], "");
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        step_ms: case["step_ms"].as_i64().unwrap(),
        from_ms: case["from_ms"].as_i64().unwrap(),
        prices: numbers(&case["prices"]),
        equity: numbers(&case["equity"]),
        risk_free: 0.0,
    };
    found.as_array().unwrap().iter().map(case).collect()
}

fn ours(case: &Case) -> Metrics {
    let at = |step: usize| Timestamp::from_millis(case.from_ms + case.step_ms * step as i64);
    let mut collector = Collector::new(Setup {
        strategies: vec![AccountLabel {
            name: "s".to_owned(),
            initial_balance: Money::from_f64(BALANCE).unwrap(),
            instruments: Vec::new(),
            series: Vec::new(),
        }],
        instruments: vec![InstrumentLabel { venue: "v".to_owned(), symbol: "X".to_owned() }],
        from: at(0),
        to: at(case.equity.len()),
    });
    for (index, (price, equity)) in case.prices.iter().zip(&case.equity).enumerate() {
        collector.mark(&Mark {
            ts: at(index + 1),
            prices: &[*price],
            equities: &[*equity],
            margin_ratios: &[],
        });
    }
    let record = collector.finish(&[]);
    Metrics::of(&record, None, MetricsOptions { risk_free: case.risk_free })
}

#[test]
fn figures_agree_with_published_implementations() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    let (day, hour) = (86_400_000, 3_600_000);
    let mut cases = vec![
        generated("a good year", 1, 365, day, 0.001, 0.01, 0.0),
        generated("five bad years with a risk-free rate", 2, 1_826, day, -0.000_4, 0.02, 0.03),
        generated("wild", 3, 400, day, 0.002, 0.06, 0.0),
        generated("two weeks by the hour", 4, 336, hour, 0.000_1, 0.003, 0.02),
        generated("forty days", 5, 40, day, 0.0, 0.01, 0.0),
    ];
    cases.extend(recorded());
    let input: Vec<Value> = cases
        .iter()
        .map(|case| {
            let per_year = if case.step_ms == day { 365 } else { 8_760 };
            json!({
                "from_ms": case.from_ms, "step_ms": case.step_ms, "per_year": per_year, "balance": BALANCE,
                "risk_free": case.risk_free, "prices": case.prices, "equity": case.equity,
            })
        })
        .collect();
    let published = run(&["metrics"], &Value::from(input).to_string());
    let mut compared = 0;
    for (case, published) in cases.iter().zip(published.as_array().unwrap()) {
        let own = serde_json::to_value(ours(case)).unwrap();
        assert_eq!(own["samples"], case.equity.len(), "{}", case.name);
        for (package, figures) in published.as_object().unwrap() {
            for (name, figure) in figures.as_object().unwrap() {
                compare(&format!("{}: {name} of {package}", case.name), &own[name], figure);
                compared += 1;
            }
        }
    }
    println!("{compared} figures of {} curves agree", cases.len());
    assert!(compared >= 5 * 22);
}

fn compare(what: &str, own: &Value, published: &Value) {
    let (Some(own), Some(published)) = (own.as_f64(), published.as_f64()) else {
        panic!("{what}: {own} against {published}");
    };
    let tolerance = 1e-9 * published.abs().max(1e-3);
    assert!((own - published).abs() <= tolerance, "{what}: {own} against {published}");
}
