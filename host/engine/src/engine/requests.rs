//! What strategies ask for in their callbacks: decided, sent or refused, one by one, right after the callback.

use cryptobot_model::{RefusalReason, SeriesId, Side, Trigger};

use super::Engine;
use super::orders::Wish;
use crate::desk::{Intent, TimerCommand};
use crate::fault::{Fault, FaultKind};
use crate::recorder::{Entry, Recorder};
use crate::venue::Venue;

/// The trigger of the stop that comes with the first of these orders, in the same callback.
fn stop_of(intents: &[Intent]) -> Option<f64> {
    let (first, others) = intents.split_first()?;
    let Intent::Order { id: entry, .. } = first else { return None };
    others.iter().find_map(|intent| match intent {
        Intent::Order { kind, terms, .. }
            if terms.parent == *entry && kind.trigger().is_some_and(|(way, _)| way == Trigger::Stop) =>
        {
            kind.trigger_price()
        }
        _ => None,
    })
}

impl<V: Venue> Engine<V> {
    #[inline(never)]
    pub(super) fn handle_requests(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let desk = self.slots[index].strategy.desk();
        desk.take_timers(&mut self.timer_commands);
        desk.take_intents(&mut self.intents);
        let mut intents = std::mem::take(&mut self.intents);
        for position in 0..intents.len() {
            if self.slots[index].is_active() {
                let stop = stop_of(&intents[position..]);
                self.handle_intent(index, &intents[position], stop, recorder);
            }
        }
        intents.clear();
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

    fn handle_intent(
        &mut self,
        index: usize,
        intent: &Intent,
        stop: Option<f64>,
        recorder: &mut dyn Recorder,
    ) {
        let slot = &mut self.slots[index];
        recorder.entry(&Entry::Intent { ts: self.now, strategy: slot.id, intent });
        match *intent {
            Intent::Order { id, series, side, quantity, kind, terms, .. } => {
                let wish = Wish { id, series, side, quantity, kind, terms, stop };
                self.place(index, &wish, recorder);
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
