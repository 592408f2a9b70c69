//! The checks of one order against the limits.

use cryptobot_model::{InstrumentId, OrderRequest, Quantity, RefusalReason, Side, StrategyId};

use crate::book::{stated_price, way};
use crate::engine::{RiskEngine, RiskView};
use crate::limits::{Budget, CorrelationLimit};
use crate::sizing::is_positive;
use crate::state::{Scope, TradingState};
use crate::verdict::{Evidence, Refusal};
use crate::window::seconds;

/// A limit that an order meets: how much of its opening part may pass (0 = nothing), and why not more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding {
    pub(crate) quantity: f64,
    pub(crate) reason: RefusalReason,
    pub(crate) evidence: Evidence,
}

impl Finding {
    fn refuse(reason: RefusalReason, limit: f64, value: f64) -> Self {
        Self { quantity: 0.0, reason, evidence: Evidence { limit, value } }
    }
}

/// Nothing may pass.
impl From<Refusal> for Finding {
    fn from(Refusal { reason, evidence }: Refusal) -> Self {
        Self { quantity: 0.0, reason, evidence }
    }
}

type Checked = Result<(), Finding>;

/// An order with what the checks need of it.
pub(crate) struct Case<'a> {
    pub(crate) order: &'a OrderRequest,
    pub(crate) view: &'a RiskView<'a>,
    /// The part that only closes a position.
    pub(crate) closing: Quantity,
    /// What closes a position even when all reduce-only orders are filled first.
    pub(crate) credit: f64,
    /// The rest: what opens or enlarges a position.
    pub(crate) opening: f64,
    /// Absolute position on the order's side that may come about without it.
    pub(crate) before: f64,
    /// Price it is valued at: the worse of the mark price and its own.
    pub(crate) price: f64,
    /// Price it would trade at.
    pub(crate) entry: f64,
}

impl Case<'_> {
    /// Loss per unit when the stop is hit; all of the price without one.
    fn unit_risk(&self) -> f64 {
        self.view.stop.map_or(self.price, |stop| way(self.order.side, self.entry, stop))
    }

    /// Limits how much may be opened: `room` in money for quantities that cost `unit` each.
    fn cap(&self, reason: RefusalReason, limit: f64, used: f64, unit: f64) -> Checked {
        let value = used + self.opening * unit;
        if value <= limit {
            return Ok(());
        }
        // A NaN, for want of a price, leaves no room.
        let room = ((limit - used) / unit).max(0.0);
        let quantity = if room.is_finite() { room } else { 0.0 };
        Err(Finding { quantity, reason, evidence: Evidence { limit, value } })
    }
}

impl RiskEngine {
    /// The first limit that refuses, else the one that allows the least.
    pub(crate) fn find(&self, case: &Case<'_>) -> Option<Finding> {
        let refused = self
            .check_states(case)
            .and_then(|()| self.check_times(case))
            .and_then(|()| self.check_prices(case))
            .and_then(|()| self.check_market(case))
            .and_then(|()| self.check_counts(case));
        if let Err(finding) = refused {
            return Some(finding);
        }
        let order = case.order;
        let own = Scope::Strategy(order.strategy);
        let sizes = [
            self.check_drawdown(case),
            self.check_trade_risk(case),
            self.check_budget(
                case,
                own,
                &self.strategies[order.strategy.index()].budget,
                case.view.exposure.equity,
            ),
            self.check_budget(case, Scope::Portfolio, &self.limits.portfolio, case.view.portfolio_equity),
            self.check_correlation(case),
        ];
        sizes.iter().filter_map(|size| size.err()).reduce(|a, b| if b.quantity < a.quantity { b } else { a })
    }

    fn check_states(&self, case: &Case<'_>) -> Checked {
        let order = case.order;
        // The severest state counts; of equal ones the portfolio's.
        let guard = match [&self.portfolio, &self.guards[order.strategy.index()]] {
            [all, own] if own.state() > all.state() => own,
            [all, _] => all,
        };
        let state = guard.state();
        if state != TradingState::Active {
            // By command nothing may be opened.
            let commanded = Evidence { limit: 0.0, value: case.opening };
            let (reason, evidence) = match guard.loss() {
                Some(loss) => (RefusalReason::LossLimit, loss),
                None if state == TradingState::Reducing => (RefusalReason::ReducingOnly, commanded),
                None => (RefusalReason::TradingHalted, commanded),
            };
            return Err(Refusal { reason, evidence }.into());
        }
        let breaker = &self.breakers[order.instrument.index()];
        match (breaker.halted_until, self.limits.market.circuit_breaker) {
            (Some(until), Some(rule)) if order.decided_at < until => {
                Err(Finding::refuse(RefusalReason::CircuitBreaker, rule.jump, breaker.jump))
            }
            _ => Ok(()),
        }
    }

    fn check_times(&self, case: &Case<'_>) -> Checked {
        let (order, limits) = (case.order, &self.limits.orders);
        if let Some(rate) = limits.rate {
            let since = order.decided_at.plus(-seconds(rate.per_s));
            let sent_at = &self.sent_at[order.strategy.index()];
            let sent = sent_at.iter().filter(|past| **past > since).count() + 1;
            if sent > rate.orders as usize {
                return Err(Finding::refuse(RefusalReason::OrderRate, f64::from(rate.orders), sent as f64));
            }
        }
        if let Some(window) = limits.duplicate_window_s {
            let since = order.decided_at.plus(-seconds(window));
            let recent = &self.recent[order.strategy.index()];
            let same = recent.iter().rev().find(|past| past.decided_at > since && is_same(past, order));
            if let Some(past) = same {
                let age = (order.decided_at.0 - past.decided_at.0) as f64 / 1e9;
                return Err(Finding::refuse(RefusalReason::DuplicateSignal, f64::from(window), age));
            }
        }
        let closed_at = self.book.cell(order.strategy, order.instrument).closed_at;
        if let (Some(cooldown), Some(closed_at)) = (limits.cooldown_s, closed_at)
            && order.decided_at < closed_at.plus(seconds(cooldown))
        {
            let age = (order.decided_at.0 - closed_at.0) as f64 / 1e9;
            return Err(Finding::refuse(RefusalReason::Cooldown, f64::from(cooldown), age));
        }
        Ok(())
    }

    /// Collar and stop.
    fn check_prices(&self, case: &Case<'_>) -> Checked {
        let (order, limits, mark) = (case.order, &self.limits.orders, case.view.mark);
        // An order that sleeps is executed near its trigger, whatever the market is then.
        if order.kind.trigger().is_none() {
            self.check_collar(order.side, case.entry, mark)?;
        }
        let Some(stop) = case.view.stop else {
            return if limits.require_stop == Some(true) {
                Err(Finding::refuse(RefusalReason::MissingStop, f64::NAN, f64::NAN))
            } else {
                Ok(())
            };
        };
        if !is_positive(stop) {
            return Err(Finding::refuse(RefusalReason::InvalidArgument, f64::NAN, stop));
        }
        limits.stop_distances().check(order.side, case.entry, stop).map_err(Finding::from)
    }

    /// An order may not trade much worse than the mark price.
    pub(crate) fn check_collar(&self, side: Side, price: f64, mark: f64) -> Checked {
        let Some(collar) = self.limits.orders.price_collar else { return Ok(()) };
        let worse = side.sign() * (price / mark - 1.0);
        if worse > collar || worse.is_nan() {
            return Err(Finding::refuse(RefusalReason::PriceCollar, collar, worse));
        }
        Ok(())
    }

    /// Too few bars to judge the market by are refused like a market that is not good enough.
    fn check_market(&self, case: &Case<'_>) -> Checked {
        let limits = &self.limits.market;
        let window = &self.windows[case.order.instrument.index()];
        if let Some(least) = limits.min_daily_turnover {
            let turnover = window.daily_turnover().unwrap_or(f64::NAN);
            if turnover < least || turnover.is_nan() {
                return Err(Finding::refuse(RefusalReason::ThinMarket, least, turnover));
            }
        }
        if let Some(most) = limits.max_volatility {
            let volatility = window.volatility().unwrap_or(f64::NAN);
            if volatility > most || volatility.is_nan() {
                return Err(Finding::refuse(RefusalReason::HighVolatility, most, volatility));
            }
        }
        Ok(())
    }

    fn check_counts(&self, case: &Case<'_>) -> Checked {
        let order = case.order;
        let own = &self.strategies[order.strategy.index()].budget;
        let is_new = self.book.cell(order.strategy, order.instrument).is_idle();
        for (scope, budget) in
            [(Scope::Strategy(order.strategy), own), (Scope::Portfolio, &self.limits.portfolio)]
        {
            if let Some(most) = budget.max_positions
                && is_new
            {
                let positions = self.book.busy(scope).count() + 1;
                if positions > most as usize {
                    return Err(Finding::refuse(
                        RefusalReason::TooManyPositions,
                        f64::from(most),
                        positions as f64,
                    ));
                }
            }
            // Mostly there are fewer orders of all kinds.
            if let Some(most) = budget.max_orders
                && self.book.open_count() >= most as usize
            {
                let orders = self.book.entry_count(scope) + 1;
                if orders > most as usize {
                    return Err(Finding::refuse(
                        RefusalReason::TooManyOrders,
                        f64::from(most),
                        orders as f64,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Scales the position that the order leads to, not the order: asking again does not help.
    fn check_drawdown(&self, case: &Case<'_>) -> Checked {
        let own = &self.guards[case.order.strategy.index()];
        let accounts = [(own, case.view.exposure.equity), (&self.portfolio, case.view.portfolio_equity)];
        let scales = accounts.map(|(guard, equity)| (guard.scale(equity), guard.drawdown(equity)));
        let (scale, drawdown) = if scales[0].0 <= scales[1].0 { scales[0] } else { scales[1] };
        if scale >= 1.0 {
            return Ok(());
        }
        let quantity = (scale * (case.before + case.opening) - case.before).max(0.0);
        Err(Finding {
            quantity,
            reason: RefusalReason::LossLimit,
            evidence: Evidence { limit: scale, value: drawdown },
        })
    }

    fn check_trade_risk(&self, case: &Case<'_>) -> Checked {
        let Some(most) = self.limits.orders.max_risk_per_trade else { return Ok(()) };
        let order = case.order;
        let used = self.book.open_risk(order.strategy, order.instrument, case.view.mark);
        let limit = most * case.view.exposure.equity;
        case.cap(RefusalReason::RiskPerTrade, limit, used, case.unit_risk())
    }

    fn check_budget(&self, case: &Case<'_>, scope: Scope, budget: &Budget, equity: f64) -> Checked {
        let mut least: Option<Finding> = None;
        let mut note = |checked: Checked| {
            if let Err(finding) = checked
                && least.is_none_or(|found| finding.quantity < found.quantity)
            {
                least = Some(finding);
            }
        };
        let mut sum = None;
        let mut used = || *sum.get_or_insert_with(|| self.notional(case, scope, |_| true));
        if let Some(most) = budget.max_leverage {
            note(case.cap(RefusalReason::LeverageExceeded, most * equity, used(), case.price));
        }
        if let Some(limit) = budget.max_notional {
            note(case.cap(RefusalReason::PortfolioNotional, limit, used(), case.price));
        }
        if let Some(most) = budget.max_exposure {
            let limit = most * equity * case.view.exposure.leverage;
            note(case.cap(RefusalReason::PortfolioNotional, limit, used(), case.price));
        }
        if let Some(limit) = budget.max_instrument_notional {
            let used = self.notional(case, scope, |instrument| instrument == case.order.instrument);
            note(case.cap(RefusalReason::InstrumentNotional, limit, used, case.price));
        }
        if let Some(most) = budget.max_heat {
            let used = self.heat(case, scope);
            note(case.cap(RefusalReason::PortfolioHeat, most * equity, used, case.unit_risk()));
        }
        least.map_or(Ok(()), Err)
    }

    /// Σ of the largest notionals that positions and open orders of a scope can come to before the order, its own
    /// instrument on its side.
    fn notional(&self, case: &Case<'_>, scope: Scope, wanted: impl Fn(InstrumentId) -> bool) -> f64 {
        let (order, own) = (case.order, case.before * case.price);
        if self.book.has_one_cell() {
            return own;
        }
        let others = self.book.busy(scope).filter(|(strategy, instrument, _)| {
            wanted(*instrument) && (*strategy, *instrument) != (order.strategy, order.instrument)
        });
        let notionals =
            others.map(|(_, instrument, cell)| cell.worst() * case.view.prices[instrument.index()]);
        notionals.sum::<f64>() + own
    }

    /// Open risk of a scope before the order.
    fn heat(&self, case: &Case<'_>, scope: Scope) -> f64 {
        let prices = case.view.prices;
        self.book
            .busy(scope)
            .map(|(strategy, instrument, _)| {
                self.book.open_risk(strategy, instrument, prices[instrument.index()])
            })
            .sum()
    }

    /// Counts and sums the positions that move with the order's, and with each of those: every group that the order
    /// would belong to stays within the limit.
    fn check_correlation(&self, case: &Case<'_>) -> Checked {
        let Some(rule) = self.limits.market.correlation else { return Ok(()) };
        let order = case.order;
        let legs = self.legs(case);
        let mut own = Leg::of(order.strategy, order.instrument, order.side, case.before * case.price);
        own.is_new = self.book.cell(order.strategy, order.instrument).is_idle();
        let with_own: Vec<&Leg> = legs.iter().filter(|leg| self.move_together(&own, leg, &rule)).collect();
        let mut checked = case.group(&own, with_own.iter().copied(), &own, &rule);
        for centre in &with_own {
            let group = legs.iter().filter(|leg| self.move_together(centre, leg, &rule));
            let next = case.group(&own, group, centre, &rule);
            checked = match (checked, next) {
                (Err(a), Err(b)) if b.quantity < a.quantity => Err(b),
                (Ok(()), next) => next,
                (first, _) => first,
            };
        }
        checked
    }

    /// What is held or under way, by side, but the order's own side of its own cell.
    fn legs(&self, case: &Case<'_>) -> Vec<Leg> {
        let order = case.order;
        let mut legs = Vec::new();
        for (strategy, instrument, cell) in self.book.busy(Scope::Portfolio) {
            for side in [Side::Buy, Side::Sell] {
                let reach = cell.reach(side).to_f64();
                let is_own = (strategy, instrument, side) == (order.strategy, order.instrument, order.side);
                if reach > 0.0 && !is_own {
                    let notional = reach * case.view.prices[instrument.index()];
                    legs.push(Leg::of(strategy, instrument, side, notional));
                }
            }
        }
        legs
    }

    /// Whether two legs gain and lose together. Too little history to tell counts as together.
    fn move_together(&self, a: &Leg, b: &Leg, rule: &CorrelationLimit) -> bool {
        let same_side = a.side.sign() * b.side.sign();
        if a.instrument == b.instrument {
            return same_side > 0.0;
        }
        let (one, other) = (&self.windows[a.instrument.index()], &self.windows[b.instrument.index()]);
        one.correlation(other).is_none_or(|correlation| correlation * same_side > rule.limit)
    }
}

/// A position, or one that may come about, on one side.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    strategy: StrategyId,
    instrument: InstrumentId,
    side: Side,
    notional: f64,
    is_new: bool,
}

impl Leg {
    const fn of(strategy: StrategyId, instrument: InstrumentId, side: Side, notional: f64) -> Self {
        Self { strategy, instrument, side, notional, is_new: false }
    }
}

impl Case<'_> {
    /// One group of legs, in which `centre` is not counted twice, and the order.
    fn group<'a>(
        &self,
        own: &Leg,
        group: impl Iterator<Item = &'a Leg>,
        centre: &Leg,
        rule: &CorrelationLimit,
    ) -> Checked {
        let (mut count, mut used) = (1_u32, own.notional);
        let mut seen_centre = centre == own;
        for leg in group {
            count += 1;
            used += leg.notional;
            seen_centre |= leg == centre;
        }
        if !seen_centre {
            count += 1;
            used += centre.notional;
        }
        if own.is_new && count > rule.max_positions {
            let (limit, value) = (f64::from(rule.max_positions), f64::from(count));
            return Err(Finding::refuse(RefusalReason::CorrelatedExposure, limit, value));
        }
        self.cap(RefusalReason::CorrelatedExposure, rule.max_notional, used, self.price)
    }
}

fn is_same(a: &OrderRequest, b: &OrderRequest) -> bool {
    a.instrument == b.instrument && a.side == b.side && a.kind == b.kind && a.quantity == b.quantity
}

/// Price an order would trade at: its own, else the newest.
pub(crate) fn entry_price(order: &OrderRequest, newest: f64) -> f64 {
    stated_price(&order.kind).unwrap_or(newest)
}
