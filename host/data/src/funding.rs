//! Stored funding rates: read, checked, and what a period lacks of them.
//!
//! Nothing in the files says how often funding is paid. It is every 8 hours for most perpetuals, every 4 hours or every
//! hour for some, and it changes. The interval is therefore read from the stamps themselves ([`Stamps::missing`]).

use std::fmt;

use cryptobot_model::decimal::LARGEST;
use cryptobot_model::{FundingRate, Price, Rate, Timestamp};

use crate::audit::LATEST_MS;
use crate::error::{DataError, FaultyRow, RowFault, RowFaults, SHOWN};
use crate::file::{StoredFile, TouchedFile};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The longest time between two payments; what is longer is a hole.
const LONGEST_INTERVAL_MS: i64 = 8 * HOUR_MS;
/// Stamps this far beyond the period help to tell its intervals.
const NEIGHBOURS_MS: i64 = 3 * DAY_MS;
/// A rate above this share of the position is a mistake of units.
pub(crate) const LARGEST_RATE: f64 = 0.1;

/// The funding rates of one symbol in a period.
#[derive(Clone, Debug)]
pub struct FundingRates {
    /// The rates in order of time, their times floored to the minute.
    pub rates: Vec<FundingRate>,
    /// What is missing, in order of time.
    pub missing: Vec<MissingRates>,
    /// First and last time of everything that is stored; `None` = nothing is.
    pub stored: Option<(Timestamp, Timestamp)>,
    /// The files whose rates are used, for the identity of a run.
    pub touched: Vec<TouchedFile>,
}

/// Consecutive funding times without a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRates {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
}

/// What one symbol lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolFunding {
    /// The symbol.
    pub symbol: String,
    /// First and last time of everything that is stored; `None` = nothing is.
    pub stored: Option<(Timestamp, Timestamp)>,
    /// The missing times where anything is stored.
    pub missing: Vec<MissingRates>,
}

/// What the symbols of a venue lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFunding {
    /// The venue.
    pub venue: String,
    /// The period of the run.
    pub period: (Timestamp, Timestamp),
    /// Every symbol that lacks something.
    pub symbols: Vec<SymbolFunding>,
}

/// One file of rates, with what its rows must not overlap.
struct Part {
    file: StoredFile,
    bounds: (i64, i64),
}

impl FundingRates {
    /// Reads the rates in `[from, to)`. Of the files, only those near the period are decoded.
    pub(crate) fn read(
        files: Vec<StoredFile>,
        hours: Option<u32>,
        period: (Timestamp, Timestamp),
    ) -> Result<Self, DataError> {
        let parts = in_order(files)?;
        let stored = parts.first().zip(parts.last()).map(|(first, last)| (first.bounds.0, last.bounds.1));
        let (from, to) = (period.0.millis(), period.1.millis());
        let near = |part: &Part| part.bounds.1 >= from - NEIGHBOURS_MS && part.bounds.0 < to + NEIGHBOURS_MS;
        // With none near the period, all of it is missing; any other stamps tell the interval.
        let any_near = parts.iter().any(near);
        let mut all = Vec::new();
        let mut touched = Vec::new();
        for Part { file, .. } in parts.iter().filter(|part| near(part) || !any_near) {
            let rates = rates(file)?;
            if rates.iter().any(|rate| rate.ts >= period.0 && rate.ts < period.1) {
                touched.push(file.touched.clone());
            }
            all.extend(rates);
        }
        let stamps = Stamps(all.iter().map(|rate| rate.ts.millis()).collect());
        let missing = stamps.missing(hours.map(|hours| i64::from(hours) * HOUR_MS), from, to);
        all.retain(|rate| rate.ts >= period.0 && rate.ts < period.1);
        let at = |ms| floored(Timestamp::from_millis(ms));
        let stored = stored.map(|(first, last)| (at(first), at(last)));
        Ok(Self { rates: all, missing, stored, touched })
    }
}

/// Files in order of time; two that hold the same time are refused.
fn in_order(files: Vec<StoredFile>) -> Result<Vec<Part>, DataError> {
    let mut parts = Vec::with_capacity(files.len());
    for file in files {
        let mut bounds: Option<(i64, i64)> = None;
        for (group, of) in file.groups.iter().enumerate() {
            let found = if of.bounds.is_some() { of.bounds } else { file.bounds(group)? };
            if let Some((first, last)) = found {
                bounds = Some(bounds.map_or((first, last), |(low, high)| (low.min(first), high.max(last))));
            }
        }
        match bounds {
            Some(bounds) => parts.push(Part { file, bounds }),
            // Without a time there is no row, or one without a time, which reading refuses.
            None => rates(&file).map(drop)?,
        }
    }
    parts.sort_by(|a, b| a.bounds.cmp(&b.bounds).then_with(|| a.file.name().cmp(b.file.name())));
    for pair in parts.windows(2) {
        let begins = floored(Timestamp::from_millis(pair[1].bounds.0));
        if begins <= floored(Timestamp::from_millis(pair[0].bounds.1)) {
            let (first, second) = (pair[0].file.name().to_owned(), pair[1].file.name().to_owned());
            return Err(DataError::Overlap { first, second, begins });
        }
    }
    Ok(parts)
}

/// All rates of a file; refused with the offending rows where one cannot be true.
fn rates(file: &StoredFile) -> Result<Vec<FundingRate>, DataError> {
    let mark = file.numbers_if_any("mark_price")?;
    let columns: Vec<usize> = [file.numbers("rate")?].into_iter().chain(mark).collect();
    let mut rates: Vec<FundingRate> = Vec::new();
    let mut faults = RowFaults { file: file.name().to_owned(), rows: Vec::new(), total: 0 };
    let mut before = None;
    let mut row = 0;
    for group in 0..file.groups.len() {
        let cells = file.cells(group, &columns)?;
        for (index, ts_ms) in cells.times.into_iter().enumerate() {
            let cell = |column: usize| {
                cells.columns.get(column).and_then(|cells| cells.get(index)).copied().flatten()
            };
            let (rate, mark) = (cell(0), cell(1));
            match checked(before, ts_ms, rate, mark) {
                Ok(rate) => rates.push(rate),
                Err(fault) => {
                    faults.total += 1;
                    if faults.rows.len() < SHOWN {
                        let values = vec![("rate", rate), ("mark_price", mark)];
                        faults.rows.push(FaultyRow { row, fault, ts_ms, values });
                    }
                }
            }
            before = ts_ms.or(before);
            row += 1;
        }
    }
    if faults.total > 0 { Err(DataError::Rows(Box::new(faults))) } else { Ok(rates) }
}

/// One row, or what is wrong with it. `before` is the time of the row before.
fn checked(
    before: Option<i64>,
    ts_ms: Option<i64>,
    rate: Option<f64>,
    mark: Option<f64>,
) -> Result<FundingRate, RowFault> {
    let (Some(ts_ms), Some(rate)) = (ts_ms, rate) else { return Err(RowFault::Null) };
    if !(-LATEST_MS..=LATEST_MS).contains(&ts_ms) {
        return Err(RowFault::Time);
    }
    let minute = ts_ms.div_euclid(MINUTE_MS);
    match before.map(|before| before.div_euclid(MINUTE_MS)) {
        Some(before) if before == minute => return Err(RowFault::Duplicate),
        Some(before) if before > minute => return Err(RowFault::Unsorted),
        _ => {}
    }
    let rate = Some(rate).filter(|rate| rate.abs() <= LARGEST_RATE).and_then(Rate::from_f64);
    let price = |mark: f64| {
        let price = Some(mark).filter(|mark| *mark > 0.0 && *mark <= LARGEST).and_then(Price::from_f64);
        price.ok_or(RowFault::Price)
    };
    Ok(FundingRate {
        ts: Timestamp::from_millis(minute * MINUTE_MS),
        rate: rate.ok_or(RowFault::Rate)?,
        mark: mark.map(price).transpose()?,
    })
}

/// Exchanges stamp funding some milliseconds late.
fn floored(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis().div_euclid(MINUTE_MS) * MINUTE_MS)
}

/// Funding times in ms, strictly rising.
struct Stamps(Vec<i64>);

/// A stretch of stamps with one interval, from one stamp to another.
#[derive(Clone, Copy, Debug)]
struct Steady {
    from: i64,
    to: i64,
    interval: i64,
}

impl Stamps {
    /// The times in `[from, to)` at which a rate is missing.
    ///
    /// With a `stated` interval no step may be longer. Otherwise an interval counts as such if it is at most 8 hours long and holds for a day: a single longer step is a hole, and
    /// an exchange that changes from 8 hours to 4 or to 1 is believed. A step that belongs to no such stretch must not
    /// be longer than the intervals before and after it. Before the first stamp and after the last one, the interval
    /// next to it holds on.
    fn missing(&self, stated: Option<i64>, from: i64, to: i64) -> Vec<MissingRates> {
        let (Some(&first), Some(&last)) = (self.0.first(), self.0.last()) else {
            return Vec::new();
        };
        let steady = if stated.is_some() { Vec::new() } else { self.steady() };
        let shortest = self.0.windows(2).map(|pair| pair[1] - pair[0]).min();
        let usual =
            stated.or(shortest.filter(|step| *step <= LONGEST_INTERVAL_MS)).unwrap_or(LONGEST_INTERVAL_MS);
        let before = |at: i64| steady.iter().rev().find(|stretch| stretch.to <= at).map(|of| of.interval);
        let after = |at: i64| steady.iter().find(|stretch| stretch.from >= at).map(|of| of.interval);
        let mut runs = Vec::new();
        let mut lacks = |interval: i64, low: i64, high: i64| {
            runs.extend(run(interval, low.max(align(from, low, interval)), high.min(to)));
        };
        let interval = after(first).unwrap_or(usual);
        lacks(interval, align(from, first, interval), first);
        for pair in self.0.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            if high <= from || low >= to || steady.iter().any(|of| of.from <= low && high <= of.to) {
                continue;
            }
            let interval = before(low).max(after(high)).unwrap_or(usual);
            lacks(interval, low + interval, high);
        }
        let interval = before(last).unwrap_or(usual);
        lacks(interval, last + interval, to);
        runs
    }

    /// The stretches whose interval can be believed, in order.
    fn steady(&self) -> Vec<Steady> {
        let mut stretches: Vec<Steady> = Vec::new();
        for pair in self.0.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            match stretches.last_mut() {
                Some(stretch) if stretch.interval == to - from => stretch.to = to,
                _ => stretches.push(Steady { from, to, interval: to - from }),
            }
        }
        stretches.retain(|of| of.interval <= LONGEST_INTERVAL_MS && of.to - of.from >= DAY_MS);
        stretches
    }
}

/// The first time at or after `at` that is a whole number of intervals away from `stamp`.
fn align(at: i64, stamp: i64, interval: i64) -> i64 {
    at + (stamp - at).rem_euclid(interval)
}

/// The times from `first` on, an interval apart, before `end`.
fn run(interval: i64, first: i64, end: i64) -> Option<MissingRates> {
    let count = (end - first + interval - 1).div_euclid(interval);
    (count > 0).then(|| MissingRates {
        first: Timestamp::from_millis(first),
        last: Timestamp::from_millis(first + (count - 1) * interval),
        count: count as u64,
    })
}

impl fmt::Display for SymbolFunding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, last)) = self.stored else {
            return write!(f, "{} has none", self.symbol);
        };
        let count: u64 = self.missing.iter().map(|run| run.count).sum();
        write!(f, "{} has {first} to {last} and lacks {count}:", self.symbol)?;
        for run in self.missing.iter().take(SHOWN) {
            match run.count {
                1 => write!(f, " {}", run.first)?,
                count => write!(f, " {} to {} ({count})", run.first, run.last)?,
            }
        }
        f.write_str(if self.missing.len() > SHOWN { " ..." } else { "" })
    }
}

impl fmt::Display for MissingFunding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { venue, period: (from, to), symbols } = self;
        write!(f, "{venue}: funding rates are missing from {from} to {to}: ")?;
        for (index, symbol) in symbols.iter().enumerate() {
            write!(f, "{}{symbol}", if index == 0 { "" } else { "; " })?;
        }
        write!(
            f,
            "; fix: store them as {venue}/SYMBOL/funding/YEAR.parquet, choose a period that has them with --from and --to, or \
             decide in a run file (--config): `venues: {{{venue}: {{funding: none}}}}` pays nothing, \
             `{{funding: assume:0.0001}}` pays that rate at every interval"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_704_067_200_000;

    /// Stamps at whole hours after 2024-01-01.
    fn hours(hours: impl IntoIterator<Item = i64>) -> Stamps {
        Stamps(hours.into_iter().map(|hour| START + hour * HOUR_MS).collect())
    }

    /// What the hours `[from, to)` lack, as (first, last, count).
    fn lacks(stamps: &Stamps, from: i64, to: i64) -> Vec<(i64, i64, u64)> {
        let hour = |at: Timestamp| (at.millis() - START) / HOUR_MS;
        let runs = stamps.missing(None, START + from * HOUR_MS, START + to * HOUR_MS);
        runs.into_iter().map(|run| (hour(run.first), hour(run.last), run.count)).collect()
    }

    fn every(interval: i64, from: i64, to: i64) -> impl Iterator<Item = i64> + Clone {
        (from..to).step_by(interval as usize)
    }

    #[test]
    fn a_hole_is_found_whatever_the_interval() {
        for interval in [1, 2, 4, 8] {
            let whole = every(interval, 0, 240);
            assert_eq!(lacks(&hours(whole.clone()), 0, 240), [], "{interval}");
            let lost = 10 * interval..13 * interval;
            let holed = hours(whole.clone().filter(|hour| !lost.contains(hour)));
            let expected = (10 * interval, 12 * interval, 3);
            assert_eq!(lacks(&holed, 0, 240), [expected], "{interval}");
            assert_eq!(lacks(&holed, 0, 10 * interval), [], "{interval}: the hole is after the period");
            let inside = (11 * interval, 11 * interval, 1);
            assert_eq!(lacks(&holed, 11 * interval, 12 * interval), [inside], "{interval}");
            // Every second one lost for less than a day, and a single one lost.
            let one = hours(whole.filter(|hour| *hour != 5 * interval));
            assert_eq!(lacks(&one, 0, 240), [(5 * interval, 5 * interval, 1)], "{interval}");
        }
    }

    #[test]
    fn the_edges_of_the_period_count_and_its_end_does_not() {
        let stamps = hours(every(8, 48, 96));
        assert_eq!(lacks(&stamps, 48, 96), []);
        assert_eq!(lacks(&stamps, 41, 96), []);
        assert_eq!(lacks(&stamps, 40, 97), [(40, 40, 1), (96, 96, 1)]);
        assert_eq!(lacks(&stamps, 0, 120), [(0, 40, 6), (96, 112, 3)]);
        assert_eq!(lacks(&stamps, 100, 120), [(104, 112, 2)], "all after the last");
        assert_eq!(lacks(&stamps, 0, 17), [(0, 16, 3)], "all before the first");
    }

    #[test]
    fn a_change_of_interval_that_lasts_is_believed() {
        for (one, two) in [(8, 4), (8, 1), (4, 1), (4, 8), (1, 8), (1, 4)] {
            let stamps = hours(every(one, 0, 96).chain(every(two, 96, 200)));
            assert_eq!(lacks(&stamps, 0, 200), [], "{one} to {two}");
        }
        // For less than a day a longer step is a hole, a shorter one nothing missing.
        let lost = hours(every(4, 0, 96).filter(|hour| ![36, 44].contains(hour)));
        assert_eq!(lacks(&lost, 0, 96), [(36, 36, 1), (44, 44, 1)]);
        let more = hours(every(8, 0, 40).chain(every(4, 40, 56)).chain(every(8, 56, 120)));
        assert_eq!(lacks(&more, 0, 120), []);
    }

    #[test]
    fn few_stamps_are_enough_to_say_what_is_missing() {
        assert_eq!(lacks(&hours([8]), 0, 24), [(0, 0, 1), (16, 16, 1)]);
        assert_eq!(lacks(&hours([0, 16]), 0, 24), [(8, 8, 1)]);
        assert_eq!(lacks(&hours([]), 0, 24), []);
    }

    #[test]
    fn a_stated_interval_is_not_guessed() {
        let daily = hours(every(24, 0, 240).filter(|hour| *hour != 72));
        let stated = |hours: i64| {
            let runs = daily.missing(Some(hours * HOUR_MS), START, START + 240 * HOUR_MS);
            runs.iter().map(|run| run.count).collect::<Vec<_>>()
        };
        assert_eq!(stated(24), [1]);
        assert_eq!(stated(8), [2, 2, 5, 2, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn times_are_floored_to_the_minute_and_rows_checked() {
        let row = |before: Option<i64>, ts: i64, rate: f64, mark| {
            checked(before.map(|ts| START + ts), Some(START + ts), Some(rate), mark)
        };
        let good = row(Some(0), 28_800_015, -0.000_123_45, Some(42_000.123)).unwrap();
        assert_eq!(good.ts.millis(), START + 28_800_000);
        assert_eq!(
            (good.rate.to_string(), good.mark.unwrap().to_string()),
            ("-0.00012345".into(), "42000.123".into())
        );
        assert_eq!(row(Some(5), 59_999, 0.0, None), Err(RowFault::Duplicate));
        assert_eq!(row(Some(60_000), 59_999, 0.0, None), Err(RowFault::Unsorted));
        for rate in [f64::NAN, f64::INFINITY, 0.11, -0.11] {
            assert_eq!(row(None, 0, rate, None), Err(RowFault::Rate));
        }
        for mark in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            assert_eq!(row(None, 0, 0.0, Some(mark)), Err(RowFault::Price));
        }
        assert_eq!(checked(None, Some(i64::MAX), Some(0.0), None), Err(RowFault::Time));
        assert_eq!(checked(None, None, Some(0.0), None), Err(RowFault::Null));
        assert_eq!(checked(None, Some(0), None, None), Err(RowFault::Null));
    }
}
