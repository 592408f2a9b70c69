//! A recorded run, again: the messages of its tape in their order.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cryptobot_engine::{Engine, Overrun, Recorder};
use cryptobot_feed::{Input, TapeEnd, TapeError, TapeReader};
use cryptobot_model::StrategyId;

use super::kept::kept_plugin;
use super::session::{Digest, Session};
use super::{Ended, Ending, TAPE};
use crate::error::RunError;
use crate::execute::RunProgress;
use crate::identity::hex;
use crate::plan::Plan;

/// A tape and what of it has to be known before it is played.
pub(crate) struct Recorded {
    path: PathBuf,
    overruns: Vec<(StrategyId, Overrun)>,
    swaps: BTreeSet<(StrategyId, Digest)>,
    /// Its messages.
    pub(crate) messages: u64,
    /// How it ends.
    pub(crate) end: TapeEnd,
}

impl Recorded {
    /// Reads the tape of a run folder to its end.
    pub(crate) fn open(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(TAPE);
        let mut tape = reader(&path)?;
        let (mut overruns, mut swaps, mut messages) = (Vec::new(), BTreeSet::new(), 0);
        while let Some(message) = next(&mut tape, &path)? {
            messages += 1;
            match message.input {
                Input::Overrun { strategy, call, total, message } => {
                    overruns.push((strategy, Overrun { call, total, message }));
                }
                Input::Swap { strategy, sha256 } => {
                    swaps.insert((strategy, sha256));
                }
                _ => {}
            }
        }
        let end = tape.end().unwrap_or(TapeEnd::CutOff);
        Ok(Self { path, overruns, swaps, messages, end })
    }

    /// Plays it to an engine of the plan.
    pub(crate) fn play(
        &self,
        plan: &Plan,
        folder: &Path,
        recorder: &mut dyn Recorder,
        progress: &mut dyn FnMut(RunProgress) -> ControlFlow<()>,
    ) -> Result<Ended, RunError> {
        let mut tape = reader(&self.path)?;
        let mut session = Session::new(plan, tape.series(), &self.overruns)?;
        for (strategy, sha256) in &self.swaps {
            let Some(bot) = plan.bots.get(strategy.index()) else { continue };
            let source =
                plan.config.bots.get(&bot.name).map(|entry| entry.plugin.clone()).unwrap_or_default();
            let kept = kept_plugin(folder, &hex(sha256), Path::new(&source));
            let version = plan.successors(strategy.index()).load(&kept).map_err(RunError::Engine)?;
            session.offer(*strategy, *sha256, version);
        }
        while let Some(message) = next(&mut tape, &self.path)? {
            let ends_moment = message.input == Input::Clock;
            session.take(plan, message, recorder)?;
            if ends_moment && let Some(at) = session.engine().map(Engine::progress) {
                let expected_bars = plan.expected_bars;
                if progress(RunProgress { now: at.now, bars: at.bars, expected_bars }).is_break() {
                    return session.finish(Ending::Interrupted, recorder);
                }
            }
        }
        // What comes now is not of a run that was cut off.
        recorder.keep();
        session.finish(Ending::Data, recorder)
    }
}

fn reader(path: &Path) -> Result<TapeReader<BufReader<File>>, RunError> {
    let file = File::open(path).map_err(|source| RunError::Tape { path: path.to_owned(), source })?;
    TapeReader::new(BufReader::new(file)).map_err(|error| unreadable(path, &error))
}

fn next(
    tape: &mut TapeReader<BufReader<File>>,
    path: &Path,
) -> Result<Option<cryptobot_feed::Message>, RunError> {
    tape.next_message().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &TapeError) -> RunError {
    RunError::Engine(format!("{}: {error}", path.display()))
}
