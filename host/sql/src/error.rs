//! Why a query has no result.

use std::io;

use cryptobot_data::DataError;
use rusqlite::ffi;

use crate::functions;
use crate::names::Names;

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The catalog cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The query wants to change something, or to reach beyond the catalog.
    #[error("{0} is refused: the catalog is only read here; write SELECT … or WITH …")]
    Refused(String),
    /// The text holds no query, or more than one.
    #[error("{0}; write one SELECT … or WITH …")]
    NotOne(&'static str),
    /// A table, column or function that there is not, or no SQL.
    #[error("{0}")]
    Query(String),
    /// The query was interrupted.
    #[error("interrupted: the query had no result yet")]
    Interrupted,
    /// A result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// The name of the file says nothing about what to write.
    #[error("--out {0}: the name must end with .csv or .parquet")]
    Extension(String),
}

impl SqlError {
    /// Whether the query is at fault, not the data.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NotOne(_) | Self::Query(_) | Self::Extension(_))
    }

    /// What SQLite says, with the names that there are where it missed one.
    pub(crate) fn of(error: rusqlite::Error, sql: &str, names: &Names) -> Self {
        let message = match error {
            rusqlite::Error::SqliteFailure(of, _) if of.extended_code == ffi::SQLITE_INTERRUPT => {
                return Self::Interrupted;
            }
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            rusqlite::Error::SqliteFailure(_, Some(message)) => message,
            other => other.to_string(),
        };
        let missed = |what: &str| message.strip_prefix(what).map(str::trim);
        if let Some(name) = missed("no such table:") {
            return Self::Query(format!("{message}; {}", names.instead_of(name)));
        }
        if missed("no such column:").is_some() || message.starts_with("ambiguous column name") {
            return Self::Query(format!("{message}; columns: {}", names.columns_in(sql)));
        }
        if missed("no such function:").is_some() {
            return Self::Query(format!(
                "{message}; beside those of SQLite there are: {}",
                functions::NAMES.join(" ")
            ));
        }
        Self::Query(message)
    }
}
