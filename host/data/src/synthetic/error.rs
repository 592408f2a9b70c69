//! Why data are not generated.

use std::path::PathBuf;

use cryptobot_model::Timestamp;

use super::overlay::Stress;
use super::pairs::PAIRS;
use super::regime::Scenario;
use crate::error::DataError;

/// A name that is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scenario; scenarios are {names}", names = Scenario::ALL.map(Scenario::name).join(", "))]
pub struct UnknownScenario(pub String);

/// A name that is no stress.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no overlay; overlays are {names}", names = Stress::NAMES.join(", "))]
pub struct UnknownStress(pub String);

/// Why data are not generated. Each message names what is wrong and what is right.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    /// A symbol that the generator does not know.
    #[error("`{0}` is no symbol of the generator; symbols are {names}", names = PAIRS.map(|pair| pair.symbol).join(", "))]
    Symbol(String),
    /// A stress that there is not.
    #[error(transparent)]
    Stress(#[from] UnknownStress),
    /// A kind that the generator does not make.
    #[error(
        "the generator makes no `{0}`; kinds are a timeframe (1m), mark-1m, index-1m, funding, aggtrades, depth"
    )]
    Kind(String),
    /// A number out of its range.
    #[error("{name} {value} must be {range}")]
    Range {
        /// What it is of.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What is right.
        range: &'static str,
    },
    /// A period that cannot be generated.
    #[error("the period from {from} to {to} {problem}")]
    Period {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
        /// What is wrong and what is right.
        problem: String,
    },
    /// The stress begins where nothing is stored.
    #[error("at {at}: {series} has no row there; it has {from} to {to}")]
    Outside {
        /// When it was to begin.
        at: Timestamp,
        /// The series.
        series: String,
        /// Its first row.
        from: Timestamp,
        /// Its last row.
        to: Timestamp,
    },
    /// There is nothing that a stress could be put on.
    #[error("{venue} {symbol} has no bars of trades that a stress could be put on; kinds there: {there}")]
    NoBars {
        /// The venue.
        venue: String,
        /// The symbol.
        symbol: String,
        /// The kinds that are stored.
        there: String,
    },
    /// The folder for the result holds something else.
    #[error(
        "{}: {problem}; choose another --out: generated data replace nothing but generated data", path.display()
    )]
    Occupied {
        /// The file or folder.
        path: PathBuf,
        /// Why it counts as something else.
        problem: &'static str,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl SyntheticError {
    /// Whether what was asked for is at fault, and not stored data.
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Data(_) | Self::NoBars { .. } | Self::Outside { .. })
    }
}
