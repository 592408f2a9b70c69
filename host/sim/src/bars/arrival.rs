//! What messages do when they arrive.

use cryptobot_model::{
    Amendment, OrderEventKind, OrderId, OrderRequest, RefusalReason, Side, TimeInForce, Timestamp,
};

use super::execution::{How, Terms};
use super::{BarMatch, Moment, Place, State};
use crate::book::{Message, MessageKind};
use crate::working::{Standing, Working};

impl BarMatch<'_> {
    /// A message that arrived by the open: its order meets the open with all the others.
    pub(super) fn receive(&self, state: &mut State, message: &Message) {
        let ts = message.arrives_at;
        self.expire_until(state, ts);
        match &message.what {
            MessageKind::Order(order) => {
                let order = self.accept(state, order, ts);
                state.working.extend(order);
            }
            MessageKind::Cancel(id) => self.cancel(state, *id, ts),
            MessageKind::Modify(amendment) => {
                let order = self.amend(state, amendment, ts);
                state.working.extend(order);
            }
        }
    }

    /// A message that arrives inside the bar: its order meets a price that the bar does not tell, and then the close.
    pub(super) fn receive_late(&self, state: &mut State, message: &Message) {
        let ts = message.arrives_at;
        self.expire_until(state, ts);
        let mut by_open = false;
        let order = match &message.what {
            MessageKind::Order(order) => self.accept(state, order, ts),
            MessageKind::Cancel(id) => return self.cancel(state, *id, ts),
            MessageKind::Modify(amendment) => {
                by_open = state.working.iter().any(|order| order.id() == amendment.id);
                self.amend(state, amendment, ts)
            }
        };
        let Some(mut order) = order else { return };
        if order.waits {
            state.late.push(order);
            return;
        }
        // A trigger that was there by the open goes on watching the path with its new price; nothing else does.
        let watches_on = by_open && order.watches().is_some();
        let late = self.late_moment(ts, order.order.side);
        if self.meet(state, &mut order, &late) {
            state.rest(order, if watches_on { Place::Path } else { Place::Late });
        }
    }

    /// The open, moved against an order for the time that had passed when it came.
    fn late_moment(&self, ts: Timestamp, side: Side) -> Moment {
        let (open_ts, close_ts) = (self.last.open_ts, self.last.bar.ts);
        let elapsed = (ts.0 - open_ts.0) as f64 / (close_ts.0 - open_ts.0) as f64;
        let moved = |open| self.pricing.late_reference(open, elapsed, side, self.stats);
        // The market's own price may be off the grid, one that was moved may not.
        let (open, late) = (self.last.bar.open, moved(self.last.bar.open));
        let last = if late == open { open } else { self.pricing.on_tick(late, side) };
        Moment { place: Place::Late, ts, last, mark: moved(self.mark.bar.open) }
    }

    /// Takes an order in, unless what it is bound to or its date has ended it already.
    fn accept(&self, state: &mut State, request: &OrderRequest, ts: Timestamp) -> Option<Working> {
        let mut order = Working::new(*request);
        let open = || state.count(request.strategy);
        if let Some(reason) = self.filters.refusal(request, self.mark.bar.open, open) {
            return self.turn_away(state, order, ts, OrderEventKind::Rejected, reason);
        }
        let parent = request.terms.parent;
        if order.waits && !state.has(parent) {
            let filled = state.filled(parent);
            if filled.is_zero() {
                return self.turn_away(state, order, ts, OrderEventKind::Rejected, RefusalReason::Parent);
            }
            order.release(filled);
        }
        state.reports.push(order.event(ts, OrderEventKind::Accepted, None));
        let sibling = request.terms.sibling;
        if sibling.is_some() && !state.filled(sibling).is_zero() {
            return self.turn_away(state, order, ts, OrderEventKind::Cancelled, RefusalReason::Sibling);
        }
        if order.deadline().is_some_and(|deadline| deadline <= ts) {
            return self.turn_away(state, order, ts, OrderEventKind::Expired, RefusalReason::GoodTillDate);
        }
        Some(order)
    }

    /// Ends an order that just arrived.
    // It gets a copy, so that an order which is accepted need not lie in memory before it is in the book.
    #[cold]
    fn turn_away(
        &self,
        state: &mut State,
        order: Working,
        ts: Timestamp,
        kind: OrderEventKind,
        reason: RefusalReason,
    ) -> Option<Working> {
        self.end(state, &order, ts, kind, Some(reason));
        None
    }

    fn cancel(&self, state: &mut State, id: OrderId, ts: Timestamp) {
        self.end_first(state, |order| order.id() == id, ts, OrderEventKind::Cancelled, None);
    }

    /// Changes an order, unless a filter refuses its new numbers: then it stays as it is. Returned, out of the book, if
    /// it has to meet the market with its new price.
    fn amend(&self, state: &mut State, amendment: &Amendment, ts: Timestamp) -> Option<Working> {
        let order = state.get_mut(amendment.id)?;
        let mut changed = *order;
        let is_left = changed.amend(amendment.quantity, amendment.price);
        if !is_left {
            state.take(|order| order.id() == amendment.id)?;
            self.end(state, &changed, ts, OrderEventKind::Cancelled, None);
            return None;
        }
        if let Some(reason) = self.filters.refuses_numbers(&changed.order, self.mark.bar.open) {
            let report = order.event(ts, OrderEventKind::Modified, Some(reason));
            state.reports.push(report);
            return None;
        }
        *order = changed;
        let (report, meets) = (order.event(ts, OrderEventKind::Modified, None), order.meets_when_amended());
        state.reports.push(report);
        if !meets {
            return None;
        }
        let mut order = state.take(|order| order.id() == amendment.id)?;
        order.standing = Standing::Moved;
        Some(order)
    }

    /// Ends the orders whose date has come, each at its time.
    pub(super) fn expire_until(&self, state: &mut State, until: Timestamp) {
        if !self.has_deadlines {
            return;
        }
        let due = |order: &Working| order.deadline().is_some_and(|deadline| deadline <= until);
        while let Some(order) = state.take(due) {
            let ts = order.deadline().unwrap_or(until);
            self.end(state, &order, ts, OrderEventKind::Expired, Some(RefusalReason::GoodTillDate));
        }
    }

    /// An order that is in no list meets the market; tells whether it rests.
    pub(super) fn meet(&self, state: &mut State, order: &mut Working, moment: &Moment) -> bool {
        if order.watches().is_none() {
            let refused = match order.standing {
                Standing::New => OrderEventKind::Rejected,
                Standing::Moved | Standing::Resting => OrderEventKind::Cancelled,
            };
            let terms = Terms { reference: moment.last, rule: moment.place.arrival_rule() };
            if order.order.kind.limit().is_some() {
                return self.meet_limit(state, order, moment, &terms, refused);
            }
            self.execute(state, order, moment, &How::Take { terms, limit: None });
            return false;
        }
        if self.sleeps_through(order, moment) {
            return true;
        }
        if order.standing == Standing::New {
            let reason = Some(RefusalReason::WouldTrigger);
            self.end(state, order, moment.ts, OrderEventKind::Rejected, reason);
        } else {
            self.wake(state, order, moment, moment.last);
        }
        false
    }

    /// A limit order meets the market: beyond it it takes, at most at its limit; else it rests, if it may. `refused` is
    /// how an order ends that may not take.
    pub(super) fn meet_limit(
        &self,
        state: &mut State,
        order: &mut Working,
        moment: &Moment,
        terms: &Terms,
        refused: OrderEventKind,
    ) -> bool {
        let Some((limit, tif)) = order.order.kind.limit() else { return false };
        match (order.traded_through(terms.reference), tif) {
            (true, TimeInForce::Gtx) => {
                self.end(state, order, moment.ts, refused, Some(RefusalReason::WouldTake));
            }
            (true, _) => {
                self.execute(state, order, moment, &How::Take { terms: *terms, limit: Some(limit) });
            }
            (false, TimeInForce::Ioc | TimeInForce::Fok) => {
                let reason = Some(RefusalReason::NotFillable);
                self.end(state, order, moment.ts, OrderEventKind::Expired, reason);
            }
            (false, TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd(_)) => return true,
        }
        false
    }
}
