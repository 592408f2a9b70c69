//! What is said of a run at its end: how far it went, and what the calls of each strategy took.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use cryptobot_engine::{
    Change, ChangeRequest, Desk, Fault, FaultKind, FaultPolicy, NoRecorder, OnFault, Outcome, Params,
    Resources, Restart, Version, When,
};
use cryptobot_model::{Bar, ParamSpec, ParamValue, PluginInfo, SeriesId, StrategyId, Timeframe, Timestamp};
use cryptobot_test_support::market::{START_MS, random_walk};
use cryptobot_test_support::native::{Logic, version};
use cryptobot_test_support::run::{ALL_WANTS, MemoryRun, instrument, series};

/// What every call takes, as its back-end would measure it.
const CALL: Duration = Duration::from_micros(300);

/// Counts its calls, and faults after so many bars.
struct Counter {
    calls: u32,
    lives: i64,
    fails_in_init: bool,
}

impl Logic for Counter {
    fn init(&mut self, _desk: &mut Desk) -> Result<(), Fault> {
        self.calls += 1;
        if self.fails_in_init { Err(Fault::new(FaultKind::Refused, "as told")) } else { Ok(()) }
    }

    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        self.calls += 1;
        self.lives -= 1;
        desk.target_position(series, 1.0)?;
        if self.lives == 0 { Err(Fault::new(FaultKind::Trap, "it was time")) } else { Ok(()) }
    }

    fn resources(&self) -> Resources {
        Resources { called: Some(CALL * self.calls), ..Resources::default() }
    }
}

/// A version whose parameter says how many bars an instance lives; 0 = its `init` fails.
fn counter() -> Arc<Version> {
    let lives = ParamSpec {
        name: "lives".to_owned(),
        default: ParamValue::Integer(-1),
        min: None,
        max: None,
        step: None,
        tunable: false,
        doc: String::new(),
    };
    let info = PluginInfo {
        name: "counter".to_owned(),
        version: "1".to_owned(),
        state_version: 1,
        warmup_bars: 0,
        params: vec![lives],
        series: Vec::new(),
        wants: ALL_WANTS,
    };
    version(info, series(&[instrument("S")], &[Timeframe::MINUTE]), 0, |params| {
        let lives = params[0].1.as_f64().unwrap() as i64;
        Ok(Counter { calls: 0, lives, fails_in_init: lives == 0 })
    })
}

fn lives(bars: i64) -> Params {
    vec![("lives".to_owned(), ParamValue::Integer(bars))]
}

fn run(bars: usize, first: i64, faults: FaultPolicy, changes: &[(u64, i64)]) -> Outcome {
    let counter = counter();
    let mut run =
        MemoryRun::new(vec![(instrument("S"), random_walk(bars, 4))]).with_version(&counter, lives(first), 0);
    run.faults = faults;
    let request = |(bars, lived): &(u64, i64)| ChangeRequest {
        strategy: StrategyId(0),
        when: When::Bars(*bars),
        change: Change::Swap { version: Ok(Arc::clone(&counter)), set: lives(*lived) },
    };
    run.changes = changes.iter().map(request).collect();
    run.run(&mut NoRecorder)
}

#[test]
fn the_time_of_all_instances_is_counted() {
    let calls = |outcome: &Outcome| outcome.called[0].unwrap().as_micros() / CALL.as_micros();
    let forever = |changes: &[(u64, i64)]| run(60, -1, FaultPolicy::default(), changes);
    // `init` and 60 bars; one `init` more for every instance, also for one that does not take over.
    assert_eq!(calls(&forever(&[])), 61);
    assert_eq!(calls(&forever(&[(20, -1), (40, -1)])), 63);
    assert_eq!(calls(&forever(&[(20, 0), (40, -1)])), 63);
    // Restarts: the instance that faulted, and the one after it, each with an `init`; while there is none, no bars.
    let restart = Restart { max: 1, window_ns: i64::MAX, backoff_ns: 60_000_000_000 };
    let policy = FaultPolicy { restart: Some(restart), ..FaultPolicy::default() };
    let outcome = run(60, 10, policy, &[]);
    assert_eq!((outcome.faults.len(), calls(&outcome)), (2, 2 * (10 + 1)));
}

#[test]
fn a_run_that_ends_before_its_data_says_so() {
    let at = |outcome: &Outcome| (outcome.abandoned, outcome.bars, outcome.ended_at);
    let minute = |index: i64| Timestamp::from_millis(START_MS + index * 60_000);
    let all = (false, 9_000, minute(9_000));
    assert_eq!(at(&run(9_000, -1, FaultPolicy::default(), &[])), all);
    // Nothing is left after the fault: the run ends where it is looked at next.
    let ended = run(9_000, 10, FaultPolicy::default(), &[]);
    assert_eq!(at(&ended), (true, 4_096, minute(4_096)));
    // A position that is held, or a restart to come, keeps it going.
    let holds = FaultPolicy { on_fault: OnFault::CancelAndHold, restart: None };
    assert_eq!(at(&run(9_000, 10, holds, &[])), all);
    let restart = Restart { max: 1, window_ns: i64::MAX, backoff_ns: 5_000 * 60_000_000_000 };
    let policy = FaultPolicy { restart: Some(restart), ..FaultPolicy::default() };
    assert_eq!(at(&run(9_000, 10, policy, &[])), (true, 8_192, minute(8_192)));
}
