//! Two series against each other.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::dispersion::StdDev;
use crate::input::Pair;
use crate::kind::{Kind, kinds, outputs};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Previous, Window, ratio};

pub(crate) const KINDS: &[Kind<Pair>] = kinds! { Pair:
    correlation(period: u32 = 30 in 2..=MAX_PERIOD) -> ["value"], from period;
        "x, y", "Pearson's correlation, -1 to 1; 0 where one does not move", source "Pearson 1895", oracle "definition";
        Covariance::new(period)? => |i, pair| i.update(pair.x, pair.y).correlation,
    return_correlation(period: u32 = 30 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "x, y", "Pearson's correlation of relative changes", source "Pearson 1895", oracle "TA-Lib CORREL";
        Beta::new(period)? => |i, pair| i.update(pair.x, pair.y).correlation,
    beta(period: u32 = 30 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "x, y", "Slope of the relative changes of `y` over those of `x`; 0 where `x` does not move",
        source "Sharpe 1964", oracle "TA-Lib BETA";
        Beta::new(period)? => |i, pair| i.update(pair.x, pair.y).slope,
    spread_z_score(period: u32 = 30 in 2..=MAX_PERIOD) -> ["value", "log-ratio"], from period;
        "x, y", "Log ratio of `x` and `y`, and its distance from its mean in population standard deviations",
        source "Gatev et al. 2006", oracle "definition";
        StdDev::new(period)? => |i, pair| {
            let spread = libm::log(pair.x / pair.y);
            let deviation = i.update(spread);
            [ratio(spread - i.mean(), deviation), spread + 0.0 * deviation]
        },
};

/// Moments of two values around points near them, which keeps their digits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Moments {
    around: [f64; 2],
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    const fn around(x: f64, y: f64) -> Self {
        Self { around: [x, y], x: 0.0, y: 0.0, xx: 0.0, yy: 0.0, xy: 0.0 }
    }

    /// Adds two values, or takes them away with the weight -1.
    #[inline]
    fn add(&mut self, x: f64, y: f64, weight: f64) {
        let (x, y) = (x - self.around[0], y - self.around[1]);
        self.x += weight * x;
        self.y += weight * y;
        self.xx += weight * x * x;
        self.yy += weight * y * y;
        self.xy += weight * x * y;
    }
}

outputs! {
    /// What [`Covariance`] and [`Beta`] give.
    Relation {
        /// Pearson's correlation; 0 where one of them does not move.
        correlation,
        /// Slope of `y` over `x`; 0 where `x` does not move.
        slope,
        /// Population covariance.
        covariance,
    }
}

/// Correlation and slope of the last `period` pairs. First result at the `period`-th pair.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Covariance {
    x: Window,
    y: Window,
    moments: Moments,
    /// Moments of the pairs since the ring began anew; replace `moments` when the ring is through.
    fresh: Moments,
}

impl Covariance {
    /// Over `period` pairs (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let window = Window::new(checked("covariance period", period, 2)?);
        let moments = Moments::around(0.0, 0.0);
        Ok(Self { x: window.clone(), y: window, moments, fresh: moments })
    }

    /// Takes the next pair and returns how they relate.
    #[inline]
    pub fn update(&mut self, x: f64, y: f64) -> Relation {
        if self.x.is_wrapped() {
            self.fresh = Moments::around(x, y);
        }
        let was_full = self.x.is_full();
        let (old_x, old_y) = (self.x.push(x), self.y.push(y));
        if was_full {
            self.moments.add(old_x, old_y, -1.0);
            self.moments.add(x, y, 1.0);
        }
        self.fresh.add(x, y, 1.0);
        if self.x.is_wrapped() {
            self.moments = self.fresh;
        }
        if self.x.is_full() { self.relation() } else { Relation::NAN }
    }

    fn relation(&self) -> Relation {
        let n = self.x.len();
        let Moments { x, y, xx, yy, xy, .. } = self.moments;
        // Rounding can leave tiny negative variances where nothing moves.
        let (vary_x, vary_y) = ((xx - x * x / n).max(0.0), (yy - y * y / n).max(0.0));
        let together = xy - x * y / n;
        Relation {
            correlation: ratio(together, (vary_x * vary_y).sqrt()),
            slope: ratio(together, vary_x),
            covariance: together / n,
        }
    }
}

/// As [`Covariance`], of relative changes. First result at pair `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Beta {
    x: Previous,
    y: Previous,
    changes: Covariance,
}

impl Beta {
    /// Over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("beta period", period, 2)?;
        Ok(Self { x: Previous::NONE, y: Previous::NONE, changes: Covariance::new(period)? })
    }

    /// Takes the next pair and returns how their changes relate.
    #[inline]
    pub fn update(&mut self, x: f64, y: f64) -> Relation {
        let (change_x, change_y) = (x / self.x.replace(x) - 1.0, y / self.y.replace(y) - 1.0);
        if change_x.is_nan() { Relation::NAN } else { self.changes.update(change_x, change_y) }
    }
}
