//! The exchange of a run: one book per instrument.

use cryptobot_model::{
    Amendment, Bar, Calm, Fill, Instrument, InstrumentId, OrderId, OrderRequest, Price, Quantity, StrategyId,
    Timestamp,
};
use cryptobot_risk::{Approved, Closing};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::book::{Book, Message, MessageKind, Report};
use crate::config::ExchangeConfig;
use crate::latency::Courier;

/// A bar with the time it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BarInterval {
    /// Open time.
    pub open_ts: Timestamp,
    /// Prices; `bar.ts` is the close time.
    pub bar: Bar,
}

impl AsRef<Bar> for BarInterval {
    #[inline]
    fn as_ref(&self) -> &Bar {
        &self.bar
    }
}

/// A liquidation price that is not in force to the end of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlierLevel {
    /// Up to when it is.
    pub until: Timestamp,
    /// The mark price; `None` where it could not happen.
    pub price: Option<Price>,
}

/// The accounts behind the orders, as the exchange sees them at the beginning of a bar: what it executes in the bar is
/// not booked yet.
pub trait Accounts {
    /// Signed position of a strategy.
    fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity;

    /// Whether positions can be liquidated at all.
    fn have_margin(&self) -> bool {
        true
    }

    /// The mark price at which the exchange liquidates the position; `None` where it cannot happen. Asked once per bar
    /// of every instrument that the strategy holds: it has to be at hand.
    fn liquidation_price(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<Price>;

    /// Where instruments share a wallet their bars are played one after another. If something happened to the wallet in
    /// the bars of this time that were played before, [`Accounts::liquidation_price`] holds from then on; this one was
    /// in force until then. Asked as often.
    fn earlier_liquidation(&self, _strategy: StrategyId, _instrument: InstrumentId) -> Option<EarlierLevel> {
        None
    }

    /// The same after `fills` of the bar, in their order; those of other strategies are to be passed over.
    ///
    /// Without an account to book them to, the price stands while the position only shrinks, and is unknown once it
    /// grew or turned: then it is for the check after the bar to find.
    fn liquidation_price_after(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        fills: &[Fill],
    ) -> Option<Price> {
        let held = self.position(strategy, instrument);
        let own = fills.iter().filter(|fill| fill.strategy == strategy);
        let now = own.fold(held, |position, fill| position + fill.side.signed(fill.quantity));
        let only_less = now.signum() == held.signum() && now.abs() <= held.abs();
        if only_less { self.liquidation_price(strategy, instrument) } else { None }
    }

    /// Whether the position after `fills` of the bar certainly survives a mark price; where it is not certain,
    /// [`Accounts::liquidation_price_after`] is asked.
    fn is_safe_after(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        _fills: &[Fill],
        _mark: f64,
    ) -> bool {
        false
    }

    /// How much of `position` a liquidation at the `mark` price closes: all of it, unless the account has more than one
    /// maintenance bracket to step down. `fills` are those of the bar so far. Zero is taken for all.
    fn liquidation_quantity(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        _fills: &[Fill],
        position: Quantity,
        _mark: Price,
    ) -> Quantity {
        position.abs()
    }
}

/// The simulated exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    courier: Courier,
    books: Vec<Book>,
}

impl Exchange {
    /// An exchange for the instruments of a run.
    pub fn new(instruments: &[Instrument], config: &ExchangeConfig) -> Self {
        Self {
            courier: Courier::new(config.latency.clone(), config.seed),
            books: instruments.iter().map(|instrument| Book::new(instrument, config)).collect(),
        }
    }

    /// Sends an order. One that is bound to an order under way travels with it.
    pub fn submit(&mut self, order: Approved<OrderRequest>) {
        let order = order.into_inner();
        let book = &mut self.books[order.instrument.index()];
        let bound_to = [order.terms.parent, order.terms.sibling].into_iter().filter(|id| id.is_some());
        let arrives_at = bound_to
            .filter_map(|id| book.arrival_of(id))
            .max()
            .unwrap_or_else(|| self.courier.there(order.strategy, order.decided_at));
        book.send(Message { decided_at: order.decided_at, arrives_at, what: MessageKind::Order(order) });
    }

    /// Sends a cancel. An order that is already over ignores it.
    pub fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.send_after(instrument, id, decided_at, MessageKind::Cancel(id));
    }

    /// Sends new numbers for an order. An order that is already over ignores them.
    pub fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        let amendment = amendment.into_inner();
        self.send_after(instrument, amendment.id, amendment.decided_at, MessageKind::Modify(amendment));
    }

    /// Sends a message about an order, which it never overtakes.
    fn send_after(
        &mut self,
        instrument: InstrumentId,
        id: OrderId,
        decided_at: Timestamp,
        what: MessageKind,
    ) {
        let Some(strategy) = id.strategy() else { return };
        let book = &mut self.books[instrument.index()];
        let alone = self.courier.there(strategy, decided_at);
        let arrives_at = book.arrival_of(id).map_or(alone, |order| alone.max(order));
        book.send(Message { decided_at, arrives_at, what });
    }

    /// Cancels a strategy's orders of an instrument and closes a part of its position at the mark price, for margin that
    /// was found to be gone after a bar.
    pub fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        let before = reports.len();
        self.books[closing.instrument.index()].liquidate(closing, mark, now, reports);
        for report in &mut reports[before..] {
            report.arrives_at = self.courier.back(report.event.strategy, report.event.ts);
        }
    }

    /// Prices between which a bar of the instrument passes without any report, as far as orders go; a position can
    /// still be liquidated.
    pub fn calm(&self, instrument: InstrumentId) -> Calm {
        self.books[instrument.index()].calm()
    }

    /// Takes note of consecutive bars that pass without any report, in place of [`Exchange::on_bar`].
    #[inline]
    pub fn pass(&mut self, instrument: InstrumentId, intervals: &[BarInterval]) {
        self.books[instrument.index()].pass(intervals);
    }

    /// Matches the orders of an instrument with a bar that has closed. `mark` is the mark price over the same time;
    /// without it the last price stands in. Reports are appended in the order in which things happened.
    #[inline]
    pub fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        let before = reports.len();
        if self.books[instrument.index()].on_bar(instrument, interval, mark, accounts, reports) {
            self.send_back(&mut reports[before..]);
        }
    }

    #[inline(never)]
    fn send_back(&mut self, reports: &mut [Report]) {
        for report in reports {
            report.arrives_at = self.courier.back(report.event.strategy, report.event.ts);
        }
    }
}
