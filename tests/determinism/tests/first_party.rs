//! The plugins of the repository that want only what becomes of their orders do what they did when they were told of
//! every step.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use cryptobot_engine::{Delivery, Desk, DeskLimits, ExchangeConfig, Latency, Sizer};
use cryptobot_model::{Instrument, ParamValue, PluginInfo, StrategyId, Timeframe, Wants};
use cryptobot_test_support::market::wild_walk;
use cryptobot_test_support::run::{MemoryRun, Record, instrument, series};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

/// Name, and parameters that make it trade often.
const PLUGINS: [(&str, &[(&str, f64)]); 9] = [
    ("arbitrage-scout", &[("window", 20.0), ("entry", 1.5), ("full", 3.0), ("max_bars", 15.0)]),
    ("breakout", &[("period", 15.0), ("trail_atr", 3.0)]),
    // With orders of its own.
    ("breakout", &[("period", 15.0), ("trail_atr", 3.0), ("stake", 0.95)]),
    ("buy-and-hold", &[]),
    ("guarded-flip", &[("stop", 0.003)]),
    ("mean-reversion", &[("width", 1.5), ("oversold", 40.0), ("stop", 0.004)]),
    ("mean-reversion", &[("width", 1.5), ("oversold", 40.0), ("stop", 0.004), ("stake", 0.95)]),
    ("trend", &[("fast", 5.0), ("slow", 15.0), ("stop_atr", 1.5)]),
    // With a stop that follows.
    ("trend", &[("fast", 5.0), ("slow", 15.0), ("trail", 1.0)]),
];

fn load(name: &str) -> Plugin {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name);
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let built = cryptobot_plugin::build(&project, &out).unwrap();
    let plugin = Runtime::new(&RuntimeConfig::default()).unwrap().load(&built.path).unwrap();
    std::fs::remove_dir_all(out).unwrap();
    plugin
}

/// The values of all parameters, in their types.
fn params(info: &PluginInfo, given: &[(&str, f64)]) -> Vec<(String, ParamValue)> {
    let value = |name: &str, default: &ParamValue| {
        let given = given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
        match (default, given) {
            (default, None) => default.clone(),
            (ParamValue::Integer(_), Some(value)) => ParamValue::Integer(value as i64),
            (ParamValue::Flag(_), Some(value)) => ParamValue::Flag(value != 0.0),
            (_, Some(value)) => ParamValue::Number(value),
        }
    };
    info.params.iter().map(|spec| (spec.name.clone(), value(&spec.name, &spec.default))).collect()
}

fn run(plugin: &Plugin, params: &[(String, ParamValue)], wants: Wants, delivery: Delivery) -> Record {
    let markets = [7, 8].map(|seed| (instrument(&format!("S{seed}")), wild_walk(3_000, seed, 2)));
    let mut run = MemoryRun::new(markets.to_vec());
    run.exchange = ExchangeConfig { latency: Latency::constant(50_000_000), ..ExchangeConfig::default() };
    run.limits.strategy.sizer = Some(Sizer::FixedQuantity { quantity: 1.0 });
    let instruments: Vec<Instrument> = run.markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let series = series(&instruments, &[Timeframe::MINUTE]);
    let desk = Desk::new(StrategyId(0), series, instruments.len(), 500, 42, DeskLimits::default());
    let (params, limits) = (params.to_vec(), Limits::default());
    let strategy = plugin.instantiate(desk, params, &limits, delivery);
    let mut record = Record::default();
    let outcome = run.with_strategy_wanting(Box::new(strategy.unwrap()), wants).run(&mut record);
    assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    record
}

#[test]
fn plugins_that_want_outcomes_need_no_other_steps() {
    for (name, given) in PLUGINS {
        let plugin = load(name);
        let info = plugin.describe(&Limits::default()).unwrap();
        assert!(info.wants.outcomes && !info.wants.orders, "{name}");
        let params = params(&info, given);
        let every_step = run(&plugin, &params, Wants { orders: true, ..info.wants }, Delivery::Single);
        let fills = every_step.fills.len();
        assert!(fills > 100 || name == "buy-and-hold" && fills == 2, "{name}: {fills} fills");
        let hash = every_step.journal_hash();
        for delivery in Delivery::ALL {
            let outcomes = run(&plugin, &params, info.wants, delivery);
            assert_eq!(outcomes.journal_hash(), hash, "{name}, {delivery}");
        }
        // The wish matters, or nothing of this would say anything.
        let deaf = Wants { outcomes: false, ..info.wants };
        let differs = run(&plugin, &params, deaf, Delivery::Single).journal_hash() != hash;
        assert_eq!(differs, name != "buy-and-hold", "{name}");
    }
}
