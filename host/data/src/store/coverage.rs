//! Which months of a series are complete.

use std::collections::BTreeMap;

use cryptobot_model::{Timeframe, Timestamp};
use serde::Serialize;

use super::index::FileEntry;
use super::kind::SeriesId;
use super::voids::Voids;

/// How much of a month is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthState {
    /// Every row; of kinds without a step: some rows.
    Complete,
    /// Every row but those that are known not to exist.
    CompleteButVoid,
    /// Some rows.
    Partial,
    /// None.
    Missing,
}

/// A month of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Month {
    /// `2024-01`.
    pub month: String,
    /// Rows that are stored.
    pub rows: u64,
    /// Rows that there would be; `None` = nothing says how many.
    pub expected: Option<u64>,
    /// What follows from the two.
    pub state: MonthState,
}

/// The months of a series, from its first to its last.
pub fn months_of(series: &SeriesId, files: &[FileEntry], voids: &Voids) -> Vec<Month> {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for (month, count) in files.iter().flat_map(|file| &file.months) {
        *rows.entry(month).or_default() += count;
    }
    let (Some(first), Some(last)) = (rows.keys().next(), rows.keys().next_back()) else {
        return Vec::new();
    };
    let (Some(mut at), Some(last)) = (parse(first), parse(last)) else { return Vec::new() };
    let mut months = Vec::new();
    while at <= last {
        let next = if at.1 == 12 { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
        let month = format!("{:04}-{:02}", at.0, at.1);
        let stored = rows.get(month.as_str()).copied().unwrap_or(0);
        let begin = |(year, month)| Timestamp::from_civil(year, month, 1);
        let period = (begin(at), begin(next));
        let expected = series.kind.grid().map(|grid| opens_in(grid, period));
        let void = voids.overlap_ms(period.0.millis(), period.1.millis());
        let state = state(series, stored, expected, void);
        months.push(Month { month, rows: stored, expected, state });
        at = next;
    }
    months
}

fn state(series: &SeriesId, rows: u64, expected: Option<u64>, void_ms: i64) -> MonthState {
    let step = series.kind.grid().map_or(1, Timeframe::millis);
    match expected {
        _ if rows == 0 && void_ms == 0 => MonthState::Missing,
        None => MonthState::Complete,
        Some(expected) if rows >= expected => MonthState::Complete,
        Some(expected) if rows + (void_ms / step) as u64 >= expected => MonthState::CompleteButVoid,
        Some(_) if rows == 0 => MonthState::Missing,
        Some(_) => MonthState::Partial,
    }
}

/// How many rows of a step lie in `[from, to)`.
fn opens_in(grid: Timeframe, (from, to): (Timestamp, Timestamp)) -> u64 {
    let before = |at: Timestamp| (grid.open_of(at.plus(-1)).millis()).div_euclid(grid.millis());
    (before(to) - before(from)).max(0) as u64
}

fn parse(month: &str) -> Option<(i32, u32)> {
    let (year, month) = month.split_once('-')?;
    Some((year.parse().ok()?, month.parse().ok()?))
}
