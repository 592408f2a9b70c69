//! Host memory stays bounded whatever plugins do. Alone in its process: others would be measured with it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{hostile, hostile_strategy, resident_bytes, runtime, step};
use cryptobot_engine::Strategy;
use cryptobot_wasm::Plugin;

#[test]
fn memory_is_bounded() {
    let plugin = runtime().load_bytes(hostile()).unwrap();
    faults_leave_nothing_behind(&plugin);
    a_thousand_instances_fit(&plugin);
}

fn a_thousand_instances_fit(plugin: &Plugin) {
    let before = resident_bytes();
    let mut instances: Vec<_> = (0..1_000).map(|_| hostile_strategy(plugin, "none", "on-bar")).collect();
    for strategy in &mut instances {
        strategy.init().unwrap();
        step(strategy, 0).unwrap();
    }
    let each = resident_bytes().saturating_sub(before) / instances.len();
    assert!(each < 128 << 10, "{each} bytes per instance");
}

fn faults_leave_nothing_behind(plugin: &Plugin) {
    let greedy = ["allocate", "flood-logs", "huge-logs", "flood-orders", "flood-indicators", "recurse"];
    let round = || {
        for behaviour in greedy {
            let mut strategy = hostile_strategy(plugin, behaviour, "on-bar");
            strategy.init().unwrap();
            let _ = step(&mut strategy, 0);
        }
        resident_bytes()
    };
    let first = round();
    for _ in 0..20 {
        let now = round();
        assert!(now < first + (32 << 20), "{} bytes more than after the first round", now - first);
    }
}
