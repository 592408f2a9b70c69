//! Recorded market data, where a checkout has them beside it.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

const RUN: &str = "run --venue binance-usdm --plugin sma-flip --format json";

/// Runs, and checks that every figure is a number and the bars are as many as the data's own README counts.
fn runs(sandbox: &Sandbox, arguments: &str, bars: u64) -> Value {
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
    runs(&sandbox, "--symbol BTCUSDT --timeframe 1h", 2_743 + 8_784 + 3 * 8_760 + 8_784 + 8_760);
    runs(&sandbox, "--symbol FILUSDT --timeframe 1m --from 2023-02-01 --to 2023-03-01", 28 * 1_440);
    // Hours of four years are not stored for every symbol: built from what is.
    runs(&sandbox, "--symbol BTCUSDT --timeframe 2h --from 2024-01-01 --to 2025-01-01", 8_784 / 2);
}

#[test]
fn a_portfolio_of_ten_pairs_runs() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let pairs = ["ADA", "BCH", "BNB", "BTC", "ETH", "FIL", "LTC", "NEAR", "SOL", "TRX"];
    let symbols: Vec<String> = pairs.iter().map(|pair| format!("--symbol {pair}USDT")).collect();
    let arguments = format!("--timeframe 1h --from 2024-01-01 --to 2025-01-01 {}", symbols.join(" "));
    let summary = runs(&sandbox, &arguments, 10 * 8_784);
    assert_eq!(summary["instruments"].as_array().unwrap().len(), 10);
    let buying = format!("run --venue binance-usdm --plugin buy-and-hold --format json {arguments}");
    let held = sandbox.host(&buying).expect(0).json();
    assert_eq!(held["fills"], 10);
    assert_eq!(held["open_positions"].as_array().unwrap().len(), 10);
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
