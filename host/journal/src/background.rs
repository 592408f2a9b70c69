//! Hashing and writing blocks on a thread of their own.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::writer::{BUFFER_BYTES, Blocks, Chain, JournalHash};

/// Blocks that may wait for the writer before the run waits too.
const WAITING_BLOCKS: usize = 16;

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// A buffer, so many bytes of which are a block.
    Block(Vec<u8>, usize),
    /// What there is of the next block.
    Part(Vec<u8>),
}

/// Blocks on their way to a thread, which are the same there as they would be here.
#[derive(Debug)]
pub struct Background {
    full: SyncSender<Told>,
    empty: Receiver<Vec<u8>>,
    writer: JoinHandle<io::Result<JournalHash>>,
}

impl Background {
    /// `show` writes a part of a block, where that can be done.
    pub(crate) fn start<W: Write + Send + 'static>(
        mut chain: Chain<W>,
        show: fn(&mut Chain<W>, &[u8]),
    ) -> io::Result<Self> {
        let (full, blocks) = sync_channel(WAITING_BLOCKS);
        let (emptied, empty) = channel();
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            for told in blocks {
                match told {
                    // Once the run is over nobody wants the buffer back.
                    Told::Block(buffer, filled) => drop(emptied.send(chain.take(buffer, filled))),
                    Told::Part(part) => show(&mut chain, &part),
                }
            }
            chain.finish()
        })?;
        Ok(Self { full, empty, writer })
    }
}

impl Blocks for Background {
    fn take(&mut self, buffer: Vec<u8>, filled: usize) -> Vec<u8> {
        // The writer is there until `finish`: it keeps its errors for then.
        let _ = self.full.send(Told::Block(buffer, filled));
        self.empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER_BYTES])
    }

    fn show(&mut self, part: &[u8]) {
        let _ = self.full.send(Told::Part(part.to_vec()));
    }

    fn finish(self) -> io::Result<JournalHash> {
        drop(self.full);
        self.writer.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}
