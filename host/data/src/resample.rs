//! Higher bars from lower ones.

use std::ops::Range;

use cryptobot_engine::BarBlock;
use cryptobot_model::{Timeframe, Timestamp};

/// Whether whole bars of `source` fill every bar of `target`.
pub fn divides(source: Timeframe, target: Timeframe) -> bool {
    let open = target.open_of(Timestamp::default());
    target.divisible_by(source) && source.open_of(open) == open
}

/// The first open time at or after `at`.
pub(crate) fn next_open(timeframe: Timeframe, at: Timestamp) -> Timestamp {
    let open = timeframe.open_of(at);
    if open == at { at } else { open.plus(timeframe.nanos()) }
}

/// Builds bars of one length from shorter ones that arrive in order.
///
/// A higher bar has the first open, the highest high, the lowest low and the last close of its parts, and the sum of
/// their volumes, added in order of time. It opens on the grid of [`Timeframe::open_of`].
#[derive(Debug)]
pub(crate) struct Resampler {
    target: Timeframe,
    open_ms: i64,
    close_ms: i64,
    bar: Option<Prices>,
    /// Parts of the bar under way, and how many it must have.
    parts: i64,
    parts_needed: i64,
}

#[derive(Clone, Copy, Debug)]
struct Prices {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Resampler {
    /// A resampler that has seen nothing.
    pub fn new(target: Timeframe) -> Self {
        Self { target, open_ms: 0, close_ms: i64::MIN, bar: None, parts: 0, parts_needed: 1 }
    }

    /// One of the same settings that has seen nothing.
    pub fn fresh(&self) -> Self {
        Self { parts_needed: self.parts_needed, ..Self::new(self.target) }
    }

    /// Leaves out bars of which not every part of `source` length is there.
    pub fn only_whole(&mut self, source: Timeframe) {
        self.parts_needed = self.target.nanos() / source.nanos();
    }

    /// Adds some rows of `bars`; appends every higher bar whose successor begins to `out`.
    pub fn add(&mut self, bars: &BarBlock, rows: Range<usize>, out: &mut BarBlock) {
        let prices = bars.open.iter().zip(&bars.high).zip(&bars.low).zip(&bars.close).zip(&bars.volume);
        let all = bars.open_ms.iter().zip(prices);
        for (&open_ms, ((((&open, &high), &low), &close), &volume)) in all.take(rows.end).skip(rows.start) {
            match &mut self.bar {
                Some(bar) if open_ms < self.close_ms => {
                    bar.high = bar.high.max(high);
                    bar.low = bar.low.min(low);
                    bar.close = close;
                    bar.volume += volume;
                    self.parts += 1;
                }
                _ => {
                    self.flush(out);
                    self.open_ms = self.target.open_of(Timestamp::from_millis(open_ms)).millis();
                    self.close_ms = self.open_ms + self.target.millis();
                    self.bar = Some(Prices { open, high, low, close, volume });
                    self.parts = 1;
                }
            }
        }
    }

    /// Appends the bar that is under way, if any.
    pub fn flush(&mut self, out: &mut BarBlock) {
        if let Some(bar) = self.bar.take()
            && self.parts >= self.parts_needed
        {
            out.open_ms.push(self.open_ms);
            out.open.push(bar.open);
            out.high.push(bar.high);
            out.low.push(bar.low);
            out.close.push(bar.close);
            out.volume.push(bar.volume);
        }
    }
}

/// Bars of `target` length from bars of `source` length in memory; `None` unless [`divides`].
///
/// A higher bar that begins before the first row or ends after the last one is left out; one with a hole in it is
/// kept. Rows must be sorted.
pub fn resample(bars: &BarBlock, source: Timeframe, target: Timeframe) -> Option<BarBlock> {
    if !divides(source, target) {
        return None;
    }
    let mut out = BarBlock::default();
    let (Some(&first), Some(&last)) = (bars.open_ms.first(), bars.open_ms.last()) else {
        return Some(out);
    };
    let begin = next_open(target, Timestamp::from_millis(first)).millis();
    let end = target.open_of(Timestamp::from_millis(last).plus(source.nanos())).millis();
    let from = bars.open_ms.partition_point(|&open| open < begin);
    let to = bars.open_ms.partition_point(|&open| open < end).max(from);
    let mut resampler = Resampler::new(target);
    resampler.add(bars, from..to, &mut out);
    resampler.flush(&mut out);
    Some(out)
}
