//! Wall time for feeds, and a stand-in that tests turn by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Wall time that a feed waits for.
pub trait Pace: Send {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Waits for so long.
    fn wait(&self, time: Duration);
}

/// The clock on the wall.
#[derive(Clone, Copy, Debug)]
pub struct WallPace {
    since: Instant,
}

impl Default for WallPace {
    fn default() -> Self {
        Self { since: Instant::now() }
    }
}

impl Pace for WallPace {
    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }
}

/// A clock on which waiting takes no time: it only moves the hands. All clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualPace {
    nanos: Arc<AtomicU64>,
}

impl ManualPace {
    /// Moves the hands.
    pub fn advance(&self, time: Duration) {
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Pace for ManualPace {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn wait(&self, time: Duration) {
        self.advance(time);
    }
}
