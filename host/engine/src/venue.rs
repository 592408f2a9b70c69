//! Where orders go.

use cryptobot_model::{Amendment, Calm, InstrumentId, OrderId, OrderRequest, Price, Timestamp};
use cryptobot_risk::{Approved, Closing};
use cryptobot_sim::{Accounts, BarInterval, Exchange, RecordedExchange, Report};

use crate::source::SourceError;

/// A place that executes orders: the simulated exchange, later a real one.
pub trait Venue {
    /// Sends an order that passed the checks.
    fn submit(&mut self, order: Approved<OrderRequest>);

    /// Sends a cancel.
    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp);

    /// Sends new numbers for an order that rests.
    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>);

    /// Cancels a strategy's orders of an instrument and closes a part of its position at the mark price, as an exchange
    /// does with a position whose margin is gone.
    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>);

    /// Shows the venue a bar that has closed, with the mark price over the same time where there is one, and collects
    /// what happened to orders in it.
    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    );

    /// Prices between which a bar of the instrument causes no report, until the next message to the venue: its part of
    /// the horizon up to which a strategy's account can change only through the strategy itself. Liquidations are not
    /// its part.
    fn calm(&self, instrument: InstrumentId) -> Calm;

    /// Shows the venue consecutive bars within its calm, in place of [`Venue::on_bar`].
    fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]);

    /// Why it cannot go on, where its own data ended too early or cannot be true: the run ends with this error.
    fn fault(&mut self) -> Option<SourceError> {
        None
    }
}

impl Venue for Exchange {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        Self::submit(self, order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        Self::cancel(self, instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        Self::modify(self, instrument, amendment);
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
        Self::on_bar(self, instrument, interval, mark, accounts, reports);
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        Self::liquidate(self, closing, mark, now, reports);
    }

    fn calm(&self, instrument: InstrumentId) -> Calm {
        Self::calm(self, instrument)
    }

    #[inline]
    fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        Self::pass(self, instrument, intervals);
    }
}

impl Venue for RecordedExchange {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        Self::submit(self, order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        Self::cancel(self, instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        Self::modify(self, instrument, amendment);
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        _mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        Self::on_bar(self, instrument, interval, accounts, reports);
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        Self::liquidate(self, closing, mark, now, reports);
    }

    fn calm(&self, instrument: InstrumentId) -> Calm {
        Self::calm(self, instrument)
    }

    fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        Self::pass(self, instrument, intervals);
    }

    fn fault(&mut self) -> Option<SourceError> {
        self.take_fault()
    }
}
