//! Host memory stays bounded whatever plugins do. Alone in its process: others would be measured with it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{hostile, hostile_strategy, resident_bytes, runtime, step};
use cryptobot_engine::Strategy;

#[test]
fn faults_leave_no_memory_behind() {
    let plugin = runtime().load_bytes(hostile()).unwrap();
    let greedy = [
        "allocate",
        "flood-logs",
        "huge-logs",
        "flood-orders",
        "flood-indicators",
        "recurse",
    ];
    let round = || {
        for behaviour in greedy {
            let mut strategy = hostile_strategy(&plugin, behaviour, "on-bar");
            strategy.init().unwrap();
            let _ = step(&mut strategy, 0);
        }
        resident_bytes()
    };
    let first = round();
    for _ in 0..20 {
        let now = round();
        assert!(
            now < first + (32 << 20),
            "{} bytes more than after the first round",
            now - first
        );
    }
}
