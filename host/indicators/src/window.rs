//! The last values of a stream and their sum, the parts that indicators are made of.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// Hands a value on to the next stage, unless the stage before is still warming up.
#[inline]
pub(crate) fn then(value: f64, next: impl FnOnce(f64) -> f64) -> f64 {
    if value.is_nan() { value } else { next(value) }
}

/// `numerator / denominator`; 0 where the denominator is 0, TA-Lib's answer for markets that do not move.
#[inline]
pub(crate) fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 { 0.0 } else { numerator / denominator }
}

/// The last values of a stream in a ring.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub(crate) struct Window {
    values: Vec<f64>,
    /// Slot of the next value: that of the oldest one where the ring is full.
    next: usize,
    full: bool,
}

impl Window {
    /// Room for `length` values, which are 0 before the first one.
    pub(crate) fn new(length: u32) -> Self {
        Self { values: vec![0.0; length as usize], next: 0, full: false }
    }

    /// Takes the next value and returns the one that it displaces: 0 until the window is full.
    #[inline]
    pub(crate) fn push(&mut self, value: f64) -> f64 {
        let displaced = self.put(value);
        self.turn();
        displaced
    }

    /// [`Window::push`], which [`Window::turn`] completes.
    #[inline]
    fn put(&mut self, value: f64) -> f64 {
        std::mem::replace(&mut self.values[self.next], value)
    }

    /// Goes on to the next slot; tells whether it is the first one again.
    #[inline]
    fn turn(&mut self) -> bool {
        self.next += 1;
        let is_wrapped = self.next == self.values.len();
        if is_wrapped {
            self.next = 0;
            self.full = true;
        }
        is_wrapped
    }

    /// Whether every slot has a value.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether the newest value went into the last slot: what is summed up per ring begins anew.
    #[inline]
    pub(crate) fn is_wrapped(&self) -> bool {
        self.next == 0
    }

    /// The number of slots.
    #[inline]
    pub(crate) fn len(&self) -> f64 {
        self.values.len() as f64
    }

    /// The value that the next one displaces.
    #[inline]
    pub(crate) fn oldest(&self) -> f64 {
        self.values[self.next]
    }

    /// Slot of the newest value.
    #[inline]
    pub(crate) fn newest_slot(&self) -> usize {
        self.next.checked_sub(1).unwrap_or(self.values.len() - 1)
    }

    /// The values in the order of their slots, for what does not depend on their order.
    #[inline]
    pub(crate) fn unordered(&self) -> &[f64] {
        &self.values
    }
}

/// The sum of the last values, without drift: see the crate's documentation.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub(crate) struct Sum {
    window: Window,
    /// NaN until the ring is through for the first time.
    total: f64,
    /// Sum of the values since the ring began anew; replaces `total` when the ring is through.
    fresh: f64,
    /// Zeros since the newest other value: where there is none but them in the window, the sum is 0, whatever rounding has
    /// left of earlier ones.
    zeros: u32,
}

impl Sum {
    pub(crate) fn new(period: u32) -> Self {
        Self { window: Window::new(period), total: f64::NAN, fresh: 0.0, zeros: 0 }
    }

    /// Takes the next value and returns the sum.
    #[inline]
    pub(crate) fn update(&mut self, value: f64) -> f64 {
        self.total += value - self.window.put(value);
        self.fresh += value;
        if value == 0.0 {
            self.zeros = self.zeros.saturating_add(1);
            if self.zeros as usize >= self.window.values.len() {
                self.total = 0.0;
            }
        } else {
            self.zeros = 0;
        }
        // The ring is asked once: this is the innermost loop of many strategies.
        if self.window.turn() {
            self.total = self.fresh;
            self.fresh = 0.0;
        }
        self.value()
    }

    /// The sum; NaN while warming up.
    #[inline]
    pub(crate) fn value(&self) -> f64 {
        self.total
    }

    /// The sum divided by the number of values; NaN while warming up.
    #[inline]
    pub(crate) fn mean(&self) -> f64 {
        self.value() / self.window.len()
    }

    /// The values that are summed up.
    #[inline]
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }
}

/// The change from one value to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub(crate) struct Previous(f64);

impl Previous {
    pub(crate) const NONE: Self = Self(f64::NAN);

    /// Takes the next value and returns the one before; NaN for the first.
    #[inline]
    pub(crate) fn replace(&mut self, value: f64) -> f64 {
        std::mem::replace(&mut self.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_zeros_sums_up_to_zero_whatever_came_before() {
        for period in 1..=7_usize {
            let mut sum = Sum::new(period as u32);
            let mut values: Vec<f64> = Vec::new();
            // Runs of values that leave rounding behind, and of zeros of both signs, of every length up to ten.
            for (run, length) in (1..=10_usize).cycle().take(400).enumerate() {
                for i in 0..length {
                    let other = 0.1 + 1e9 / (run * 13 + i * 7 + 1) as f64;
                    values.push(if run % 2 == 0 { other } else { [0.0, -0.0][i % 2] });
                    let total = sum.update(values[values.len() - 1]);
                    let Some(first) = values.len().checked_sub(period) else {
                        assert!(total.is_nan());
                        continue;
                    };
                    let expected: f64 = values[first..].iter().sum();
                    if values[first..].iter().all(|value| *value == 0.0) {
                        assert!(total == 0.0, "{period}: {total}");
                    } else {
                        assert!((total - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{period}");
                    }
                }
            }
        }
    }
}
