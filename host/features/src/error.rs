//! Why there are no features.

use std::path::PathBuf;

use cryptobot_data::DataError;
use cryptobot_indicators::{CreateError, ScalerError};
use cryptobot_model::Timestamp;

/// Why a table of features is not written.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// A set, feature, indicator, parameter or timeframe that there is not.
    #[error(transparent)]
    Wanted(#[from] CreateError),
    /// A file of features that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of features that is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        problem: String,
    },
    /// An option that makes no sense.
    #[error("{field}: {problem}")]
    Usage {
        /// The option.
        field: &'static str,
        /// What is wrong with it and what is right.
        problem: String,
    },
    /// Market data that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Data that columns are computed from are not stored.
    #[error(
        "{series}: nothing is stored of {kind}, needed for {columns}; fix: `host data download --kind {example}`, or leave \
         these features out"
    )]
    NotStored {
        /// Venue and symbol.
        series: String,
        /// What is missing, for example `index-<tf> of at most 15m`.
        kind: String,
        /// A kind that would do.
        example: String,
        /// Names of the columns.
        columns: String,
    },
    /// Data that columns are computed from have a hole.
    #[error(
        "{series}: {kind} has nothing for the bar that closes at {at}, needed for {columns}; fix: choose another period \
         with --from and --to, import what is missing, or pass --allow-gaps to leave such cells empty"
    )]
    Hole {
        /// Venue and symbol.
        series: String,
        /// What is missing.
        kind: String,
        /// Close time of the first bar without it.
        at: Timestamp,
        /// Names of the columns.
        columns: String,
    },
    /// No scaler can be fitted.
    #[error("--scaler: {0}")]
    Scaler(#[from] ScalerError),
    /// A schema cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl FeatureError {
    /// Whether the data are at fault, rather than what was asked for.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Data(_) | Self::NotStored { .. } | Self::Hole { .. })
    }

    /// Whether the result could not be written.
    pub fn is_output(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Data(DataError::Unwritable { .. }))
    }
}
