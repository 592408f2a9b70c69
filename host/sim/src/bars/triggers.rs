//! Orders that wait for a price.

use cryptobot_model::OrderEventKind;

use super::execution::{How, Terms};
use super::{BarMatch, Moment, State};
use crate::working::{Standing, Working};

impl BarMatch<'_> {
    /// A resting order is touched at the open or at the close.
    pub(super) fn touch(&self, state: &mut State, order: &mut Working, moment: &Moment) {
        if order.watches().is_some() {
            self.wake(state, order, moment, moment.last);
        } else {
            self.make(state, order, moment);
        }
    }

    /// A resting limit order is filled at its own price.
    pub(super) fn make(&self, state: &mut State, order: &mut Working, moment: &Moment) {
        if let Some((price, _)) = order.order.kind.limit() {
            let rule = moment.place.limit_rule();
            self.execute(state, order, moment, &How::Make { price, rule });
        }
    }

    /// A trigger is touched while the market trades at `reference`: the order takes there, or becomes a limit order.
    pub(super) fn wake(&self, state: &mut State, order: &mut Working, moment: &Moment, reference: f64) {
        let Some((trigger, _)) = order.watches() else { return };
        state.reports.push(order.event(moment.ts, OrderEventKind::Triggered, None));
        order.asleep = false;
        let terms = Terms { reference, rule: moment.place.trigger_rule(trigger) };
        let Some((limit, _)) = order.order.kind.limit() else {
            self.execute(state, order, moment, &How::Take { terms, limit: None });
            return;
        };
        order.level = limit.to_f64();
        order.standing = Standing::Moved;
        if self.meet_limit(state, order, moment, &terms, OrderEventKind::Expired) {
            state.rest(*order, moment.place);
        }
    }

    /// Takes trailing stops along to the prices of a moment.
    pub(super) fn follow(&self, orders: &mut [Working], moment: &Moment) {
        for order in orders.iter_mut().filter(|order| !order.waits) {
            if let Some((_, source)) = order.watches() {
                order.follow(moment.watched(source), &self.pricing.grid);
            }
        }
    }

    /// Whether an order that watches a price, and is taken along to it, goes on sleeping.
    pub(super) fn sleeps_through(&self, order: &mut Working, moment: &Moment) -> bool {
        let Some((trigger, source)) = order.watches() else { return false };
        let price = moment.watched(source);
        order.follow(price, &self.pricing.grid);
        !order.wakes_at(trigger, price)
    }

    /// Whether anything can happen to an order in the bar after its open.
    pub(super) fn in_reach(&self, order: &Working) -> bool {
        if order.deadline().is_some_and(|deadline| deadline < self.last.bar.ts) {
            return true;
        }
        if order.waits {
            return false;
        }
        let Some((trigger, source)) = order.watches() else {
            return order.traded_through(self.last.bar.low) || order.traded_through(self.last.bar.high);
        };
        let bar = self.watched_bar(source);
        [bar.low, bar.high]
            .into_iter()
            .any(|price| order.wakes_at(trigger, price) || order.is_followed_by(price))
    }
}
