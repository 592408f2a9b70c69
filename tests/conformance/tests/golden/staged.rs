//! An exchange that liquidates where a case says so.

use cryptobot_engine::{Accounts, BarInterval, Exchange, Report, Venue};
use cryptobot_model::{
    Amendment, Calm, Fill, FillRule, InstrumentId, OrderId, OrderRequest, Price, Quantity, StrategyId,
    Timestamp,
};
use cryptobot_risk::{Approved, Closing};

/// Where the exchange liquidates, whatever the accounts are.
#[derive(Clone, Copy)]
pub struct Level {
    pub price: Price,
    /// How much it closes at first; all of it where nothing is said.
    pub quantity: Option<Quantity>,
    /// Where the rest goes then.
    pub after: Option<Price>,
}

/// The simulated exchange with a level; without one the engine's accounts say where.
pub struct Staged {
    pub exchange: Exchange,
    pub level: Option<Level>,
}

/// The engine's accounts with the level of the case.
struct AtLevel<'a>(&'a dyn Accounts, Level);

impl Accounts for AtLevel<'_> {
    fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity {
        self.0.position(strategy, instrument)
    }

    fn liquidation_price(&self, _strategy: StrategyId, _instrument: InstrumentId) -> Option<Price> {
        Some(self.1.price)
    }

    fn liquidation_price_after(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        fills: &[Fill],
    ) -> Option<Price> {
        let liquidated = fills.iter().any(|fill| fill.rule == FillRule::Liquidation);
        if liquidated { self.1.after } else { Some(self.1.price) }
    }

    fn liquidation_quantity(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        _fills: &[Fill],
        position: Quantity,
        _mark: Price,
    ) -> Quantity {
        self.1.quantity.unwrap_or(position.abs())
    }
}

impl Venue for Staged {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        self.exchange.submit(order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.exchange.cancel(instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        self.exchange.modify(instrument, amendment);
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        match self.level {
            None => self.exchange.on_bar(instrument, interval, mark, accounts, reports),
            Some(level) => {
                self.exchange.on_bar(instrument, interval, mark, &AtLevel(accounts, level), reports);
            }
        }
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        self.exchange.liquidate(closing, mark, now, reports);
    }

    fn calm(&self, instrument: InstrumentId) -> Calm {
        if self.level.is_none() { self.exchange.calm(instrument) } else { Calm::NONE }
    }

    fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        self.exchange.pass(instrument, intervals);
    }
}
