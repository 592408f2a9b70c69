//! Checking a journal's chain.

use std::io::{self, Read};

use crate::writer::JournalHash;
use crate::{BLOCK_BYTES, HASH_BYTES, MAGIC};

/// A journal whose chain is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its hash.
    pub hash: JournalHash,
    /// Number of blocks.
    pub blocks: u64,
    /// Bytes of entries.
    pub bytes: u64,
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error("cannot read the journal: {0}")]
    Read(#[from] io::Error),
    /// It does not begin like a journal of this version.
    #[error("not a journal of this version of the host")]
    NotAJournal,
    /// It ends inside a block.
    #[error("the journal ends inside block {block}: it was cut off")]
    CutOff {
        /// Number of the block, from 1.
        block: u64,
    },
    /// A block does not have the hash it states.
    #[error("block {block} was changed: its hash does not fit")]
    Changed {
        /// Number of the block, from 1.
        block: u64,
    },
}

/// Reads a journal and checks every hash of its chain.
pub fn verify(input: impl Read) -> Result<Verified, VerifyError> {
    let mut blocks = BlockReader::new(input)?;
    let mut block = Vec::new();
    while blocks.read(&mut block)? {}
    Ok(blocks.verified())
}

/// The blocks of a journal, checked one by one.
#[derive(Debug)]
pub(crate) struct BlockReader<R> {
    input: R,
    verified: Verified,
}

impl<R: Read> BlockReader<R> {
    pub(crate) fn new(mut input: R) -> Result<Self, VerifyError> {
        let mut magic = [0; MAGIC.len()];
        if read_up_to(&mut input, &mut magic)? < magic.len() || magic != *MAGIC {
            return Err(VerifyError::NotAJournal);
        }
        Ok(Self { input, verified: Verified { hash: JournalHash::start(), blocks: 0, bytes: 0 } })
    }

    /// The blocks read so far.
    pub(crate) fn verified(&self) -> Verified {
        self.verified
    }

    /// Replaces `block` with the entries of the next one; `false` at the end.
    pub(crate) fn read(&mut self, block: &mut Vec<u8>) -> Result<bool, VerifyError> {
        let mut length = [0; 4];
        let number = self.verified.blocks + 1;
        match read_up_to(&mut self.input, &mut length)? {
            0 => return Ok(false),
            4 => {}
            _ => return Err(VerifyError::CutOff { block: number }),
        }
        let length = u32::from_le_bytes(length) as usize;
        // A block exceeds its size by less than its last entry.
        if length > 2 * BLOCK_BYTES {
            return Err(VerifyError::Changed { block: number });
        }
        block.resize(length, 0);
        let mut stated = [0; HASH_BYTES];
        if read_up_to(&mut self.input, block)? < length
            || read_up_to(&mut self.input, &mut stated)? < HASH_BYTES
        {
            return Err(VerifyError::CutOff { block: number });
        }
        self.verified.hash = self.verified.hash.chain(block);
        if self.verified.hash.0 != stated {
            return Err(VerifyError::Changed { block: number });
        }
        self.verified.blocks = number;
        self.verified.bytes += length as u64;
        Ok(true)
    }
}

/// Reads until `buffer` is full or the input ends; returns how much was read.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use cryptobot_engine::Entry;
    use cryptobot_model::{Money, StrategyId, Timestamp};

    use super::*;
    use crate::{Blocks, JournalWriter};

    fn journal(entries: i64) -> (Vec<u8>, JournalHash) {
        let mut bytes = Vec::new();
        let hash = filled(JournalWriter::new(&mut bytes), entries);
        (bytes, hash)
    }

    fn filled<B: Blocks>(mut writer: JournalWriter<B>, entries: i64) -> JournalHash {
        for ts in 0..entries {
            let wallet = Money::from_f64(ts as f64).unwrap();
            writer.append(&Entry::Wallet { ts: Timestamp(ts), strategy: StrategyId(0), wallet });
        }
        writer.finish().unwrap()
    }

    #[test]
    fn a_thread_writes_the_same_bytes() {
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = JournalWriter::in_background(Shared(Arc::clone(&written))).unwrap();
        let hash = filled(writer, 200_000);
        assert!((&*written.lock().unwrap(), hash) == (&journal(200_000).0, journal(200_000).1));
    }

    #[test]
    fn what_was_shown_can_be_read_and_changes_nothing() {
        /// A file that is read while it is written.
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<io::Cursor<Vec<u8>>>>);
        impl io::Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl io::Seek for Shared {
            fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
                self.0.lock().unwrap().seek(to)
            }
        }
        let file = Shared::default();
        let mut writer = JournalWriter::growing(file.clone()).unwrap();
        for ts in 0..20_000 {
            let wallet = Money::from_f64(ts as f64).unwrap();
            writer.append(&Entry::Wallet { ts: Timestamp(ts), strategy: StrategyId(0), wallet });
            if ts % 1_777 != 0 {
                continue;
            }
            writer.show();
            let expected = journal(ts + 1).1;
            let read = || verify(file.0.lock().unwrap().get_ref().as_slice()).map(|verified| verified.hash);
            let is_shown = |_| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                read().unwrap() == expected
            };
            assert!((0..10_000).any(is_shown), "{ts} entries are not shown");
        }
        let (bytes, hash) = journal(20_000);
        assert_eq!(writer.finish().unwrap(), hash);
        assert!(*file.0.lock().unwrap().get_ref() == bytes);
    }

    #[test]
    fn what_was_written_verifies() {
        let (bytes, hash) = journal(20_000);
        let verified = verify(&bytes[..]).unwrap();
        assert_eq!(verified.hash, hash);
        assert!(verified.blocks > 1);
        assert_eq!(verify(&journal(0).0[..]).unwrap().blocks, 0);
    }

    #[test]
    fn every_changed_byte_is_found() {
        let (bytes, _) = journal(20_000);
        for index in (0..bytes.len()).step_by(1_009) {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(verify(&changed[..]).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_cut_is_found_unless_it_is_between_blocks() {
        let (bytes, _) = journal(20_000);
        assert!(matches!(verify(&bytes[..bytes.len() - 1]), Err(VerifyError::CutOff { .. })));
        assert!(matches!(verify(&bytes[..4]), Err(VerifyError::NotAJournal)));
    }

    #[test]
    fn a_full_disk_is_reported_at_the_end() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = JournalWriter::new(Full).finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let error = JournalWriter::in_background(Full).unwrap().finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
