//! Ranges: average true range, highest, lowest and the Donchian channel.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::period::{PeriodError, checked};

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
        let period = checked("highest period", period, 1)?;
        Ok(Self { candidates: vec![(0.0, 0); period as usize], head: 0, len: 0, seen: 0 })
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
        while self.len > 0 && self.candidates[self.slot(self.len - 1)].0 <= value {
            self.len -= 1;
        }
        let slot = self.slot(self.len);
        self.candidates[slot] = (value, self.seen);
        self.len += 1;
        self.seen += 1;
        self.value()
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
        let period = checked("lowest period", period, 1)?;
        Ok(Self { negated: Highest::new(period)? })
    }

    /// Takes the next value and returns the lowest one.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        -self.negated.update(-value)
    }

    /// The lowest value; NaN while warming up.
    #[inline]
    pub fn value(&self) -> f64 {
        -self.negated.value()
    }
}

/// What [`Donchian`] gives.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Channel {
    /// Highest high.
    pub upper: f64,
    /// The middle between upper and lower.
    pub middle: f64,
    /// Lowest low.
    pub lower: f64,
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
