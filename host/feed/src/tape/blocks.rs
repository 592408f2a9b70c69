//! Blocks with a chain of hashes.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::{BLOCK_BYTES, MAGIC, TapeError};

/// Bytes of the chain that a block ends with.
const CHAIN_BYTES: usize = 16;
/// Longer payloads do not exist: a block is closed by the message that fills it, and that has so many levels at most.
const LONGEST: usize = BLOCK_BYTES + super::MOST_LEVELS * 32;

/// The hash up to a block.
#[derive(Clone, Debug)]
struct Chain([u8; CHAIN_BYTES]);

impl Chain {
    fn start() -> Self {
        Self([0; CHAIN_BYTES])
    }

    fn add(&mut self, payload: &[u8]) {
        let hash = Sha256::new().chain_update(self.0).chain_update(payload).finalize();
        self.0.copy_from_slice(&hash[..CHAIN_BYTES]);
    }
}

/// Writes blocks.
#[derive(Debug)]
pub(super) struct BlockWriter<W> {
    out: W,
    chain: Chain,
    frame: Vec<u8>,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self { out, chain: Chain::start(), frame: Vec::new() })
    }

    /// Writes a block in one call.
    pub(super) fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        self.chain.add(payload);
        self.frame.clear();
        self.frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        self.frame.extend_from_slice(payload);
        self.frame.extend_from_slice(&self.chain.0);
        self.out.write_all(&self.frame)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }
}

/// Reads blocks and checks their chain.
#[derive(Debug)]
pub(super) struct BlockReader<R> {
    input: R,
    chain: Chain,
    /// Blocks read so far.
    pub(super) blocks: u64,
}

/// What comes after a block.
pub(super) enum Next {
    /// Another one.
    Block,
    /// The input ends, inside a block or after a whole one.
    CutOff,
}

impl<R: Read> BlockReader<R> {
    pub(super) fn new(mut input: R) -> Result<Self, TapeError> {
        let mut magic = [0; MAGIC.len()];
        if !fill(&mut input, &mut magic)? || magic != *MAGIC {
            return Err(TapeError::NotATape);
        }
        Ok(Self { input, chain: Chain::start(), blocks: 0 })
    }

    /// Replaces `payload` with that of the next block.
    pub(super) fn read(&mut self, payload: &mut Vec<u8>) -> Result<Next, TapeError> {
        let mut length = [0; 4];
        payload.clear();
        if !fill(&mut self.input, &mut length)? {
            return Ok(Next::CutOff);
        }
        let length = u32::from_le_bytes(length) as usize;
        let changed = |problem| Err(TapeError::Changed { block: self.blocks + 1, problem });
        if length > LONGEST {
            return changed("its length is impossible");
        }
        // Not reserved before it is there: the length may be wrong.
        self.input.by_ref().take(length as u64).read_to_end(payload)?;
        let mut stated = [0; CHAIN_BYTES];
        if payload.len() < length || !fill(&mut self.input, &mut stated)? {
            return Ok(Next::CutOff);
        }
        self.chain.add(payload);
        if self.chain.0 != stated {
            return changed("its hash does not fit");
        }
        self.blocks += 1;
        Ok(Next::Block)
    }
}

/// Fills the buffer; `false` where the input ends before.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
