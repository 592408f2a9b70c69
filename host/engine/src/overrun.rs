//! Calls that took longer than they may: the one thing about a strategy that depends on the machine.
//!
//! In a run that is to be repeated such a call counts as not made: what it asked for is forgotten, random numbers and
//! ids are set back, and its number is written down. In the repetition the call with that number is not made, and
//! fails in the same way.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptobot_model::{Bar, ClosedTrade, OrderEvent, SeriesId, Timestamp};

use crate::desk::Desk;
use crate::fault::{Fault, FaultKind, Resources};
use crate::strategy::Strategy;
use crate::version::Params;

/// A call that took too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// Its number, from 0, over all calls into a strategy, of all its instances.
    pub call: u64,
    /// Whether all calls together took too long; else this one.
    pub total: bool,
    /// The message of the fault.
    pub message: String,
}

impl Overrun {
    fn fault(&self) -> Fault {
        let kind = if self.total { FaultKind::TotalTime } else { FaultKind::Deadline };
        Fault::new(kind, self.message.clone())
    }
}

#[derive(Debug, Default)]
struct Counted {
    made: u64,
    to_repeat: BTreeMap<u64, Overrun>,
    new: Vec<Overrun>,
}

/// The calls into one strategy, of all its instances.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Counted>>);

impl Calls {
    /// Calls of which these are not made, because they took too long in an earlier run.
    pub fn repeating(overruns: impl IntoIterator<Item = Overrun>) -> Self {
        let to_repeat = overruns.into_iter().map(|overrun| (overrun.call, overrun)).collect();
        Self(Arc::new(Mutex::new(Counted { to_repeat, ..Counted::default() })))
    }

    /// The calls that took too long since this was asked last; not those that are repeated.
    pub fn take_new(&self) -> Vec<Overrun> {
        take(&mut self.lock().new)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A strategy whose calls are counted.
pub(crate) struct Watched {
    inner: Box<dyn Strategy>,
    calls: Calls,
}

impl Watched {
    pub(crate) fn new(inner: Box<dyn Strategy>, calls: Calls) -> Self {
        Self { inner, calls }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Strategy) -> Result<T, Fault>) -> Result<T, Fault> {
        let number = {
            let mut counted = self.calls.lock();
            let number = counted.made;
            counted.made += 1;
            if let Some(overrun) = counted.to_repeat.get(&number) {
                return Err(overrun.fault());
            }
            number
        };
        let before = self.inner.desk().before();
        let result = call(self.inner.as_mut());
        if let Err(fault) = &result
            && fault.kind.is_of_wall_time()
        {
            self.inner.desk().forget_since(&before);
            let (total, message) = (fault.kind == FaultKind::TotalTime, fault.message.clone());
            self.calls.lock().new.push(Overrun { call: number, total, message });
        }
        result
    }
}

impl Strategy for Watched {
    fn desk(&mut self) -> &mut Desk {
        self.inner.desk()
    }

    fn init(&mut self) -> Result<(), Fault> {
        self.call(|inner| inner.init())
    }

    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.call(|inner| inner.on_bar(series, bar))
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        self.call(|inner| inner.on_order(event))
    }

    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        self.call(|inner| inner.on_position_close(series, trade))
    }

    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.call(|inner| inner.on_timer(id, now))
    }

    fn stop(&mut self) -> Result<(), Fault> {
        self.call(|inner| inner.stop())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.call(|inner| inner.snapshot())
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.call(|inner| inner.restore(state_version, state))
    }

    fn tune(&mut self, params: &Params) -> Result<(), Fault> {
        self.call(|inner| inner.tune(params))
    }

    fn resources(&mut self) -> Resources {
        self.inner.resources()
    }

    fn into_remains(self: Box<Self>) -> Option<Box<dyn Send>> {
        self.inner.into_remains()
    }
}
