//! Standard deviation and Bollinger bands.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::period::{MAX_PERIOD, PeriodError, checked};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    stddev(period: u32 = 20 in 2..=MAX_PERIOD) -> ["value"], from period;
        "close", "Population standard deviation", source "common", oracle "definition";
        StdDev::new(period)? => |i, bar| i.update(bar.close),
    bollinger(period: u32 = 20 in 2..=MAX_PERIOD, width: f64 = 2.0 in 0.0..=100.0)
        -> ["upper", "middle", "lower", "percent-b", "bandwidth"], from period;
        "close", "Bollinger bands: simple average and `width` population standard deviations to each side",
        source "Bollinger 2001", oracle "definition; TA-Lib BBANDS";
        Bollinger::new(period, width)? => |i, bar| i.update(bar.close),
};

/// First and second moment of the values around a fixed point near them, which keeps the digits that
/// `E[x²] − E[x]²` loses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Moments {
    around: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    const fn around(around: f64) -> Self {
        Self { around, sum: 0.0, squares: 0.0 }
    }

    fn add(&mut self, value: f64) {
        let distance = value - self.around;
        self.sum += distance;
        self.squares += distance * distance;
    }

    fn remove(&mut self, value: f64) {
        let distance = value - self.around;
        self.sum -= distance;
        self.squares -= distance * distance;
    }
}

/// Population standard deviation of the last `period` values (divided by `period`, as TA-Lib and Bollinger do).
/// First result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct StdDev {
    window: Vec<f64>,
    next: usize,
    full: bool,
    moments: Moments,
    /// Moments of the values since the ring began anew; replace `moments` when the ring is through.
    fresh: Moments,
    /// How many of the newest values are the same: where all are, there is no deviation, and none from rounding.
    same: u32,
}

impl StdDev {
    /// The deviation over `period` values (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("stddev period", period, 2)?;
        Ok(Self {
            window: vec![0.0; period as usize],
            next: 0,
            full: false,
            moments: Moments::around(0.0),
            fresh: Moments::around(0.0),
            same: 0,
        })
    }

    /// Takes the next value and returns the deviation.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        if self.next == 0 {
            self.fresh = Moments::around(value);
        }
        if self.full {
            self.moments.remove(self.window[self.next]);
            self.moments.add(value);
        }
        self.fresh.add(value);
        let newest = if self.next == 0 { self.window.len() } else { self.next } - 1;
        self.same = if value == self.window[newest] { self.same.saturating_add(1) } else { 1 };
        self.window[self.next] = value;
        self.next += 1;
        if self.next == self.window.len() {
            self.next = 0;
            self.full = true;
            self.moments = self.fresh;
        }
        if self.same as usize >= self.window.len() {
            self.moments = Moments::around(value);
        }
        self.value()
    }

    /// The deviation; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if !self.full {
            return f64::NAN;
        }
        let period = self.window.len() as f64;
        let mean = self.moments.sum / period;
        // Rounding can leave a tiny negative number where all values are equal.
        (self.moments.squares / period - mean * mean).max(0.0).sqrt()
    }

    /// The mean of the same values; NaN while warming up.
    #[inline]
    pub fn mean(&self) -> f64 {
        if self.full { self.moments.around + self.moments.sum / self.window.len() as f64 } else { f64::NAN }
    }
}

outputs! {
    /// What [`Bollinger`] gives.
    Bands {
        /// `middle + width * deviation`.
        upper,
        /// The simple moving average.
        middle,
        /// `middle - width * deviation`.
        lower,
        /// Where the value stands: 0 at the lower band, 1 at the upper one; NaN where the bands meet.
        percent_b,
        /// `(upper - lower) / middle`.
        bandwidth,
}
}

/// Bollinger bands: a simple moving average and `width` population standard deviations to each side. First
/// result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Bollinger {
    deviation: StdDev,
    width: f64,
    bands: Bands,
}

impl Bollinger {
    /// Bands over `period` values (at least 2), `width` deviations wide; 20 and 2 are customary.
    pub fn new(period: u32, width: f64) -> Result<Self, PeriodError> {
        let period = checked("bollinger period", period, 2)?;
        Ok(Self { deviation: StdDev::new(period)?, width, bands: Bands::NAN })
    }

    /// Takes the next value and returns the bands.
    #[inline]
    pub fn update(&mut self, value: f64) -> Bands {
        let distance = self.width * self.deviation.update(value);
        let middle = self.deviation.mean();
        let (upper, lower) = (middle + distance, middle - distance);
        self.bands = Bands {
            upper,
            middle,
            lower,
            percent_b: (value - lower) / (upper - lower),
            bandwidth: (upper - lower) / middle,
        };
        self.bands
    }

    /// The bands; NaN while warming up.
    #[inline]
    pub fn value(&self) -> Bands {
        self.bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_deviations_of_large_values_keep_their_digits() {
        let mut deviation = StdDev::new(4).unwrap();
        for i in 0..1_001 {
            deviation.update(1e9 + f64::from(i % 2) * 0.25);
        }
        // Two values each of 0 and 0.25 around their mean: the deviation is 0.125, and E[x²] − E[x]² would give
        // nothing but rounding.
        assert!((deviation.value() - 0.125).abs() < 1e-12, "{}", deviation.value());
        assert_eq!(deviation.mean(), 1e9 + 0.125);
    }

    #[test]
    fn equal_values_have_no_deviation_and_no_percent_b() {
        let mut bollinger = Bollinger::new(3, 2.0).unwrap();
        assert!(bollinger.update(0.1).middle.is_nan());
        bollinger.update(0.1);
        let bands = bollinger.update(0.1);
        assert_eq!((bands.upper, bands.middle, bands.lower, bands.bandwidth), (0.1, 0.1, 0.1, 0.0));
        assert!(bands.percent_b.is_nan());
    }

    #[test]
    fn the_deviation_needs_two_values() {
        assert!(StdDev::new(1).is_err());
        assert_eq!(
            Bollinger::new(1, 2.0).unwrap_err().to_string(),
            "the bollinger period must lie in 2..=100000, not 1"
        );
    }
}
