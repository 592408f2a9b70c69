//! What strategies ask for in their callbacks: decided, sent or refused, one by one, right after the callback.

use cryptobot_model::{OrderId, RefusalReason, SeriesId, Side, Trigger};

use super::Engine;
use super::orders::Wish;
use crate::desk::{Intent, TimerCommand};
use crate::fault::{Fault, FaultKind};
use crate::recorder::{Entry, Recorder};
use crate::venue::Venue;

/// The order of an intent, where it is one.
fn wish(intent: &Intent) -> Option<Wish> {
    let Intent::Order { id, series, side, quantity, kind, terms, .. } = *intent else { return None };
    Some(Wish { id, series, side, quantity, kind, terms, stop: None })
}

/// The orders of a callback that wait for the one with this id.
fn children_of(id: OrderId, later: &[Intent]) -> Vec<Wish> {
    later.iter().filter_map(wish).filter(|child| child.terms.parent == id).collect()
}

/// The trigger of the stop among the orders that come with an entry.
fn stop_of(children: &[Wish]) -> Option<f64> {
    let stops = |child: &&Wish| child.kind.trigger().is_some_and(|(way, _)| way == Trigger::Stop);
    children.iter().find(stops).and_then(|child| child.kind.trigger_price())
}

impl<V: Venue> Engine<V> {
    #[inline(never)]
    pub(super) fn handle_requests(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let desk = self.slots[index].strategy.desk();
        desk.take_timers(&mut self.timer_commands);
        desk.take_intents(&mut self.intents);
        let mut intents = std::mem::take(&mut self.intents);
        self.handling = intents.len();
        for position in 0..intents.len() {
            if self.slots[index].is_active() {
                let (intent, later) = (&intents[position], &intents[position + 1..]);
                self.handle_intent(index, intent, later, recorder);
            }
        }
        intents.clear();
        self.intents = intents;
        self.check_news(index, recorder);
        self.handle_timers(index, recorder);
        self.handling = 0;
    }

    /// A strategy that answers every refusal with more orders is stopped before its news fill the memory.
    fn check_news(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let limit = self.slots[index].strategy.desk().limits().waiting_news;
        if self.slots[index].news.len() > limit {
            let message = format!("more than {limit} order events are waiting for it");
            self.quarantine(index, Fault::new(FaultKind::OrderFlood, message), recorder);
        }
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

    fn handle_intent(
        &mut self,
        index: usize,
        intent: &Intent,
        later: &[Intent],
        recorder: &mut dyn Recorder,
    ) {
        let slot = &mut self.slots[index];
        recorder.entry(&Entry::Intent { ts: self.now, strategy: slot.id, intent });
        match *intent {
            Intent::Order { id, .. } => {
                let children = if later.is_empty() { Vec::new() } else { children_of(id, later) };
                if let Some(mut wish) = wish(intent) {
                    wish.stop = stop_of(&children);
                    self.place(index, &wish, &children, recorder);
                }
            }
            Intent::Signal(ref signal) => self.follow_signal(index, signal, recorder),
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
}
