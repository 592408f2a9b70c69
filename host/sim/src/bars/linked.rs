//! Orders that are bound to each other: entries with their exits, and pairs.

use cryptobot_model::{OrderEventKind, Quantity, RefusalReason};

use super::{BarMatch, Moment, Place, State};
use crate::working::{Standing, Working};

impl BarMatch<'_> {
    /// An order is over by its execution: the other one of its pair ends, and what waited for it lives from now on for
    /// as much as was `filled`.
    ///
    /// Bars have no depth: an execution is all of an order, or all that it may reduce, so that it always ends it.
    pub(super) fn settle(&self, state: &mut State, order: &Working, filled: Quantity, moment: &Moment) {
        let (id, sibling, ts) = (order.id(), order.order.terms.sibling, moment.ts);
        if sibling.is_some() {
            let reason = Some(RefusalReason::Sibling);
            self.end_first(state, |order| order.id() == sibling, ts, OrderEventKind::Cancelled, reason);
        }
        if filled.is_zero() {
            self.orphan(state, id, ts);
            return;
        }
        // Mostly there is one, which came last and goes on waiting, for a price now: it stays where it is.
        if let [others @ .., newest] = &mut state.working[..]
            && matches!(moment.place, Place::Open | Place::Path)
            && newest.waits_for(id)
            && !others.iter().any(|order| order.waits_for(id))
            && self.sleeps_through(newest, moment)
        {
            newest.release(filled);
            newest.standing = Standing::Resting;
        }
        while let Some(mut child) = state.take(|order| order.waits_for(id)) {
            child.release(filled);
            if self.meet(state, &mut child, moment) {
                state.rest(child, moment.place);
            }
        }
    }
}
