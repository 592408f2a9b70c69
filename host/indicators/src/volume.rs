//! Volume: money flow, accumulation and distribution, volume-weighted average prices.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::momentum::Roc;
use crate::moving_average::{Ema, Sma};
use crate::oscillator::PriceOscillator;
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Previous, Sum, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    obv() -> ["value"], from 1;
        "close, volume", "On-balance volume: the first volume, then volume added on rising and taken off on falling closes",
        source "Granville 1963", oracle "TA-Lib OBV";
        Obv::new() => |i, bar| i.update(bar.close, bar.volume),
    obv_trend(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close, volume", "On-balance volume minus its simple average, in average volumes",
        source "own", oracle "definition";
        ObvTrend::new(period)? => |i, bar| i.update(bar.close, bar.volume),
    ad() -> ["value"], from 1;
        "high, low, close, volume", "Accumulation/distribution line: sum of the money flow",
        source "Chaikin", oracle "TA-Lib AD";
        AdLine::new() => |i, bar| i.update(bar),
    adosc(fast: u32 = 3 in 2..=MAX_PERIOD, slow: u32 = 10 in 2..=MAX_PERIOD) -> ["value"], from fast.max(slow);
        "high, low, close, volume", "Chaikin oscillator: fast minus slow EMA of the accumulation/distribution line",
        source "Chaikin", oracle "TA-Lib ADOSC";
        ChaikinOscillator::new(fast, slow)? => |i, bar| i.update(bar),
    cmf(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "high, low, close, volume", "Chaikin money flow: sum of the money flow per sum of volume, -1 to 1",
        source "Chaikin", oracle "TA-Lib CMF";
        ChaikinMoneyFlow::new(period)? => |i, bar| i.update(bar),
    mfi(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close, volume", "Money flow index: an RSI of typical price times volume, 0 to 100",
        source "Quong and Soudack 1989", oracle "TA-Lib MFI";
        Mfi::new(period)? => |i, bar| i.update(bar.typical(), bar.volume),
    vpt() -> ["value"], from 1;
        "close, volume", "Volume price trend: sum of volume times relative change; 0 at the first bar",
        source "common", oracle "TA-Lib PVT";
        Vpt::new() => |i, bar| i.update(bar.close, bar.volume),
    force_index(period: u32 = 13 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close, volume", "Force index: EMA of the change times volume", source "Elder 1993", oracle "TA-Lib EFI";
        ForceIndex::new(period)? => |i, bar| i.update(bar.close, bar.volume),
    volume_sma_ratio(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "volume", "Volume in simple averages of the last volumes, the newest included", source "common", oracle "definition";
        Sma::new(period)? => |i, bar| ratio(bar.volume, i.update(bar.volume)),
    relative_volume(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "volume", "Volume in simple averages of the volumes before; 0 where there was none",
        source "common", oracle "TA-Lib RVOL";
        RelativeVolume::new(period)? => |i, bar| i.update(bar.volume),
    volume_oscillator(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD) -> ["value"], from slow;
        "volume", "Fast minus slow EMA of volume in percent of the slow one", source "common", oracle "TA-Lib PVO";
        PriceOscillator::new(fast, slow)? => |i, bar| i.update(bar.volume).percent,
    volume_roc(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "volume", "Rate of change of volume in percent", source "common", oracle "TA-Lib ROC";
        Roc::new(period)? => |i, bar| i.update(bar.volume),
    nvi() -> ["value"], from 1;
        "close, volume", "Negative volume index: 1000, changed by the close's return where volume falls",
        source "Dysart 1936, Fosback 1976", oracle "TA-Lib NVI";
        VolumeIndex::new(false) => |i, bar| i.update(bar.close, bar.volume),
    pvi() -> ["value"], from 1;
        "close, volume", "Positive volume index: 1000, changed by the close's return where volume rises",
        source "Dysart 1936, Fosback 1976", oracle "TA-Lib PVI";
        VolumeIndex::new(true) => |i, bar| i.update(bar.close, bar.volume),
    market_facilitation() -> ["value"], from 1;
        "high, low, volume", "Range per volume; 0 without volume", source "Williams 1995", oracle "TA-Lib MARKETFI";
        () => |(), bar| ratio(bar.high - bar.low, bar.volume),
    williams_ad() -> ["value"], from 1;
        "high, low, close", "Williams' accumulation/distribution: sum of what closes gain over the true low or lose under the true high",
        source "Williams 1972", oracle "TA-Lib WAD";
        WilliamsAd::new() => |i, bar| i.update(bar.high, bar.low, bar.close),
    vwap() -> ["value", "deviation", "z-score"], from 1;
        "time, high, low, close, volume", "Volume-weighted average price since 00:00 UTC; deviation of the close from it as a fraction, and in volume-weighted standard deviations (0 where there are none)",
        source "Berkowitz et al. 1988", oracle "definition";
        SessionVwap::new() => |i, bar| i.update(bar),
    rolling_vwap(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value", "deviation"], from period;
        "high, low, close, volume", "Volume-weighted average of the typical price (the plain one without volume) and deviation of the close from it as a fraction",
        source "Berkowitz et al. 1988", oracle "definition";
        crate::average::Vwma::new(period)? => |i, bar| {
            let vwap = i.update(bar.typical(), bar.volume);
            [vwap, bar.close / vwap - 1.0]
        },
};

/// Nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// The day (since 1970, UTC) that a bar belongs to: that of its last nanosecond before the close.
pub(crate) fn day_of(close_ns: i64) -> i64 {
    (close_ns - 1).div_euclid(DAY_NS)
}

/// On-balance volume (Granville 1963). Begins with the first volume, as TA-Lib does; first result at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Obv {
    previous: Previous,
    value: f64,
}

impl Default for Obv {
    fn default() -> Self {
        Self::new()
    }
}

impl Obv {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { previous: Previous::NONE, value: 0.0 }
    }

    /// Takes the next bar and returns the sum.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let before = self.previous.replace(close);
        if before.is_nan() || close > before {
            self.value += volume;
        } else if close < before {
            self.value -= volume;
        }
        self.value
    }
}

/// On-balance volume minus its own simple average, measured in average volumes: above 0 volume confirms a rise. The
/// sum is kept modulo nothing; its origin cancels out. First result at the `period`-th bar; 0 without volume.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ObvTrend {
    obv: Obv,
    average: Sma,
    volume: Sma,
}

impl ObvTrend {
    /// Against the average of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let average = Sma::new(checked("obv trend period", period, 1)?)?;
        Ok(Self { obv: Obv::new(), average: average.clone(), volume: average })
    }

    /// Takes the next bar and returns the distance.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let obv = self.obv.update(close, volume);
        ratio(obv - self.average.update(obv), self.volume.update(volume))
    }
}

/// What buyers or sellers moved in a bar: volume times the place of the close in the bar's range, -1 at the low, 1 at
/// the high (Chaikin); 0 where there is no range.
#[inline]
fn money_flow(bar: &Ohlcv) -> f64 {
    let range = bar.high - bar.low;
    if range > 0.0 { ((bar.close - bar.low) - (bar.high - bar.close)) / range * bar.volume } else { 0.0 }
}

/// Accumulation/distribution line (Chaikin): the sum of the money flow. First result at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AdLine {
    value: f64,
}

impl Default for AdLine {
    fn default() -> Self {
        Self::new()
    }
}

impl AdLine {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { value: 0.0 }
    }

    /// Takes the next bar and returns the line.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        self.value += money_flow(bar);
        self.value
    }
}

/// Chaikin oscillator: fast minus slow EMA of the accumulation/distribution line. As in TA-Lib both averages begin with
/// the first value of the line; first result at the longer period's bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ChaikinOscillator {
    line: AdLine,
    factors: [f64; 2],
    averages: [f64; 2],
    left: u32,
}

impl ChaikinOscillator {
    /// With the periods of the two averages (at least 2); 3 and 10 are customary.
    pub fn new(fast: u32, slow: u32) -> Result<Self, PeriodError> {
        let fast = checked("adosc fast period", fast, 2)?;
        let slow = checked("adosc slow period", slow, 2)?;
        let factor = |period: u32| 2.0 / (f64::from(period) + 1.0);
        Ok(Self {
            line: AdLine::new(),
            factors: [factor(fast), factor(slow)],
            averages: [f64::NAN; 2],
            left: fast.max(slow),
        })
    }

    /// Takes the next bar and returns the difference.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        let line = self.line.update(bar);
        for (average, factor) in self.averages.iter_mut().zip(self.factors) {
            *average = if average.is_nan() { line } else { *average + (line - *average) * factor };
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 { self.averages[0] - self.averages[1] } else { f64::NAN }
    }
}

/// Chaikin money flow: sum of the money flow divided by the sum of volume; 0 without volume. First result at the
/// `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ChaikinMoneyFlow {
    flow: Sum,
    volume: Sum,
}

impl ChaikinMoneyFlow {
    /// Over `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("cmf period", period, 1)?);
        Ok(Self { flow: sum.clone(), volume: sum })
    }

    /// Takes the next bar and returns the flow, -1 to 1.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        ratio(self.flow.update(money_flow(bar)), self.volume.update(bar.volume))
    }
}

/// Money flow index (Quong and Soudack 1989): share of the money (typical price times volume) of bars with a rising
/// typical price, in percent; as in TA-Lib 0 where less than 1 was turned over. First result at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Mfi {
    previous: Previous,
    rising: Sum,
    falling: Sum,
}

impl Mfi {
    /// Over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("mfi period", period, 2)?);
        Ok(Self { previous: Previous::NONE, rising: sum.clone(), falling: sum })
    }

    /// Takes the next typical price with its volume and returns the index, 0 to 100.
    #[inline]
    pub fn update(&mut self, typical: f64, volume: f64) -> f64 {
        let change = typical - self.previous.replace(typical);
        if change.is_nan() {
            return change;
        }
        let money = typical * volume;
        let rising = self.rising.update(if change > 0.0 { money } else { 0.0 });
        let falling = self.falling.update(if change < 0.0 { money } else { 0.0 });
        if rising + falling < 1.0 { 0.0 } else { 100.0 * rising / (rising + falling) }
    }
}

/// Volume price trend: sum of volume times relative change of the close. First result, 0, at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Vpt {
    previous: Previous,
    value: f64,
}

impl Default for Vpt {
    fn default() -> Self {
        Self::new()
    }
}

impl Vpt {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { previous: Previous::NONE, value: 0.0 }
    }

    /// Takes the next bar and returns the sum.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let before = self.previous.replace(close);
        if !before.is_nan() {
            self.value += volume * ratio(close - before, before);
        }
        self.value
    }
}

/// Force index (Elder 1993): EMA of the change of the close times volume. First result at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ForceIndex {
    previous: Previous,
    average: Ema,
}

impl ForceIndex {
    /// Averaged over `period` bars (at least 1); 13 is customary.
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let average = Ema::new(checked("force index period", period, 1)?)?;
        Ok(Self { previous: Previous::NONE, average })
    }

    /// Takes the next bar and returns the index.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let change = close - self.previous.replace(close);
        then(change * volume, |force| self.average.update(force))
    }
}

/// Volume divided by the simple average of the `period` volumes before it. First result at bar `period + 1`; 0 where
/// there was no volume before.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RelativeVolume {
    average: Sma,
}

impl RelativeVolume {
    /// Against `period` volumes (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { average: Sma::new(checked("relative volume period", period, 1)?)? })
    }

    /// Takes the next volume and returns the ratio.
    #[inline]
    pub fn update(&mut self, volume: f64) -> f64 {
        let before = self.average.value();
        self.average.update(volume);
        ratio(volume, before)
    }
}

/// Negative and positive volume index (Dysart 1936, Fosback 1976): begins at 1000 and takes the return of the close
/// where volume falls, or where it rises. First result at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct VolumeIndex {
    rising: bool,
    close: Previous,
    volume: Previous,
    value: f64,
}

impl VolumeIndex {
    /// Of bars with `rising` (positive) or falling volume (negative volume index).
    pub const fn new(rising: bool) -> Self {
        Self { rising, close: Previous::NONE, volume: Previous::NONE, value: 1_000.0 }
    }

    /// Takes the next bar and returns the index.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let (close_before, volume_before) = (self.close.replace(close), self.volume.replace(volume));
        let counts = if self.rising { volume > volume_before } else { volume < volume_before };
        if counts {
            self.value += self.value * ratio(close - close_before, close_before);
        }
        self.value
    }
}

/// Williams' accumulation/distribution (1972): adds the close minus the true low on rises, the close minus the true
/// high on falls. First result, 0, at once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct WilliamsAd {
    previous: Previous,
    value: f64,
}

impl Default for WilliamsAd {
    fn default() -> Self {
        Self::new()
    }
}

impl WilliamsAd {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { previous: Previous::NONE, value: 0.0 }
    }

    /// Takes the next bar and returns the sum.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let before = self.previous.replace(close);
        if close > before {
            self.value += close - low.min(before);
        } else if close < before {
            self.value += close - high.max(before);
        }
        self.value
    }
}

outputs! {
    /// What [`SessionVwap`] gives.
    VwapValue {
        /// Volume-weighted average of the typical price; the newest typical price while nothing was traded.
        value,
        /// `close / value - 1`.
        deviation,
        /// `close - value` in volume-weighted standard deviations of the typical price; 0 where there are none.
        z_score,
    }
}

/// Volume-weighted average price (Berkowitz, Logue and Noser 1988) of the session, which is the day in UTC: a bar
/// belongs to the day before whose end it closed. First result at once, over the part of the day that was seen.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SessionVwap {
    day: i64,
    /// First typical price of the session: sums are taken around it, which keeps their digits.
    around: f64,
    volume: f64,
    turnover: f64,
    squares: f64,
}

impl Default for SessionVwap {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionVwap {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { day: i64::MIN, around: 0.0, volume: 0.0, turnover: 0.0, squares: 0.0 }
    }

    /// Takes the next bar and returns the average of its session.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> VwapValue {
        let (day, typical) = (day_of(bar.ts), bar.typical());
        if day != self.day {
            *self = Self { day, around: typical, ..Self::new() };
        }
        let distance = typical - self.around;
        self.volume += bar.volume;
        self.turnover += distance * bar.volume;
        self.squares += distance * distance * bar.volume;
        if self.volume == 0.0 {
            return VwapValue { value: typical, deviation: bar.close / typical - 1.0, z_score: 0.0 };
        }
        let mean = self.turnover / self.volume;
        let variance = (self.squares / self.volume - mean * mean).max(0.0);
        let value = self.around + mean;
        VwapValue {
            value,
            deviation: bar.close / value - 1.0,
            z_score: ratio(bar.close - value, variance.sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_begins_anew_with_each_day() {
        let mut vwap = SessionVwap::new();
        let mut at = |ts: i64, price: f64, volume: f64| {
            vwap.update(&Ohlcv { ts, open: price, high: price, low: price, close: price, volume })
        };
        assert_eq!(at(DAY_NS / 2, 10.0, 1.0).value, 10.0);
        // Closes at midnight: the last bar of the day. 10 and 3 times 14 make 13, variance (9 + 3) / 4.
        let last = at(DAY_NS, 14.0, 3.0);
        assert_eq!((last.value, last.z_score), (13.0, 1.0 / 3.0_f64.sqrt()));
        let first = at(DAY_NS + 1, 20.0, 0.0);
        assert_eq!((first.value, first.deviation, first.z_score), (20.0, 0.0, 0.0));
    }

    #[test]
    fn without_volume_there_is_no_flow() {
        let still = Ohlcv { ts: 0, open: 3.0, high: 3.0, low: 3.0, close: 3.0, volume: 0.0 };
        assert_eq!(ChaikinMoneyFlow::new(1).unwrap().update(&still), 0.0);
        assert_eq!(AdLine::new().update(&still), 0.0);
        let mut index = Mfi::new(2).unwrap();
        assert!((0..2).all(|_| index.update(3.0, 0.0).is_nan()));
        assert_eq!(index.update(3.0, 0.0), 0.0);
    }
}
