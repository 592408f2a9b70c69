//! What a live feed says beside the data.

use std::fmt;

use cryptobot_feed::FeedError;
use serde::Serialize;

/// Something that whoever watches a live feed should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection is up, and its streams are subscribed to.
    Up {
        /// Its name.
        connection: String,
        /// How many streams.
        streams: usize,
    },
    /// A connection ended; it will be made again.
    Down {
        /// Its name.
        connection: String,
        /// Why.
        reason: String,
    },
    /// Changes of a book are missing: it begins anew with a snapshot.
    BookGap {
        /// The symbol.
        symbol: String,
        /// The numbers.
        reason: String,
    },
    /// No snapshot of a book came; it is asked for again.
    NoSnapshot {
        /// The symbol.
        symbol: String,
        /// Why.
        reason: String,
    },
    /// Numbers of trades were left out. They may still come late.
    TradeGap {
        /// The symbol.
        symbol: String,
        /// The first number that was left out.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// What funding was paid could not be found out.
    NoFunding {
        /// The symbol.
        symbol: String,
        /// Why.
        reason: String,
    },
    /// A message cannot be read.
    Unreadable {
        /// The connection it came on.
        connection: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { connection, streams } => write!(f, "{connection}: connected, {streams} streams"),
            Self::Down { connection, reason } => write!(f, "{connection}: {reason}; connecting again"),
            Self::BookGap { symbol, reason } => write!(f, "{symbol} depth: {reason}"),
            Self::NoSnapshot { symbol, reason } => {
                write!(f, "{symbol} depth: no snapshot: {reason}; asking again")
            }
            Self::TradeGap { symbol, first, last } => write!(
                f,
                "{symbol} aggtrades: numbers {first} to {last} are missing; `host data download` fills such holes"
            ),
            Self::NoFunding { symbol, reason } => write!(f, "{symbol} funding: {reason}"),
            Self::Unreadable { connection, reason } => {
                write!(f, "{connection}: a message cannot be read: {reason}")
            }
        }
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages of the exchange.
    pub messages: u64,
    /// Connections that were made again.
    pub reconnects: u64,
    /// Gaps in the changes of books.
    pub book_gaps: u64,
    /// Snapshots that made a book whole again, after the first one of each symbol.
    pub resynchronisations: u64,
    /// Numbers of trades that were left out and did not come late.
    pub missing_trades: u64,
    /// Messages that came after later ones, and were delivered.
    pub late: u64,
    /// Messages that said what was known, or were overtaken: dropped.
    pub repeated: u64,
    /// Messages that cannot be read.
    pub unreadable: u64,
}

/// Makes an error one of a feed.
pub(crate) fn ended(error: crate::VenueError) -> FeedError {
    Box::new(error)
}
