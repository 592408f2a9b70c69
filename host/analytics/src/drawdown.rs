//! Running peak and drawdowns of an equity curve, followed on every step.

use cryptobot_model::Timestamp;

/// A time below an earlier peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawdown {
    /// When the peak was last reached.
    pub peak: Timestamp,
    /// When equity was lowest.
    pub trough: Timestamp,
    /// When the peak was reached again; `None` if it was not by the end of the run.
    pub recovered: Option<Timestamp>,
    /// How far equity fell below the peak, as a fraction of the peak: 0.25 = a quarter was lost.
    pub depth: f64,
}

impl Drawdown {
    /// From the peak to the recovery, or to `end` where there was none; nanoseconds.
    pub fn duration(&self, end: Timestamp) -> i64 {
        self.recovered.unwrap_or(end).0 - self.peak.0
    }
}

/// Follows an equity curve: a comparison and a division per step.
#[derive(Clone, Debug)]
pub(crate) struct DrawdownTracker {
    peak: f64,
    peak_ts: i64,
    /// Lowest `equity / peak` since the peak, and when; 1 at the peak.
    low: f64,
    low_ts: i64,
    deepest: Option<Drawdown>,
    longest: Option<Drawdown>,
}

/// What was found over a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawdowns {
    /// The one that lost the largest share of its peak.
    pub deepest: Option<Drawdown>,
    /// The one that took longest from peak to recovery (or to the end).
    pub longest: Option<Drawdown>,
}

impl DrawdownTracker {
    pub fn new(start: Timestamp, equity: f64) -> Self {
        Self { peak: equity, peak_ts: start.0, low: 1.0, low_ts: start.0, deepest: None, longest: None }
    }

    /// The next equity; returns it as a share of the running peak.
    #[inline]
    pub fn step(&mut self, ts: i64, equity: f64) -> f64 {
        if equity >= self.peak {
            if self.low < 1.0 {
                self.close(Some(Timestamp(ts)), ts);
            }
            self.peak = equity;
            self.peak_ts = ts;
            return 1.0;
        }
        let share = equity / self.peak;
        if share < self.low {
            self.low = share;
            self.low_ts = ts;
        }
        share
    }

    /// Takes steps whose lowest and highest equity these are as one, where none of them reaches the peak or a new low:
    /// then nothing changes. Returns the lowest as a share of the peak; `None` where they are to be taken one by one.
    #[inline]
    pub fn pass(&self, low: f64, high: f64) -> Option<f64> {
        let share = low / self.peak;
        (high < self.peak && share >= self.low).then_some(share)
    }

    #[cold]
    fn close(&mut self, recovered: Option<Timestamp>, end: i64) {
        let drawdown = Drawdown {
            peak: Timestamp(self.peak_ts),
            trough: Timestamp(self.low_ts),
            recovered,
            depth: 1.0 - self.low,
        };
        if self.deepest.is_none_or(|deepest| drawdown.depth > deepest.depth) {
            self.deepest = Some(drawdown);
        }
        let end = Timestamp(end);
        if self.longest.is_none_or(|longest| drawdown.duration(end) > longest.duration(end)) {
            self.longest = Some(drawdown);
        }
        self.low = 1.0;
    }

    /// The drawdowns up to `end`, one that still lasts included.
    pub fn finish(mut self, end: Timestamp) -> Drawdowns {
        if self.low < 1.0 {
            self.close(None, end.0);
        }
        Drawdowns { deepest: self.deepest, longest: self.longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawdowns(curve: &[f64]) -> Drawdowns {
        let mut tracker = DrawdownTracker::new(Timestamp(0), 100.0);
        for (ts, equity) in (1..).zip(curve) {
            tracker.step(ts, *equity);
        }
        tracker.finish(Timestamp(curve.len() as i64))
    }

    #[test]
    fn the_deepest_and_the_longest_are_told_apart() {
        //                         1      2     3      4      5      6      7      8
        let found = drawdowns(&[120.0, 60.0, 121.0, 120.0, 119.0, 118.0, 120.5, 121.0]);
        let deepest = found.deepest.unwrap();
        assert_eq!((deepest.peak.0, deepest.trough.0, deepest.depth), (1, 2, 0.5));
        assert_eq!(deepest.recovered, Some(Timestamp(3)));
        let longest = found.longest.unwrap();
        assert_eq!((longest.peak.0, longest.trough.0), (3, 6));
        assert_eq!(longest.duration(Timestamp(8)), 5);
    }

    #[test]
    fn a_drawdown_that_lasts_has_no_recovery() {
        let found = drawdowns(&[90.0, 95.0]);
        let deepest = found.deepest.unwrap();
        assert_eq!((deepest.recovered, deepest.peak.0), (None, 0));
        assert_eq!(deepest.duration(Timestamp(2)), 2);
    }

    #[test]
    fn a_curve_that_never_falls_has_none() {
        assert_eq!(drawdowns(&[100.0, 100.0, 101.0]), Drawdowns::default());
    }

    proptest::proptest! {
        #[test]
        fn depth_is_what_the_whole_curve_says(curve in proptest::collection::vec(1.0..1_000.0_f64, 1..200)) {
            let mut peak = 100.0_f64;
            let mut depth = 0.0_f64;
            for equity in &curve {
                peak = peak.max(*equity);
                depth = depth.max(1.0 - equity / peak);
            }
            let found = drawdowns(&curve).deepest.map_or(0.0, |deepest| deepest.depth);
            proptest::prop_assert_eq!(found, depth);
        }
    }
}
