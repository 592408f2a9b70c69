//! Moving averages: simple, exponential and linearly weighted.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::Sum;

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    sma(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Simple moving average", source "common", oracle "TA-Lib SMA";
        Sma::new(period)? => |i, bar| i.update(bar.close),
    ema(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Exponential moving average, factor 2 / (period + 1), seeded with the simple average",
        source "TA-Lib", oracle "TA-Lib EMA";
        Ema::new(period)? => |i, bar| i.update(bar.close),
    wma(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period;
        "close", "Linearly weighted moving average", source "common", oracle "TA-Lib WMA";
        Wma::new(period)? => |i, bar| i.update(bar.close),
};

/// Simple moving average: the mean of the last `period` values. First result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Sma {
    sum: Sum,
}

impl Sma {
    /// An average over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { sum: Sum::new(checked("sma period", period, 1)?) })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        self.sum.update(value);
        self.sum.mean()
    }

    /// The average; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        self.sum.mean()
    }
}

/// Exponential moving average with the factor `2 / (period + 1)`. Seeded with the simple average of the first
/// `period` values; first result there.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Ema {
    period: u32,
    factor: f64,
    seen: u32,
    seed: f64,
    value: f64,
}

impl Ema {
    /// An average with the weight of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("ema period", period, 1)?;
        Ok(Self { period, factor: 2.0 / (f64::from(period) + 1.0), seen: 0, seed: 0.0, value: f64::NAN })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        if self.seen == self.period {
            self.value += (value - self.value) * self.factor;
        } else {
            self.seed += value;
            self.seen += 1;
            if self.seen == self.period {
                self.value = self.seed / f64::from(self.period);
            }
        }
        self.value
    }

    /// The average; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        self.value
    }
}

/// Linearly weighted moving average: weight `period` for the newest value down to 1 for the oldest. First result
/// at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Wma {
    window: Vec<f64>,
    next: usize,
    full: bool,
    sum: f64,
    weighted: f64,
    fresh_sum: f64,
    fresh_weighted: f64,
}

impl Wma {
    /// An average over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("wma period", period, 1)?;
        Ok(Self {
            window: vec![0.0; period as usize],
            next: 0,
            full: false,
            sum: 0.0,
            weighted: 0.0,
            fresh_sum: 0.0,
            fresh_weighted: 0.0,
        })
    }

    /// Takes the next value and returns the average.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let period = self.window.len();
        let slot = &mut self.window[self.next];
        // Every kept value loses one unit of weight, which is the old sum; the new one enters with full weight.
        self.weighted += period as f64 * value - self.sum;
        self.sum += value - *slot;
        *slot = value;
        self.next += 1;
        self.fresh_sum += value;
        self.fresh_weighted += self.next as f64 * value;
        if self.next == period {
            self.next = 0;
            self.full = true;
            self.sum = self.fresh_sum;
            self.weighted = self.fresh_weighted;
            self.fresh_sum = 0.0;
            self.fresh_weighted = 0.0;
        }
        self.value()
    }

    /// The average; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if !self.full {
            return f64::NAN;
        }
        let period = self.window.len() as f64;
        self.weighted / (period * (period + 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A price walk without a generator crate: multiplicative steps from a linear congruential sequence.
    fn walk(length: usize) -> impl Iterator<Item = f64> {
        let (mut state, mut price) = (1_u64, 42_000.0);
        (0..length).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            price *= 1.0 + ((state >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.01;
            price
        })
    }

    fn relative(a: f64, b: f64) -> f64 {
        ((a - b) / b).abs()
    }

    #[test]
    fn ten_million_updates_do_not_drift() {
        for period in [3_usize, 30, 1_000, 100_000] {
            let (mut sma, mut wma) = (Sma::new(period as u32).unwrap(), Wma::new(period as u32).unwrap());
            let mut last: Vec<f64> = Vec::new();
            // Not a multiple of the period: the sums have been updated by difference for a while.
            let length = 10_000_000 + period / 2;
            for (i, value) in walk(length).enumerate() {
                sma.update(value);
                wma.update(value);
                if i >= length - period {
                    last.push(value);
                }
            }
            let mean = last.iter().sum::<f64>() / period as f64;
            let weighted: f64 = last.iter().enumerate().map(|(i, value)| (i + 1) as f64 * value).sum();
            let weights = period as f64 * (period as f64 + 1.0) / 2.0;
            assert!(relative(sma.value(), mean) < 1e-12, "sma {period}: {}", relative(sma.value(), mean));
            let error = relative(wma.value(), weighted / weights);
            assert!(error < 1e-11, "wma {period}: {error}");
        }
    }

    #[test]
    fn a_spike_is_forgotten_completely() {
        let mut sma = Sma::new(4).unwrap();
        sma.update(1e300);
        for _ in 0..8 {
            sma.update(0.1);
        }
        assert_eq!(sma.value(), (0.1 + 0.1 + 0.1 + 0.1) / 4.0);
    }

    #[test]
    fn periods_are_checked() {
        let message = Sma::new(0).unwrap_err().to_string();
        assert_eq!(message, "the sma period must lie in 1..=100000, not 0");
        assert!(Ema::new(100_001).is_err());
        assert!(Wma::new(0).is_err());
    }

    proptest! {
        #[test]
        fn averages_lie_between_the_extremes_of_their_window(
            values in prop::collection::vec(1.0..1e6_f64, 1..200),
            period in 1_u32..40,
        ) {
            let (mut sma, mut wma) = (Sma::new(period).unwrap(), Wma::new(period).unwrap());
            for (i, value) in values.iter().enumerate() {
                let results = [sma.update(*value), wma.update(*value)];
                let Some(start) = (i + 1).checked_sub(period as usize) else {
                    prop_assert!(results.iter().all(|result| result.is_nan()));
                    continue;
                };
                let window = &values[start..=i];
                let low = window.iter().copied().fold(f64::INFINITY, f64::min);
                let high = window.iter().copied().fold(0.0, f64::max);
                for result in results {
                    prop_assert!(result >= low - 1e-6 && result <= high + 1e-6, "{result} not in {low}..{high}");
                }
            }
        }
    }
}
