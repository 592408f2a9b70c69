//! How often something happens, by event time.

use std::mem;

use cryptobot_model::{PluginLimits, Timestamp};

use crate::desk::DeskLimits;
use crate::fault::{Fault, FaultKind};

const MINUTE_NANOS: i64 = 60_000_000_000;

/// Counts what happens in the current minute of event time. Minutes are those of the clock: what a strategy may do in a
/// minute does not depend on when it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerMinute {
    minute: i64,
    count: usize,
}

impl PerMinute {
    /// Counts one more at `now`; `false` where that is more than `most` in this minute.
    pub(crate) fn take(&mut self, now: Timestamp, most: usize) -> bool {
        let minute = now.0.div_euclid(MINUTE_NANOS);
        if minute != self.minute {
            *self = Self { minute, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= most
    }
}

/// What a strategy has asked for in the current minute of event time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    orders: PerMinute,
    timers: PerMinute,
    log_lines: PerMinute,
    /// The time is not known: what is asked for is counted later.
    waits: bool,
    waiting_orders: usize,
    waiting_timers: usize,
}

impl Rates {
    /// From now on the time is known again.
    pub(crate) fn go_on(&mut self) {
        self.waits = false;
    }

    /// From now on the time is not known.
    pub(crate) fn wait(&mut self) {
        self.waits = true;
    }

    /// Counts at `now` what was asked for at a time that was not known.
    pub(crate) fn catch_up(&mut self, now: Timestamp, limits: &DeskLimits) -> Result<(), Fault> {
        let (orders, timers) = (mem::take(&mut self.waiting_orders), mem::take(&mut self.waiting_timers));
        (0..orders).try_for_each(|_| self.order(now, limits))?;
        (0..timers).try_for_each(|_| self.timer(now, limits))
    }

    /// One more order or cancel.
    pub(crate) fn order(&mut self, now: Timestamp, limits: &DeskLimits) -> Result<(), Fault> {
        if self.waits {
            self.waiting_orders += 1;
            return Ok(());
        }
        let most = limits.intents_per_minute;
        within(self.orders.take(now, most), FaultKind::OrderFlood, most, "orders and cancels")
    }

    /// One more timer call.
    pub(crate) fn timer(&mut self, now: Timestamp, limits: &DeskLimits) -> Result<(), Fault> {
        if self.waits {
            self.waiting_timers += 1;
            return Ok(());
        }
        let most = limits.timers_per_minute;
        within(self.timers.take(now, most), FaultKind::TimerFlood, most, "timer calls")
    }

    /// One more log line.
    pub(crate) fn log_line(&mut self, now: Timestamp, limits: &DeskLimits) -> Result<(), Fault> {
        let most = limits.log_lines_per_minute;
        within(self.log_lines.take(now, most), FaultKind::LogFlood, most, "log lines")
    }
}

fn within(allowed: bool, kind: FaultKind, most: usize, what: &str) -> Result<(), Fault> {
    if allowed {
        return Ok(());
    }
    Err(Fault::new(kind, format!("more than {most} {what} in one minute")))
}

impl DeskLimits {
    /// These limits with those that are stated in their place.
    #[must_use]
    pub fn with(self, stated: &PluginLimits) -> Self {
        let or = |stated: Option<u64>, usual| stated.map_or(usual, |most| most as usize);
        Self {
            intents: or(stated.orders_per_callback, self.intents),
            intents_per_minute: or(stated.orders_per_minute, self.intents_per_minute),
            log_lines: or(stated.log_lines_per_callback, self.log_lines),
            log_lines_per_minute: or(stated.log_lines_per_minute, self.log_lines_per_minute),
            timers: or(stated.timers, self.timers),
            timers_per_minute: or(stated.timers_per_minute, self.timers_per_minute),
            state_bytes: stated.state_kib.map_or(self.state_bytes, |kib| (kib << 10) as usize),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minute_counts_anew() {
        let mut rate = PerMinute::default();
        let at = |seconds: i64| Timestamp(seconds * 1_000_000_000);
        assert!((0..3).all(|_| rate.take(at(59), 3)));
        assert!(!rate.take(at(59), 3));
        assert!(rate.take(at(60), 3));
        assert!(!rate.take(at(60), 0));
        assert!(rate.take(at(-1), 1), "times before 1970 have minutes too");
    }

    type Take = fn(&mut Rates, Timestamp, &DeskLimits) -> Result<(), Fault>;

    #[test]
    fn floods_of_a_minute_are_faults_of_their_kind() {
        let limits = DeskLimits {
            intents_per_minute: 1,
            timers_per_minute: 1,
            log_lines_per_minute: 1,
            ..DeskLimits::default()
        };
        let all: [(Take, FaultKind); 3] = [
            (Rates::order, FaultKind::OrderFlood),
            (Rates::timer, FaultKind::TimerFlood),
            (Rates::log_line, FaultKind::LogFlood),
        ];
        let mut rates = Rates::default();
        for (take, kind) in all {
            take(&mut rates, Timestamp(1), &limits).unwrap();
            let fault = take(&mut rates, Timestamp(2), &limits).unwrap_err();
            assert_eq!(fault.kind, kind);
            assert!(fault.message.starts_with("more than 1 "), "{fault}");
            take(&mut rates, Timestamp(MINUTE_NANOS), &limits).unwrap();
        }
    }

    #[test]
    fn what_waits_counts_in_the_minute_that_it_is_given() {
        let limits = DeskLimits { intents_per_minute: 2, timers_per_minute: 2, ..DeskLimits::default() };
        let (first, second) = (Timestamp(0), Timestamp(MINUTE_NANOS));
        for (take, kind) in
            [(Rates::order as Take, FaultKind::OrderFlood), (Rates::timer, FaultKind::TimerFlood)]
        {
            let mut rates = Rates::default();
            (0..2).for_each(|_| take(&mut rates, first, &limits).unwrap());
            rates.wait();
            (0..2).for_each(|_| take(&mut rates, first, &limits).unwrap());
            rates.go_on();
            rates.catch_up(second, &limits).unwrap();
            rates.catch_up(second, &limits).unwrap();
            assert_eq!(take(&mut rates, second, &limits).unwrap_err().kind, kind, "all were counted, once");
            rates.wait();
            (0..3).for_each(|_| take(&mut rates, second, &limits).unwrap());
            rates.go_on();
            assert_eq!(rates.catch_up(Timestamp(2 * MINUTE_NANOS), &limits).unwrap_err().kind, kind);
        }
    }

    #[test]
    fn stated_limits_replace_usual_ones() {
        let stated = PluginLimits { timers: Some(3), state_kib: Some(2), ..PluginLimits::default() };
        let expected = DeskLimits { timers: 3, state_bytes: 2_048, ..DeskLimits::default() };
        assert_eq!(DeskLimits::default().with(&stated), expected);
    }
}
