//! The simulated exchange of a run, as the run file chose it.

use cryptobot_engine::{Accounts, BarInterval, Exchange, RecordedExchange, Report, SourceError, Venue};
use cryptobot_model::{Amendment, Calm, InstrumentId, OrderId, OrderRequest, Price, Timestamp};
use cryptobot_risk::{Approved, Closing};

/// Orders meet bars, or recorded markets.
pub(crate) enum Simulated {
    Bars(Exchange),
    Recorded(RecordedExchange),
}

impl Venue for Simulated {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        match self {
            Self::Bars(exchange) => exchange.submit(order),
            Self::Recorded(exchange) => exchange.submit(order),
        }
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        match self {
            Self::Bars(exchange) => exchange.cancel(instrument, id, decided_at),
            Self::Recorded(exchange) => exchange.cancel(instrument, id, decided_at),
        }
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        match self {
            Self::Bars(exchange) => exchange.modify(instrument, amendment),
            Self::Recorded(exchange) => exchange.modify(instrument, amendment),
        }
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        match self {
            Self::Bars(exchange) => exchange.liquidate(closing, mark, now, reports),
            Self::Recorded(exchange) => exchange.liquidate(closing, mark, now, reports),
        }
    }

    #[inline]
    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        match self {
            Self::Bars(exchange) => exchange.on_bar(instrument, interval, mark, accounts, reports),
            Self::Recorded(exchange) => exchange.on_bar(instrument, interval, accounts, reports),
        }
    }

    fn calm(&self, instrument: InstrumentId) -> Calm {
        match self {
            Self::Bars(exchange) => exchange.calm(instrument),
            Self::Recorded(exchange) => exchange.calm(instrument),
        }
    }

    fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        match self {
            Self::Bars(exchange) => exchange.pass(instrument, intervals),
            Self::Recorded(exchange) => exchange.pass(instrument, intervals),
        }
    }

    #[inline]
    fn fault(&mut self) -> Option<SourceError> {
        match self {
            Self::Bars(_) => None,
            Self::Recorded(exchange) => exchange.take_fault(),
        }
    }
}
