//! The clock of deadlines: a thread that advances the engine's epoch.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_engine::{Fault, FaultKind};
use wasmtime::{Engine, Trap};

/// Time between two epochs: the granularity of deadlines.
const TICK: Duration = Duration::from_millis(10);

/// Advances the epoch of an engine until it is dropped.
///
/// Everything that runs guest code holds one, so that no instance ever outlives its deadlines.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Dropping it ends the thread.
    _alive: Sender<()>,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (alive, ended) = channel();
        let engine = engine.weak();
        thread::Builder::new().name("plugin-deadlines".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                let Some(engine) = engine.upgrade() else { break };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { _alive: alive })
    }
}

/// How long an instance has been running, as its guest notices at every epoch. Nothing is measured between two epochs, so
/// that a call which ends before one costs nothing.
#[derive(Debug, Default)]
pub(crate) struct CallClock {
    /// The newest epoch of this call.
    last: Option<Instant>,
    in_call: Duration,
    total: Duration,
    deadline: Duration,
    most: Option<Duration>,
}

impl CallClock {
    pub(crate) fn new(most_ms: Option<u64>) -> Self {
        Self { most: most_ms.map(Duration::from_millis), ..Self::default() }
    }

    /// A call begins.
    #[inline]
    pub(crate) fn begin(&mut self, deadline: Duration) {
        self.last = None;
        self.deadline = deadline;
    }

    /// An epoch ends while the guest runs; an error where it has run too long.
    pub(crate) fn tick(&mut self) -> wasmtime::Result<()> {
        let now = Instant::now();
        let ran = self.last.map_or(TICK, |last| now - last);
        self.in_call = if self.last.is_some() { self.in_call + ran } else { ran };
        self.total += ran;
        self.last = Some(now);
        // The first epoch may have ended at once: it counts in full, and the deadline is later by as much.
        if self.in_call >= self.deadline.saturating_add(TICK) {
            return Err(Trap::Interrupt.into());
        }
        match self.most {
            Some(most) if self.total > most => {
                let message = format!("its calls took longer than {} ms together", most.as_millis());
                Err(Fault::new(FaultKind::TotalTime, message).into())
            }
            _ => Ok(()),
        }
    }

    /// All calls so far, sampled at the epochs.
    pub(crate) fn total(&self) -> Duration {
        self.total
    }
}
