//! Matching orders with one bar.
//!
//! What is known of a bar is its open, high, low and close, not their order. Messages that arrived by the open are
//! handled there. If anything can happen after it, the two paths O-L-H-C and O-H-L-C are both played and the one that
//! leaves less money is kept (tie: O-L-H-C), for each strategy by itself: what a strategy gets must not depend on who
//! else trades the instrument. The three legs of a path end at a third, two thirds and the end of the
//! bar; a message that arrives inside the bar takes effect between legs, and an order that came with it meets only the
//! bar's close.

use std::collections::BTreeSet;

use cryptobot_model::{
    Fill, FillRule, Liquidity, Money, OrderEventKind, OrderId, OrderKind, Price, Quantity, RefusalReason,
    Side, StrategyId, TimeInForce, Timestamp,
};

use crate::book::{Message, MessageKind, Report, Working};
use crate::exchange::BarInterval;
use crate::pricing::Pricing;
use crate::stats::MarketStats;

/// The fixed circumstances of matching one bar.
pub(crate) struct BarMatch<'a> {
    interval: &'a BarInterval,
    pricing: &'a Pricing,
    stats: &'a MarketStats,
    position_of: &'a dyn Fn(StrategyId) -> Quantity,
    close: Price,
}

/// How far the bar has been played.
#[derive(Clone, Default)]
struct State {
    working: Vec<Working>,
    /// Orders that arrived inside the bar: they meet its close only.
    late: Vec<Working>,
    positions: Vec<(StrategyId, Quantity)>,
    reports: Vec<Report>,
    /// What the fills are worth at the bar's close, fees paid.
    gain: Money,
}

/// An execution before it is priced in full.
struct Execution {
    ts: Timestamp,
    price: Price,
    slippage: Money,
    liquidity: Liquidity,
    rule: FillRule,
}

impl<'a> BarMatch<'a> {
    pub(crate) fn new(
        interval: &'a BarInterval,
        pricing: &'a Pricing,
        stats: &'a MarketStats,
        position_of: &'a dyn Fn(StrategyId) -> Quantity,
    ) -> Self {
        let close = Price::from_f64(interval.bar.close).unwrap_or_default();
        Self { interval, pricing, stats, position_of, close }
    }

    /// Plays the bar, appends what happened and returns the orders that are still there.
    pub(crate) fn run(
        &self,
        working: Vec<Working>,
        arrived: &[Message],
        reports: &mut Vec<Report>,
    ) -> Vec<Working> {
        let open_ts = self.interval.open_ts;
        let by_open = arrived.partition_point(|message| message.arrives_at <= open_ts);
        let (early, late) = arrived.split_at(by_open);
        let mut state = State { working, reports: std::mem::take(reports), ..State::default() };
        for message in early {
            match message.what {
                MessageKind::Order(order) => {
                    let order = Working::new(order);
                    state.reports.push(order.event(message.arrives_at, OrderEventKind::Accepted, None));
                    state.working.push(order);
                }
                MessageKind::Cancel(id) => state.cancel(id, message.arrives_at),
                MessageKind::Modify(_) => {}
            }
        }
        self.at_open(&mut state);
        *reports = std::mem::take(&mut state.reports);
        if late.is_empty() && !state.working.iter().any(|order| self.in_reach(order)) {
            return state.working;
        }
        self.after_open(&state, late, reports)
    }

    /// Plays the rest of the bar for each strategy, in the order of their ids, along the path that is worse for it.
    fn after_open(&self, opened: &State, late: &[Message], reports: &mut Vec<Report>) -> Vec<Working> {
        let holders = opened.working.iter().map(|order| order.order.strategy);
        let strategies: BTreeSet<StrategyId> =
            holders.chain(late.iter().filter_map(Message::strategy)).collect();
        let mut resting = Vec::with_capacity(opened.working.len() + late.len());
        for strategy in strategies {
            let own = opened.working.iter().filter(|order| order.order.strategy == strategy);
            let state = State {
                working: own.copied().collect(),
                positions: opened.positions.clone(),
                ..State::default()
            };
            let messages = late.iter().filter(|message| message.strategy() == Some(strategy));
            let mut played = self.worse_path(state, &messages.copied().collect::<Vec<_>>());
            reports.append(&mut played.reports);
            resting.append(&mut played.working);
            resting.append(&mut played.late);
        }
        resting
    }

    fn at_open(&self, state: &mut State) {
        let (open, ts) = (self.interval.bar.open, self.interval.open_ts);
        let mut orders = std::mem::take(&mut state.working);
        for mut order in orders.drain(..) {
            if order.fresh {
                order.fresh = false;
                if let Some(order) = self.arrive(state, order, open, ts, FillRule::Open) {
                    state.working.push(order);
                }
            } else if is_beyond(&order, open) {
                self.execute_resting(state, order, open, ts, FillRule::StopGap, FillRule::LimitGap);
            } else {
                state.working.push(order);
            }
        }
        if state.working.is_empty() {
            // Most orders do not rest: the list keeps its memory for the next one.
            state.working = orders;
        }
    }

    /// An order meets the market as it arrives; returned if it rests.
    fn arrive(
        &self,
        state: &mut State,
        order: Working,
        reference: f64,
        ts: Timestamp,
        rule: FillRule,
    ) -> Option<Working> {
        let side = order.order.side;
        match order.order.kind {
            OrderKind::Market => self.take(state, order, reference, ts, rule),
            OrderKind::Limit { price, tif } => {
                let ends = |kind, reason| order.event(ts, kind, Some(reason));
                match (is_beyond(&order, reference), tif) {
                    (true, TimeInForce::Gtx) => {
                        state.reports.push(ends(OrderEventKind::Rejected, RefusalReason::WouldTake));
                    }
                    (true, _) => {
                        let (slipped, slippage) =
                            self.pricing.taker_price(reference, side, order.remaining, self.stats);
                        let within = if side == Side::Buy { slipped <= price } else { slipped >= price };
                        let (price, slippage) = if within {
                            (slipped, slippage)
                        } else {
                            (price, cost(&order, reference, price))
                        };
                        let liquidity = Liquidity::Taker;
                        self.execute(state, order, &Execution { ts, price, slippage, liquidity, rule });
                    }
                    (false, TimeInForce::Ioc | TimeInForce::Fok) => {
                        state.reports.push(ends(OrderEventKind::Expired, RefusalReason::NotFillable));
                    }
                    (false, TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd(_)) => return Some(order),
                }
            }
            _ => {
                if !is_beyond(&order, reference) {
                    return Some(order);
                }
                self.trigger(state, order, reference, ts, FillRule::StopGap);
            }
        }
        None
    }

    fn worse_path(&self, state: State, late: &[Message]) -> State {
        let bar = &self.interval.bar;
        let low_first = self.play(state.clone(), [bar.low, bar.high, bar.close], late);
        let high_first = self.play(state, [bar.high, bar.low, bar.close], late);
        if high_first.gain < low_first.gain { high_first } else { low_first }
    }

    fn play(&self, mut state: State, turns: [f64; 3], late: &[Message]) -> State {
        let mut late = late.iter().peekable();
        let mut from = self.interval.bar.open;
        let length = self.interval.bar.ts.0 - self.interval.open_ts.0;
        for (leg, to) in (1..).zip(turns) {
            let ends = self.interval.open_ts.plus(length * leg / 3);
            while let Some(message) = late.next_if(|message| message.arrives_at < ends) {
                self.arrive_late(&mut state, message);
            }
            self.leg(&mut state, from, to, ends);
            from = to;
        }
        self.at_close(&mut state);
        state
    }

    fn arrive_late(&self, state: &mut State, message: &Message) {
        let ts = message.arrives_at;
        match message.what {
            MessageKind::Cancel(id) => state.cancel(id, ts),
            MessageKind::Modify(_) => {}
            MessageKind::Order(order) => {
                let mut order = Working::new(order);
                order.fresh = false;
                state.reports.push(order.event(ts, OrderEventKind::Accepted, None));
                let (open_ts, close_ts) = (self.interval.open_ts, self.interval.bar.ts);
                let elapsed = (ts.0 - open_ts.0) as f64 / (close_ts.0 - open_ts.0) as f64;
                let open = self.interval.bar.open;
                let reference = self.pricing.late_reference(open, elapsed, order.order.side, self.stats);
                if let Some(order) = self.arrive(state, order, reference, ts, FillRule::OpenLate) {
                    state.late.push(order);
                }
            }
        }
    }

    /// The price moves from one turn of the path to the next: what it touches is executed, the nearest first; at the
    /// same level stops before limits, then in the order of ids.
    fn leg(&self, state: &mut State, from: f64, to: f64, ends: Timestamp) {
        let upward = if to >= from { Side::Buy } else { Side::Sell };
        let mut touched: Vec<Working> = Vec::new();
        state.working.retain(|order| {
            // A rising price touches buy stops and sell limits, a falling one the others.
            let faces = order.is_stop() == (order.order.side == upward);
            let hit = faces && is_beyond(order, to);
            if hit {
                touched.push(*order);
            }
            !hit
        });
        touched.sort_by(|a, b| {
            let nearest = (a.level * upward.sign()).total_cmp(&(b.level * upward.sign()));
            nearest.then(b.is_stop().cmp(&a.is_stop())).then(a.order.id.cmp(&b.order.id))
        });
        for order in touched {
            let level = order.level;
            self.execute_resting(state, order, level, ends, FillRule::StopOnPath, FillRule::LimitThrough);
        }
    }

    /// Orders that arrived inside the bar meet its close.
    fn at_close(&self, state: &mut State) {
        let (close, ts) = (self.interval.bar.close, self.interval.bar.ts);
        let rule = FillRule::CloseAfterArrival;
        for order in std::mem::take(&mut state.late) {
            if is_beyond(&order, close) {
                self.execute_resting(state, order, close, ts, rule, rule);
            } else {
                state.late.push(order);
            }
        }
    }

    /// Whether the bar's range touches a resting order.
    fn in_reach(&self, order: &Working) -> bool {
        is_beyond(order, self.interval.bar.low) || is_beyond(order, self.interval.bar.high)
    }

    /// A resting order is touched: a stop takes at `reference` (never better than its trigger), a limit order is
    /// filled at its own price.
    fn execute_resting(
        &self,
        state: &mut State,
        order: Working,
        reference: f64,
        ts: Timestamp,
        stop_rule: FillRule,
        limit_rule: FillRule,
    ) {
        match order.order.kind {
            OrderKind::Limit { price, .. } => {
                let liquidity = Liquidity::Maker;
                let execution = Execution { ts, price, slippage: Money::ZERO, liquidity, rule: limit_rule };
                self.execute(state, order, &execution);
            }
            _ => {
                self.trigger(state, order, reference, ts, stop_rule);
            }
        }
    }

    fn trigger(&self, state: &mut State, order: Working, reference: f64, ts: Timestamp, rule: FillRule) {
        state.reports.push(order.event(ts, OrderEventKind::Triggered, None));
        self.take(state, order, reference, ts, rule);
    }

    fn take(&self, state: &mut State, order: Working, reference: f64, ts: Timestamp, rule: FillRule) {
        let (price, slippage) =
            self.pricing.taker_price(reference, order.order.side, order.remaining, self.stats);
        self.execute(state, order, &Execution { ts, price, slippage, liquidity: Liquidity::Taker, rule });
    }

    /// Books an execution of all that is left, or of what a reduce-only order may still reduce.
    fn execute(&self, state: &mut State, mut order: Working, execution: &Execution) {
        let request = order.order;
        let position = *state.position(request.strategy, self.position_of);
        let quantity = if request.terms.reduce_only {
            let opposed = position.signum() * request.side.sign() as i32 == -1;
            if opposed { order.remaining.min(position.abs()) } else { Quantity::ZERO }
        } else {
            order.remaining
        };
        let nothing_left = Some(RefusalReason::NothingToReduce);
        if quantity.is_zero() {
            state.reports.push(order.event(execution.ts, OrderEventKind::Expired, nothing_left));
            return;
        }
        let whole = quantity == order.remaining;
        let slippage =
            if whole { execution.slippage } else { execution.slippage.share(quantity, order.remaining) };
        order.remaining -= quantity;
        let fee = self.pricing.fee(quantity, execution.price, execution.liquidity);
        let kind = if whole { OrderEventKind::Filled } else { OrderEventKind::PartiallyFilled };
        let mut report = order.event(execution.ts, kind, None);
        report.event.price = execution.price;
        report.event.quantity = quantity;
        report.event.fee = fee;
        report.event.maker = execution.liquidity == Liquidity::Maker;
        report.fill = Some(Fill {
            ts: execution.ts,
            strategy: request.strategy,
            instrument: request.instrument,
            order: request.id,
            side: request.side,
            price: execution.price,
            quantity,
            fee,
            slippage,
            liquidity: execution.liquidity,
            rule: execution.rule,
        });
        state.reports.push(report);
        let signed = request.side.signed(quantity);
        *state.position(request.strategy, self.position_of) += signed;
        state.gain += signed.at(self.close) - signed.at(execution.price) - fee;
        if !whole {
            state.reports.push(order.event(execution.ts, OrderEventKind::Expired, nothing_left));
        }
    }
}

impl State {
    fn cancel(&mut self, id: OrderId, ts: Timestamp) {
        for list in [&mut self.working, &mut self.late] {
            if let Some(index) = list.iter().position(|order| order.order.id == id) {
                let order = list.remove(index);
                self.reports.push(order.event(ts, OrderEventKind::Cancelled, None));
                return;
            }
        }
    }

    /// The strategy's position as far as the bar has been played.
    fn position(
        &mut self,
        strategy: StrategyId,
        position_of: &dyn Fn(StrategyId) -> Quantity,
    ) -> &mut Quantity {
        let index = self.positions.iter().position(|(of, _)| *of == strategy).unwrap_or_else(|| {
            self.positions.push((strategy, position_of(strategy)));
            self.positions.len() - 1
        });
        &mut self.positions[index].1
    }
}

/// What paying `price` instead of `reference` costs.
fn cost(order: &Working, reference: f64, price: Price) -> Money {
    let signed = order.order.side.signed(order.remaining);
    signed.at(price) - signed.at(Price::from_f64(reference).unwrap_or_default())
}

/// Whether `price` executes a resting order: it touches a stop, or trades through a limit.
fn is_beyond(order: &Working, price: f64) -> bool {
    match (order.order.kind, order.order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit { .. }, Side::Buy) => price < order.level,
        (OrderKind::Limit { .. }, Side::Sell) => price > order.level,
        (_, Side::Buy) => price >= order.level,
        (_, Side::Sell) => price <= order.level,
    }
}
