//! What can go wrong with a sweep.

use std::io;
use std::path::{Path, PathBuf};

use cryptobot_data::DataError;
use cryptobot_run::{ExitCode, RunError};

/// Why a sweep did not come about or was not completed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Something is asked for that makes no sense, or a run cannot be made.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A table of results cannot be written or read.
    #[error(transparent)]
    Table(#[from] DataError),
    /// A file cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A document cannot be written or read.
    #[error("{}: {source}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The results folder holds something that would be lost or mixed up.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is there, and what can be done.
        problem: String,
    },
    /// Results are missing at the end.
    #[error("{}: {problem}", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// What is missing, and what can be done.
        problem: String,
    },
}

impl SweepError {
    /// A value that makes no sense, by its name in the file or on the command line.
    pub(crate) fn usage(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Run(RunError::Config { field: field.into(), problem: problem.into() })
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(crate) fn document(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Document { path, source }
    }

    pub(crate) fn folder(path: &Path, problem: impl Into<String>) -> Self {
        Self::Folder { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn incomplete(path: &Path, problem: String) -> Self {
        Self::Incomplete { path: path.to_owned(), problem }
    }

    /// The exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::Table(_) | Self::File { .. } | Self::Document { .. } | Self::Incomplete { .. } => {
                ExitCode::Failed
            }
            Self::Folder { .. } => ExitCode::Usage,
        }
    }
}
