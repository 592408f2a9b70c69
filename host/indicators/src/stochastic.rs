//! Where the close stands in its recent range: stochastics, Williams %R, CCI, ultimate oscillator.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::average::Rma;
use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::momentum::Rsi;
use crate::moving_average::Sma;
use crate::period::{MAX_PERIOD, MAX_SCAN, PeriodError, checked, checked_scan};
use crate::range::{Highest, Lowest, TrueRange};
use crate::window::{Previous, Sum, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    stoch(period: u32 = 14 in 1..=MAX_PERIOD, smooth: u32 = 3 in 1..=MAX_PERIOD, signal: u32 = 3 in 1..=MAX_PERIOD)
        -> ["k", "d"], from period + smooth + signal - 2;
        "high, low, close", "Slow stochastic: %K smoothed with a simple average, %D the average of that",
        source "Lane 1984", oracle "TA-Lib STOCH";
        Stochastic::new(period, smooth, signal)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    stochf(period: u32 = 14 in 1..=MAX_PERIOD, signal: u32 = 3 in 1..=MAX_PERIOD)
        -> ["k", "d"], from period + signal - 1;
        "high, low, close", "Fast stochastic: %K as it is, %D its simple average", source "Lane 1984", oracle "TA-Lib STOCHF";
        Stochastic::new(period, 1, signal)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    stoch_rsi(period: u32 = 14 in 2..=MAX_PERIOD, range: u32 = 14 in 1..=MAX_PERIOD, signal: u32 = 3 in 1..=MAX_PERIOD)
        -> ["k", "d"], from period + range + signal - 1;
        "close", "Fast stochastic of the RSI", source "Chande and Kroll 1994", oracle "TA-Lib STOCHRSI";
        StochRsi::new(period, range, signal)? => |i, bar| i.update(bar.close),
    kdj(period: u32 = 9 in 1..=MAX_PERIOD, smooth: u32 = 3 in 1..=MAX_PERIOD, signal: u32 = 3 in 1..=MAX_PERIOD)
        -> ["k", "d", "j"], from period + smooth + signal - 2;
        "high, low, close", "Slow stochastic with Wilder's smoothing and J = 3 K - 2 D", source "common", oracle "TA-Lib KDJ";
        Kdj::new(period, smooth, signal)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    williams_r(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "high, low, close", "Williams %R: -100 at the lowest low, 0 at the highest high",
        source "Williams 1973", oracle "TA-Lib WILLR";
        RangePosition::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).from_top,
    cci(period: u32 = 20 in 2..=MAX_SCAN) -> ["value"], from period;
        "high, low, close", "Commodity channel index: distance of the typical price from its average in 0.015 mean deviations",
        source "Lambert 1980", oracle "TA-Lib CCI";
        Cci::new(period)? => |i, bar| i.update(bar.typical()),
    ultosc(short: u32 = 7 in 1..=MAX_PERIOD, medium: u32 = 14 in 1..=MAX_PERIOD, long: u32 = 28 in 1..=MAX_PERIOD)
        -> ["value"], from short.max(medium).max(long) + 1;
        "high, low, close", "Ultimate oscillator: buying pressure over three periods, weighted 4, 2, 1",
        source "Williams 1985", oracle "TA-Lib ULTOSC";
        Ultimate::new(short, medium, long)? => |i, bar| i.update(bar.high, bar.low, bar.close),
};

outputs! {
    /// Where a value stands in its range, from [`RangePosition`].
    Position {
        /// 0 at the lowest, 100 at the highest; 0 where they are the same.
        from_bottom,
        /// -100 at the lowest, 0 at the highest; 0 where they are the same.
        from_top,
    }
}

/// Where the close stands between the lowest low and the highest high of the last `period` bars. First result at
/// the `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RangePosition {
    highest: Highest,
    lowest: Lowest,
}

impl RangePosition {
    /// The position in the range of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("range period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, lowest: Lowest::new(period)? })
    }

    /// Takes the next bar and returns the position.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Position {
        let (highest, lowest) = (self.highest.update(high), self.lowest.update(low));
        let range = highest - lowest;
        Position {
            from_bottom: 100.0 * ratio(close - lowest, range),
            from_top: -100.0 * ratio(highest - close, range),
        }
    }
}

outputs! {
    /// What stochastics give.
    StochasticValue {
        /// Position of the close in the range, smoothed where the indicator says so, 0 to 100.
        k,
        /// Average of `k`.
        d,
    }
}

/// Stochastic oscillator (Lane 1984) with simple averages; without smoothing (1) it is the fast one. Both outputs
/// begin together at bar `period + smooth + signal - 2`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Stochastic {
    position: RangePosition,
    k: Sma,
    d: Sma,
}

impl Stochastic {
    /// With the period of the range and those of the averages (at least 1 each); 14, 3 and 3 are customary.
    pub fn new(period: u32, smooth: u32, signal: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            position: RangePosition::new(checked("stoch period", period, 1)?)?,
            k: Sma::new(checked("stoch smooth period", smooth, 1)?)?,
            d: Sma::new(checked("stoch signal period", signal, 1)?)?,
        })
    }

    /// Takes the next bar and returns %K and %D.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> StochasticValue {
        let position = self.position.update(high, low, close).from_bottom;
        let k = then(position, |value| self.k.update(value));
        let d = then(k, |value| self.d.update(value));
        if d.is_nan() { StochasticValue::NAN } else { StochasticValue { k, d } }
    }
}

/// Fast stochastic of the RSI (Chande and Kroll 1994). Where the RSI stands still it depends on that
/// one's rounding. Both outputs begin together at value
/// `period + range + signal - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct StochRsi {
    rsi: Rsi,
    stochastic: Stochastic,
}

impl StochRsi {
    /// With the periods of the RSI (at least 2), of its range and of %D (at least 1); 14, 14 and 3 are customary.
    pub fn new(period: u32, range: u32, signal: u32) -> Result<Self, PeriodError> {
        Ok(Self { rsi: Rsi::new(period)?, stochastic: Stochastic::new(range, 1, signal)? })
    }

    /// Takes the next value and returns %K and %D.
    #[inline]
    pub fn update(&mut self, value: f64) -> StochasticValue {
        let rsi = self.rsi.update(value);
        if rsi.is_nan() {
            return StochasticValue::NAN;
        }
        self.stochastic.update(rsi, rsi, rsi)
    }
}

outputs! {
    /// What [`Kdj`] gives.
    KdjValue {
        /// Smoothed position of the close in the range.
        k,
        /// Average of `k`.
        d,
        /// `3 k - 2 d`.
        j,
    }
}

/// KDJ: a slow stochastic with Wilder's smoothing, and `J = 3 K - 2 D`. All outputs begin together at bar
/// `period + smooth + signal - 2`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Kdj {
    position: RangePosition,
    k: Rma,
    d: Rma,
}

impl Kdj {
    /// With the period of the range and those of the averages (at least 1 each); 9, 3 and 3 are customary.
    pub fn new(period: u32, smooth: u32, signal: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            position: RangePosition::new(checked("kdj period", period, 1)?)?,
            k: Rma::new(checked("kdj smooth period", smooth, 1)?)?,
            d: Rma::new(checked("kdj signal period", signal, 1)?)?,
        })
    }

    /// Takes the next bar and returns K, D and J.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> KdjValue {
        let position = self.position.update(high, low, close).from_bottom;
        let k = then(position, |value| self.k.update(value));
        let d = then(k, |value| self.d.update(value));
        if d.is_nan() { KdjValue::NAN } else { KdjValue { k, d, j: 3.0 * k - 2.0 * d } }
    }
}

/// Commodity channel index (Lambert 1980): `(typical - mean) / (0.015 mean deviation)`; 0 where the typical price
/// does not move. First result at the `period`-th bar. The mean deviation is added up anew for each bar: an update
/// costs O(period).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Cci {
    sum: Sum,
}

impl Cci {
    /// The index over `period` bars (2 to [`MAX_SCAN`]).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { sum: Sum::new(checked_scan("cci period", period, 2)?) })
    }

    /// Takes the next typical price and returns the index.
    #[inline]
    pub fn update(&mut self, typical: f64) -> f64 {
        self.sum.update(typical);
        let mean = self.sum.mean();
        if mean.is_nan() {
            return mean;
        }
        let values = self.sum.window().unordered();
        let deviation =
            values.iter().map(|value| (value - mean).abs()).sum::<f64>() / self.sum.window().len();
        ratio(typical - mean, 0.015 * deviation)
    }
}

/// Ultimate oscillator (Williams 1985): buying pressure `close - min(low, previous close)` in percent of the true
/// range, over three periods, weighted 4, 2 and 1. First result one bar after the longest period.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Ultimate {
    previous_close: Previous,
    true_range: TrueRange,
    /// Sums of pressure and range over the three periods.
    sums: [(Sum, Sum); 3],
}

impl Ultimate {
    /// With the three periods (at least 1); 7, 14 and 28 are customary.
    pub fn new(short: u32, medium: u32, long: u32) -> Result<Self, PeriodError> {
        let sums = |period| -> Result<(Sum, Sum), PeriodError> {
            let sum = Sum::new(checked("ultosc period", period, 1)?);
            Ok((sum.clone(), sum))
        };
        Ok(Self {
            previous_close: Previous::NONE,
            true_range: TrueRange::new(),
            sums: [sums(short)?, sums(medium)?, sums(long)?],
        })
    }

    /// Takes the next bar and returns the oscillator, 0 to 100.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let range = self.true_range.update(high, low, close);
        let before = self.previous_close.replace(close);
        if range.is_nan() {
            return range;
        }
        let pressure = close - low.min(before);
        let mut weighted = 0.0;
        for ((pressures, ranges), weight) in self.sums.iter_mut().zip([4.0, 2.0, 1.0]) {
            weighted += weight * ratio(pressures.update(pressure), ranges.update(range));
        }
        100.0 * weighted / 7.0
    }
}
