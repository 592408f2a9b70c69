//! Recorded market data, where a checkout has them beside it.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

const RUN: &str = "run --venue binance-usdm --plugin sma-flip --format json";

/// For symbols and times without recorded funding.
const UNPAID: &str = "venues: {binance-usdm: {funding: none}}\n";

/// Runs, and checks that every figure is a number and the bars are as many as the data's own README counts.
fn runs(sandbox: &Sandbox, arguments: &str, bars: u64) -> Value {
    sandbox.write("unpaid.yaml", UNPAID);
    let summary = sandbox.host(&format!("{RUN} --balance 1000000 {arguments}")).expect(0).json();
    assert_eq!(summary["bars"], bars, "{arguments}");
    assert_eq!(summary["synthetic"], false);
    for (name, value) in summary["metrics"].as_object().unwrap() {
        assert!(value.is_number() || name == "sampling", "{arguments}: {name} is {value}");
    }
    assert!(summary["trades"].as_u64().unwrap() > 10);
    summary
}

#[test]
fn years_without_gaps_run() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    runs(&sandbox, "--symbol BTCUSDT --timeframe 15m --from 2023-01-01 --to 2025-01-01", 35_040 + 35_136);
    runs(
        &sandbox,
        "--symbol ETHUSDT --timeframe 15m --from 2022-01-01 --to 2025-01-01",
        35_040 + 35_040 + 35_136,
    );
    let launch = "--from 2019-09-10T01:00";
    runs(
        &sandbox,
        &format!("--symbol BTCUSDT --timeframe 1h {launch}"),
        2_743 - 32 + 8_784 + 3 * 8_760 + 8_784 + 8_760,
    );
    runs(
        &sandbox,
        "--config unpaid.yaml --symbol FILUSDT --timeframe 1m --from 2023-02-01 --to 2023-03-01",
        28 * 1_440,
    );
    // Hours of four years are not stored for every symbol: built from what is.
    runs(&sandbox, "--symbol BTCUSDT --timeframe 2h --from 2024-01-01 --to 2025-01-01", 8_784 / 2);
}

#[test]
fn a_portfolio_of_ten_pairs_runs() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let pairs = ["ADA", "BCH", "BNB", "BTC", "ETH", "FIL", "LTC", "NEAR", "SOL", "TRX"];
    let symbols: Vec<String> = pairs.iter().map(|pair| format!("--symbol {pair}USDT")).collect();
    let arguments = format!(
        "--config unpaid.yaml --timeframe 1h --from 2024-01-01 --to 2025-01-01 {}",
        symbols.join(" ")
    );
    let summary = runs(&sandbox, &arguments, 10 * 8_784);
    assert_eq!(summary["instruments"].as_array().unwrap().len(), 10);
    let buying = format!("run --venue binance-usdm --plugin buy-and-hold --format json {arguments}");
    let held = sandbox.host(&buying).expect(0).json();
    assert_eq!(held["fills"], 10);
    assert_eq!(held["open_positions"].as_array().unwrap().len(), 10);
}

/// The values of a column of a table.
fn column(table: &str, name: &str) -> Vec<String> {
    let mut lines = table.lines();
    let place = lines.next().unwrap().split(',').position(|title| title == name).unwrap();
    lines.map(|line| line.split(',').nth(place).unwrap().to_owned()).collect()
}

#[test]
fn a_lost_account_adds_up_and_refusals_have_the_names_of_the_venue() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let run = format!(
        "{RUN} --symbol BTCUSDT --timeframe 1h --from 2024-01-01 --to 2024-03-01 --set quantity=0.8 --leverage 10"
    );
    let summary = sandbox.host(&format!("{run} --out lost")).expect(0).json();
    assert_eq!((&summary["liquidations"], &summary["open_positions"]), (&1.into(), &serde_json::json!([])));
    let trades = sandbox.read("lost/trades.csv");
    let sum = |name: &str| column(&trades, name).iter().map(|cell| cell.parse::<f64>().unwrap()).sum::<f64>();
    let number = |name: &str| summary[name].as_str().unwrap().parse::<f64>().unwrap();
    assert!(sum("insurance") > 0.0);
    assert!((sum("insurance") - number("insurance")).abs() < 1e-6);
    assert!((sum("net_pnl") - (number("final_equity") - number("initial_balance"))).abs() < 1e-6);
    let orders = sandbox.read("lost/orders.csv");
    let (reasons, errors) = (column(&orders, "reason"), column(&orders, "venue_error"));
    let mut refused = reasons.iter().zip(&errors).filter(|(reason, _)| *reason == "insufficient-margin");
    assert!(refused.all(|(_, error)| error == "-2019 MARGIN_NOT_SUFFICIENT"), "{orders}");
    assert!(summary["warnings"].to_string().contains("at the venue -2019 MARGIN_NOT_SUFFICIENT"));
    let refusals = &summary["refusals"][0];
    assert_eq!(refusals["venue_errors"], serde_json::json!(["-2019 MARGIN_NOT_SUFFICIENT"]));
}

#[test]
fn funding_and_marks_are_used_where_they_are_recorded() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let year = "--symbol BTCUSDT --timeframe 1h --from 2024-01-01 --to 2025-01-01";
    let summary = runs(&sandbox, year, 8_784);
    assert_eq!(summary["warnings"], serde_json::json!([]));
    assert_ne!(summary["costs"]["funding"].as_str().unwrap().parse::<f64>().unwrap(), 0.0);
    let earlier = runs(&sandbox, "--symbol BTCUSDT --timeframe 1h --from 2023-06-01 --to 2025-01-01", 13_920);
    let warning =
        "binance-usdm BTCUSDT mark-1h: 4416 bars have no mark price; the last price stands in for it";
    assert_eq!(earlier["warnings"], serde_json::json!([warning]));
    let refused = |arguments: &str, words: &[&str]| {
        println!("{}", sandbox.host(&format!("{RUN} {arguments}")).refused(3, words));
    };
    refused("--symbol BTCUSDT --timeframe 1h", &["2019-09-09T00:00:00Z to 2019-09-10T00:00:00Z (4)"]);
    refused(
        "--symbol ETHUSDT --timeframe 1h --from 2025-11-01 --to 2026-01-01",
        &["ETHUSDT", "lacks 116: 2025-11-18T08:00:00Z to 2025-12-26T16:00:00Z (116)"],
    );
    refused(
        "--symbol BTCUSDT --symbol FILUSDT --symbol ADAUSDT --timeframe 1h --from 2024-01-01 --to 2025-01-01",
        &["ADAUSDT has 2024-02-15T08:00:00Z to 2025-04-14T00:00:00Z and lacks 136", "; FILUSDT has none;"],
    );
}

#[test]
fn gaps_are_where_the_data_say() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let refused = |arguments: &str, words: &[&str]| {
        println!("{}", sandbox.host(&format!("{RUN} {arguments}")).refused(3, words));
    };
    refused(
        "--symbol BTCUSDT --timeframe 15m --from 2022-01-01 --to 2025-01-01",
        &["binance-usdm BTCUSDT 15m", "2023-01-01T00:00:00Z", "35040 bars"],
    );
    refused(
        "--symbol BTCUSDT --timeframe 1m --from 2025-05-04T15:33 --to 2025-07-13T10:37",
        &["binance-usdm BTCUSDT 1m", "16649 bars in 1 range"],
    );
    refused("--symbol FILUSDT --timeframe 1m", &["binance-usdm FILUSDT 1m"]);
    // Several venues: one must be named.
    let line = sandbox
        .host("run --plugin sma-flip --symbol BTCUSDT")
        .refused(2, &["--venue", "binance-usdm", "kraken"]);
    println!("{line}");
}
