//! Writing a journal.

use std::fmt;
use std::io::{self, Write};

use cryptobot_engine::Entry;
use sha2::{Digest, Sha256};

use crate::encode::encode;
use crate::{BLOCK_BYTES, HASH_BYTES, MAGIC};

/// The last hash of a journal's chain; prints as hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JournalHash(pub [u8; HASH_BYTES]);

impl fmt::Display for JournalHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl JournalHash {
    /// The hash before the first block.
    pub(crate) fn start() -> Self {
        Self(Sha256::digest(MAGIC).into())
    }

    pub(crate) fn chain(self, block: &[u8]) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(block).finalize().into())
    }
}

/// Encodes entries, hashes them block by block and hands the blocks to a writer.
pub struct JournalWriter<W> {
    out: W,
    block: Vec<u8>,
    hash: JournalHash,
    entries: u64,
    failure: Option<io::Error>,
}

impl<W: Write> JournalWriter<W> {
    /// A journal that goes to `out`; [`io::sink`] where only the hash is wanted.
    pub fn new(mut out: W) -> Self {
        let failure = out.write_all(MAGIC).err();
        Self {
            out,
            block: Vec::with_capacity(BLOCK_BYTES + 512),
            hash: JournalHash::start(),
            entries: 0,
            failure,
        }
    }

    /// Appends an entry. A failing writer is remembered until [`JournalWriter::finish`].
    pub fn append(&mut self, entry: &Entry<'_>) {
        encode(entry, &mut self.block);
        self.entries += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        self.hash = self.hash.chain(&self.block);
        if self.failure.is_none() {
            self.failure = self.write_block().err();
        }
        self.block.clear();
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.out.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&self.hash.0)
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Closes the journal and returns its hash, or the first error of the writer.
    pub fn finish(mut self) -> io::Result<JournalHash> {
        if !self.block.is_empty() {
            self.close_block();
        }
        match self.failure {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.hash),
        }
    }
}
