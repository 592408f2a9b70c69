//! Hashing and writing blocks on a thread of their own.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::writer::{BUFFER_BYTES, Blocks, Chain, JournalHash};

/// Blocks that may wait for the writer before the run waits too.
const WAITING_BLOCKS: usize = 16;

/// Blocks on their way to a thread, which are the same there as they would be here.
#[derive(Debug)]
pub struct Background {
    full: SyncSender<(Vec<u8>, usize)>,
    empty: Receiver<Vec<u8>>,
    writer: JoinHandle<io::Result<JournalHash>>,
}

impl Background {
    pub(crate) fn start<W: Write + Send + 'static>(mut chain: Chain<W>) -> io::Result<Self> {
        let (full, blocks) = sync_channel(WAITING_BLOCKS);
        let (emptied, empty) = channel();
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            for (buffer, filled) in blocks {
                // Once the run is over nobody wants the buffer back.
                let _ = emptied.send(chain.take(buffer, filled));
            }
            chain.finish()
        })?;
        Ok(Self { full, empty, writer })
    }
}

impl Blocks for Background {
    fn take(&mut self, buffer: Vec<u8>, filled: usize) -> Vec<u8> {
        // The writer is there until `finish`: it keeps its errors for then.
        let _ = self.full.send((buffer, filled));
        self.empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER_BYTES])
    }

    fn finish(self) -> io::Result<JournalHash> {
        drop(self.full);
        self.writer.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}
