//! Limits over time: what happens when a trading state changes.

use cryptobot_model::InstrumentId;
use cryptobot_risk::{Limits, RiskEngine, StateChange, StrategyLimits, TradingState};

use super::Engine;
use crate::recorder::{Entry, Recorder};
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    /// Puts limits between the strategies and the venue; `own` has the limits of each strategy. Without a call only what
    /// the exchange itself enforces is checked. To be called before the run.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits, own: &[StrategyLimits]) -> Self {
        self.risk = RiskEngine::new(limits, self.slots.len(), self.markets.len());
        for (slot, own) in self.slots.iter().zip(own) {
            self.risk.set_strategy(slot.id, *own);
        }
        self
    }

    /// Shows the bars of this step to the limits.
    #[inline(never)]
    pub(super) fn watch_bars(&mut self, recorder: &mut dyn Recorder) {
        for position in 0..self.due.len() {
            let index = self.due[position];
            let bar = self.markets[index].feed.newest().bar;
            if let Some(change) = self.risk.on_bar(InstrumentId::from(index), self.now, &bar) {
                self.follow_state(&change, recorder);
            }
        }
    }

    /// Compares the equities after a mark with the limits.
    #[inline(never)]
    pub(super) fn watch_equity(&mut self, recorder: &mut dyn Recorder) {
        let portfolio = self.equities.iter().sum();
        let changes = self.risk.on_equity(self.now, portfolio, &self.equities).to_vec();
        for change in changes {
            self.follow_state(&change, recorder);
        }
    }

    /// Records a change of state and does what follows from it.
    pub(super) fn follow_state(&mut self, change: &StateChange, recorder: &mut dyn Recorder) {
        follow_state(&self.risk, &mut self.venue, change, recorder);
    }
}

/// Records a change of state; a halt cancels the orders that could open or enlarge a position.
#[inline(never)]
pub(super) fn follow_state(
    risk: &RiskEngine,
    venue: &mut impl Venue,
    change: &StateChange,
    recorder: &mut dyn Recorder,
) {
    recorder.entry(&Entry::State(change));
    if change.to == TradingState::Halted {
        for order in risk.entry_orders(change.scope) {
            venue.cancel(order.instrument, order.id, change.ts);
        }
    }
}
