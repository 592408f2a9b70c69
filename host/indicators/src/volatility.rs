//! Volatility of returns: from closes, from the four prices of a bar, and as a forecast.
//!
//! Volatilities are standard deviations of log returns per year of `year` bars; `year = 1` leaves them per bar. Crypto
//! markets never close: a year has 365 daily, 8,760 hourly or 35,040 quarter-hourly bars.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::average::Rma;
use crate::dispersion::StdDev;
use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::moving_average::Sma;
use crate::period::{MAX_PERIOD, MAX_SCAN, PeriodError, checked, checked_scan};
use crate::range::{Highest, Lowest};
use crate::regression::PercentRank;
use crate::window::{Previous, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    historical_volatility(period: u32 = 20 in 2..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period + 1;
        "close", "Sample standard deviation of log returns, per year of `year` bars", source "Hull, *Options, Futures*", oracle "definition";
        HistoricalVolatility::new(period, year)? => |i, bar| i.update(bar.close),
    realized_volatility(period: u32 = 96 in 1..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period + 1;
        "close", "Root of the mean squared log return, per year of `year` bars",
        source "Andersen and Bollerslev 1998", oracle "definition";
        RealizedVolatility::new(period, year)? => |i, bar| i.update(bar.close),
    volatility_cone(period: u32 = 20 in 2..=MAX_PERIOD, lookback: u32 = 250 in 2..=MAX_SCAN)
        -> ["position", "lowest", "highest"], from period + 1 + lookback;
        "close", "Historical volatility per bar against the `lookback` ones before: percent of them that lie below it, the lowest and the highest",
        source "Burghardt and Lane 1990", oracle "definition";
        VolatilityCone::new(period, lookback)? => |i, bar| i.update(bar.close),
    parkinson(period: u32 = 20 in 1..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period;
        "high, low", "Volatility from highs and lows", source "Parkinson 1980", oracle "definition";
        RangeVolatility::new(period, year, Estimator::Parkinson)? => |i, bar| i.update(bar),
    garman_klass(period: u32 = 20 in 1..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period;
        "open, high, low, close", "Volatility from all prices of a bar, without drift", source "Garman and Klass 1980", oracle "definition";
        RangeVolatility::new(period, year, Estimator::GarmanKlass)? => |i, bar| i.update(bar),
    rogers_satchell(period: u32 = 20 in 1..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period;
        "open, high, low, close", "Volatility from all prices of a bar, with drift", source "Rogers and Satchell 1991", oracle "definition";
        RangeVolatility::new(period, year, Estimator::RogersSatchell)? => |i, bar| i.update(bar),
    yang_zhang(period: u32 = 20 in 2..=MAX_PERIOD, year: f64 = 365.0 in 1.0..=1e8) -> ["value"], from period + 1;
        "open, high, low, close", "Volatility from all prices of a bar and the gap before it", source "Yang and Zhang 2000", oracle "definition";
        YangZhang::new(period, year)? => |i, bar| i.update(bar),
    garch(omega: f64 = 0.000_001 in 0.0..=1.0, alpha: f64 = 0.1 in 0.0..=1.0, beta: f64 = 0.88 in 0.0..=1.0)
        -> ["value"], from 2;
        "close", "GARCH(1,1) forecast of the next bar's volatility, for given parameters of log returns; alpha + beta must be below 1",
        source "Bollerslev 1986", oracle "definition";
        Garch::new(omega, alpha, beta)? => |i, bar| i.update(bar.close),
    ewma_volatility(decay: f64 = 0.94 in 0.0..=1.0) -> ["value"], from 2;
        "close", "Exponentially weighted volatility of log returns per bar, without their mean", source "RiskMetrics 1996", oracle "definition";
        EwmaVolatility::new(decay) => |i, bar| i.update(bar.close),
    rvi(period: u32 = 14 in 2..=MAX_PERIOD, deviation: u32 = 10 in 2..=MAX_PERIOD) -> ["value"], from period + deviation - 1;
        "close", "Relative volatility index: an RSI of the standard deviation, Wilder's smoothing, 0 to 100",
        source "Dorsey 1993", oracle "TA-Lib RVI";
        RelativeVolatility::new(period, deviation)? => |i, bar| i.update(bar.close),
    ulcer_index(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from 2 * period - 1;
        "close", "Root mean square of the drawdown from the highest close, in percent", source "Martin 1987", oracle "definition";
        UlcerIndex::new(period)? => |i, bar| i.update(bar.close),
};

/// The root of a variance, of which rounding can leave a tiny negative number where hardly anything moved.
#[inline]
fn root(variance: f64) -> f64 {
    then(variance, |variance| variance.max(0.0).sqrt())
}

/// Log returns of a stream of prices.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct LogReturn(Previous);

impl LogReturn {
    const fn new() -> Self {
        Self(Previous::NONE)
    }

    /// Takes the next price and returns the log return; NaN for the first.
    #[inline]
    fn update(&mut self, price: f64) -> f64 {
        let before = self.0.replace(price);
        then(before, |before| libm::log(price / before))
    }
}

/// Sample standard deviation (divided by `period - 1`) of log returns, per year. First result at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct HistoricalVolatility {
    returns: LogReturn,
    deviation: StdDev,
    /// From the population's deviation per bar to the sample's per year.
    scale: f64,
}

impl HistoricalVolatility {
    /// Over `period` returns (at least 2), per year of `year` bars.
    pub fn new(period: u32, year: f64) -> Result<Self, PeriodError> {
        let n = f64::from(checked("historical volatility period", period, 2)?);
        Ok(Self {
            returns: LogReturn::new(),
            deviation: StdDev::new(period)?,
            scale: (year * n / (n - 1.0)).sqrt(),
        })
    }

    /// Takes the next price and returns the volatility.
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let change = self.returns.update(price);
        self.scale * then(change, |change| self.deviation.update(change))
    }
}

/// Root of the mean squared log return, per year. First result at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RealizedVolatility {
    returns: LogReturn,
    squares: Sma,
    year: f64,
}

impl RealizedVolatility {
    /// Over `period` returns (at least 1), per year of `year` bars; `year = period` gives the volatility of the period.
    pub fn new(period: u32, year: f64) -> Result<Self, PeriodError> {
        let squares = Sma::new(checked("realized volatility period", period, 1)?)?;
        Ok(Self { returns: LogReturn::new(), squares, year })
    }

    /// Takes the next price and returns the volatility.
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let change = self.returns.update(price);
        let mean = then(change, |change| self.squares.update(change * change));
        root(self.year * mean)
    }
}

outputs! {
    /// What [`VolatilityCone`] gives.
    ConeValue {
        /// Percent of the volatilities before that lie below the newest one.
        position,
        /// The lowest of those before.
        lowest,
        /// The highest of those before.
        highest,
    }
}

/// Where the historical volatility stands among those before it (Burghardt and Lane 1990). First result at value
/// `period + 1 + lookback`. Those below are counted for each value: an update costs O(lookback).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct VolatilityCone {
    volatility: HistoricalVolatility,
    rank: PercentRank,
    lowest: Lowest,
    highest: Highest,
}

impl VolatilityCone {
    /// The volatility of `period` returns (at least 2) among `lookback` ones before it (2 to [`MAX_SCAN`]).
    pub fn new(period: u32, lookback: u32) -> Result<Self, PeriodError> {
        let lookback = checked_scan("volatility cone lookback", lookback, 2)?;
        Ok(Self {
            volatility: HistoricalVolatility::new(period, 1.0)?,
            rank: PercentRank::new(lookback)?,
            lowest: Lowest::new(lookback)?,
            highest: Highest::new(lookback)?,
        })
    }

    /// Takes the next price and returns where its volatility stands.
    #[inline]
    pub fn update(&mut self, price: f64) -> ConeValue {
        let volatility = self.volatility.update(price);
        if volatility.is_nan() {
            return ConeValue::NAN;
        }
        let (lowest, highest) = (self.lowest.value(), self.highest.value());
        self.lowest.update(volatility);
        self.highest.update(volatility);
        ConeValue { position: self.rank.update(volatility), lowest, highest }
    }
}

/// How a bar's prices make a variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub enum Estimator {
    /// `ln²(high / low) / (4 ln 2)` (Parkinson 1980).
    Parkinson,
    /// `ln²(high / low) / 2 - (2 ln 2 - 1) ln²(close / open)` (Garman and Klass 1980).
    GarmanKlass,
    /// `ln(high / close) ln(high / open) + ln(low / close) ln(low / open)` (Rogers and Satchell 1991).
    RogersSatchell,
}

impl Estimator {
    /// The variance of one bar.
    #[inline]
    pub fn variance(self, bar: &Ohlcv) -> f64 {
        const LN_2: f64 = std::f64::consts::LN_2;
        let log = |a: f64, b: f64| libm::log(a / b);
        match self {
            Self::Parkinson => {
                let range = log(bar.high, bar.low);
                range * range / (4.0 * LN_2)
            }
            Self::GarmanKlass => {
                let (range, body) = (log(bar.high, bar.low), log(bar.close, bar.open));
                0.5 * range * range - (2.0 * LN_2 - 1.0) * body * body
            }
            Self::RogersSatchell => {
                let up = log(bar.high, bar.open);
                let (down, body) = (log(bar.low, bar.open), log(bar.close, bar.open));
                up * (up - body) + down * (down - body)
            }
        }
    }
}

/// Volatility from the prices of single bars, per year. First result at the `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RangeVolatility {
    estimator: Estimator,
    variance: Sma,
    year: f64,
}

impl RangeVolatility {
    /// Over `period` bars (at least 1), per year of `year` bars.
    pub fn new(period: u32, year: f64, estimator: Estimator) -> Result<Self, PeriodError> {
        Ok(Self { estimator, variance: Sma::new(checked("volatility period", period, 1)?)?, year })
    }

    /// Takes the next bar and returns the volatility.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        let mean = self.variance.update(self.estimator.variance(bar));
        root(self.year * mean)
    }
}

/// Volatility of Yang and Zhang (2000): variance of the gaps between bars, plus `k` times that of open to close, plus
/// `1 - k` times Rogers and Satchell's, with `k = 0.34 / (1.34 + (period + 1) / (period - 1))`. First result at bar
/// `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct YangZhang {
    previous_close: Previous,
    gaps: StdDev,
    bodies: StdDev,
    inside: Sma,
    weight: f64,
    /// From the population's variance to the sample's.
    sample: f64,
    year: f64,
}

impl YangZhang {
    /// Over `period` bars (at least 2), per year of `year` bars.
    pub fn new(period: u32, year: f64) -> Result<Self, PeriodError> {
        let n = f64::from(checked("yang zhang period", period, 2)?);
        Ok(Self {
            previous_close: Previous::NONE,
            gaps: StdDev::new(period)?,
            bodies: StdDev::new(period)?,
            inside: Sma::new(period)?,
            weight: 0.34 / (1.34 + (n + 1.0) / (n - 1.0)),
            sample: n / (n - 1.0),
            year,
        })
    }

    /// Takes the next bar and returns the volatility.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        let before = self.previous_close.replace(bar.close);
        if before.is_nan() {
            return before;
        }
        let gaps = self.gaps.update(libm::log(bar.open / before));
        let bodies = self.bodies.update(libm::log(bar.close / bar.open));
        let inside = self.inside.update(Estimator::RogersSatchell.variance(bar));
        let between = self.sample * (gaps * gaps + self.weight * bodies * bodies);
        root(self.year * (between + (1.0 - self.weight) * inside))
    }
}

/// GARCH(1,1) (Bollerslev 1986) with given parameters: `variance = omega + alpha return² + beta variance`, from the
/// long-run variance `omega / (1 - alpha - beta)`. First result at the second value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Garch {
    returns: LogReturn,
    omega: f64,
    alpha: f64,
    beta: f64,
    variance: f64,
}

impl Garch {
    /// With the parameters as they were fitted to log returns of such bars; alpha + beta must be below 1.
    pub fn new(omega: f64, alpha: f64, beta: f64) -> Result<Self, PeriodError> {
        if alpha + beta >= 1.0 {
            return Err(PeriodError::Unfit(
                "alpha + beta must be below 1, or the variance grows without bound",
            ));
        }
        Ok(Self { returns: LogReturn::new(), omega, alpha, beta, variance: omega / (1.0 - alpha - beta) })
    }

    /// Takes the next price and returns the forecast of the next bar's volatility (per bar).
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let change = self.returns.update(price);
        then(change, |change| {
            self.variance = self.omega + self.alpha * change * change + self.beta * self.variance;
            self.variance.sqrt()
        })
    }
}

/// Exponentially weighted volatility (RiskMetrics 1996): `variance = decay variance + (1 - decay) return²`, from the
/// first squared return. First result at the second value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct EwmaVolatility {
    returns: LogReturn,
    decay: f64,
    variance: f64,
}

impl EwmaVolatility {
    /// With the weight that a variance keeps, customarily 0.94 for daily returns.
    pub const fn new(decay: f64) -> Self {
        Self { returns: LogReturn::new(), decay, variance: f64::NAN }
    }

    /// Takes the next price and returns the volatility (per bar).
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let change = self.returns.update(price);
        then(change, |change| {
            let square = change * change;
            let before = if self.variance.is_nan() { square } else { self.variance };
            self.variance = self.decay * before + (1.0 - self.decay) * square;
            self.variance.sqrt()
        })
    }
}

/// Relative volatility index (Dorsey 1993): the share of standard deviations of bars with rising closes, smoothed with
/// Wilder's averages, in percent; 0 where nothing moves. First result at value `period + deviation - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RelativeVolatility {
    previous: Previous,
    deviation: StdDev,
    rising: Rma,
    all: Rma,
}

impl RelativeVolatility {
    /// With the periods of the averages and of the deviation (at least 2); 14 and 10 are customary.
    pub fn new(period: u32, deviation: u32) -> Result<Self, PeriodError> {
        let average = Rma::new(checked("rvi period", period, 2)?)?;
        Ok(Self {
            previous: Previous::NONE,
            deviation: StdDev::new(checked("rvi deviation period", deviation, 2)?)?,
            rising: average.clone(),
            all: average,
        })
    }

    /// Takes the next value and returns the index, 0 to 100.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous.replace(value);
        let deviation = self.deviation.update(value);
        if deviation.is_nan() {
            return deviation;
        }
        let rising = self.rising.update(if change > 0.0 { deviation } else { 0.0 });
        let all = self.all.update(if change == 0.0 { 0.0 } else { deviation });
        100.0 * ratio(rising, all)
    }
}

/// Ulcer index (Martin 1987): root mean square of the drawdowns from the highest of `period` values, in percent. First
/// result at value `2 period - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct UlcerIndex {
    highest: Highest,
    squares: Sma,
}

impl UlcerIndex {
    /// Over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("ulcer index period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, squares: Sma::new(period)? })
    }

    /// Takes the next value and returns the index.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let highest = self.highest.update(value);
        let drawdown = 100.0 * (value - highest) / highest;
        then(drawdown, |drawdown| root(self.squares.update(drawdown * drawdown)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garch_must_come_back_to_its_mean() {
        let refused = Garch::new(1e-6, 0.2, 0.8).unwrap_err().to_string();
        assert_eq!(refused, "alpha + beta must be below 1, or the variance grows without bound");
        let mut garch = Garch::new(0.02, 0.1, 0.7).unwrap();
        assert!(garch.update(1.0).is_nan());
        // From the long-run variance 0.1 with no return: 0.02 + 0.7 · 0.1.
        assert!((garch.update(1.0) - 0.09_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_market_that_stands_still_after_a_move_has_no_volatility() {
        let mut volatility = RealizedVolatility::new(3, 1.0).unwrap();
        let mut past = HistoricalVolatility::new(3, 1.0).unwrap();
        for price in [1.0, 1e3, 1e-3, 0.7, 0.7, 0.7, 0.7, 0.7] {
            volatility.update(price);
            past.update(price);
        }
        assert_eq!([volatility.update(0.7), past.update(0.7)], [0.0, 0.0]);
    }

    #[test]
    fn estimators_of_a_bar_from_1_to_e() {
        let e = std::f64::consts::E;
        let bar = Ohlcv { ts: 0, open: 1.0, high: e, low: 1.0, close: e, volume: 0.0 };
        let ln_2 = std::f64::consts::LN_2;
        assert!((Estimator::Parkinson.variance(&bar) - 1.0 / (4.0 * ln_2)).abs() < 1e-15);
        assert!((Estimator::GarmanKlass.variance(&bar) - (1.5 - 2.0 * ln_2)).abs() < 1e-15);
        assert_eq!(Estimator::RogersSatchell.variance(&bar), 0.0, "a straight move is drift");
    }
}
