//! Plugins of older and of newer contracts.

use std::fs;

use cryptobot_e2e::{Sandbox, repository, strategy_of};

const RUN: &str = "--symbol BTCUSDT --timeframe 15m --to 2024-03-01 --set fast=7 --set slow=19 --set quantity=0.1 \
                   --balance 100000 --format json";

#[test]
fn a_plugin_of_the_first_draft_gives_the_journal_of_its_newest_twin() {
    let sandbox = Sandbox::with_sample().with_plugin("first-draft");
    let inspected = sandbox.host("plugin inspect first-draft --format json").expect(0).json();
    assert_eq!(inspected["contract"], "0.0.1");
    let checked = sandbox.host("plugin check first-draft").expect(0).stdout;
    assert!(checked.contains("plugin contract 0.0.1"), "{checked}");

    let old = sandbox.host(&format!("run --plugin first-draft --out old {RUN}")).expect(0).json();
    let new = sandbox.host(&format!("run --plugin sma-flip --out new {RUN}")).expect(0).json();
    assert!(old["fills"].as_u64().unwrap() > 100, "{old}");
    assert_eq!(old["journal_sha256"], new["journal_sha256"]);
    assert_eq!(sandbox.bytes("old/journal.bin"), sandbox.bytes("new/journal.bin"));
    assert_ne!(old["run"]["plugin_sha256"], new["run"]["plugin_sha256"]);
}

#[test]
fn an_old_and_a_new_plugin_trade_in_one_run() {
    let sandbox = Sandbox::with_sample().with_plugin("first-draft");
    let bots = "bots:\n  old: {plugin: first-draft, symbols: [BTCUSDT]}\n  new: {plugin: sma-flip, symbols: [ETHUSDT]}\n";
    sandbox.write("two.yaml", format!("period: {{to: 2024-02-01}}\nbalance: 1000000\n{bots}"));
    let summary = sandbox.host("run --config two.yaml --out two --format json").expect(0).json();
    let trades = |index: usize| summary["strategies"][index]["trades"].as_u64().unwrap();
    assert!(trades(0) > 0 && trades(1) > 0, "{summary}");
}

#[test]
fn a_plugin_of_a_newer_contract_is_refused_by_both_versions() {
    let sandbox = Sandbox::with_sample();
    for newer in ["0.2.0", "1.0.0"] {
        let component = strategy_of(&repository().join("wit/v0.1"), "0.1.0", newer);
        fs::write(sandbox.path("newer.wasm"), component).unwrap();
        let words = [newer, "newer than what this host speaks (0.0.1 and 0.1)", "take a newer host"];
        sandbox.host("run --plugin newer.wasm --timeframe 1h").refused(4, &words);
        let checked = sandbox.host("plugin check newer.wasm").expect(4).stdout;
        assert!(words.iter().all(|word| checked.contains(word)), "{checked}");
    }
}
