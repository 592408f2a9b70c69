//! Rows that can be true and look as if they were not.

use super::walk::{Loaded, Place, Walk};
use super::{Finding, Rule, Severity};
use crate::error::DataError;
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
#[derive(Clone, Copy)]
struct Bar {
    place: Place,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Bar {
    fn of(walk: &Walk<'_>) -> Option<Self> {
        let value = |column| walk.number(column);
        Some(Self {
            place: walk.place(),
            open: value(OPEN)?,
            high: value(HIGH)?,
            low: value(LOW)?,
            close: value(CLOSE)?,
            volume: value(VOLUME).unwrap_or(0.0),
        })
    }
}

/// Finds outliers, stale runs and volume spikes among bars of trades, mark and index prices.
pub(super) fn find(loaded: &Loaded, found: &mut Vec<Finding>) -> Result<(), DataError> {
    if !loaded.id.kind.has_bars() || matches!(loaded.id.kind, SeriesKind::Premium(_)) {
        return Ok(());
    }
    let mut stale = Stale { loaded, run: None, found: Vec::new() };
    // The bar before the block, the block, and the one after it.
    let (mut before, mut block) = (None, Vec::with_capacity(BLOCK + 1));
    let mut walk = loaded.walk();
    while walk.next()? {
        let Some(bar) = Bar::of(&walk) else { continue };
        stale.add(bar);
        if block.len() == BLOCK {
            look_at(loaded, before, &block, Some(bar), found);
            before = block.last().copied();
            block.clear();
        }
        block.push(bar);
    }
    look_at(loaded, before, &block, None, found);
    stale.end();
    found.append(&mut stale.found);
    Ok(())
}

/// Looks at the bars of a block, of which its middle values say what is usual.
fn look_at(
    loaded: &Loaded,
    before: Option<Bar>,
    block: &[Bar],
    after: Option<Bar>,
    found: &mut Vec<Finding>,
) {
    let steps = block.windows(2).map(|pair| step(pair[0].close, pair[1].close).abs());
    let volumes = || block.iter().map(|bar| bar.volume);
    let (usual, volume) = (rank(steps, 1, 2), rank(volumes(), 1, 2));
    let limit = (SPIKE * volume).max(SPIKE_OVER_BUSY * rank(volumes(), 19, 20));
    for (at, bar) in block.iter().enumerate() {
        let previous = at.checked_sub(1).map(|at| block[at]).or(before);
        let next = block.get(at + 1).copied().or(after);
        if let Some((previous, next)) = previous.zip(next)
            && let Some(what) = leap(&previous, bar, &next, usual)
        {
            found.push(notice(loaded, bar, Rule::Outlier, what));
        }
        if volume > 0.0 && bar.volume > limit {
            let what = format!("volume {} where {volume} is usual", bar.volume);
            found.push(notice(loaded, bar, Rule::VolumeSpike, what));
        }
    }
}

/// A close or an extreme far from the bars on both sides, which are near each other.
fn leap(before: &Bar, bar: &Bar, after: &Bar, usual: f64) -> Option<String> {
    let limit = SMALLEST_LEAP.max(LEAP * usual);
    let away = step(before.close, bar.close);
    let back = step(bar.close, after.close);
    let returned =
        away * back < 0.0 && back.abs() >= TAKEN_BACK * away.abs() && back.abs() <= 1.25 * away.abs();
    let wick = step(bar.open.max(bar.close), bar.high).max(-step(bar.open.min(bar.close), bar.low));
    if away.abs() > limit && returned {
        Some(format!("close {} between {} and {}", bar.close, before.close, after.close))
    } else if wick > 2.0 * limit {
        Some(format!(
            "high {} and low {} around open {} and close {}",
            bar.high, bar.low, bar.open, bar.close
        ))
    } else {
        None
    }
}

/// Finds runs of bars at one price.
struct Stale<'a> {
    loaded: &'a Loaded,
    /// The first bar of the run and how many there are.
    run: Option<(Bar, usize)>,
    found: Vec<Finding>,
}

impl Stale<'_> {
    fn add(&mut self, bar: Bar) {
        match &mut self.run {
            Some((first, count)) if is_flat(first) && is_flat(&bar) && first.close == bar.close => {
                *count += 1;
            }
            _ => {
                self.end();
                self.run = Some((bar, 1));
            }
        }
    }

    fn end(&mut self) {
        if let Some((first, count)) = self.run.take().filter(|(_, count)| *count >= STALE_BARS) {
            let what = format!("{count} bars at the one price {}", first.close);
            self.found.push(notice(self.loaded, &first, Rule::StaleRun, what));
        }
    }
}

fn is_flat(bar: &Bar) -> bool {
    bar.high == bar.low
}

fn notice(loaded: &Loaded, bar: &Bar, rule: Rule, what: String) -> Finding {
    loaded.finding(bar.place, Severity::Notice, rule, what, "compare with another source (--against)")
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
