//! Every way of misbehaving ends in a fault of the right kind with one line of explanation, and harms nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_types)]

mod common;

use std::time::{Duration, Instant};

use common::{desk, hostile, hostile_strategy, runtime, step};
use cryptobot_engine::{Delivery, Fault, FaultKind, Intent, Signal, Strategy};
use cryptobot_model::{Callback, OrderKind};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

fn plugin() -> Plugin {
    runtime().load_bytes(hostile()).unwrap()
}

/// Runs the plugin into its fault; a fault is one printable line.
fn fault(plugin: &Plugin, behaviour: &str, callback: &str) -> Fault {
    let mut strategy = hostile_strategy(plugin, behaviour, callback);
    let fault = strategy
        .init()
        .and_then(|()| step(&mut strategy, 0).map(|_| ()))
        .and_then(|()| strategy.snapshot().map(|_| ()))
        .and_then(|()| strategy.stop())
        .expect_err(behaviour);
    let line = fault.to_string();
    assert!(!line.contains(|c: char| c.is_control()) && line.len() < 500, "{line:?}");
    assert_eq!(step(&mut strategy, 1).unwrap_err(), fault, "a faulted instance answers with its fault");
    fault
}

#[test]
fn each_misbehaviour_has_its_fault() {
    let plugin = plugin();
    let cases = [
        ("trap", FaultKind::Trap, "panicked or aborted"),
        ("panic", FaultKind::Trap, "the market  is closed"),
        ("loop", FaultKind::Deadline, "ran longer than 200 ms"),
        ("allocate", FaultKind::Memory, "a plugin may have 64 MiB"),
        ("recurse", FaultKind::Trap, "stack"),
        ("flood-logs", FaultKind::LogFlood, "more than 1000 log lines"),
        ("flood-orders", FaultKind::OrderFlood, "more than 1000 orders"),
        ("flood-timers", FaultKind::TimerFlood, "more than 1000 timer calls"),
        ("flood-indicators", FaultKind::Contract, "more indicators than it may have"),
        ("flood-features", FaultKind::Contract, "more indicators than it may have"),
        ("features-elsewhere", FaultKind::Contract, "there is no series 7"),
        ("flood-brackets", FaultKind::OrderFlood, "more than 1000 orders"),
        ("flood-pairs", FaultKind::OrderFlood, "more than 1000 orders"),
        ("flood-modify", FaultKind::OrderFlood, "more than 1000 orders"),
        ("flood-signals", FaultKind::OrderFlood, "more than 1000 orders"),
        ("unknown-series", FaultKind::Contract, "there is no series 7"),
        ("bracket-elsewhere", FaultKind::Contract, "there is no series 7"),
        ("pair-elsewhere", FaultKind::Contract, "there is no series 7"),
        ("close-elsewhere", FaultKind::Contract, "there is no series 7"),
        ("signal-elsewhere", FaultKind::Contract, "there is no series 7"),
        ("broken-text", FaultKind::Contract, "does not take: invalid utf-8"),
    ];
    for (behaviour, kind, words) in cases {
        let fault = fault(&plugin, behaviour, "on-bar");
        assert_eq!(fault.kind, kind, "{behaviour}: {fault}");
        assert!(fault.message.contains(words), "{behaviour}: {fault}");
    }
}

#[test]
fn every_callback_is_guarded() {
    let plugin = plugin();
    for callback in ["init", "snapshot", "stop"] {
        assert_eq!(fault(&plugin, "trap", callback).kind, FaultKind::Trap, "{callback}");
        assert_eq!(fault(&plugin, "loop", callback).kind, FaultKind::Deadline, "{callback}");
        assert_eq!(fault(&plugin, "allocate", callback).kind, FaultKind::Memory, "{callback}");
    }
    let refused = fault(&plugin, "refuse", "init");
    assert_eq!(refused.to_string(), "refused: init: I would rather [31m not");
    let huge = fault(&plugin, "huge-snapshot", "snapshot");
    assert_eq!(huge.kind, FaultKind::Contract, "{huge}");
}

#[test]
fn a_refused_restore_ends_the_instance() {
    let mut strategy = hostile_strategy(&plugin(), "none", "on-bar");
    strategy.init().unwrap();
    let fault = strategy.restore(1, &[1, 2, 3]).unwrap_err();
    assert_eq!(fault.to_string(), "refused: restore: the state must have 8 bytes");
}

#[test]
fn what_is_only_odd_is_no_fault() {
    let plugin = plugin();
    for behaviour in ["none", "unknown-order", "unknown-modify", "huge-window", "huge-logs"] {
        let mut strategy = hostile_strategy(&plugin, behaviour, "on-bar");
        strategy.init().unwrap();
        let intents = step(&mut strategy, 0).unwrap_or_else(|fault| panic!("{behaviour}: {fault}"));
        let cancels = intents.iter().filter(|intent| matches!(intent, Intent::Cancel { .. })).count();
        assert_eq!(cancels, usize::from(behaviour == "unknown-order"));
        let changes = intents.iter().filter(|intent| matches!(intent, Intent::Modify { .. })).count();
        assert_eq!(changes, usize::from(behaviour == "unknown-modify"));
        let logs = strategy.desk().take_logs();
        assert!(logs.iter().all(|line| line.message.len() <= 4_096));
        if behaviour == "huge-window" {
            assert_eq!(logs[0].message, "window of 1");
        }
    }
}

#[test]
fn nan_crosses_the_border_in_one_form_only() {
    let mut strategy = hostile_strategy(&plugin(), "flood-nan", "on-bar");
    strategy.init().unwrap();
    let intents = step(&mut strategy, 0).unwrap();
    let prices: Vec<u64> = intents
        .iter()
        .filter_map(|intent| match intent {
            Intent::Order { kind: OrderKind::Limit { price, .. }, .. } => Some(price.to_bits()),
            _ => None,
        })
        .collect();
    assert_eq!(prices.len(), 500);
    assert!(prices.iter().all(|bits| *bits == f64::NAN.to_bits()));
}

#[test]
fn nan_has_one_form_in_every_order_signal_and_change() {
    let mut strategy = hostile_strategy(&plugin(), "nan-everywhere", "on-bar");
    strategy.init().unwrap();
    let intents = step(&mut strategy, 0).unwrap();
    let mut numbers = Vec::new();
    let mut note = |number: f64| {
        numbers.push(number);
        Some(number)
    };
    for intent in &intents[1..] {
        match intent {
            Intent::Order { kind, quantity, .. } => {
                match kind {
                    OrderKind::Limit { price: number, .. }
                    | OrderKind::StopMarket { trigger: number, .. }
                    | OrderKind::TakeProfitMarket { trigger: number, .. } => note(*number),
                    OrderKind::TrailingStop { callback, activation, .. } => {
                        note(*quantity);
                        note(activation.unwrap());
                        match callback {
                            Callback::Bps(number) | Callback::Distance(number) => note(*number),
                        }
                    }
                    other => panic!("{other:?}"),
                };
            }
            Intent::Modify { quantity, price, .. } => _ = (note(*quantity), note(*price)),
            Intent::Signal(Signal { confidence, stop, target, .. }) => {
                _ = (note(*confidence), note(stop.unwrap()), note(target.unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers.len(), 2 * 3 + 3 + 1 + 2 + 3);
    assert!(numbers.iter().all(|number| number.to_bits() == f64::NAN.to_bits()), "{numbers:?}");
}

#[test]
fn an_indicator_of_absurd_length_is_refused() {
    let mut strategy = hostile_strategy(&plugin(), "huge-indicator", "on-bar");
    strategy.init().unwrap();
    step(&mut strategy, 0).unwrap();
    let answer = strategy.desk().take_logs().remove(0).message;
    assert!(answer.starts_with("Err("), "{answer}");
}

#[test]
fn odd_features_are_refused_without_a_fault() {
    let mut strategy = hostile_strategy(&plugin(), "odd-features", "on-bar");
    strategy.init().unwrap();
    step(&mut strategy, 0).unwrap();
    let answer = strategy.desk().take_logs().remove(0).message;
    assert!(answer.starts_with("true "), "{answer}");
    assert!(
        answer.contains("there are only bars here") && answer.contains("`period` takes a number"),
        "{answer}"
    );
}

#[test]
fn a_loop_is_stopped_in_time() {
    let mut strategy = hostile_strategy(&plugin(), "loop", "on-bar");
    strategy.init().unwrap();
    let begun = Instant::now();
    step(&mut strategy, 0).unwrap_err();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn instances_live_apart_and_longer_than_the_runtime() {
    let plugin = plugin(); // Its runtime is gone by now.
    let mut good = hostile_strategy(&plugin, "none", "on-bar");
    let mut bad = hostile_strategy(&plugin, "loop", "on-bar");
    good.init().unwrap();
    bad.init().unwrap();
    let first = step(&mut good, 0).unwrap();
    step(&mut bad, 0).unwrap_err();
    let second = step(&mut good, 1).unwrap();
    let target = |intents: &[Intent]| match intents {
        [Intent::Order { target, .. }] => *target,
        other => panic!("{other:?}"),
    };
    assert_eq!((target(&first), target(&second)), (Some(1.0), Some(-1.0)));
}

#[test]
fn a_module_that_needs_more_than_its_memory_does_not_start() {
    let small = Limits { memory_bytes: 64 << 10, ..Limits::default() };
    let fault = plugin().instantiate(desk(), Vec::new(), &small, Delivery::Single).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Memory, "{fault}");
}

#[test]
fn strict_mode_gives_the_same_orders_and_counts_instructions() {
    let strict = Runtime::new(&RuntimeConfig { strict: true, ..RuntimeConfig::default() }).unwrap();
    let strict = strict.load_bytes(hostile()).unwrap();
    let mut fast = hostile_strategy(&plugin(), "none", "on-bar");
    let mut exact = hostile_strategy(&strict, "none", "on-bar");
    fast.init().unwrap();
    exact.init().unwrap();
    for bar in 0..1_000 {
        assert_eq!(step(&mut fast, bar).unwrap(), step(&mut exact, bar).unwrap());
    }
    let limits = Limits { callback_fuel: 100_000, ..Limits::default() };
    let params = ["loop", "on-bar"].map(|text| cryptobot_model::ParamValue::Text(text.into()));
    let params = ["behaviour", "in"].into_iter().map(str::to_owned).zip(params).collect();
    let mut looping = strict.instantiate(desk(), params, &limits, Delivery::Single).unwrap();
    looping.init().unwrap();
    let fault = step(&mut looping, 0).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Instructions, "{fault}");
    assert!(looping.resources().fuel.is_some_and(|fuel| fuel >= 100_000));
}

#[test]
fn strategies_can_move_to_another_thread() {
    let mut strategy = hostile_strategy(&plugin(), "none", "on-bar");
    std::thread::spawn(move || strategy.init()).join().unwrap().unwrap();
}
