//! Fresh instances after faults: when they come, what they find, and when none comes any more.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cryptobot_engine::{
    Desk, Entry, Fault, FaultKind, FaultPolicy, Mark, OnFault, Outcome, Params, Recorder, Restart,
};
use cryptobot_model::{Bar, PluginInfo, SeriesId, Timeframe, Timestamp};
use cryptobot_test_support::market::{START_MS, random_walk};
use cryptobot_test_support::native::{Logic, version};
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, MemoryRun, instrument, series};

const MINUTE_NS: i64 = 60_000_000_000;

/// What an instance saw at the close of a bar: instances so far, position, average.
type Seen = Arc<Mutex<BTreeMap<Timestamp, (u32, f64, f64)>>>;

/// Holds one unit, and faults on every bar whose number in its life is `lives`.
struct Mortal {
    lives: u32,
    instance: u32,
    seen: Seen,
    average: u32,
}

impl Logic for Mortal {
    fn init(&mut self, desk: &mut Desk) -> Result<(), Fault> {
        // Asked for too early: refused.
        desk.target_position(SeriesId(0), 7.0)?;
        let period = ("period".to_owned(), 5.0);
        let created = desk.create_indicator("ema", SeriesId(0), &[period]);
        self.average = created.map_err(|error| Fault::new(FaultKind::Refused, error.to_string()))?;
        if self.lives == 0 { Err(Fault::new(FaultKind::Refused, "never")) } else { Ok(()) }
    }

    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let average = desk.indicators().value(self.average, 0, 0);
        self.seen.lock().unwrap().insert(bar.ts, (self.instance, desk.position(series)?, average));
        desk.target_position(series, 1.0)?;
        self.lives -= 1;
        if self.lives == 0 { Err(Fault::new(FaultKind::Trap, "it was time")) } else { Ok(()) }
    }
}

/// Faults, restarts and closings, in minutes after the start.
#[derive(Default)]
struct Times {
    faults: Vec<i64>,
    restarts: Vec<i64>,
    closings: usize,
}

impl Recorder for Times {
    fn entry(&mut self, entry: &Entry<'_>) {
        let minutes = |ts: &Timestamp| (ts.0 - START_MS * 1_000_000) / MINUTE_NS;
        match entry {
            Entry::Fault { ts, .. } => self.faults.push(minutes(ts)),
            Entry::Restart { ts, .. } => self.restarts.push(minutes(ts)),
            Entry::Closing { .. } => self.closings += 1,
            _ => {}
        }
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}
}

/// A run in which every instance lives for as many bars as `lives` says; the last number holds for all that follow.
fn run(bars: usize, lives: &'static [u32], faults: FaultPolicy) -> (MemoryRun, Seen) {
    let seen = Seen::default();
    let (kept, made) = (Arc::clone(&seen), Mutex::new(0));
    let info = PluginInfo {
        name: "mortal".into(),
        version: "1.0.0".into(),
        state_version: 1,
        warmup_bars: 0,
        params: Vec::new(),
        series: Vec::new(),
        wants: ALL_WANTS,
    };
    let mortal = version(info, series(&[instrument("S")], &[Timeframe::MINUTE]), 0, move |_| {
        let mut made = made.lock().unwrap();
        *made += 1;
        let lives = lives[(*made as usize - 1).min(lives.len() - 1)];
        Ok(Mortal { lives, instance: *made, seen: Arc::clone(&kept), average: 0 })
    });
    let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(bars, 5))]);
    run.faults = faults;
    (run.with_version(&mortal, Params::new(), 0), seen)
}

fn policy(on_fault: OnFault, max: u32, window_minutes: i64) -> FaultPolicy {
    let (window_ns, backoff_ns) = (window_minutes * MINUTE_NS, 2 * MINUTE_NS);
    FaultPolicy { on_fault, restart: Some(Restart { max, window_ns, backoff_ns }) }
}

fn times(bars: usize, lives: &'static [u32], faults: FaultPolicy) -> (Times, Outcome) {
    let mut times = Times::default();
    let outcome = run(bars, lives, faults).0.run(&mut times);
    (times, outcome)
}

#[test]
fn the_back_off_doubles_and_the_budget_ends_it() {
    let (times, outcome) = times(100, &[5], policy(OnFault::Flatten, 3, 1_440));
    // An instance that takes over at a bar's close gets that bar.
    assert_eq!((times.faults, times.restarts), (vec![5, 11, 19, 31], vec![7, 15, 27]));
    assert_eq!(outcome.faults.len(), 4);
    assert_eq!(times.closings, 4);
}

#[test]
fn restarts_before_the_window_count_no_longer() {
    let (times, _) = times(100, &[8], policy(OnFault::Flatten, 1, 7));
    assert_eq!(times.faults, [8, 17, 26, 35, 44, 53, 62, 71, 80, 89, 98]);
    assert_eq!(times.restarts.len(), 11);
}

#[test]
fn without_a_policy_a_fault_is_final() {
    let (times, _) = times(100, &[5], FaultPolicy::default());
    assert_eq!((times.faults, times.restarts), (vec![5], vec![]));
}

#[test]
fn an_instance_that_does_not_begin_is_the_next_fault() {
    let (times, outcome) = times(100, &[5, 0], policy(OnFault::Flatten, 2, 1_440));
    assert_eq!((times.faults, times.restarts), (vec![5, 7, 11], vec![7, 11]));
    assert_eq!(outcome.faults[1].1.kind, FaultKind::Refused);
}

#[test]
fn a_fresh_instance_finds_position_and_indicators_as_they_are() {
    let (undisturbed, all) = run(60, &[1_000], FaultPolicy::default());
    undisturbed.run(&mut Times::default());
    let (disturbed, seen) = run(60, &[20], policy(OnFault::CancelAndHold, 1, 1_440));
    disturbed.run(&mut Times::default());
    let (all, seen) = (all.lock().unwrap(), seen.lock().unwrap());
    let taken_over: Vec<_> = seen.iter().filter(|(_, (instance, ..))| *instance == 2).collect();
    assert_eq!(taken_over.len(), 20);
    for (ts, (_, position, average)) in taken_over {
        assert_eq!((*position, *average), (1.0, all[ts].2), "{ts}");
    }
}

#[test]
fn after_flatten_a_fresh_instance_begins_without_a_position() {
    let (run, seen) = run(60, &[20], policy(OnFault::Flatten, 1, 1_440));
    run.run(&mut Times::default());
    let seen = seen.lock().unwrap();
    let positions: Vec<f64> = seen.values().filter(|(instance, ..)| *instance == 2).map(|it| it.1).collect();
    assert_eq!(positions[..3], [0.0, 1.0, 1.0]);
}

#[test]
fn a_run_with_restarts_can_be_repeated() {
    let hash = || {
        let mut recorder = HashOnly::default();
        run(500, &[9], policy(OnFault::Flatten, 100, 1_440)).0.run(&mut recorder);
        recorder.finish()
    };
    let (entries, first) = hash();
    assert!(entries > 100);
    assert_eq!(hash(), (entries, first));
}
