//! Matching with trades alone: the book is not known.
//!
//! The newest trade of each aggressor stands for the best level that it met. An order that takes is filled by the
//! trades of its own side that follow, at their prices, up to their quantities. An order that rests is filled by trades
//! through its price only: the queue at its price is not known.

use cryptobot_model::{DepthTrade, DepthUpdate, FillRule, Liquidity, Side, TimeInForce, Timestamp};

use super::book::Level;
use super::exchange::Exchange;
use super::matching::{Execution, execute};
use super::resting::{Own, is_better};
use crate::book::Report;

/// What becomes of a taker after a trade.
enum Next {
    Waits,
    Rests,
    Ends,
    Idle,
    Filled,
}

impl Exchange {
    /// A trade of a market whose book is not known.
    pub(super) fn on_lone_trade(&mut self, ts: Timestamp, trade: &DepthTrade, reports: &mut Vec<Report>) {
        if !self.takers.is_empty() {
            self.fill_takers(ts, trade, reports);
        }
        self.match_trade(ts, trade, reports);
        self.show(trade);
    }

    /// Keeps the newest price of each side as its only level. A level of the other side that is not beyond it is gone:
    /// it is one tick further away at least.
    fn show(&mut self, trade: &DepthTrade) {
        let (side, lots) = (trade.aggressor.opposite(), trade.lots);
        self.set_only(DepthUpdate { side, tick: trade.tick, lots });
        let other = self.book.best(trade.aggressor);
        if let Some(other) = other.filter(|other| !is_better(side, other.tick, trade.tick)) {
            let away = if trade.aggressor == Side::Buy { trade.tick - 1 } else { trade.tick + 1 };
            self.set_only(DepthUpdate { side: trade.aggressor, tick: away, lots: other.lots });
        }
    }

    fn set_only(&mut self, level: DepthUpdate) {
        while let Some(best) = self.book.best(level.side) {
            self.book.apply(DepthUpdate { side: level.side, tick: best.tick, lots: 0 });
        }
        self.book.apply(level);
    }

    fn fill_takers(&mut self, ts: Timestamp, trade: &DepthTrade, reports: &mut Vec<Report>) {
        let mut left = trade.lots;
        for mut own in std::mem::take(&mut self.takers) {
            let next = if own.order.side == trade.aggressor {
                self.fill_taker(ts, &mut own, trade, &mut left, reports)
            } else {
                Next::Waits
            };
            match next {
                Next::Waits => self.takers.push(own),
                Next::Rests => self.rest(own),
                Next::Ends => reports.push(self.not_fillable(ts, &own)),
                Next::Idle => reports.push(self.nothing_to_reduce(ts, &own)),
                Next::Filled => {}
            }
        }
    }

    fn fill_taker(
        &mut self,
        ts: Timestamp,
        own: &mut Own,
        trade: &DepthTrade,
        left: &mut i64,
        reports: &mut Vec<Report>,
    ) -> Next {
        let tif = own.limit.map(|(_, tif)| tif);
        let at_once = matches!(tif, Some(TimeInForce::Ioc | TimeInForce::Fok));
        let beyond = own.limit.is_some_and(|(tick, _)| is_better(own.order.side, trade.tick, tick));
        let room = self.tally.room(&own.order, &self.contract);
        let lots = own.lots.min(*left).min(room);
        if room == 0 {
            return Next::Idle;
        }
        if beyond || (tif == Some(TimeInForce::Fok) && lots < own.lots) {
            return if at_once { Next::Ends } else { Next::Rests };
        }
        if lots > 0 {
            *left -= lots;
            let execution = Execution {
                ts,
                at: Level { tick: trade.tick, lots },
                liquidity: Liquidity::Taker,
                rule: FillRule::Trade,
                reference: trade.tick,
                level: 0,
                queue: None,
                trade: Some(trade),
            };
            reports.push(execute(&self.contract, &mut self.tally, own, &execution));
        }
        match own.lots {
            0 => Next::Filled,
            _ if at_once => Next::Ends,
            _ if self.tally.room(&own.order, &self.contract) == 0 => Next::Idle,
            _ => Next::Waits,
        }
    }
}
