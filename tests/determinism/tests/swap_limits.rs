//! Limits are those of the version that runs: a version that takes over has its own, one that fails leaves the others.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use cryptobot_engine::{
    Change, ChangeRequest, Decision, Desk, DeskLimits, Entry, Fault, FaultKind, LogLevel, Mark, Outcome,
    Params, Recorder, Version, When,
};
use cryptobot_model::{
    Bar, OrderKind, OrderTerms, PluginInfo, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timeframe,
};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::{Logic, version};
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, MemoryRun, instrument, series};

/// Rests two orders far away on every bar, sets two timers, writes two lines; `init` may fail or write many lines.
#[derive(Clone, Copy, Default)]
struct Asker {
    fails: bool,
    lines_in_init: usize,
}

impl Logic for Asker {
    fn init(&mut self, desk: &mut Desk) -> Result<(), Fault> {
        for _ in 0..self.lines_in_init {
            desk.log(LogLevel::Info, "a line")?;
        }
        if self.fails { Err(Fault::new(FaultKind::Refused, "as told")) } else { Ok(()) }
    }

    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let kind = OrderKind::Limit { price: bar.close / 2.0, tif: TimeInForce::Gtc };
        for id in 0..2 {
            desk.submit(series, Side::Buy, 1.0, kind, OrderTerms::FREE)?;
            desk.set_timer(id, desk.now.plus(3_600_000_000_000))?;
            desk.log(LogLevel::Info, "a line")?;
        }
        Ok(())
    }

    fn snapshot(&mut self, desk: &mut Desk) -> Result<Vec<u8>, Fault> {
        desk.log(LogLevel::Info, "a line")?;
        Ok(vec![7; 100])
    }

    fn restore(&mut self, _desk: &mut Desk, _state_version: u32, state: &[u8]) -> Result<(), Fault> {
        assert_eq!(state.len(), 100);
        Ok(())
    }
}

fn of(logic: Asker, desk_limits: DeskLimits, max_open_orders: usize) -> Arc<Version> {
    let info = PluginInfo {
        name: "asker".to_owned(),
        version: "1".to_owned(),
        state_version: 1,
        warmup_bars: 0,
        params: Vec::new(),
        series: Vec::new(),
        wants: ALL_WANTS,
    };
    let mut made = version(info, series(&[instrument("S")], &[Timeframe::MINUTE]), 0, move |_| Ok(logic));
    let version = Arc::get_mut(&mut made).unwrap();
    (version.desk_limits, version.max_open_orders) = (desk_limits, max_open_orders);
    made
}

fn limited(desk_limits: DeskLimits) -> Arc<Version> {
    of(Asker::default(), desk_limits, 200)
}

/// Counts refusals for open orders, besides hashing the journal.
#[derive(Default)]
struct Watcher {
    hash: HashOnly,
    too_many: Vec<i64>,
}

impl Recorder for Watcher {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let Entry::Decision {
            ts,
            decision: Decision::Refused { reason: RefusalReason::TooManyOrders, .. },
            ..
        } = entry
        {
            self.too_many.push(ts.0);
        }
        self.hash.entry(entry);
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.hash.mark(mark);
    }
}

fn run(first: &Arc<Version>, changes: &[(u64, &Arc<Version>)]) -> (Outcome, Watcher) {
    let mut run =
        MemoryRun::new(vec![(instrument("S"), random_walk(60, 4))]).with_version(first, Params::new(), 0);
    let request = |(bars, version): &(u64, &Arc<Version>)| ChangeRequest {
        strategy: StrategyId(0),
        when: When::Bars(*bars),
        change: Change::Swap { version: Ok(Arc::clone(version)), set: Params::new() },
    };
    run.changes = changes.iter().map(request).collect();
    let mut watcher = Watcher::default();
    let outcome = run.run(&mut watcher);
    (outcome, watcher)
}

#[test]
fn a_version_that_takes_over_has_its_own_limits() {
    let usual = DeskLimits::default();
    let first = limited(usual);
    for (stricter, kind) in [
        (DeskLimits { intents: 1, ..usual }, FaultKind::OrderFlood),
        (DeskLimits { intents_per_minute: 1, ..usual }, FaultKind::OrderFlood),
        (DeskLimits { timers: 1, ..usual }, FaultKind::TimerFlood),
        (DeskLimits { timers_per_minute: 1, ..usual }, FaultKind::TimerFlood),
        (DeskLimits { log_lines: 1, ..usual }, FaultKind::LogFlood),
        (DeskLimits { log_lines_per_minute: 1, ..usual }, FaultKind::LogFlood),
    ] {
        let heir = limited(stricter);
        let (outcome, _) = run(&first, &[(20, &heir)]);
        assert!(outcome.changes[0].result.is_ok(), "{:?}", outcome.changes[0].result);
        let fault = &outcome.faults[0].1;
        assert_eq!(fault.kind, kind, "{stricter:?}: {fault}");
        // Laxer ones hold in the same way: what runs first may ask for less.
        let (outcome, _) = run(&limited(DeskLimits { intents: 2, ..usual }), &[(20, &first)]);
        assert!(outcome.faults.is_empty());
        // The first version comes back with its own.
        let harmless = limited(DeskLimits { state_bytes: 500, ..stricter });
        let (outcome, _) = run(&first, &[(20, &harmless), (20, &first)]);
        assert!(outcome.faults.is_empty() && outcome.changes.iter().all(|change| change.result.is_ok()));
    }
}

#[test]
fn open_orders_are_counted_by_the_limit_of_the_version_that_runs() {
    let usual = DeskLimits::default();
    let (first, heir) = (of(Asker::default(), usual, 200), of(Asker::default(), usual, 45));
    let (_, alone) = run(&first, &[]);
    assert!(alone.too_many.is_empty());
    // 40 orders rest after 20 bars: the version that takes over may have five more.
    let (outcome, watcher) = run(&first, &[(20, &heir), (40, &first)]);
    assert!(outcome.changes.iter().all(|change| change.result.is_ok()));
    assert_eq!(watcher.too_many.len(), 2 * 20 - 5);
}

#[test]
fn a_state_larger_than_the_new_version_may_have_is_refused() {
    let small = limited(DeskLimits { state_bytes: 99, ..DeskLimits::default() });
    let (outcome, _) = run(&limited(DeskLimits::default()), &[(20, &small)]);
    let reason = outcome.changes[0].result.as_ref().unwrap_err();
    assert_eq!(reason, "refused: the state has 100 bytes; this version may have 99");
    assert!(outcome.faults.is_empty());
}

/// A swap that fails leaves limits and counts as they were: two lines are written in a minute and three are allowed, however
/// often `snapshot` and the other `init` write theirs in it.
#[test]
fn what_fails_leaves_limits_and_counts_alone() {
    let three = DeskLimits { log_lines_per_minute: 3, ..DeskLimits::default() };
    let first = limited(three);
    let (plain, alone) = run(&first, &[]);
    assert!(plain.faults.is_empty());
    let fails = |limits| of(Asker { fails: true, lines_in_init: 2 }, limits, 1);
    let (same, other) = (fails(three), fails(DeskLimits { intents: 0, timers: 0, ..three }));
    let (outcome, watcher) =
        run(&first, &[(10, &same), (10, &same), (11, &other), (11, &other), (30, &other)]);
    assert!(outcome.changes.iter().all(|change| change.result.is_err()));
    assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    assert_eq!(watcher.hash.finish().1.to_string(), alone.hash.finish().1.to_string());
}
