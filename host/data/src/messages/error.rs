//! What can be wrong with a recording.

use std::path::PathBuf;

use cryptobot_sim::depth::SequenceGap;

/// Why a recording cannot be used. Every message names file and line.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The file cannot be opened or unpacked.
    #[error("{}{}: {source}", file.display(), line_of(*line))]
    Read {
        /// The file.
        file: PathBuf,
        /// Line, from 1; 0 before the first.
        line: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line that is no message.
    #[error("{}{}: {problem}", file.display(), line_of(*line))]
    Line {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what is right.
        problem: String,
    },
    /// A diff does not follow the one before.
    #[error("{}{}: {gap}", file.display(), line_of(*line))]
    Gap {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The numbers.
        gap: SequenceGap,
    },
    /// A recording without what a book needs.
    #[error("{}: {problem}", file.display())]
    Incomplete {
        /// The file.
        file: PathBuf,
        /// What is missing.
        problem: String,
    },
}

fn line_of(line: usize) -> String {
    if line == 0 { String::new() } else { format!(":{line}") }
}
