//! Bars against their parts, and a series against the same one of another catalog.

use std::cmp::Ordering;

use cryptobot_model::{Timeframe, Timestamp};

use super::walk::{Loaded, Walk, load};
use super::{Finding, Rule, Severity};
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::resample::divides;
use crate::store::kind::{SeriesId, SeriesKind};
use crate::store::merge::compare as by_key;

/// Relative difference of two prices that are the same.
const SAME_PRICE: f64 = 1e-9;
/// Relative difference of two sums of volumes that are the same: exchanges round each part.
const SAME_VOLUME: f64 = 1e-6;
/// Names of the columns that are compared, from the second on.
const NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Compares each stored bar with what the finest kind adds up to that has every part of it.
pub(super) fn with_finer(
    catalog: &Catalog,
    loaded: &Loaded,
    found: &mut Vec<Finding>,
) -> Result<(), DataError> {
    let id = &loaded.id;
    let (Some(grid), true) = (id.kind.grid(), id.kind.has_bars()) else { return Ok(()) };
    let kinds = catalog.kinds(&id.venue, &id.symbol)?;
    let same_content = |kind: &SeriesKind| std::mem::discriminant(kind) == std::mem::discriminant(&id.kind);
    let mut finer: Vec<(Timeframe, SeriesKind)> = kinds
        .iter()
        .filter_map(|kind| kind.parse::<SeriesKind>().ok())
        .filter(same_content)
        .filter_map(|kind| Some((kind.grid()?, kind)))
        .filter(|(step, _)| *step < grid && divides(*step, grid))
        .collect();
    finer.sort();
    // By the number of the bar in the series.
    let mut compared: Vec<bool> = Vec::new();
    for (step, kind) in finer {
        let parts = load(catalog, SeriesId { kind, ..id.clone() }, &mut |_, _| {})?;
        let mut sums = Sums { parts: parts.walk(), grid, begun: None };
        let all = grid.millis() / step.millis();
        let mut sum = sums.next()?;
        let mut walk = loaded.walk();
        let mut number = 0;
        while walk.next()? {
            if compared.len() == number {
                compared.push(false);
            }
            let done = &mut compared[number];
            number += 1;
            while sum.as_ref().is_some_and(|sum| sum.open_ms < walk.ts_ms()) {
                sum = sums.next()?;
            }
            let Some(sum) = sum.as_ref().filter(|sum| sum.open_ms == walk.ts_ms() && sum.count == all) else {
                continue;
            };
            if std::mem::replace(done, true) {
                continue;
            }
            if let Some(what) = values(&walk).and_then(|values| difference(values, sum.values)) {
                let what = format!("{what} from {kind}");
                let fix = "nothing, if the exchange restated it; else download both again";
                found.push(loaded.finding(walk.place(), Severity::Notice, Rule::ResampleMismatch, what, fix));
            }
        }
    }
    Ok(())
}

/// What the parts of a bar add up to.
#[derive(Clone, Copy)]
struct Sum {
    open_ms: i64,
    /// Opens, extremes, last close and summed volume.
    values: [f64; 5],
    count: i64,
}

/// The bars of a longer timeframe that parts add up to, in order of time. Parts that are out of order end them: they are
/// errors of their own.
struct Sums<'a> {
    parts: Walk<'a>,
    grid: Timeframe,
    begun: Option<Sum>,
}

impl Sums<'_> {
    fn next(&mut self) -> Result<Option<Sum>, DataError> {
        while self.parts.next()? {
            let open_ms = self.grid.open_of(Timestamp::from_millis(self.parts.ts_ms())).millis();
            let Some(part) = values(&self.parts) else { continue };
            let [open, high, low, close, volume] = part;
            match &mut self.begun {
                Some(sum) if sum.open_ms == open_ms => {
                    let of = sum.values;
                    sum.values = [of[0], of[1].max(high), of[2].min(low), close, of[4] + volume];
                    sum.count += 1;
                }
                begun => {
                    let first = Sum { open_ms, values: [open, high, low, close, volume], count: 1 };
                    let whole = begun.replace(first);
                    match whole {
                        Some(sum) if sum.open_ms > open_ms => {
                            *begun = None;
                            return Ok(None);
                        }
                        Some(sum) => return Ok(Some(sum)),
                        None => {}
                    }
                }
            }
        }
        Ok(self.begun.take())
    }
}

/// Compares a series with the same one of another catalog, row by row where both have one.
pub(super) fn with_other(
    other: &Catalog,
    loaded: &Loaded,
    found: &mut Vec<Finding>,
) -> Result<(), DataError> {
    if !other.root().join(loaded.id.folder()).is_dir() {
        return Ok(());
    }
    let kind = loaded.id.kind;
    let theirs = load(other, loaded.id.clone(), &mut |_, _| {})?;
    let (mut ours, mut their) = (loaded.walk(), theirs.walk());
    let mut there = their.next()?;
    while ours.next()? {
        while there && by_key(kind, their.at(), ours.at()) == Ordering::Less {
            there = their.next()?;
        }
        if !there || by_key(kind, their.at(), ours.at()) != Ordering::Equal {
            continue;
        }
        let columns = kind.columns().iter().enumerate().skip(1);
        let differs = columns.filter_map(|(column, spec)| {
            let (ours, theirs) = (ours.number(column)?, their.number(column)?);
            (!is_same(ours, theirs, SAME_PRICE)).then(|| format!("{} {ours}, there {theirs}", spec.name))
        });
        let differs: Vec<String> = differs.collect();
        if !differs.is_empty() {
            let fix = "ask the exchange which is true, then import that one";
            let what = differs.join("; ");
            found.push(loaded.finding(ours.place(), Severity::Notice, Rule::SourceMismatch, what, fix));
        }
    }
    Ok(())
}

fn values(walk: &Walk<'_>) -> Option<[f64; 5]> {
    let price = |column| walk.number(column);
    Some([price(1)?, price(2)?, price(3)?, price(4)?, price(5).unwrap_or(0.0)])
}

/// The first column in which a bar is another one than the sum of its parts.
fn difference(stored: [f64; 5], sum: [f64; 5]) -> Option<String> {
    let pairs = stored.into_iter().zip(sum).zip(NAMES);
    pairs
        .filter(|((stored, sum), name)| {
            let same = if *name == "volume" { SAME_VOLUME } else { SAME_PRICE };
            !is_same(*stored, *sum, same)
        })
        .map(|((stored, sum), name)| format!("{name} is {stored}, and {sum} built"))
        .next()
}

fn is_same(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs())
}
