//! What the exchange reports: booked when it happened, known to the strategy when the report is back.

use cryptobot_model::{Fill, InstrumentId, MarketMatch, Timestamp};
use cryptobot_risk::RiskEngine;
use cryptobot_sim::Report;

use super::Engine;
use super::margin::Margin;
use super::market::Market;
use crate::feed::NEVER;
use crate::recorder::{Entry, Recorder};
use crate::slot::{AfterFill, Learned, Slot};
use crate::venue::Venue;

impl<V: Venue> Engine<V> {
    /// Follows the operator, lets strategies know of what was reported back by now, and lets fresh instances take over
    /// where that is due.
    #[inline(never)]
    pub(super) fn receive_reports(&mut self, recorder: &mut dyn Recorder) {
        self.next_event = NEVER;
        self.obey(recorder);
        self.restart_due(recorder);
        for slot in &mut self.slots {
            self.has_news |= slot.receive(self.now);
            self.next_event = self.next_event.min(slot.next_arrival());
        }
    }

    /// Whether this step would be one if the strategy were alone. What is to be told with the next step waits for such a
    /// one: when a strategy learns of something must not depend on what others do.
    pub(super) fn is_own_step(&self, index: usize) -> bool {
        let slot = &self.slots[index];
        let closes = |market: &Market| {
            market.higher.iter().any(|(aggregator, subscribers)| {
                aggregator.closes_at() == self.now && subscribers.iter().any(|(of, _)| *of == index)
            })
        };
        self.slots.len() == 1
            || slot.is_reached(self.now, &self.due)
            || self.timers.has_one_at(slot.id, self.now)
            || self.markets.iter().any(closes)
    }
}

/// What became of some reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Booked {
    /// A strategy is to be told.
    pub(super) has_news: bool,
    /// When the first of those arrives that are not back yet.
    pub(super) next_event: Timestamp,
}

/// Books what the exchange did for orders of an instrument. `now` is the end of the step.
// Kept out of the loop, which most bars go through without any report: the loop stays in registers.
#[inline(never)]
pub(super) fn book(
    slots: &mut [Slot],
    instrument: InstrumentId,
    now: Timestamp,
    reports: &mut Vec<Report>,
    risk: &mut RiskEngine,
    margin: &mut Option<Margin>,
    recorder: &mut dyn Recorder,
) -> Booked {
    let mut booked = Booked { has_news: false, next_event: NEVER };
    for report in &*reports {
        let (slot, event) = (&mut slots[report.event.strategy.index()], &report.event);
        recorder.entry(&Entry::Order(event));
        let mut after = AfterFill::default();
        if let Some(fill) = &report.fill {
            risk.on_fill(fill);
            after = book_fill(slot, fill, report.market.as_ref(), margin.as_mut(), recorder);
        }
        risk.on_order_event(event);
        if let Some(trade) = &after.closed {
            risk.on_trade_closed(trade);
        }
        if report.arrives_at <= now && slot.next_report() == NEVER {
            booked.has_news |= slot.learn(event, instrument, &after);
        } else {
            slot.wait_for(report.arrives_at, &Learned { event: *event, instrument, after });
            booked.next_event = booked.next_event.min(slot.next_arrival());
        }
    }
    reports.clear();
    booked
}

fn book_fill(
    slot: &mut Slot,
    fill: &Fill,
    market: Option<&MarketMatch>,
    margin: Option<&mut Margin>,
    recorder: &mut dyn Recorder,
) -> AfterFill {
    recorder.entry(&Entry::Fill(fill));
    if let Some(market) = market {
        recorder.entry(&Entry::Market(market));
    }
    let insurance = margin.map(|margin| margin.settle(fill, recorder)).unwrap_or_default();
    let closed = slot.book(fill, insurance);
    recorder.entry(&Entry::Wallet { ts: fill.ts, strategy: slot.id, wallet: slot.wallet() });
    if let Some(trade) = &closed {
        recorder.entry(&Entry::Trade(trade));
    }
    AfterFill { holding: Some(slot.holding(fill.instrument)), closed }
}
