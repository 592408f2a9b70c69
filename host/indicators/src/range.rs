//! Ranges: average true range, highest, lowest and the Donchian channel.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::momentum::Roc;
use crate::moving_average::{Ema, Sma};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Previous, Sum, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    atr(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Average true range, Wilder's smoothing", source "Wilder 1978", oracle "TA-Lib ATR";
        Atr::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    natr(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Average true range in percent of the close", source "Wilder 1978", oracle "TA-Lib NATR";
        Atr::new(period)? => |i, bar| 100.0 * ratio(i.update(bar.high, bar.low, bar.close), bar.close),
    true_range() -> ["value"], from 2;
        "high, low, close", "True range: the bar's range and the gap before it", source "Wilder 1978", oracle "TA-Lib TRANGE";
        TrueRange::new() => |i, bar| i.update(bar.high, bar.low, bar.close),
    highest(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "high", "Highest high", source "common", oracle "TA-Lib MAX";
        Highest::new(period)? => |i, bar| i.update(bar.high),
    lowest(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "low", "Lowest low", source "common", oracle "TA-Lib MIN";
        Lowest::new(period)? => |i, bar| i.update(bar.low),
    donchian(period: u32 = 20 in 1..=MAX_PERIOD) -> ["upper", "middle", "lower"], from period;
        "high, low", "Donchian channel: highest high and lowest low, the newest bar included",
        source "Donchian", oracle "TA-Lib DONCHIAN";
        Donchian::new(period)? => |i, bar| i.update(bar.high, bar.low),
    keltner(period: u32 = 20 in 1..=MAX_PERIOD, range: u32 = 10 in 1..=MAX_PERIOD, width: f64 = 2.0 in 0.0..=100.0)
        -> ["upper", "middle", "lower"], from period.max(range + 1);
        "high, low, close", "Keltner channel: EMA of the typical price and `width` average true ranges to each side",
        source "Keltner 1960, Raschke", oracle "TA-Lib KC";
        Keltner::new(period, range, width)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    acceleration_bands(period: u32 = 20 in 1..=MAX_PERIOD) -> ["upper", "middle", "lower"], from period;
        "high, low, close", "Acceleration bands: averages of high, close and low widened by the bars' relative range",
        source "Headley 2002", oracle "TA-Lib ACCBANDS";
        AccelerationBands::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    average_range(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "high, low", "Simple average of high - low", source "common", oracle "TA-Lib ADR";
        Sma::new(period)? => |i, bar| i.update(bar.high - bar.low),
    chaikin_volatility(period: u32 = 10 in 1..=MAX_PERIOD, change: u32 = 10 in 1..=MAX_PERIOD)
        -> ["value"], from period + change;
        "high, low", "Change of the EMA of high - low, in percent", source "Chaikin", oracle "TA-Lib CVI";
        ChaikinVolatility::new(period, change)? => |i, bar| i.update(bar.high, bar.low),
    mass_index(fast: u32 = 9 in 2..=MAX_PERIOD, sum: u32 = 25 in 2..=MAX_PERIOD)
        -> ["value"], from 2 * fast + sum - 2;
        "high, low", "Mass index: sum of the ratio of the EMA of high - low to its own EMA",
        source "Dorsey 1992", oracle "TA-Lib MASSI";
        MassIndex::new(fast, sum)? => |i, bar| i.update(bar.high, bar.low),
    choppiness(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Choppiness index: 100 log(sum of true ranges / whole range) / log(period)",
        source "Dreiss 1993", oracle "definition";
        Choppiness::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
};

/// Average true range (Wilder 1978). The true range needs the close before, so it begins at the second bar;
/// seeded with the mean of the first `period` true ranges, smoothed with `1 / period`. First result at bar
/// `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Atr {
    period: u32,
    seen: u32,
    previous_close: f64,
    average: f64,
}

impl Atr {
    /// The average over `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("atr period", period, 1)?;
        Ok(Self { period, seen: 0, previous_close: f64::NAN, average: 0.0 })
    }

    /// Takes the next bar and returns the average.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let previous = self.previous_close;
        self.previous_close = close;
        if previous.is_nan() {
            return self.value();
        }
        let true_range = (high - low).max((previous - high).abs()).max((previous - low).abs());
        let period = f64::from(self.period);
        if self.seen == self.period {
            self.average = (self.average * (period - 1.0) + true_range) / period;
        } else {
            self.average += true_range;
            self.seen += 1;
            if self.seen == self.period {
                self.average /= period;
            }
        }
        self.value()
    }

    /// The average; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if self.seen == self.period { self.average } else { f64::NAN }
    }
}

/// The highest of the last `period` values. First result at the `period`-th value.
///
/// Keeps only the values that can still become the highest, newest last and falling: an update costs O(1) on
/// average, whatever the period.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Highest {
    /// Ring of candidates: value and its number in the stream.
    candidates: Vec<(f64, u64)>,
    head: usize,
    len: usize,
    seen: u64,
}

impl Highest {
    /// The highest of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self::over(checked("highest period", period, 1)?))
    }

    /// The highest of a number of values that is known to be right.
    pub(crate) fn over(length: u32) -> Self {
        Self { candidates: vec![(0.0, 0); length as usize], head: 0, len: 0, seen: 0 }
    }

    fn slot(&self, position: usize) -> usize {
        let slot = self.head + position;
        if slot >= self.candidates.len() { slot - self.candidates.len() } else { slot }
    }

    /// Takes the next value and returns the highest one.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let period = self.candidates.len();
        if self.len > 0 && self.candidates[self.head].1 + period as u64 <= self.seen {
            self.head = self.slot(1);
            self.len -= 1;
        }
        let mut slot = self.slot(self.len);
        while self.len > 0 {
            let last = slot.checked_sub(1).unwrap_or(period - 1);
            if self.candidates[last].0 <= value {
                slot = last;
                self.len -= 1;
            } else {
                break;
            }
        }
        self.candidates[slot] = (value, self.seen);
        self.len += 1;
        self.seen += 1;
        self.value()
    }

    /// How many values ago the highest one was, the latest of equal ones; 0 before the first value.
    #[inline]
    pub fn age(&self) -> u64 {
        if self.len > 0 { self.seen - 1 - self.candidates[self.head].1 } else { 0 }
    }

    /// The highest value; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if self.seen >= self.candidates.len() as u64 { self.candidates[self.head].0 } else { f64::NAN }
    }
}

/// The lowest of the last `period` values: see [`Highest`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Lowest {
    /// The lowest value is the highest negated one, and negation is exact.
    negated: Highest,
}

impl Lowest {
    /// The lowest of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self::over(checked("lowest period", period, 1)?))
    }

    /// The lowest of a number of values that is known to be right.
    pub(crate) fn over(length: u32) -> Self {
        Self { negated: Highest::over(length) }
    }

    /// Takes the next value and returns the lowest one.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        -self.negated.update(-value)
    }

    /// How many values ago the lowest one was, the latest of equal ones; 0 before the first value.
    #[inline]
    pub fn age(&self) -> u64 {
        self.negated.age()
    }

    /// The lowest value; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        -self.negated.value()
    }
}

outputs! {
    /// What [`Donchian`] gives.
    Channel {
        /// Highest high.
        upper,
        /// The middle between upper and lower.
        middle,
        /// Lowest low.
        lower,
}
}

/// Donchian channel: highest high and lowest low of the last `period` bars, the newest included.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Donchian {
    highest: Highest,
    lowest: Lowest,
}

impl Donchian {
    /// The channel of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("donchian period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, lowest: Lowest::new(period)? })
    }

    /// Takes the next bar and returns the channel.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> Channel {
        self.highest.update(high);
        self.lowest.update(low);
        self.value()
    }

    /// The channel; NaN while warming up.
    #[inline]
    pub fn value(&self) -> Channel {
        let (upper, lower) = (self.highest.value(), self.lowest.value());
        Channel { upper, middle: f64::midpoint(upper, lower), lower }
    }
}

/// True range (Wilder 1978): the largest of `high - low`, `|high - previous close|` and `|low - previous close|`.
/// First result at the second bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TrueRange {
    previous_close: Previous,
}

impl Default for TrueRange {
    fn default() -> Self {
        Self::new()
    }
}

impl TrueRange {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { previous_close: Previous::NONE }
    }

    /// Takes the next bar and returns its true range; NaN for the first one.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let before = self.previous_close.replace(close);
        if before.is_nan() {
            before
        } else {
            (high - low).max((before - high).abs()).max((before - low).abs())
        }
    }
}

/// Keltner channel: EMA of the typical price (Keltner 1960) and `width` average true ranges to each side (Raschke).
/// As in TA-Lib both averages are seeded at the same bar; first result at the later of the bars `period` and
/// `range + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Keltner {
    middle: Ema,
    range: Atr,
    width: f64,
    /// Bars that the average and the range still have to skip.
    skip: [u32; 2],
}

impl Keltner {
    /// With the periods of the average and of the true range (at least 1); 20, 10 and 2 are customary.
    pub fn new(period: u32, range: u32, width: f64) -> Result<Self, PeriodError> {
        let middle = Ema::new(checked("keltner period", period, 1)?)?;
        let atr = Atr::new(checked("keltner range period", range, 1)?)?;
        let skip = [(range + 1).saturating_sub(period), period.saturating_sub(range + 1)];
        Ok(Self { middle, range: atr, width, skip })
    }

    /// Takes the next bar and returns the channel.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Channel {
        let [skip_middle, skip_range] = self.skip;
        self.skip = [skip_middle.saturating_sub(1), skip_range.saturating_sub(1)];
        let middle = if skip_middle == 0 { self.middle.update((high + low + close) / 3.0) } else { f64::NAN };
        let range = if skip_range == 0 { self.range.update(high, low, close) } else { f64::NAN };
        let distance = self.width * range;
        if (middle + distance).is_nan() {
            return Channel::NAN;
        }
        Channel { upper: middle + distance, middle, lower: middle - distance }
    }
}

/// Acceleration bands (Headley 2002): simple averages of `high (1 + 4 r)`, close and `low (1 - 4 r)` with
/// `r = (high - low) / (high + low)`. First result at the `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AccelerationBands {
    upper: Sma,
    middle: Sma,
    lower: Sma,
}

impl AccelerationBands {
    /// Bands over `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let average = Sma::new(checked("acceleration bands period", period, 1)?)?;
        Ok(Self { upper: average.clone(), middle: average.clone(), lower: average })
    }

    /// Takes the next bar and returns the bands.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Channel {
        let range = 4.0 * ratio(high - low, high + low);
        Channel {
            upper: self.upper.update(high * (1.0 + range)),
            middle: self.middle.update(close),
            lower: self.lower.update(low * (1.0 - range)),
        }
    }
}

/// Chaikin's volatility: change of the EMA of `high - low`, in percent. First result at bar `period + change`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ChaikinVolatility {
    range: Ema,
    change: Roc,
}

impl ChaikinVolatility {
    /// With the periods of the average and of the change (at least 1); 10 and 10 are customary.
    pub fn new(period: u32, change: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            range: Ema::new(checked("chaikin volatility period", period, 1)?)?,
            change: Roc::new(checked("chaikin volatility change period", change, 1)?)?,
        })
    }

    /// Takes the next bar and returns the change.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> f64 {
        let range = self.range.update(high - low);
        then(range, |value| self.change.update(value))
    }
}

/// Mass index (Dorsey 1992): sum of `EMA(high - low) / EMA(EMA(high - low))`. First result at bar
/// `2 fast + sum - 2`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct MassIndex {
    first: Ema,
    second: Ema,
    sum: Sum,
}

impl MassIndex {
    /// With the period of the averages and the number of ratios (at least 2); 9 and 25 are customary.
    pub fn new(fast: u32, sum: u32) -> Result<Self, PeriodError> {
        let average = Ema::new(checked("mass index period", fast, 2)?)?;
        let sum = Sum::new(checked("mass index sum period", sum, 2)?);
        Ok(Self { first: average.clone(), second: average, sum })
    }

    /// Takes the next bar and returns the index.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> f64 {
        let first = self.first.update(high - low);
        let second = then(first, |value| self.second.update(value));
        then(second, |second| self.sum.update(ratio(first, second)))
    }
}

/// Choppiness index (Dreiss 1993): `100 log(Σ true range / (highest high - lowest low)) / log(period)`, 100 where
/// the market goes nowhere. First result at bar `period + 1`; 0 where there is no range.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Choppiness {
    true_range: TrueRange,
    sum: Sum,
    highest: Highest,
    lowest: Lowest,
    log_period: f64,
}

impl Choppiness {
    /// The index over `period` bars (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("choppiness period", period, 2)?;
        Ok(Self {
            true_range: TrueRange::new(),
            sum: Sum::new(period),
            highest: Highest::new(period)?,
            lowest: Lowest::new(period)?,
            log_period: libm::log(f64::from(period)),
        })
    }

    /// Takes the next bar and returns the index.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let range = self.highest.update(high) - self.lowest.update(low);
        let sum = then(self.true_range.update(high, low, close), |value| self.sum.update(value));
        if sum.is_nan() || range > 0.0 { 100.0 * libm::log(sum / range) / self.log_period } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_true_range_counts_gaps() {
        let mut atr = Atr::new(2).unwrap();
        assert!(atr.update(11.0, 9.0, 10.0).is_nan());
        assert!(atr.update(15.0, 14.0, 14.5).is_nan());
        // True ranges: 15 − 10 = 5 (gap up), then 14.5 − 9 = 5.5 (gap down).
        assert_eq!(atr.update(9.5, 9.0, 9.2), 5.25);
        // Wilder's smoothing: (5.25 · 1 + 1) / 2.
        assert_eq!(atr.update(10.0, 9.0, 9.5), 3.125);
    }

    proptest! {
        #[test]
        fn extremes_are_those_of_a_plain_search(
            values in prop::collection::vec(-1e6..1e6_f64, 1..300),
            period in 1_u32..50,
        ) {
            let mut highest = Highest::new(period).unwrap();
            let mut lowest = Lowest::new(period).unwrap();
            for (i, value) in values.iter().enumerate() {
                let (high, low) = (highest.update(*value), lowest.update(*value));
                match (i + 1).checked_sub(period as usize) {
                    None => prop_assert!(high.is_nan() && low.is_nan()),
                    Some(start) => {
                        let window = &values[start..=i];
                        prop_assert_eq!(high, window.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                        prop_assert_eq!(low, window.iter().copied().fold(f64::INFINITY, f64::min));
                    }
                }
            }
        }
    }
}
