//! Canonical journal entries, hash chain, verification, reading back.
//!
//! A journal is a file of blocks of about 64 KiB. Each block carries the SHA-256 of the hash before it and of its own
//! bytes, so that no entry can be changed, removed or moved without breaking every hash after it; the last one is the
//! run's `journal_sha256`. Entries are encoded canonically and contain no name, path or wall time, so that equal runs
//! have equal journals, whatever language their strategies were written in.
#![forbid(unsafe_code)]

mod background;
mod decode;
mod encode;
mod entry;
mod verify;
mod writer;

pub use background::Background;
pub use decode::{DecodeError, Entries};
pub use entry::{ApprovedOrder, JournalDecision, JournalEntry};
pub use verify::{Verified, VerifyError, verify};
pub use writer::{BUFFER_BYTES, Blocks, Chain, JournalHash, JournalWriter};

/// First bytes of a journal file: name and format version.
pub const MAGIC: &[u8; 8] = b"CBPJRNL\x01";
/// A block is closed when it has this many bytes; entries are never split.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Length of a hash.
pub(crate) const HASH_BYTES: usize = 32;
