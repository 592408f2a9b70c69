//! A plugin that gets its bars in pages does what it does when it gets them one by one, to the bit.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cryptobot_determinism::{Setup, Tape, empty_run, setups};
use cryptobot_engine::{Delivery, Desk, DeskLimits, EngineError, LogLine, Outcome};
use cryptobot_model::{Instrument, ParamValue, SeriesInfo, StrategyId, Timeframe, Wants};
use cryptobot_test_support::cases;
use cryptobot_test_support::run::{ALL_WANTS, MemoryRun, series};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};
use proptest::prelude::*;

/// The plugin that looks at everything and asks for anything.
fn noise() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/plugins/noise");
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("noise-{}", std::process::id()));
        let built = cryptobot_plugin::build(&project, &out).unwrap();
        let plugin = Runtime::new(&RuntimeConfig::default()).unwrap().load(&built.path).unwrap();
        std::fs::remove_dir_all(out).unwrap();
        plugin
    })
}

/// How the plugin behaves.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// Of a thousand events, how many it answers with requests, and at how many bars it looks around.
    requests: i64,
    looks: i64,
    /// The bar at which it fails.
    panic_at: i64,
    look_back: usize,
    /// Whether it looks only at executions and ends of its orders.
    outcomes: bool,
}

fn manners() -> impl Strategy<Value = Manner> {
    let looks = prop::sample::select(vec![0, 30, 500]);
    let look_back = prop::sample::select(vec![0, 1, 50, 400]);
    (prop::sample::select(vec![0, 5, 40, 300]), looks, look_back).prop_map(|(requests, looks, look_back)| {
        Manner { requests, looks, panic_at: 0, look_back, outcomes: false }
    })
}

fn desk(run: &MemoryRun, setup: &Setup, look_back: usize) -> Desk {
    let instruments: Vec<Instrument> = run.markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let frames: &[Timeframe] = &[Timeframe::MINUTE, "15m".parse().unwrap()];
    let series: Vec<SeriesInfo> = series(&instruments, &frames[..=usize::from(setup.higher)]);
    Desk::new(StrategyId(0), series, instruments.len(), look_back, setup.seed, DeskLimits::default())
}

/// What a run leaves behind: its entries and marks, its outcome and its log.
type Left = (Tape, Outcome, Vec<LogLine>);

fn run(setup: &Setup, manner: Manner, delivery: Delivery) -> Result<Left, EngineError> {
    run_wanting(setup, manner, ALL_WANTS, delivery)
}

fn run_wanting(setup: &Setup, manner: Manner, wants: Wants, delivery: Delivery) -> Result<Left, EngineError> {
    let run = empty_run(setup);
    let desk = desk(&run, setup, manner.look_back);
    let params = [("requests", manner.requests), ("looks", manner.looks), ("panic_at", manner.panic_at)];
    let mut params = params.map(|(name, value)| (name.to_owned(), ParamValue::Integer(value))).to_vec();
    params.push(("outcomes".to_owned(), ParamValue::Flag(manner.outcomes)));
    let strategy = noise().instantiate(desk, params, &Limits::default(), delivery);
    let mut engine = run.with_strategy_wanting(Box::new(strategy.unwrap()), wants).engine().into_engine();
    let mut tape = Tape::default();
    let outcome = engine.run(&mut tape, &mut |_| std::ops::ControlFlow::Continue(()))?;
    let logs = engine.into_strategies().iter_mut().flat_map(|strategy| strategy.desk().take_logs()).collect();
    Ok((tape, outcome, logs))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(96)))]

    #[test]
    fn pages_and_single_bars_leave_the_same_behind(
        setup in setups(1),
        manner in manners(),
        driven: bool,
    ) {
        let (single, one, said) = run(&setup, manner, Delivery::Single).unwrap();
        prop_assert!(noise().is_driven() && noise().takes_pages());
        let many = if driven { Delivery::Event } else { Delivery::Paged };
        let (paged, other, wrote) = run(&setup, manner, many).unwrap();
        for (line, (single, paged)) in single.lines.iter().zip(&paged.lines).enumerate() {
            prop_assert_eq!(single, paged, "line {}", line);
        }
        prop_assert_eq!(single.lines.len(), paged.lines.len());
        // Wall time is no part of what came of it.
        let (one, other) =
            (Outcome { called: Vec::new(), ..one }, Outcome { called: Vec::new(), ..other });
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        prop_assert_eq!(said, wrote);
    }

    /// Whoever does not look at the steps between need not be told of them.
    #[test]
    fn steps_that_are_ignored_and_steps_that_are_not_wanted_leave_the_same_behind(
        setup in setups(1),
        manner in manners(),
    ) {
        let manner = Manner { outcomes: true, ..manner };
        let outcomes = Wants { orders: false, ..ALL_WANTS };
        let (all, _, said) = run(&setup, manner, Delivery::Single).unwrap();
        for delivery in [Delivery::Event, Delivery::Paged] {
            let (less, _, wrote) = run_wanting(&setup, manner, outcomes, delivery).unwrap();
            for (line, (all, less)) in all.lines.iter().zip(&less.lines).enumerate() {
                prop_assert_eq!(all, less, "{:?}, line {}", delivery, line);
            }
            prop_assert_eq!(all.lines.len(), less.lines.len());
            prop_assert_eq!(&said, &wrote);
        }
    }

    /// At which bar it failed is not known, so that nothing that came of the run counts.
    #[test]
    fn a_failure_inside_a_page_ends_the_run(
        setup in setups(1),
        panic_at in 1_i64..500,
        driven: bool,
    ) {
        let setup = Setup { symbols: 1, higher: false, ..setup };
        let manner = Manner { requests: 0, looks: 0, panic_at, look_back: 0, outcomes: false };
        let (_, single, _) = run(&setup, manner, Delivery::Single).unwrap();
        prop_assert_eq!(single.faults.len(), 1);
        match run(&setup, manner, if driven { Delivery::Event } else { Delivery::Paged }) {
            Err(EngineError::InPage(fault)) => prop_assert_eq!(fault.kind, single.faults[0].1.kind),
            // A bar before which something was due was given to it by itself.
            Ok((_, paged, _)) => prop_assert_eq!(paged.faults[0].1.to_string(), single.faults[0].1.to_string()),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
