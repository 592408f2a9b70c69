//! Writing a journal.

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use cryptobot_engine::Entry;
use sha2::{Digest, Sha256};

use crate::background::Background;
use crate::encode::{ROOM, encode};
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

/// Room for a block and the entry that fills it.
pub const BUFFER_BYTES: usize = BLOCK_BYTES + ROOM;

/// What becomes of the blocks of a journal.
pub trait Blocks {
    /// Takes a buffer whose first `filled` bytes are a block, and returns one of [`BUFFER_BYTES`] for the next block.
    fn take(&mut self, buffer: Vec<u8>, filled: usize) -> Vec<u8>;

    /// Lets all blocks be read, and a part of the next one as if it were full, until more is taken.
    fn show(&mut self, _part: &[u8]) {}

    /// The hash of the journal, or the first error of its writer.
    fn finish(self) -> io::Result<JournalHash>;
}

/// Hashes blocks and hands them to a writer.
#[derive(Debug)]
pub struct Chain<W> {
    out: W,
    hash: JournalHash,
    /// A block as it is written: its length, its entries, the hash of the chain.
    frame: Vec<u8>,
    failure: Option<io::Error>,
}

impl<W: Write> Chain<W> {
    /// A chain that goes to `out`.
    pub(crate) fn new(mut out: W) -> Self {
        let failure = out.write_all(MAGIC).err();
        Self { out, hash: JournalHash::start(), frame: Vec::new(), failure }
    }

    /// Writes a block in one piece, so that whoever ends the process ends it before or after.
    fn write(&mut self, block: &[u8], hash: JournalHash) -> io::Result<()> {
        self.frame.clear();
        self.frame.extend_from_slice(&(block.len() as u32).to_le_bytes());
        self.frame.extend_from_slice(block);
        self.frame.extend_from_slice(&hash.0);
        self.out.write_all(&self.frame)
    }
}

impl<W: Write + Seek> Chain<W> {
    /// Writes a part of a block where the block will be: it is longer and covers the part.
    pub(crate) fn write_part(&mut self, part: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let written = self.write(part, self.hash.chain(part)).and_then(|()| {
            self.out.flush()?;
            self.out.seek(SeekFrom::Current(-(self.frame.len() as i64))).map(drop)
        });
        self.failure = written.err();
    }
}

impl<W: Write> Blocks for Chain<W> {
    fn take(&mut self, buffer: Vec<u8>, filled: usize) -> Vec<u8> {
        let block = &buffer[..filled];
        self.hash = self.hash.chain(block);
        if self.failure.is_none() {
            self.failure = self.write(block, self.hash).err();
        }
        buffer
    }

    fn finish(mut self) -> io::Result<JournalHash> {
        match self.failure {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.hash),
        }
    }
}

/// Encodes entries and passes them on in blocks.
#[derive(Debug)]
pub struct JournalWriter<B> {
    blocks: B,
    /// The block that is being filled, and room for the entry that fills it.
    block: Vec<u8>,
    filled: usize,
    entries: u64,
}

impl<W: Write> JournalWriter<Chain<W>> {
    /// A journal that goes to `out`; [`io::sink`] where only the hash is wanted.
    pub fn new(out: W) -> Self {
        Self::over(Chain::new(out))
    }
}

impl JournalWriter<Background> {
    /// A journal that is hashed and written on a thread of its own, while the run goes on.
    pub fn in_background<W: Write + Send + 'static>(out: W) -> io::Result<Self> {
        Background::start(Chain::new(out), |_, _| ()).map(Self::over)
    }

    /// The same for a file that can be read while the run goes on, up to the last [`JournalWriter::show`].
    pub fn growing<W: Write + Seek + Send + 'static>(out: W) -> io::Result<Self> {
        Background::start(Chain::new(out), Chain::write_part).map(Self::over)
    }
}

impl<B: Blocks> JournalWriter<B> {
    fn over(blocks: B) -> Self {
        Self { blocks, block: vec![0; BUFFER_BYTES], filled: 0, entries: 0 }
    }

    /// Appends an entry. A failing writer is remembered until [`JournalWriter::finish`].
    pub fn append(&mut self, entry: &Entry<'_>) {
        if let Some(room) = self.block[self.filled..].first_chunk_mut() {
            self.filled += encode(entry, room);
        }
        self.entries += 1;
        if self.filled >= BLOCK_BYTES {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.block = self.blocks.take(block, self.filled);
        self.filled = 0;
    }

    /// Lets everything so far be read, whatever becomes of the process. Neither the journal nor its hash are others for
    /// that.
    pub fn show(&mut self) {
        self.blocks.show(&self.block[..self.filled]);
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Closes the journal and returns its hash, or the first error of the writer.
    pub fn finish(mut self) -> io::Result<JournalHash> {
        if self.filled > 0 {
            self.close_block();
        }
        self.blocks.finish()
    }
}
