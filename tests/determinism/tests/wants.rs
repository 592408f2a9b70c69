//! What a strategy is told of its orders follows its wish, whoever runs beside it, takes over from it or stops it; the
//! journal does not.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use cryptobot_determinism::{Setup, Tape, empty_run, setups};
use cryptobot_engine::{
    Change, ChangeRequest, Desk, ExchangeConfig, Fault, FaultKind, FaultPolicy, Latency, OnFault, Params,
    Restart, Version, When,
};
use cryptobot_model::{
    Bar, ClosedTrade, Instrument, OrderEvent, OrderEventKind, OrderId, PluginInfo, SeriesId, StrategyId,
    Timeframe, Timestamp, Wants,
};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::{Logic, Native, version};
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, MemoryRun, desk, instrument, series};
use proptest::prelude::*;

const OUTCOMES: Wants = Wants { orders: false, ..ALL_WANTS };
const MINUTE_NS: i64 = 60_000_000_000;

/// Does anything, and looks at nothing of its orders but executions and ends.
#[derive(Default)]
struct Narrow(Noise);

impl Logic for Narrow {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.0.on_bar(desk, series, bar)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        if event.kind.is_outcome() { self.0.on_order(desk, event) } else { Ok(()) }
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        self.0.on_position_close(desk, trade)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.0.on_timer(desk, id, now)
    }
}

/// The entries and marks of a run in which some of the strategies want outcomes only.
fn narrow(setup: &Setup, narrowed: [bool; 3]) -> Vec<String> {
    let mut run = empty_run(setup);
    let instruments: Vec<Instrument> = run.markets.iter().map(|(instrument, _)| instrument.clone()).collect();
    let frames: &[Timeframe] = &[Timeframe::MINUTE, "5m".parse().unwrap()];
    let frames = &frames[..=usize::from(setup.higher)];
    for (index, outcomes) in narrowed.into_iter().enumerate().take(setup.strategies) {
        let desk = desk(index, &instruments, frames, setup.seed ^ index as u64);
        let strategy = Box::new(Native::new(desk, Narrow::default()));
        run = run.with_strategy_wanting(strategy, if outcomes { OUTCOMES } else { ALL_WANTS });
    }
    let mut tape = Tape::default();
    run.run(&mut tape);
    tape.lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(96)))]

    #[test]
    fn what_is_not_wanted_leaves_no_trace(setup in setups(3), narrowed in any::<[bool; 3]>()) {
        let (all, less) = (narrow(&setup, [false; 3]), narrow(&setup, narrowed));
        for (line, (all, less)) in all.iter().zip(&less).enumerate() {
            prop_assert_eq!(all, less, "line {}", line);
        }
        prop_assert_eq!(all.len(), less.len());
    }
}

/// What each instance was told, with its number.
type Told = Arc<Mutex<Vec<(u32, OrderEventKind)>>>;

/// Turns its position at every bar, which has news at once, in the next step and later; keeps what it is told.
struct Listener {
    instance: u32,
    bars: u32,
    /// At which of its bars it fails; 0 = never.
    fails_at: u32,
    told: Told,
}

impl Logic for Listener {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        self.bars += 1;
        if self.bars == self.fails_at {
            return Err(Fault::new(FaultKind::Trap, "it was time"));
        }
        desk.cancel(OrderId::new(StrategyId(0), 9_999))?;
        desk.target_position(series, if self.bars.is_multiple_of(2) { 1.0 } else { -1.0 }).map(|_| ())
    }

    fn on_order(&mut self, _desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        self.told.lock().unwrap().push((self.instance, event.kind));
        Ok(())
    }
}

/// A version whose instances are numbered from `first` on.
fn listener(first: u32, wants: Wants, fails_at: u32, told: &Told) -> Arc<Version> {
    let info = PluginInfo {
        name: "listener".to_owned(),
        version: first.to_string(),
        state_version: 1,
        warmup_bars: 0,
        params: Vec::new(),
        series: Vec::new(),
        wants,
    };
    let (told, made) = (Arc::clone(told), Mutex::new(first));
    version(info, series(&[instrument("S")], &[Timeframe::MINUTE]), 0, move |_| {
        let mut made = made.lock().unwrap();
        let listener = Listener { instance: *made, bars: 0, fails_at, told: Arc::clone(&told) };
        *made += 1;
        Ok(listener)
    })
}

/// Told events and journal of a run of fifty bars with reports that are under way for `latency_ms`.
fn listened(
    first: &Arc<Version>,
    latency_ms: i64,
    changes: Vec<ChangeRequest>,
    faults: FaultPolicy,
    told: &Told,
) -> (Vec<(u32, OrderEventKind)>, String) {
    let mut run =
        MemoryRun::new(vec![(instrument("S"), random_walk(50, 3))]).with_version(first, Params::new(), 0);
    run.exchange =
        ExchangeConfig { latency: Latency::constant(latency_ms * 1_000_000), ..ExchangeConfig::default() };
    (run.changes, run.faults) = (changes, faults);
    let mut recorder = HashOnly::default();
    let outcome = run.run(&mut recorder);
    assert!(outcome.changes.iter().all(|change| change.result.is_ok()), "{:?}", outcome.changes);
    (told.lock().unwrap().clone(), recorder.finish().1.to_string())
}

/// Swaps from a version that wants every step to one with another wish, and back.
fn swapped(second: Wants, latency_ms: i64) -> (Vec<(u32, OrderEventKind)>, String) {
    let told = Told::default();
    let versions = [(1, ALL_WANTS), (2, second), (3, ALL_WANTS)];
    let [first, second, third] = versions.map(|(number, wants)| listener(number, wants, 0, &told));
    let swap = |bars, version| ChangeRequest {
        strategy: StrategyId(0),
        when: When::Bars(bars),
        change: Change::Swap { version: Ok(version), set: Params::new() },
    };
    let changes = vec![swap(20, second), swap(35, third)];
    listened(&first, latency_ms, changes, FaultPolicy::default(), &told)
}

#[test]
fn a_version_that_takes_over_is_told_of_what_it_wants() {
    for latency_ms in [0, 40_000, 90_000] {
        let (every_step, hash) = swapped(ALL_WANTS, latency_ms);
        let (less, same) = swapped(OUTCOMES, latency_ms);
        assert_eq!(same, hash);
        let wanted = |(instance, kind): &(u32, OrderEventKind)| *instance == 1 || kind.is_outcome();
        let before_third = |told: Vec<(u32, OrderEventKind)>| told.into_iter().filter(|told| told.0 < 3);
        let expected: Vec<_> = before_third(every_step).filter(wanted).collect();
        let told: Vec<_> = before_third(less.clone()).collect();
        assert_eq!(told, expected, "latency {latency_ms} ms");
        // The refusal waited when it took over, and so did a step that it does not want.
        let first = less.iter().find(|(instance, _)| *instance == 2);
        assert_eq!(first, Some(&(2, OrderEventKind::Rejected)), "latency {latency_ms} ms");
        assert!(less.contains(&(2, OrderEventKind::Filled)));
        assert!(less.contains(&(3, OrderEventKind::Submitted)));
    }
}

#[test]
fn a_fresh_instance_after_a_fault_has_the_wish_of_the_one_before() {
    let restart = Restart { max: 9, window_ns: 1_440 * MINUTE_NS, backoff_ns: MINUTE_NS };
    let faults = FaultPolicy { on_fault: OnFault::Flatten, restart: Some(restart) };
    let run = |wants| {
        let told = Told::default();
        listened(&listener(1, wants, 12, &told), 40_000, Vec::new(), faults, &told)
    };
    let ((every_step, hash), (less, same)) = (run(ALL_WANTS), run(OUTCOMES));
    assert_eq!(same, hash, "what the host does about the fault does not depend on the wish");
    let expected: Vec<_> = every_step.iter().copied().filter(|(_, kind)| kind.is_outcome()).collect();
    assert!(expected.len() < every_step.len());
    assert_eq!(less, expected);
    assert!(less.contains(&(2, OrderEventKind::Filled)));
}
