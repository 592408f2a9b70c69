//! Rows that can be true and look as if they were not.

use super::{Finding, Loaded, LoadedFile, Rule, Severity};
use crate::store::kind::SeriesKind;

/// Rows whose middle values say what is usual.
const BLOCK: usize = 512;
/// A leap counts from this multiple of the usual step on.
const LEAP: f64 = 40.0;
/// A leap is at least this fraction of the price.
const SMALLEST_LEAP: f64 = 0.03;
/// How much of a leap the next bar must take back.
const TAKEN_BACK: f64 = 0.8;
/// Bars at one price that count as stale.
const STALE_BARS: usize = 60;
/// A volume counts as a spike from this multiple of the usual one on, and
const SPIKE: f64 = 1_000.0;
/// from this multiple of one that only a twentieth of the bars exceeds: thin markets are mostly without trades.
const SPIKE_OVER_BUSY: f64 = 50.0;

const OPEN: usize = 1;
const HIGH: usize = 2;
const LOW: usize = 3;
const CLOSE: usize = 4;
const VOLUME: usize = 5;

/// A row that all of what is looked at is known of.
struct Bar<'a> {
    file: &'a LoadedFile,
    row: usize,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

/// Finds outliers, stale runs and volume spikes among bars of trades, mark and index prices.
pub(super) fn find(loaded: &Loaded, found: &mut Vec<Finding>) {
    if !loaded.id.kind.has_bars() || matches!(loaded.id.kind, SeriesKind::Premium(_)) {
        return;
    }
    let bars: Vec<Bar<'_>> = loaded
        .rows()
        .filter_map(|(file, row)| {
            let value = |column| file.number(row, column);
            let (open, high) = (value(OPEN)?, value(HIGH)?);
            let volume = value(VOLUME).unwrap_or(0.0);
            Some(Bar { file, row, open, high, low: value(LOW)?, close: value(CLOSE)?, volume })
        })
        .collect();
    for (index, block) in bars.chunks(BLOCK).enumerate() {
        let from = index * BLOCK;
        let steps = block.windows(2).map(|pair| step(pair[0].close, pair[1].close).abs());
        let volumes = || block.iter().map(|bar| bar.volume);
        let (usual, volume) = (rank(steps, 1, 2), rank(volumes(), 1, 2));
        let limit = (SPIKE * volume).max(SPIKE_OVER_BUSY * rank(volumes(), 19, 20));
        for at in from..from + block.len() {
            leap(&bars, at, usual, found);
            if volume > 0.0 && bars[at].volume > limit {
                let what = format!("volume {} where {volume} is usual", bars[at].volume);
                found.push(notice(&bars[at], Rule::VolumeSpike, what));
            }
        }
    }
    stale(&bars, found);
}

/// A close or an extreme far from the bars on both sides, which are near each other.
fn leap(bars: &[Bar<'_>], at: usize, usual: f64, found: &mut Vec<Finding>) {
    let (Some(before), Some(after)) = (at.checked_sub(1).map(|at| &bars[at]), bars.get(at + 1)) else {
        return;
    };
    let bar = &bars[at];
    let limit = SMALLEST_LEAP.max(LEAP * usual);
    let away = step(before.close, bar.close);
    let back = step(bar.close, after.close);
    let returned =
        away * back < 0.0 && back.abs() >= TAKEN_BACK * away.abs() && back.abs() <= 1.25 * away.abs();
    let wick = step(bar.open.max(bar.close), bar.high).max(-step(bar.open.min(bar.close), bar.low));
    let what = if away.abs() > limit && returned {
        format!("close {} between {} and {}", bar.close, before.close, after.close)
    } else if wick > 2.0 * limit {
        format!("high {} and low {} around open {} and close {}", bar.high, bar.low, bar.open, bar.close)
    } else {
        return;
    };
    found.push(notice(bar, Rule::Outlier, what));
}

fn stale(bars: &[Bar<'_>], found: &mut Vec<Finding>) {
    for run in bars.chunk_by(|a, b| is_flat(a) && is_flat(b) && a.close == b.close) {
        if run.len() >= STALE_BARS {
            let what = format!("{} bars at the one price {}", run.len(), run[0].close);
            found.push(notice(&run[0], Rule::StaleRun, what));
        }
    }
}

fn is_flat(bar: &Bar<'_>) -> bool {
    bar.high == bar.low
}

fn notice(bar: &Bar<'_>, rule: Rule, what: String) -> Finding {
    bar.file.finding(bar.row, Severity::Notice, rule, what, "compare with another source (--against)")
}

/// Relative step from one price to another, symmetric.
fn step(from: f64, to: f64) -> f64 {
    libm::log(to / from)
}

/// The value below which `part` of `of` parts lie; 0 of nothing.
fn rank(values: impl Iterator<Item = f64>, part: usize, of: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let at = values.len() * part / of;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(at, f64::total_cmp).1 }
}
