//! Whether a market trends, wanders or returns: efficiency, Hurst exponent; and how much volume moves it.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::moving_average::Sma;
use crate::oscillator::Momentum;
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::range::{Highest, Lowest};
use crate::window::{Previous, Sum, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    efficiency_ratio(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Kaufman's efficiency ratio: way per path, 0 (noise) to 1 (straight)", source "Kaufman 1995", oracle "TA-Lib ER";
        EfficiencyRatio::new(period)? => |i, bar| i.update(bar.close),
    vhf(period: u32 = 28 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Vertical horizontal filter: range of `period` closes per sum of absolute changes", source "White 1991", oracle "TA-Lib VHF";
        VerticalHorizontal::new(period)? => |i, bar| i.update(bar.close),
    hurst(period: u32 = 200 in 2..=MAX_PERIOD, step: u32 = 8 in 2..=MAX_PERIOD)
        -> ["value", "variance-ratio"], from period + step;
        "close", "Hurst exponent from the variance ratio of log returns over `step` bars and one: above 0.5 trends, below returns",
        source "Lo and MacKinlay 1988", oracle "definition";
        Hurst::new(period, step)? => |i, bar| i.update(bar.close),
    amihud(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close, volume", "Amihud's illiquidity: mean absolute return per million of turnover in the quote currency; bars without volume count 0",
        source "Amihud 2002", oracle "definition";
        Amihud::new(period)? => |i, bar| i.update(bar.close, bar.volume),
    roll_spread(period: u32 = 20 in 2..=MAX_PERIOD) -> ["value"], from period + 2;
        "close", "Roll's implied spread as a fraction of the close: 2 √(-covariance of successive changes), 0 where they go together",
        source "Roll 1984", oracle "definition";
        RollSpread::new(period)? => |i, bar| i.update(bar.close),
};

/// Kaufman's efficiency ratio (1995): `|value - value period ago| / Σ |change|`; 1 where nothing moves, as in TA-Lib. First result at
/// value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct EfficiencyRatio {
    way: Momentum,
    path: Sum,
    previous: Previous,
}

impl EfficiencyRatio {
    /// Over `period` changes (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let path = Sum::new(checked("efficiency ratio period", period, 1)?);
        Ok(Self { way: Momentum::new(period)?, path, previous: Previous::NONE })
    }

    /// Takes the next value and returns the ratio, 0 to 1.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = (value - self.previous.replace(value)).abs();
        let way = self.way.update(value).abs();
        let path = then(change, |change| self.path.update(change));
        // A straight way is as long as its path, but for rounding.
        if way >= path { 1.0 } else { way / path }
    }
}

/// Vertical horizontal filter (White 1991): range of the last `period` values divided by the sum of the last `period`
/// absolute changes; 0 where nothing moves. First result at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct VerticalHorizontal {
    highest: Highest,
    lowest: Lowest,
    path: Sum,
    previous: Previous,
}

impl VerticalHorizontal {
    /// Over `period` values (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("vhf period", period, 2)?;
        Ok(Self {
            highest: Highest::new(period)?,
            lowest: Lowest::new(period)?,
            path: Sum::new(period),
            previous: Previous::NONE,
        })
    }

    /// Takes the next value and returns the ratio.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = (value - self.previous.replace(value)).abs();
        let range = self.highest.update(value) - self.lowest.update(value);
        ratio(range, then(change, |change| self.path.update(change)))
    }
}

outputs! {
    /// What [`Hurst`] gives.
    HurstValue {
        /// `1/2 + ln(variance ratio) / (2 ln step)`, kept between 0 and 1; 0.5 where nothing moves.
        value,
        /// Variance of returns over `step` values per `step` times that over one; 1 where nothing moves.
        variance_ratio,
    }
}

/// Hurst exponent from a variance ratio (Lo and MacKinlay 1988): where variance grows with the time to the power of
/// `2 H`, the mean squared log return over `step` values is `step^(2 H)` times that over one value. Means are taken over
/// the last `period` (overlapping) returns, without their drift. First result at value `period + step`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Hurst {
    previous: Previous,
    long: Momentum,
    of_one: Sum,
    of_step: Sum,
    step: f64,
}

impl Hurst {
    /// Over `period` returns of one and of `step` values (at least 2 each).
    pub fn new(period: u32, step: u32) -> Result<Self, PeriodError> {
        let squares = Sum::new(checked("hurst period", period, 2)?);
        let step = checked("hurst step", step, 2)?;
        Ok(Self {
            previous: Previous::NONE,
            long: Momentum::new(step)?,
            of_one: squares.clone(),
            of_step: squares,
            step: f64::from(step),
        })
    }

    /// Takes the next price and returns exponent and ratio.
    #[inline]
    pub fn update(&mut self, price: f64) -> HurstValue {
        let log = libm::log(price);
        let one = log - self.previous.replace(log);
        let whole = self.long.update(log);
        let of_one = then(one, |one| self.of_one.update(one * one));
        let of_step = then(whole, |whole| self.of_step.update(whole * whole));
        if of_step.is_nan() {
            return HurstValue::NAN;
        }
        if of_one == 0.0 {
            return HurstValue { value: 0.5, variance_ratio: 1.0 };
        }
        let variance_ratio = of_step / (self.step * of_one);
        let value = 0.5 + libm::log(variance_ratio) / (2.0 * libm::log(self.step));
        HurstValue { value: value.clamp(0.0, 1.0), variance_ratio }
    }
}

/// Amihud's illiquidity (2002): mean of `|return| / turnover`, turnover in millions of the quote currency. First result at
/// bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Amihud {
    previous: Previous,
    mean: Sma,
}

impl Amihud {
    /// Over `period` returns (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { previous: Previous::NONE, mean: Sma::new(checked("amihud period", period, 1)?)? })
    }

    /// Takes the next bar and returns the illiquidity.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let before = self.previous.replace(close);
        let change = (close / before - 1.0).abs();
        then(change, |change| self.mean.update(ratio(change, close * volume / 1e6)))
    }
}

/// Roll's spread (1984): the bid-ask bounce makes successive changes go against each other; the spread is
/// `2 √(-covariance)`, here as a fraction of the newest value, and 0 where the covariance is not negative. First result at
/// value `period + 2`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RollSpread {
    value: Previous,
    change: Previous,
    products: Sma,
    newer: Sma,
    older: Sma,
}

impl RollSpread {
    /// Over `period` pairs of changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let mean = Sma::new(checked("roll spread period", period, 2)?)?;
        Ok(Self {
            value: Previous::NONE,
            change: Previous::NONE,
            products: mean.clone(),
            newer: mean.clone(),
            older: mean,
        })
    }

    /// Takes the next value and returns the spread.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let newer = value - self.value.replace(value);
        let older = self.change.replace(newer);
        if older.is_nan() {
            return older;
        }
        let mean = self.products.update(newer * older);
        let covariance = mean - self.newer.update(newer) * self.older.update(older);
        then(covariance, |covariance| 2.0 * (-covariance).max(0.0).sqrt() / value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_tells_trends_from_returns() {
        let (mut straight, mut bouncing) = (Hurst::new(50, 4).unwrap(), Hurst::new(50, 4).unwrap());
        let mut values = (HurstValue::NAN, HurstValue::NAN);
        for i in 0..60 {
            let steady = libm::exp(0.01 * f64::from(i));
            values = (straight.update(steady), bouncing.update(if i % 2 == 0 { 1.0 } else { 1.1 }));
        }
        assert!((values.0.value - 1.0).abs() < 1e-9 && (values.0.variance_ratio - 4.0).abs() < 1e-9);
        assert_eq!((values.1.value, values.1.variance_ratio), (0.0, 0.0));
    }

    #[test]
    fn a_straight_way_is_efficient() {
        let mut ratio = EfficiencyRatio::new(3).unwrap();
        let values: Vec<f64> = [1.0, 2.0, 3.0, 4.0, 3.0].iter().map(|value| ratio.update(*value)).collect();
        assert!(values[..3].iter().all(|value| value.is_nan()));
        assert_eq!(values[3..], [1.0, 1.0 / 3.0]);
    }
}
