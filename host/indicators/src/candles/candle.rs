//! A candle measured by the ones before it.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::Ohlcv;

/// Slots of the ring: more than the ten bars of the longest average, and a power of two.
const SLOTS: usize = 16;

/// A candle with the averages of those before it: what is long, short, near or equal follows from these.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub(super) struct Candle {
    pub(super) open: f64,
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
    /// Mean real body of the ten candles before.
    body_average: f64,
    /// Mean range of the ten candles before.
    range_average: f64,
    /// Mean of both shadows together of the ten candles before.
    shadows_average: f64,
    /// Mean range of the five candles before.
    short_range_average: f64,
}

impl Candle {
    pub(super) fn body(&self) -> f64 {
        (self.close - self.open).abs()
    }

    pub(super) fn range(&self) -> f64 {
        self.high - self.low
    }

    pub(super) fn top(&self) -> f64 {
        self.open.max(self.close)
    }

    pub(super) fn bottom(&self) -> f64 {
        self.open.min(self.close)
    }

    pub(super) fn upper(&self) -> f64 {
        self.high - self.top()
    }

    pub(super) fn lower(&self) -> f64 {
        self.bottom() - self.low
    }

    /// White also where open and close are equal.
    pub(super) fn white(&self) -> bool {
        self.close >= self.open
    }

    pub(super) fn black(&self) -> bool {
        !self.white()
    }

    /// 1 for white, -1 for black.
    pub(super) fn color(&self) -> f64 {
        if self.white() { 1.0 } else { -1.0 }
    }

    /// A body longer than the average.
    pub(super) fn long(&self) -> bool {
        self.body() > self.body_average
    }

    /// A body shorter than the average.
    pub(super) fn short(&self) -> bool {
        self.body() < self.body_average
    }

    /// The average body: TA-Lib calls longer ones long and shorter ones short.
    pub(super) fn short_body(&self) -> f64 {
        self.body_average
    }

    /// A body of at most a tenth of the average range.
    pub(super) fn doji(&self) -> bool {
        self.body() <= self.doji_body()
    }

    /// The longest body that a doji has here.
    pub(super) fn doji_body(&self) -> f64 {
        0.1 * self.range_average
    }

    /// Shadows below this are short: half of the average of both.
    pub(super) fn short_shadow(&self) -> f64 {
        self.shadows_average / 2.0
    }

    /// Shadows below this are as good as none: a tenth of the average range.
    pub(super) fn no_shadow(&self) -> f64 {
        0.1 * self.range_average
    }

    pub(super) fn no_upper(&self) -> bool {
        self.upper() < self.no_shadow()
    }

    pub(super) fn no_lower(&self) -> bool {
        self.lower() < self.no_shadow()
    }

    /// Without shadows worth the name.
    pub(super) fn marubozu(&self) -> bool {
        self.long() && self.no_upper() && self.no_lower()
    }

    pub(super) fn long_upper(&self) -> bool {
        self.upper() > self.body()
    }

    pub(super) fn long_lower(&self) -> bool {
        self.lower() > self.body()
    }

    /// Prices not further apart than this are near.
    pub(super) fn near(&self) -> f64 {
        0.2 * self.short_range_average
    }

    /// Prices further apart than this are far.
    pub(super) fn far(&self) -> f64 {
        0.6 * self.short_range_average
    }

    /// Whether two prices are equal in the measure of this candle.
    pub(super) fn equal(&self, a: f64, b: f64) -> bool {
        let tolerance = self.equal_distance();
        a <= b + tolerance && a >= b - tolerance
    }

    /// Prices not further apart than this are equal.
    pub(super) fn equal_distance(&self) -> f64 {
        0.05 * self.short_range_average
    }

    /// Whether the body lies above that of another candle.
    pub(super) fn body_above(&self, other: &Self) -> bool {
        self.bottom() > other.top()
    }

    /// Whether the body lies below that of another candle.
    pub(super) fn body_below(&self, other: &Self) -> bool {
        self.top() < other.bottom()
    }

    /// Whether the whole candle lies above another.
    pub(super) fn above(&self, other: &Self) -> bool {
        self.low > other.high
    }

    /// Whether the whole candle lies below another.
    pub(super) fn below(&self, other: &Self) -> bool {
        self.high < other.low
    }

    /// Whether a price lies strictly inside of the body.
    pub(super) fn body_has(&self, price: f64) -> bool {
        price < self.top() && price > self.bottom()
    }
}

/// The newest candles.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub(super) struct Candles {
    ring: [Candle; SLOTS],
    newest: usize,
    bodies: f64,
    ranges: f64,
    short_ranges: f64,
}

impl Candles {
    pub(super) const fn new() -> Self {
        let none = Candle {
            open: 0.0,
            high: 0.0,
            low: 0.0,
            close: 0.0,
            body_average: 0.0,
            range_average: 0.0,
            shadows_average: 0.0,
            short_range_average: 0.0,
        };
        Self { ring: [none; SLOTS], newest: 0, bodies: 0.0, ranges: 0.0, short_ranges: 0.0 }
    }

    /// The candle `n` (below 16) bars ago.
    #[inline]
    pub(super) fn ago(&self, n: usize) -> &Candle {
        &self.ring[(self.newest + SLOTS - n) % SLOTS]
    }

    /// The newest candles, the newest first.
    #[inline]
    pub(super) fn newest<const N: usize>(&self) -> [&Candle; N] {
        std::array::from_fn(|n| self.ago(n))
    }

    /// Adds a bar, measured by those before it.
    #[inline]
    pub(super) fn push(&mut self, bar: &Ohlcv) {
        let (body_average, range_average) = (self.bodies / 10.0, self.ranges / 10.0);
        let candle = Candle {
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            body_average,
            range_average,
            // Both shadows together are what the range has beside the body.
            shadows_average: (self.ranges - self.bodies) / 10.0,
            short_range_average: self.short_ranges / 5.0,
        };
        self.newest = (self.newest + 1) % SLOTS;
        self.ring[self.newest] = candle;
        if self.newest == 0 {
            // Added up anew once per ring, so that rounding errors do not grow.
            self.bodies = (0..10).map(|n| self.ago(n).body()).sum();
            self.ranges = (0..10).map(|n| self.ago(n).range()).sum();
            self.short_ranges = (0..5).map(|n| self.ago(n).range()).sum();
        } else {
            self.bodies += candle.body() - self.ago(10).body();
            self.ranges += candle.range() - self.ago(10).range();
            self.short_ranges += candle.range() - self.ago(5).range();
        }
    }
}
