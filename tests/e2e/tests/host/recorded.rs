//! Runs whose orders meet a recorded market.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

const CONFIG: &str = "balance: 1000000\nvenues: {binance-usdm: {funding: none}}\n\
    execution:\n  recordings: {BTCUSDT: data/messages/binance-usdm/l2/btcusdt_20240808.gz}\n  \
    latency: {model: constant, base_ms: 5}\n\
    bots: {flip: {plugin: sma-flip, venue: binance-usdm, timeframe: 5s, params: {fast: 2, slow: 5, quantity: 1.5}}}\n";

fn run(sandbox: &Sandbox, arguments: &str) -> Value {
    sandbox.host(&format!("run --config recorded.yaml --format json {arguments}")).expect(0).json()
}

fn rules(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let fills = sandbox.read(&format!("{folder}/fills.csv"));
    let rule = |line: &str| line.rsplit(',').next().unwrap().to_owned();
    let mut rules: Vec<String> = fills.lines().skip(1).map(rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

#[test]
fn a_plugin_trades_in_a_recorded_book() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    sandbox.write("recorded.yaml", CONFIG);
    let summary = run(&sandbox, "--fills depth --out depth");
    assert_eq!(summary["bars"], 68, "whole bars of 5 s between the first trade and the last event");
    assert_eq!(summary["period"]["from"], "2024-08-08T23:54:20Z");
    assert!(summary["fills"].as_u64() > summary["orders"].as_u64(), "orders walk through levels");
    assert_eq!(rules(&sandbox, "depth"), ["book-walk"]);
    assert!(summary["warnings"].to_string().contains("recordings have no mark prices"));
    let again = run(&sandbox, "--fills depth --out again");
    assert_eq!(summary["journal_sha256"], again["journal_sha256"]);
    assert_eq!(summary["run"]["id"], again["run"]["id"]);
    sandbox.host("journal verify depth").expect(0);

    let trades = run(&sandbox, "--fills trades --out trades");
    assert_eq!(rules(&sandbox, "trades"), ["trade"]);
    assert_ne!(summary["journal_sha256"], trades["journal_sha256"]);

    let explained = sandbox.host("explain depth 4 --format json").expect(0).json();
    let fill = &explained["fills"][0];
    assert_eq!((&fill["rule"], &fill["market"]["level"]), (&"book-walk".into(), &fill["quantity"]));
    let explained = sandbox.host("explain trades 1").expect(0).stdout;
    assert!(
        explained.contains("the book is not known; a buy of ") && explained.contains("trade: "),
        "{explained}"
    );
}

#[test]
fn what_recordings_need_is_said() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    sandbox.write("recorded.yaml", CONFIG);
    let run = "run --config recorded.yaml";
    sandbox.host(run).refused(2, &["execution.recordings", "fills: trades"]);
    sandbox
        .host(&format!("{run} --fills depth --symbol ETHUSDT"))
        .refused(2, &["execution.recordings", "none of binance-usdm ETHUSDT", "--recording ETHUSDT=FILE"]);
    sandbox
        .host(&format!("{run} --fills depth --recording BTCUSDT"))
        .refused(2, &["--recording", "SYMBOL=FILE"]);
    sandbox.host(&format!("{run} --fills depth --recording BTCUSDT=nowhere.gz")).refused(3, &["nowhere.gz"]);
    sandbox.host(&format!("{run} --fills depth --from 2024-09-01")).refused(2, &["no whole bar of 5s"]);
    let wrong = CONFIG.replace("  latency", "  book: {queue: {model: power, exponent: 0}}\n  latency");
    sandbox.write("recorded.yaml", wrong);
    sandbox.host(&format!("{run} --fills depth")).refused(2, &["execution.book.queue.exponent", "above 0"]);
    sandbox.write("recorded.yaml", CONFIG.replace("venues: {binance-usdm: {funding: none}}\n", ""));
    let out = sandbox.host(&format!("{run} --fills depth --data nowhere"));
    out.refused(2, &["venues.binance-usdm.funding", "assume:RATE"]);
}
