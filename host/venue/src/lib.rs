//! Market data of exchanges while they trade.
//!
//! A [`LiveFeed`] subscribes to the streams of some symbols and delivers what comes as a
//! [`Feed`](cryptobot_feed::Feed): trades, changes of books, quotes, bars that closed, mark prices, liquidations and
//! funding that was paid. Connections are made again when they end, fall silent or grow old. What is lost on the way is
//! said in a [`Notice`] and counted, never made up: a book begins anew with a snapshot, a hole in the numbers of trades
//! stays one.
#![allow(
    clippy::disallowed_types,
    reason = "this crate is at the edge: it speaks to exchanges and waits for them"
)]
#![forbid(unsafe_code)]

mod binance;
mod connection;
mod error;
mod notice;
mod pause;
mod socket;

pub use binance::{LiveFeed, Options};
pub use connection::Times;
pub use error::VenueError;
pub use notice::{Counts, Notice};

use std::fmt;
use std::str::FromStr;

use cryptobot_model::Timeframe;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Trades, those of one taker order at one price added up: `aggtrades`.
    Trades,
    /// The order book, from snapshots and changes: `depth`.
    Book,
    /// Best bid and ask: `quotes`.
    Quotes,
    /// Orders by which the exchange closed positions: `liquidations`.
    Liquidations,
    /// Bars of trades that closed: `1m`.
    Bars(Timeframe),
    /// Mark prices, and bars of them: `mark-1m`.
    Mark(Timeframe),
    /// Funding that was paid: `funding`.
    Funding,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trades => f.write_str("aggtrades"),
            Self::Book => f.write_str("depth"),
            Self::Quotes => f.write_str("quotes"),
            Self::Liquidations => f.write_str("liquidations"),
            Self::Bars(timeframe) => write!(f, "{timeframe}"),
            Self::Mark(timeframe) => write!(f, "mark-{timeframe}"),
            Self::Funding => f.write_str("funding"),
        }
    }
}

impl FromStr for Channel {
    type Err = VenueError;

    fn from_str(name: &str) -> Result<Self, VenueError> {
        let unknown = || VenueError::UnknownKind { kind: name.to_owned() };
        Ok(match name {
            "aggtrades" => Self::Trades,
            "depth" => Self::Book,
            "quotes" => Self::Quotes,
            "liquidations" => Self::Liquidations,
            "funding" => Self::Funding,
            _ => match name.strip_prefix("mark-") {
                Some(timeframe) => Self::Mark(timeframe.parse().map_err(|_| unknown())?),
                None => Self::Bars(name.parse().map_err(|_| unknown())?),
            },
        })
    }
}
