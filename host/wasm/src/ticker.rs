//! The clock of deadlines: a thread that advances the engine's epoch.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

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

/// The number of epochs that surely last `millis`: one more than fit, as the first may end at once.
pub(crate) fn ticks(millis: u64) -> u64 {
    millis.div_ceil(TICK.as_millis() as u64).saturating_add(1)
}
