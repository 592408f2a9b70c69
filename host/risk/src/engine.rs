//! The state machine that stands between strategies and venues.

use std::collections::VecDeque;

use cryptobot_model::{
    Amendment, Bar, Calm, ClosedTrade, Fill, Instrument, InstrumentId, OrderEvent, OrderEventKind,
    OrderRequest, Quantity, RefusalReason, StrategyId, Timestamp,
};

use crate::book::Book;
use crate::check::{Approved, Exposure, ProposedOrder, check};
use crate::grid::Grid;
use crate::guard::{CalmEquities, Change, EquityGuard};
use crate::limits::{Budget, Limits, MarketLimits, StrategyLimits};
use crate::pretrade::{Case, Finding, entry_price};
use crate::sizing::{ATR_PERIOD, SizingInput, TradeStatistics};
use crate::state::{
    Cause, Closing, Command, CommandEffect, CommandError, OrderRef, Scope, StateChange, TradingState,
};
use crate::verdict::{Evidence, Refusal, Ruling, Verdict};
use crate::window::{Breaker, Window, seconds};

/// What a decision about one order is made on.
#[derive(Clone, Copy, Debug)]
pub struct RiskView<'a> {
    /// The exchange-level view of the order's strategy and instrument.
    pub exposure: &'a Exposure,
    /// Newest prices (mark where there is one) of all instruments of the run; NaN before the first.
    pub prices: &'a [f64],
    /// Mark price of the order's instrument.
    pub mark: f64,
    /// Equity of all strategies together.
    pub portfolio_equity: f64,
    /// Price of the stop that comes with the order.
    pub stop: Option<f64>,
}

/// Enforces [`Limits`]. A deterministic state machine on event time: equal inputs give equal outputs.
///
/// It keeps its own count of positions and open orders, from what it approves and what it is told: an order counts from
/// its approval to its end.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what it need not do, decided once")]
pub struct RiskEngine {
    pub(crate) limits: Limits,
    pub(crate) strategies: Vec<StrategyLimits>,
    pub(crate) portfolio: EquityGuard,
    pub(crate) guards: Vec<EquityGuard>,
    pub(crate) book: Book,
    pub(crate) windows: Vec<Window>,
    pub(crate) breakers: Vec<Breaker>,
    /// When orders were approved, per strategy, as far back as the limit on their rate looks.
    pub(crate) sent_at: Vec<VecDeque<Timestamp>>,
    /// Approved orders, per strategy, as far back as the limit on repetitions looks.
    pub(crate) recent: Vec<VecDeque<OrderRequest>>,
    trades: Vec<TradeStatistics>,
    changes: Vec<StateChange>,
    enforces: bool,
    /// Whether it keeps its own count of positions and orders: what no limit and no operator asks for is not counted.
    tracks: bool,
    needs_window: bool,
    watches_equity: bool,
}

impl RiskEngine {
    /// An engine in state [`TradingState::Active`].
    pub fn new(limits: Limits, strategies: usize, instruments: usize) -> Self {
        let window = limits.market.window_bars.unwrap_or(MarketLimits::WINDOW_BARS) as usize;
        let hour = limits.reset_hour_utc;
        let mut engine = Self {
            strategies: vec![limits.strategy; strategies],
            portfolio: EquityGuard::new(&limits.portfolio, hour),
            guards: vec![EquityGuard::new(&limits.strategy.budget, hour); strategies],
            book: Book::new(strategies, instruments),
            windows: vec![Window::new(window.max(ATR_PERIOD)); instruments],
            breakers: vec![Breaker::default(); instruments],
            sent_at: vec![VecDeque::new(); strategies],
            recent: vec![VecDeque::new(); strategies],
            trades: vec![TradeStatistics::default(); strategies],
            changes: Vec::new(),
            enforces: false,
            tracks: false,
            needs_window: false,
            watches_equity: false,
            limits,
        };
        engine.refresh_needs();
        engine
    }

    /// Gives a strategy limits of its own (see [`crate::RiskSettings::strategy_limits`]). To be called before the first event.
    pub fn set_strategy(&mut self, strategy: StrategyId, limits: StrategyLimits) {
        self.strategies[strategy.index()] = limits;
        self.guards[strategy.index()] = EquityGuard::new(&limits.budget, self.limits.reset_hour_utc);
        self.refresh_needs();
    }

    fn refresh_needs(&mut self) {
        self.enforces = self.limits != Limits::default()
            || self.strategies.iter().any(|limits| limits.budget != Budget::default());
        let market = &self.limits.market;
        let sizes = |limits: &StrategyLimits| limits.sizer.is_some_and(|sizer| sizer.needs_window());
        self.tracks |= self.enforces;
        self.needs_window = market.need_window()
            || self.limits.orders.atr_stop.is_some()
            || self.strategies.iter().any(sizes);
        self.watches_equity = self.portfolio.watches() || self.guards.iter().any(EquityGuard::watches);
    }

    /// Keeps count of positions and orders even without limits, for an operator who may command. To be called before
    /// the first event.
    pub const fn track(&mut self) {
        self.tracks = true;
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether bars are to be shown to it.
    pub const fn watches_bars(&self) -> bool {
        self.needs_window || self.limits.market.circuit_breaker.is_some()
    }

    /// Whether equities are to be shown to it.
    pub const fn watches_equity(&self) -> bool {
        self.watches_equity
    }

    // What happens.

    /// Takes a base bar that closed at `ts`. Stores it where a limit or sizer looks at the past; watches for jumps.
    #[inline]
    pub fn on_bar(&mut self, instrument: InstrumentId, ts: Timestamp, bar: &Bar) -> Option<StateChange> {
        if self.needs_window {
            self.windows[instrument.index()].push(ts, bar);
        }
        self.watch_jumps(instrument, ts, bar)
    }

    fn watch_jumps(&mut self, instrument: InstrumentId, ts: Timestamp, bar: &Bar) -> Option<StateChange> {
        let rule = self.limits.market.circuit_breaker?;
        let breaker = &mut self.breakers[instrument.index()];
        let was_halted = breaker.halted_until.is_some();
        let jumped = breaker.push(&rule, ts, bar);
        let over = breaker.halted_until.is_some_and(|until| ts >= until);
        let scope = Scope::Instrument(instrument);
        if jumped && !was_halted {
            let evidence = Evidence { limit: rule.jump, value: breaker.jump };
            let (from, to) = (TradingState::Active, TradingState::Halted);
            return Some(StateChange { ts, scope, from, to, cause: Cause::CircuitBreaker, evidence });
        }
        if over && !jumped {
            breaker.halted_until = None;
            let (from, to) = (TradingState::Halted, TradingState::Active);
            let evidence = Evidence::NONE;
            return Some(StateChange { ts, scope, from, to, cause: Cause::BreakerOver, evidence });
        }
        None
    }

    /// Takes consecutive bars that stay within [`RiskEngine::calm`] and close before [`RiskEngine::quiet_until`], in
    /// place of [`RiskEngine::on_bar`].
    #[inline]
    pub fn pass(&mut self, instrument: InstrumentId, bars: &[impl AsRef<Bar>]) {
        if self.needs_window {
            let window = &mut self.windows[instrument.index()];
            bars.iter().map(AsRef::as_ref).for_each(|bar| window.push(bar.ts, bar));
        }
        if let Some(rule) = &self.limits.market.circuit_breaker {
            self.breakers[instrument.index()].pass(rule, bars);
        }
    }

    /// Prices between which bars of an instrument change no state.
    pub fn calm(&mut self, instrument: InstrumentId) -> Calm {
        match &self.limits.market.circuit_breaker {
            Some(rule) => self.breakers[instrument.index()].calm(rule),
            None => Calm::ALL,
        }
    }

    /// The time at which a state may change by itself: a period begins, a halt is over.
    #[inline]
    pub fn quiet_until(&self) -> Timestamp {
        if !self.watches_equity && self.limits.market.circuit_breaker.is_none() {
            return Timestamp(i64::MAX);
        }
        let guards = self.guards.iter().chain([&self.portfolio]).filter(|guard| guard.watches());
        let periods = guards.map(EquityGuard::next_start);
        let halts = self.breakers.iter().filter_map(|breaker| breaker.halted_until);
        periods.chain(halts).min().unwrap_or(Timestamp(i64::MAX))
    }

    /// The equities of a portfolio or a strategy that change no state before [`RiskEngine::quiet_until`]:
    /// [`RiskEngine::on_equity`] need not be told of them.
    pub fn calm_equities(&self, scope: Scope) -> CalmEquities {
        match scope {
            Scope::Portfolio => self.portfolio.calm(),
            Scope::Strategy(strategy) => self.guards[strategy.index()].calm(),
            Scope::Instrument(_) => CalmEquities::ALL,
        }
    }

    /// Takes equities after a mark: of the portfolio, and per strategy. Usually two or three comparisons each. Periods
    /// begin with the first equity at or after their hour.
    #[inline]
    pub fn on_equity(&mut self, ts: Timestamp, portfolio: f64, strategies: &[f64]) -> &[StateChange] {
        if self.watches_equity {
            self.changes.clear();
            if let Some(change) = self.portfolio.observe(ts, portfolio) {
                self.changes.push(state_change(ts, Scope::Portfolio, change));
            }
            for (index, (guard, equity)) in self.guards.iter_mut().zip(strategies).enumerate() {
                if let Some(change) = guard.observe(ts, *equity) {
                    let scope = Scope::Strategy(StrategyId::from(index));
                    self.changes.push(state_change(ts, scope, change));
                }
            }
        }
        &self.changes
    }

    /// Books a fill. Call it before the order event that reports the same fill.
    #[inline]
    pub fn on_fill(&mut self, fill: &Fill) {
        if self.tracks {
            self.book.fill(fill);
        }
    }

    /// Follows an order: what ended counts no longer, what was modified counts for what is left.
    #[inline]
    pub fn on_order_event(&mut self, event: &OrderEvent) {
        if !self.tracks {
            return;
        }
        match event.kind {
            // Fills are booked by `on_fill`.
            OrderEventKind::PartiallyFilled => {}
            OrderEventKind::Modified => self.book.set_remaining(event.id, event.remaining),
            kind if kind.is_final() => self.book.set_remaining(event.id, Quantity::ZERO),
            _ => {}
        }
    }

    /// Counts a closed trade in the statistics that Kelly sizing uses.
    pub fn on_trade_closed(&mut self, trade: &ClosedTrade) {
        self.trades[trade.strategy.index()].add(trade.net_pnl.to_f64());
    }

    /// Counts an order that was sent without [`RiskEngine::decide`], such as a bracket's child or one from before a
    /// restart.
    pub fn on_order_open(&mut self, order: &OrderRequest, stop: Option<f64>) {
        self.book.add(order, stop);
    }

    /// Replaces a position by what a reconciliation found.
    pub fn set_position(&mut self, strategy: StrategyId, instrument: InstrumentId, position: Quantity) {
        self.book.set_position(strategy, instrument, position);
    }

    // What is asked.

    /// The state that an order of a strategy in an instrument meets: the severest of portfolio, strategy and instrument.
    pub fn state(&self, strategy: StrategyId, instrument: InstrumentId) -> TradingState {
        let own = self.state_of(Scope::Strategy(strategy)).max(self.state_of(Scope::Portfolio));
        own.max(self.state_of(Scope::Instrument(instrument)))
    }

    /// The state of one scope by itself.
    pub fn state_of(&self, scope: Scope) -> TradingState {
        match scope {
            Scope::Portfolio => self.portfolio.state(),
            Scope::Strategy(strategy) => self.guards[strategy.index()].state(),
            Scope::Instrument(instrument) => match self.breakers[instrument.index()].halted_until {
                Some(_) => TradingState::Halted,
                None => TradingState::Active,
            },
        }
    }

    /// Open orders of a scope that may open or enlarge positions: what a halt cancels.
    pub fn entry_orders(&self, scope: Scope) -> Vec<OrderRef> {
        self.book.entries(scope)
    }

    /// What closes the positions of a scope.
    pub fn closings(&self, scope: Scope) -> Vec<Closing> {
        self.book.closings(scope)
    }

    /// Closed trades of a strategy so far.
    pub fn trade_statistics(&self, strategy: StrategyId) -> &TradeStatistics {
        &self.trades[strategy.index()]
    }

    /// The quantity that the strategy's sizer gives a signal, before the grid. Trades, and range and volatility where
    /// they are not given, come from what the engine has seen. Without a sizer: `no-sizer`.
    pub fn size(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        input: &SizingInput,
    ) -> Result<f64, Refusal> {
        let limits = &self.strategies[strategy.index()];
        if let Some(least) = limits.min_confidence
            && input.confidence.is_none_or(|confidence| confidence < least || confidence.is_nan())
        {
            let confidence = input.confidence.unwrap_or(f64::NAN);
            return Err(Refusal::new(RefusalReason::LowConfidence, least, confidence));
        }
        let sizer = limits.sizer.ok_or(RefusalReason::NoSizer)?;
        let mut input = *input;
        if sizer.needs_trades() {
            input.trades = self.trades[strategy.index()];
        }
        if sizer.needs_window() {
            let window = &self.windows[instrument.index()];
            input.atr = input.atr.or_else(|| window.average_true_range(ATR_PERIOD));
            input.volatility = input.volatility.or_else(|| window.volatility());
            input.bars = window.len();
        }
        sizer.size(&input)
    }

    /// Checks an order that is on the grid and passed the exchange-level [`check`]. Changes nothing.
    pub fn check(&self, order: &OrderRequest, grid: &Grid, view: &RiskView<'_>) -> Verdict {
        self.case(order, view).map_or(Verdict::Approved, |case| self.judge(&case, grid))
    }

    fn judge(&self, case: &Case<'_>, grid: &Grid) -> Verdict {
        let Some(Finding { quantity, reason, evidence }) = self.find(case) else { return Verdict::Approved };
        let to = grid.quantity(case.credit + quantity).unwrap_or_default().max(case.closing);
        if to >= case.order.quantity {
            Verdict::Approved
        } else if to.is_zero() {
            Verdict::Refused { reason, evidence }
        } else {
            Verdict::Reduced { to, reason, evidence }
        }
    }

    /// The order as the limits see it; `None` where it only closes.
    fn case<'a>(&self, order: &'a OrderRequest, view: &'a RiskView<'a>) -> Option<Case<'a>> {
        if order.terms.reduce_only || order.terms.close_position {
            return None;
        }
        let cell = self.book.cell(order.strategy, order.instrument);
        let closing = (-(cell.held(order.side) + cell.open(order.side))).max(Quantity::ZERO);
        if order.quantity <= closing {
            return None;
        }
        let reach = cell.reach(order.side);
        let entry = entry_price(order, view.exposure.price);
        Some(Case {
            order,
            view,
            closing,
            credit: (-reach).max(Quantity::ZERO).to_f64(),
            opening: (order.quantity + reach.min(Quantity::ZERO)).to_f64(),
            before: reach.max(Quantity::ZERO).to_f64(),
            price: if view.mark > entry { view.mark } else { entry },
            entry,
        })
    }

    /// Decides an order: puts it on the grid, checks what the exchange enforces, then the limits. What is approved
    /// counts from now on, until [`RiskEngine::on_order_event`] tells of its end. Where limits are in force, an order
    /// that only closes leaves as reduce-only.
    pub fn decide(
        &mut self,
        order: &ProposedOrder,
        instrument: &Instrument,
        grid: &Grid,
        view: &RiskView<'_>,
    ) -> Ruling {
        let refused =
            |reason, evidence| Ruling { verdict: Verdict::Refused { reason, evidence }, order: None };
        let approved = match check(order, instrument, grid, view.exposure) {
            Ok(approved) => approved,
            Err(Refusal { reason, evidence }) => return refused(reason, evidence),
        };
        if !self.tracks {
            return Ruling { verdict: Verdict::Approved, order: Some(approved) };
        }
        let case = self.case(approved.get(), view);
        let verdict = case.as_ref().map_or(Verdict::Approved, |case| self.judge(case, grid));
        let (only_closes, closing) = (case.is_none(), case.map(|case| case.closing));
        let approved = match verdict {
            // What only closes must not open a position when another order has closed it first.
            Verdict::Approved if self.enforces && only_closes => {
                let quantity = approved.get().quantity;
                approved.reduced(quantity, true)
            }
            Verdict::Approved => approved,
            Verdict::Refused { .. } => return Ruling { verdict, order: None },
            Verdict::Reduced { to, reason, evidence } => {
                let closing = closing == Some(to);
                let price = entry_price(approved.get(), view.exposure.price);
                if !closing && to.to_f64() * price < instrument.min_notional.to_f64() {
                    return refused(reason, evidence);
                }
                approved.reduced(to, closing)
            }
        };
        self.remember(approved.get(), view.stop);
        Ruling { verdict, order: Some(approved) }
    }

    /// Takes an order that only reduces, in place of [`RiskEngine::decide`]: no limit refuses it, and it counts like any
    /// other.
    pub fn follow(&mut self, order: &Approved<OrderRequest>) {
        if self.tracks {
            self.remember(order.get(), None);
        }
    }

    fn remember(&mut self, order: &OrderRequest, stop: Option<f64>) {
        self.book.add(order, stop);
        let (limits, at) = (&self.limits.orders, order.strategy.index());
        if let Some(rate) = limits.rate {
            let (sent_at, since) = (&mut self.sent_at[at], order.decided_at.plus(-seconds(rate.per_s)));
            while sent_at.front().is_some_and(|past| *past <= since) {
                sent_at.pop_front();
            }
            sent_at.push_back(order.decided_at);
        }
        if let Some(window_s) = limits.duplicate_window_s {
            let (recent, since) = (&mut self.recent[at], order.decided_at.plus(-seconds(window_s)));
            while recent.front().is_some_and(|past| past.decided_at <= since) {
                recent.pop_front();
            }
            recent.push_back(*order);
        }
    }

    /// Checks new numbers for an open order: the new price against the collar, and what is added as if it were an order
    /// of its own. Anything but [`Verdict::Approved`] refuses the amendment.
    pub fn check_amendment(
        &self,
        order: &OrderRequest,
        amendment: &Amendment,
        grid: &Grid,
        view: &RiskView<'_>,
    ) -> Verdict {
        let opens = !order.terms.reduce_only && !order.terms.close_position;
        if opens
            && order.kind.trigger().is_none()
            && let Err(finding) = self.check_collar(order.side, amendment.price.to_f64(), view.mark)
        {
            return Verdict::Refused { reason: finding.reason, evidence: finding.evidence };
        }
        if amendment.quantity <= order.quantity {
            return Verdict::Approved;
        }
        let added = amendment.quantity - order.quantity;
        let more = OrderRequest { quantity: added, decided_at: amendment.decided_at, ..*order };
        self.check(&more, grid, view)
    }

    /// Follows the operator; see [`RiskEngine::track`]. The effect is executed in one step: cancels first, then closings.
    /// From the first command on, an order that only closes leaves as reduce-only, as with limits.
    pub fn command(
        &mut self,
        ts: Timestamp,
        scope: Scope,
        command: Command,
    ) -> Result<CommandEffect, CommandError> {
        (self.tracks, self.enforces) = (true, true);
        let guard = match scope {
            Scope::Portfolio => &mut self.portfolio,
            Scope::Strategy(strategy) => self.guards.get_mut(strategy.index()).ok_or(CommandError::Scope)?,
            Scope::Instrument(_) => return Err(CommandError::Scope),
        };
        let from = guard.state();
        let cause = obey(guard, command)?;
        let to = guard.state();
        let evidence = Evidence::NONE;
        let change = (from != to).then_some(StateChange { ts, scope, from, to, cause, evidence });
        let cancel = match command {
            Command::Halt => self.book.entries(scope),
            Command::Kill { .. } => self.book.orders(scope),
            Command::Reduce | Command::Resume => Vec::new(),
        };
        let flatten = command == Command::Kill { flatten: true };
        let close = if flatten { self.book.closings(scope) } else { Vec::new() };
        Ok(CommandEffect { change, state: to, cancel, close })
    }
}

fn obey(guard: &mut EquityGuard, command: Command) -> Result<Cause, CommandError> {
    let commanded = guard.command();
    match command {
        Command::Halt if commanded == TradingState::Halted => Err(CommandError::Already(commanded)),
        Command::Reduce if commanded == TradingState::Reducing => Err(CommandError::Already(commanded)),
        Command::Reduce if commanded == TradingState::Halted => Err(CommandError::ResumeFirst),
        Command::Halt | Command::Kill { .. } => {
            guard.set_command(TradingState::Halted);
            Ok(if command == Command::Halt { Cause::Operator } else { Cause::Kill })
        }
        Command::Reduce => {
            guard.set_command(TradingState::Reducing);
            Ok(Cause::Operator)
        }
        Command::Resume if guard.resume() => Ok(Cause::Operator),
        Command::Resume => Err(CommandError::NothingToResume(guard.state())),
    }
}

fn state_change(ts: Timestamp, scope: Scope, (from, to, cause, evidence): Change) -> StateChange {
    StateChange { ts, scope, from, to, cause, evidence }
}
