//! Executions: takers walk through the book, trades and crossing levels reach resting orders.

use cryptobot_model::{
    DepthTrade, DepthUpdate, Fill, FillRule, Liquidity, Money, OrderEvent, OrderEventKind, OrderRequest,
    Side, Timestamp,
};

use super::book::Level;
use super::contract::Contract;
use super::exchange::Exchange;
use super::resting::{Own, is_better};
use crate::book::Report;

/// An execution before it is priced.
struct Execution {
    ts: Timestamp,
    at: Level,
    liquidity: Liquidity,
    rule: FillRule,
    /// The price that slippage is measured against, in ticks.
    reference: i64,
}

impl Exchange {
    /// Lots that an order could take now.
    pub(super) fn takeable(&self, own: &Own) -> i64 {
        let mut found = 0;
        for level in self.in_reach(own) {
            found += level.lots;
            if found >= own.lots {
                break;
            }
        }
        found
    }

    /// Levels at the order's limit or better.
    fn in_reach<'a>(&'a self, own: &Own) -> impl Iterator<Item = Level> + 'a {
        let (side, limit) = (own.order.side, own.limit);
        let reachable = move |level: &Level| limit.is_none_or(|(tick, _)| !is_better(side, level.tick, tick));
        self.book.levels(side.opposite()).take_while(reachable)
    }

    /// Walks an order through the book, level by level.
    pub(super) fn take_liquidity(&mut self, ts: Timestamp, own: &mut Own, reports: &mut Vec<Report>) {
        let mut taken: Vec<(Level, i64)> = Vec::new();
        let mut wanted = own.lots;
        for level in self.in_reach(own) {
            let lots = level.lots.min(wanted);
            taken.push((level, lots));
            wanted -= lots;
            if wanted == 0 {
                break;
            }
        }
        let Some(reference) = taken.first().map(|(level, _)| level.tick) else { return };
        for (level, lots) in taken {
            let at = Level { tick: level.tick, lots };
            let (liquidity, rule) = (Liquidity::Taker, FillRule::BookWalk);
            let execution = Execution { ts, at, liquidity, rule, reference };
            reports.push(execute(&self.contract, own, &execution));
            if self.config.impact {
                self.consume(own.order.side.opposite(), level, lots);
            }
        }
    }

    /// Lets a trade of the market reach the orders it would have met: those at better prices first, then, at its own
    /// price, what is left of it after the queue. All of them together get no more than was traded.
    #[inline]
    pub(super) fn match_trade(&mut self, ts: Timestamp, trade: &DepthTrade, reports: &mut Vec<Report>) {
        let side = trade.aggressor.opposite();
        let reached = |best| !is_better(side, trade.tick, best);
        if self.own(side).best().is_some_and(reached) {
            self.fill_from_trade(ts, side, trade, reports);
        }
    }

    fn fill_from_trade(&mut self, ts: Timestamp, side: Side, trade: &DepthTrade, reports: &mut Vec<Report>) {
        let contract = self.contract;
        let (mut left, mut at_level) = (trade.lots, 0);
        for order in self.own_mut(side).iter_mut() {
            let through = is_better(side, order.tick, trade.tick);
            let lots = if through {
                order.position.traded_through();
                left.min(order.own.lots)
            } else if order.tick == trade.tick {
                let beyond_queue = order.position.on_trade(trade.lots);
                (beyond_queue - at_level).max(0).min(left).min(order.own.lots)
            } else {
                break;
            };
            if lots > 0 {
                left -= lots;
                at_level += if through { 0 } else { lots };
                let rule = if through { FillRule::LimitThrough } else { FillRule::Queue };
                reports.push(execute(&contract, &mut order.own, &resting(ts, order.tick, lots, rule)));
            }
        }
        self.own_mut(side).sweep();
    }

    /// After a change of the book: levels that were published at or beyond the price of a resting order would have
    /// been matched with it. They fill it, and are gone.
    pub(super) fn match_crossed(&mut self, ts: Timestamp, reports: &mut Vec<Report>) {
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = self.own(side).best() else { continue };
            let crosses = |level: Level| !is_better(side, level.tick, best);
            if self.book.best(side.opposite()).is_some_and(crosses) {
                self.fill_crossed(ts, side, reports);
            }
        }
    }

    fn fill_crossed(&mut self, ts: Timestamp, side: Side, reports: &mut Vec<Report>) {
        let contract = self.contract;
        let mut orders = std::mem::replace(self.own_mut(side), super::resting::RestingSide::new(side));
        for order in orders.iter_mut() {
            while order.own.lots > 0
                && let Some(level) = self.book.best(side.opposite())
                && !is_better(side, level.tick, order.tick)
            {
                let lots = level.lots.min(order.own.lots);
                self.consume(side.opposite(), level, lots);
                let execution = resting(ts, order.tick, lots, FillRule::LimitThrough);
                reports.push(execute(&contract, &mut order.own, &execution));
            }
        }
        orders.sweep();
        *self.own_mut(side) = orders;
    }

    fn consume(&mut self, side: Side, level: Level, lots: i64) {
        self.book.apply(DepthUpdate { side, tick: level.tick, lots: level.lots - lots });
    }
}

/// An execution of a resting order: at its own price.
const fn resting(ts: Timestamp, tick: i64, lots: i64, rule: FillRule) -> Execution {
    Execution { ts, at: Level { tick, lots }, liquidity: Liquidity::Maker, rule, reference: tick }
}

fn execute(contract: &Contract, own: &mut Own, execution: &Execution) -> Report {
    let &Execution { ts, at, liquidity, rule, reference } = execution;
    own.lots -= at.lots;
    let OrderRequest { strategy, series, id, side, .. } = own.order;
    let (price, quantity) = (contract.price(at.tick), contract.quantity(at.lots));
    let fee = contract.fee(quantity, price, liquidity);
    let slippage: Money =
        side.signed(quantity).at(price) - side.signed(quantity).at(contract.price(reference));
    let instrument = contract.instrument;
    let kind = if own.lots == 0 { OrderEventKind::Filled } else { OrderEventKind::PartiallyFilled };
    let maker = liquidity == Liquidity::Maker;
    let remaining = contract.quantity(own.lots);
    let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
    Report {
        arrives_at: ts,
        event: OrderEvent { price, quantity, remaining, fee, maker, ..plain },
        fill: Some(Fill {
            ts,
            strategy,
            instrument,
            order: id,
            side,
            price,
            quantity,
            fee,
            slippage,
            liquidity,
            rule,
        }),
    }
}
