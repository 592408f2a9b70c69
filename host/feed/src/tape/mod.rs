//! Tapes: everything that entered a run, in its order, in few bytes.
//!
//! A tape is [`MAGIC`], then blocks: the length of the payload in 4 little-endian bytes, the payload, and 16 bytes of a
//! chain, SHA-256 over the chain before and the payload. The payload of the first block is the list of series as
//! JSON; those of the others are messages, never split; an empty block is the end. So a tape that was cut off gives back
//! every whole block, and one that was changed does not verify.
//!
//! A message is a tag byte, then what could not be predicted from the messages before it: numbers are differences, in
//! LEB128, zigzag where they have a sign. Prices and volumes of bars are decimals wherever a decimal of up to 15 places
//! gives the same `f64` back, and raw bits elsewhere.

mod blocks;
mod decode;
mod encode;
mod numbers;
mod state;

pub use decode::{TapeEnd, TapeReader};
pub use encode::TapeWriter;

use std::io;

/// First bytes of a tape: name and format version.
pub const MAGIC: &[u8; 8] = b"CBPTAPE\x01";
/// A block is closed when it has this many bytes, or when the tape is flushed.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Most levels of one message of a book: more than any exchange publishes.
const MOST_LEVELS: usize = 1 << 20;

/// Why a tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The system says no.
    #[error("cannot read the tape: {0}")]
    Read(#[from] io::Error),
    /// It does not begin like a tape.
    #[error("not a tape of this version of the host")]
    NotATape,
    /// It ends before its list of series is complete.
    #[error("the tape ends before its first message: it was cut off when it was begun")]
    NoSeries,
    /// A block is not what was written.
    #[error("block {block} of the tape was changed: {problem}")]
    Changed {
        /// Number of the block, from 1.
        block: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Kinds of messages: the low bits of their tags.
mod kind {
    pub const CLOCK: u8 = 0;
    pub const BAR: u8 = 1;
    pub const MARK: u8 = 2;
    pub const TRADE: u8 = 3;
    pub const QUOTE: u8 = 4;
    pub const BOOK: u8 = 5;
    pub const FUNDING: u8 = 6;
    pub const SWAP: u8 = 7;
    pub const OVERRUN: u8 = 8;
    pub const COMMAND: u8 = 9;
    pub const LIQUIDATION: u8 = 10;
    /// A trade, a book and a bar with all that the exchange tells of them.
    pub const NUMBERED_TRADE: u8 = 11;
    pub const NUMBERED_BOOK: u8 = 12;
    pub const ACTIVE_BAR: u8 = 13;
}

/// Bits of tags beside the kind.
mod flag {
    /// The low bits that are the kind.
    pub const KIND: u8 = 0x0f;
    /// The time differs from what was predicted by whole milliseconds, and is written in them.
    pub const MILLIS: u8 = 0x10;
    /// It arrived when it happened.
    pub const AT_ONCE: u8 = 0x20;
    /// Its number follows the number before.
    pub const NEXT: u8 = 0x40;
    /// Of a trade: the buyer took. Of a liquidation: it bought. Of a book: it is the whole one. Of
    /// funding: it has a mark price. Of an overrun: of all calls together. Of a
    /// command: it is for one strategy.
    pub const OWN: u8 = 0x80;
}
