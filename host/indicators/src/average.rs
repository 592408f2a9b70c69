//! Averages that react faster or lag less than the plain ones, and those that weigh by volume.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds};
use crate::moving_average::{Ema, Sma, Wma};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::range::{Highest, Lowest};
use crate::window::{Previous, Sum, Window, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    dema(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from 2 * period - 1;
        "close", "Double exponential moving average: 2 EMA - EMA of EMA",
        source "Mulloy 1994", oracle "TA-Lib DEMA";
        Dema::new(period)? => |i, bar| i.update(bar.close),
    tema(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from 3 * period - 2;
        "close", "Triple exponential moving average: 3 EMA - 3 EMA² + EMA³",
        source "Mulloy 1994", oracle "TA-Lib TEMA";
        Tema::new(period)? => |i, bar| i.update(bar.close),
    trima(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Triangular moving average: simple average of a simple average",
        source "common", oracle "TA-Lib TRIMA";
        Trima::new(period)? => |i, bar| i.update(bar.close),
    kama(period: u32 = 10 in 1..=MAX_PERIOD, fast: u32 = 2 in 1..=MAX_PERIOD, slow: u32 = 30 in 1..=MAX_PERIOD)
        -> ["value"], from period + 1;
        "close", "Kaufman's adaptive moving average", source "Kaufman 1995", oracle "TA-Lib KAMA";
        Kama::new(period, fast, slow)? => |i, bar| i.update(bar.close),
    t3(period: u32 = 5 in 1..=MAX_PERIOD, factor: f64 = 0.7 in 0.0..=1.0) -> ["value"], from 6 * period - 5;
        "close", "Tillson's T3: generalised double exponential average, three times over",
        source "Tillson 1998", oracle "TA-Lib T3";
        T3::new(period, factor)? => |i, bar| i.update(bar.close),
    hma(period: u32 = 20 in 2..=MAX_PERIOD) -> ["value"], from period + period.isqrt() - 1;
        "close", "Hull moving average: WMA over √period of 2 WMA(period / 2) - WMA(period)",
        source "Hull 2005", oracle "TA-Lib HMA";
        Hma::new(period)? => |i, bar| i.update(bar.close),
    vwma(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close, volume", "Volume-weighted moving average; the simple one where nothing was traded",
        source "common", oracle "TA-Lib VWMA";
        Vwma::new(period)? => |i, bar| i.update(bar.close, bar.volume),
    rma(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Wilder's smoothed average, factor 1 / period, seeded with the simple average",
        source "Wilder 1978", oracle "TA-Lib RMA";
        Rma::new(period)? => |i, bar| i.update(bar.close),
    zlema(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period + (period - 1) / 2;
        "close", "Zero-lag EMA: EMA of the close plus its change over half the period",
        source "Ehlers and Way 2010", oracle "TA-Lib ZLEMA";
        Zlema::new(period)? => |i, bar| i.update(bar.close),
    midpoint(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Middle between highest and lowest close", source "common", oracle "TA-Lib MIDPOINT";
        Midpoint::new(period)? => |i, bar| i.update(bar.close, bar.close),
    midprice(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "high, low", "Middle between highest high and lowest low", source "common", oracle "TA-Lib MIDPRICE";
        Midpoint::new(period)? => |i, bar| i.update(bar.high, bar.low),
};

/// Double exponential moving average (Mulloy 1994): `2 EMA - EMA(EMA)`. First result at value `2 period - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Dema {
    stages: [Ema; 2],
}

impl Dema {
    /// The average with the weight of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let stage = Ema::new(checked("dema period", period, 1)?)?;
        Ok(Self { stages: [stage.clone(), stage] })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let first = self.stages[0].update(value);
        let second = then(first, |value| self.stages[1].update(value));
        2.0 * first - second
    }
}

/// Triple exponential moving average (Mulloy 1994): `3 EMA - 3 EMA(EMA) + EMA(EMA(EMA))`. First result at value
/// `3 period - 2`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Tema {
    stages: [Ema; 3],
}

impl Tema {
    /// The average with the weight of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let stage = Ema::new(checked("tema period", period, 1)?)?;
        Ok(Self { stages: [stage.clone(), stage.clone(), stage] })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let first = self.stages[0].update(value);
        let second = then(first, |value| self.stages[1].update(value));
        let third = then(second, |value| self.stages[2].update(value));
        3.0 * first - 3.0 * second + third
    }
}

/// Triangular moving average: a simple average of a simple average, whose periods are the two halves of
/// `period + 1`. First result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Trima {
    first: Sma,
    second: Sma,
}

impl Trima {
    /// The average over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("trima period", period, 1)?;
        Ok(Self { first: Sma::new(period.div_ceil(2))?, second: Sma::new(period / 2 + 1)? })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let first = self.first.update(value);
        then(first, |value| self.second.update(value))
    }
}

/// Kaufman's adaptive moving average (Kaufman, *Smarter Trading*, 1995). Its factor goes from that of a `slow` to that
/// of a `fast` EMA, squared, with the efficiency ratio of the last `period` changes. As in TA-Lib it starts from
/// the value before its first result, which is at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Kama {
    window: Window,
    changes: Sum,
    previous: Previous,
    slow_factor: f64,
    factor_range: f64,
    value: f64,
}

impl Kama {
    /// With the efficiency over `period` changes and the periods of the two averages; 10, 2 and 30 are customary.
    pub fn new(period: u32, fast: u32, slow: u32) -> Result<Self, PeriodError> {
        let period = checked("kama period", period, 1)?;
        let factor = |period: u32| 2.0 / (f64::from(period) + 1.0);
        let slow_factor = factor(checked("kama slow period", slow, 1)?);
        let fast_factor = factor(checked("kama fast period", fast, 1)?);
        Ok(Self {
            window: Window::new(period),
            changes: Sum::new(period),
            previous: Previous::NONE,
            slow_factor,
            factor_range: fast_factor - slow_factor,
            value: f64::NAN,
        })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let before = self.previous.replace(value);
        let old = self.window.push(value);
        let path = then((value - before).abs(), |change| self.changes.update(change));
        if path.is_nan() {
            return path;
        }
        let start = if self.value.is_nan() { before } else { self.value };
        let way = value - old;
        // As in TA-Lib: a way that is as long as the path, up to rounding, is fully efficient.
        let efficiency = if path <= way || path == 0.0 { 1.0 } else { (way / path).abs() };
        let factor = efficiency * self.factor_range + self.slow_factor;
        self.value = start + (value - start) * factor * factor;
        self.value
    }
}

/// T3 (Tillson 1998): six EMAs in a row, combined so that the generalised double exponential average
/// `(1 + v) EMA - v EMA(EMA)` is applied three times. First result at value `6 period - 5`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct T3 {
    stages: [Ema; 6],
    /// Weights of the last four stages, the sixth first.
    weights: [f64; 4],
}

impl T3 {
    /// The average with the weight of `period` values (at least 1) and the volume factor `v`, customarily 0.7.
    pub fn new(period: u32, factor: f64) -> Result<Self, PeriodError> {
        let stage = Ema::new(checked("t3 period", period, 1)?)?;
        let (v, v2, v3) = (factor, factor * factor, factor * factor * factor);
        Ok(Self {
            stages: std::array::from_fn(|_| stage.clone()),
            weights: [-v3, 3.0 * (v2 + v3), -6.0 * v2 - 3.0 * (v + v3), 1.0 + 3.0 * v + v3 + 3.0 * v2],
        })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let mut results = [value; 6];
        let mut value = value;
        for (stage, result) in self.stages.iter_mut().zip(&mut results) {
            value = then(value, |value| stage.update(value));
            *result = value;
        }
        let [_, _, third, fourth, fifth, sixth] = results;
        let [of_sixth, of_fifth, of_fourth, of_third] = self.weights;
        of_sixth * sixth + of_fifth * fifth + of_fourth * fourth + of_third * third
    }
}

/// Hull moving average (Hull 2005): a WMA over `√period` values of `2 WMA(period / 2) - WMA(period)`; root and half
/// are rounded down. First result at value `period + √period - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Hma {
    half: Wma,
    whole: Wma,
    smooth: Wma,
}

impl Hma {
    /// The average over `period` values (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("hma period", period, 2)?;
        Ok(Self { half: Wma::new(period / 2)?, whole: Wma::new(period)?, smooth: Wma::new(period.isqrt())? })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let ahead = 2.0 * self.half.update(value) - self.whole.update(value);
        then(ahead, |value| self.smooth.update(value))
    }
}

/// Volume-weighted moving average: `Σ price volume / Σ volume`; the simple average where nothing was traded. First
/// result at the `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Vwma {
    turnover: Sum,
    volume: Sum,
    plain: Sma,
}

impl Vwma {
    /// The average over `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("vwma period", period, 1)?;
        Ok(Self { turnover: Sum::new(period), volume: Sum::new(period), plain: Sma::new(period)? })
    }

    /// Takes the next price with its volume and returns the average.
    #[inline]
    pub fn update(&mut self, price: f64, volume: f64) -> f64 {
        let (turnover, volume) = (self.turnover.update(price * volume), self.volume.update(volume));
        let plain = self.plain.update(price);
        if volume == 0.0 { plain } else { turnover / volume }
    }
}

/// Wilder's smoothed average (1978): factor `1 / period`, seeded with the simple average of the first `period`
/// values; first result there.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Rma {
    period: f64,
    left: u32,
    average: f64,
}

impl Rma {
    /// The average with the weight of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("rma period", period, 1)?;
        Ok(Self { period: f64::from(period), left: period, average: 0.0 })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        if self.left == 0 {
            self.average = (self.average * (self.period - 1.0) + value) / self.period;
            return self.average;
        }
        self.average += value;
        self.left -= 1;
        if self.left == 0 {
            self.average /= self.period;
        }
        self.value()
    }

    /// The average; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if self.left == 0 { self.average } else { f64::NAN }
    }
}

/// Zero-lag exponential moving average (Ehlers and Way 2010): an EMA of `2 value - value lag ago` with
/// `lag = (period - 1) / 2`. First result at value `period + lag`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Zlema {
    window: Window,
    ema: Ema,
}

impl Zlema {
    /// The average with the weight of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("zlema period", period, 1)?;
        Ok(Self { window: Window::new((period - 1) / 2 + 1), ema: Ema::new(period)? })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        self.window.push(value);
        if self.window.is_full() { self.ema.update(2.0 * value - self.window.oldest()) } else { f64::NAN }
    }
}

/// The middle between the highest and the lowest of the last `period` values. First result at the `period`-th.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Midpoint {
    highest: Highest,
    lowest: Lowest,
}

impl Midpoint {
    /// The middle of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("midpoint period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, lowest: Lowest::new(period)? })
    }

    /// Takes the next high and low, which may be the same value, and returns the middle.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> f64 {
        f64::midpoint(self.highest.update(high), self.lowest.update(low))
    }
}
