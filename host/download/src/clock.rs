//! Time and interruption, as the download sees them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cryptobot_model::Timestamp;

/// How long a wait goes on before it looks whether it was interrupted.
const SLICE: Duration = Duration::from_millis(50);

/// The wall clock, exchangeable in tests.
pub trait Clock: Sync {
    /// Milliseconds since the epoch, UTC.
    fn now_ms(&self) -> i64;
    /// Waits.
    fn sleep(&self, time: Duration);
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}

/// The time of a clock.
pub(crate) fn now(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_millis(clock.now_ms())
}

/// Waits until a moment; false = it was interrupted.
pub(crate) fn wait_until(clock: &dyn Clock, stop: &AtomicBool, until_ms: i64) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = until_ms.saturating_sub(clock.now_ms());
        let Ok(left) = u64::try_from(left) else { return true };
        if left == 0 {
            return true;
        }
        clock.sleep(SLICE.min(Duration::from_millis(left)));
    }
}
