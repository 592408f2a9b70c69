//! Our orders at an exchange whose market is a recording.

use std::collections::VecDeque;

use cryptobot_model::{
    Amendment, DepthEvent, DepthUpdate, OrderEvent, OrderEventKind, OrderId, OrderRequest, OrderTerms,
    RefusalReason, Side, TimeInForce, Timestamp,
};

use super::book::Book;
use super::contract::Contract;
use super::queue::{QueueModel, QueuePosition};
use super::resting::{Own, Resting, RestingSide, is_better};
use crate::book::Report;

/// Rules of the simulated exchange on recorded books.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthConfig {
    /// Estimates the queue before resting orders.
    pub queue: QueueModel,
    /// Whether levels that we took from stay smaller until the recording publishes them again. Without it every order
    /// of ours finds all that was published.
    pub impact: bool,
}

impl Default for DepthConfig {
    fn default() -> Self {
        Self { queue: QueueModel::RiskAverse, impact: true }
    }
}

/// What reaches the exchange.
#[derive(Clone, Copy, Debug)]
enum Message {
    Order(OrderRequest),
    Cancel(OrderId),
    Amend(Amendment),
}

/// One instrument of an exchange: the market's book and our orders.
///
/// Times are those of the exchange. A message that arrives at the time of a market event is handled after it. Reports
/// carry the exchange's time, and leave at once; see [`Gateway`](super::Gateway) for when they are known to their owner.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(super) contract: Contract,
    pub(super) config: DepthConfig,
    /// `config.queue` needs quantities in units of the instrument.
    lot: f64,
    pub(super) book: Book,
    pub(super) bids: RestingSide,
    pub(super) asks: RestingSide,
    inbox: VecDeque<(Timestamp, Message)>,
}

impl Exchange {
    /// An exchange without market data and orders.
    pub fn new(contract: Contract, config: DepthConfig) -> Self {
        Self {
            contract,
            config,
            lot: contract.lot.to_f64(),
            book: Book::new(),
            bids: RestingSide::new(Side::Buy),
            asks: RestingSide::new(Side::Sell),
            inbox: VecDeque::new(),
        }
    }

    /// The market's book, less what we took from it.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The grid.
    pub const fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The estimated queue before a resting order; `None` when it does not rest.
    pub fn position(&self, id: OrderId) -> Option<QueuePosition> {
        let mut resting = self.bids.iter().chain(self.asks.iter());
        resting.find(|order| order.own.order.id == id).map(|order| order.position)
    }

    /// An order that arrives at a time. It has passed the risk checks of its sender.
    pub fn submit(&mut self, order: OrderRequest, arrives_at: Timestamp) {
        self.send(arrives_at, Message::Order(order));
    }

    /// A cancel that arrives at a time. It is ignored when the order is over by then.
    pub fn cancel(&mut self, id: OrderId, arrives_at: Timestamp) {
        self.send(arrives_at, Message::Cancel(id));
    }

    /// New numbers for a resting order that arrive at a time. They are ignored when the order is over by then.
    pub fn modify(&mut self, amendment: Amendment, arrives_at: Timestamp) {
        self.send(arrives_at, Message::Amend(amendment));
    }

    fn send(&mut self, arrives_at: Timestamp, message: Message) {
        let at = self.inbox.partition_point(|(other, _)| *other <= arrives_at);
        self.inbox.insert(at, (arrives_at, message));
    }

    /// Handles one market event; messages that arrived before it come first. Reports are appended in the order in which
    /// things happened.
    #[inline]
    pub fn on_event(&mut self, ts: Timestamp, event: &DepthEvent, reports: &mut Vec<Report>) {
        self.advance(ts, reports);
        match event {
            DepthEvent::Diff(updates) if self.bids.is_empty() && self.asks.is_empty() => {
                for update in *updates {
                    self.book.apply(*update);
                }
            }
            DepthEvent::Diff(updates) => self.on_diff(ts, updates, reports),
            DepthEvent::Trade(trade) => self.match_trade(ts, trade, reports),
            DepthEvent::Snapshot(levels) => self.on_snapshot(ts, levels, reports),
        }
    }

    /// Handles everything that happens before `ts` without the market: messages that arrived earlier, orders whose
    /// time has come.
    #[inline]
    pub fn advance(&mut self, ts: Timestamp, reports: &mut Vec<Report>) {
        while let Some(&(arrived, message)) = self.inbox.front()
            && arrived < ts
        {
            self.inbox.pop_front();
            self.expire(arrived, reports);
            self.on_message(arrived, message, reports);
        }
        self.expire(ts, reports);
    }

    fn on_diff(&mut self, ts: Timestamp, updates: &[DepthUpdate], reports: &mut Vec<Report>) {
        for update in updates {
            let before = self.book.apply(*update);
            let (queue, lot) = (self.config.queue, self.lot);
            for order in self.own_mut(update.side).iter_mut().filter(|order| order.tick == update.tick) {
                order.position.on_level(queue, before, update.lots, lot);
            }
        }
        self.match_crossed(ts, reports);
    }

    fn on_snapshot(&mut self, ts: Timestamp, levels: &[DepthUpdate], reports: &mut Vec<Report>) {
        let before = std::mem::take(&mut self.book);
        self.book.reset(levels);
        for (side, own) in [(Side::Buy, &mut self.bids), (Side::Sell, &mut self.asks)] {
            for order in own.iter_mut() {
                let (then, now) = (before.lots(side, order.tick), self.book.lots(side, order.tick));
                order.position.on_level(self.config.queue, then, now, self.lot);
            }
        }
        self.match_crossed(ts, reports);
    }

    fn on_message(&mut self, ts: Timestamp, message: Message, reports: &mut Vec<Report>) {
        match message {
            Message::Order(order) => self.on_order(ts, order, reports),
            Message::Cancel(id) => {
                if let Some(order) = self.take(id) {
                    reports.push(self.event(ts, &order.own, OrderEventKind::Cancelled, None));
                }
            }
            Message::Amend(amendment) => self.on_amendment(ts, &amendment, reports),
        }
    }

    fn on_order(&mut self, ts: Timestamp, order: OrderRequest, reports: &mut Vec<Report>) {
        let own = match self.admit(order) {
            Ok(own) => own,
            Err(reason) => {
                let lots = self.contract.lots(order.quantity).unwrap_or(0);
                let own = Own { order, limit: None, lots };
                reports.push(self.event(ts, &own, OrderEventKind::Rejected, Some(reason)));
                return;
            }
        };
        reports.push(self.event(ts, &own, OrderEventKind::Accepted, None));
        self.place(ts, own, reports);
    }

    /// An order on the grid, if this exchange serves it.
    fn admit(&self, order: OrderRequest) -> Result<Own, RefusalReason> {
        let kind = order.kind;
        let limit = match kind.limit() {
            Some((price, tif)) => {
                Some((self.contract.ticks(price).ok_or(RefusalReason::InvalidArgument)?, tif))
            }
            None => None,
        };
        let lots = self.contract.lots(order.quantity).filter(|lots| *lots > 0);
        let lots = lots.ok_or(RefusalReason::InvalidArgument)?;
        if kind.trigger().is_some() || order.terms != OrderTerms::FREE {
            return Err(RefusalReason::InvalidArgument);
        }
        if self.book.is_empty(Side::Buy) && self.book.is_empty(Side::Sell) {
            return Err(RefusalReason::NoMarket);
        }
        match limit {
            Some((tick, TimeInForce::Gtx)) if self.would_take(order.side, tick) => {
                Err(RefusalReason::WouldTake)
            }
            _ => Ok(Own { order, limit, lots }),
        }
    }

    /// Lets an order take what it may take, and lets the rest of it rest or expire.
    fn place(&mut self, ts: Timestamp, own: Own, reports: &mut Vec<Report>) {
        let mut own = own;
        let tif = own.limit.map_or(TimeInForce::Ioc, |(_, tif)| tif);
        if matches!(tif, TimeInForce::Gtd(until) if until <= ts) {
            let reason = Some(RefusalReason::GoodTillDate);
            reports.push(self.event(ts, &own, OrderEventKind::Expired, reason));
            return;
        }
        if tif != TimeInForce::Fok || self.takeable(&own) >= own.lots {
            self.take_liquidity(ts, &mut own, reports);
        }
        match (own.limit, tif) {
            _ if own.lots == 0 => {}
            (Some((tick, _)), TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd(_)) => {
                let position = QueuePosition::last(self.book.lots(own.order.side, tick));
                self.own_mut(own.order.side).insert(Resting { own, tick, position });
            }
            _ => {
                let reason = Some(RefusalReason::NotFillable);
                reports.push(self.event(ts, &own, OrderEventKind::Expired, reason));
            }
        }
    }

    /// The rules of Binance USD-M futures: an amended order goes to the end of the queue; one whose new quantity is
    /// already filled, and a post-only order that would take at its new price, end.
    fn on_amendment(&mut self, ts: Timestamp, amendment: &Amendment, reports: &mut Vec<Report>) {
        let numbers = (self.contract.ticks(amendment.price), self.contract.lots(amendment.quantity));
        let (Some(tick), Some(quantity)) = numbers else { return };
        let Some(Resting { mut own, .. }) = self.take(amendment.id) else { return };
        let Some((_, tif)) = own.limit else { return };
        let filled = self.contract.lots(own.order.quantity).unwrap_or(0) - own.lots;
        own.order.quantity = amendment.quantity;
        own.lots = (quantity - filled).max(0);
        own.limit = Some((tick, tif));
        if own.lots == 0 {
            reports.push(self.event(ts, &own, OrderEventKind::Cancelled, None));
        } else if tif == TimeInForce::Gtx && self.would_take(own.order.side, tick) {
            let reason = Some(RefusalReason::WouldTake);
            reports.push(self.event(ts, &own, OrderEventKind::Expired, reason));
        } else {
            reports.push(self.event(ts, &own, OrderEventKind::Modified, None));
            self.place(ts, own, reports);
        }
    }

    #[inline]
    fn expire(&mut self, now: Timestamp, reports: &mut Vec<Report>) {
        while let Some((until, own)) = self.bids.expired(now).or_else(|| self.asks.expired(now)) {
            let reason = Some(RefusalReason::GoodTillDate);
            reports.push(self.event(until, &own, OrderEventKind::Expired, reason));
        }
    }

    fn would_take(&self, side: Side, tick: i64) -> bool {
        let best = self.book.best(side.opposite());
        best.is_some_and(|best| !is_better(side, best.tick, tick))
    }

    fn take(&mut self, id: OrderId) -> Option<Resting> {
        self.bids.remove(id).or_else(|| self.asks.remove(id))
    }

    pub(super) const fn own(&self, side: Side) -> &RestingSide {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub(super) const fn own_mut(&mut self, side: Side) -> &mut RestingSide {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// An event of an order without an execution.
    fn event(&self, ts: Timestamp, own: &Own, kind: OrderEventKind, reason: Option<RefusalReason>) -> Report {
        let OrderRequest { strategy, series, id, side, .. } = own.order;
        let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
        let remaining = self.contract.quantity(own.lots);
        Report::new(OrderEvent { remaining, reason, ..plain }, None)
    }
}
