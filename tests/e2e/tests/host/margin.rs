//! `host margin`, `host data brackets`, and margin, limits and modes in runs.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

const LONG: &str =
    "margin --side long --size 3683.979 --entry 1456.84 --wallet 1535443.01 --mmr 0.10 --cum 135365";
const BRACKETS: &str = r#"[{"symbol": "BTCUSDT", "brackets": [
    {"bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004, "cum": 0},
    {"bracket": 2, "initialLeverage": 100, "notionalCap": 500000, "notionalFloor": 50000, "maintMarginRatio": 0.005, "cum": 50},
    {"bracket": 3, "initialLeverage": 50, "notionalCap": 1000000, "notionalFloor": 500000, "maintMarginRatio": 0.01, "cum": 2550}]}]"#;

fn figures(sandbox: &Sandbox, arguments: &str) -> Value {
    sandbox.host(&format!("{arguments} --format json")).expect(0).json()
}

#[test]
fn the_exchange_s_examples_are_computed() {
    let sandbox = Sandbox::new();
    let isolated = figures(&sandbox, LONG);
    assert_eq!(isolated["liquidation_price"], "1114.78496375");
    assert_eq!(isolated["maintenance_margin"], "401331.796636");
    let cross = figures(&sandbox, &format!("{LONG} --other-maintenance 71200.81144 --other-upnl -56354.57"));
    assert_eq!(cross["liquidation_price"], "1153.2564647");
    // At the liquidation price the ratio is 1.
    let there = figures(&sandbox, &format!("{LONG} --mark 1114.78496375"));
    assert!((there["margin_ratio"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{there}");
    // Nothing is left of the balance below the bankruptcy price.
    let lost = figures(&sandbox, &format!("{LONG} --mark 1000"));
    assert_eq!(lost["margin_ratio"], "inf", "{lost}");
    let human = sandbox.host(LONG).expect(0).stdout;
    assert!(human.contains("liquidation price   1114.78496375"), "{human}");
}

#[test]
fn imported_tables_are_used() {
    let sandbox = Sandbox::new();
    sandbox.write("answer.json", BRACKETS);
    let imported =
        sandbox.host("data brackets answer.json --data brackets").refused(3, &["brackets", "--data"]);
    println!("{imported}");
    sandbox.write("brackets/README.md", "tables");
    let stdout = sandbox.host("data brackets answer.json --data brackets").expect(0).stdout;
    assert!(stdout.contains("1 symbols: brackets in brackets/binance-usdm/instruments.json"), "{stdout}");
    let short = "margin --side short --size 8.3 --entry 60000 --symbol BTCUSDT --data brackets";
    let found = figures(&sandbox, &format!("{short} --wallet 20000 --leverage 100"));
    assert_eq!(found["liquidation_price"], "62095.90838602");
    assert_eq!((&found["liquidation_bracket"], &found["initial_margin"]), (&3.into(), &"4980".into()));
    sandbox.host(&format!("{short} --leverage 101")).refused(2, &["leverage 101 is above 100", "498000"]);
    let unknown = short.replace("BTCUSDT", "XRPUSDT");
    sandbox.host(&unknown).refused(3, &["binance-usdm", "XRPUSDT", "host data brackets"]);
    sandbox.write("answer.json", BRACKETS.replace("\"cum\": 50}", "\"cum\": 49}"));
    let refused = sandbox.host("data brackets answer.json --data brackets");
    refused.refused(3, &["answer.json", "BTCUSDT", "bracket 2", "cum 49 must be 50"]);
}

#[test]
fn positions_that_no_exchange_accepts_are_refused() {
    let sandbox = Sandbox::new();
    for (from, to, words) in [
        ("--size 3683.979", "--size -1", ["size -1", "above 0"]),
        ("--entry 1456.84", "--entry 0", ["entry 0", "above 0"]),
        ("--mmr 0.10", "--mmr 1", ["mmr 1", "fraction"]),
        ("--cum 135365", "--cum -1", ["cum -1", "negative"]),
        ("--wallet 1535443.01", "--wallet -1", ["wallet -1", "negative"]),
        ("--cum 135365", "--leverage 126", ["leverage 126", "between 1 and 125"]),
        ("--cum 135365", "--mark -5", ["mark -5", "above 0"]),
        ("--size 3683.979", "--size 9999999999999", ["too large", "100000000000"]),
    ] {
        println!("{}", sandbox.host(&LONG.replace(from, to)).refused(2, &words));
    }
}

#[test]
fn a_bot_runs_only_in_its_modes() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("live.yaml", "bots: {a: {plugin: sma-flip, symbols: [BTCUSDT], modes: [paper, live]}}\n");
    sandbox.host("config check live.yaml").expect(0);
    sandbox
        .host("run --config live.yaml")
        .refused(2, &["bots.a.modes: may run in paper, live only, and this is a backtest"]);
}

#[test]
fn impossible_limits_and_leverage_are_refused_before_the_run() {
    let sandbox = Sandbox::with_sample();
    for (section, field) in [
        ("execution: {margin: {leverage: 200}}", "execution.margin.leverage: must lie in 1..125"),
        ("risk: {portfolio: {daily_loss: -0.1}}", "risk.portfolio.daily_loss"),
        ("risk: {portfolio: {daily_loss: 0.5, weekly_loss: 0.1}}", "more than weekly_loss"),
        ("risk: {strategy: {sizer: {model: martingale}}}", "unknown variant `martingale`"),
        ("execution: {fees: {maker: 0, taker: -0.1}}", "execution.fees.taker"),
    ] {
        sandbox
            .write("bad.yaml", format!("{section}\nbots: {{a: {{plugin: sma-flip, symbols: [BTCUSDT]}}}}\n"));
        sandbox.host("run --config bad.yaml").refused(2, &["bad.yaml", field]);
    }
}

#[test]
fn more_leverage_than_the_contract_allows_is_refused() {
    let run = "run --plugin sma-flip --symbol BTCUSDT --leverage 50";
    let words = ["--leverage", "BTCUSDT allows 20 at most", "host data brackets"];
    Sandbox::with_sample().host(run).refused(2, &words);
}

#[test]
fn leverage_makes_positions_larger_and_liquidations_possible() {
    let sandbox = Sandbox::with_sample();
    let run = "run --plugin sma-flip --symbol BTCUSDT --timeframe 1h --set quantity=0.3 --balance 1000 --format json";
    let refused = sandbox.host(run).expect(0).json();
    assert_eq!(refused["fills"], 0, "0.3 BTC are more than 1000 pay for");
    let levered = sandbox.host(&format!("{run} --leverage 20")).expect(0).json();
    assert!(levered["fills"].as_u64().unwrap() > 0);
    assert!(levered["margin"]["max_ratio"].as_f64().unwrap() > 0.1, "{}", levered["margin"]);
}
