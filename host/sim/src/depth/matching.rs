//! Executions: takers walk through the book, trades and crossing levels reach resting orders.

use cryptobot_model::{
    DepthTrade, DepthUpdate, Fill, FillRule, Liquidity, MarketMatch, Money, OrderEvent, OrderEventKind,
    OrderRequest, Side, Timestamp, TradeSeen,
};

use super::book::Level;
use super::contract::Contract;
use super::exchange::Exchange;
use super::resting::{Own, Resting, RestingSide, is_better};
use super::tally::Tally;
use crate::book::Report;

/// An execution before it is priced.
pub(super) struct Execution<'a> {
    pub(super) ts: Timestamp,
    pub(super) at: Level,
    pub(super) liquidity: Liquidity,
    pub(super) rule: FillRule,
    /// The price that slippage is measured against, in ticks.
    pub(super) reference: i64,
    /// Lots of the market at the price just before.
    pub(super) level: i64,
    /// Lots before a resting order: when it joined, and just before.
    pub(super) queue: Option<[f64; 2]>,
    /// The market's trade behind it.
    pub(super) trade: Option<&'a DepthTrade>,
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
        let mut wanted = own.lots.min(self.tally.room(&own.order, &self.contract));
        for level in self.in_reach(own) {
            if wanted == 0 {
                break;
            }
            let lots = level.lots.min(wanted);
            taken.push((level, lots));
            wanted -= lots;
        }
        let Some(reference) = taken.first().map(|(level, _)| level.tick) else { return };
        for (level, lots) in taken {
            let execution = Execution {
                ts,
                at: Level { tick: level.tick, lots },
                liquidity: Liquidity::Taker,
                rule: FillRule::BookWalk,
                reference,
                level: level.lots,
                queue: None,
                trade: None,
            };
            reports.push(execute(&self.contract, &mut self.tally, own, &execution));
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
        let Self { contract, tally, book, bids, asks, trades_only, .. } = self;
        let orders = if side == Side::Buy { bids } else { asks };
        let (mut left, mut at_level) = (trade.lots, 0);
        for order in orders.iter_mut() {
            let ahead = order.position.ahead;
            let through = is_better(side, order.tick, trade.tick);
            let reached = if through {
                order.position.traded_through();
                left
            } else if order.tick == trade.tick {
                let beyond_queue = order.position.on_trade(trade.lots);
                (beyond_queue - at_level).max(0).min(left)
            } else {
                break;
            };
            let lots = reached.min(order.own.lots).min(tally.room(&order.own.order, contract));
            order.idle |= reached > 0 && lots == 0;
            if lots > 0 {
                left -= lots;
                at_level += if through { 0 } else { lots };
                let rule = if through { FillRule::LimitThrough } else { FillRule::Queue };
                let level = if *trades_only { 0 } else { book.lots(side, order.tick) };
                let execution = Execution {
                    queue: Some([order.joined, ahead]),
                    trade: Some(trade),
                    level,
                    ..resting(ts, order.tick, lots, rule)
                };
                reports.push(execute(contract, tally, &mut order.own, &execution));
            }
        }
        self.sweep(ts, side, reports);
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
        let mut orders = std::mem::replace(self.own_mut(side), RestingSide::new(side));
        for order in orders.iter_mut() {
            while order.own.lots > 0
                && let Some(level) = self.book.best(side.opposite())
                && !is_better(side, level.tick, order.tick)
            {
                let room = self.tally.room(&order.own.order, &self.contract);
                let lots = level.lots.min(order.own.lots).min(room);
                if lots == 0 {
                    order.idle = true;
                    break;
                }
                self.consume(side.opposite(), level, lots);
                let execution = Execution {
                    queue: Some([order.joined, order.position.ahead]),
                    level: level.lots,
                    ..resting(ts, order.tick, lots, FillRule::LimitThrough)
                };
                reports.push(execute(&self.contract, &mut self.tally, &mut order.own, &execution));
            }
        }
        *self.own_mut(side) = orders;
        self.sweep(ts, side, reports);
    }

    /// Drops what is filled, and ends what was reached but has nothing to reduce.
    fn sweep(&mut self, ts: Timestamp, side: Side, reports: &mut Vec<Report>) {
        let idle: Vec<Resting> = self.own_mut(side).sweep();
        for order in idle {
            reports.push(self.nothing_to_reduce(ts, &order.own));
        }
    }

    fn consume(&mut self, side: Side, level: Level, lots: i64) {
        self.book.apply(DepthUpdate { side, tick: level.tick, lots: level.lots - lots });
    }
}

/// An execution of a resting order: at its own price.
const fn resting<'a>(ts: Timestamp, tick: i64, lots: i64, rule: FillRule) -> Execution<'a> {
    let at = Level { tick, lots };
    Execution {
        ts,
        at,
        liquidity: Liquidity::Maker,
        rule,
        reference: tick,
        level: 0,
        queue: None,
        trade: None,
    }
}

pub(super) fn execute(
    contract: &Contract,
    tally: &mut Tally,
    own: &mut Own,
    execution: &Execution<'_>,
) -> Report {
    let &Execution { ts, at, liquidity, rule, reference, level, queue, trade } = execution;
    own.lots -= at.lots;
    let OrderRequest { strategy, series, id, side, .. } = own.order;
    let (price, quantity) = (contract.price(at.tick), contract.quantity(at.lots));
    tally.book(&own.order, at.lots, quantity);
    let fee = contract.fee(quantity, price, liquidity);
    let slippage: Money =
        side.signed(quantity).at(price) - side.signed(quantity).at(contract.price(reference));
    let instrument = contract.instrument;
    let kind = if own.lots == 0 { OrderEventKind::Filled } else { OrderEventKind::PartiallyFilled };
    let maker = liquidity == Liquidity::Maker;
    let remaining = contract.quantity(own.lots);
    let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
    let [joined, ahead] = queue.unwrap_or([f64::NAN; 2]).map(|lots| lots * contract.lot.to_f64());
    let seen = |trade: &DepthTrade| TradeSeen {
        aggressor: trade.aggressor,
        price: contract.price(trade.tick),
        quantity: contract.quantity(trade.lots),
    };
    let level = contract.quantity(level);
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
        market: Some(MarketMatch { ts, order: id, level, joined, ahead, trade: trade.map(seen) }),
    }
}
