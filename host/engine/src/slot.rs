//! A strategy in the engine: its account, its open orders, what it has yet to be told.

use std::time::Duration;

use cryptobot_ledger::Account;
use cryptobot_model::{
    Bar, ClosedTrade, Fill, InstrumentId, Money, OrderEvent, OrderId, OrderKind, OrderRequest, Price,
    Quantity, Rate, SeriesId, Side, StrategyId, Timestamp, Wants,
};
use cryptobot_risk::Exposure;
use cryptobot_sim::{Accounts, BarInterval, EarlierLevel};

use crate::custody::Custody;
use crate::engine::margin::Margin;
use crate::fault::{Fault, FaultKind};
use crate::feed::NEVER;
use crate::overrun::{Calls, Watched};
use crate::setup::StrategySetup;
use crate::strategy::Strategy;
use crate::version::Origin;

/// An order that is not over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenOrder {
    pub(crate) id: OrderId,
    pub(crate) instrument: InstrumentId,
    pub(crate) remaining: Quantity,
    /// As it was approved.
    pub(crate) request: OrderRequest,
}

impl OpenOrder {
    pub(crate) fn is_market(&self) -> bool {
        matches!(self.request.kind, OrderKind::Market)
    }

    /// Whether it may only make a position smaller.
    pub(crate) fn reduces(&self) -> bool {
        self.request.terms.reduce_only || self.request.terms.close_position
    }
}

/// News for a strategy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    Order(OrderEvent),
    Closed(SeriesId, ClosedTrade),
}

/// What a strategy has in an instrument, as a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    quantity: f64,
    average_price: f64,
    cash: f64,
}

/// What a strategy has after a fill; nothing where a report brings none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AfterFill {
    pub(crate) holding: Option<Holding>,
    /// The trade that ended with it.
    pub(crate) closed: Option<ClosedTrade>,
}

/// What a report tells a strategy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) event: OrderEvent,
    pub(crate) instrument: InstrumentId,
    pub(crate) after: AfterFill,
}

/// The accounts of all strategies, for the venue.
pub(crate) struct Holders<'a> {
    pub(crate) slots: &'a [Slot],
    pub(crate) margin: Option<&'a Margin>,
}

impl Accounts for Holders<'_> {
    fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity {
        self.slots[strategy.index()].account.position(instrument).quantity()
    }

    fn have_margin(&self) -> bool {
        self.margin.is_some()
    }

    fn liquidation_price(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<Price> {
        self.margin?.liquidation_price(strategy, instrument, self.position(strategy, instrument))
    }

    fn earlier_liquidation(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<EarlierLevel> {
        self.margin?.earlier_liquidation(strategy, instrument, self.position(strategy, instrument))
    }

    fn liquidation_price_after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        fills: &[Fill],
    ) -> Option<Price> {
        self.margin?.liquidation_price_after(strategy, instrument, self.slots, fills)
    }

    fn is_safe_after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        fills: &[Fill],
        mark: f64,
    ) -> bool {
        self.margin.is_some_and(|margin| margin.is_safe_after(strategy, instrument, self.slots, fills, mark))
    }

    fn liquidation_quantity(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        fills: &[Fill],
        position: Quantity,
        mark: Price,
    ) -> Quantity {
        self.margin.map_or(position.abs(), |margin| {
            margin.liquidation_quantity(strategy, instrument, self.slots, fills, mark)
        })
    }
}

pub(crate) struct Slot {
    pub(crate) id: StrategyId,
    pub(crate) strategy: Box<dyn Strategy>,
    /// Counts the calls of all its instances, where the run is to be repeated from a tape.
    calls: Option<Calls>,
    /// What the strategy was made of.
    pub(crate) origin: Option<Origin>,
    pub(crate) wants: Wants,
    pub(crate) account: Account,
    pub(crate) fault: Option<Fault>,
    pub(crate) news: Vec<News>,
    /// Reports on their way back, by time of arrival.
    in_flight: Vec<(Timestamp, Learned)>,
    /// When a report came back last.
    received_at: Timestamp,
    /// Of each instrument, whether the strategy has a series of it.
    trades: Vec<bool>,
    pub(crate) open: Vec<OpenOrder>,
    pub(crate) invalid_arguments: usize,
    /// Wall time of the calls of earlier instances, as far as it was taken.
    called_before: Option<Duration>,
    /// Timers that went off since the run had so many bars.
    timer_calls: (u64, u64),
    leverage: f64,
    max_open_orders: usize,
    pub(crate) custody: Custody,
    /// Cached views of the account for marking to market on every step.
    cash: f64,
    holdings: Vec<(usize, f64)>,
}

impl Slot {
    pub(crate) fn new(id: StrategyId, setup: StrategySetup, instruments: usize) -> Self {
        let mut strategy = setup.strategy;
        let mut trades = vec![false; instruments];
        for series in strategy.desk().series() {
            trades[series.instrument.index()] = true;
        }
        let mut slot = Self {
            id,
            strategy,
            calls: None,
            origin: setup.origin,
            wants: setup.wants,
            account: Account::new(setup.balance, instruments),
            fault: None,
            news: Vec::new(),
            in_flight: Vec::new(),
            received_at: Timestamp(i64::MIN),
            trades,
            open: Vec::new(),
            invalid_arguments: 0,
            called_before: None,
            timer_calls: (0, 0),
            leverage: setup.leverage,
            max_open_orders: setup.max_open_orders,
            custody: Custody::new(setup.faults, setup.wants, setup.max_open_orders),
            cash: 0.0,
            holdings: Vec::new(),
        };
        slot.strategy.desk().account.leverage = setup.leverage;
        slot.refresh_cash();
        slot
    }

    /// Counts the calls of this strategy from here on.
    pub(crate) fn with_calls(self, calls: Calls) -> Self {
        let strategy = Box::new(Watched::new(self.strategy, calls.clone()));
        Self { strategy, calls: Some(calls), ..self }
    }

    /// An instance of this strategy that may take over.
    pub(crate) fn heir(&self, heir: Box<dyn Strategy>) -> Box<dyn Strategy> {
        match &self.calls {
            Some(calls) => Box::new(Watched::new(heir, calls.clone())),
            None => heir,
        }
    }

    /// Another version has taken over: it is told only of what it wants, and may have open what it may have.
    pub(crate) fn follow_version(&mut self, origin: Origin) {
        self.wants = origin.version.info.wants;
        self.max_open_orders = origin.version.max_open_orders;
        self.custody.max_open_orders = origin.version.max_open_orders;
        self.origin = Some(origin);
        let wants = self.wants;
        self.news.retain(|news| match news {
            News::Order(event) => wants.tell(event.kind),
            News::Closed(..) => wants.position_closes,
        });
    }

    pub(crate) fn is_active(&self) -> bool {
        self.fault.is_none()
    }

    /// Stops the strategy. From now on news of its orders is for the host, which may open as many as it needs.
    #[cold]
    pub(crate) fn stop(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.news.clear();
        self.custody.wants = self.wants;
        self.wants = Wants { orders: true, ..Wants::default() };
        self.max_open_orders = usize::MAX;
    }

    /// A fresh instance is there: what was kept for the host is forgotten.
    #[cold]
    pub(crate) fn resume(&mut self) {
        self.fault = None;
        self.news.clear();
        self.invalid_arguments = 0;
        self.wants = self.custody.wants;
        self.max_open_orders = self.custody.max_open_orders;
    }

    /// Whether nothing more can come of it: it was stopped for good, and has neither orders nor positions.
    pub(crate) fn is_over(&self) -> bool {
        !self.is_active()
            && self.custody.restart_at == NEVER
            && self.open.is_empty()
            && self.holdings.is_empty()
    }

    /// Shows a bar to the strategy unless it is quarantined; tells whether it asked for anything.
    #[inline]
    pub(crate) fn bar_closed(&mut self, now: Timestamp, series: SeriesId, bar: &Bar) -> Result<bool, Fault> {
        if self.is_active() {
            self.strategy.bar_closed(now, series, bar, self.wants.bars)
        } else {
            self.keep_watching(now, series, bar);
            Ok(false)
        }
    }

    /// What a fresh instance will look back on goes on while there is none.
    #[cold]
    fn keep_watching(&mut self, now: Timestamp, series: SeriesId, bar: &Bar) {
        if self.custody.restart_at != NEVER {
            let desk = self.strategy.desk();
            desk.begin(now);
            desk.observe(series, bar);
        }
    }

    /// Shows bars to the strategy until it asks for something; see [`Strategy::bars_closed`].
    pub(crate) fn bars_closed(
        &mut self,
        series: SeriesId,
        bars: &[BarInterval],
        marks: &[f64],
    ) -> (usize, Result<bool, Fault>) {
        if self.is_active() {
            self.strategy.bars_closed(series, bars, marks, self.wants.bars)
        } else {
            for BarInterval { bar, .. } in bars {
                self.keep_watching(bar.ts, series, bar);
            }
            (bars.len(), Ok(false))
        }
    }

    /// Counts a timer that goes off. A strategy that sets one timer after another would keep time from moving on.
    pub(crate) fn count_timer(&mut self, bars: u64) -> Result<(), Fault> {
        if self.timer_calls.0 != bars {
            self.timer_calls = (bars, 0);
        }
        self.timer_calls.1 += 1;
        let limit = self.strategy.desk().limits().timer_calls;
        if self.timer_calls.1 <= limit {
            return Ok(());
        }
        Err(Fault::new(FaultKind::TimerFlood, format!("more than {limit} timers went off between two bars")))
    }

    /// Keeps the time that the calls of an instance took which is not needed any more.
    pub(crate) fn count_calls(&mut self, left: &mut dyn Strategy) {
        self.called_before = together(self.called_before, left.resources().called);
    }

    /// Wall time of the calls of all instances.
    pub(crate) fn called(&mut self) -> Option<Duration> {
        together(self.called_before, self.strategy.resources().called)
    }

    /// Whether the strategy left requests on its desk.
    pub(crate) fn asked(&mut self) -> bool {
        self.strategy.desk().has_requests()
    }

    /// Keeps the news of an order for the strategy, if it wants to know of this step; tells whether it does.
    pub(crate) fn tell_order(&mut self, event: &OrderEvent) -> bool {
        let told = self.wants.tell(event.kind);
        if told {
            self.news.push(News::Order(*event));
        }
        told
    }

    /// The same for a position that closed.
    pub(crate) fn tell_closed(&mut self, series: SeriesId, trade: &ClosedTrade) -> bool {
        if self.wants.position_closes {
            self.news.push(News::Closed(series, *trade));
        }
        self.wants.position_closes
    }

    /// `cash + Σ position × price`, in the order of instruments.
    pub(crate) fn equity(&self, prices: &[f64]) -> f64 {
        let mut equity = self.cash;
        for (instrument, position) in &self.holdings {
            equity += position * prices[*instrument];
        }
        equity
    }

    /// The same at several steps. `marks` are columns, `stride` apart, by instrument.
    pub(crate) fn equities(&self, marks: &[f64], stride: usize, into: &mut [f64]) {
        let [(first, position), ref others @ ..] = self.holdings[..] else { return into.fill(self.cash) };
        for (equity, price) in into.iter_mut().zip(&marks[first * stride..]) {
            *equity = self.cash + position * price;
        }
        for (instrument, position) in others {
            for (equity, price) in into.iter_mut().zip(&marks[instrument * stride..]) {
                *equity += position * price;
            }
        }
    }

    /// What its equity is without a position, and the position that adds to it; `None` where it has several.
    pub(crate) fn line(&self) -> Option<(f64, f64)> {
        match self.holdings[..] {
            [] => Some((self.cash, 0.0)),
            [(_, position)] => Some((self.cash, position)),
            _ => None,
        }
    }

    /// Books a fill and what the insurance fund bore of its loss; the strategy does not know of it yet.
    pub(crate) fn book(&mut self, fill: &Fill, insurance: Money) -> Option<ClosedTrade> {
        let mut closed = self.account.apply(fill).closed;
        if !insurance.is_zero() {
            self.account.insure(fill.instrument, insurance, closed.as_mut());
        }
        let index = fill.instrument.index();
        let quantity = self.account.position(fill.instrument).quantity().to_f64();
        match self.holdings.binary_search_by_key(&index, |(instrument, _)| *instrument) {
            Ok(at) if quantity == 0.0 => {
                self.holdings.remove(at);
            }
            Ok(at) => self.holdings[at].1 = quantity,
            Err(at) => self.holdings.insert(at, (index, quantity)),
        }
        self.cash = self.account.cash().to_f64();
        closed
    }

    /// What the strategy has in an instrument, as a view.
    pub(crate) fn holding(&self, instrument: InstrumentId) -> Holding {
        let position = self.account.position(instrument);
        Holding {
            quantity: position.quantity().to_f64(),
            average_price: position.average_price(),
            cash: self.cash,
        }
    }

    /// When the next report is back that is under way; [`NEVER`] where there is none.
    pub(crate) fn next_report(&self) -> Timestamp {
        self.in_flight.first().map_or(NEVER, |(arrives_at, _)| *arrives_at)
    }

    /// When something comes up that bars do not bring: a report that is back, a restart. [`NEVER`] where nothing does.
    pub(crate) fn next_arrival(&self) -> Timestamp {
        self.next_report().min(self.custody.restart_at)
    }

    /// Keeps a report until it is back.
    pub(crate) fn wait_for(&mut self, arrives_at: Timestamp, learned: &Learned) {
        // Reports of one strategy arrive in the order in which they were sent.
        let last = self.in_flight.last().map_or(arrives_at, |(last, _)| arrives_at.max(*last));
        self.in_flight.push((last, *learned));
    }

    /// Whether a bar of one of these instruments or a report of its own makes this step one of the strategy's.
    pub(crate) fn is_reached(&self, now: Timestamp, due: &[usize]) -> bool {
        self.received_at == now
            || self.custody.restart_at == now
            || due.iter().any(|instrument| self.trades[*instrument])
    }

    /// Learns of the reports that are back by `now`; tells whether there is news.
    pub(crate) fn receive(&mut self, now: Timestamp) -> bool {
        let back = self.in_flight.partition_point(|(arrives_at, _)| *arrives_at <= now);
        if back > 0 {
            self.received_at = now;
        }
        let arrived: Vec<_> = self.in_flight.drain(..back).collect();
        arrived.iter().fold(false, |news, (_, Learned { event, instrument, after })| {
            self.learn(event, *instrument, after) || news
        })
    }

    /// Brings the strategy's views up to a report and keeps the news of it; tells whether there is any.
    pub(crate) fn learn(&mut self, event: &OrderEvent, instrument: InstrumentId, after: &AfterFill) -> bool {
        self.follow(event);
        if let Some(holding) = &after.holding {
            let view = &mut self.strategy.desk().account;
            view.positions[instrument.index()] = holding.quantity;
            view.average_prices[instrument.index()] = holding.average_price;
            view.cash = holding.cash;
        }
        let told = self.tell_order(event);
        after.closed.as_ref().is_some_and(|trade| self.tell_closed(event.series, trade)) || told
    }

    /// Pays or receives funding; returns what was paid.
    pub(crate) fn pay_funding(&mut self, instrument: InstrumentId, mark: Price, rate: Rate) -> Money {
        let paid = self.account.pay_funding(instrument, mark, rate);
        self.refresh_cash();
        paid
    }

    fn refresh_cash(&mut self) {
        self.cash = self.account.cash().to_f64();
        self.strategy.desk().account.cash = self.cash;
    }

    /// The wallet balance.
    pub(crate) fn wallet(&self) -> Money {
        self.account.wallet()
    }

    pub(crate) fn add_open(&mut self, order: &OrderRequest) {
        self.open.push(OpenOrder {
            id: order.id,
            instrument: order.instrument,
            remaining: order.quantity,
            request: *order,
        });
    }

    /// Whether an order of this strategy is not over.
    pub(crate) fn is_open(&self, id: OrderId) -> bool {
        self.open.iter().any(|order| order.id == id)
    }

    /// Follows an order event in the list of open orders, and in what the strategy sees of it.
    fn follow(&mut self, event: &OrderEvent) {
        let Some(index) = self.open.iter().position(|order| order.id == event.id) else {
            return;
        };
        let OpenOrder { instrument, .. } = self.open[index];
        let is_market = self.open[index].is_market();
        if event.kind.is_final() {
            self.open.remove(index);
        } else {
            self.open[index].remaining = event.remaining;
        }
        if is_market {
            self.refresh_pending(instrument);
        }
    }

    /// Recomputes the unfilled market orders that the strategy sees for `target-position`.
    pub(crate) fn refresh_pending(&mut self, instrument: InstrumentId) {
        let pending: Quantity = self
            .open
            .iter()
            .filter(|order| order.is_market() && order.instrument == instrument)
            .map(|order| order.request.side.signed(order.remaining))
            .sum();
        self.strategy.desk().account.pending[instrument.index()] = pending.to_f64();
    }

    /// What an order in `instrument` is checked against, but for what its exchange account adds.
    pub(crate) fn exposure(&self, instrument: InstrumentId, prices: &[f64], marks: &[f64]) -> Exposure {
        let open = |side: Side| {
            self.open
                .iter()
                .filter(|order| {
                    order.instrument == instrument && order.request.side == side && !order.reduces()
                })
                .map(|order| order.remaining)
                .sum()
        };
        let others = self.holdings.iter().filter(|(index, _)| *index != instrument.index());
        Exposure {
            position: self.account.position(instrument).quantity(),
            open_buys: open(Side::Buy),
            open_sells: open(Side::Sell),
            price: prices[instrument.index()],
            equity: self.equity(marks),
            other_notional: others.map(|(index, position)| (position * marks[*index]).abs()).sum(),
            leverage: self.leverage,
            elsewhere: Quantity::ZERO,
            largest_notional: f64::INFINITY,
            open_orders: self.open.len(),
            max_open_orders: self.max_open_orders,
        }
    }
}

/// The sum of times of which either may be missing.
fn together(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
