//! Pauses between attempts to connect.

use std::time::Duration;

use cryptobot_model::random::Random;

/// First pause after a failure; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST: Duration = Duration::from_mins(1);
/// A connection that was up for so long was a good one: the next pause is a first one again.
const GOOD: Duration = Duration::from_secs(10);

/// Grows with each failure; half of it is fixed and half drawn, so that clients do not come back together.
#[derive(Debug)]
pub(crate) struct Pauses {
    random: Random,
    failures: u32,
}

impl Pauses {
    /// `place` tells apart the connections of one seed.
    pub(crate) fn new(seed: u64, place: u64) -> Self {
        Self { random: Random::new(seed, place), failures: 0 }
    }

    /// Failures since the last good connection.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause after a connection that was up for so long.
    pub(crate) fn after(&mut self, up: Option<Duration>) -> Duration {
        if up.is_some_and(|up| up >= GOOD) {
            self.failures = 0;
        }
        let longest = LONGEST.min(FIRST.saturating_mul(1 << self.failures.min(16)));
        self.failures += 1;
        longest.mul_f64(0.5 + 0.5 * self.random.uniform())
    }

    /// A moment up to so long before `time`, so that old connections are not given up together.
    pub(crate) fn before(&mut self, time: Duration, up_to: Duration) -> Duration {
        time.saturating_sub(up_to.mul_f64(self.random.uniform()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_begin_again_after_a_good_connection() {
        let mut pauses = Pauses::new(42, 0);
        for failure in 0..20 {
            let most = LONGEST.min(FIRST * 2_u32.pow(failure.min(10)));
            let pause = pauses.after(Some(Duration::from_secs(1)));
            assert!(pause <= most && pause >= most / 2, "{failure}: {pause:?}");
        }
        assert!(pauses.after(Some(GOOD)) <= FIRST);
        assert!(pauses.after(None) <= 2 * FIRST);
        assert_eq!(Pauses::new(1, 0).after(None), Pauses::new(1, 0).after(None));
        assert_ne!(Pauses::new(1, 0).after(None), Pauses::new(1, 1).after(None));
    }
}
