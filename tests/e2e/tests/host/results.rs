//! What a run leaves behind.

use std::fs;

use cryptobot_e2e::Sandbox;
use serde_json::Value;

/// Files of every run.
const FILES: [&str; 9] = [
    "summary.json",
    "orders.csv",
    "fills.csv",
    "funding.csv",
    "trades.csv",
    "equity.csv",
    "journal.bin",
    "report.html",
    "run.yaml",
];

/// The fields of `summary.json` that scripts rely on.
const FIELDS: [&str; 41] = [
    "/run/id",
    "/run/host_version",
    "/run/plugin",
    "/run/plugin_sha256",
    "/run/data_sha256",
    "/run/reference_sha256",
    "/run/config_sha256",
    "/run/seed",
    "/run/mode",
    "/run/delivery",
    "/period/from",
    "/period/to",
    "/bars",
    "/orders",
    "/fills",
    "/trades",
    "/intents",
    "/initial_balance",
    "/final_equity",
    "/costs/fees",
    "/costs/slippage",
    "/costs/funding",
    "/metrics/total_return",
    "/metrics/cagr",
    "/metrics/volatility",
    "/metrics/sharpe",
    "/metrics/sortino",
    "/metrics/calmar",
    "/metrics/omega",
    "/metrics/alpha",
    "/metrics/beta",
    "/metrics/max_drawdown",
    "/metrics/max_drawdown_days",
    "/metrics/var_95",
    "/metrics/cvar_95",
    "/metrics/exposure",
    "/strategies/0/metrics/sharpe",
    "/journal_sha256",
    "/timing/total_s",
    "/timing/bars_per_s",
    "/files/report",
];

/// Figures of closed trades and months; there are many of both in these runs.
const TRADING: [&str; 8] = [
    "annual_return",
    "win_rate",
    "profit_factor",
    "expectancy",
    "best_month",
    "worst_month",
    "winning_months",
    "buy_and_hold_return",
];

#[test]
fn a_run_prints_one_json_document_and_fills_its_folder() {
    let sandbox = Sandbox::with_sample();
    let ran = sandbox.host("run --plugin sma-flip --timeframe 1h --set quantity=0.1 --format json").expect(0);
    let printed = ran.json();
    for field in FIELDS {
        assert!(printed.pointer(field).is_some_and(|value| !value.is_null()), "{field}: {printed:#}");
    }
    for figure in TRADING {
        assert!(printed["metrics"][figure].is_number(), "{figure}: {printed:#}");
    }
    assert_eq!(printed["bars"], 366 * 24);
    assert_eq!(printed["synthetic"], true);
    assert!(printed["final_equity"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    let run = "runs/sma-flip-BTCUSDT-1h";
    assert_eq!(sandbox.summary(run), printed);
    for file in FILES {
        assert!(fs::metadata(sandbox.path(run).join(file)).unwrap().len() > 0, "{file}");
    }
    let rows = |file: &str| sandbox.read(&format!("{run}/{file}")).lines().count() as u64 - 1;
    assert_eq!(rows("fills.csv"), printed["fills"].as_u64().unwrap());
    assert_eq!(rows("trades.csv"), printed["trades"].as_u64().unwrap());
    let listed: Vec<&str> =
        printed["files"].as_object().unwrap().values().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(listed.len(), FILES.len(), "{listed:?}");
    assert!(listed.iter().all(|name| FILES.contains(name)), "{listed:?}");
}

#[test]
fn people_get_a_table_that_ends_with_the_report() {
    let sandbox = Sandbox::with_sample();
    let ran = sandbox.host("run --plugin sma-flip --timeframe 4h --set quantity=0.1").expect(0);
    for words in ["Sharpe", "Max drawdown", "Profit factor", "Buy and hold", "SYNTHETIC DATA"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let last = ran.stdout.lines().last().unwrap();
    let report = last.strip_prefix("report").unwrap().trim();
    assert!(sandbox.path(report).is_file(), "{last}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn run_yaml_repeats_the_run() {
    let sandbox = Sandbox::with_sample();
    sandbox.write(
        "my.yaml",
        "seed: 7\nexecution:\n  latency: {model: constant, base_ms: 250}\n  slippage: {model: fixed, bps: 1.5}\n",
    );
    let period = "--from 2024-02-01 --to 2024-03-01T12:00";
    let first = sandbox
        .host(&format!(
            "run --config my.yaml --plugin sma-flip --timeframe 5m --symbol ETHUSDT --set fast=7 {period} --out first --format json"
        ))
        .expect(0)
        .json();
    let again = sandbox.host("run --config first/run.yaml --out again --format json").expect(0).json();
    assert_eq!(first["seed"], again["seed"]);
    assert_eq!(first["run"], again["run"]);
    assert_eq!(first["journal_sha256"], again["journal_sha256"]);
    assert_eq!(first["final_equity"], again["final_equity"]);
    assert_eq!(sandbox.bytes("first/journal.bin"), sandbox.bytes("again/journal.bin"));
    assert_eq!(sandbox.read("first/run.yaml"), sandbox.read("again/run.yaml"));
    sandbox.host("config check first/run.yaml").expect(0);
}

#[test]
fn a_journal_is_accepted_until_one_byte_of_it_changes() {
    let sandbox = Sandbox::with_sample();
    let summary = sandbox
        .host("run --plugin sma-flip --timeframe 15m --set quantity=0.1 --out run --format json")
        .expect(0)
        .json();
    let verified = sandbox.host("journal verify run").expect(0);
    assert!(verified.stdout.contains(summary["journal_sha256"].as_str().unwrap()), "{}", verified.stdout);
    let whole = sandbox.bytes("run/journal.bin");
    assert!(whole.len() > 3 * 65_536, "{} bytes", whole.len());
    for at in [0, 20, 70_000, whole.len() / 2, whole.len() - 1] {
        let mut journal = whole.clone();
        journal[at] ^= 1;
        sandbox.write("changed.bin", &journal);
        let line = sandbox.host("journal verify changed.bin").refused(1, &["changed.bin"]);
        println!("{line}");
    }
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        sandbox.write("cut.bin", &whole[..length]);
        sandbox.host("journal verify cut.bin").refused(1, &["cut.bin"]);
    }
    sandbox.host("journal verify nothing.bin").refused(2, &["nothing.bin"]);
}

#[test]
fn a_second_run_replaces_the_first_in_its_folder() {
    let sandbox = Sandbox::with_sample();
    let run = "run --plugin sma-flip --timeframe 4h --out run --format json";
    sandbox.host(&format!("{run} --set fast=3")).expect(0);
    sandbox.write("run/notes.txt", "mine");
    let second: Value = sandbox.host(&format!("{run} --set fast=4")).expect(0).json();
    assert_eq!(sandbox.summary("run"), second);
    assert_eq!(sandbox.read("run/notes.txt"), "mine");
}

#[test]
fn the_second_run_of_a_plugin_does_not_compile_it() {
    let sandbox = Sandbox::with_sample();
    let run = "run --plugin sma-flip --timeframe 1d --format json";
    let cold = sandbox.host(run).expect(0);
    let load = |ran: &cryptobot_e2e::Ran| ran.json()["timing"]["load_s"].as_f64().unwrap();
    let compiled = fs::read_dir(sandbox.path("home/.cache/cryptobot-pro/compiled")).unwrap().count();
    assert!(compiled > 0);
    // The best of three, because other work on the machine only ever adds to it.
    let warm = (0..3).map(|_| load(&sandbox.host(run).expect(0))).fold(f64::MAX, f64::min);
    assert!(warm < load(&cold) / 2.0, "{warm} s against {} s", load(&cold));
}
