//! Where the funding rates of a run come from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use cryptobot_data::{Catalog, DataError, MissingFunding, SymbolFunding, TouchedFile};
use cryptobot_model::{FundingRate, Instrument, Rate, Timeframe, Timestamp};
use rust_decimal::Decimal;

use crate::config::RunConfig;
use crate::error::RunError;
use crate::spelled::Spelled;

/// Funding payments of a venue's perpetuals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Funding {
    /// The recorded ones; a run that lacks any is refused.
    #[default]
    Required,
    /// None is paid.
    None,
    /// The same rate at every interval.
    Assumed(Rate),
}

/// Why a text is no [`Funding`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` says nothing about funding; write required, none or assume:RATE, a fraction of the position between -0.1 \
     and 0.1 with at most 8 decimal places, for example assume:0.0001"
)]
pub struct ParseFundingError(String);

impl fmt::Display for Funding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("required"),
            Self::None => f.write_str("none"),
            Self::Assumed(rate) => write!(f, "assume:{rate}"),
        }
    }
}

impl FromStr for Funding {
    type Err = ParseFundingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rate = |text: &str| {
            let rate = Decimal::from_str_exact(text).ok()?;
            let possible = rate.abs() <= Decimal::new(1, 1) && rate.normalize().scale() <= 8;
            possible.then(|| Self::Assumed(Rate::new(rate)))
        };
        match text {
            "required" => Some(Self::Required),
            "none" => Some(Self::None),
            _ => text.strip_prefix("assume:").and_then(rate),
        }
        .ok_or_else(|| ParseFundingError(text.to_owned()))
    }
}

/// The rates of a run.
pub(crate) struct RunFunding {
    /// Of each instrument.
    pub(crate) rates: Vec<Vec<FundingRate>>,
    /// Files that they came from.
    pub(crate) touched: Vec<TouchedFile>,
}

/// Finds the rates of all instruments in `[from, to)`, and puts on record what is not paid or not read. An instrument
/// of a venue that pays none is one without funding from here on.
pub(crate) fn open(
    config: &mut RunConfig,
    catalog: &Catalog,
    instruments: &mut [Instrument],
    period: (Timestamp, Timestamp),
    warnings: &mut Vec<String>,
) -> Result<RunFunding, RunError> {
    let mut found = RunFunding { rates: Vec::with_capacity(instruments.len()), touched: Vec::new() };
    let mut missing: BTreeMap<String, Vec<SymbolFunding>> = BTreeMap::new();
    let mut decided = Vec::new();
    for instrument in instruments.iter_mut() {
        let rates = if instrument.funding {
            let Spelled(funding) = config.venues.entry(instrument.venue.clone()).or_default().funding;
            if funding != Funding::Required {
                decided.push((instrument.venue.clone(), funding));
            }
            match funding {
                Funding::Required => recorded(catalog, instrument, period, &mut found.touched, &mut missing)?,
                Funding::Assumed(rate) => {
                    assumed(rate, instrument.terms.funding_hours.unwrap_or(USUAL_HOURS), period)
                }
                Funding::None => {
                    instrument.funding = false;
                    Vec::new()
                }
            }
        } else {
            Vec::new()
        };
        found.rates.push(rates);
    }
    if let Some((venue, symbols)) = missing.into_iter().next() {
        return Err(DataError::MissingFunding(Box::new(MissingFunding { venue, period, symbols })).into());
    }
    decided.dedup();
    warnings.extend(decided.into_iter().map(|(venue, funding)| match funding {
        Funding::Assumed(rate) => {
            format!("{venue}: funding is assumed to be {rate} at every interval; no recorded rates are used")
        }
        _ => format!("{venue}: no funding is paid, as the configuration says"),
    }));
    Ok(found)
}

/// Hours between two payments where neither rates nor the instrument say: they are at 00:00, 08:00 and 16:00 UTC.
const USUAL_HOURS: u32 = 8;

/// The recorded rates of one instrument; notes what is missing.
fn recorded(
    catalog: &Catalog,
    instrument: &Instrument,
    period: (Timestamp, Timestamp),
    touched: &mut Vec<TouchedFile>,
    missing: &mut BTreeMap<String, Vec<SymbolFunding>>,
) -> Result<Vec<FundingRate>, RunError> {
    let Instrument { venue, symbol, terms, .. } = instrument;
    let of = catalog.funding(venue, symbol, terms.funding_hours, period)?;
    if of.stored.is_none() || !of.missing.is_empty() {
        let lacks = SymbolFunding { symbol: symbol.clone(), stored: of.stored, missing: of.missing };
        missing.entry(venue.clone()).or_default().push(lacks);
    }
    touched.extend(of.touched);
    Ok(of.rates)
}

/// The same rate at every interval of `[from, to)`, priced by what the engine knows at those times.
fn assumed(rate: Rate, hours: u32, period: (Timestamp, Timestamp)) -> Vec<FundingRate> {
    let step = i64::from(hours) * Timeframe::HOUR.nanos();
    let first = period.0.plus((-period.0.0).rem_euclid(step));
    let times = std::iter::successors(Some(first), |at| Some(at.plus(step)));
    times.take_while(|at| *at < period.1).map(|ts| FundingRate { ts, rate, mark: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_is_read_as_it_is_written() {
        for text in ["required", "none", "assume:0.0001", "assume:-0.00000001", "assume:0", "assume:0.1"] {
            assert_eq!(text.parse::<Funding>().unwrap().to_string(), text);
        }
        for text in ["", "maybe", "assume", "assume:", "assume:0.01%", "assume:0.2", "assume:0.000000001"] {
            let error = text.parse::<Funding>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("assume:0.0001"), "{error}");
        }
    }

    #[test]
    fn assumed_payments_are_at_midnight_and_every_interval() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let times = |hours: u32, from: &str, to: &str| {
            let rates = assumed(Rate::from_units(10_000), hours, (at(from), at(to)));
            rates.iter().map(|rate| rate.ts.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            times(8, "2024-01-01", "2024-01-02"),
            ["2024-01-01T00:00:00Z", "2024-01-01T08:00:00Z", "2024-01-01T16:00:00Z"]
        );
        assert_eq!(times(8, "2024-01-01T00:01", "2024-01-01T08:00"), [""; 0]);
        assert_eq!(times(4, "2024-01-01T00:01", "2024-01-01T04:01"), ["2024-01-01T04:00:00Z"]);
        assert_eq!(times(8, "2024-01-01T00:01", "2024-01-01T08:01"), ["2024-01-01T08:00:00Z"]);
    }
}
