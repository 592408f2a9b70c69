//! Hikkake patterns, which are confirmed by a later bar.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::Candles;
use crate::kind::Ohlcv;

/// Bars within which a close confirms.
const CONFIRMED_WITHIN: u32 = 3;

/// Hikkake (Chesler 2003): an inside bar whose range the next bar leaves on both ends in one direction, a trap for who
/// follows. 100 where the bar went down (bullish), -100 where it went up; twice that where a close within three bars goes
/// beyond the inside bar on the other side. First result at bar 6, of the modified form at bar 11.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Hikkake {
    candles: Candles,
    modified: bool,
    seen: u32,
    /// 100 or -100 for the newest pattern, and how many bars it may still wait for its confirmation.
    pending: f64,
    waits: u32,
    /// Extremes of the bar before the breakout.
    high: f64,
    low: f64,
}

impl Default for Hikkake {
    fn default() -> Self {
        Self::new()
    }
}

impl Hikkake {
    /// The plain pattern.
    pub const fn new() -> Self {
        Self {
            candles: Candles::new(),
            modified: false,
            seen: 0,
            pending: 0.0,
            waits: 0,
            high: 0.0,
            low: 0.0,
        }
    }

    /// The pattern after two inside bars, the first of which closes near the end that is left.
    pub const fn modified() -> Self {
        Self { modified: true, ..Self::new() }
    }

    /// Takes the next bar and returns what is there of the pattern; NaN while warming up.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> f64 {
        self.candles.push(bar);
        self.seen = self.seen.saturating_add(1);
        let (possible, first) = if self.modified { (8, 11) } else { (3, 6) };
        let found = if self.seen >= possible { self.find() } else { 0.0 };
        let value = if found != 0.0 {
            let inside = self.candles.ago(1);
            (self.pending, self.waits) = (found, CONFIRMED_WITHIN);
            (self.high, self.low) = (inside.high, inside.low);
            found
        } else if self.waits > 0 {
            self.waits -= 1;
            let confirmed = if self.pending > 0.0 { bar.close > self.high } else { bar.close < self.low };
            if confirmed {
                self.waits = 0;
                2.0 * self.pending
            } else {
                0.0
            }
        } else {
            0.0
        };
        if self.seen >= first { value } else { f64::NAN }
    }

    fn find(&self) -> f64 {
        let [a, b, c, d] = self.candles.newest();
        let (down, up) = (a.high < b.high && a.low < b.low, a.high > b.high && a.low > b.low);
        let inside = b.high < c.high && b.low > c.low;
        let (bullish, bearish) = if self.modified {
            let twice = inside && c.high < d.high && c.low > d.low;
            (twice && down && c.close <= c.low + c.near(), twice && up && c.close >= c.high - c.near())
        } else {
            (inside && down, inside && up)
        };
        if bullish {
            100.0
        } else if bearish {
            -100.0
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hikkake_is_confirmed_within_three_bars() {
        let mut hikkake = Hikkake::new();
        let mut at = |high: f64, low: f64, close: f64| {
            hikkake.update(&Ohlcv { ts: 0, open: close, high, low, close, volume: 1.0 })
        };
        for _ in 0..3 {
            assert!(at(10.0, 5.0, 7.0).is_nan());
        }
        at(10.0, 5.0, 7.0);
        at(9.0, 6.0, 7.0);
        assert_eq!(at(8.0, 5.0, 6.0), 100.0, "an inside bar, then down");
        assert_eq!(at(8.5, 5.5, 8.0), 0.0);
        assert_eq!(at(10.0, 6.0, 9.5), 200.0, "a close above the inside bar");
        assert_eq!(at(11.0, 6.0, 10.0), 0.0);
    }
}
