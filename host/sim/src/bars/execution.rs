//! Booking executions.

use cryptobot_model::{
    Fill, FillRule, Liquidity, Money, OrderEventKind, OrderId, OrderRequest, Price, Quantity, RefusalReason,
    SeriesId, Side, StrategyId, Timestamp, Trigger,
};

use super::{BarMatch, Moment, Place, State};
use crate::working::Working;

/// What an order takes at: the market's price and the rule that says so.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) reference: f64,
    pub(super) rule: FillRule,
}

/// How an order is executed.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// It takes, at most at a limit.
    Take { terms: Terms, limit: Option<Price> },
    /// It rested and is filled at its own price.
    Make { price: Price, rule: FillRule },
}

/// An execution of a quantity.
struct Execution {
    price: Price,
    quantity: Quantity,
    slippage: Money,
    liquidity: Liquidity,
    rule: FillRule,
}

impl Place {
    /// The rule for orders that take on their arrival. On the path only orders arrive whose parent was filled there.
    pub(super) const fn arrival_rule(self) -> FillRule {
        match self {
            Self::Open => FillRule::Open,
            Self::Late => FillRule::OpenLate,
            Self::Path => FillRule::LimitThrough,
            Self::Close => FillRule::CloseAfterArrival,
        }
    }

    pub(super) const fn limit_rule(self) -> FillRule {
        match self {
            Self::Open => FillRule::LimitGap,
            Self::Late | Self::Path => FillRule::LimitThrough,
            Self::Close => FillRule::CloseAfterArrival,
        }
    }

    pub(super) const fn trigger_rule(self, trigger: Trigger) -> FillRule {
        match (self, trigger) {
            (Self::Open | Self::Late, Trigger::Stop) => FillRule::StopGap,
            (Self::Open | Self::Late, Trigger::TakeProfit) => FillRule::TakeProfitGap,
            (Self::Path, Trigger::Stop) => FillRule::StopOnPath,
            (Self::Path, Trigger::TakeProfit) => FillRule::TakeProfitOnPath,
            (Self::Close, _) => FillRule::CloseAfterArrival,
        }
    }
}

impl BarMatch<'_> {
    /// The position that an order of a side would reduce.
    fn opposed(&self, state: &State, strategy: StrategyId, side: Side) -> Quantity {
        let known = state.holders.iter().any(|holder| holder.strategy == strategy);
        let position =
            if known { state.position(strategy) } else { self.accounts.position(strategy, self.instrument) };
        if position.signum() * side.sign() as i32 == -1 { position.abs() } else { Quantity::ZERO }
    }

    /// Executes all that is left, or what there is to reduce; ends the order, and lets those act that are bound to it.
    pub(super) fn execute(&self, state: &mut State, order: &mut Working, moment: &Moment, how: &How) {
        let OrderRequest { strategy, side, terms, .. } = order.order;
        if terms.close_position {
            order.remaining = self.opposed(state, strategy, side);
        }
        let quantity = if terms.reduce_only {
            order.remaining.min(self.opposed(state, strategy, side))
        } else {
            order.remaining
        };
        if !quantity.is_zero() {
            let execution = self.priced(order, quantity, how);
            self.fill(state, order, moment, &execution);
        }
        if quantity.is_zero() || !order.remaining.is_zero() {
            let reason = Some(RefusalReason::NothingToReduce);
            state.reports.push(order.event(moment.ts, OrderEventKind::Expired, reason));
        }
        self.settle(state, order, quantity, moment);
    }

    fn priced(&self, order: &Working, quantity: Quantity, how: &How) -> Execution {
        let side = order.order.side;
        match *how {
            How::Make { price, rule } => {
                Execution { price, quantity, slippage: Money::ZERO, liquidity: Liquidity::Maker, rule }
            }
            How::Take { terms: Terms { reference, rule }, limit } => {
                let (slipped, cost) =
                    self.pricing.taker_price(reference, side, quantity, order.id(), self.stats);
                let beyond =
                    |limit: &Price| if side == Side::Buy { slipped > *limit } else { slipped < *limit };
                let (price, slippage) = match limit.filter(beyond) {
                    None => (slipped, cost),
                    Some(limit) => {
                        let signed = side.signed(quantity);
                        let reference = Price::from_f64(reference).unwrap_or_default();
                        (limit, signed.at(limit) - signed.at(reference))
                    }
                };
                Execution { price, quantity, slippage, liquidity: Liquidity::Taker, rule }
            }
        }
    }

    fn fill(&self, state: &mut State, order: &mut Working, moment: &Moment, execution: &Execution) {
        let OrderRequest { strategy, instrument, id, side, series, .. } = order.order;
        let Execution { price, quantity, slippage, liquidity, rule } = *execution;
        order.remaining -= quantity;
        let fill = Fill {
            ts: moment.ts,
            strategy,
            instrument,
            order: id,
            side,
            price,
            quantity,
            fee: self.pricing.fee(quantity, price, liquidity),
            slippage,
            liquidity,
            rule,
        };
        let kind =
            if order.remaining.is_zero() { OrderEventKind::Filled } else { OrderEventKind::PartiallyFilled };
        let mut report = order.event(moment.ts, kind, None);
        report.event.price = price;
        report.event.quantity = quantity;
        report.event.fee = fill.fee;
        report.event.maker = liquidity == Liquidity::Maker;
        report.fill = Some(fill);
        state.reports.push(report);
        self.book(state, series, &fill);
    }

    /// Follows a fill in positions.
    pub(super) fn book(&self, state: &mut State, series: SeriesId, fill: &Fill) {
        let signed = fill.side.signed(fill.quantity);
        let begun = || self.accounts.position(fill.strategy, self.instrument);
        let holder = state.holder(fill.strategy, series, begun);
        holder.position += signed;
        holder.series = series;
        state.fills.push(*fill);
    }

    /// Ends an order without an execution; what waits for it ends with it.
    pub(super) fn end(
        &self,
        state: &mut State,
        order: &Working,
        ts: Timestamp,
        kind: OrderEventKind,
        reason: Option<RefusalReason>,
    ) {
        state.reports.push(order.event(ts, kind, reason));
        self.orphan(state, order.id(), ts);
    }

    /// The same for the first order in the book that is `wanted`; tells whether there was one.
    pub(super) fn end_first(
        &self,
        state: &mut State,
        wanted: impl Fn(&Working) -> bool,
        ts: Timestamp,
        kind: OrderEventKind,
        reason: Option<RefusalReason>,
    ) -> bool {
        let ended = state.drop_first(wanted, ts, kind, reason);
        if let Some(id) = ended {
            self.orphan(state, id, ts);
        }
        ended.is_some()
    }

    /// Ends what waits for an order.
    pub(super) fn orphan(&self, state: &mut State, parent: OrderId, ts: Timestamp) {
        let reason = Some(RefusalReason::Parent);
        while self.end_first(state, |order| order.waits_for(parent), ts, OrderEventKind::Cancelled, reason) {}
    }
}
