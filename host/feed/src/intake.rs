//! The place where what arrives gets its number.

use std::io::{self, Write};

use cryptobot_model::Timestamp;

use crate::message::{Arrival, Message};
use crate::tape::TapeWriter;

/// Numbers arrivals in their order, keeps the clock, and records them before anybody acts on them.
#[derive(Debug)]
pub struct Intake<W: Write> {
    tape: Option<TapeWriter<W>>,
    next: u64,
    clock: Timestamp,
}

impl<W: Write> Intake<W> {
    /// An intake that records onto `tape`, where there is one.
    pub const fn new(tape: Option<TapeWriter<W>>) -> Self {
        Self { tape, next: 0, clock: Timestamp(i64::MIN) }
    }

    /// Numbers an arrival and records it.
    ///
    /// # Errors
    /// The tape cannot be written: what is not on record must not have effects.
    pub fn admit(&mut self, arrival: Arrival) -> io::Result<Message> {
        let Arrival { ts_event, ts_init, input } = arrival;
        let message = Message { sequence: self.next, ts_event, ts_init, input };
        if let Some(tape) = &mut self.tape {
            tape.append(&message)?;
        }
        self.next += 1;
        self.clock = self.clock.max(ts_event);
        Ok(message)
    }

    /// The latest time of any message: late ones do not turn it back.
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Puts what is recorded so far where a killed process cannot lose it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.tape.as_mut().map_or(Ok(()), TapeWriter::flush)
    }

    /// Closes the tape.
    pub fn finish(self) -> io::Result<()> {
        self.tape.map_or(Ok(()), |tape| tape.finish().map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Input;

    #[test]
    fn late_messages_do_not_turn_the_clock_back() {
        let mut intake = Intake::<Vec<u8>>::new(None);
        let mut admit = |ts| intake.admit(Arrival::at(Timestamp(ts), Input::Clock)).unwrap().sequence;
        assert_eq!((admit(5), admit(3), admit(4)), (0, 1, 2));
        assert_eq!(intake.clock(), Timestamp(5));
    }
}
