//! Signals, whose size and stop are the host's.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

/// Says which side to be on and nothing else.
const SCRIPT: &str = r#"
let fast = sma(10);
let slow = sma(30);
state.side = "";
fn on_bar(bar) {
    let side = if fast > slow { "buy" } else if fast < slow { "sell" } else { return };
    if side != state.side { state.side = side; signal(side, 0.8); }
}
"#;

/// A sandbox with the script and a run file with these limits.
fn sandbox(risk: &str) -> Sandbox {
    let sandbox = Sandbox::with_sample();
    sandbox.write("sides.rhai", SCRIPT);
    let bots = "bots: {a: {plugin: sides.rhai, symbols: [BTCUSDT], timeframe: 15m}}";
    let period = "period: {from: 2024-01-01, to: 2024-02-01}";
    sandbox.write("run.yaml", format!("{period}\nrisk: {risk}\n{bots}\n"));
    sandbox
}

/// Runs it; returns the summary and the decisions in its journal.
fn run(sandbox: &Sandbox) -> (Value, Vec<Value>) {
    let summary = sandbox.host("run --config run.yaml --out run --format json").expect(0).json();
    let entries = sandbox.host("journal show run --format json").expect(0).json();
    let decisions = entries.as_array().unwrap().iter().filter(|entry| entry["entry"] == "decision");
    let decisions = decisions.cloned().collect();
    (summary, decisions)
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

#[test]
fn a_signal_without_a_stop_gets_one_by_the_range() {
    let distances = "min_stop_distance: 0.004, max_stop_distance: 0.006";
    let sandbox = sandbox(&format!(
        "{{orders: {{atr_stop: {{period: 40}}, {distances}}}, \
         strategy: {{sizer: {{model: fixed-fractional, risk: 0.005}}}}}}"
    ));
    let (summary, decisions) = run(&sandbox);
    // The averages of the script are there before the range is.
    let early: Vec<&Value> = decisions.iter().filter(|entry| entry["reason"] == "no-market").collect();
    assert!(!early.is_empty(), "{}", decisions[0]);
    for entry in &early {
        assert_eq!(number(&entry["limit"]), 40.0);
        assert!((30.0..40.0).contains(&number(&entry["value"])), "{entry}");
    }
    assert!(
        summary["warnings"].to_string().contains("as no-market (there was no price yet, or too few bars")
    );
    let stops: Vec<&Value> = decisions.iter().filter(|entry| entry["type"] == "stop-market").collect();
    let entries = decisions.iter().filter(|entry| entry["type"] == "market").count();
    assert!(entries > 20 && stops.len() == entries, "{entries} entries, {} stops", stops.len());
    // The fill of the first entry, one moment after the close that its stop was put by.
    let fills = sandbox.read("run/fills.csv");
    let price: f64 = fills.lines().nth(1).unwrap().split(',').nth(6).unwrap().parse().unwrap();
    let below = if stops[0]["side"] == "sell" { price } else { -price };
    let distance = (below - below.signum() * number(&stops[0]["trigger"])) / price;
    assert!((0.003..0.007).contains(&distance), "{distance}: {}", stops[0]);
    let explained = sandbox.host("explain run 1").expect(0).stdout;
    assert!(explained.contains(&format!("trigger={}", stops[0]["trigger"].as_str().unwrap())), "{explained}");
    assert!(fills.contains("stop-on-path"), "and some are hit");
    // Simulated and replayed it is the same run.
    let simulated =
        sandbox.host("run --mode simulation --speed max --config run.yaml --out sim --format json");
    assert_eq!(simulated.expect(0).json()["journal_sha256"], summary["journal_sha256"]);
    let replayed = sandbox.host("replay run --format json").expect(0).json();
    assert_eq!(replayed["replayed_sha256"], summary["journal_sha256"]);
}

#[test]
fn a_stop_over_more_bars_than_the_window_is_refused_before_the_run() {
    let sandbox = sandbox("{orders: {atr_stop: {period: 101}}}");
    let words = ["run.yaml", "risk.orders.atr_stop.period", "must lie in 1..100", "not 101"];
    sandbox.host("run --config run.yaml").refused(2, &words);
}

#[test]
fn kelly_says_how_it_starts_and_starts_with_what_is_stated() {
    let refused = sandbox("{strategy: {sizer: {model: kelly, min_trades: 3}}}");
    let (summary, decisions) = run(&refused);
    assert_eq!(summary["fills"], 0);
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("refused as kelly-sample (") && warnings.contains("give the sizer `start`"));
    let numbers = (number(&decisions[0]["limit"]), number(&decisions[0]["value"]));
    assert_eq!((decisions[0]["reason"].as_str(), numbers), (Some("kelly-sample"), (3.0, 0.0)));
    let (summary, decisions) =
        run(&sandbox("{strategy: {sizer: {model: kelly, min_trades: 3, start: 0.1}}}"));
    assert!(summary["trades"].as_u64().unwrap() >= 3, "{}", summary["trades"]);
    assert!(decisions.iter().all(|entry| entry["reason"] != "kelly-sample"));
}

#[test]
fn refusals_are_in_the_journal_with_their_numbers() {
    let low = sandbox("{strategy: {min_confidence: 0.9, sizer: {model: fixed-quantity, quantity: 0.01}}}");
    let dear = sandbox("{strategy: {sizer: {model: percent-of-equity, fraction: 3}}}");
    let small = sandbox("{strategy: {sizer: {model: fixed-quantity, quantity: 0.0001}}}");
    let lost = sandbox(
        "{portfolio: {daily_loss: 0.0001}, strategy: {sizer: {model: fixed-quantity, quantity: 0.2}}}",
    );
    for (sandbox, reason, limits, values) in [
        (low, "low-confidence", 0.9..=0.9, 0.8..=0.8),
        (dear, "insufficient-margin", 10_000.0..=10_000.0, 29_000.0..=30_001.0),
        (small, "below-minimum", 0.001..=0.001, 0.0001..=0.0001),
        (lost, "loss-limit", 0.0001..=0.0001, 0.0001..=0.1),
    ] {
        let (_, decisions) = run(&sandbox);
        let refusals: Vec<&Value> = decisions.iter().filter(|entry| entry["reason"] == reason).collect();
        assert!(!refusals.is_empty(), "{reason}: {}", decisions[0]);
        for entry in refusals {
            let (limit, value) = (number(&entry["limit"]), number(&entry["value"]));
            assert!(limits.contains(&limit) && values.contains(&value), "{entry}");
        }
    }
}
