//! `--delivery`: pages of bars change nothing but the time a run takes.

use cryptobot_e2e::{Sandbox, plugin};
use serde_json::Value;

/// What of a summary must not differ.
fn essence(summary: &Value) -> [Value; 6] {
    let run = &summary["run"];
    let fields = [&run["id"], &summary["journal_sha256"], &summary["metrics"], &summary["orders"]];
    let fields = fields.into_iter().chain([&summary["final_equity"], &summary["strategies"]]);
    fields.cloned().collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn every_plugin_does_the_same_in_pages() {
    let plugins = [
        ("arbitrage-scout", ""),
        ("breakout", "--set stake=0.95"),
        ("buy-and-hold", ""),
        ("mean-reversion", "--timeframe 5m --set stake=0.95"),
        ("signal-flip", "--timeframe 15m --set stop=0.01"),
        ("sma-flip", "--set quantity=0.01"),
        ("sma-flip", "--timeframe 1h --set quantity=0.01 --leverage 3"),
        ("trend", "--set trail=true"),
    ];
    for (name, options) in plugins {
        let sandbox = Sandbox::with_sample();
        let sandbox = if name == "sma-flip" { sandbox } else { sandbox.with_plugin(name) };
        let run = format!(
            "run --plugin {name} --symbol BTCUSDT --symbol ETHUSDT --to 2024-04-01 --accept --format json {options}"
        );
        let event = sandbox.host(&format!("{run} --out event")).expect(0).json();
        assert_eq!(event["run"]["delivery"], "event");
        assert_ne!(event["intents"], 0, "{name} {options}");
        for delivery in ["single", "paged"] {
            let other =
                sandbox.host(&format!("{run} --delivery {delivery} --out {delivery}")).expect(0).json();
            assert_eq!(other["run"]["delivery"], delivery);
            assert_eq!(essence(&event), essence(&other), "{name} {options}");
            for table in ["orders.csv", "fills.csv", "trades.csv", "equity.csv", "journal.bin"] {
                let [one, other] = ["event", delivery].map(|out| sandbox.bytes(&format!("{out}/{table}")));
                assert!(one == other, "{name} {options}: {table}, {delivery}");
            }
        }
    }
}

/// The example outside of the workspace's plugins.
#[test]
fn the_example_does_the_same_in_pages() {
    let sandbox = Sandbox::with_sample();
    sandbox.link(&plugin("../examples/rust/sma-flip"), "example.wasm");
    let run = "run --plugin example.wasm --timeframe 15m --set quantity=0.01 --format json";
    let [single, event, paged] = ["single", "event", "paged"].map(|delivery| {
        sandbox.host(&format!("{run} --delivery {delivery} --out {delivery}")).expect(0).json()
    });
    assert_eq!(essence(&single), essence(&paged));
    assert_eq!(essence(&single), essence(&event));
}

#[test]
fn a_failure_inside_a_page_is_the_fault_that_it_is_bar_by_bar() {
    let sandbox = Sandbox::with_sample().with_plugin("noise");
    let run =
        "run --plugin noise --timeframe 15m --accept --set panic_at=5000 --set requests=2 --format json";
    let single = sandbox.host(&format!("{run} --delivery single --out single")).expect(4).json();
    for (delivery, is_told) in [("auto", true), ("event", false)] {
        let ran = sandbox.host(&format!("{run} --delivery {delivery} --out again")).expect(4);
        assert_eq!(ran.stderr.contains("running again bar by bar"), is_told, "{}", ran.stderr);
        let again = ran.json();
        assert_eq!(again["run"]["delivery"], "single");
        assert_eq!(essence(&single), essence(&again));
        assert_eq!(single["faults"][0]["message"], again["faults"][0]["message"]);
    }
}

#[test]
fn where_pages_are_impossible_they_are_refused_or_done_without() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("idle.rhai", "fn on_bar(bar) {}\n");
    let run = "run --plugin idle.rhai --timeframe 1d --accept --format json";
    sandbox
        .host(&format!("{run} --delivery paged"))
        .refused(2, &["delivery", "one by one only", "use auto or event"]);
    assert_eq!(sandbox.host(&format!("{run} --delivery auto")).expect(0).json()["run"]["delivery"], "event");

    let bot = "{plugin: sma-flip, symbols: [BTCUSDT], timeframe: 1d, params: {quantity: 0.01}}";
    sandbox.write("two.yaml", format!("delivery: paged\nbots:\n  one: {bot}\n  two: {bot}\n"));
    sandbox.host("run --config two.yaml").refused(2, &["delivery", "2 bots share the run"]);
    sandbox.write("slow.yaml", "delivery: sometimes\n");
    sandbox
        .host("run --config slow.yaml --plugin sma-flip")
        .refused(2, &["slow.yaml", "event, single, paged or auto"]);
}

#[test]
fn a_sweep_refuses_a_plugin_that_reads_ahead() {
    let sandbox = Sandbox::with_sample();
    sandbox.link(&plugin("hostile/clairvoyant"), "clairvoyant.wasm");
    let sweep = "sweep --plugin clairvoyant.wasm --timeframe 1h --param luck=1..3 --balance 1000000 --accept --top 2 --format json";
    let honest = sandbox.host(&format!("{sweep} --set behaviour=honest --out honest")).expect(0).json();
    assert_eq!((&honest["delivery"], &honest["verification"]["checked"]), (&"paged".into(), &2.into()));
    let ran = sandbox.host(&format!("{sweep} --set behaviour=peek --out peek")).expect(4);
    assert!(ran.stderr.contains("it read ahead in its pages"), "{}", ran.stderr);
    println!("{}", ran.stderr);
}

#[test]
fn a_failure_inside_a_page_is_a_row_of_a_sweep() {
    let sandbox = Sandbox::with_sample().with_plugin("noise");
    let sweep = "sweep --plugin noise --timeframe 15m --set requests=2 --set looks=300 --param panic_at=0,5000 --accept \
                 --top 1 --format json";
    for delivery in ["event", "paged"] {
        let ran = sandbox.host(&format!("{sweep} --delivery {delivery} --out {delivery}")).expect(0);
        assert_eq!(ran.json()["failed"], 1, "{delivery}");
    }
    assert!(sandbox.bytes("event/sweep.parquet") == sandbox.bytes("paged/sweep.parquet"));
}
