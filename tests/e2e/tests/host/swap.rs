//! Other versions and other parameters on the way, from the command line.

use std::fs;

use cryptobot_e2e::{Ran, Sandbox, with_manifest};
use serde_json::json;

use super::permissions::CAPABILITIES;

/// The plugins of this repository with what makes them trade on two months of the sample.
const PLUGINS: [(&str, &str); 6] = [
    ("arbitrage-scout", "--symbol BTCUSDT --symbol ETHUSDT"),
    ("breakout", "--set stake=0.95"),
    ("buy-and-hold", ""),
    ("mean-reversion", "--symbol BTCUSDT --symbol ETHUSDT --set stake=0.95"),
    ("sma-flip", "--set quantity=0.1"),
    ("trend", "--set fast=5 --set slow=20 --set trail=true"),
];

fn run(sandbox: &Sandbox, plugin: &str, more: &str) -> Ran {
    sandbox.host(&format!(
        "run --plugin {plugin} --timeframe 15m --from 2024-01-01 --to 2024-03-01 --out run --format json {more}"
    ))
}

#[test]
fn swapped_for_itself_every_plugin_leaves_the_same_journal() {
    for (plugin, more) in PLUGINS {
        let mut sandbox = Sandbox::with_sample();
        if plugin != "sma-flip" {
            sandbox = sandbox.with_plugin(plugin);
        }
        let plain = run(&sandbox, plugin, more).expect(0).json();
        let journal = sandbox.bytes("run/journal.bin");
        let swaps =
            ["2024-01-05T10:07", "2024-01-12", "2024-01-12", "bar:2000", "bar:3333", "2024-02-20T23:59:59"]
                .map(|at| format!("--swap {at}={plugin}"));
        let swapped = run(&sandbox, plugin, &format!("{more} {}", swaps.join(" "))).expect(0).json();
        // Signals without a stake are intents that are refused.
        assert!(plain["intents"].as_u64().unwrap() > 0, "{plugin}");
        assert_eq!(sandbox.bytes("run/journal.bin"), journal, "{plugin}");
        assert_eq!(swapped["journal_sha256"], plain["journal_sha256"], "{plugin}");
        assert_eq!(swapped["final_equity"], plain["final_equity"], "{plugin}");
        assert_ne!(swapped["run"]["id"], plain["run"]["id"], "swaps are part of the identity");
        let done = swapped["swaps"].as_array().unwrap();
        assert_eq!(done.len(), 6);
        for swap in done {
            assert_eq!(swap["done"], true, "{plugin}: {swap}");
            assert_eq!(swap["plugin_sha256"], plain["run"]["plugin_sha256"]);
            assert!(swap["state_bytes"].as_u64().unwrap() > 0);
        }
        assert!(done.iter().any(|swap| swap["ts"] == "2024-01-05T10:07:00Z"), "{done:?}");
    }
}

#[test]
fn what_cannot_take_over_leaves_the_running_version_alone_and_says_why() {
    let sandbox = Sandbox::with_sample().with_plugin("trend").with_plugin("hostile");
    let plain = run(&sandbox, "sma-flip", "--set quantity=0.1").expect(0).json();
    sandbox.write("garbage.wasm", "not a plugin");
    let cases = [
        ("garbage.wasm", "not a WebAssembly file"),
        // The state of another strategy under other parameters.
        ("trend", "refused: restore: "),
        ("hostile", "refused: restore: the state must have 8 bytes"),
    ];
    for (version, words) in cases {
        let ran =
            run(&sandbox, "sma-flip", &format!("--set quantity=0.1 --swap 2024-01-15={version}")).expect(4);
        let summary = ran.json();
        assert_eq!(summary["journal_sha256"], plain["journal_sha256"], "{version}");
        let swap = &summary["swaps"][0];
        assert_eq!((&swap["done"], &swap["strategy"]), (&false.into(), &"sma-flip".into()));
        let reason = swap["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{version}: {reason}");
        let warning = summary["warnings"].to_string();
        assert!(
            warning.contains("a swap was refused, the running version went on") && warning.contains(words)
        );
    }
    // A run that is over by then is no fault of the plugin.
    let late = run(&sandbox, "sma-flip", "--set quantity=0.1 --swap 2025-01-15=sma-flip").expect(0).json();
    assert_eq!(late["swaps"][0]["reason"], "the run ended before it");
    assert_eq!(late["swaps"][0]["ts"], serde_json::Value::Null);
}

#[test]
fn a_swap_takes_other_parameters_only_where_the_plugin_can() {
    let sandbox = Sandbox::with_sample();
    sandbox.write(
        "run.yaml",
        "period: {from: 2024-01-01, to: 2024-02-01}\n\
         bots: {flip: {plugin: sma-flip, timeframe: 15m, params: {quantity: 0.1}, swaps: \
         [{at: 2024-01-10, plugin: sma-flip, set: {fast: 5}}, {at: 'bar:100', plugin: sma-flip}]}}\n",
    );
    let summary = sandbox.host("run --config run.yaml --out run --format json").expect(4).json();
    assert_eq!(summary["swaps"][0]["at"], "bar:100", "in the order in which they are made");
    assert_eq!(summary["swaps"][0]["done"], true);
    let reason = summary["swaps"][1]["reason"].as_str().unwrap();
    assert_eq!(reason, "refused: restore: the state was stored with other parameters");
    let again = sandbox.host("run --config run/run.yaml --out again --format json").expect(4).json();
    assert_eq!(again["run"]["id"], summary["run"]["id"]);
    assert_eq!(again["journal_sha256"], summary["journal_sha256"]);
}

#[test]
fn tunable_parameters_change_on_the_way() {
    let sandbox = Sandbox::with_sample().with_plugin("trend");
    let trend = "--set fast=5 --set slow=20";
    let plain = run(&sandbox, "trend", trend).expect(0).json();
    let tuned = run(&sandbox, "trend", &format!("{trend} --set-at 2024-01-20=stake=0.1")).expect(0).json();
    assert_ne!(tuned["journal_sha256"], plain["journal_sha256"]);
    assert_eq!(tuned["fills"], plain["fills"], "the same trades, smaller");
    let tuning = &tuned["tuning"][0];
    assert_eq!((&tuning["done"], &tuning["set"]["stake"]), (&true.into(), &"0.1".into()));
    let through =
        run(&sandbox, "trend", &format!("{trend} --set-at 2024-01-20=stake=0.1 --swap 2024-01-21=trend"));
    // The state knows its parameters: a version that takes over gets the new ones.
    assert_eq!(through.expect(0).json()["journal_sha256"], tuned["journal_sha256"]);
    let human = sandbox
        .host("run --plugin trend --timeframe 1h --to 2024-02-01 --set-at 2024-01-20=stake=0.1 --out run")
        .expect(0);
    assert!(
        human.stdout.contains("Changes on the way") && human.stdout.contains("stake=0.1"),
        "{}",
        human.stdout
    );
}

/// Limits are those of the version that runs: the manifest of the new one is stricter, and what it forbids is a fault.
#[test]
fn a_version_that_takes_over_brings_its_limits() {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    let declares =
        json!({"interfaces": CAPABILITIES, "modes": ["backtest"], "limits": {"orders_per_callback": 0}});
    let bytes = sandbox.bytes("plugins/dist/hostile.wasm");
    sandbox.write("strict.wasm", with_manifest(bytes, "hostile", &declares));
    let more = "--accept --balance 1000000 --swap 2024-01-15=strict.wasm";
    let summary = run(&sandbox, "hostile", more).expect(4).json();
    assert_eq!(summary["swaps"][0]["done"], true, "{}", summary["swaps"]);
    let fault = &summary["faults"][0];
    assert_eq!((&fault["kind"], &fault["call"]), (&"order-flood".into(), &"on-bar".into()), "{fault}");
    assert_eq!(fault["ts"], "2024-01-15T00:00:00Z", "the first bar that it sees");
    // Back in time, the laxer limits hold again.
    let back = run(&sandbox, "hostile", &format!("{more} --swap 2024-01-15=hostile")).expect(0).json();
    assert_eq!(
        back["journal_sha256"],
        run(&sandbox, "hostile", "--balance 1000000").json()["journal_sha256"]
    );
}

#[test]
fn mistakes_are_named_before_the_run() {
    let sandbox = Sandbox::with_sample().with_plugin("trend");
    let refused = |more: &str, words: &[&str]| {
        run(&sandbox, "trend", more).refused(2, words);
    };
    refused("--swap 2024-01-10=missing.wasm", &["there is no plugin missing.wasm"]);
    refused("--swap 2024-01-10", &["--swap", "TIME=PLUGIN"]);
    refused("--swap tomorrow=trend", &["`tomorrow` is no moment", "bar:5000"]);
    refused("--set-at 2024-01-10=stake=7", &["--set-at", "`stake` must lie in 0.01..1"]);
    refused("--set-at 2024-01-10=fast=7", &["`fast` cannot be set here", "stake, stop_atr"]);
    refused("--set-at 2024-01-10=pace=7", &["`pace` cannot be set here"]);
    sandbox.write(
        "run.yaml",
        "bots: {a: {plugin: trend, swaps: [{at: 2024-01-10, plugin: trend, set: {pace: 1}}]}}\n",
    );
    sandbox
        .host("run --config run.yaml")
        .refused(2, &["run.yaml:1:73: bots.a.swaps[0].set.pace", "`pace` cannot be set here"]);
    assert!(!fs::exists(sandbox.path("run")).unwrap());
}

#[test]
fn an_earlier_version_comes_back() {
    let sandbox = Sandbox::new();
    let version = |name: &str| fs::read(cryptobot_e2e::plugin(name)).unwrap();
    sandbox.write("plugins/dist/mine.wasm", version("sma-flip"));
    sandbox
        .host("plugin rollback mine")
        .refused(4, &["plugins/dist/mine.wasm", "no earlier version is kept"]);
    sandbox.host("plugin rollback other").refused(2, &["there is no plugin `other`"]);

    // A build keeps what it replaces.
    sandbox.host("plugin new mine").expect(0);
    let build = || sandbox.host("plugin build mine --out plugins/dist").expect(0);
    build();
    let ran = sandbox.host("plugin rollback mine").expect(0);
    assert!(ran.stdout.starts_with("plugins/dist/mine.wasm  sha256 "), "{}", ran.stdout);
    assert_eq!(sandbox.bytes("plugins/dist/mine.wasm"), version("sma-flip"));
    sandbox.host("plugin rollback ./plugins/dist/mine.wasm").refused(4, &["no earlier version is kept"]);
}
