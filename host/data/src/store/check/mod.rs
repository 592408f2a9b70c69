//! `check`: what is wrong with stored rows, and what a person should look at.

mod compare;
mod notices;
mod walk;

use std::collections::BTreeMap;

use cryptobot_model::Timestamp;
use serde::Serialize;

use super::files::FileNotes;
use super::kind::{SeriesId, SeriesKind};
use super::merge::{compare as by_key, key_time};
use super::rows::{Cell, CellFault, Rows};
use super::voids::Voids;
use crate::catalog::Catalog;
use crate::error::DataError;
use walk::{Loaded, Place, Walk, load};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The data cannot be true or are not whole.
    Error,
    /// The data can be true; a person should look.
    Notice,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The file cannot be read, or has other columns.
    Unreadable,
    /// A row stands before an earlier one.
    Order,
    /// A row has the key of another.
    Duplicate,
    /// Rows are missing.
    Gap,
    /// High or low contradict the other prices.
    ImpossibleBar,
    /// A time is no multiple of the step.
    OffGrid,
    /// A value is not finite.
    NotFinite,
    /// A value that must be there is not.
    Empty,
    /// A volume or a count is negative.
    Negative,
    /// A price is zero, negative or too large.
    Price,
    /// A funding rate beyond a tenth.
    Rate,
    /// The file holds a time that its name does not say.
    WrongFile,
    /// A price that leaps and comes back at once.
    Outlier,
    /// The same price for many bars.
    StaleRun,
    /// Far more volume than usual.
    VolumeSpike,
    /// A row replaced another one with other values.
    Restated,
    /// A stored bar is another one than its parts add up to.
    ResampleMismatch,
    /// Two catalogs differ.
    SourceMismatch,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How serious it is.
    pub severity: Severity,
    /// What it is about.
    pub rule: Rule,
    /// The file, below the root of the catalog.
    pub path: String,
    /// Row in the file, the first is 0; `None` = it is not about one row.
    pub row: Option<u64>,
    /// Time of the row, ms since the epoch.
    pub ts_ms: Option<i64>,
    /// What is there.
    pub what: String,
    /// What can be done.
    pub fix: &'static str,
    /// The stretch `[from, to)` that is missing, ms; of gaps only.
    pub hole_ms: Option<(i64, i64)>,
}

/// What a check looks at.
#[derive(Clone, Debug, Default)]
pub struct CheckRequest {
    /// Only this venue.
    pub venue: Option<String>,
    /// Only this symbol.
    pub symbol: Option<String>,
    /// Only this kind; stored bars of other lengths are still compared with it.
    pub kind: Option<SeriesKind>,
    /// Another catalog to compare the same series with.
    pub against: Option<Catalog>,
}

impl CheckRequest {
    /// Whether a series is looked at.
    pub fn wants(&self, series: &SeriesId) -> bool {
        self.venue.as_ref().is_none_or(|venue| *venue == series.venue)
            && self.symbol.as_ref().is_none_or(|symbol| *symbol == series.symbol)
            && self.kind.is_none_or(|kind| kind == series.kind)
    }

    /// The series that are looked at, sorted. None at all is an error where some were asked for.
    pub fn series(&self, catalog: &Catalog) -> Result<Vec<SeriesId>, DataError> {
        let mut all = catalog.all_series()?;
        all.retain(|series| self.wants(series));
        let kind = self.kind.map(|kind| kind.to_string());
        let wanted: Vec<&str> =
            [&self.venue, &self.symbol, &kind].into_iter().flatten().map(String::as_str).collect();
        if all.is_empty() && !wanted.is_empty() {
            return Err(DataError::NoSeries { root: catalog.root().to_owned(), wanted: wanted.join(" ") });
        }
        Ok(all)
    }
}

/// Checks the series of a catalog, and hands over each file's findings, also where there are none. Findings of one series
/// follow the order of its rows.
pub fn check(
    catalog: &Catalog,
    request: &CheckRequest,
    mut report: impl FnMut(&str, Vec<Finding>),
) -> Result<(), DataError> {
    for series in request.series(catalog)? {
        let loaded = load(catalog, series, &mut |path, read| match read {
            Ok(notes) => report(path, restated(path, &notes)),
            Err(finding) => report(path, vec![finding]),
        })?;
        let mut found: BTreeMap<String, Vec<Finding>> =
            loaded.paths().map(|path| (path.to_owned(), Vec::new())).collect();
        let voids = Voids::read(catalog.root(), &loaded.id)?;
        let mut all = Vec::new();
        rows(&loaded, &mut all)?;
        gaps(catalog, &loaded, &voids, &mut all)?;
        if all.iter().all(|finding| finding.rule == Rule::Gap) {
            notices::find(&loaded, &mut all)?;
            compare::with_finer(catalog, &loaded, &mut all)?;
            if let Some(other) = &request.against {
                compare::with_other(other, &loaded, &mut all)?;
            }
        }
        for finding in all {
            found.entry(finding.path.clone()).or_default().push(finding);
        }
        for (path, findings) in found {
            report(&path, findings);
        }
    }
    Ok(())
}

/// The stretches `[from, to)`, ms, in which rows of a series are missing and are not known to be.
pub fn missing_rows(catalog: &Catalog, series: &SeriesId) -> Result<Vec<(i64, i64)>, DataError> {
    let loaded = load(catalog, series.clone(), &mut |_, _| {})?;
    let mut found = Vec::new();
    gaps(catalog, &loaded, &Voids::read(catalog.root(), series)?, &mut found)?;
    Ok(found.into_iter().filter_map(|finding| finding.hole_ms).collect())
}

fn restated(path: &str, notes: &FileNotes) -> Vec<Finding> {
    let finding = |&ts_ms: &i64| Finding {
        severity: Severity::Notice,
        rule: Rule::Restated,
        path: path.to_owned(),
        row: None,
        ts_ms: Some(ts_ms),
        what: "a later import or download replaced this row with other values".to_owned(),
        fix: "nothing, if the exchange restated it",
        hole_ms: None,
    };
    notes.restated_ms.iter().map(finding).collect()
}

/// What is wrong with single rows, with two that follow each other, and with a row in the wrong file.
fn rows(loaded: &Loaded, found: &mut Vec<Finding>) -> Result<(), DataError> {
    let kind = loaded.id.kind;
    let period = kind.file_period();
    // The latest row so far: by its number in the group, or kept from an earlier group.
    let mut before: Option<(Place, usize)> = None;
    let mut kept: Option<Rows> = None;
    let mut walk = loaded.walk();
    while walk.next()? {
        let (place, (rows, row)) = (walk.place(), walk.at());
        let mut error = |rule, what: String, fix| {
            found.push(loaded.finding(place, Severity::Error, rule, what, fix));
        };
        if let Some((fault, column)) = rows.fault(row) {
            error(rule_of(fault), described(rows, row, fault, column), FAULT_FIX);
        }
        let path = loaded.path(place);
        let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".parquet");
        if period.is_name(stem) && period.of(place.ts_ms) != stem {
            let what = format!("the row belongs in {}.parquet", period.of(place.ts_ms));
            error(Rule::WrongFile, what, "host data repair --compact");
        }
        let order = before.map(|(known, at)| {
            let other = kept.as_ref().map_or((rows, at), |kept| (kept, 0));
            (known, by_key(kind, other, (rows, row)))
        });
        let is_latest = match order {
            Some((known, std::cmp::Ordering::Equal)) => {
                let what = format!("same key as row {} of {}", known.row, loaded.path(known));
                error(Rule::Duplicate, what, "host data repair --compact");
                true
            }
            Some((known, std::cmp::Ordering::Greater)) => {
                let what = format!("earlier than row {} of {}", known.row, loaded.path(known));
                error(Rule::Order, what, "host data repair --compact");
                // What is compared with the next rows is the latest one, so that one stray row is one finding.
                false
            }
            _ => true,
        };
        if is_latest {
            (before, kept) = (Some((place, row)), None);
        }
        if let Some((_, at)) = before
            && walk.is_last_of_group()
            && kept.is_none()
        {
            kept = Some(rows.slice(at..at + 1));
        }
    }
    Ok(())
}

const FAULT_FIX: &str = "correct the row, or import or download the period again";

/// What is wrong with a row, with the value that is.
fn described(rows: &Rows, row: usize, fault: CellFault, column: &str) -> String {
    let value = rows.kind().columns().iter().position(|spec| spec.name == column);
    match value.map(|column| rows.cell(row, column)) {
        Some(Cell::Number(value)) => format!("`{column}` {} ({value})", fault.text()),
        Some(Cell::Integer(value)) => format!("`{column}` {} ({value})", fault.text()),
        _ => format!("`{column}` {}", fault.text()),
    }
}

const fn rule_of(fault: CellFault) -> Rule {
    match fault {
        CellFault::Null => Rule::Empty,
        CellFault::Time => Rule::OffGrid,
        CellFault::NotFinite => Rule::NotFinite,
        CellFault::Negative => Rule::Negative,
        CellFault::Price => Rule::Price,
        CellFault::Rate => Rule::Rate,
        CellFault::High | CellFault::Low => Rule::ImpossibleBar,
    }
}

const GAP_FIX: &str =
    "download the period, or `host data repair --void-gaps` where there is nothing to be had";

/// Rows that are missing between others and are not known to be.
fn gaps(
    catalog: &Catalog,
    loaded: &Loaded,
    voids: &Voids,
    found: &mut Vec<Finding>,
) -> Result<(), DataError> {
    let id = &loaded.id;
    let mut before: Option<(i64, i64)> = None;
    let mut first = None;
    let mut walk = loaded.walk();
    while walk.next()? {
        let (ts_ms, number) = (walk.ts_ms(), agg_id(&walk));
        first.get_or_insert(ts_ms);
        let mut lacks = |count: i64, from: i64, to: i64| {
            if count > 0 && !voids.cover(from, to) {
                let until = Timestamp::from_millis(to);
                let what = format!(
                    "{count} rows are missing before it, from {} to {until}",
                    Timestamp::from_millis(from)
                );
                let finding = loaded.finding(walk.place(), Severity::Error, Rule::Gap, what, GAP_FIX);
                found.push(Finding { hole_ms: Some((from, to)), ..finding });
            }
        };
        if let Some((last_ts, last_number)) = before {
            match id.kind.grid() {
                Some(grid) => {
                    let step = grid.millis();
                    lacks((ts_ms - last_ts) / step - 1, last_ts + step, ts_ms);
                }
                // Both trades may be of one millisecond.
                None => lacks(number - last_number - 1, last_ts, ts_ms + 1),
            }
        }
        before = Some(before.map_or((ts_ms, number), |(ts, last)| (ts.max(ts_ms), last.max(number))));
    }
    if id.kind == SeriesKind::Funding
        && found.is_empty()
        && let Some((first, (last, _))) = first.zip(before)
    {
        missing_rates(catalog, loaded, voids, (first, last), found)?;
    }
    Ok(())
}

/// Payments that are missing in the rhythm of those between the first and the last.
fn missing_rates(
    catalog: &Catalog,
    loaded: &Loaded,
    voids: &Voids,
    (first, last): (i64, i64),
    found: &mut Vec<Finding>,
) -> Result<(), DataError> {
    let id = &loaded.id;
    let time = |ts_ms: i64| key_time(id.kind, ts_ms) * 60_000;
    let period = (Timestamp::from_millis(time(first)), Timestamp::from_millis(time(last) + 1));
    let rates = catalog.funding(&id.venue, &id.symbol, None, period)?;
    let unknown = rates.missing.iter().filter(|run| !voids.cover(run.first.millis(), run.last.millis() + 1));
    let mut walk = loaded.walk();
    let mut there = walk.next()?;
    for run in unknown {
        while there && walk.ts_ms() <= run.last.millis() {
            there = walk.next()?;
        }
        if there {
            let what = format!("{} rates are missing, from {} to {}", run.count, run.first, run.last);
            let finding = loaded.finding(walk.place(), Severity::Error, Rule::Gap, what, GAP_FIX);
            found.push(Finding { hole_ms: Some((run.first.millis(), run.last.millis() + 1)), ..finding });
        }
    }
    Ok(())
}

/// The number of an aggregated trade: exchanges count them without holes. Zero for other kinds.
fn agg_id(walk: &Walk<'_>) -> i64 {
    let (rows, row) = walk.at();
    match (rows.kind(), rows.cell(row, 1)) {
        (SeriesKind::AggTrades, Cell::Integer(number)) => number,
        _ => 0,
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "notice" };
        write!(f, "{severity} {}", self.path)?;
        if let Some(row) = self.row {
            write!(f, " row {row}")?;
        }
        if let Some(ts_ms) = self.ts_ms {
            write!(f, " at {}", Timestamp::from_millis(ts_ms))?;
        }
        write!(f, ": {}; fix: {}", self.what, self.fix)
    }
}
