//! Periods and their bounds.

use std::error::Error;
use std::fmt;

/// The longest period of any indicator.
pub const MAX_PERIOD: u32 = 100_000;

/// The longest period of an indicator that walks over its window for each value, so that an update costs O(period).
pub const MAX_SCAN: u32 = 5_000;

/// A period outside the bounds of its indicator, or parameters that do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// Shorter or longer than allowed.
    OutOfRange {
        /// Which period, for example `sma period`.
        what: &'static str,
        /// What was given.
        given: u32,
        /// The shortest allowed one.
        min: u32,
        /// The longest allowed one.
        max: u32,
    },
    /// A fast period is not below the slow one.
    FastNotBelowSlow {
        /// The fast period given.
        fast: u32,
        /// The slow period given.
        slow: u32,
    },
    /// Parameters that do not fit each other: what must hold.
    Unfit(&'static str),
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { what, given, min, max } => {
                write!(f, "the {what} must lie in {min}..={max}, not {given}")
            }
            Self::Unfit(must) => f.write_str(must),
            Self::FastNotBelowSlow { fast, slow } => {
                write!(f, "the fast period ({fast}) must be below the slow one ({slow})")
            }
        }
    }
}

impl Error for PeriodError {}

/// So that `Sma::new(n)?` works where a strategy answers with a text.
impl From<PeriodError> for String {
    fn from(error: PeriodError) -> Self {
        error.to_string()
    }
}

/// `given` as a period, if it is one.
pub(crate) fn checked(what: &'static str, given: u32, min: u32) -> Result<u32, PeriodError> {
    within(what, given, min, MAX_PERIOD)
}

/// `given` as the period of an indicator that walks over its window, if it is one.
pub(crate) fn checked_scan(what: &'static str, given: u32, min: u32) -> Result<u32, PeriodError> {
    within(what, given, min, MAX_SCAN)
}

fn within(what: &'static str, given: u32, min: u32, max: u32) -> Result<u32, PeriodError> {
    if (min..=max).contains(&given) {
        Ok(given)
    } else {
        Err(PeriodError::OutOfRange { what, given, min, max })
    }
}
