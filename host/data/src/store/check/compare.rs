//! Bars against their parts, and a series against the same one of another catalog.

use std::collections::{HashMap, HashSet};

use cryptobot_model::{Timeframe, Timestamp};

use super::{Finding, Loaded, LoadedFile, Rule, Severity, load};
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::resample::divides;
use crate::store::kind::{SeriesId, SeriesKind};

/// Relative difference of two prices that are the same.
const SAME_PRICE: f64 = 1e-9;
/// Relative difference of two sums of volumes that are the same: exchanges round each part.
const SAME_VOLUME: f64 = 1e-6;
/// Names of the columns that are compared, from the second on.
const NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Opens, extremes, last close and summed volume of the parts of a bar, and how many there are.
type Sum = ([f64; 5], i64);

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
    let mut compared: HashSet<i64> = HashSet::new();
    for (step, kind) in finer {
        let parts = load(catalog, SeriesId { kind, ..id.clone() }, &mut |_, _| {})?;
        let sums = sums(&parts, grid);
        let all = grid.millis() / step.millis();
        for (file, row) in loaded.rows() {
            let ts_ms = file.rows.ts_ms(row);
            let Some((sum, count)) = sums.get(&ts_ms) else { continue };
            if *count != all || !compared.insert(ts_ms) {
                continue;
            }
            if let Some(what) = values(file, row).and_then(|values| difference(values, *sum)) {
                let what = format!("{what} from {kind}");
                let fix = "nothing, if the exchange restated it; else download both again";
                found.push(file.finding(row, Severity::Notice, Rule::ResampleMismatch, what, fix));
            }
        }
    }
    Ok(())
}

/// The bars of a longer timeframe that parts add up to, by open time.
fn sums(parts: &Loaded, grid: Timeframe) -> HashMap<i64, Sum> {
    let mut sums: HashMap<i64, Sum> = HashMap::new();
    for (file, row) in parts.rows() {
        let ts = Timestamp::from_millis(file.rows.ts_ms(row));
        let Some([open, high, low, close, volume]) = values(file, row) else { continue };
        let (sum, count) =
            sums.entry(grid.open_of(ts).millis()).or_insert(([open, high, low, close, 0.0], 0));
        *sum = [sum[0], sum[1].max(high), sum[2].min(low), close, sum[4] + volume];
        *count += 1;
    }
    sums
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
    let theirs = load(other, loaded.id.clone(), &mut |_, _| {})?;
    let mut known: HashMap<i64, (&LoadedFile, usize)> = HashMap::new();
    known.extend(theirs.rows().map(|(file, row)| (file.rows.ts_ms(row), (file, row))));
    for (file, row) in loaded.rows() {
        let Some((their, at)) = known.get(&file.rows.ts_ms(row)) else { continue };
        let columns = loaded.id.kind.columns().iter().enumerate().skip(1);
        let differs = columns.filter_map(|(column, spec)| {
            let (ours, theirs) = (file.number(row, column)?, their.number(*at, column)?);
            (!is_same(ours, theirs, SAME_PRICE)).then(|| format!("{} {ours}, there {theirs}", spec.name))
        });
        let differs: Vec<String> = differs.collect();
        if !differs.is_empty() {
            let fix = "ask the exchange which is true, then import that one";
            found.push(file.finding(row, Severity::Notice, Rule::SourceMismatch, differs.join("; "), fix));
        }
    }
    Ok(())
}

fn values(file: &LoadedFile, row: usize) -> Option<[f64; 5]> {
    let price = |column| file.number(row, column);
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
