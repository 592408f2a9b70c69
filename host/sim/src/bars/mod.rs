//! Matching orders with one bar.
//!
//! What is known of a bar is its open, high, low and close, not their order. Messages that arrived by the open are
//! handled there. If anything can happen after it, the two paths O-L-H-C and O-H-L-C are both played and the one that
//! leaves less money is kept (tie: O-L-H-C), for each strategy by itself: what a strategy gets must not depend on who
//! else trades the instrument. The mark price takes the same path between its own turns. The three legs of a path end
//! at a third, two thirds and the end of the bar; a message that arrives inside the bar takes effect between legs, and
//! an order that came with it meets only the bar's close.

mod arrival;
mod execution;
mod linked;
pub(crate) mod liquidation;
mod path;
mod triggers;

use cryptobot_model::{
    Fill, FillRule, InstrumentId, OrderEventKind, OrderId, Quantity, RefusalReason, SeriesId, StrategyId,
    Timestamp, TriggerSource,
};

use crate::book::{Holder, Message, Report};
use crate::exchange::{Accounts, BarInterval};
use crate::filters::Filters;
use crate::pricing::Pricing;
use crate::stats::MarketStats;
use crate::working::{Standing, Working};

/// The fixed circumstances of matching one bar.
pub(crate) struct BarMatch<'a> {
    instrument: InstrumentId,
    last: &'a BarInterval,
    mark: &'a BarInterval,
    pricing: &'a Pricing,
    filters: &'a Filters,
    stats: &'a MarketStats,
    accounts: &'a dyn Accounts,
    /// Whether any order of the bar expires at a time.
    has_deadlines: bool,
    /// Whether positions can be liquidated at all.
    has_margin: bool,
}

/// How far the bar has been played.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) working: Vec<Working>,
    /// Orders that arrived inside the bar: they meet its close only.
    late: Vec<Working>,
    pub(crate) holders: Vec<Holder>,
    /// What was executed in this bar.
    pub(crate) fills: Vec<Fill>,
    pub(crate) reports: Vec<Report>,
}

/// Where in the bar something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the open.
    Open,
    /// Inside the bar, at a time that its prices do not tell of.
    Late,
    /// On the path between two turns.
    Path,
    /// At the close.
    Close,
}

/// A moment of the bar and its prices.
#[derive(Clone, Copy, Debug)]
struct Moment {
    place: Place,
    ts: Timestamp,
    last: f64,
    mark: f64,
}

impl Moment {
    const fn watched(&self, source: TriggerSource) -> f64 {
        match source {
            TriggerSource::Last => self.last,
            TriggerSource::Mark => self.mark,
        }
    }
}

impl<'a> BarMatch<'a> {
    pub(crate) fn new(
        instrument: InstrumentId,
        last: &'a BarInterval,
        mark: &'a BarInterval,
        pricing: &'a Pricing,
        filters: &'a Filters,
        stats: &'a MarketStats,
        accounts: &'a dyn Accounts,
    ) -> Self {
        let has_margin = accounts.have_margin();
        Self { instrument, last, mark, pricing, filters, stats, accounts, has_deadlines: false, has_margin }
    }

    /// Plays the bar: appends what happened and leaves the orders that are still there.
    pub(crate) fn run(mut self, state: &mut State, arrived: &[Message]) {
        self.has_deadlines = state.working.iter().any(|order| order.deadline().is_some())
            || arrived.iter().any(|message| message.deadline().is_some());
        let open_ts = self.last.open_ts;
        let by_open = arrived.partition_point(|message| message.arrives_at <= open_ts);
        let (early, late) = arrived.split_at(by_open);
        let open =
            Moment { place: Place::Open, ts: open_ts, last: self.last.bar.open, mark: self.mark.bar.open };
        for message in early {
            self.receive(state, message);
        }
        self.expire_until(state, open_ts);
        if self.has_margin {
            self.liquidate_at_open(state, &open);
        }
        self.at_open(state, &open);
        if !late.is_empty()
            || state.working.iter().any(|order| self.in_reach(order))
            || state.holders.iter().any(|holder| self.liquidation_in_reach(state, holder))
        {
            self.after_open(state, late);
        }
    }

    /// Orders that just arrived meet the open as takers, resting ones that the bar opens beyond are executed.
    fn at_open(&self, state: &mut State, open: &Moment) {
        let acts = |order: &Working| {
            !order.waits && (order.standing != Standing::Resting || is_touched(order, open))
        };
        while let Some(index) = state.working.iter().position(acts) {
            let order = &mut state.working[index];
            if order.standing != Standing::Resting && self.sleeps_through(order, open) {
                order.standing = Standing::Resting;
                continue;
            }
            let mut order = taken(&mut state.working, index);
            if order.standing == Standing::Resting {
                self.touch(state, &mut order, open);
            } else if self.meet(state, &mut order, open) {
                order.standing = Standing::Resting;
                state.working.insert(index.min(state.working.len()), order);
            }
        }
        self.follow(&mut state.working, open);
    }

    /// Orders that arrived inside the bar meet its close.
    fn at_close(&self, state: &mut State) {
        let close = Moment {
            place: Place::Close,
            ts: self.last.bar.ts,
            last: self.last.bar.close,
            mark: self.mark.bar.close,
        };
        while let Some(index) = state.late.iter().position(|order| !order.waits && is_touched(order, &close))
        {
            let mut order = taken(&mut state.late, index);
            self.touch(state, &mut order, &close);
        }
        self.follow(&mut state.late, &close);
    }
}

/// Takes an order out of a list. It mostly is the last one: what arrives meets the market at once.
fn taken(list: &mut Vec<Working>, index: usize) -> Working {
    let order = list[index];
    if index + 1 == list.len() {
        list.pop();
    } else {
        list.remove(index);
    }
    order
}

/// Whether a resting order is executed at a moment: its trigger is touched, or its limit traded through.
fn is_touched(order: &Working, moment: &Moment) -> bool {
    match order.watches() {
        Some((trigger, source)) => order.wakes_at(trigger, moment.watched(source)),
        None => order.traded_through(moment.last),
    }
}

impl State {
    /// The list that orders rest in from a place on.
    fn list_at(&mut self, place: Place) -> &mut Vec<Working> {
        match place {
            Place::Open | Place::Path => &mut self.working,
            Place::Late | Place::Close => &mut self.late,
        }
    }

    fn rest(&mut self, mut order: Working, place: Place) {
        order.standing = Standing::Resting;
        self.list_at(place).push(order);
    }

    /// The first order that is `wanted`, taken out of the book.
    fn take(&mut self, wanted: impl Fn(&Working) -> bool) -> Option<Working> {
        for list in [&mut self.working, &mut self.late] {
            if let Some(index) = list.iter().position(&wanted) {
                return Some(taken(list, index));
            }
        }
        None
    }

    /// Takes the first order that is `wanted` out of the book and reports its end; answers which one it was.
    fn drop_first(
        &mut self,
        wanted: impl Fn(&Working) -> bool,
        ts: Timestamp,
        kind: OrderEventKind,
        reason: Option<RefusalReason>,
    ) -> Option<OrderId> {
        for list in [&mut self.working, &mut self.late] {
            if let Some(index) = list.iter().position(&wanted) {
                let (id, report) = (list[index].id(), list[index].event(ts, kind, reason));
                self.reports.push(report);
                list.remove(index);
                return Some(id);
            }
        }
        None
    }

    fn get_mut(&mut self, id: OrderId) -> Option<&mut Working> {
        self.working.iter_mut().chain(&mut self.late).find(|order| order.id() == id)
    }

    fn has(&self, id: OrderId) -> bool {
        self.working.iter().chain(&self.late).any(|order| order.id() == id)
    }

    /// Orders of a strategy that are not over.
    fn count(&self, strategy: StrategyId) -> usize {
        self.working.iter().chain(&self.late).filter(|order| order.order.strategy == strategy).count()
    }

    /// What was filled of an order in this bar.
    fn filled(&self, id: OrderId) -> Quantity {
        self.fills.iter().filter(|fill| fill.order == id).map(|fill| fill.quantity).sum()
    }

    fn position(&self, strategy: StrategyId) -> Quantity {
        self.holders
            .iter()
            .find(|holder| holder.strategy == strategy)
            .map_or(Quantity::ZERO, |holder| holder.position)
    }

    /// Whether a strategy's position was opened, or turned, by an order that arrived inside the bar.
    fn is_of_late_arrival(&self, strategy: StrategyId) -> bool {
        let mut position = self.position(strategy);
        let side = position.signum();
        let opening = self.fills.iter().rev().filter(|fill| fill.strategy == strategy).find(|fill| {
            position += -fill.side.signed(fill.quantity);
            position.signum() != side
        });
        opening.is_some_and(|fill| matches!(fill.rule, FillRule::OpenLate | FillRule::CloseAfterArrival))
    }

    /// The strategy as a holder, its position as far as the bar has been played.
    fn holder(
        &mut self,
        strategy: StrategyId,
        series: SeriesId,
        at_beginning: impl FnOnce() -> Quantity,
    ) -> &mut Holder {
        let index = self.holders.iter().position(|holder| holder.strategy == strategy).unwrap_or_else(|| {
            self.holders.push(Holder { strategy, series, position: at_beginning() });
            self.holders.len() - 1
        });
        &mut self.holders[index]
    }
}
