//! The recent past of one instrument's bars: stored per bar, evaluated when an order needs it.

use std::cmp::Ordering;

use cryptobot_model::time::{NANOS_PER_DAY, NANOS_PER_SECOND};
use cryptobot_model::{Bar, Calm, Timestamp};

use crate::limits::CircuitBreaker;

/// Fewer returns than these say nothing.
pub(crate) const LEAST_RETURNS: usize = 20;

const DAYS_PER_YEAR: f64 = 365.0;

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    ts: Timestamp,
    close: f64,
    turnover: f64,
    true_range: f64,
}

/// The last bars of one instrument. Pushing is a store.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    samples: Vec<Sample>,
    next: usize,
    length: usize,
    last_close: f64,
}

impl Window {
    pub(crate) fn new(length: usize) -> Self {
        Self { samples: Vec::new(), next: 0, length, last_close: f64::NAN }
    }

    #[inline]
    pub(crate) fn push(&mut self, ts: Timestamp, bar: &Bar) {
        // The first bar has no close before it: `f64::max` and `min` pass over NaN.
        let true_range = bar.high.max(self.last_close) - bar.low.min(self.last_close);
        self.last_close = bar.close;
        let sample = Sample { ts, close: bar.close, turnover: bar.close * bar.volume, true_range };
        if self.samples.len() < self.length {
            self.samples.push(sample);
        } else {
            self.samples[self.next] = sample;
        }
        self.next = if self.next + 1 == self.length { 0 } else { self.next + 1 };
    }

    /// Bars that it has.
    pub(crate) const fn len(&self) -> usize {
        self.samples.len()
    }

    /// The samples, oldest first.
    fn iter(&self) -> impl Iterator<Item = &Sample> {
        let oldest = if self.samples.len() < self.length { 0 } else { self.next };
        let (newer, older) = self.samples.split_at(oldest);
        older.iter().chain(newer)
    }

    /// Mean time between bars in days; `None` for fewer returns than tell something.
    fn days_per_bar(&self) -> Option<f64> {
        let (first, last) = (self.iter().next()?, self.iter().last()?);
        let returns = self.samples.len() - 1;
        let days = (last.ts.0 - first.ts.0) as f64 / NANOS_PER_DAY as f64;
        (returns >= LEAST_RETURNS && days > 0.0).then(|| days / returns as f64)
    }

    /// Standard deviation (ddof 1) of log returns, annualised with 365 days: `σ × sqrt(365 / days per bar)`.
    pub(crate) fn volatility(&self) -> Option<f64> {
        let days_per_bar = self.days_per_bar()?;
        let count = (self.samples.len() - 1) as f64;
        let returns = || self.iter().zip(self.iter().skip(1)).map(|(a, b)| libm::log(b.close / a.close));
        let mean = returns().sum::<f64>() / count;
        let squares = returns().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        Some((squares / (count - 1.0) * DAYS_PER_YEAR / days_per_bar).sqrt())
    }

    /// Mean turnover per bar, scaled to 24 hours.
    pub(crate) fn daily_turnover(&self) -> Option<f64> {
        let days_per_bar = self.days_per_bar()?;
        let total: f64 = self.iter().map(|sample| sample.turnover).sum();
        Some(total / self.samples.len() as f64 / days_per_bar)
    }

    /// Mean of the last `period` true ranges; `None` before there are so many.
    pub(crate) fn average_true_range(&self, period: usize) -> Option<f64> {
        let skipped = self.samples.len().checked_sub(period)?;
        let total: f64 = self.iter().skip(skipped).map(|sample| sample.true_range).sum();
        Some(total / period as f64)
    }

    /// Pearson's correlation of the simple returns between the times that both windows have; `None` where these are too
    /// few or one of the prices did not move.
    pub(crate) fn correlation(&self, other: &Self) -> Option<f64> {
        let (mut ours, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        let mut before: Option<(f64, f64)> = None;
        let mut returns = Vec::with_capacity(self.length);
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            match a.ts.cmp(&b.ts) {
                Ordering::Less => ours.next(),
                Ordering::Greater => theirs.next(),
                Ordering::Equal => {
                    let now = (a.close, b.close);
                    if let Some(last) = before.replace(now) {
                        returns.push((now.0 / last.0 - 1.0, now.1 / last.1 - 1.0));
                    }
                    ours.next();
                    theirs.next()
                }
            };
        }
        if returns.len() < LEAST_RETURNS { None } else { pearson(&returns) }
    }
}

fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut covariance, mut variance_a, mut variance_b) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_a, b - mean_b);
        covariance += a * b;
        variance_a += a * a;
        variance_b += b * b;
    }
    let correlation = covariance / (variance_a * variance_b).sqrt();
    correlation.is_finite().then_some(correlation)
}

/// Bars that a breaker keeps at most although they have left its window, where that is not half of all: to take them out
/// moves the others.
const MOST_LEFT: usize = 32;

/// Watches one instrument for jumps of its price.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    /// Close time, high and low of the bars that may still be in the window, oldest first, behind those that have left it.
    bars: Vec<(Timestamp, f64, f64)>,
    /// How many have left it.
    left: usize,
    /// The highest and lowest price of at least the window. While these are no jump apart, no two prices within it are.
    high: f64,
    low: f64,
    /// Until when no position is opened; `None` while all is well.
    pub(crate) halted_until: Option<Timestamp>,
    /// The jump that halted.
    pub(crate) jump: f64,
}

impl Default for Breaker {
    fn default() -> Self {
        let (high, low) = (f64::NEG_INFINITY, f64::INFINITY);
        Self { bars: Vec::new(), left: 0, high, low, halted_until: None, jump: 0.0 }
    }
}

impl Breaker {
    /// Takes a bar; returns whether it halts. The window begins anew then, so that one jump halts once.
    pub(crate) fn push(&mut self, rule: &CircuitBreaker, ts: Timestamp, bar: &Bar) -> bool {
        self.forget(ts.plus(-seconds(rule.within_s)));
        self.stretch(bar);
        self.bars.push((ts, bar.high, bar.low));
        if self.high / self.low - 1.0 <= rule.jump {
            return false;
        }
        self.narrow();
        let jump = self.high / self.low - 1.0;
        if jump <= rule.jump {
            return false;
        }
        *self = Self { jump, halted_until: Some(ts.plus(seconds(rule.halt_s))), ..Self::default() };
        true
    }

    /// Takes consecutive bars that do not halt. Those that have left the window when the last one closes leave nothing.
    pub(crate) fn pass(&mut self, rule: &CircuitBreaker, bars: &[impl AsRef<Bar>]) {
        let Some(last) = bars.last() else { return };
        let since = last.as_ref().ts.plus(-seconds(rule.within_s));
        let gone = bars.iter().rposition(|bar| bar.as_ref().ts <= since);
        let within = if let Some(gone) = gone {
            // With it all bars before these.
            self.bars.clear();
            self.left = 0;
            &bars[gone + 1..]
        } else {
            self.forget(since);
            bars
        };
        for bar in within.iter().map(AsRef::as_ref) {
            self.stretch(bar);
        }
        self.bars.extend(within.iter().map(AsRef::as_ref).map(|bar| (bar.ts, bar.high, bar.low)));
    }

    /// Lets the bars go that closed by a time.
    fn forget(&mut self, since: Timestamp) {
        while self.bars.get(self.left).is_some_and(|(at, ..)| *at <= since) {
            self.left += 1;
        }
        if self.left == self.bars.len() {
            self.bars.clear();
            self.left = 0;
        } else if self.left > MOST_LEFT.max(self.bars.len() / 2) {
            self.bars.drain(..self.left);
            self.left = 0;
        }
    }

    /// The highest and the lowest price with those of another bar.
    #[inline]
    fn stretch(&mut self, bar: &Bar) {
        self.high = if bar.high > self.high { bar.high } else { self.high };
        self.low = if bar.low < self.low { bar.low } else { self.low };
    }

    /// The bars that may still be in the window.
    fn within(&self) -> &[(Timestamp, f64, f64)] {
        &self.bars[self.left..]
    }

    /// Forgets prices that have left the window.
    fn narrow(&mut self) {
        (self.high, self.low) = self
            .within()
            .iter()
            .fold((f64::NEG_INFINITY, f64::INFINITY), |(high, low), bar| (high.max(bar.1), low.min(bar.2)));
    }

    /// Between these prices bars are no jump, however they follow each other.
    pub(crate) fn calm(&mut self, rule: &CircuitBreaker) -> Calm {
        if self.high / self.low - 1.0 > rule.jump / 2.0 {
            self.narrow();
        }
        // The room that is left, half of it on either side; a little less, for rounding.
        let room = (1.0 + rule.jump) * self.low / self.high * (1.0 - 1e-9);
        if !room.is_finite() || room <= 1.0 {
            return Calm::NONE;
        }
        let half = room.sqrt();
        Calm { below: self.low / half, above: self.high * half }
    }
}

pub(crate) const fn seconds(count: u32) -> i64 {
    count as i64 * NANOS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * NANOS_PER_SECOND;

    fn bar(high: f64, low: f64, close: f64) -> Bar {
        Bar { ts: Timestamp(0), open: close, high, low, close, volume: 2.0 }
    }

    fn window(closes: impl IntoIterator<Item = f64>, length: usize, step: i64) -> Window {
        let mut window = Window::new(length);
        for (index, close) in closes.into_iter().enumerate() {
            window.push(Timestamp(index as i64 * step), &bar(close + 1.0, close - 1.0, close));
        }
        window
    }

    fn zigzag(count: usize) -> impl Iterator<Item = f64> {
        (0..count).map(|index| if index % 2 == 0 { 100.0 } else { 110.0 })
    }

    #[test]
    fn volatility_by_hand() {
        // 20 returns of ±ln 1.1 around 0: variance 20 × ln² 1.1 / 19, a day per bar: × 365.
        let expected = (20.0_f64 / 19.0 * 365.0).sqrt() * libm::log(1.1);
        let daily = window(zigzag(21), 50, NANOS_PER_DAY).volatility().unwrap();
        assert!((daily - expected).abs() < 1e-12, "{daily} {expected}");
        // Hourly bars: sqrt(24) times as much; and only the window counts.
        let noise = [1.0, 900.0].into_iter().chain(zigzag(21));
        let hourly = window(noise, 21, NANOS_PER_DAY / 24).volatility().unwrap();
        assert!((hourly - expected * 24.0_f64.sqrt()).abs() < 1e-9, "{hourly}");
        assert_eq!(window(zigzag(20), 50, NANOS_PER_DAY).volatility(), None, "19 returns");
    }

    #[test]
    fn turnover_and_range_by_hand() {
        // 2 units at 100 every half a day: 400 a day.
        let steady = window([100.0; 30], 30, NANOS_PER_DAY / 2);
        assert!((steady.daily_turnover().unwrap() - 400.0).abs() < 1e-9);
        // High − low is 2; after a gap of 10 the range reaches to the close before: 11.
        let mut gap = window([100.0; 3], 30, 1);
        gap.push(Timestamp(10), &bar(111.0, 109.0, 110.0));
        assert_eq!(gap.average_true_range(2), Some(6.5));
        assert_eq!(gap.average_true_range(5), None);
    }

    #[test]
    fn correlation_is_that_of_common_times() {
        let closes = |phase: usize| (0..60).map(move |index| 100.0 + ((index * index + phase) % 7) as f64);
        let a = window(closes(0), 40, MINUTE);
        assert!((a.correlation(&a.clone()).unwrap() - 1.0).abs() < 1e-12);
        let double = window(closes(0).map(|close| 2.0 * close), 40, MINUTE);
        assert!((a.correlation(&double).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(a.correlation(&window([5.0; 60], 40, MINUTE)), None, "no movement");
        assert_eq!(a.correlation(&window(closes(0), 40, 7 * MINUTE)), None, "too few common times");
        // By hand: returns (1, 2, 3) and (2, 1, 3) → covariance 1, variances 2 and 2 → 0.5.
        assert!((pearson(&[(1.0, 2.0), (2.0, 1.0), (3.0, 3.0)]).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_jump_within_the_window_halts_once() {
        let rule = CircuitBreaker { jump: 0.10, within_s: 300, halt_s: 900 };
        let mut breaker = Breaker::default();
        let mut push = |minute: i64, high: f64, low: f64| {
            breaker
                .push(&rule, Timestamp(minute * MINUTE), &bar(high, low, low))
                .then_some(breaker.halted_until)
        };
        assert_eq!(push(0, 101.0, 100.0), None);
        assert_eq!(push(4, 109.9, 108.0), None, "9.9 %");
        assert_eq!(push(5, 114.0, 112.0), None, "the low of 100 is five minutes old: 114 / 108 is 5.6 %");
        assert_eq!(push(6, 119.0, 115.0), Some(Some(Timestamp(21 * MINUTE))), "119 / 108 is 10.2 %");
        assert_eq!(push(7, 120.0, 116.0), None, "the same jump");
        assert_eq!(push(8, 106.0, 105.0), Some(Some(Timestamp(23 * MINUTE))), "and down again, 120 / 105");
    }
}
