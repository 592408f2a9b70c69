//! Momentum: RSI, MACD and rate of change.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::moving_average::Ema;
use crate::period::{MAX_PERIOD, PeriodError, checked};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    rsi(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Relative strength index, Wilder's smoothing, 0 to 100", source "Wilder 1978", oracle "TA-Lib RSI";
        Rsi::new(period)? => |i, bar| i.update(bar.close),
    macd(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD, signal: u32 = 9 in 1..=MAX_PERIOD)
        -> ["line", "signal", "histogram"], from slow + signal - 1;
        "close", "Moving average convergence/divergence; fast must be below slow",
        source "Appel 1979", oracle "TA-Lib MACD";
        Macd::new(fast, slow, signal)? => |i, bar| i.update(bar.close),
    roc(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Rate of change in percent", source "common", oracle "TA-Lib ROC";
        Roc::new(period)? => |i, bar| i.update(bar.close),
};

/// Relative strength index (Wilder 1978), 0 to 100. The averages of gains and losses are seeded with the mean of
/// the first `period` changes and smoothed with `1 / period`; first result at value `period + 1`. Without any
/// change in sight it is 0, as in TA-Lib.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Rsi {
    period: u32,
    /// `1 / period`.
    factor: f64,
    seen: u32,
    previous: f64,
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// The index over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("rsi period", period, 2)?;
        Ok(Self {
            period,
            factor: 1.0 / f64::from(period),
            seen: 0,
            previous: f64::NAN,
            gain: 0.0,
            loss: 0.0,
        })
    }

    /// Takes the next value and returns the index.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous;
        self.previous = value;
        if change.is_nan() {
            return self.value();
        }
        let (gain, loss) = (change.max(0.0), (-change).max(0.0));
        if self.seen == self.period {
            // Twice as fast as `(average (period - 1) + new) / period`, whose division each value would wait for.
            self.gain += (gain - self.gain) * self.factor;
            self.loss += (loss - self.loss) * self.factor;
        } else {
            self.gain += gain;
            self.loss += loss;
            self.seen += 1;
            if self.seen == self.period {
                self.gain /= f64::from(self.period);
                self.loss /= f64::from(self.period);
            }
        }
        self.value()
    }

    /// The index; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        if self.seen < self.period {
            return f64::NAN;
        }
        let total = self.gain + self.loss;
        if total > 0.0 { 100.0 * (self.gain / total) } else { 0.0 }
    }
}

outputs! {
    /// What [`Macd`] gives.
    MacdValue {
        /// Fast minus slow average.
        line,
        /// Exponential average of the line.
        signal,
        /// Line minus signal.
        histogram,
}
}

/// Moving average convergence/divergence. As in TA-Lib the fast average is seeded at the same value as the slow
/// one, and all three outputs begin together at value `slow + signal - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Values the fast average still has to skip.
    skip: u32,
    value: MacdValue,
}

impl Macd {
    /// With the periods of the three averages (at least 2, 2 and 1); 12, 26 and 9 are customary.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Result<Self, PeriodError> {
        checked("macd fast period", fast, 2)?;
        checked("macd slow period", slow, 2)?;
        checked("macd signal period", signal, 1)?;
        if fast >= slow {
            return Err(PeriodError::FastNotBelowSlow { fast, slow });
        }
        Ok(Self {
            fast: Ema::new(fast)?,
            slow: Ema::new(slow)?,
            signal: Ema::new(signal)?,
            skip: slow - fast,
            value: MacdValue::NAN,
        })
    }

    /// Takes the next value and returns line, signal and histogram.
    #[inline]
    pub fn update(&mut self, value: f64) -> MacdValue {
        let slow = self.slow.update(value);
        if self.skip > 0 {
            self.skip -= 1;
            return self.value;
        }
        let line = self.fast.update(value) - slow;
        if line.is_nan() {
            return self.value;
        }
        let signal = self.signal.update(line);
        if !signal.is_nan() {
            self.value = MacdValue { line, signal, histogram: line - signal };
        }
        self.value
    }

    /// Line, signal and histogram; NaN while warming up.
    #[inline]
    pub fn value(&self) -> MacdValue {
        self.value
    }
}

/// Rate of change in percent: `(value / value period ago - 1) * 100`. First result at value `period + 1`; 0 where
/// the old value is 0, as in TA-Lib.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Roc {
    window: Vec<f64>,
    next: usize,
    full: bool,
    value: f64,
}

impl Roc {
    /// The change against the value `period` (at least 1) values ago.
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("roc period", period, 1)?;
        Ok(Self { window: vec![0.0; period as usize], next: 0, full: false, value: f64::NAN })
    }

    /// Takes the next value and returns the rate of change.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let old = std::mem::replace(&mut self.window[self.next], value);
        if self.full {
            self.value = if old == 0.0 { 0.0 } else { (value / old - 1.0) * 100.0 };
        }
        self.next += 1;
        if self.next == self.window.len() {
            self.next = 0;
            self.full = true;
        }
        self.value
    }

    /// The rate of change; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsi_of_only_gains_is_100_and_of_nothing_0() {
        let mut rsi = Rsi::new(3).unwrap();
        for value in [1.0, 2.0, 3.0] {
            assert!(rsi.update(value).is_nan());
        }
        assert_eq!(rsi.update(4.0), 100.0);
        let mut flat = Rsi::new(2).unwrap();
        for _ in 0..5 {
            flat.update(7.0);
        }
        assert_eq!(flat.value(), 0.0);
    }

    #[test]
    fn macd_refuses_a_fast_period_that_is_not_fast() {
        assert_eq!(
            Macd::new(26, 12, 9).unwrap_err().to_string(),
            "the fast period (26) must be below the slow one (12)"
        );
    }

    #[test]
    fn macd_of_a_line_is_constant() {
        let mut macd = Macd::new(2, 4, 2).unwrap();
        let values: Vec<MacdValue> = (0..20).map(|i| macd.update(f64::from(i))).collect();
        // On a slope of 1 an average over n values lags by (n − 1) / 2: (4 − 1)/2 − (2 − 1)/2 = 1.
        assert!(values[3].line.is_nan());
        assert_eq!(values[4].line, 1.0);
        assert!((values[19].line - 1.0).abs() < 1e-12 && values[19].histogram.abs() < 1e-12);
    }

    #[test]
    fn roc_looks_back_its_period() {
        let mut roc = Roc::new(2).unwrap();
        assert!(roc.update(100.0).is_nan());
        assert!(roc.update(0.0).is_nan());
        assert_eq!(roc.update(150.0), 50.0);
        assert_eq!(roc.update(10.0), 0.0);
    }
}
