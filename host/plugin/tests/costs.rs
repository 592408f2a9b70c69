//! What `host plugin bench` measures.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use cryptobot_model::ParamValue;
use cryptobot_plugin::Limits;
use cryptobot_plugin::{BenchError, BenchOptions, BenchReport, BenchTape, bench, build};
use cryptobot_wasm::Compiler;

fn measured(name: &str, params: &[(&str, &str)]) -> Result<BenchReport, BenchError> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("costs");
    let built = build(&source, &out).unwrap_or_else(|error| panic!("{error}"));
    let cache = tempfile::tempdir().unwrap();
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), ParamValue::Text((*value).to_owned()));
    let options = BenchOptions {
        params: params.iter().map(text).collect::<BTreeMap<_, _>>(),
        rounds: 2,
        tape: BenchTape::Generated(2_000),
        cache_dir: Some(cache.path().to_owned()),
        compiler: Compiler::InProcess,
    };
    bench(&built.path, &Limits::default(), &options)
}

fn calls(report: &BenchReport, name: &str) -> Option<u64> {
    report.callbacks.iter().find(|cost| cost.name == name).map(|cost| cost.calls)
}

#[test]
fn every_callback_is_counted_and_has_a_price() {
    let report = measured("trend", &[]).unwrap();
    assert_eq!((report.bars, report.rounds, calls(&report, "on-bar")), (2_000, 2, Some(2_000)));
    // It is told of the outcome of each order, and some are still open at the end.
    let told = calls(&report, "on-order").unwrap();
    assert!(told > 0 && told <= report.orders, "{report:?}");
    assert_eq!((calls(&report, "init"), calls(&report, "stop")), (Some(1), Some(1)));
    let figures = [report.compile_ms, report.load_ms.unwrap(), report.start_ms, report.bars_per_s];
    assert!(figures.iter().all(|figure| *figure > 0.0), "{report:?}");
    assert!(report.empty_call_ns > 1.0, "{report:?}");
    assert!(report.memory_bytes.unwrap() >= 65_536, "{report:?}");
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["machine"]["cores"].as_u64().unwrap() > 0 && json["callbacks"][1]["ns"].is_number());
}

#[test]
fn a_plugin_that_wants_company_gets_a_second_symbol() {
    assert_eq!(measured("arbitrage-scout", &[]).unwrap().bars, 4_000);
}

#[test]
fn a_plugin_that_breaks_is_not_measured() {
    let broken = measured("hostile", &[("behaviour", "panic"), ("in", "on-bar")]).unwrap_err();
    assert!(
        broken.is_of_plugin() && broken.to_string().starts_with("the plugin was stopped: trap"),
        "{broken}"
    );
    let unknown = measured("sma-flip", &[("fats", "3")]).unwrap_err();
    assert!(!unknown.is_of_plugin() && unknown.to_string().contains("no parameter `fats`"), "{unknown}");
}
