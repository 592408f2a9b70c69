//! Runs in real time: their options, and lines on standard input that control them.

use std::io::stdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cryptobot_engine::Command;
use cryptobot_model::Timestamp;
use cryptobot_run::config::Mode;
use cryptobot_run::{Controls, PreparedRun, RealTime, ReplayHandle, RunError, Speed};

use crate::args::live::LiveArguments;
use crate::output::complain;

/// Factor between two speeds.
const FACTOR: f64 = 2.0;

const HELP: &str = "p pause or go on   s one step   + faster   - slower   10 or max: a speed   \
                    >2024-01-31T12:00 leap to a time   q end   \
                    halt, reduce, resume, kill, flatten [BOT]: the operator   (each followed by Enter)";

/// Refuses options of runs in real time for others, before anything is read.
pub(super) fn check(arguments: LiveArguments, mode: Mode) -> Result<(), RunError> {
    let LiveArguments { speed, duration, watch } = arguments;
    let given = [("--speed", speed.is_some()), ("--duration", duration.is_some()), ("--watch", watch)];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) if mode == Mode::Backtest => Err(RunError::Config {
            field: option.to_owned(),
            problem: "is for runs in real time; add --mode simulation".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Drives a run in real time as its options say, and listens for lines from now on.
pub(super) fn control(prepared: &mut PreparedRun, arguments: LiveArguments, interrupted: &Arc<AtomicBool>) {
    let LiveArguments { speed, duration, watch } = arguments;
    let duration = duration.map(|length| Duration::from_nanos(length.nanos().unsigned_abs()));
    let Some(controls) = prepared.in_real_time(RealTime { duration, watch }) else { return };
    if let Some(speed) = speed {
        controls.replay.set_speed(speed);
    }
    let interrupted = Arc::clone(interrupted);
    let listener = thread::Builder::new().name("stdin".to_owned());
    // Without it the run goes on, and Ctrl-C still ends it.
    let _ = listener.spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            complain(obey(line.trim(), &controls, &interrupted));
        }
    });
}

/// Does what a line says and tells what came of it.
fn obey(line: &str, controls: &Controls, interrupted: &AtomicBool) -> String {
    if let Some((command, bot)) = command(line) {
        return controls.command(command, bot).err().unwrap_or_else(|| format!("given: {line}"));
    }
    let handle = &controls.replay;
    let status = handle.status();
    match line {
        "p" if status.paused => handle.resume(),
        "p" => handle.pause(),
        "s" => {
            handle.pause();
            handle.step();
        }
        "+" | "-" => {
            let Speed::Times(times) = status.speed else { return told(handle) };
            handle.set_speed(Speed::Times(if line == "+" { times * FACTOR } else { times / FACTOR }));
        }
        "q" => {
            interrupted.store(true, Ordering::Relaxed);
            return "ending: saving what is finished".to_owned();
        }
        "" => {}
        other => {
            match (other.strip_prefix('>').map(|time| time.trim().parse::<Timestamp>()), other.parse()) {
                (Some(Ok(to)), _) => handle.skip_to(to),
                (None, Ok(speed)) => handle.set_speed(speed),
                (Some(Err(error)), _) => return error.to_string(),
                (None, Err(_)) => return HELP.to_owned(),
            }
        }
    }
    told(handle)
}

/// `halt`, `reduce`, `resume`, `kill` or `flatten`, and the bot it is for.
fn command(line: &str) -> Option<(Command, Option<&str>)> {
    let mut words = line.split_whitespace();
    let command = match words.next()? {
        "halt" => Command::Halt,
        "reduce" => Command::Reduce,
        "resume" => Command::Resume,
        "kill" => Command::Kill { flatten: false },
        "flatten" => Command::Kill { flatten: true },
        _ => return None,
    };
    Some((command, words.next()))
}

fn told(handle: &ReplayHandle) -> String {
    let status = handle.status();
    let at = status.at.map(|at| at.to_string()).unwrap_or_default();
    let how = if status.paused { "paused".to_owned() } else { status.speed.to_string() };
    format!("{how} {at}")
}
