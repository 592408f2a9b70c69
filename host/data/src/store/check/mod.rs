//! `check`: what is wrong with stored rows, and what a person should look at.

mod compare;
mod notices;

use std::collections::BTreeMap;

use cryptobot_model::Timestamp;
use serde::Serialize;

use super::files::{FileNotes, parquet_files};
use super::groups::read_rows;
use super::kind::{SeriesId, SeriesKind};
use super::merge::{compare as by_key, key_time};
use super::rows::{Cell, CellFault, Rows};
use super::voids::Voids;
use crate::catalog::Catalog;
use crate::error::DataError;

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

/// A series with its files' rows, for what looks at all of it.
pub(super) struct Loaded {
    id: SeriesId,
    files: Vec<LoadedFile>,
}

pub(super) struct LoadedFile {
    path: String,
    rows: Rows,
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
        let loaded = load(catalog, series, &mut report)?;
        let mut found: BTreeMap<String, Vec<Finding>> =
            loaded.files.iter().map(|file| (file.path.clone(), Vec::new())).collect();
        let voids = Voids::read(catalog.root(), &loaded.id)?;
        let mut all = Vec::new();
        rows(&loaded, &mut all);
        gaps(catalog, &loaded, &voids, &mut all)?;
        if all.iter().all(|finding| finding.rule == Rule::Gap) {
            notices::find(&loaded, &mut all);
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

/// Reads all files of a series; those that cannot be read are findings.
fn load(
    catalog: &Catalog,
    id: SeriesId,
    report: &mut impl FnMut(&str, Vec<Finding>),
) -> Result<Loaded, DataError> {
    let folder = catalog.root().join(id.folder());
    let mut files = Vec::new();
    for file in parquet_files(&folder)? {
        let path = format!("{}/{file}", id.folder());
        match read_rows(&folder.join(&file), &path, id.kind) {
            Ok((rows, notes)) => {
                report(&path, restated(&path, &notes));
                files.push(LoadedFile { path, rows });
            }
            Err(error) => {
                let what = error.to_string();
                let finding = Finding {
                    severity: Severity::Error,
                    rule: Rule::Unreadable,
                    path: path.clone(),
                    row: None,
                    ts_ms: None,
                    what,
                    fix: "import or download it again",
                    hole_ms: None,
                };
                report(&path, vec![finding]);
            }
        }
    }
    Ok(Loaded { id, files })
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

impl Loaded {
    /// All rows in the order of the files: file, row in it.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&LoadedFile, usize)> {
        self.files.iter().flat_map(|file| (0..file.rows.len()).map(move |row| (file, row)))
    }
}

impl LoadedFile {
    pub(super) fn finding(
        &self,
        row: usize,
        severity: Severity,
        rule: Rule,
        what: String,
        fix: &'static str,
    ) -> Finding {
        let (path, ts_ms) = (self.path.clone(), Some(self.rows.ts_ms(row)));
        Finding { severity, rule, path, row: Some(row as u64), ts_ms, what, fix, hole_ms: None }
    }

    pub(super) fn number(&self, row: usize, column: usize) -> Option<f64> {
        match self.rows.cell(row, column) {
            Cell::Number(value) => Some(value),
            _ => None,
        }
    }
}

/// What is wrong with single rows, with two that follow each other, and with a row in the wrong file.
fn rows(loaded: &Loaded, found: &mut Vec<Finding>) {
    let kind = loaded.id.kind;
    let period = kind.file_period();
    let mut before: Option<(&LoadedFile, usize)> = None;
    for (file, row) in loaded.rows() {
        let mut error = |rule, what: String, fix| {
            found.push(file.finding(row, Severity::Error, rule, what, fix));
        };
        if let Some((fault, column)) = file.rows.fault(row) {
            let value = kind.columns().iter().position(|spec| spec.name == column);
            let value = value.map(|column| file.rows.cell(row, column));
            let what = match value {
                Some(Cell::Number(value)) => format!("`{column}` {} ({value})", fault.text()),
                Some(Cell::Integer(value)) => format!("`{column}` {} ({value})", fault.text()),
                _ => format!("`{column}` {}", fault.text()),
            };
            error(rule_of(fault), what, "correct the row, or import or download the period again");
        }
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".parquet");
        if period.is_name(stem) && period.of(file.rows.ts_ms(row)) != stem {
            let what = format!("the row belongs in {}.parquet", period.of(file.rows.ts_ms(row)));
            error(Rule::WrongFile, what, "host data repair --compact");
        }
        if let Some((known, at)) = before {
            match by_key(kind, (&known.rows, at), (&file.rows, row)) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    let what = format!("same key as row {at} of {}", known.path);
                    error(Rule::Duplicate, what, "host data repair --compact");
                }
                std::cmp::Ordering::Greater => {
                    let what = format!("earlier than row {at} of {}", known.path);
                    error(Rule::Order, what, "host data repair --compact");
                    // What is compared with the next rows is the latest one, so that one stray row is one finding.
                    continue;
                }
            }
        }
        before = Some((file, row));
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
    for (file, row) in loaded.rows() {
        let (ts_ms, number) = (file.rows.ts_ms(row), agg_id(file, row));
        let mut lacks = |count: i64, from: i64, to: i64| {
            if count > 0 && !voids.cover(from, to) {
                let until = Timestamp::from_millis(to);
                let what = format!(
                    "{count} rows are missing before it, from {} to {until}",
                    Timestamp::from_millis(from)
                );
                let finding = file.finding(row, Severity::Error, Rule::Gap, what, GAP_FIX);
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
        && let (Some(first), Some(last)) = (loaded.rows().next(), loaded.rows().last())
    {
        let time = |(file, row): (&LoadedFile, usize)| key_time(id.kind, file.rows.ts_ms(row)) * 60_000;
        let period = (Timestamp::from_millis(time(first)), Timestamp::from_millis(time(last) + 1));
        let rates = catalog.funding(&id.venue, &id.symbol, None, period)?;
        for run in rates.missing.iter().filter(|run| !voids.cover(run.first.millis(), run.last.millis() + 1))
        {
            let after = loaded.rows().find(|(file, row)| file.rows.ts_ms(*row) > run.last.millis());
            if let Some((file, row)) = after {
                let what = format!("{} rates are missing, from {} to {}", run.count, run.first, run.last);
                let finding = file.finding(row, Severity::Error, Rule::Gap, what, GAP_FIX);
                found.push(Finding { hole_ms: Some((run.first.millis(), run.last.millis() + 1)), ..finding });
            }
        }
    }
    Ok(())
}

/// The number of an aggregated trade: exchanges count them without holes. Zero for other kinds.
fn agg_id(file: &LoadedFile, row: usize) -> i64 {
    match (file.rows.kind(), file.rows.cell(row, 1)) {
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
