//! Several bots, some of whose plugins cannot be loaded: the others run, and everybody is told.

use cryptobot_e2e::{Ran, Sandbox, strategy_importing, with_manifest};
use serde_json::json;

use super::permissions::CAPABILITIES;

const GOOD: &str = "period: {to: 2024-01-15}\nbalance: 50000\nbots:\n  \
    good: {plugin: sma-flip, params: {quantity: 0.1}, symbols: [BTCUSDT], timeframe: 1h, balance: 10000}\n";

/// A script that is none, a damaged component, and one that is not made for the symbol.
const BAD: &str = "  broken: {plugin: broken.rhai, timeframe: 15m}\n  \
    cut: {plugin: cut.wasm, timeframe: 15m, swaps: [{at: 2024-01-03, plugin: sma-flip}]}\n  \
    other: {plugin: other.wasm, symbols: [BTCUSDT], timeframe: 5m}\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    sandbox.write("broken.rhai", "fn on_bar(bar) {\n    buy(1.0\n}\n");
    let whole = sandbox.bytes("plugins/dist/sma-flip.wasm");
    sandbox.write("cut.wasm", &whole[..whole.len() / 2]);
    let declares = json!({"interfaces": CAPABILITIES, "instruments": ["ETH*"]});
    let hostile = sandbox.bytes("plugins/dist/hostile.wasm");
    sandbox.write("other.wasm", with_manifest(hostile, "other", &declares));
    sandbox
}

fn warnings(ran: &Ran) -> String {
    ran.json()["warnings"].to_string()
}

#[test]
fn the_others_run_and_the_bots_without_a_plugin_are_reported() {
    let sandbox = sandbox();
    sandbox.write("alone.yaml", GOOD);
    let alone = sandbox.host("run --config alone.yaml --out alone --format json").expect(0).json();
    let command = "operator: [{at: 2024-01-02, command: kill, bot: cut}]\n";
    sandbox.write("all.yaml", format!("{command}{GOOD}{BAD}"));
    let ran = sandbox.host("run --config all.yaml --out all --format json").expect(4);
    let summary = ran.json();
    assert_eq!(summary["journal_sha256"], alone["journal_sha256"]);
    assert_eq!(summary["states"], json!([]), "a command to a bot that is left out is none to the others");
    let faults: Vec<_> = summary["faults"].as_array().unwrap().iter().collect();
    let [broken, cut, other] = faults[..] else { panic!("three faults: {faults:?}") };
    for (fault, name, words) in [
        (broken, "broken", "broken.rhai:3:1"),
        (cut, "cut", "cut.wasm: "),
        (other, "other", "its manifest declares the instruments ETH*, and not synthetic/BTCUSDT"),
    ] {
        let (kind, strategy) = (&fault["kind"], &fault["strategy"]);
        assert_eq!((kind.as_str(), strategy.as_str()), (Some("not-loaded"), Some(name)), "{fault}");
        assert!(fault["message"].as_str().unwrap().contains(words), "{fault}");
        assert!(warnings(&ran).contains(&format!("{name} was left out of the run")), "{}", warnings(&ran));
        assert!(ran.stderr.contains(&format!("error: {name} was left out of the run: ")), "{}", ran.stderr);
    }
    assert!(ran.stderr.contains("3 | }"), "the place in the script: {}", ran.stderr);
    assert!(warnings(&ran).contains("the command to cut at 2024-01-02"), "{}", warnings(&ran));
    let shown = sandbox.host("run --config all.yaml --out shown").expect(4).stdout;
    assert!(shown.contains("not-loaded") && shown.contains("broken"), "{shown}");
    assert!(sandbox.read("all/report.html").contains("not-loaded"));

    // What was run is on record, and repeats it.
    sandbox.write("again.yaml", sandbox.read("all/run.yaml"));
    let again = sandbox.host("run --config again.yaml --out again --format json").expect(0).json();
    assert_eq!(again["run"]["id"], summary["run"]["id"]);
    assert_eq!(again["journal_sha256"], summary["journal_sha256"]);
}

#[test]
fn mistakes_of_the_user_refuse_the_whole_run() {
    let sandbox = sandbox();
    for (bot, words) in [
        ("  typo: {plugin: sma-flip, params: {fats: 3}}\n", "fats"),
        ("  gone: {plugin: gone.wasm}\n", "gone.wasm"),
        ("  late: {plugin: cut.wasm, swaps: [{at: 2024-01-03, plugin: gone.wasm}]}\n", "gone.wasm"),
        ("  odd: {plugin: cut.wasm, timeframe: 7x}\n", "7x"),
    ] {
        sandbox.write("run.yaml", format!("{GOOD}{BAD}{bot}"));
        sandbox.host("run --config run.yaml --out run").refused(2, &[words]);
    }
    assert!(!sandbox.path("run").exists());
}

#[test]
fn where_no_plugin_can_be_loaded_there_is_no_run() {
    let sandbox = sandbox();
    sandbox.write("run.yaml", format!("bots:\n{BAD}"));
    let ran = sandbox.host("run --config run.yaml --out run").expect(4);
    for words in ["broken.rhai:3:1", "cut.wasm: ", "other.wasm: its manifest declares"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    // A sweep compares portfolios: it leaves nobody out.
    sandbox.write("sweep.yaml", format!("{GOOD}  cut: {{plugin: cut.wasm, timeframe: 15m}}\n"));
    sandbox.host("sweep --config sweep.yaml --param good.fast=5,10 --out run").refused(4, &["cut.wasm: "]);
    assert!(!sandbox.path("run").exists());
    sandbox.host("run --plugin cut.wasm").refused(4, &["cut.wasm"]);
    // One that can be loaded and cannot run its first call is no run either.
    sandbox.write("p.wasm", strategy_importing(&["orders"]));
    sandbox.host("run --plugin p.wasm").refused(4, &["p.wasm", "trap"]);
}
