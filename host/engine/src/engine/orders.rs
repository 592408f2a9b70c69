//! From a wish to an order: sized, checked, sent, or refused with a reason.

use cryptobot_model::{
    InstrumentId, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, Quantity,
    RefusalReason, SeriesId, SeriesInfo, Side, StrategyId, Timestamp, TriggerSource,
};
use cryptobot_risk::{
    Approved, Exposure, ProposedOrder, Refusal, RiskView, SizingInput, Verdict, check_amendment,
};

use super::Engine;
use crate::desk::Signal;
use crate::fault::{Fault, FaultKind};
use crate::recorder::{Decision, Entry, Recorder};
use crate::venue::Venue;

/// An order as a strategy, or the host for it, wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) id: OrderId,
    pub(super) series: SeriesId,
    pub(super) side: Side,
    pub(super) quantity: f64,
    pub(super) kind: OrderKind<f64>,
    pub(super) terms: OrderTerms,
    /// Trigger of the stop that comes with it.
    pub(super) stop: Option<f64>,
}

impl Wish {
    fn proposed(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        decided_at: Timestamp,
    ) -> ProposedOrder {
        let Self { id, series, side, quantity, kind, terms, .. } = *self;
        ProposedOrder { id, strategy, series, instrument, side, quantity, kind, terms, decided_at }
    }
}

impl<V: Venue> Engine<V> {
    /// Decides an order and sends it. An entry whose protection could not be placed is refused for the same reason:
    /// `children` are the orders that come with it. Returns the quantity that was sent.
    pub(super) fn place(
        &mut self,
        index: usize,
        wish: &Wish,
        children: &[Wish],
        recorder: &mut dyn Recorder,
    ) -> Option<Quantity> {
        let instrument = self.slots[index].strategy.desk().series_info(wish.series).ok()?.instrument;
        let exposure = self.exposure(index, instrument);
        let protected = self.check_children(index, instrument, &exposure, children.iter().copied(), |_| ());
        self.place_protected(index, instrument, &exposure, wish, protected, recorder)
    }

    /// What an order of a strategy in an instrument is checked against.
    fn exposure(&self, index: usize, instrument: InstrumentId) -> Exposure {
        let mut exposure = self.slots[index].exposure(instrument, &self.prices, &self.marks);
        if let Some(margin) = &self.margin {
            exposure.largest_notional = margin.largest_notional(instrument);
            if self.slots.len() > 1 {
                let strategy = self.slots[index].id;
                exposure.elsewhere = margin.net_position(strategy, instrument) - exposure.position;
            }
        }
        exposure
    }

    /// As [`Engine::place`]; `protected` tells whether what comes with the order could be placed.
    fn place_protected(
        &mut self,
        index: usize,
        instrument: InstrumentId,
        exposure: &Exposure,
        wish: &Wish,
        protected: Result<(), Refusal>,
        recorder: &mut dyn Recorder,
    ) -> Option<Quantity> {
        let parent = wish.terms.parent;
        let sent = if let Err(refusal) = protected {
            self.refuse_wish(index, wish, refusal, recorder)
        } else if parent.is_some() && !self.slots[index].is_open(parent) {
            self.refuse_wish(index, wish, RefusalReason::Parent.into(), recorder)
        } else if self.slots[index].strategy.desk().accepting {
            self.decide(index, instrument, exposure, wish, recorder)
        } else {
            self.refuse_wish(index, wish, RefusalReason::NotAccepting.into(), recorder)
        };
        self.slots[index].refresh_pending(instrument);
        sent
    }

    pub(super) fn decide(
        &mut self,
        index: usize,
        instrument: InstrumentId,
        exposure: &Exposure,
        wish: &Wish,
        recorder: &mut dyn Recorder,
    ) -> Option<Quantity> {
        let Wish { id, stop, .. } = *wish;
        let slot = &self.slots[index];
        let proposed = wish.proposed(slot.id, instrument, self.now);
        let market = &self.markets[instrument.index()];
        let view = RiskView {
            exposure,
            prices: &self.marks,
            mark: self.marks[instrument.index()],
            portfolio_equity: self.equities.iter().sum(),
            stop,
        };
        let ruling = self.risk.decide(&proposed, &market.instrument, &market.grid, &view);
        if let Verdict::Refused { reason, evidence } = ruling.verdict {
            return self.refuse_wish(index, wish, Refusal { reason, evidence }, recorder);
        }
        let approved = ruling.order?;
        let order = *approved.get();
        let decision = match ruling.verdict {
            Verdict::Reduced { reason, evidence, .. } => Decision::Reduced { order, reason, evidence },
            Verdict::Approved | Verdict::Refused { .. } => Decision::Approved(order),
        };
        recorder.entry(&Entry::Decision { ts: self.now, id, decision: &decision });
        Some(self.send(index, approved, recorder))
    }

    /// Whether the exchange would take the orders that come with an entry, and hands them out as it would.
    fn check_children(
        &self,
        index: usize,
        instrument: InstrumentId,
        exposure: &Exposure,
        children: impl Iterator<Item = Wish>,
        mut take: impl FnMut(Approved<OrderRequest>),
    ) -> Result<(), Refusal> {
        let (strategy, market) = (self.slots[index].id, &self.markets[instrument.index()]);
        let mut exposure = *exposure;
        for child in children {
            // By then the entry is open, and so are the children before this one.
            exposure.open_orders += 1;
            let proposed = child.proposed(strategy, instrument, self.now);
            take(cryptobot_risk::check(&proposed, &market.instrument, &market.grid, &exposure)?);
        }
        Ok(())
    }

    /// Sends an order that protects what was just sent: it only reduces, which no limit refuses.
    fn place_exit(&mut self, index: usize, exit: Approved<OrderRequest>, recorder: &mut dyn Recorder) {
        self.risk.follow(&exit);
        let decision = Decision::Approved(*exit.get());
        recorder.entry(&Entry::Decision { ts: self.now, id: exit.get().id, decision: &decision });
        self.send(index, exit, recorder);
    }

    pub(super) fn send(
        &mut self,
        index: usize,
        approved: Approved<OrderRequest>,
        recorder: &mut dyn Recorder,
    ) -> Quantity {
        let OrderRequest { id, strategy, series, side, quantity, .. } = *approved.get();
        let slot = &mut self.slots[index];
        slot.add_open(approved.get());
        let plain = OrderEvent::plain(strategy, series, id, side, self.now, OrderEventKind::Submitted);
        let event = OrderEvent { remaining: quantity, ..plain };
        recorder.entry(&Entry::Order(&event));
        self.has_news |= slot.tell_order(&event);
        self.venue.submit(approved);
        quantity
    }

    /// Sizes a signal and places it as a market order with its stop and target, which watch the mark price. A stop that
    /// it does not have is chosen here, where limits say so.
    ///
    /// The size is that of the position that the signal asks for: what is held or under way on its side counts, what is
    /// held on the other side is closed first.
    pub(super) fn follow_signal(&mut self, index: usize, signal: &Signal, recorder: &mut dyn Recorder) {
        let Signal { id, series, side, confidence, stop, target } = *signal;
        let mut wish =
            Wish { id, series, side, quantity: 0.0, kind: OrderKind::Market, terms: OrderTerms::FREE, stop };
        // The desk takes no signal of a series that it does not have.
        let Ok(&SeriesInfo { instrument, lot, .. }) = self.slots[index].strategy.desk().series_info(series)
        else {
            return;
        };
        if let Err(refusal) = self.size(index, instrument, lot, confidence, &mut wish) {
            self.refuse_wish(index, &wish, refusal, recorder);
            return;
        }
        let exposure = self.exposure(index, instrument);
        let mut approved = std::mem::take(&mut self.exits);
        let exits = exits(&wish, target);
        let protected = self.check_children(index, instrument, &exposure, exits, |exit| approved.push(exit));
        if let Some(quantity) = self.place_protected(index, instrument, &exposure, &wish, protected, recorder)
        {
            self.withdraw_exits(index, instrument, side);
            for exit in &approved {
                self.place_exit(index, exit.for_at_most(quantity), recorder);
            }
        }
        approved.clear();
        self.exits = approved;
    }

    /// Cancels what protected a position that the entry closes: left behind, it would close a later one of that side.
    fn withdraw_exits(&mut self, index: usize, instrument: InstrumentId, side: Side) {
        for order in &self.slots[index].open {
            if order.instrument == instrument && order.request.side == side && order.reduces() {
                self.venue.cancel(instrument, order.id, self.now);
            }
        }
    }

    /// Gives the entry of a signal its quantity, and a stop where it has none and the host chooses one.
    fn size(
        &mut self,
        index: usize,
        instrument: InstrumentId,
        lot: f64,
        confidence: f64,
        wish: &mut Wish,
    ) -> Result<(), Refusal> {
        let slot = &mut self.slots[index];
        let desk = slot.strategy.desk();
        let (at, side) = (instrument.index(), wish.side);
        let held = side.sign() * (desk.account.positions[at] + desk.account.pending[at]);
        let price = self.prices[at];
        if price.is_nan() {
            return Err(RefusalReason::NoMarket.into());
        }
        if wish.stop.is_none() {
            wish.stop = self.risk.stop(instrument, side, price, &self.markets[at].grid)?;
        }
        let input = SizingInput {
            equity: slot.equity(&self.marks),
            price,
            stop: wish.stop,
            confidence: Some(confidence),
            ..SizingInput::default()
        };
        let wanted = self.risk.size(slot.id, instrument, &input)?;
        let missing = wanted - held;
        if missing < lot {
            return Err(if wanted < lot {
                Refusal::new(RefusalReason::BelowMinimum, lot, wanted)
            } else {
                Refusal::new(RefusalReason::DuplicateSignal, wanted, held)
            });
        }
        wish.quantity = missing;
        Ok(())
    }

    /// Sends new numbers for an order, or tells why it stays as it is: `modified` with a reason.
    pub(super) fn amend(
        &mut self,
        index: usize,
        id: OrderId,
        quantity: f64,
        price: f64,
        recorder: &mut dyn Recorder,
    ) {
        let slot = &self.slots[index];
        let Some(open) = slot.open.iter().find(|order| order.id == id) else {
            return self.refuse(index, SeriesId(0), id, Side::Buy, RefusalReason::UnknownOrder, recorder);
        };
        let (order, instrument) = (open.request, open.instrument);
        let grid = &self.markets[instrument.index()].grid;
        let exposure = self.exposure(index, instrument);
        let view = RiskView {
            exposure: &exposure,
            prices: &self.marks,
            mark: self.marks[instrument.index()],
            portfolio_equity: self.equities.iter().sum(),
            stop: None,
        };
        let checked =
            check_amendment(&order, quantity, price, self.now, grid, &exposure).and_then(|amendment| {
                match self.risk.check_amendment(&order, amendment.get(), grid, &view) {
                    Verdict::Approved => Ok(amendment),
                    Verdict::Reduced { reason, .. } | Verdict::Refused { reason, .. } => Err(reason),
                }
            });
        match checked {
            Ok(amendment) => self.venue.modify(instrument, amendment),
            Err(reason) => {
                let OrderRequest { strategy, series, side, .. } = order;
                let kind = OrderEventKind::Modified;
                let plain = OrderEvent::plain(strategy, series, id, side, self.now, kind);
                let event = OrderEvent { remaining: open.remaining, reason: Some(reason), ..plain };
                recorder.entry(&Entry::Order(&event));
                self.has_news |= self.slots[index].tell_order(&event);
            }
        }
    }

    fn refuse_wish(
        &mut self,
        index: usize,
        wish: &Wish,
        Refusal { reason, evidence }: Refusal,
        recorder: &mut dyn Recorder,
    ) -> Option<Quantity> {
        let decision = Decision::Refused { reason, evidence };
        recorder.entry(&Entry::Decision { ts: self.now, id: wish.id, decision: &decision });
        self.refuse(index, wish.series, wish.id, wish.side, reason, recorder);
        None
    }

    pub(super) fn refuse(
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
}

/// The stop and the target that come with a sized signal; they end each other.
fn exits(entry: &Wish, target: Option<f64>) -> impl Iterator<Item = Wish> {
    let entry = *entry;
    let ids = [1, 2].map(|next| OrderId(entry.id.0 + next));
    let both = entry.stop.is_some() && target.is_some();
    let source = TriggerSource::Mark;
    let stop = entry.stop.map(|trigger| (ids[0], OrderKind::StopMarket { trigger, source }, ids[1]));
    let target = target.map(|trigger| (ids[1], OrderKind::TakeProfitMarket { trigger, source }, ids[0]));
    let exit = move |(id, kind, other)| {
        let sibling = if both { other } else { OrderId::NONE };
        let terms = OrderTerms { parent: entry.id, sibling, ..OrderTerms::REDUCE_ONLY };
        Wish { id, side: entry.side.opposite(), kind, terms, stop: None, ..entry }
    };
    stop.into_iter().chain(target).map(exit)
}
