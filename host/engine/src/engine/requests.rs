//! What strategies ask for in their callbacks: decided, sent or refused, one by one, right after the callback.

use cryptobot_model::{OrderEvent, OrderEventKind, OrderId, RefusalReason, SeriesId, Side};
use cryptobot_risk::ProposedOrder;

use super::Engine;
use crate::desk::{Intent, Signal, TimerCommand};
use crate::fault::{Fault, FaultKind};
use crate::recorder::{Decision, Entry, Recorder};
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    #[inline(never)]
    pub(super) fn handle_requests(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let desk = self.slots[index].strategy.desk();
        desk.take_timers(&mut self.timer_commands);
        desk.take_intents(&mut self.intents);
        let mut intents = std::mem::take(&mut self.intents);
        for intent in intents.drain(..) {
            if self.slots[index].is_active() {
                self.handle_intent(index, &intent, recorder);
            }
        }
        self.intents = intents;
        self.handle_timers(index, recorder);
    }

    fn handle_timers(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let strategy = self.slots[index].id;
        for command in std::mem::take(&mut self.timer_commands) {
            match command {
                TimerCommand::Set { id, at } => self.timers.set(strategy, id, at),
                TimerCommand::Cancel { id } => self.timers.cancel(strategy, id),
            }
        }
        let limit = self.slots[index].strategy.desk().limits().timers;
        if self.slots[index].is_active() && self.timers.count(strategy) > limit {
            let fault = Fault::new(FaultKind::TimerFlood, format!("more than {limit} timers set"));
            self.quarantine(index, fault, recorder);
        }
    }

    fn handle_intent(&mut self, index: usize, intent: &Intent, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        recorder.entry(&Entry::Intent { ts: self.now, strategy: slot.id, intent });
        match *intent {
            Intent::Order { .. } => self.decide(index, intent, recorder),
            Intent::Signal(Signal { id, series, side, .. }) => {
                let decision = Decision::Refused(RefusalReason::NoSizer);
                recorder.entry(&Entry::Decision { ts: self.now, id, decision: &decision });
                self.refuse(index, series, id, side, RefusalReason::NoSizer, recorder);
            }
            Intent::Modify { id, quantity, price } => self.amend(index, id, quantity, price, recorder),
            Intent::Cancel { id } => match slot.open.iter().find(|order| order.id == id) {
                Some(order) => self.venue.cancel(order.instrument, id, self.now),
                None => self.refuse(index, SeriesId(0), id, Side::Buy, RefusalReason::UnknownOrder, recorder),
            },
            Intent::CancelAll { series } => {
                let Ok(info) = slot.strategy.desk().series_info(series) else {
                    return;
                };
                let instrument = info.instrument;
                for order in slot.open.iter().filter(|order| order.instrument == instrument) {
                    self.venue.cancel(instrument, order.id, self.now);
                }
            }
        }
    }

    fn decide(&mut self, index: usize, intent: &Intent, recorder: &mut dyn Recorder) {
        let Intent::Order { id, series, side, quantity, kind, terms, .. } = *intent else {
            return;
        };
        let slot = &mut self.slots[index];
        let desk = slot.strategy.desk();
        let accepting = desk.accepting;
        let Ok(info) = desk.series_info(series) else {
            return;
        };
        let instrument = info.instrument;
        let proposed = ProposedOrder {
            id,
            strategy: slot.id,
            series,
            instrument,
            side,
            quantity,
            kind,
            terms,
            decided_at: self.now,
        };
        let market = &self.markets[instrument.index()];
        let parent_is_gone = terms.parent.is_some() && !slot.is_open(terms.parent);
        let verdict = if parent_is_gone {
            Err(RefusalReason::Parent)
        } else if accepting {
            let exposure = slot.exposure(instrument, &self.prices, &self.marks);
            cryptobot_risk::check(&proposed, &market.instrument, &market.grid, &exposure)
        } else {
            Err(RefusalReason::NotAccepting)
        };
        match verdict {
            Ok(approved) => {
                let order = *approved.get();
                recorder.entry(&Entry::Decision { ts: self.now, id, decision: &Decision::Approved(order) });
                slot.add_open(&order);
                let plain = OrderEvent::plain(slot.id, series, id, side, self.now, OrderEventKind::Submitted);
                let event = OrderEvent { remaining: order.quantity, ..plain };
                recorder.entry(&Entry::Order(&event));
                self.has_news |= slot.tell_order(&event);
                self.venue.submit(approved);
            }
            Err(reason) => {
                recorder.entry(&Entry::Decision { ts: self.now, id, decision: &Decision::Refused(reason) });
                self.refuse(index, series, id, side, reason, recorder);
            }
        }
        self.slots[index].refresh_pending(instrument);
    }

    /// Sends new numbers for an order, or tells why it stays as it is: `modified` with a reason.
    fn amend(&mut self, index: usize, id: OrderId, quantity: f64, price: f64, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        let Some(open) = slot.open.iter().find(|order| order.id == id) else {
            return self.refuse(index, SeriesId(0), id, Side::Buy, RefusalReason::UnknownOrder, recorder);
        };
        let (order, instrument) = (open.request, open.instrument);
        let grid = &self.markets[instrument.index()].grid;
        match cryptobot_risk::check_amendment(&order, quantity, price, self.now, grid) {
            Ok(amendment) => self.venue.modify(instrument, amendment),
            Err(reason) => {
                let plain = OrderEvent::plain(
                    slot.id,
                    order.series,
                    id,
                    order.side,
                    self.now,
                    OrderEventKind::Modified,
                );
                let event = OrderEvent { remaining: open.remaining, reason: Some(reason), ..plain };
                recorder.entry(&Entry::Order(&event));
                self.has_news |= slot.tell_order(&event);
            }
        }
    }

    fn refuse(
        &mut self,
        index: usize,
        series: SeriesId,
        id: OrderId,
        side: Side,
        reason: RefusalReason,
        recorder: &mut dyn Recorder,
    ) {
        let slot = &mut self.slots[index];
        let plain = OrderEvent::plain(slot.id, series, id, side, self.now, OrderEventKind::Rejected);
        let event = OrderEvent { reason: Some(reason), ..plain };
        recorder.entry(&Entry::Order(&event));
        self.has_news |= slot.tell_order(&event);
        if reason == RefusalReason::InvalidArgument {
            slot.invalid_arguments += 1;
            let limit = slot.strategy.desk().limits().invalid_arguments;
            if slot.invalid_arguments > limit {
                let message =
                    format!("more than {limit} orders with numbers that are not finite and positive");
                self.quarantine(index, Fault::new(FaultKind::InvalidArgumentFlood, message), recorder);
            }
        }
    }

    /// The strategy is not called again; its orders are cancelled, its position is held and marked to the end.
    #[cold]
    pub(super) fn quarantine(&mut self, index: usize, fault: Fault, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        recorder.entry(&Entry::Fault { ts: self.now, strategy: slot.id, fault: &fault });
        slot.fault = Some(fault);
        slot.news.clear();
        for order in &slot.open {
            self.venue.cancel(order.instrument, order.id, self.now);
        }
        self.timers.cancel_all(slot.id);
    }
}
