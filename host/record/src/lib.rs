//! What a feed delivers, into the catalog and onto a tape.
//!
//! A [`Recorder`] puts every arrival onto the tape first, in the order in which it came, and collects the rows that the
//! catalog takes of it. [`Recorder::commit`] appends them. [`import_tape`] makes the same rows of a tape: both use one
//! reading of messages as rows.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it reads and writes files")]
#![forbid(unsafe_code)]

mod import;
mod recorder;
mod rows;

pub use import::{ImportedSeries, import_tape, is_tape};
pub use recorder::{Recorded, RecordedSeries, Recorder};

use std::io;
use std::path::PathBuf;

use cryptobot_data::DataError;
use cryptobot_feed::TapeError;

/// Why something cannot be recorded, or imported from a tape.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The tape cannot be made.
    #[error("--tape {}: {}", path.display(), begun(source))]
    NewTape {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The tape cannot be written.
    #[error("cannot write the tape {}: {source}; what was written before can be read", path.display())]
    Tape {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A tape cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A tape cannot be read.
    #[error("{}: {source}; what came before is imported", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TapeError,
    },
    /// A tape has nothing that the catalog takes.
    #[error("{}: nothing in it can be stored{}", path.display(), why(*unnumbered))]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Whether it has trades or books without the numbers of their exchange.
        unnumbered: bool,
    },
    /// The catalog refuses.
    #[error(transparent)]
    Data(#[from] DataError),
}

fn begun(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AlreadyExists => "it exists already; name a new file".to_owned(),
        _ => format!("cannot be made: {source}"),
    }
}

const fn why(unnumbered: bool) -> &'static str {
    if unnumbered {
        ": its trades and books lack the numbers of their exchange, by which rows are told apart"
    } else {
        ""
    }
}
