//! Swaps under load: a paced stream of events, a swap every so often, and what it costs them.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_engine::{
    Change, ChangeReport, ChangeRequest, Delivery, Desk, DeskLimits, Engine, Exchange, Params, Strategy,
    Version, When,
};
use cryptobot_model::{StrategyId, Timeframe};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, instrument, series};
use cryptobot_wasm::{Limits, Plugin, Runtime, RuntimeConfig};

const SWAPS: usize = 1_000;
const EVENTS_PER_SECOND: u32 = 10_000;
const EVENTS_PER_SWAP: usize = 50;

/// A custom section that changes a component's hash and nothing else: id, length, length of the name, name.
const SECTION: &[u8] = b"\0\x05\x04mark";

/// Runs the counting plugin once without and once with swaps and compares everything.
pub(crate) fn run(plugin: &str) -> ExitCode {
    match measure(Path::new(plugin)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(path: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let runtime = Runtime::new(&RuntimeConfig::default())?;
    let bytes = std::fs::read(path)?;
    let started = Instant::now();
    let one = version(&runtime.load_bytes(&bytes)?)?;
    let compiled = started.elapsed();
    let other = version(&runtime.load_bytes(&[bytes.as_slice(), SECTION].concat())?)?;

    let plain = paced(&one, &[], None)?;
    let swapped = paced(&one, &[Arc::clone(&other), Arc::clone(&one)], Some(EVENTS_PER_SECOND))?;
    let done = swapped.changes.iter().filter(|change| change.result.is_ok()).count();
    let mut pauses = swapped.pauses;
    pauses.sort_unstable();
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{done} of {SWAPS} swaps done, a compilation takes {:.1} ms", compiled.as_secs_f64() * 1e3);
    println!("{EVENTS_PER_SECOND} bars/s asked for, {:.0} bars/s delivered", swapped.per_second);
    println!("the plugin counted  {}", swapped.said);
    println!("without swaps       {}", plain.said);
    println!("pause of a swap, µs  p50 {:.0}  p99 {:.0}  max {:.0}", at(0.5), at(0.99), at(1.0));
    println!("latest event behind its time, µs  {:.0}", swapped.latest.as_secs_f64() * 1e6);
    let equal = swapped.hash == plain.hash;
    println!("journals with and without swaps are equal: {equal}");
    Ok(equal && swapped.said == plain.said && done == SWAPS && plain.said.contains(" 0 missing, 0 twice"))
}

fn version(plugin: &Plugin) -> Result<Arc<Version>, Box<dyn std::error::Error>> {
    let made_of = plugin.clone();
    Ok(Arc::new(Version {
        info: plugin.describe(&Limits::default())?,
        sha256: plugin.sha256().to_owned(),
        series: series(&[instrument("S")], &[Timeframe::MINUTE]),
        look_back: 0,
        desk_limits: DeskLimits::default(),
        max_open_orders: 200,
        make: Box::new(move |params| {
            let strategy =
                made_of.instantiate(Desk::vacant(), params.clone(), &Limits::default(), Delivery::Single)?;
            Ok(Box::new(strategy) as Box<dyn Strategy>)
        }),
    }))
}

struct Paced {
    hash: String,
    said: String,
    changes: Vec<ChangeReport>,
    pauses: Vec<Duration>,
    /// How far behind its time the latest event was.
    latest: Duration,
    per_second: f64,
}

/// Drives the engine bar by bar, at a pace where one is given, and swaps to `versions` in turn.
fn paced(
    first: &Arc<Version>,
    versions: &[Arc<Version>],
    pace: Option<u32>,
) -> Result<Paced, Box<dyn std::error::Error>> {
    let bars = random_walk((SWAPS + 1) * EVENTS_PER_SWAP, 7);
    let run = MemoryRun::new(vec![(instrument("S"), bars)]).with_version(first, Params::new(), 1_024);
    let (send, receive) = mpsc::channel::<Box<dyn Send>>();
    let retirement = thread::spawn(move || receive.into_iter().for_each(drop));
    let retire = Box::new(move |remains| drop(send.send(remains)));
    let mut engine: Engine<Exchange> = run.engine().into_engine().with_retirement(retire);
    let mut recorder = HashOnly::default();
    engine.start(&mut recorder);
    let (mut pauses, mut latest, mut steps) = (Vec::new(), Duration::ZERO, 0_usize);
    let started = Instant::now();
    loop {
        if let Some(per_second) = pace {
            let due = started + Duration::from_secs(1) / per_second * steps as u32;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            latest = latest.max(due.elapsed());
        }
        let swaps = !versions.is_empty() && steps > 0 && steps.is_multiple_of(EVENTS_PER_SWAP);
        let began = Instant::now();
        if swaps {
            let version = Ok(Arc::clone(&versions[pauses.len() % versions.len()]));
            let change = Change::Swap { version, set: Params::new() };
            engine.request_change(ChangeRequest { strategy: StrategyId(0), when: When::Next, change });
        }
        if !engine.advance(&mut recorder)? {
            break;
        }
        if swaps {
            pauses.push(began.elapsed());
        }
        steps += 1;
    }
    let per_second = steps as f64 / started.elapsed().as_secs_f64();
    let outcome = engine.finish(false, &mut recorder);
    let mut strategies = engine.into_strategies();
    let said = strategies[0].desk().take_logs().pop().map(|line| line.message).unwrap_or_default();
    retirement.join().map_err(|_| "the thread of old instances panicked")?;
    let hash = recorder.finish().1.to_string();
    Ok(Paced { hash, said, changes: outcome.changes, pauses, latest, per_second })
}
