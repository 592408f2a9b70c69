//! Equity at UTC midnights (or full hours), and the returns between them.

use cryptobot_model::Timestamp;
use cryptobot_model::time::NANOS_PER_DAY;
use serde::Serialize;

use crate::record::{AccountRecord, Record};

/// Runs shorter than this are sampled hourly.
const SHORT_RUN_DAYS: i64 = 30;
const NANOS_PER_HOUR: i64 = NANOS_PER_DAY / 24;

/// Distance of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SamplingPeriod {
    /// UTC midnights.
    #[serde(rename = "1d")]
    Daily,
    /// Full hours.
    #[serde(rename = "1h")]
    Hourly,
}

impl SamplingPeriod {
    /// Periods in a year of 365 days.
    pub const fn per_year(self) -> f64 {
        match self {
            Self::Daily => 365.0,
            Self::Hourly => 365.0 * 24.0,
        }
    }

    const fn nanos(self) -> i64 {
        match self {
            Self::Daily => NANOS_PER_DAY,
            Self::Hourly => NANOS_PER_HOUR,
        }
    }

    /// Daily, unless the run is short and its bars are fine enough for hours.
    pub fn of(record: &Record) -> Self {
        let short = record.to.0 - record.from.0 < SHORT_RUN_DAYS * NANOS_PER_DAY;
        let finest = record.times.windows(2).map(|pair| pair[1].0 - pair[0].0).min();
        if short && finest.is_some_and(|finest| finest <= NANOS_PER_HOUR) {
            Self::Hourly
        } else {
            Self::Daily
        }
    }
}

/// A value sampled over a run. The last sample is the end of the run, also where that is inside a period; so is the
/// start. Without a step in a period the value stays what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Distance of samples.
    pub period: SamplingPeriod,
    /// Value at the begin of the run.
    pub start: f64,
    /// When the samples were taken.
    pub times: Vec<Timestamp>,
    /// What they were.
    pub values: Vec<f64>,
}

impl Samples {
    /// Samples of an account's equity; the last one is its exact final equity.
    pub fn of_account(record: &Record, account: &AccountRecord) -> Self {
        let curve: Vec<f64> = account.equity.iter().map(|bucket| bucket.last).collect();
        let mut samples = Self::new(record, account.initial_balance.to_f64(), &curve);
        if let Some(last) = samples.values.last_mut() {
            *last = account.final_equity.to_f64();
        }
        samples
    }

    /// Samples of `curve`, which has one value per bucket of the record and was `start` at the begin.
    pub fn new(record: &Record, start: f64, curve: &[f64]) -> Self {
        let period = SamplingPeriod::of(record);
        let step = period.nanos();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let (mut next, mut value) = (0, start);
        let mut boundary = record.from.0 - record.from.0.rem_euclid(step) + step;
        while !record.times.is_empty() && boundary < record.to.0 + step {
            while next < curve.len() && record.times[next].0 <= boundary {
                value = curve[next];
                next += 1;
            }
            times.push(Timestamp(boundary.min(record.to.0)));
            values.push(value);
            boundary += step;
        }
        Self { period, start, times, values }
    }

    /// Simple returns from sample to sample, the first from the begin of the run.
    pub fn returns(&self) -> Vec<f64> {
        let before = std::iter::once(&self.start).chain(&self.values);
        self.values.iter().zip(before).map(|(value, before)| value / before - 1.0).collect()
    }
}
