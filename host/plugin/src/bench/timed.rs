//! A strategy with a stopwatch on each of its callbacks.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use cryptobot_engine::{Desk, Fault, Resources, Strategy};
use cryptobot_model::{Bar, ClosedTrade, OrderEvent, SeriesId, Timestamp};

/// Readings that are made to find what one costs.
const READINGS: u32 = 10_000;

/// Calls of one callback and the time in them, ns; the reading of the clock is in it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    calls: Cell<u64>,
    ns: Cell<f64>,
}

impl Watch {
    fn time<R>(&self, call: impl FnOnce() -> R) -> R {
        let begun = Instant::now();
        let result = call();
        self.ns.set(self.ns.get() + begun.elapsed().as_secs_f64() * 1e9);
        self.calls.set(self.calls.get() + 1);
        result
    }

    /// Calls, and ns of one call without the clock's own cost; `None` without a call.
    pub(super) fn reading(&self, clock_ns: f64) -> Option<(u64, f64)> {
        let calls = self.calls.get();
        (calls > 0).then(|| (calls, (self.ns.get() / calls as f64 - clock_ns).max(0.0)))
    }
}

/// What reading the clock adds to a measured call, ns.
pub(super) fn clock_ns() -> f64 {
    let watch = Watch::default();
    for _ in 0..READINGS {
        watch.time(|| ());
    }
    watch.ns.get() / f64::from(READINGS)
}

/// A stopwatch for each callback.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub(super) init: Watch,
    pub(super) on_bar: Watch,
    pub(super) on_order: Watch,
    pub(super) on_position_close: Watch,
    pub(super) on_timer: Watch,
    pub(super) stop: Watch,
}

/// The strategy behind its watches.
pub(super) struct Timed {
    pub(super) inner: Box<dyn Strategy>,
    pub(super) watches: Rc<Watches>,
}

impl Strategy for Timed {
    fn desk(&mut self) -> &mut Desk {
        self.inner.desk()
    }

    fn init(&mut self) -> Result<(), Fault> {
        self.watches.init.time(|| self.inner.init())
    }

    fn on_bar(&mut self, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.watches.on_bar.time(|| self.inner.on_bar(series, bar))
    }

    fn on_order(&mut self, event: &OrderEvent) -> Result<(), Fault> {
        self.watches.on_order.time(|| self.inner.on_order(event))
    }

    fn on_position_close(&mut self, series: SeriesId, trade: &ClosedTrade) -> Result<(), Fault> {
        self.watches.on_position_close.time(|| self.inner.on_position_close(series, trade))
    }

    fn on_timer(&mut self, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.watches.on_timer.time(|| self.inner.on_timer(id, now))
    }

    fn stop(&mut self) -> Result<(), Fault> {
        self.watches.stop.time(|| self.inner.stop())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, Fault> {
        self.inner.snapshot()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), Fault> {
        self.inner.restore(state_version, state)
    }

    fn resources(&mut self) -> Resources {
        self.inner.resources()
    }
}
