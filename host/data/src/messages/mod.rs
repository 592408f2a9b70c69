//! Recorded messages of exchanges: one line per message, `<local receive time, ns> <JSON>`, gzipped.
//!
//! [`MessageFile`] reads the lines of a Binance recording as they are; a [`Tape`] is a whole recording brought onto the
//! grid of its instrument, with its diffs checked against the snapshot and its events in the order of both clocks; a
//! [`Recording`] makes it the market of a run.

mod bars;
mod error;
mod file;
mod replay;
mod tape;

pub use error::MessageError;
pub use file::{DepthDiff, DepthSnapshot, LevelText, Message, MessageFile, TradeMessage};
pub use replay::{Detail, Recording, TapeReplay, continuity};
pub use tape::{Tape, TapeEvent, TapeGrid};

pub(crate) use bars::BarBuilder;
pub(crate) use replay::FINEST_LOT;
pub(crate) use tape::EventKind;
