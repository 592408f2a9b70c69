//! How long a script has been running.

use std::cell::Cell;
use std::time::{Duration, Instant};

use cryptobot_engine::{Fault, FaultKind};

/// Operations between two looks at the clock: a power of two.
const BETWEEN_LOOKS: u64 = 4_096;

/// The guard against scripts that hang, and the sum of what all calls took.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    since: Cell<Option<Instant>>,
    deadline: Cell<Duration>,
    /// All calls that are over.
    total: Cell<Duration>,
    most: Option<Duration>,
}

impl Watch {
    /// A guard that allows so much for all calls together.
    pub(crate) fn new(most_ms: Option<u64>) -> Self {
        Self { most: most_ms.map(Duration::from_millis), ..Self::default() }
    }

    /// A call begins.
    pub(crate) fn begin(&self, deadline_ms: u64) {
        self.deadline.set(Duration::from_millis(deadline_ms));
        self.since.set(Some(Instant::now()));
    }

    /// A call is over; a fault where all of them together took too long.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        self.total.set(self.total());
        self.since.set(None);
        self.check_total()
    }

    /// A call is going on; a fault where it takes too long.
    pub(crate) fn look(&self, operations: u64) -> Result<(), Fault> {
        let Some(since) = self.since.get().filter(|_| operations.is_multiple_of(BETWEEN_LOOKS)) else {
            return Ok(());
        };
        let deadline = self.deadline.get();
        if since.elapsed() > deadline {
            let message = format!("ran longer than {} ms", deadline.as_millis());
            return Err(Fault::new(FaultKind::Deadline, message));
        }
        self.check_total()
    }

    /// All calls so far.
    pub(crate) fn total(&self) -> Duration {
        self.total.get() + self.since.get().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Counts what another guard of the same instance has measured.
    pub(crate) fn carry_on(&self, other: &Self) {
        self.total.set(self.total() + other.total());
    }

    fn check_total(&self) -> Result<(), Fault> {
        match self.most {
            Some(most) if self.total() > most => {
                let message = format!("its calls took longer than {} ms together", most.as_millis());
                Err(Fault::new(FaultKind::TotalTime, message))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_add_up() {
        let watch = Watch::new(Some(10));
        for call in 0..1_000 {
            watch.begin(1_000);
            std::thread::sleep(Duration::from_millis(1));
            if let Err(fault) = watch.end() {
                assert_eq!((fault.kind, call > 0), (FaultKind::TotalTime, true), "{fault}");
                assert!(watch.total() > Duration::from_millis(10));
                let next = Watch::new(Some(10));
                next.carry_on(&watch);
                next.begin(1_000);
                assert_eq!(next.look(0).unwrap_err().kind, FaultKind::TotalTime);
                return;
            }
        }
        panic!("never stopped");
    }

    #[test]
    fn one_call_meets_its_deadline() {
        let watch = Watch::new(None);
        assert!(watch.look(0).is_ok(), "nothing runs");
        watch.begin(0);
        std::thread::sleep(Duration::from_millis(1));
        assert!(watch.look(1).is_ok(), "only from time to time");
        assert_eq!(watch.look(BETWEEN_LOOKS).unwrap_err().kind, FaultKind::Deadline);
        assert!(watch.end().is_ok());
    }
}
