//! Changes of running strategies: swaps of their version and new values of live-tunable parameters.
//!
//! A change is made between two events. Whatever goes wrong with it leaves the strategy as it was, and is reported.

use std::sync::Arc;

use cryptobot_model::{StrategyId, Timestamp};

use crate::version::{Params, Version};

/// When a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first step at this time or later.
    Time(Timestamp),
    /// Before the next step once so many base bars, of all instruments together, have closed.
    Bars(u64),
    /// Before the next step.
    Next,
}

impl When {
    /// Changes that are due together are made in this order.
    fn order(&self) -> Timestamp {
        match self {
            Self::Time(at) => *at,
            Self::Bars(_) | Self::Next => Timestamp(i64::MIN),
        }
    }
}

/// What is changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// Another version takes over.
    Swap {
        /// The version, or why there is none.
        version: Result<Arc<Version>, String>,
        /// Values of parameters that it gets instead of the running ones.
        set: Params,
    },
    /// Live-tunable parameters get new values.
    Tune {
        /// The values.
        set: Params,
    },
}

/// A change that is asked for.
#[derive(Clone, Debug)]
pub struct ChangeRequest {
    /// Of which strategy.
    pub strategy: StrategyId,
    /// When.
    pub when: When,
    /// What.
    pub change: Change,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub struct ChangeReport {
    /// As it was asked for.
    pub request: ChangeRequest,
    /// The moment on the clock of events; `None` where the run ended before it.
    pub ts: Option<Timestamp>,
    /// What was done, or why everything stayed as it was.
    pub result: Result<Changed, String>,
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Size of the state that was moved.
    pub state_bytes: usize,
    /// Parameters of the old version that the new one does not have.
    pub dropped: Vec<String>,
}

/// Changes that are yet to be made, and what became of the others.
#[derive(Debug)]
pub(crate) struct Changes {
    waiting: Vec<ChangeRequest>,
    /// The first time and the first number of bars that one of them waits for.
    time: Timestamp,
    bars: u64,
    pub(crate) reports: Vec<ChangeReport>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { waiting: Vec::new(), time: Timestamp(i64::MAX), bars: u64::MAX, reports: Vec::new() }
    }
}

impl Changes {
    pub(crate) fn add(&mut self, request: ChangeRequest) {
        self.waiting.push(request);
        self.look_ahead();
    }

    /// Whether one is to be made before the step at `next`, after `bars` bars.
    #[inline]
    #[expect(clippy::needless_bitwise_bool, reason = "two comparisons, one branch")]
    pub(crate) fn are_due(&self, next: Timestamp, bars: u64) -> bool {
        // One branch in the loop over all bars, hardly ever taken.
        (next >= self.time) | (bars >= self.bars)
    }

    /// The first time that one of them waits for.
    pub(crate) fn next_time(&self) -> Timestamp {
        self.time
    }

    /// Steps of `markets` bars each, after `bars` bars, that can be made before one of them is due.
    pub(crate) fn rows_before(&self, bars: u64, markets: usize) -> u64 {
        // A division for every stretch is a noticeable part of a run, and mostly nothing waits.
        if self.bars == u64::MAX {
            return u64::MAX;
        }
        self.bars.saturating_sub(bars).div_ceil(markets.max(1) as u64)
    }

    /// Takes those that are due, in the order in which they are made.
    pub(crate) fn take_due(&mut self, next: Timestamp, bars: u64) -> Vec<ChangeRequest> {
        let due = |request: &mut ChangeRequest| match request.when {
            When::Time(at) => at <= next,
            When::Bars(count) => count <= bars,
            When::Next => true,
        };
        let mut taken: Vec<ChangeRequest> = self.waiting.extract_if(.., due).collect();
        taken.sort_by_key(|request| request.when.order());
        self.look_ahead();
        taken
    }

    /// The run is over: the rest is not made any more.
    pub(crate) fn end(&mut self) {
        for request in self.waiting.drain(..) {
            let result = Err("the run ended before it".to_owned());
            self.reports.push(ChangeReport { request, ts: None, result });
        }
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        (self.time, self.bars) = (Timestamp(i64::MAX), u64::MAX);
        for request in &self.waiting {
            match request.when {
                When::Time(at) => self.time = self.time.min(at),
                When::Bars(count) => self.bars = self.bars.min(count),
                When::Next => self.bars = 0,
            }
        }
    }
}
