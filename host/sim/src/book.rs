//! The orders of one instrument: those on their way and those at the exchange.

use cryptobot_model::{
    Amendment, Calm, Fill, Instrument, InstrumentId, MarketMatch, OrderEvent, OrderEventKind, OrderId,
    OrderRequest, Price, Quantity, RefusalReason, SeriesId, StrategyId, Timestamp,
};
use cryptobot_risk::Closing;

use crate::bars::liquidation::closed;
use crate::bars::{BarMatch, State};
use crate::config::ExchangeConfig;
use crate::exchange::{Accounts, BarInterval};
use crate::filters::Filters;
use crate::pricing::Pricing;
use crate::stats::MarketStats;
use crate::working::Working;

/// What the exchange says: an order event, and the execution where it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What happened to the order.
    pub event: OrderEvent,
    /// The execution behind a (partial) fill.
    pub fill: Option<Fill>,
    /// What a recorded market had for the execution, where it was matched with one.
    pub market: Option<MarketMatch>,
    /// When the host learns of it: the event's time plus the response latency.
    pub arrives_at: Timestamp,
}

impl Report {
    /// A report that has no way to go.
    pub(crate) const fn new(event: OrderEvent, fill: Option<Fill>) -> Self {
        Self { event, fill, market: None, arrives_at: event.ts }
    }
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
    /// When the order that it brings expires, where that is at a time.
    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        match &self.what {
            MessageKind::Order(order) => order.kind.deadline(),
            MessageKind::Cancel(_) | MessageKind::Modify(_) => None,
        }
    }

    /// Whose message it is.
    pub(crate) const fn strategy(&self) -> Option<StrategyId> {
        match self.what {
            MessageKind::Order(order) => Some(order.strategy),
            MessageKind::Cancel(id) | MessageKind::Modify(Amendment { id, .. }) => id.strategy(),
        }
    }
}

/// A strategy with a position in the instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) strategy: StrategyId,
    /// The series of its newest order, which reports of a liquidation name.
    pub(crate) series: SeriesId,
    pub(crate) position: Quantity,
}

/// The calm that orders leave. What follows every price, waits for a time or has not met the market yet leaves none.
fn calm_of(working: &[Working]) -> Calm {
    let mut calm = Calm::ALL;
    for order in working.iter().filter(|order| !order.waits) {
        match order.moves_up_at() {
            Some(true) => calm.above = calm.above.min(order.level),
            Some(false) => calm.below = calm.below.max(order.level),
            None => return Calm::NONE,
        }
    }
    calm
}

/// All orders of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pricing: Pricing,
    filters: Filters,
    stats: MarketStats,
    keeps_stats: bool,
    in_transit: Vec<Message>,
    /// The orders at the exchange, and those that traded here and were not flat after the newest bar with an order. The
    /// rest of it is kept between bars for its memory only.
    state: State,
    calm: Calm,
    /// Kept between bars for its memory only.
    arrived: Vec<Message>,
}

impl Book {
    pub(crate) fn new(instrument: &Instrument, config: &ExchangeConfig) -> Self {
        Self {
            pricing: Pricing::new(instrument, config),
            filters: Filters::new(instrument),
            stats: MarketStats::new(config.window_bars),
            keeps_stats: config.needs_stats(),
            in_transit: Vec::new(),
            state: State::default(),
            calm: calm_of(&[]),
            arrived: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.in_transit.push(message);
    }

    /// When an order that is still under way arrives.
    pub(crate) fn arrival_of(&self, id: OrderId) -> Option<Timestamp> {
        let is_it = |message: &&Message| matches!(message.what, MessageKind::Order(order) if order.id == id);
        self.in_transit.iter().rev().find(is_it).map(|message| message.arrives_at)
    }

    /// Prices between which a bar changes no order.
    pub(crate) fn calm(&self) -> Calm {
        if self.in_transit.is_empty() { self.calm } else { Calm::NONE }
    }

    /// Takes note of consecutive bars that change nothing.
    #[inline]
    pub(crate) fn pass(&mut self, intervals: &[BarInterval]) {
        if self.keeps_stats {
            for interval in intervals {
                self.stats.push(interval.bar.close, interval.bar.volume);
            }
        }
    }

    /// Matches all orders with one bar; tells whether there was anything to match.
    #[inline]
    pub(crate) fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) -> bool {
        let acts = !self.in_transit.is_empty()
            || !self.calm.holds(&interval.bar)
            || mark.is_some_and(|mark| !self.calm.holds(&mark.bar))
            || (!self.state.holders.is_empty()
                && accounts.have_margin()
                && any_liquidation(&self.state.holders, instrument, mark.unwrap_or(interval), accounts));
        if acts {
            self.match_orders(instrument, interval, mark.unwrap_or(interval), accounts, reports);
        }
        self.pass(std::slice::from_ref(interval));
        acts
    }

    // Kept out of the loop, which most bars go through without an order.
    #[inline(never)]
    fn match_orders(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: &BarInterval,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        self.take_arrivals(interval);
        self.stats.set_bar_length(interval.bar.ts.0 - interval.open_ts.0);
        let state = &mut self.state;
        state.holders.retain_mut(|holder| {
            holder.position = accounts.position(holder.strategy, instrument);
            !holder.position.is_zero()
        });
        let matching =
            BarMatch::new(instrument, interval, mark, &self.pricing, &self.filters, &self.stats, accounts);
        std::mem::swap(&mut state.reports, reports);
        matching.run(state, &self.arrived);
        std::mem::swap(&mut state.reports, reports);
        state.fills.clear();
        self.calm = calm_of(&state.working);
    }

    /// Cancels a strategy's orders at the exchange and closes a part of its position at the mark price.
    pub(crate) fn liquidate(
        &mut self,
        closing: &Closing,
        mark: Price,
        ts: Timestamp,
        reports: &mut Vec<Report>,
    ) {
        let reason = Some(RefusalReason::Liquidated);
        let theirs = self.state.working.extract_if(.., |order| order.order.strategy == closing.strategy);
        reports.extend(theirs.map(|order| order.event(ts, OrderEventKind::Cancelled, reason)));
        let holder = self.state.holders.iter().find(|holder| holder.strategy == closing.strategy);
        let series = holder.map_or(SeriesId(0), |holder| holder.series);
        reports.push(closed(&self.pricing, &self.stats, closing, series, ts, mark.to_f64()));
    }

    /// Collects the messages that reach the exchange before the bar ends, in the order of their arrival. A new order
    /// waits for a bar that began after its decision; other messages may also come inside a bar if their order is
    /// there.
    fn take_arrivals(&mut self, interval: &BarInterval) {
        let working = &self.state.working;
        let due = |message: &Message| {
            let known = |id: OrderId| working.iter().any(|order| order.id() == id);
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
        if !self.arrived.is_sorted_by_key(|message| message.arrives_at) {
            self.arrived.sort_by_key(|message| message.arrives_at);
        }
    }
}

/// Whether the mark price reaches the liquidation price of anybody's position.
#[inline(never)]
fn any_liquidation(
    holders: &[Holder],
    instrument: InstrumentId,
    mark: &BarInterval,
    accounts: &dyn Accounts,
) -> bool {
    holders.iter().any(|holder| {
        let worst = if holder.position.signum() > 0 { mark.bar.low } else { mark.bar.high };
        let reached = |level: Price| liquidates(holder.position, level.to_f64(), worst);
        let earlier = || accounts.earlier_liquidation(holder.strategy, instrument)?.price;
        accounts.liquidation_price(holder.strategy, instrument).is_some_and(reached)
            || earlier().is_some_and(reached)
    })
}

/// Whether a mark price ends a position with this liquidation price.
pub(crate) fn liquidates(position: Quantity, level: f64, mark: f64) -> bool {
    match position.signum() {
        1 => mark <= level,
        -1 => mark >= level,
        _ => false,
    }
}
