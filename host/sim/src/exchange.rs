//! The exchange of a run: one book per instrument.

use cryptobot_model::{
    Amendment, Bar, Instrument, InstrumentId, OrderId, OrderRequest, Price, Quantity, StrategyId, Timestamp,
};
use cryptobot_risk::Approved;

use crate::book::{Book, Message, MessageKind, Report};
use crate::config::ExchangeConfig;

/// A bar with the time it began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BarInterval {
    /// Open time.
    pub open_ts: Timestamp,
    /// Prices; `bar.ts` is the close time.
    pub bar: Bar,
}

/// The accounts behind the orders, as the exchange sees them at the beginning of a bar.
pub trait Accounts {
    /// Signed position of a strategy.
    fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity;

    /// The mark price at which the exchange liquidates the position; `None` where it cannot happen.
    fn liquidation_price(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<Price>;
}

/// The simulated exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    entry_latency_ns: i64,
    books: Vec<Book>,
}

impl Exchange {
    /// An exchange for the instruments of a run.
    pub fn new(instruments: &[Instrument], config: &ExchangeConfig) -> Self {
        Self {
            entry_latency_ns: config.entry_latency_ns,
            books: instruments.iter().map(|instrument| Book::new(instrument, config)).collect(),
        }
    }

    /// Sends an order.
    pub fn submit(&mut self, order: Approved<OrderRequest>) {
        let order = order.into_inner();
        self.send(order.instrument, order.decided_at, MessageKind::Order(order));
    }

    /// Sends a cancel. An order that is already over ignores it.
    pub fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.send(instrument, decided_at, MessageKind::Cancel(id));
    }

    fn send(&mut self, instrument: InstrumentId, decided_at: Timestamp, what: MessageKind) {
        let arrives_at = decided_at.plus(self.entry_latency_ns);
        self.books[instrument.index()].send(Message { decided_at, arrives_at, what });
    }

    /// Whether a bar of the instrument can pass without any report.
    pub fn is_quiet(&self, instrument: InstrumentId) -> bool {
        self.books[instrument.index()].is_quiet()
    }

    /// Sends new numbers for an order. An order that is already over ignores them.
    pub fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        let amendment = amendment.into_inner();
        self.send(instrument, amendment.decided_at, MessageKind::Modify(amendment));
    }

    /// Matches the orders of an instrument with a bar that has closed. `mark` is the mark price over the same time,
    /// where there is one. Reports are appended in the order in which things happened.
    #[inline]
    pub fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        self.books[instrument.index()].on_bar(instrument, interval, mark, accounts, reports);
    }
}
