//! The orders of one instrument: those on their way and those at the exchange.

use cryptobot_model::{
    Amendment, Fill, Instrument, InstrumentId, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest,
    Price, Quantity, RefusalReason, StrategyId, Timestamp,
};

use crate::bar_match::BarMatch;
use crate::config::ExchangeConfig;
use crate::exchange::{Accounts, BarInterval};
use crate::pricing::Pricing;
use crate::stats::MarketStats;

/// What the exchange says: an order event, and the execution where it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What happened to the order.
    pub event: OrderEvent,
    /// The execution behind a (partial) fill.
    pub fill: Option<Fill>,
}

/// A message on its way to the exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) decided_at: Timestamp,
    pub(crate) arrives_at: Timestamp,
    pub(crate) what: MessageKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum MessageKind {
    Order(OrderRequest),
    Cancel(OrderId),
    Modify(Amendment),
}

impl Message {
    /// Whose message it is.
    pub(crate) const fn strategy(&self) -> Option<StrategyId> {
        match self.what {
            MessageKind::Order(order) => Some(order.strategy),
            MessageKind::Cancel(id) | MessageKind::Modify(Amendment { id, .. }) => id.strategy(),
        }
    }
}

/// An order at the exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Working {
    pub(crate) order: OrderRequest,
    pub(crate) remaining: Quantity,
    /// Limit price or trigger; unused for market orders, which never rest.
    pub(crate) level: f64,
    /// Arrived since the last bar: it meets the open as a taker would.
    pub(crate) fresh: bool,
}

impl Working {
    pub(crate) fn new(order: OrderRequest) -> Self {
        let level = order.kind.trigger_price().or(order.kind.limit().map(|(price, _)| price));
        let level = level.map_or(f64::NAN, Price::to_f64);
        Self { order, remaining: order.quantity, level, fresh: true }
    }

    pub(crate) const fn is_stop(&self) -> bool {
        matches!(self.order.kind, OrderKind::StopMarket { .. })
    }

    /// An event of this order without an execution.
    pub(crate) fn event(&self, ts: Timestamp, kind: OrderEventKind, reason: Option<RefusalReason>) -> Report {
        let OrderRequest { strategy, series, id, side, .. } = self.order;
        let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
        Report { event: OrderEvent { remaining: self.remaining, reason, ..plain }, fill: None }
    }
}

/// All orders of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pricing: Pricing,
    stats: MarketStats,
    keeps_stats: bool,
    in_transit: Vec<Message>,
    working: Vec<Working>,
    /// Kept between bars for its memory only.
    arrived: Vec<Message>,
}

impl Book {
    pub(crate) fn new(instrument: &Instrument, config: &ExchangeConfig) -> Self {
        Self {
            pricing: Pricing::new(instrument, config),
            stats: MarketStats::new(config.window_bars),
            keeps_stats: config.needs_stats(),
            in_transit: Vec::new(),
            working: Vec::new(),
            arrived: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.in_transit.push(message);
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.in_transit.is_empty() && self.working.is_empty()
    }

    /// Matches all orders with one bar.
    #[inline]
    pub(crate) fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        if !self.is_quiet() {
            let _ = mark;
            self.match_orders(interval, &|strategy| accounts.position(strategy, instrument), reports);
        }
        if self.keeps_stats {
            self.stats.push(interval.bar.close, interval.bar.volume);
        }
    }

    // Kept out of the loop, which most bars go through without an order.
    #[inline(never)]
    fn match_orders(
        &mut self,
        interval: &BarInterval,
        position_of: &dyn Fn(StrategyId) -> Quantity,
        reports: &mut Vec<Report>,
    ) {
        self.take_arrivals(interval);
        let working = std::mem::take(&mut self.working);
        let matching = BarMatch::new(interval, &self.pricing, &self.stats, position_of);
        self.working = matching.run(working, &self.arrived, reports);
    }

    /// Collects the messages that reach the exchange before the bar ends. A new order waits for a bar that began after
    /// its decision; a cancel may also come inside a bar if its order is there.
    fn take_arrivals(&mut self, interval: &BarInterval) {
        let working = &self.working;
        let due = |message: &Message| {
            let known = |id: OrderId| working.iter().any(|order| order.order.id == id);
            message.arrives_at < interval.bar.ts
                && match message.what {
                    MessageKind::Order(_) => message.decided_at <= interval.open_ts,
                    MessageKind::Cancel(id) | MessageKind::Modify(Amendment { id, .. }) => {
                        message.decided_at <= interval.open_ts || known(id)
                    }
                }
        };
        self.arrived.clear();
        if self.in_transit.iter().all(&due) {
            std::mem::swap(&mut self.arrived, &mut self.in_transit);
        } else {
            self.arrived.extend(self.in_transit.extract_if(.., |message| due(message)));
        }
    }
}
