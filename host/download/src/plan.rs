//! What is to be fetched: which times of a period the catalog lacks.

use std::ops::Range;

use cryptobot_data::Catalog;
use cryptobot_data::store::{SeriesId, SeriesKind, Voids};
use cryptobot_model::{Timeframe, Timestamp};
use serde::Serialize;

use crate::error::DownloadError;
use crate::venue::{Ask, Endpoint, Keeps, Paging, Row, Venue};

const HOUR_MS: i64 = 3_600_000;
/// The longest usual time between two funding payments, and a minute: exchanges stamp them late.
const FUNDING_STEP_MS: i64 = 8 * HOUR_MS + 60_000;
/// Rows of trades per hour that an estimate assumes.
const TRADES_PER_HOUR: u64 = 20_000;

/// A series and what is to be fetched of it.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) series: SeriesId,
    /// What requests call the symbol.
    pub(crate) id: String,
    pub(crate) endpoint: &'static Endpoint,
    /// The exchange's word for the length of a bar.
    pub(crate) interval: &'static str,
    /// What the catalog lacks, ms, in order.
    pub(crate) lacking: Vec<Lacking>,
    /// The period that the series was asked for, as far as the exchange goes back, ms.
    pub(crate) period: Range<i64>,
    /// The beginning that was asked for where the exchange does not go back so far.
    pub(crate) cut: Option<i64>,
}

/// Times that the catalog lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) times: Range<i64>,
    /// The number that the exchange goes on with.
    pub(crate) cursor: Option<i64>,
}

/// What a download is going to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The venue.
    pub venue: String,
    /// The period that was asked for.
    pub from: String,
    /// Its end, exclusive.
    pub to: String,
    /// What is asked of each series.
    pub series: Vec<SeriesEstimate>,
    /// Requests, those for the exchange's clock and instruments included.
    pub requests: u64,
    /// Their weight by pool.
    pub weights: Vec<PoolEstimate>,
    /// How long it takes at least, s.
    pub seconds: u64,
}

/// What is asked of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesEstimate {
    /// The symbol.
    pub symbol: String,
    /// The kind.
    pub kind: String,
    /// Rows that the catalog lacks; `None` = nobody can know.
    pub rows: Option<u64>,
    /// Requests; a guess where the rows are not known.
    pub requests: u64,
    /// Where the exchange's memory begins, where that is later than was asked for.
    pub begins: Option<String>,
}

/// What is asked of a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolEstimate {
    /// What it counts.
    pub pool: &'static str,
    /// The weight of all requests.
    pub weight: u64,
    /// What a download takes of it at most.
    pub share: u32,
    /// In this time, s.
    pub window_s: u64,
}

impl Job {
    /// Finds out what the catalog lacks of a series in `[from, to)`, of which nothing after `now` is asked.
    pub(crate) fn plan(
        catalog: &Catalog,
        venue: &'static Venue,
        (symbol, kind): (&str, &str),
        (from, to, now): (Timestamp, Timestamp, Timestamp),
    ) -> Result<Self, DownloadError> {
        let (kind, endpoint, interval) = venue.endpoint(kind)?;
        let series = SeriesId::new(venue.name, symbol, kind)?;
        let (asked, now_ms) = (from.millis(), now.millis());
        let kept = match (endpoint.keeps, kind.grid()) {
            (Keeps::Millis(ms), _) => now_ms - ms,
            (Keeps::Rows(rows), Some(grid)) => now_ms - rows * grid.millis(),
            _ => asked,
        };
        let from = up_to_grid(kind.grid(), asked.max(kept));
        // The bar that is open now is none yet.
        let to = match kind.grid() {
            Some(grid) => to.millis().min(grid.open_of(now).millis()),
            None => to.millis().min(now_ms),
        };
        let period = from..to.max(from);
        let mut lacking = lacking(catalog, &series, endpoint.paging, &period)?;
        if let (Paging::Back { .. }, Some(first), Some(last)) =
            (endpoint.paging, lacking.first(), lacking.last())
        {
            // One way back from now, not one for each hole.
            let times = first.times.start..last.times.end;
            lacking = vec![Lacking { times, cursor: None }];
        }
        let cut = (kept > asked).then_some(asked);
        Ok(Self { series, id: symbol.to_owned(), endpoint, interval, lacking, period, cut })
    }

    /// Rows that are lacking; `None` = nobody can know.
    pub(crate) fn rows(&self) -> Option<u64> {
        let step = match (self.endpoint.paging, self.series.kind) {
            (Paging::Snapshot, _) => return Some(2 * u64::from(self.endpoint.limit)),
            (_, SeriesKind::Funding) => 8 * HOUR_MS,
            (_, kind) => kind.grid()?.millis(),
        };
        Some(self.lacking.iter().map(|part| rows_in(&part.times, step)).sum())
    }

    /// Requests that it takes, at most where rows are known.
    pub(crate) fn requests(&self) -> u64 {
        self.lacking.iter().map(|part| self.requests_for(&part.times)).sum()
    }

    /// Requests for a part of the period.
    pub(crate) fn requests_for(&self, times: &Range<i64>) -> u64 {
        let limit = u64::from(self.endpoint.limit);
        let pages = match (self.endpoint.paging, self.series.kind) {
            (Paging::Snapshot, _) => 1,
            (Paging::Back { trades: true }, _) => (rows_in(times, HOUR_MS) * TRADES_PER_HOUR).div_ceil(limit),
            (Paging::Back { trades: false }, _) => rows_in(times, HOUR_MS).div_ceil(limit),
            (_, SeriesKind::Funding) => rows_in(times, 8 * HOUR_MS).div_ceil(limit),
            (_, kind) => match kind.grid() {
                Some(grid) => rows_in(times, grid.millis()).div_ceil(limit),
                None => (rows_in(times, HOUR_MS) * TRADES_PER_HOUR).div_ceil(limit),
            },
        };
        pages * self.endpoint.parts as u64
    }

    /// The page that begins at a time.
    pub(crate) fn ask(&self, from_ms: i64, end_ms: i64, cursor: Option<i64>) -> Ask<'_> {
        let window = match (self.endpoint.paging, self.series.kind.grid()) {
            (Paging::Window, Some(grid)) => i64::from(self.endpoint.limit) * grid.millis(),
            (Paging::ById { window_ms, .. } | Paging::Narrow { window_ms }, _) => window_ms,
            _ => i64::MAX,
        };
        let to_ms = end_ms.min(from_ms.saturating_add(window));
        let (symbol, interval) = (self.id.as_str(), self.interval);
        Ask { symbol, interval, from_ms, to_ms, limit: self.endpoint.limit, cursor, after: None, part: 0 }
    }

    /// Where a page begins that follows the rows up to one.
    pub(crate) fn after(&self, row: &Row) -> i64 {
        crate::pages::time_of(row) + self.series.kind.grid().map_or(1, Timeframe::millis)
    }
}

/// What a series lacks of a period.
fn lacking(
    catalog: &Catalog,
    series: &SeriesId,
    paging: Paging,
    period: &Range<i64>,
) -> Result<Vec<Lacking>, DownloadError> {
    if period.is_empty() {
        return Ok(Vec::new());
    }
    let part = |times: Range<i64>| Lacking { times, cursor: None };
    if let Some(grid) = series.kind.grid() {
        let times = catalog.stored_times(series, period.start, period.end)?;
        let voids = Voids::read(catalog.root(), series)?;
        let holes = holes(&times, grid.millis(), period).into_iter();
        return Ok(holes.filter(|hole| !voids.cover(hole.start, hole.end)).map(part).collect());
    }
    if series.kind == SeriesKind::Funding {
        let times = catalog.stored_times(series, period.start, period.end)?;
        return Ok(funding_holes(&times, period).into_iter().map(part).collect());
    }
    let column = match paging {
        Paging::Snapshot => return Ok(vec![part(period.clone())]),
        Paging::ById { column, .. } => column,
        _ => "agg_id",
    };
    let Some(((first, _), (last, id))) = catalog.stored_ends(series, column, (period.start, period.end))?
    else {
        return Ok(vec![part(period.clone())]);
    };
    let cursor = matches!(paging, Paging::ById { .. }).then_some(id + 1);
    let before = part(period.start..first);
    // Trades of the same millisecond may follow the last one.
    let after = Lacking { times: last..period.end, cursor };
    Ok([before, after].into_iter().filter(|part| !part.times.is_empty()).collect())
}

/// The times of a period on a grid that are not among `times`, which are sorted.
pub(crate) fn holes(times: &[i64], step: i64, period: &Range<i64>) -> Vec<Range<i64>> {
    let mut holes = Vec::new();
    let mut next = period.start;
    for &time in times {
        if time > next {
            holes.push(next..time);
        }
        next = next.max(time + step);
    }
    if next < period.end {
        holes.push(next..period.end);
    }
    holes
}

/// Where payments may lack. Between two stored ones the longest usual step tells; at the ends, the shortest.
fn funding_holes(times: &[i64], period: &Range<i64>) -> Vec<Range<i64>> {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return vec![period.clone()];
    };
    let mut holes = Vec::new();
    if first - period.start >= HOUR_MS {
        holes.push(period.start..first);
    }
    let wide = times.windows(2).filter(|pair| pair[1] - pair[0] > FUNDING_STEP_MS);
    holes.extend(wide.map(|pair| pair[0] + 1..pair[1]));
    if period.end - last > HOUR_MS {
        holes.push(last + 1..period.end);
    }
    holes
}

fn rows_in(times: &Range<i64>, step: i64) -> u64 {
    u64::try_from(times.end - times.start).unwrap_or(0).div_ceil(step.max(1) as u64)
}

/// The first time at or after one that is on the grid.
fn up_to_grid(grid: Option<Timeframe>, time_ms: i64) -> i64 {
    let Some(grid) = grid else { return time_ms };
    let open = grid.open_of(Timestamp::from_millis(time_ms)).millis();
    if open < time_ms { open + grid.millis() } else { open }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holes_are_before_between_and_after() {
        assert_eq!(holes(&[], 10, &(0..30)).first(), Some(&(0..30)));
        assert_eq!(holes(&[10, 40], 10, &(0..60)), [0..10, 20..40, 50..60]);
        assert!(holes(&[0, 10, 20], 10, &(0..30)).is_empty());
    }

    #[test]
    fn funding_every_four_hours_has_no_holes() {
        let times: Vec<i64> = (0..6).map(|number| number * 4 * HOUR_MS + 5).collect();
        assert!(funding_holes(&times, &(0..20 * HOUR_MS + 1_000)).is_empty());
        let wide = [0, 16 * HOUR_MS + 3];
        assert_eq!(funding_holes(&wide, &(0..17 * HOUR_MS)).first(), Some(&(1..16 * HOUR_MS + 3)));
    }

    proptest! {
        #[test]
        fn holes_and_times_make_the_period(present in prop::collection::vec(any::<bool>(), 0..60)) {
            let period = 0..present.len() as i64 * 5;
            let times: Vec<i64> = (0..).zip(&present).filter(|(_, there)| **there).map(|(n, _)| n * 5).collect();
            let mut all: Vec<i64> =
                holes(&times, 5, &period).into_iter().flat_map(|hole| hole.step_by(5)).chain(times).collect();
            all.sort_unstable();
            prop_assert_eq!(all, period.step_by(5).collect::<Vec<_>>());
        }
    }
}
