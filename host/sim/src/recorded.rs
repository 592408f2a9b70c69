//! The exchange of a run whose markets were recorded: orders meet recorded trades and books between two bars.

use std::error::Error;

use cryptobot_model::{
    Amendment, Calm, DepthEvent, Instrument, InstrumentId, OrderId, OrderRequest, Price, Quantity,
    RefusalReason, StrategyId, Timestamp,
};
use cryptobot_risk::{Approved, Closing};

use crate::bars::liquidation::closed;
use crate::book::Report;
use crate::config::{ExchangeConfig, Slippage};
use crate::depth::{Contract, DepthConfig, Exchange as Market};
use crate::exchange::{Accounts, BarInterval};
use crate::latency::{Courier, Latency};
use crate::pricing::Pricing;
use crate::stats::MarketStats;

/// Why the events of a market cannot be read any further.
pub type MarketFault = Box<dyn Error + Send + Sync>;

/// An event with the time at which it happened at the exchange.
pub type TimedEvent<'a> = (Timestamp, DepthEvent<'a>);

/// The events of one instrument, in the order in which they happened at the exchange.
pub trait MarketSource {
    /// The unit that its quantities are counted in: the lot of the instrument, or a finer one that divides it.
    fn lot(&self) -> Quantity;

    /// The next event that happened before a time; `None` where there is none.
    ///
    /// # Errors
    /// The events cannot be read, or cannot be true.
    fn next_before(&mut self, end: Timestamp) -> Result<Option<TimedEvent<'_>>, MarketFault>;
}

/// What of a recording orders are matched with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Matching {
    /// Its trades; the queue before resting orders is not known.
    Trades,
    /// Its book and trades.
    Depth(DepthConfig),
}

/// One instrument.
struct Recorded {
    market: Market,
    source: Box<dyn MarketSource>,
    pricing: Pricing,
    stats: MarketStats,
}

impl Recorded {
    /// Handles the events and messages before a time.
    fn play(&mut self, end: Timestamp, reports: &mut Vec<Report>) -> Result<(), MarketFault> {
        let Self { market, source, .. } = self;
        while let Some((ts, event)) = source.next_before(end)? {
            market.on_event(ts, &event, reports);
        }
        market.advance(end, reports);
        Ok(())
    }
}

/// The simulated exchange on recorded markets. It is shown bars for their times only: at the close of each it handles
/// the events and messages before it, in their order, and tells everything with its exact time.
pub struct RecordedExchange {
    courier: Courier,
    /// When the newest message of each strategy arrives: on one connection none overtakes another.
    arrivals: Vec<Timestamp>,
    markets: Vec<Recorded>,
    /// Why the events of a market ended too early.
    fault: Option<MarketFault>,
}

impl RecordedExchange {
    /// An exchange for the instruments of a run, each with its events. `seed` is that of drawn latencies.
    pub fn new(
        instruments: &[Instrument],
        sources: Vec<Box<dyn MarketSource>>,
        matching: Matching,
        latency: Latency,
        seed: u64,
    ) -> Self {
        let plain = ExchangeConfig { slippage: Slippage::NONE, ..ExchangeConfig::default() };
        let markets = instruments.iter().zip(sources).enumerate().map(|(index, (instrument, source))| {
            let contract =
                Contract { lot: source.lot(), ..Contract::new(InstrumentId::from(index), instrument) };
            let market = match matching {
                Matching::Trades => Market::new(contract, DepthConfig::default()).on_trades_only(),
                Matching::Depth(config) => Market::new(contract, config),
            };
            Recorded {
                market: market.with_filters_of(instrument),
                source,
                pricing: Pricing::new(instrument, &plain),
                stats: MarketStats::new(plain.window_bars),
            }
        });
        let courier = Courier::new(latency, seed);
        Self { courier, arrivals: Vec::new(), markets: markets.collect(), fault: None }
    }

    /// The estimated state of an instrument, for tests and displays.
    pub fn market(&self, instrument: InstrumentId) -> &Market {
        &self.markets[instrument.index()].market
    }

    /// Sends an order.
    pub fn submit(&mut self, order: Approved<OrderRequest>) {
        let order = order.into_inner();
        let arrives_at = self.arrival(order.strategy, order.decided_at);
        self.markets[order.instrument.index()].market.submit(order, arrives_at);
    }

    /// Sends a cancel. An order that is already over ignores it.
    pub fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        let Some(strategy) = id.strategy() else { return };
        let arrives_at = self.arrival(strategy, decided_at);
        self.markets[instrument.index()].market.cancel(id, arrives_at);
    }

    /// Sends new numbers for an order. An order that is already over ignores them.
    pub fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        let amendment = amendment.into_inner();
        let Some(strategy) = amendment.id.strategy() else { return };
        let arrives_at = self.arrival(strategy, amendment.decided_at);
        self.markets[instrument.index()].market.modify(amendment, arrives_at);
    }

    /// Cancels a strategy's orders of an instrument and closes a part of its position at the mark price, for margin that
    /// was found to be gone at the close of a bar.
    pub fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        let before = reports.len();
        let Recorded { market, pricing, stats, .. } = &mut self.markets[closing.instrument.index()];
        market.cancel_all(now, closing.strategy, RefusalReason::Liquidated, reports);
        let series = market.series_of(closing.strategy);
        reports.push(closed(pricing, stats, closing, series, now, mark.to_f64()));
        self.send_back(&mut reports[before..]);
    }

    /// Prices between which a bar of the instrument causes no report: any, unless an order is open or on its way.
    pub fn calm(&self, instrument: InstrumentId) -> Calm {
        if self.markets[instrument.index()].market.is_quiet() { Calm::ALL } else { Calm::NONE }
    }

    /// Handles what happened before the end of consecutive bars while no order was open.
    pub fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        let Some(last) = intervals.last() else { return };
        let played = self.markets[instrument.index()].play(last.bar.ts, &mut Vec::new());
        self.note(played);
    }

    /// Why the events of a market ended too early, once it is known: nothing that comes after it is of any use.
    pub fn take_fault(&mut self) -> Option<MarketFault> {
        self.fault.take()
    }

    fn note(&mut self, played: Result<(), MarketFault>) {
        if let Err(fault) = played {
            self.fault.get_or_insert(fault);
        }
    }

    /// Handles what happened before the close of a bar.
    pub fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        let before = reports.len();
        let recorded = &mut self.markets[instrument.index()];
        recorded.market.set_positions(|strategy| accounts.position(strategy, instrument));
        let played = recorded.play(interval.bar.ts, reports);
        self.note(played);
        self.send_back(&mut reports[before..]);
    }

    fn arrival(&mut self, strategy: StrategyId, decided_at: Timestamp) -> Timestamp {
        let alone = self.courier.there(strategy, decided_at);
        let index = strategy.index();
        if self.arrivals.len() <= index {
            self.arrivals.resize(index + 1, Timestamp(i64::MIN));
        }
        self.arrivals[index] = self.arrivals[index].max(alone);
        self.arrivals[index]
    }

    fn send_back(&mut self, reports: &mut [Report]) {
        for report in reports {
            report.arrives_at = self.courier.back(report.event.strategy, report.event.ts);
        }
    }
}
