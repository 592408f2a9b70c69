//! Hashing and writing blocks on a thread of their own.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::writer::{BUFFER_BYTES, Blocks, Chain, JournalHash};

/// Blocks that go to the writer together. It sleeps between them, and to wake it takes a run longer than to encode many
/// an entry.
const TOGETHER: usize = 4;

/// So many times such blocks may wait for the writer before the run waits too.
const WAITING: usize = 4;

/// A buffer, so many bytes of which are a block.
type Block = (Vec<u8>, usize);

/// What the thread is told.
#[derive(Debug)]
enum Told {
    Blocks(Vec<Block>),
    /// What there is of the next block.
    Part(Vec<u8>),
}

/// The way to the thread.
#[derive(Debug)]
struct Sender {
    /// Blocks that have not gone there.
    waiting: Vec<Block>,
    full: SyncSender<Told>,
}

impl Sender {
    fn take(&mut self, block: Block) {
        self.waiting.push(block);
        if self.waiting.len() == TOGETHER {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if !self.waiting.is_empty() {
            let blocks = std::mem::replace(&mut self.waiting, Vec::with_capacity(TOGETHER));
            // The writer is there until `finish`: it keeps its errors for then.
            let _ = self.full.send(Told::Blocks(blocks));
        }
    }

    fn show(&mut self, part: &[u8]) {
        self.hand_over();
        if !part.is_empty() {
            let _ = self.full.send(Told::Part(part.to_vec()));
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Blocks on their way to a thread, which are the same there as they would be here.
#[derive(Debug)]
pub struct Background {
    sender: Sender,
    empty: Receiver<Vec<u8>>,
    writer: JoinHandle<io::Result<JournalHash>>,
}

impl Background {
    /// `show` writes a part of a block, where that can be done.
    pub(crate) fn start<W: Write + Send + 'static>(
        mut chain: Chain<W>,
        show: fn(&mut Chain<W>, &[u8]),
    ) -> io::Result<Self> {
        let (full, blocks) = sync_channel(WAITING);
        let (emptied, empty) = channel();
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            for told in blocks {
                match told {
                    Told::Blocks(blocks) => {
                        for (buffer, filled) in blocks {
                            // Once the run is over nobody wants the buffer back.
                            drop(emptied.send(chain.take(buffer, filled)));
                        }
                    }
                    Told::Part(part) => show(&mut chain, &part),
                }
            }
            chain.finish()
        })?;
        Ok(Self { sender: Sender { waiting: Vec::with_capacity(TOGETHER), full }, empty, writer })
    }
}

impl Blocks for Background {
    fn take(&mut self, buffer: Vec<u8>, filled: usize) -> Vec<u8> {
        self.sender.take((buffer, filled));
        self.empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER_BYTES])
    }

    fn show(&mut self, part: &[u8]) {
        self.sender.show(part);
    }

    fn finish(self) -> io::Result<JournalHash> {
        drop(self.sender);
        self.writer.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::verify;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Cursor<Vec<u8>>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Three blocks that wait, for a file.
    fn waiting(file: &Shared) -> Background {
        let mut blocks = Background::start(Chain::new(file.clone()), |_, _| ()).unwrap();
        for _ in 1..TOGETHER {
            blocks.take(vec![1; BUFFER_BYTES], 7);
        }
        blocks
    }

    fn has_them(file: &Shared) -> bool {
        (0..2_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            verify(file.0.lock().unwrap().get_ref().as_slice()).is_ok_and(|found| found.blocks == 3)
        })
    }

    #[test]
    fn whole_blocks_are_shown_where_none_was_begun() {
        let file = Shared::default();
        let mut blocks = waiting(&file);
        blocks.show(&[]);
        assert!(has_them(&file));
        blocks.finish().unwrap();
    }

    #[test]
    fn a_journal_that_is_given_up_keeps_its_whole_blocks() {
        let file = Shared::default();
        drop(waiting(&file));
        assert!(has_them(&file));
    }
}
