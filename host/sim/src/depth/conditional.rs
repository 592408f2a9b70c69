//! Orders that wait for a price or for another order, and what the end of an order does to those bound to it.

use cryptobot_model::{
    Amendment, OrderEventKind, OrderId, OrderRequest, RefusalReason, TimeInForce, Timestamp,
};

use super::exchange::Exchange;
use super::resting::Own;
use crate::book::Report;
use crate::working::{Standing, Working};

impl Exchange {
    /// Takes in an order that waits for its parent or its trigger; `false` where it is neither.
    pub(super) fn admit_waiting(
        &mut self,
        ts: Timestamp,
        order: OrderRequest,
        reports: &mut Vec<Report>,
    ) -> bool {
        let mut working = Working::new(order);
        let waits_for_price = working.watches().is_some();
        if !working.waits && !waits_for_price {
            return false;
        }
        if working.waits && !self.is_here(order.terms.parent) {
            let filled = self.tally.filled(order.terms.parent);
            if filled == 0 {
                let reason = Some(RefusalReason::Parent);
                reports.push(working.event(ts, OrderEventKind::Rejected, reason));
                return true;
            }
            working.release(self.contract.quantity(filled));
        } else if !working.waits && self.is_touched(&mut working) {
            let reason = Some(RefusalReason::WouldTrigger);
            reports.push(working.event(ts, OrderEventKind::Rejected, reason));
            return true;
        }
        reports.push(working.event(ts, OrderEventKind::Accepted, None));
        if self.tally.filled(order.terms.sibling) > 0 {
            reports.push(working.event(ts, OrderEventKind::Cancelled, Some(RefusalReason::Sibling)));
        } else if working.waits {
            self.waiting.push(working);
        } else {
            self.meet(ts, working, reports);
        }
        true
    }

    /// An order that waits for no other one meets the market.
    fn meet(&mut self, ts: Timestamp, mut working: Working, reports: &mut Vec<Report>) {
        if working.watches().is_none() {
            return self.wake(ts, &working, reports);
        }
        let is_new = working.standing == Standing::New;
        if self.is_touched(&mut working) && !is_new {
            reports.push(working.event(ts, OrderEventKind::Triggered, None));
            self.wake(ts, &working, reports);
        } else {
            working.standing = Standing::Resting;
            self.waiting.push(working);
        }
    }

    /// Shows the newest trade to an order that waits for a price; tells whether it wakes it.
    fn is_touched(&self, working: &mut Working) -> bool {
        let (Some(last), Some((trigger, _))) = (self.last, working.watches()) else { return false };
        let price = self.contract.price(last).to_f64();
        working.follow(price, &self.grid);
        working.wakes_at(trigger, price)
    }

    /// An order waits no longer: it is one like any other.
    fn wake(&mut self, ts: Timestamp, working: &Working, reports: &mut Vec<Report>) {
        let lots = self.contract.lots(working.remaining).unwrap_or(0);
        let limit = working.order.kind.limit();
        let limit = limit.and_then(|(price, tif)| Some((self.contract.ticks(price)?, tif)));
        self.enter(ts, Own { order: working.order, limit, lots }, reports);
    }

    /// After a trade: wakes the orders that it touches, in the order in which they came.
    pub(super) fn wake_touched(&mut self, ts: Timestamp, reports: &mut Vec<Report>) {
        let mut index = 0;
        while index < self.waiting.len() {
            let mut working = self.waiting[index];
            if !working.waits && self.is_touched(&mut working) {
                self.waiting.remove(index);
                reports.push(working.event(ts, OrderEventKind::Triggered, None));
                self.wake(ts, &working, reports);
            } else {
                self.waiting[index] = working;
                index += 1;
            }
        }
    }

    /// New numbers for an order that waits; `false` where there is none with that id.
    pub(super) fn amend_waiting(
        &mut self,
        ts: Timestamp,
        amendment: &Amendment,
        reports: &mut Vec<Report>,
    ) -> bool {
        let Some(index) = self.waiting.iter().position(|order| order.id() == amendment.id) else {
            return false;
        };
        let mut working = self.waiting[index];
        if !working.amend(amendment.quantity, amendment.price) {
            self.waiting.remove(index);
            reports.push(working.event(ts, OrderEventKind::Cancelled, None));
            return true;
        }
        reports.push(working.event(ts, OrderEventKind::Modified, None));
        if working.meets_when_amended() {
            self.waiting.remove(index);
            working.standing = Standing::Moved;
            self.meet(ts, working, reports);
        } else {
            self.waiting[index] = working;
        }
        true
    }

    /// Ends orders that wait, for trades too, and whose date has come.
    pub(super) fn expire_waiting(&mut self, now: Timestamp, reports: &mut Vec<Report>) {
        let reason = Some(RefusalReason::GoodTillDate);
        let due = |order: &mut Working| order.deadline().is_some_and(|deadline| deadline <= now);
        let expired = self.waiting.extract_if(.., due);
        reports.extend(expired.map(|order| {
            let ts = order.deadline().unwrap_or(now);
            order.event(ts, OrderEventKind::Expired, reason)
        }));
        let due = |own: &mut Own| matches!(own.limit, Some((_, TimeInForce::Gtd(until))) if until <= now);
        let expired: Vec<Own> = self.takers.extract_if(.., due).collect();
        for own in expired {
            reports.push(self.event(now, &own, OrderEventKind::Expired, reason));
        }
    }

    /// Lets the reports from an index on act on the orders that are bound to theirs.
    ///
    /// What is filled of one of a pair is taken off the other; its end by execution ends the other. Children live from
    /// the end of their parent on, for as much as was filled of it.
    pub(super) fn follow(&mut self, mut from: usize, reports: &mut Vec<Report>) {
        while let Some(event) = reports.get(from).map(|report| report.event) {
            from += 1;
            let by_execution = match event.kind {
                OrderEventKind::PartiallyFilled => {
                    let lots = self.contract.lots(event.quantity).unwrap_or(0);
                    self.shrink_sibling(event.ts, event.id, lots, reports);
                    continue;
                }
                OrderEventKind::Filled => true,
                OrderEventKind::Expired => event.reason == Some(RefusalReason::NothingToReduce),
                OrderEventKind::Cancelled | OrderEventKind::Rejected => false,
                _ => continue,
            };
            if by_execution && let Some(sibling) = self.sibling_of(event.id) {
                self.end(event.ts, sibling, RefusalReason::Sibling, reports);
            }
            self.release_children(event.ts, event.id, reports);
        }
    }

    fn release_children(&mut self, ts: Timestamp, parent: OrderId, reports: &mut Vec<Report>) {
        let filled = self.contract.quantity(self.tally.filled(parent));
        let is_child = |order: &mut Working| order.waits && order.order.terms.parent == parent;
        let children: Vec<Working> = self.waiting.extract_if(.., is_child).collect();
        for mut child in children {
            if filled.is_zero() {
                reports.push(child.event(ts, OrderEventKind::Cancelled, Some(RefusalReason::Parent)));
            } else {
                child.release(filled);
                self.meet(ts, child, reports);
            }
        }
    }

    fn sibling_of(&self, id: OrderId) -> Option<OrderId> {
        let mut orders = self.all_orders();
        orders.find(|order| order.terms.sibling == id).map(|order| order.id)
    }

    fn shrink_sibling(&mut self, ts: Timestamp, id: OrderId, lots: i64, reports: &mut Vec<Report>) {
        let Some(sibling) = self.sibling_of(id) else { return };
        let left = if let Some(order) = self.waiting.iter_mut().find(|order| order.id() == sibling) {
            order.remaining -= self.contract.quantity(lots);
            order.order.terms.close_position || order.remaining.signum() > 0
        } else {
            let Some(own) = self.own_order(sibling) else { return };
            own.lots -= lots;
            own.lots > 0
        };
        if !left {
            self.end(ts, sibling, RefusalReason::Sibling, reports);
        }
    }

    /// Ends an order for the sake of another one.
    fn end(&mut self, ts: Timestamp, id: OrderId, reason: RefusalReason, reports: &mut Vec<Report>) {
        reports.extend(self.remove(ts, id, Some(reason)));
    }
}
