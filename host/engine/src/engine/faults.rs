//! After a fault: the strategy is stopped, what it has is treated as declared, and a fresh instance may take over.
//!
//! The host does all of it itself, in the step of the fault and, as news of the orders comes in, in later ones: an order
//! that was under way when the strategy was stopped can still be filled before its cancel arrives.

use cryptobot_model::{InstrumentId, OrderId, OrderKind, OrderTerms, Quantity, SeriesId, Side};
use cryptobot_risk::Exposure;

use super::Engine;
use super::orders::Wish;
use crate::fault::{Fault, GuestCall, Resources};
use crate::recorder::{Entry, Recorder};
use crate::setup::OnFault;
use crate::slot::OpenOrder;
use crate::succession::take_over;
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    /// Stops a strategy: it is not called again, what it asked for in the callback that failed is not sent, and its
    /// orders and positions are treated as its policy says.
    #[cold]
    pub(super) fn quarantine(&mut self, index: usize, mut fault: Fault, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        if !slot.is_active() {
            return;
        }
        let call = *fault.call.get_or_insert(self.calling);
        let (orders, log_lines) = slot.strategy.desk().discard_requests();
        let orders = orders + self.handling;
        fault.detail.used = Resources { orders, log_lines, ..slot.strategy.resources() };
        recorder.entry(&Entry::Fault { ts: self.now, strategy: slot.id, fault: &fault });
        self.timers.cancel_all(slot.id);
        self.faults.push((slot.id, fault.clone()));
        slot.stop(fault);
        if call == GuestCall::Stop {
            return;
        }
        if slot.origin.is_some() {
            slot.custody.plan(self.now);
            self.next_event = self.next_event.min(slot.custody.restart_at);
        }
        self.withdraw(index);
        self.look_after(index, recorder);
    }

    /// Lets fresh instances take over from those whose time has come.
    #[cold]
    pub(super) fn restart_due(&mut self, recorder: &mut dyn Recorder) {
        for index in 0..self.slots.len() {
            if self.slots[index].custody.restart_at <= self.now {
                self.restart(index, recorder);
            }
        }
    }

    /// A fresh instance of the same version with the same parameters takes over: it begins with the account, the orders,
    /// the bars and the indicators as they are. Where it does not come up, that is the next fault.
    fn restart(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        slot.custody.restarted(self.now);
        let Some(origin) = slot.origin.clone() else { return };
        let result = match (origin.version.make)(&origin.params) {
            Ok(heir) => {
                let heir = slot.heir(heir);
                let (left, result) = take_over(&mut slot.strategy, heir, &origin.version, None, self.now);
                self.retire(index, left);
                result
            }
            Err(fault) => Err(fault),
        };
        let slot = &mut self.slots[index];
        slot.resume();
        recorder.entry(&Entry::Restart { ts: self.now, strategy: slot.id });
        let asked = result.map(|()| slot.asked());
        self.finish_callback(index, GuestCall::Init, asked, recorder);
        self.slots[index].strategy.desk().accepting = true;
    }

    /// Cancels the orders that the policy does not keep.
    fn withdraw(&mut self, index: usize) {
        let slot = &self.slots[index];
        let keeps_stops = slot.custody.policy.on_fault == OnFault::KeepStops;
        for order in slot.open.iter().filter(|order| !(keeps_stops && order.reduces())) {
            self.venue.cancel(order.instrument, order.id, self.now);
        }
    }

    /// What the policy asks for besides the cancels: at once, and whenever something became of the orders of a stopped
    /// strategy.
    #[cold]
    pub(super) fn look_after(&mut self, index: usize, recorder: &mut dyn Recorder) {
        self.slots[index].news.clear();
        match self.slots[index].custody.policy.on_fault {
            OnFault::Flatten => self.flatten(index, recorder),
            OnFault::KeepStops => self.withdraw_idle_stops(index),
            OnFault::CancelAndHold => {}
        }
    }

    /// Closes at the market what is held and not being closed already.
    pub(super) fn flatten(&mut self, index: usize, recorder: &mut dyn Recorder) {
        for market in 0..self.markets.len() {
            let instrument = InstrumentId::from(market);
            let held = self.slots[index].account.position(instrument).quantity();
            let side = if held.signum() > 0 { Side::Sell } else { Side::Buy };
            let closes = |order: &&OpenOrder| {
                order.instrument == instrument
                    && order.request.side == side
                    && order.is_market()
                    && order.reduces()
            };
            let closing: Quantity =
                self.slots[index].open.iter().filter(closes).map(|order| order.remaining).sum();
            let most = self.markets[market].instrument.terms.market_max_quantity;
            let mut missing = held.abs() - closing;
            while missing > Quantity::ZERO {
                let part = most.map_or(missing, |most| missing.min(most));
                if !self.close(index, instrument, side, part, recorder) {
                    break;
                }
                missing -= part;
            }
        }
    }

    /// Sends the order that closes a part of a position; tells whether it was sent.
    fn close(
        &mut self,
        index: usize,
        instrument: InstrumentId,
        side: Side,
        quantity: Quantity,
        recorder: &mut dyn Recorder,
    ) -> bool {
        let desk = self.slots[index].strategy.desk();
        let Some(series) = desk.series().iter().find(|series| series.instrument == instrument) else {
            return false;
        };
        let (series, id): (SeriesId, OrderId) = (series.id, desk.next_id());
        recorder.entry(&Entry::Closing { ts: self.now, id });
        let quantity = quantity.to_f64();
        let terms = OrderTerms::REDUCE_ONLY;
        let wish = Wish { id, series, side, quantity, kind: OrderKind::Market, terms, stop: None };
        let exposure = self.slots[index].exposure(instrument, &self.prices, &self.marks);
        // It is sent however many orders are open.
        let exposure = Exposure { open_orders: 0, ..exposure };
        let sent = self.decide(index, instrument, &exposure, &wish, recorder).is_some();
        self.slots[index].refresh_pending(instrument);
        sent
    }

    /// Cancels what protected a position that is gone and that no order under way can open again.
    fn withdraw_idle_stops(&mut self, index: usize) {
        let slot = &self.slots[index];
        let opens = |instrument: InstrumentId| {
            slot.open.iter().any(|order| order.instrument == instrument && !order.reduces())
        };
        for order in &slot.open {
            let flat = slot.account.position(order.instrument).quantity().is_zero();
            if flat && !opens(order.instrument) {
                self.venue.cancel(order.instrument, order.id, self.now);
            }
        }
    }
}
