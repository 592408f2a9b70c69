//! Market data as they arrive.
//!
//! A [`Feed`] hands out [`Arrival`]s: bars, trades, quotes, changes of a book, liquidations, mark prices and funding, in the order in
//! which they arrive, with [`Input::Clock`] where a moment is complete. [`Replay`] makes such a feed of stored data, at
//! any speed. An [`Intake`] numbers what arrives, keeps the clock, and writes everything onto a tape ([`TapeWriter`]),
//! from which a [`TapeReader`] gives it back bit by bit.
#![allow(
    clippy::disallowed_types,
    reason = "this crate is at the edge: it reads files and waits for the wall clock"
)]
#![forbid(unsafe_code)]

mod feed;
mod intake;
mod message;
mod pace;
mod replay;
mod tape;

pub use feed::{Event, Feed, FeedError};
pub use intake::Intake;
pub use message::{Activity, Arrival, Book, Input, Liquidation, Message, Quote, Series, Stream, TradeIds};
pub use pace::{ManualPace, Pace, WallPace};
pub use replay::{
    BarStream, FundingStream, OpenError, ParseSpeedError, Range, RecordingStream, Replay, ReplayHandle,
    Source, Speed, Status, open,
};
pub use tape::{BLOCK_BYTES, MAGIC, TapeEnd, TapeError, TapeReader, TapeWriter};
