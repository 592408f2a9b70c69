//! Runs in real time: data arrive while the run goes on, and everything that arrives is on a tape.

mod controls;
mod inlets;
mod kept;
pub(crate) mod session;
mod stored;
mod tape;
mod watch;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cryptobot_engine::{Engine, Outcome, Recorder, Strategy};
use cryptobot_feed::{Arrival, Event, Feed, Input, Intake, Replay, TapeWriter};

use crate::error::RunError;
use crate::execute::RunProgress;
use crate::plan::Plan;
use crate::supply::Supply;
pub use controls::Controls;
use session::Session;
use watch::Watches;

use kept::keep;
pub(crate) use kept::kept_plugin;
pub(crate) use tape::Recorded;

/// Time after which what was recorded cannot be lost any more with the process.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The tape in a run folder.
pub(crate) const TAPE: &str = "tape.bin";

/// How a run in real time is driven.
#[derive(Clone, Debug, Default)]
pub struct RealTime {
    /// Wall time after which it ends; `None` = with its data.
    pub duration: Option<Duration>,
    /// Whether a plugin file that changes takes over from the running version.
    pub watch: bool,
}

/// Why a run in real time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its data did.
    Data,
    /// The user wanted it to.
    Interrupted,
    /// All strategies were stopped for good and have nothing left.
    Abandoned,
    /// Its time was over.
    TimeUp,
}

/// What a run came to, its strategies, and why it ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) strategies: Vec<Box<dyn Strategy>>,
    pub(crate) ending: Ending,
    /// What a reader must know besides.
    pub(crate) warnings: Vec<String>,
}

/// A run on stored data that arrive when they happened.
pub(crate) struct Simulation {
    feed: Replay,
    pub(crate) controls: Controls,
    commands: Receiver<Input>,
    pub(crate) real_time: RealTime,
    session: Session,
}

impl Simulation {
    /// Over the data of a plan.
    pub(crate) fn new(plan: &mut Plan, supplies: Vec<Supply>) -> Result<Self, RunError> {
        let (feed, replay) = stored::replay(plan, supplies)?;
        let (operator, commands) = channel();
        let bots = plan.bots.iter().map(|bot| bot.name.clone()).collect();
        let controls = Controls { replay, operator, bots };
        let session = Session::new(plan, feed.series(), &[])?;
        Ok(Self { feed, controls, commands, real_time: RealTime::default(), session })
    }

    /// Runs to the end of the data, or until something else ends it.
    pub(crate) fn run(
        self,
        plan: &Plan,
        folder: &Path,
        recorder: &mut dyn Recorder,
        progress: &mut dyn FnMut(RunProgress) -> ControlFlow<()>,
    ) -> Result<Ended, RunError> {
        let Self { mut feed, real_time, mut session, commands, .. } = self;
        let path = folder.join(TAPE);
        let tape_error = |source| RunError::Tape { path: path.clone(), source };
        let create =
            |path: &PathBuf| -> io::Result<_> { TapeWriter::new(File::create(path)?, feed.series()) };
        let mut intake = Intake::new(Some(create(&path).map_err(tape_error)?));
        for bot in &plan.bots {
            let plugin = plan.config.bots.get(&bot.name).map(|entry| entry.plugin.as_str());
            keep(folder, bot.plugin.sha256(), Path::new(plugin.unwrap_or_default()))?;
        }
        let watches = if real_time.watch { Watches::start(plan, folder)? } else { Watches::none() };
        let (began, mut flushed) = (Instant::now(), Instant::now());
        let ending = loop {
            let arrival = match feed.next().map_err(RunError::from_feed)? {
                Event::End => break Ending::Data,
                Event::Arrival(arrival) => Some(arrival),
                Event::Quiet(now) => {
                    let due = now.filter(|now| session.is_due(*now));
                    due.map(|now| Arrival::at(now, Input::Clock))
                }
            };
            let ends_moment = arrival.as_ref().is_none_or(|arrival| arrival.input == Input::Clock);
            if let Some(arrival) = arrival {
                let message = intake.admit(arrival).map_err(tape_error)?;
                session.take(plan, message, recorder)?;
            }
            if !ends_moment {
                continue;
            }
            for (strategy, sha256, version) in watches.news() {
                session.offer(strategy, sha256, version);
                let swap = Arrival::at(intake.clock(), Input::Swap { strategy, sha256 });
                let message = intake.admit(swap).map_err(tape_error)?;
                session.take(plan, message, recorder)?;
            }
            for command in commands.try_iter() {
                let message = intake.admit(Arrival::at(intake.clock(), command)).map_err(tape_error)?;
                session.take(plan, message, recorder)?;
            }
            for overrun in session.overruns().collect::<Vec<_>>() {
                intake.admit(Arrival::at(intake.clock(), overrun)).map_err(tape_error)?;
            }
            if flushed.elapsed() >= FLUSH_EVERY {
                // The tape first: what is in the journal follows from what is on it.
                intake.flush().map_err(tape_error)?;
                recorder.keep();
                flushed = Instant::now();
            }
            if let Some(at) = session.engine().map(Engine::progress) {
                let progressed =
                    RunProgress { now: at.now, bars: at.bars, expected_bars: plan.expected_bars };
                if progress(progressed).is_break() {
                    break Ending::Interrupted;
                }
            }
            if session.engine().is_some_and(Engine::is_over) {
                break Ending::Abandoned;
            }
            if real_time.duration.is_some_and(|duration| began.elapsed() >= duration) {
                break Ending::TimeUp;
            }
        };
        let ended = session.finish(ending, recorder)?;
        for overrun in session.overruns().collect::<Vec<_>>() {
            intake.admit(Arrival::at(intake.clock(), overrun)).map_err(tape_error)?;
        }
        intake.finish().map_err(tape_error)?;
        Ok(Ended { warnings: watches.problems(), ..ended })
    }
}
