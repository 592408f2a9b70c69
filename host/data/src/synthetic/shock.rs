//! A flash crash: a fast fall and a partial recovery, as a factor of prices over time.

/// Recovery takes this multiple of the fall's length.
pub(super) const RECOVERY_LENGTHS: i64 = 4;
/// Share of the fall in which stress rises to 1.
const ONSET: f64 = 0.25;
const MINUTE_MS: i64 = 60_000;

/// A fall of `fall` (a fraction) within `minutes`, of which `recovery` (a fraction of it) is won back within four times as
/// long. What is not won back stays lost.
///
/// The fall accelerates: the price is `1 - fall * u^2` of what it would be, with `u` from 0 to 1. The recovery slows down:
/// it is `1 - (1 - v)^2` of the way, with `v` from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlashCrash {
    /// When it begins, ms since the epoch.
    pub at_ms: i64,
    /// What the price loses, as a fraction.
    pub fall: f64,
    /// Length of the fall.
    pub minutes: u32,
    /// What comes back, as a fraction of the fall.
    pub recovery: f64,
}

impl FlashCrash {
    fn length_ms(&self) -> i64 {
        i64::from(self.minutes) * MINUTE_MS
    }

    /// When the price is lowest, ms since the epoch.
    pub fn bottom_ms(&self) -> i64 {
        self.at_ms + self.length_ms()
    }

    /// When it has recovered, ms since the epoch.
    pub fn end_ms(&self) -> i64 {
        self.bottom_ms() + RECOVERY_LENGTHS * self.length_ms()
    }

    /// Progress of the fall and of the recovery at a time, each from 0 to 1.
    fn progress(&self, ts_ms: i64) -> (f64, f64) {
        let share = |from: i64, length: i64| ((ts_ms - from) as f64 / length as f64).clamp(0.0, 1.0);
        let length = self.length_ms();
        (share(self.at_ms, length), share(self.bottom_ms(), RECOVERY_LENGTHS * length))
    }

    /// What prices are multiplied with at a time.
    pub fn factor(&self, ts_ms: i64) -> f64 {
        let (down, up) = self.progress(ts_ms);
        let back = self.recovery * (1.0 - (1.0 - up) * (1.0 - up));
        1.0 - self.fall * down * down * (1.0 - back)
    }

    /// How far the market is from its usual state at a time, from 0 to 1.
    pub fn stress(&self, ts_ms: i64) -> f64 {
        let (down, up) = self.progress(ts_ms);
        (down / ONSET).min(1.0) * (1.0 - up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_recovers_in_part_and_stays() {
        let crash = FlashCrash { at_ms: 600_000, fall: 0.3, minutes: 10, recovery: 0.6 };
        let at = |minute: i64| minute * MINUTE_MS;
        assert_eq!((crash.factor(at(0)), crash.factor(at(10))), (1.0, 1.0));
        assert!((crash.factor(at(15)) - 0.925).abs() < 1e-12);
        assert_eq!((crash.bottom_ms(), crash.end_ms()), (at(20), at(60)));
        assert!((crash.factor(at(20)) - 0.7).abs() < 1e-12);
        assert!((crash.factor(at(40)) - (1.0 - 0.3 * (1.0 - 0.6 * 0.75))).abs() < 1e-12);
        assert!((crash.factor(at(60)) - 0.88).abs() < 1e-12);
        assert_eq!(crash.factor(at(60)), crash.factor(at(10_000)));
        assert_eq!((crash.stress(at(10)), crash.stress(at(13)), crash.stress(at(20))), (0.0, 1.0, 1.0));
        assert_eq!((crash.stress(at(40)), crash.stress(at(60))), (0.5, 0.0));
    }
}
