//! The host as a strategy sees it.

use std::fmt;

use crate::features::{self, FeatureQuery, Features};
use crate::indicator::{Indicator, remember};
use crate::{Bar, Level, Order, OrderId, Series, Side, Submit};

#[cfg(target_arch = "wasm32")]
use crate::guest::Backend;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::desk::Desk as Backend;

pub use crate::Column;

/// Everything a strategy can ask of the host. In a plugin the methods are the contract's imports; on a
/// [`Tape`](crate::Tape) a small simulated exchange answers.
#[derive(Debug)]
pub struct Host {
    pub(crate) backend: Backend,
    /// Position among the values of a strategy with [`Scope::Symbol`](crate::Scope::Symbol), and their number:
    /// they share the plugin's timers.
    pub(crate) slot: u32,
    pub(crate) slots: u32,
}

/// Orders. Each function answers with the order's id at once; whether it was accepted, refused or filled comes
/// through [`Strategy::on_order`](crate::Strategy::on_order).
impl Host {
    /// Trades the difference between `quantity` (negative = short) and the position together with what market
    /// orders have not filled yet. Answers 0 where there is none; a new target replaces one of the same callback.
    // Not in line, like the others: what an order needs would be kept at hand through all the bars that pass without one.
    #[inline(never)]
    pub fn target_position(&mut self, series: &Series, quantity: f64) -> OrderId {
        self.backend.target_position(series.id, quantity)
    }

    /// Buys at the market.
    #[inline]
    pub fn buy(&mut self, series: &Series, quantity: f64) -> OrderId {
        self.submit(series, &Order::market(Side::Buy, quantity))
    }

    /// Sells at the market.
    #[inline]
    pub fn sell(&mut self, series: &Series, quantity: f64) -> OrderId {
        self.submit(series, &Order::market(Side::Sell, quantity))
    }

    /// Places a single order, a bracket, a pair or the close of a position. Answers the id, or the ids where it is
    /// several orders.
    #[inline]
    pub fn submit<O: Submit>(&mut self, series: &Series, order: &O) -> O::Ids {
        order.submit(self, series.id)
    }

    /// Changes an order that rests: its quantity in all, filled part included, and its limit price, or its trigger where
    /// it has no limit. It keeps its id. Answered by an event `Modified`, with a reason where the order stays as it was,
    /// or by `Rejected` where there is no such order.
    pub fn modify(&mut self, id: OrderId, quantity: f64, price: f64) {
        self.backend.modify(id, quantity, price);
    }

    /// Cancels an order.
    pub fn cancel(&mut self, id: OrderId) {
        self.backend.cancel(id);
    }

    /// Cancels all open orders of the series' symbol.
    pub fn cancel_all(&mut self, series: &Series) {
        self.backend.cancel_all(series.id);
    }
}

/// Part of the free margin that an entry may use, so that prices may move until it fills.
const MARGIN_USE: f64 = 0.98;

/// Sizes that fit the account.
impl Host {
    /// Quantity at `price` that is worth `share` of the equity, divided equally among the run's symbols, and fits the
    /// margin that is free when the present position is closed. Negative for a negative share, 0 when nothing fits.
    pub fn quantity_of_share(&self, series: &Series, share: f64, price: f64) -> f64 {
        // What the present position binds is free again when it is turned round.
        let own = self.position(series).abs() * price;
        let wanted = share.abs() / f64::from(self.symbols()) * self.equity();
        let notional = wanted.min(MARGIN_USE * (self.available_margin() + own));
        share.signum() * notional.max(0.0) / price
    }

    /// Brings the position to [`Host::quantity_of_share`]; negative = short.
    pub fn target_share(&mut self, series: &Series, share: f64, price: f64) -> OrderId {
        let quantity = self.quantity_of_share(series, share, price);
        self.target_position(series, quantity)
    }
}

/// The strategy's own account.
impl Host {
    /// Number of symbols of the run, with [`Scope::Symbol`](crate::Scope::Symbol): they share one account.
    pub fn symbols(&self) -> u32 {
        self.slots
    }

    /// Signed position in the series' symbol.
    #[inline]
    pub fn position(&self, series: &Series) -> f64 {
        self.backend.position(series.id)
    }

    /// Average entry price; 0 when flat.
    pub fn average_price(&self, series: &Series) -> f64 {
        self.backend.average_price(series.id)
    }

    /// Cash and open positions at the newest prices.
    pub fn equity(&self) -> f64 {
        self.backend.equity()
    }

    /// What new positions may still use.
    pub fn available_margin(&self) -> f64 {
        self.backend.available_margin()
    }
}

/// Closed bars.
impl Host {
    /// Close of the `n`-th newest closed bar, 0 = the newest; NaN where the host keeps none.
    pub fn close(&self, series: &Series, n: u32) -> f64 {
        self.backend.close(series.id, n)
    }

    /// The `n`-th newest closed bar.
    pub fn bar(&self, series: &Series, n: u32) -> Option<Bar> {
        self.backend.bar(series.id, n)
    }

    /// Closed bars that can be read.
    pub fn bars(&self, series: &Series) -> u32 {
        self.backend.bars(series.id)
    }

    /// The newest `n` values of a column, oldest first; fewer where there are fewer.
    pub fn window(&self, series: &Series, column: Column, n: u32) -> Vec<f64> {
        self.backend.window(series.id, column, n)
    }
}

/// Indicators that the host computes. Inside the strategy the structs of [`indicators`](crate::indicators) do the
/// same without a call to the host.
impl Host {
    /// Creates an indicator on a series, in [`Strategy::new`](crate::Strategy::new) only:
    /// `host.indicator(series, "rsi", &[("period", 14.0)])?`.
    ///
    /// # Errors
    /// What is wrong with the name or the parameters, with what is known and allowed.
    pub fn indicator(
        &mut self,
        series: &Series,
        kind: &str,
        params: &[(&str, f64)],
    ) -> Result<Indicator, String> {
        let handle = self.backend.create_indicator(series.id, kind, params)?;
        Ok(remember(handle, series, kind, params))
    }

    /// Value of one output of an indicator `n` bars ago, 0 = the newest; NaN while warming up.
    #[inline]
    pub fn value(&self, indicator: &Indicator, output: u32, n: u32) -> f64 {
        self.backend.indicator_value(indicator.handle(), output, n)
    }
}

/// Features that the host computes: named columns of indicators, also of longer bars, and of what is not in bars.
impl Host {
    /// Asks for features of a series, in [`Strategy::new`](crate::Strategy::new) only:
    /// `host.features(series, &FeatureQuery::of("technical_fast"))?`.
    ///
    /// # Errors
    /// What is wrong with a name or a parameter, with what is known and allowed; or which data are not there.
    pub fn features(&mut self, series: &Series, query: &FeatureQuery) -> Result<Features, String> {
        let (handle, columns) = self.backend.subscribe(series.id, query)?;
        Ok(features::remember(handle, columns, query, series))
    }

    /// Value of a column, by its [number](Features::column), `n` bars of the series ago, 0 = the newest; NaN while warming
    /// up.
    #[inline]
    pub fn feature(&self, features: &Features, column: u32, n: u32) -> f64 {
        let place = features.columns.get(column as usize);
        place.map_or(f64::NAN, |place| self.backend.feature(features.handle, column, place, n))
    }

    /// The newest values of all columns, in their order.
    pub fn feature_values(&self, features: &Features) -> Vec<f64> {
        self.backend.feature_values(features.handle, &features.columns)
    }
}

/// Time, chance and the log.
impl Host {
    /// Event time in nanoseconds since the Unix epoch, UTC.
    pub fn now(&self) -> i64 {
        self.backend.now()
    }

    /// Random bits, seeded by the run: equal runs draw equal ones.
    pub fn random(&mut self) -> u64 {
        self.backend.random()
    }

    /// Sets a one-shot timer; setting a number again replaces it. A strategy with
    /// [`Scope::Symbol`](crate::Scope::Symbol) has its own numbers per symbol.
    pub fn set_timer(&mut self, id: u32, at: i64) {
        let id = self.shared_timer(id);
        self.backend.set_timer(id, at);
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, id: u32) {
        let id = self.shared_timer(id);
        self.backend.cancel_timer(id);
    }

    /// Numbers beyond 2^32 / symbols would collide; they wrap, which a plugin can only do to itself.
    fn shared_timer(&self, id: u32) -> u32 {
        id.wrapping_mul(self.slots).wrapping_add(self.slot)
    }

    /// Writes to the run's log: `host.log(Level::Info, format_args!("stop at {stop}"))`. The text is made only if
    /// the level is kept.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        if self.backend.log_enabled(level) {
            self.backend.log(level, &message.to_string());
        }
    }

    /// Writes to the log at level info.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Writes to the log at level warn.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message);
    }
}
