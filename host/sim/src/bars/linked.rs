//! Orders that are bound to each other: entries with their exits, and pairs.

use cryptobot_model::{OrderEventKind, Quantity, RefusalReason};

use super::{BarMatch, Moment, State};
use crate::working::Working;

impl BarMatch<'_> {
    /// An order is over by its execution: the other one of its pair ends, and what waited for it lives from now on for
    /// as much as was `filled`.
    ///
    /// Bars have no depth: an execution is all of an order, or all that it may reduce, so that it always ends it.
    pub(super) fn settle(&self, state: &mut State, order: &Working, filled: Quantity, moment: &Moment) {
        let (id, sibling) = (order.id(), order.order.terms.sibling);
        if sibling.is_some()
            && let Some(other) = state.take(|order| order.id() == sibling)
        {
            self.end(state, &other, moment.ts, OrderEventKind::Cancelled, Some(RefusalReason::Sibling));
        }
        while let Some(mut child) = state.take(|order| order.waits && order.order.terms.parent == id) {
            if filled.is_zero() {
                self.end(state, &child, moment.ts, OrderEventKind::Cancelled, Some(RefusalReason::Parent));
                continue;
            }
            child.release(filled);
            if self.meet(state, &mut child, moment) {
                state.rest(child, moment.place);
            }
        }
    }
}
