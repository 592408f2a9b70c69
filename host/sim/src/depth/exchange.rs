//! Our orders at an exchange whose market is a recording.

use std::collections::VecDeque;

use cryptobot_model::{
    Amendment, DepthEvent, DepthTrade, DepthUpdate, Instrument, OrderEvent, OrderEventKind, OrderId,
    OrderRequest, Quantity, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timestamp,
};
use cryptobot_risk::Grid;

use super::book::Book;
use super::contract::Contract;
use super::queue::{QueueModel, QueuePosition};
use super::resting::{Own, Resting, RestingSide, is_better};
use super::tally::Tally;
use crate::book::Report;
use crate::filters::Filters;
use crate::working::Working;

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
    /// Orders that take but wait for trades, where the book is not known.
    pub(super) takers: Vec<Own>,
    /// Orders that wait for a price or for another order.
    pub(super) waiting: Vec<Working>,
    pub(super) tally: Tally,
    pub(super) grid: Grid,
    filters: Option<Filters>,
    /// The market is known by its trades only.
    pub(super) trades_only: bool,
    /// Whether any order was ever bound to another one.
    has_bonds: bool,
    /// Tick of the newest trade.
    pub(super) last: Option<i64>,
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
            takers: Vec::new(),
            waiting: Vec::new(),
            tally: Tally::default(),
            grid: Grid::of_steps(contract.tick, contract.lot),
            filters: None,
            trades_only: false,
            has_bonds: false,
            last: None,
            inbox: VecDeque::new(),
        }
    }

    /// The same with the order filters of an instrument.
    #[must_use]
    pub fn with_filters_of(mut self, instrument: &Instrument) -> Self {
        self.filters = Some(Filters::new(instrument));
        self
    }

    /// The same for a market of which only the trades are known: books that it is shown are passed over.
    #[must_use]
    pub const fn on_trades_only(mut self) -> Self {
        self.trades_only = true;
        self
    }

    /// Replaces the positions of all who ever sent an order by those of their accounts.
    pub fn set_positions(&mut self, position: impl Fn(StrategyId) -> Quantity) {
        self.tally.set_positions(position);
    }

    /// Cancels all orders of a strategy, for a reason.
    pub fn cancel_all(
        &mut self,
        ts: Timestamp,
        strategy: StrategyId,
        reason: RefusalReason,
        reports: &mut Vec<Report>,
    ) {
        let theirs: Vec<OrderId> =
            self.all_orders().filter(|order| order.strategy == strategy).map(|order| order.id).collect();
        for id in theirs {
            reports.extend(self.remove(ts, id, Some(reason)));
        }
    }

    /// The series of a strategy's newest order.
    pub fn series_of(&self, strategy: StrategyId) -> SeriesId {
        self.tally.series(strategy)
    }

    /// Whether no order is here or on its way.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.all_orders().next().is_none()
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
        if self.trades_only && !matches!(event, DepthEvent::Trade(_)) {
            return;
        }
        match event {
            DepthEvent::Diff(updates) if self.bids.is_empty() && self.asks.is_empty() => {
                for update in *updates {
                    self.book.apply(*update);
                }
            }
            DepthEvent::Diff(updates) => {
                let before = reports.len();
                self.on_diff(ts, updates, reports);
                self.follow_bonds(before, reports);
            }
            DepthEvent::Trade(trade) => self.on_trade(ts, trade, reports),
            DepthEvent::Snapshot(levels) => self.on_snapshot(ts, levels, reports),
        }
    }

    #[inline]
    fn on_trade(&mut self, ts: Timestamp, trade: &DepthTrade, reports: &mut Vec<Report>) {
        let before = reports.len();
        if self.trades_only {
            self.on_lone_trade(ts, trade, reports);
        } else {
            self.match_trade(ts, trade, reports);
        }
        self.last = Some(trade.tick);
        self.follow_bonds(before, reports);
        if !self.waiting.is_empty() {
            let before = reports.len();
            self.wake_touched(ts, reports);
            self.follow_bonds(before, reports);
        }
    }

    fn follow_bonds(&mut self, from: usize, reports: &mut Vec<Report>) {
        if self.has_bonds && reports.len() > from {
            self.follow(from, reports);
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
            let before = reports.len();
            self.on_message(arrived, message, reports);
            self.follow_bonds(before, reports);
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
            Message::Cancel(id) => reports.extend(self.remove(ts, id, None)),
            Message::Amend(amendment) => self.on_amendment(ts, &amendment, reports),
        }
    }

    fn on_order(&mut self, ts: Timestamp, order: OrderRequest, reports: &mut Vec<Report>) {
        self.tally.meet(&order);
        self.has_bonds |= order.terms.parent.is_some() || order.terms.sibling.is_some();
        let own = match self.admit(order) {
            Ok(own) => own,
            Err(reason) => {
                let lots = self.contract.lots(order.quantity).unwrap_or(0);
                let own = Own { order, limit: None, lots };
                reports.push(self.event(ts, &own, OrderEventKind::Rejected, Some(reason)));
                return;
            }
        };
        if self.admit_waiting(ts, order, reports) {
            return;
        }
        reports.push(self.event(ts, &own, OrderEventKind::Accepted, None));
        if self.tally.filled(order.terms.sibling) > 0 {
            let reason = Some(RefusalReason::Sibling);
            reports.push(self.event(ts, &own, OrderEventKind::Cancelled, reason));
        } else {
            self.enter(ts, own, reports);
        }
    }

    /// An order on the grid, if this exchange serves it.
    fn admit(&self, order: OrderRequest) -> Result<Own, RefusalReason> {
        let limit = match order.kind.limit() {
            Some((price, tif)) => {
                Some((self.contract.ticks(price).ok_or(RefusalReason::InvalidArgument)?, tif))
            }
            None => None,
        };
        let lots = self.contract.lots(order.quantity);
        let lots = lots.filter(|lots| *lots > 0 || order.terms.close_position);
        let lots = lots.ok_or(RefusalReason::InvalidArgument)?;
        if self.book.is_empty(Side::Buy) && self.book.is_empty(Side::Sell) {
            return Err(RefusalReason::NoMarket);
        }
        let mark = self.last.map_or(f64::NAN, |tick| self.contract.price(tick).to_f64());
        let open = || self.all_orders().filter(|other| other.strategy == order.strategy).count();
        if let Some(reason) = self.filters.and_then(|filters| filters.refusal(&order, mark, open)) {
            return Err(reason);
        }
        let waits = order.kind.trigger().is_some() || order.terms.parent.is_some();
        match limit {
            Some((tick, TimeInForce::Gtx)) if !waits && self.would_take(order.side, tick) => {
                Err(RefusalReason::WouldTake)
            }
            _ => Ok(Own { order, limit, lots }),
        }
    }

    /// Lets an order that waits for nothing meet the market. One that may only reduce is as large as what there is to
    /// reduce when it executes.
    pub(super) fn enter(&mut self, ts: Timestamp, own: Own, reports: &mut Vec<Report>) {
        let mut own = own;
        let room = self.tally.room(&own.order, &self.contract);
        if own.order.terms.close_position {
            own.lots = room;
        }
        if own.limit.is_none() && room == 0 {
            reports.push(self.nothing_to_reduce(ts, &own));
            return;
        }
        if matches!(own.limit, Some((tick, TimeInForce::Gtx)) if self.would_take(own.order.side, tick)) {
            let reason = Some(RefusalReason::WouldTake);
            reports.push(self.event(ts, &own, OrderEventKind::Expired, reason));
            return;
        }
        self.place(ts, own, reports);
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
        let takes = own.limit.is_none_or(|(tick, _)| self.would_take(own.order.side, tick));
        if self.trades_only && takes {
            self.takers.push(own);
            return;
        }
        if takes && (tif != TimeInForce::Fok || self.takeable(&own) >= own.lots) {
            self.take_liquidity(ts, &mut own, reports);
            if own.lots > 0 && self.tally.room(&own.order, &self.contract) == 0 {
                reports.push(self.nothing_to_reduce(ts, &own));
                return;
            }
        }
        match tif {
            _ if own.lots == 0 => {}
            TimeInForce::Ioc | TimeInForce::Fok => reports.push(self.not_fillable(ts, &own)),
            TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd(_) => self.rest(own),
        }
    }

    /// Puts an order at the end of the queue of its price.
    pub(super) fn rest(&mut self, own: Own) {
        let Some((tick, _)) = own.limit else { return };
        let position = if self.trades_only {
            QueuePosition::unknown()
        } else {
            QueuePosition::last(self.book.lots(own.order.side, tick))
        };
        let order = Resting { own, tick, position, joined: position.ahead, idle: false };
        self.own_mut(own.order.side).insert(order);
    }

    pub(super) fn not_fillable(&self, ts: Timestamp, own: &Own) -> Report {
        self.event(ts, own, OrderEventKind::Expired, Some(RefusalReason::NotFillable))
    }

    /// The end of an order that has nothing to execute: its position is gone, or its pair was filled.
    pub(super) fn nothing_to_reduce(&self, ts: Timestamp, own: &Own) -> Report {
        let (kind, reason) = if self.tally.of_pair(&own.order, &self.contract) == 0 {
            (OrderEventKind::Cancelled, RefusalReason::Sibling)
        } else {
            (OrderEventKind::Expired, RefusalReason::NothingToReduce)
        };
        self.event(ts, own, kind, Some(reason))
    }

    /// The rules of Binance USD-M futures: an amended order goes to the end of the queue; one whose new quantity is
    /// already filled, and a post-only order that would take at its new price, end.
    fn on_amendment(&mut self, ts: Timestamp, amendment: &Amendment, reports: &mut Vec<Report>) {
        let numbers = (self.contract.ticks(amendment.price), self.contract.lots(amendment.quantity));
        let (Some(tick), Some(quantity)) = numbers else { return };
        if self.amend_waiting(ts, amendment, reports) {
            return;
        }
        let Some(mut own) = self.take(amendment.id) else { return };
        let Some((_, tif)) = own.limit else {
            // A market order that waits for trades has no numbers to change.
            self.takers.push(own);
            return;
        };
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
        let before = reports.len();
        while let Some((until, own)) = self.bids.expired(now).or_else(|| self.asks.expired(now)) {
            let reason = Some(RefusalReason::GoodTillDate);
            reports.push(self.event(until, &own, OrderEventKind::Expired, reason));
        }
        if !self.waiting.is_empty() || !self.takers.is_empty() {
            self.expire_waiting(now, reports);
        }
        self.follow_bonds(before, reports);
    }

    fn would_take(&self, side: Side, tick: i64) -> bool {
        let best = self.book.best(side.opposite());
        best.is_some_and(|best| !is_better(side, best.tick, tick))
    }

    /// Takes out an order that waits for no price and no other order.
    fn take(&mut self, id: OrderId) -> Option<Own> {
        let resting = self.bids.remove(id).or_else(|| self.asks.remove(id)).map(|order| order.own);
        resting.or_else(|| {
            let at = self.takers.iter().position(|own| own.order.id == id)?;
            Some(self.takers.remove(at))
        })
    }

    /// Takes out an order and tells that it was cancelled.
    pub(super) fn remove(
        &mut self,
        ts: Timestamp,
        id: OrderId,
        reason: Option<RefusalReason>,
    ) -> Option<Report> {
        if let Some(own) = self.take(id) {
            return Some(self.event(ts, &own, OrderEventKind::Cancelled, reason));
        }
        let at = self.waiting.iter().position(|order| order.id() == id)?;
        Some(self.waiting.remove(at).event(ts, OrderEventKind::Cancelled, reason))
    }

    /// All orders at the exchange.
    pub(super) fn all_orders(&self) -> impl Iterator<Item = &OrderRequest> {
        let resting = self.bids.iter().chain(self.asks.iter()).map(|order| &order.own.order);
        let takers = self.takers.iter().map(|own| &own.order);
        resting.chain(takers).chain(self.waiting.iter().map(|order| &order.order))
    }

    /// Whether an order is at the exchange.
    pub(super) fn is_here(&self, id: OrderId) -> bool {
        self.all_orders().any(|order| order.id == id)
    }

    /// An order that waits for no price and no other order.
    pub(super) fn own_order(&mut self, id: OrderId) -> Option<&mut Own> {
        let resting = self.bids.iter_mut().chain(self.asks.iter_mut()).map(|order| &mut order.own);
        resting.chain(self.takers.iter_mut()).find(|own| own.order.id == id)
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
    pub(super) fn event(
        &self,
        ts: Timestamp,
        own: &Own,
        kind: OrderEventKind,
        reason: Option<RefusalReason>,
    ) -> Report {
        let OrderRequest { strategy, series, id, side, .. } = own.order;
        let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
        let remaining = self.contract.quantity(own.lots);
        Report::new(OrderEvent { remaining, reason, ..plain }, None)
    }
}
