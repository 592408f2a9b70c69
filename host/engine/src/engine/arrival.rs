//! Runs whose data arrive while they go on.
//!
//! Sources hand out what has arrived so far, and nothing more. Whoever drives the engine says up to which time
//! everything has arrived; the steps up to there are those that a run over the complete data makes.

use cryptobot_model::{FundingRate, InstrumentId, Price, Timestamp};

use super::{Engine, EngineError, Progress};
use crate::feed::NEVER;
use crate::overrun::Calls;
use crate::recorder::Recorder;
use crate::slot::Slot;
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    /// Makes the steps up to `until`, by when everything has arrived that happened. Steps at `until` itself are made as
    /// long as bars close at it: what else is due then waits until time goes on, since a run ends with its last bar.
    ///
    /// # Errors
    /// A source failed.
    pub fn advance_to(&mut self, until: Timestamp, recorder: &mut dyn Recorder) -> Result<(), EngineError> {
        self.next_close = NEVER;
        for market in &mut self.markets {
            market.look_again()?;
            self.next_close = self.next_close.min(market.next_close);
        }
        while let Some(mut at) = self.due().filter(|at| *at < until || self.next_close <= until) {
            if self.changes.are_due(at, self.bars) {
                self.make_changes(at, recorder);
                // A version that took over may have set a timer.
                at = self.due().unwrap_or(at);
            }
            self.step(at, recorder)?;
        }
        Ok(())
    }

    /// When the next step is due by what is known now.
    pub fn due(&self) -> Option<Timestamp> {
        Some(self.next_step()).filter(|at| *at != NEVER)
    }

    /// Counts the calls of each strategy, so that the ones that take too long can be told and repeated. To be called
    /// before the run.
    #[must_use]
    pub fn with_calls(mut self, calls: &[Calls]) -> Self {
        let mut calls = calls.iter();
        let watched = |slot: Slot| match calls.next() {
            Some(calls) => slot.with_calls(calls.clone()),
            None => slot,
        };
        self.slots = self.slots.into_iter().map(watched).collect();
        self
    }

    /// How far the run is.
    pub const fn progress(&self) -> Progress {
        Progress { now: self.now, bars: self.bars }
    }

    /// Whether all strategies were stopped for good and have nothing left.
    pub fn is_over(&self) -> bool {
        self.slots.iter().all(Slot::is_over)
    }

    /// A funding rate has become known; one of an instrument follows the other in time.
    pub fn expect_funding(&mut self, instrument: InstrumentId, funding: FundingRate) {
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.funding.insert(0, funding);
            self.next_funding = self.next_funding.min(market.next_funding());
        }
    }

    /// The mark price at this time: the open of a bar that is yet to close.
    pub fn tell_mark(&mut self, instrument: InstrumentId, ts: Timestamp, price: Price) {
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.opening = Some((ts, price));
        }
    }
}
