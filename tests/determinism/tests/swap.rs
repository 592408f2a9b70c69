//! Swaps and live parameters: what is swapped for itself changes nothing, what fails changes nothing, and what takes over
//! finds everything in its place.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use cryptobot_engine::{
    Change, ChangeRequest, Desk, Engine, Exchange, ExchangeConfig, Fault, FaultKind, GuestCall, Latency,
    NoRecorder, Outcome, Params, Version, When,
};
use cryptobot_model::{
    Bar, ClosedTrade, OrderEvent, OrderKind, OrderTerms, ParamSpec, ParamValue, PluginInfo, SeriesId, Side,
    StrategyId, Timeframe, Timestamp,
};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::{START_MS, random_walk};
use cryptobot_test_support::native::{Logic, version};
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, MemoryRun, instrument, series};
use proptest::prelude::*;

const STATE_VERSION: u32 = 3;

/// Does anything that is allowed, follows an average of the host, and breaks every rule in the calls of its life: it
/// trades, draws and sets timers in `init`, `snapshot` and `restore`.
struct Restless {
    noise: Noise,
    events: u64,
    average: u32,
    scale: f64,
    /// How it fails as a successor.
    way: String,
}

impl Restless {
    fn meddle(desk: &mut Desk) -> Result<(), Fault> {
        desk.random();
        desk.submit(SeriesId(0), Side::Buy, 5.0, OrderKind::Market, OrderTerms::FREE)?;
        desk.set_timer(3, desk.now.plus(90_000_000_000))
    }

    fn fails(&self, way: &str, kind: FaultKind) -> Result<(), Fault> {
        if self.way == way { Err(Fault::new(kind, format!("as told: {way}"))) } else { Ok(()) }
    }
}

impl Logic for Restless {
    fn init(&mut self, desk: &mut Desk) -> Result<(), Fault> {
        Self::meddle(desk)?;
        let period = if self.way == "other-indicators" { 9.0 } else { 5.0 };
        let created = desk.create_indicator("ema", SeriesId(0), &[("period".to_owned(), period)]);
        self.average = created.map_err(|error| Fault::new(FaultKind::Refused, error.to_string()))?;
        self.fails("refuse-init", FaultKind::Refused)?;
        self.fails("trap-init", FaultKind::Trap)
    }

    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.events += 1;
        let average = desk.indicators().value(self.average, 0, 0);
        if self.events.is_multiple_of(7) && bar.close > average {
            desk.target_position(series, self.scale * (self.events % 5) as f64)?;
        }
        self.noise.on_bar(desk, series, bar)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        self.events += 1;
        self.noise.on_order(desk, event)
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        self.events += 1;
        self.noise.on_position_close(desk, trade)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.events += 1;
        self.noise.on_timer(desk, id, now)
    }

    fn snapshot(&mut self, desk: &mut Desk) -> Result<Vec<u8>, Fault> {
        Self::meddle(desk)?;
        Ok([self.events.to_le_bytes().to_vec(), self.noise.state()].concat())
    }

    fn restore(&mut self, desk: &mut Desk, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        assert_eq!(state_version, STATE_VERSION);
        desk.random();
        let (events, noise) = state.split_first_chunk().unwrap();
        (self.events, self.noise) = (u64::from_le_bytes(*events), Noise::from_state(noise));
        if !self.way.is_empty() {
            desk.set_timer(4, desk.now)?;
            desk.cancel_timer(3)?;
        }
        self.fails("refuse-restore", FaultKind::Refused)?;
        self.fails("deadline-restore", FaultKind::Deadline)
    }

    fn tune(&mut self, desk: &mut Desk, params: &Params) -> Result<(), Fault> {
        let scale = scale(params);
        if scale > 50.0 {
            Self::meddle(desk)?;
            return Err(Fault::new(FaultKind::Refused, "too large"));
        }
        self.scale = scale;
        Ok(())
    }
}

fn scale(params: &Params) -> f64 {
    params.iter().find(|(name, _)| name == "scale").and_then(|(_, value)| value.as_f64()).unwrap_or(1.0)
}

fn info(label: &str) -> PluginInfo {
    let spec = |name: &str, default: ParamValue, tunable: bool| ParamSpec {
        name: name.to_owned(),
        max: default.as_f64().map(|_| 100.0),
        default,
        min: None,
        step: None,
        tunable,
        doc: String::new(),
    };
    PluginInfo {
        name: "restless".to_owned(),
        version: label.to_owned(),
        state_version: STATE_VERSION,
        warmup_bars: 0,
        params: vec![
            spec("way", ParamValue::Text(String::new()), false),
            spec("scale", ParamValue::Number(1.0), true),
        ],
        series: Vec::new(),
        wants: ALL_WANTS,
    }
}

fn timeframes() -> [Timeframe; 2] {
    [Timeframe::MINUTE, "5m".parse().unwrap()]
}

fn restless(label: &str, timeframes: &[Timeframe]) -> Arc<Version> {
    version(info(label), series(&[instrument("S")], timeframes), 0, |params| {
        let ParamValue::Text(way) = &params[0].1 else {
            return Err(Fault::new(FaultKind::Contract, "way is a text"));
        };
        if way == "fail-make" {
            return Err(Fault::new(FaultKind::Memory, "as told"));
        }
        let (noise, scale) = (Noise::default(), scale(params));
        Ok(Restless { noise, events: 0, average: 0, scale, way: way.clone() })
    })
}

fn first() -> Params {
    vec![("way".to_owned(), ParamValue::Text(String::new())), ("scale".to_owned(), ParamValue::Number(1.0))]
}

const BARS: usize = 700;

fn run(seed: u64, latency_ms: i64, changes: Vec<ChangeRequest>) -> MemoryRun {
    let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(BARS, seed))]).with_version(
        &restless("1", &timeframes()),
        first(),
        64,
    );
    run = run.with(Noise::default(), &timeframes(), seed);
    run.balance = "1000000".parse().unwrap();
    run.exchange =
        ExchangeConfig { latency: Latency::constant(latency_ms * 1_000_000), ..ExchangeConfig::default() };
    run.changes = changes;
    run
}

fn result(run: MemoryRun) -> (String, Outcome) {
    let mut recorder = HashOnly::default();
    let outcome = run.run(&mut recorder);
    (recorder.finish().1.to_string(), outcome)
}

fn minute(index: usize) -> Timestamp {
    Timestamp::from_millis(START_MS + index as i64 * 60_000)
}

fn request(when: When, version: Result<Arc<Version>, String>, way: &str) -> ChangeRequest {
    let set = match way {
        "" => Params::new(),
        "wrong-value" => vec![("scale".to_owned(), ParamValue::Number(1e9))],
        "unknown-param" => vec![("speed".to_owned(), ParamValue::Number(1.0))],
        way => vec![("way".to_owned(), ParamValue::Text(way.to_owned()))],
    };
    ChangeRequest { strategy: StrategyId(0), when, change: Change::Swap { version, set } }
}

/// Ways to fail, and what the reason says.
const FAILURES: [(&str, &str); 9] = [
    ("fail-make", "it does not start: memory: as told"),
    ("refuse-init", "refused: as told: refuse-init"),
    ("trap-init", "trap: as told: trap-init"),
    ("refuse-restore", "refused: as told: refuse-restore"),
    ("deadline-restore", "deadline: as told"),
    ("wrong-value", "`scale` must lie in <= 100, not 1000000000"),
    ("unknown-param", "plugin restless has no parameter `speed`; it has way, scale"),
    (
        "series",
        "it wants the series S 1m, S 15m, the running version has S 1m, S 5m; a swap keeps the series",
    ),
    ("unreadable", "not a plugin"),
];

fn failing(when: When, way: &str) -> ChangeRequest {
    match way {
        "series" => {
            let other = restless("2", &[Timeframe::MINUTE, "15m".parse().unwrap()]);
            request(when, Ok(other), "")
        }
        "unreadable" => request(when, Err("not a plugin".to_owned()), ""),
        way => request(when, Ok(restless("2", &timeframes())), way),
    }
}

#[derive(Clone, Debug)]
enum Planned {
    Identity(When),
    Failure(When, usize),
    RefusedTuning(When),
}

fn moments() -> impl Strategy<Value = When> {
    prop_oneof![
        // Between two bars, at a bar's end, before the first and after the last one.
        (0_i64..BARS as i64 * 60_000 + 120_000)
            .prop_map(|ms| When::Time(Timestamp::from_millis(START_MS - 60_000 + ms))),
        (0..BARS).prop_map(|index| When::Time(minute(index))),
        (0..BARS as u64 + 5).prop_map(When::Bars),
        Just(When::Next),
    ]
}

fn plans() -> impl Strategy<Value = Vec<Planned>> {
    let one = prop_oneof![
        3 => moments().prop_map(Planned::Identity),
        2 => (moments(), 0..FAILURES.len()).prop_map(|(when, way)| Planned::Failure(when, way)),
        1 => moments().prop_map(Planned::RefusedTuning),
    ];
    prop::collection::vec(one, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    /// Swaps of a version for itself and swaps that fail, at any time, leave no trace in the journal.
    #[test]
    fn identity_and_failure_change_nothing(
        seed in any::<u64>(),
        latency_ms in prop::sample::select(vec![0, 50, 130_000]),
        plan in plans(),
    ) {
        let same = restless("1", &timeframes());
        let changes: Vec<ChangeRequest> = plan
            .iter()
            .map(|planned| match planned {
                Planned::Identity(when) => request(*when, Ok(Arc::clone(&same)), ""),
                Planned::Failure(when, way) => failing(*when, FAILURES[*way].0),
                Planned::RefusedTuning(when) => tuning(*when, 99.0),
            })
            .collect();
        let (hash, outcome) = result(run(seed, latency_ms, changes));
        let (expected, plain) = result(run(seed, latency_ms, Vec::new()));
        prop_assert_eq!(hash, expected);
        prop_assert_eq!(&outcome.accounts, &plain.accounts);
        prop_assert!(outcome.faults.is_empty());
        prop_assert_eq!(outcome.changes.len(), plan.len());
        for report in &outcome.changes {
            if report.ts.is_none() {
                prop_assert_eq!(report.result.as_ref().unwrap_err(), "the run ended before it");
                continue;
            }
            match (&report.request.change, &report.result) {
                (Change::Tune { .. }, result) => {
                    prop_assert_eq!(result.as_ref().unwrap_err(), "it: refused: too large");
                }
                (Change::Swap { version: Ok(version), set }, Ok(_)) => {
                    prop_assert!(Arc::ptr_eq(version, &same) && set.is_empty());
                }
                (Change::Swap { .. }, Err(reason)) => {
                    prop_assert!(FAILURES.iter().any(|(_, words)| reason.contains(words)), "{}", reason);
                }
                (Change::Swap { .. }, Ok(_)) => prop_assert!(false, "{report:?}"),
            }
        }
    }
}

#[test]
fn every_failure_names_its_reason() {
    for (way, words) in FAILURES {
        let (_, outcome) = result(run(5, 0, vec![failing(When::Time(minute(300)), way)]));
        let reason = outcome.changes[0].result.as_ref().unwrap_err();
        assert!(reason.contains(words), "{way}: {reason}");
        assert_eq!(outcome.changes[0].ts, Some(minute(300)));
    }
}

fn tuning(when: When, scale: f64) -> ChangeRequest {
    let set = vec![("scale".to_owned(), ParamValue::Number(scale))];
    ChangeRequest { strategy: StrategyId(0), when, change: Change::Tune { set } }
}

#[test]
fn live_parameters_change_without_a_swap_and_stay_through_the_next() {
    let (plain, _) = result(run(5, 0, Vec::new()));
    let (tuned, outcome) = result(run(5, 0, vec![tuning(When::Bars(100), 20.0)]));
    assert!(outcome.changes[0].result.is_ok());
    assert_ne!(tuned, plain);
    let same = restless("1", &timeframes());
    let swap = request(When::Bars(200), Ok(same), "");
    assert_eq!(result(run(5, 0, vec![tuning(When::Bars(100), 20.0), swap])).0, tuned);

    let fixed = vec![("way".to_owned(), ParamValue::Text("x".to_owned()))];
    let change = Change::Tune { set: fixed };
    let fixed = ChangeRequest { strategy: StrategyId(0), when: When::Bars(100), change };
    let (hash, outcome) = result(run(5, 0, vec![fixed]));
    assert_eq!(
        outcome.changes[0].result.as_ref().unwrap_err(),
        "`way` cannot change while the strategy runs; swap it to change it"
    );
    assert_eq!(hash, plain);
}

/// Tells what it finds when it takes over.
struct Heir {
    period: f64,
    expected: Option<f64>,
    look_back: usize,
}

impl Logic for Heir {
    fn init(&mut self, desk: &mut Desk) -> Result<(), Fault> {
        let closes = desk.window(SeriesId(0), cryptobot_engine::Column::Close, 1_000)?;
        assert!(closes.len() <= self.look_back);
        let handle =
            desk.create_indicator("sma", SeriesId(0), &[("period".to_owned(), self.period)]).unwrap();
        let value = desk.indicators().value(handle, 0, 0);
        match self.expected {
            Some(expected) => assert!((value - expected).abs() < 1e-9, "{value} is not {expected}"),
            None => assert!(value.is_nan(), "{value} out of too short a history"),
        }
        Ok(())
    }

    fn on_bar(&mut self, _desk: &mut Desk, _series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn new_indicators_are_computed_over_the_kept_bars() {
    let bars = random_walk(300, 9);
    let series = series(&[instrument("S")], &[Timeframe::MINUTE]);
    let mean = |n: usize| bars.close[200 - n..200].iter().sum::<f64>() / n as f64;
    let heir = |period: usize, expected: Option<f64>, look_back: usize| {
        version(info("heir"), series.clone(), look_back, move |_| {
            Ok(Heir { period: period as f64, expected, look_back })
        })
    };
    let first = heir(3, None, 0);
    // The bar that closes at minute 200 is the 200th: a moment after it, or once 200 bars have closed.
    let moments = [When::Bars(200), When::Time(minute(200).plus(1)), When::Time(minute(201))];
    // 3 is there already; 64 bars are kept: enough for 64, and not for 65.
    let cases = [(3, Some(mean(3))), (64, Some(mean(64))), (65, None)];
    for ((period, expected), when) in cases.into_iter().flat_map(|case| moments.map(|when| (case, when))) {
        let mut run =
            MemoryRun::new(vec![(instrument("S"), bars.clone())]).with_version(&first, Params::new(), 64);
        run.changes = vec![request(when, Ok(heir(period, expected, 10)), "")];
        let outcome = run.run(&mut NoRecorder);
        assert!(outcome.changes[0].result.is_ok(), "{:?}", outcome.changes[0].result);
    }
}

#[test]
fn a_state_that_is_too_large_is_not_moved_and_nothing_else_happens() {
    struct Fat;
    impl Logic for Fat {
        fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
            let target = (desk.random() % 3) as f64;
            desk.target_position(series, target).map(|_| ())
        }
        fn snapshot(&mut self, desk: &mut Desk) -> Result<Vec<u8>, Fault> {
            Ok(vec![0; desk.limits().state_bytes + 1])
        }
    }
    let fat = version(info("fat"), series(&[instrument("S")], &[Timeframe::MINUTE]), 0, |_| Ok(Fat));
    let run = |changes| {
        let mut run =
            MemoryRun::new(vec![(instrument("S"), random_walk(50, 1))]).with_version(&fat, Params::new(), 0);
        run.changes = changes;
        result(run)
    };
    let (hash, outcome) = run(vec![request(When::Bars(20), Ok(Arc::clone(&fat)), "")]);
    let reason = outcome.changes[0].result.as_ref().unwrap_err();
    assert!(reason.contains("its state has 1048577 bytes; at most 1048576 are moved"), "{reason}");
    assert_eq!(hash, run(Vec::new()).0);
}

#[test]
fn a_snapshot_that_traps_is_a_fault_of_the_running_version() {
    struct Torn;
    impl Logic for Torn {
        fn on_bar(&mut self, _desk: &mut Desk, _series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
            Ok(())
        }
        fn snapshot(&mut self, _desk: &mut Desk) -> Result<Vec<u8>, Fault> {
            Err(Fault::new(FaultKind::Trap, "torn"))
        }
    }
    let torn = version(info("torn"), series(&[instrument("S")], &[Timeframe::MINUTE]), 0, |_| Ok(Torn));
    let mut run =
        MemoryRun::new(vec![(instrument("S"), random_walk(50, 1))]).with_version(&torn, Params::new(), 0);
    run.changes = [20, 30].map(|bars| request(When::Bars(bars), Ok(Arc::clone(&torn)), "")).to_vec();
    let outcome = run.run(&mut NoRecorder);
    let fault = &outcome.faults[0].1;
    assert_eq!(
        (fault.kind, fault.message.as_str(), fault.call),
        (FaultKind::Trap, "torn", Some(GuestCall::Snapshot))
    );
    let reasons: Vec<_> = outcome.changes.iter().map(|report| report.result.clone().unwrap_err()).collect();
    assert_eq!(
        reasons,
        ["the running version's snapshot: trap: torn", "the strategy was stopped before: trap: torn"]
    );
}

#[test]
fn a_change_can_be_asked_for_while_the_run_goes_on() {
    let mut engine: Engine<Exchange> = run(5, 0, Vec::new()).engine().into_engine();
    let mut recorder = HashOnly::default();
    engine.start(&mut recorder);
    let same = restless("1", &timeframes());
    let mut steps = 0;
    while engine.advance(&mut recorder).unwrap() {
        steps += 1;
        if steps % 10 == 0 {
            engine.request_change(request(When::Next, Ok(Arc::clone(&same)), ""));
        }
    }
    let outcome = engine.finish(false, &mut recorder);
    assert!(outcome.changes.len() > 60);
    // The last one may come too late.
    assert!(outcome.changes.iter().rev().skip(1).all(|report| report.result.is_ok()));
    assert_eq!(recorder.finish().1.to_string(), result(run(5, 0, Vec::new())).0);
}
