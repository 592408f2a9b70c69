//! One-shot timers of all strategies.

use std::collections::{BTreeMap, BTreeSet};

use cryptobot_model::{StrategyId, Timestamp};

/// Timers in the order in which they are due: by time, strategy and number.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Timestamp, StrategyId, u32)>,
    set: BTreeMap<(StrategyId, u32), Timestamp>,
}

impl Timers {
    pub(crate) fn set(&mut self, strategy: StrategyId, id: u32, at: Timestamp) {
        self.cancel(strategy, id);
        self.set.insert((strategy, id), at);
        self.due.insert((at, strategy, id));
    }

    pub(crate) fn cancel(&mut self, strategy: StrategyId, id: u32) {
        if let Some(at) = self.set.remove(&(strategy, id)) {
            self.due.remove(&(at, strategy, id));
        }
    }

    pub(crate) fn cancel_all(&mut self, strategy: StrategyId) {
        let ids: Vec<u32> =
            self.set.range((strategy, 0)..=(strategy, u32::MAX)).map(|((_, id), _)| *id).collect();
        for id in ids {
            self.cancel(strategy, id);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// Timers a strategy has set.
    pub(crate) fn count(&self, strategy: StrategyId) -> usize {
        self.set.range((strategy, 0)..=(strategy, u32::MAX)).count()
    }

    /// Time of the first timer, overdue or not.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// Time of the first timer after `now`. Timers that are overdue go off with the next step of their strategy.
    pub(crate) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let after = (now.plus(1), StrategyId(0), 0);
        self.due.range(after..).next().map(|(at, _, _)| *at)
    }

    /// Whether a strategy has a timer at exactly that time.
    pub(crate) fn has_one_at(&self, strategy: StrategyId, at: Timestamp) -> bool {
        self.due.range((at, strategy, 0)..=(at, strategy, u32::MAX)).next().is_some()
    }

    /// Takes the timers that are due at `now`, with the times for which they were set.
    pub(crate) fn take_due(&mut self, now: Timestamp, into: &mut Vec<(Timestamp, StrategyId, u32)>) {
        while let Some((at, strategy, id)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.pop_first();
            self.set.remove(&(strategy, id));
            into.push((at, strategy, id));
        }
    }
}
