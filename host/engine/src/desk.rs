//! The desk of a strategy: everything that passes between it and the engine.
//!
//! A back-end owns the desk (a WASM runtime keeps it in the store, where the imports reach it), the engine fills and
//! empties it around each callback. It holds views and requests only: no money changes here.

use cryptobot_indicators::Bank;
use cryptobot_model::{
    Bar, InstrumentId, OrderId, OrderKind, OrderTerms, SeriesId, SeriesInfo, Side, StrategyId, TimeInForce,
    Timestamp,
};

use crate::fault::{Fault, FaultKind};
use crate::history::{BarRing, Column};
use crate::prices::PriceBoard;
use crate::random::Random;
use crate::rates::Rates;

mod indicators;
mod requests;
mod succession;

use indicators::as_input;
pub use indicators::{EmptyColumns, FeatureSource};
pub use requests::{Bracket, Intent, Signal, TimerCommand};
pub(crate) use succession::Before;
use succession::Undo;

/// How much a strategy may ask for. One callback, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskLimits {
    /// Orders and cancels.
    pub intents: usize,
    /// Orders and cancels in a minute of event time.
    pub intents_per_minute: usize,
    /// Order events that wait for the strategy; more are a fault.
    pub waiting_news: usize,
    /// Log lines; more are a fault.
    pub log_lines: usize,
    /// Log lines in a minute of event time; more are a fault.
    pub log_lines_per_minute: usize,
    /// Log lines that are kept in a whole run; further ones are counted only.
    pub kept_log_lines: usize,
    /// Length of a log line in bytes; the rest is cut off.
    pub log_line_bytes: usize,
    /// Timers set and not yet due.
    pub timers: usize,
    /// Timer calls in a minute of event time: a timer that sets itself again at once would hold the clock.
    pub timers_per_minute: usize,
    /// Timers that go off between two bars.
    pub timer_calls: u64,
    /// Orders with invalid numbers in a whole run.
    pub invalid_arguments: usize,
    /// Size of a state that is handed over, bytes.
    pub state_bytes: usize,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self {
            intents: 1_000,
            intents_per_minute: 10_000,
            waiting_news: 100_000,
            log_lines: 1_000,
            log_lines_per_minute: 10_000,
            kept_log_lines: 10_000,
            log_line_bytes: 4_096,
            timers: 1_000,
            timers_per_minute: 10_000,
            timer_calls: 100_000,
            invalid_arguments: 100,
            state_bytes: 1 << 20,
        }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For the author.
    Debug,
    /// For the user.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// A line a strategy logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Event time.
    pub ts: Timestamp,
    /// Weight.
    pub level: LogLevel,
    /// Text.
    pub message: String,
}

/// The strategy's account as it may see it: `f64` views of the exact ledger, per instrument of the run.
#[derive(Clone, Debug, Default)]
pub struct AccountView {
    /// Wallet minus the entry value of open positions: `equity = cash + Σ position * mark`.
    pub cash: f64,
    /// Signed positions.
    pub positions: Vec<f64>,
    /// Average entry prices; 0 when flat.
    pub average_prices: Vec<f64>,
    /// Newest prices.
    pub marks: PriceBoard,
    /// Signed unfilled quantity of market and target orders.
    pub pending: Vec<f64>,
    /// Largest notional per unit of equity.
    pub leverage: f64,
}

impl AccountView {
    /// Equity: `cash + Σ position * mark`, summed in the order of instruments.
    pub fn equity(&self) -> f64 {
        let mut equity = self.cash;
        for (instrument, position) in self.held() {
            equity += position * self.marks.get(instrument);
        }
        equity
    }

    /// What new positions may still use: `equity - Σ |position * mark| / leverage`.
    pub fn available_margin(&self) -> f64 {
        let mut used = 0.0;
        for (instrument, position) in self.held() {
            used += (position * self.marks.get(instrument)).abs();
        }
        self.equity() - used / self.leverage
    }

    fn held(&self) -> impl Iterator<Item = (usize, f64)> {
        self.positions.iter().copied().enumerate().filter(|(_, position)| *position != 0.0)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Desk {
    strategy: StrategyId,
    series: Vec<SeriesInfo>,
    limits: DeskLimits,
    /// Event time of the callback that is running.
    pub now: Timestamp,
    /// Whether orders are accepted (not during `init`).
    pub accepting: bool,
    /// The strategy's account.
    pub account: AccountView,
    /// Least level that is kept.
    pub log_level: LogLevel,
    history: Vec<BarRing>,
    indicators: Bank,
    features: Option<Box<dyn FeatureSource>>,
    random: Random,
    sequence: u64,
    intents: Vec<Intent>,
    timers: Vec<TimerCommand>,
    logs: Vec<LogLine>,
    logged_in_callback: usize,
    logged: usize,
    undo: Option<Undo>,
    rates: Rates,
}

impl Desk {
    /// A desk for a strategy with its series. `instruments` is the number of instruments of the run, `history` the
    /// number of closed bars kept per series (0 = none: the strategy does not look back through the host).
    pub fn new(
        strategy: StrategyId,
        series: Vec<SeriesInfo>,
        instruments: usize,
        history: usize,
        seed: u64,
        limits: DeskLimits,
    ) -> Self {
        let rings = if history == 0 { Vec::new() } else { vec![BarRing::new(history); series.len()] };
        Self {
            strategy,
            limits,
            now: Timestamp::default(),
            accepting: false,
            account: AccountView {
                cash: 0.0,
                positions: vec![0.0; instruments],
                average_prices: vec![0.0; instruments],
                marks: PriceBoard::new(instruments),
                pending: vec![0.0; instruments],
                leverage: 1.0,
            },
            log_level: LogLevel::Info,
            history: rings,
            indicators: Bank::new(series.len()),
            features: None,
            random: Random::new(seed, u64::from(strategy.0)),
            sequence: 0,
            intents: Vec::new(),
            timers: Vec::new(),
            logs: Vec::new(),
            logged_in_callback: 0,
            logged: 0,
            undo: None,
            rates: Rates::default(),
            series,
        }
    }

    /// Keeps at least so many closed bars per series for indicators of versions that may take over; the strategy sees
    /// no more of them than before.
    #[must_use]
    pub fn keeping(mut self, bars: usize) -> Self {
        let visible = self.history.first().map_or(0, BarRing::capacity);
        if bars > visible {
            let mut ring = BarRing::new(bars);
            ring.show(visible);
            self.history = vec![ring; self.series.len()];
        }
        self
    }

    // What the engine does.

    /// Prepares the desk for a callback at `now`.
    pub fn begin(&mut self, now: Timestamp) {
        self.now = now;
        self.rates.go_on();
        self.logged_in_callback = 0;
    }

    /// Lets the strategy go on without the time of its callbacks, where many are made in one call and what it asks for
    /// tells in which one it did: [`Desk::date`] says when that was.
    pub fn leave_undated(&mut self) {
        self.rates.wait();
    }

    /// As [`Desk::begin`], for the callback that is running: what it has asked for counts at this time.
    ///
    /// # Errors
    /// It has asked for more than a strategy may in a minute.
    pub fn date(&mut self, now: Timestamp) -> Result<(), Fault> {
        self.begin(now);
        self.rates.catch_up(now, &self.limits)
    }

    /// The place of a series' instrument in the columns of the account; that of none for a series that is not there.
    pub(crate) fn instrument_index(&self, series: SeriesId) -> usize {
        self.series.get(series.index()).map_or(usize::MAX, |info| info.instrument.index())
    }

    /// Shows the newest mark prices of all instruments, to all desks.
    pub fn show_marks(&mut self, marks: impl Iterator<Item = f64>) {
        for (instrument, mark) in marks.enumerate() {
            self.account.marks.set(instrument, mark);
        }
    }

    /// Shows the desk a bar that has closed, before its callback.
    #[inline]
    pub fn observe(&mut self, series: SeriesId, bar: &Bar) {
        if self.keeps_bars() {
            self.remember(series, bar);
        }
    }

    /// Whether it makes a difference which bars the desk has been shown.
    #[inline]
    pub fn keeps_bars(&self) -> bool {
        !self.history.is_empty() || !self.indicators.is_empty()
    }

    fn remember(&mut self, series: SeriesId, bar: &Bar) {
        if let Some(ring) = self.history.get_mut(series.index()) {
            ring.push(bar);
        }
        self.indicators.update(series.index(), &as_input(bar));
    }

    /// Whether the callback left orders or timers behind.
    pub fn has_requests(&self) -> bool {
        !self.intents.is_empty() || !self.timers.is_empty()
    }

    /// Moves the intents of the callback into `into`.
    pub fn take_intents(&mut self, into: &mut Vec<Intent>) {
        into.append(&mut self.intents);
    }

    /// Moves the timer wishes of the callback into `into`.
    pub fn take_timers(&mut self, into: &mut Vec<TimerCommand>) {
        into.append(&mut self.timers);
    }

    /// Takes the kept log lines.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.logs)
    }

    /// Log lines that were written but not kept.
    pub fn dropped_log_lines(&self) -> usize {
        self.logged.saturating_sub(self.limits.kept_log_lines)
    }

    /// The limits in force.
    pub fn limits(&self) -> &DeskLimits {
        &self.limits
    }

    // What the strategy does.

    /// The strategy's series, in the order of their ids.
    pub fn series(&self) -> &[SeriesInfo] {
        &self.series
    }

    /// One series; a fault where the strategy made the id up.
    pub fn series_info(&self, series: SeriesId) -> Result<&SeriesInfo, Fault> {
        self.series
            .get(series.index())
            .ok_or_else(|| Fault::new(FaultKind::Contract, format!("there is no series {}", series.0)))
    }

    fn instrument(&self, series: SeriesId) -> Result<InstrumentId, Fault> {
        self.series_info(series).map(|info| info.instrument)
    }

    /// Places an order and returns its id; acceptance or refusal comes as an event.
    pub fn submit(
        &mut self,
        series: SeriesId,
        side: Side,
        quantity: f64,
        kind: OrderKind<f64>,
        terms: OrderTerms,
    ) -> Result<OrderId, Fault> {
        let instrument = self.instrument(series)?;
        if matches!(kind, OrderKind::Market) && quantity.is_finite() {
            self.account.pending[instrument.index()] += side.sign() * quantity;
        }
        let id = self.next_id();
        self.push(Intent::Order { id, series, side, quantity, kind, terms, target: None })?;
        Ok(id)
    }

    /// Places an entry with its stop and, where there is one, its target: both sleep until the entry is filled, reduce
    /// only, and cancel each other. Returns the entry's id; the stop has the next one, the target the one after.
    pub fn submit_bracket(
        &mut self,
        series: SeriesId,
        side: Side,
        quantity: f64,
        bracket: &Bracket,
    ) -> Result<OrderId, Fault> {
        let Bracket { entry, stop, target, source } = *bracket;
        let kind = entry.map_or(OrderKind::Market, |price| OrderKind::Limit { price, tif: TimeInForce::Gtc });
        let id = self.submit(series, side, quantity, kind, OrderTerms::FREE)?;
        let (stop_id, target_id) = (self.next_id(), self.next_id());
        let exit = side.opposite();
        let terms = OrderTerms { parent: id, ..OrderTerms::REDUCE_ONLY };
        let sibling = if target.is_some() { target_id } else { OrderId::NONE };
        let kind = OrderKind::StopMarket { trigger: stop, source };
        let terms_of_stop = OrderTerms { sibling, ..terms };
        self.push(Intent::Order {
            id: stop_id,
            series,
            side: exit,
            quantity,
            kind,
            terms: terms_of_stop,
            target: None,
        })?;
        if let Some(trigger) = target {
            let kind = OrderKind::TakeProfitMarket { trigger, source };
            let terms = OrderTerms { sibling: stop_id, ..terms };
            self.push(Intent::Order {
                id: target_id,
                series,
                side: exit,
                quantity,
                kind,
                terms,
                target: None,
            })?;
        }
        Ok(id)
    }

    /// Places two orders of one side of which at most one is filled. Returns the first one's id; the other has the next.
    pub fn submit_pair(
        &mut self,
        series: SeriesId,
        side: Side,
        quantity: f64,
        kinds: [OrderKind<f64>; 2],
        terms: OrderTerms,
    ) -> Result<OrderId, Fault> {
        self.instrument(series)?;
        let ids = [self.next_id(), self.next_id()];
        for (id, kind, sibling) in [(ids[0], kinds[0], ids[1]), (ids[1], kinds[1], ids[0])] {
            let terms = OrderTerms { sibling, ..terms };
            self.push(Intent::Order { id, series, side, quantity, kind, terms, target: None })?;
        }
        Ok(ids[0])
    }

    /// Asks to be in the market; the host sizes the order. Returns the id of the entry; a stop has the next one, a
    /// target the one after.
    pub fn signal(
        &mut self,
        series: SeriesId,
        side: Side,
        confidence: f64,
        stop: Option<f64>,
        target: Option<f64>,
    ) -> Result<OrderId, Fault> {
        self.instrument(series)?;
        let id = self.next_id();
        self.sequence += 2;
        self.push(Intent::Signal(Signal { id, series, side, confidence, stop, target }))?;
        Ok(id)
    }

    /// Asks to change an order that rests: its quantity in all, and its limit price, or its trigger where it has none.
    pub fn modify(&mut self, id: OrderId, quantity: f64, price: f64) -> Result<(), Fault> {
        self.push(Intent::Modify { id, quantity, price })
    }

    /// Places the market order that brings the position to `quantity`; [`OrderId::NONE`] where nothing is to do.
    ///
    /// `delta = target − (position + unfilled remainder of market and target orders)`; a new target replaces one
    /// of the same callback.
    pub fn target_position(&mut self, series: SeriesId, quantity: f64) -> Result<OrderId, Fault> {
        let info = self.series_info(series)?;
        let (instrument, lot) = (info.instrument.index(), info.lot);
        if !quantity.is_finite() {
            return self.push_target(series, Side::Buy, quantity, quantity);
        }
        self.withdraw_unsent_target(instrument);
        let delta = quantity - (self.account.positions[instrument] + self.account.pending[instrument]);
        if delta.abs() < lot * (1.0 - 1e-9) {
            return Ok(OrderId::NONE);
        }
        let side = if delta > 0.0 { Side::Buy } else { Side::Sell };
        self.account.pending[instrument] += delta;
        self.push_target(series, side, delta.abs(), quantity)
    }

    fn withdraw_unsent_target(&mut self, instrument: usize) {
        let series = &self.series;
        let pending = &mut self.account.pending[instrument];
        self.intents.retain(|intent| match intent {
            Intent::Order { series: of, side, quantity, target: Some(_), .. }
                if series[of.index()].instrument.index() == instrument && quantity.is_finite() =>
            {
                *pending -= side.sign() * quantity;
                false
            }
            _ => true,
        });
    }

    fn push_target(
        &mut self,
        series: SeriesId,
        side: Side,
        quantity: f64,
        target: f64,
    ) -> Result<OrderId, Fault> {
        let (id, kind, terms) = (self.next_id(), OrderKind::Market, OrderTerms::FREE);
        self.push(Intent::Order { id, series, side, quantity, kind, terms, target: Some(target) })?;
        Ok(id)
    }

    pub(crate) fn next_id(&mut self) -> OrderId {
        self.sequence += 1;
        OrderId::new(self.strategy, self.sequence)
    }

    fn push(&mut self, intent: Intent) -> Result<(), Fault> {
        if self.intents.len() >= self.limits.intents {
            return Err(Fault::new(
                FaultKind::OrderFlood,
                format!("more than {} orders and cancels in one callback", self.limits.intents),
            ));
        }
        self.rates.order(self.now, &self.limits)?;
        self.intents.push(intent);
        Ok(())
    }

    /// Asks to cancel an order.
    pub fn cancel(&mut self, id: OrderId) -> Result<(), Fault> {
        self.push(Intent::Cancel { id })
    }

    /// Asks to cancel all orders of the series' instrument.
    pub fn cancel_all(&mut self, series: SeriesId) -> Result<(), Fault> {
        self.instrument(series)?;
        self.push(Intent::CancelAll { series })
    }

    /// Sets a one-shot timer.
    pub fn set_timer(&mut self, id: u32, at: Timestamp) -> Result<(), Fault> {
        self.push_timer(TimerCommand::Set { id, at })
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, id: u32) -> Result<(), Fault> {
        self.push_timer(TimerCommand::Cancel { id })
    }

    fn push_timer(&mut self, command: TimerCommand) -> Result<(), Fault> {
        if self.timers.len() >= self.limits.timers {
            return Err(Fault::new(
                FaultKind::TimerFlood,
                format!("more than {} timer calls in one callback", self.limits.timers),
            ));
        }
        self.rates.timer(self.now, &self.limits)?;
        self.timers.push(command);
        Ok(())
    }

    /// Signed position of the series' instrument.
    pub fn position(&self, series: SeriesId) -> Result<f64, Fault> {
        Ok(self.account.positions[self.instrument(series)?.index()])
    }

    /// Average entry price of the series' instrument; 0 when flat.
    pub fn average_price(&self, series: SeriesId) -> Result<f64, Fault> {
        Ok(self.account.average_prices[self.instrument(series)?.index()])
    }

    /// The closed bars of a series; `None` where none are kept.
    pub fn bars(&self, series: SeriesId) -> Result<Option<&BarRing>, Fault> {
        self.series_info(series)?;
        Ok(self.history.get(series.index()))
    }

    /// Closed bars per series that the strategy may see at most.
    pub fn look_back(&self) -> usize {
        self.history.first().map_or(0, BarRing::visible)
    }

    /// Close of the `n`-th newest closed bar; NaN where there is none.
    pub fn close(&self, series: SeriesId, n: usize) -> Result<f64, Fault> {
        Ok(self.bars(series)?.and_then(|ring| ring.get(n)).map_or(f64::NAN, |bar| bar.close))
    }

    /// The newest `n` values of a column, oldest first.
    pub fn window(&self, series: SeriesId, column: Column, n: usize) -> Result<Vec<f64>, Fault> {
        Ok(self.bars(series)?.map_or_else(Vec::new, |ring| ring.window(column, n)))
    }

    /// The next random bits of this strategy's own stream.
    pub fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// Whether a line of this level would be kept.
    pub fn log_enabled(&self, level: LogLevel) -> bool {
        level >= self.log_level
    }

    /// Logs a line. Too many in one callback are a fault; too many in the run are counted, not kept.
    pub fn log(&mut self, level: LogLevel, message: &str) -> Result<(), Fault> {
        self.logged_in_callback += 1;
        if self.logged_in_callback > self.limits.log_lines {
            return Err(Fault::new(
                FaultKind::LogFlood,
                format!("more than {} log lines in one callback", self.limits.log_lines),
            ));
        }
        self.rates.log_line(self.now, &self.limits)?;
        if !self.log_enabled(level) {
            return Ok(());
        }
        self.logged += 1;
        if self.logged <= self.limits.kept_log_lines {
            let end = message.floor_char_boundary(self.limits.log_line_bytes);
            self.logs.push(LogLine { ts: self.now, level, message: message[..end].to_owned() });
        }
        Ok(())
    }
}
