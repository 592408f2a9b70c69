//! Limits over time on the equity of one account.

use cryptobot_model::Timestamp;

use crate::calendar::Span;
use crate::limits::Budget;
use crate::state::{Cause, TradingState};
use crate::verdict::Evidence;

/// A span with its limit.
#[derive(Clone, Copy, Debug)]
struct Period {
    span: Span,
    cause: Cause,
    limit: Option<f64>,
    ends: Timestamp,
    /// Equity at its start.
    start: f64,
    /// Equity at which trading halts.
    floor: f64,
    /// The part of the equity at its start whose loss halted.
    lost: Option<f64>,
}

impl Period {
    const fn new(span: Span, cause: Cause, limit: Option<f64>) -> Self {
        let ends = Timestamp(i64::MIN);
        Self { span, cause, limit, ends, start: f64::NAN, floor: f64::NEG_INFINITY, lost: None }
    }
}

/// Equities that change no trading state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalmEquities {
    /// Only equities above it.
    pub above: f64,
    /// Only equities up to it.
    pub to: f64,
}

impl CalmEquities {
    /// Every one but NaN, which nobody watches then.
    pub const ALL: Self = Self { above: f64::NEG_INFINITY, to: f64::INFINITY };

    /// Those that are among both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { above: self.above.max(other.above), to: self.to.min(other.to) }
    }

    /// Whether an equity is one of them.
    #[inline]
    pub fn holds(self, equity: f64) -> bool {
        equity > self.above && equity <= self.to
    }

    /// Whether all equities are: mostly so.
    // A loop of its own without a way out, so that it is done for several at a time.
    #[inline(never)]
    fn holds_all(self, equities: &[f64]) -> bool {
        let others: u64 = equities.iter().map(|equity| u64::from(!self.holds(*equity))).sum();
        others == 0
    }

    /// How many equities, from the first on, are.
    pub fn count(self, equities: &[f64]) -> usize {
        if self.holds_all(equities) {
            return equities.len();
        }
        equities.iter().position(|equity| !self.holds(*equity)).unwrap_or(equities.len())
    }
}

/// What a guard has to say about an equity.
pub(crate) type Change = (TradingState, TradingState, Cause, Evidence);

/// Watches one equity. The usual observation is three comparisons.
#[derive(Clone, Debug)]
pub(crate) struct EquityGuard {
    budget: Budget,
    reset_hour: u8,
    periods: [Period; 3],
    peak: f64,
    drawn_down: bool,
    /// The drawdown that halted.
    halted_at: f64,
    command: TradingState,
    /// The next time at which a period begins.
    next_start: Timestamp,
    /// The highest equity at which something halts.
    floor: f64,
    watches: bool,
}

impl EquityGuard {
    pub(crate) fn new(budget: &Budget, reset_hour: u8) -> Self {
        let periods = [
            Period::new(Span::Day, Cause::DailyLoss, budget.daily_loss),
            Period::new(Span::Week, Cause::WeeklyLoss, budget.weekly_loss),
            Period::new(Span::Month, Cause::MonthlyLoss, budget.monthly_loss),
        ];
        Self {
            budget: *budget,
            reset_hour,
            watches: periods.iter().any(|period| period.limit.is_some()) || budget.halt_at_drawdown.is_some(),
            periods,
            peak: f64::NEG_INFINITY,
            drawn_down: false,
            halted_at: f64::NAN,
            command: TradingState::Active,
            next_start: Timestamp(i64::MIN),
            floor: f64::NEG_INFINITY,
        }
    }

    /// Whether any limit depends on the equity.
    pub(crate) const fn watches(&self) -> bool {
        self.watches
    }

    /// The next time at which a period begins.
    pub(crate) const fn next_start(&self) -> Timestamp {
        self.next_start
    }

    /// The equities before the next period that change nothing.
    #[inline]
    pub(crate) const fn calm(&self) -> CalmEquities {
        if self.watches { CalmEquities { above: self.floor, to: self.peak } } else { CalmEquities::ALL }
    }

    /// Takes the equity at a time.
    #[inline]
    pub(crate) fn observe(&mut self, ts: Timestamp, equity: f64) -> Option<Change> {
        if ts < self.next_start && self.calm().holds(equity) {
            return None;
        }
        self.attend(ts, equity)
    }

    fn attend(&mut self, ts: Timestamp, equity: f64) -> Option<Change> {
        let before = self.state();
        if !equity.is_finite() {
            return None;
        }
        self.peak = self.peak.max(equity);
        if ts >= self.next_start {
            self.begin_periods(ts, equity);
        }
        let mut why = (Cause::NewPeriod, Evidence::NONE);
        for period in &mut self.periods {
            if period.lost.is_none() && equity <= period.floor {
                period.lost = Some(1.0 - equity / period.start);
                why = (period.cause, Evidence { limit: period.floor, value: equity });
            }
        }
        let trough = self.drawdown_floor();
        if !self.drawn_down && equity <= trough {
            self.drawn_down = true;
            self.halted_at = self.drawdown(equity);
            why = (Cause::Drawdown, Evidence { limit: trough, value: equity });
        }
        self.refresh_floor();
        let after = self.state();
        (after != before).then_some((before, after, why.0, why.1))
    }

    fn begin_periods(&mut self, ts: Timestamp, equity: f64) {
        for period in &mut self.periods {
            if ts >= period.ends {
                period.ends = period.span.next_start(ts, self.reset_hour);
                (period.start, period.lost) = (equity, None);
                period.floor = period.limit.map_or(f64::NEG_INFINITY, |limit| equity * (1.0 - limit));
            }
        }
        self.next_start = self.periods.iter().map(|period| period.ends).min().unwrap_or(ts);
    }

    fn drawdown_floor(&self) -> f64 {
        self.budget.halt_at_drawdown.map_or(f64::NEG_INFINITY, |end| self.peak * (1.0 - end))
    }

    /// What has halted already needs no watching.
    fn refresh_floor(&mut self) {
        let trough = if self.drawn_down { f64::NEG_INFINITY } else { self.drawdown_floor() };
        let live = self.periods.iter().filter(|period| period.lost.is_none());
        self.floor = live.fold(trough, |floor, period| floor.max(period.floor));
    }

    /// Factor of sizes at an equity.
    pub(crate) fn scale(&self, equity: f64) -> f64 {
        if self.peak > 0.0 { self.budget.scale_at(1.0 - equity / self.peak) } else { 1.0 }
    }

    /// Drawdown at an equity.
    pub(crate) fn drawdown(&self, equity: f64) -> f64 {
        1.0 - equity / self.peak
    }

    pub(crate) fn state(&self) -> TradingState {
        if self.has_lost() { TradingState::Halted } else { self.command }
    }

    /// Whether a loss limit is in force.
    fn has_lost(&self) -> bool {
        self.drawn_down || self.periods.iter().any(|period| period.lost.is_some())
    }

    /// The loss that halts and the one that did, as fractions: of the shortest period, else the drawdown from the peak.
    /// `None` while no loss limit is in force.
    pub(crate) fn loss(&self) -> Option<Evidence> {
        let halted = self.periods.iter().find_map(|period| Some((period.limit, period.lost?)));
        let (limit, value) =
            halted.or(self.drawn_down.then_some((self.budget.halt_at_drawdown, self.halted_at)))?;
        Some(Evidence { limit: limit.unwrap_or(f64::NAN), value })
    }

    /// What the operator commanded.
    pub(crate) const fn command(&self) -> TradingState {
        self.command
    }

    pub(crate) fn set_command(&mut self, state: TradingState) {
        self.command = state;
    }

    /// Lifts a command and a drawdown's halt; returns whether there was one. The peak begins anew with the next
    /// observation.
    pub(crate) fn resume(&mut self) -> bool {
        let held = self.command != TradingState::Active || self.drawn_down;
        if self.drawn_down {
            self.drawn_down = false;
            self.peak = f64::NEG_INFINITY;
        }
        self.command = TradingState::Active;
        self.refresh_floor();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TradingState::{Active, Halted, Reducing};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn guard(budget: Budget, hour: u8) -> EquityGuard {
        EquityGuard::new(&budget, hour)
    }

    #[test]
    fn a_daily_loss_halts_until_the_stated_hour() {
        let mut guard = guard(Budget { daily_loss: Some(0.02), ..Budget::default() }, 8);
        assert_eq!(guard.observe(at("2024-01-31T09:00"), 10_000.0), None);
        assert_eq!(guard.observe(at("2024-01-31T10:00"), 10_100.0), None);
        assert_eq!(guard.observe(at("2024-01-31T23:00"), 9_800.01), None);
        // 10,000 × (1 − 0.02) = 9,800, counted from the start of the day, not from its peak.
        let evidence = Evidence { limit: 9_800.0, value: 9_799.0 };
        let change = Some((Active, Halted, Cause::DailyLoss, evidence));
        assert_eq!(guard.loss(), None);
        assert_eq!(guard.observe(at("2024-02-01T00:00"), 9_799.0), change, "midnight is not the stated hour");
        let loss = guard.loss().unwrap();
        assert!(loss.limit == 0.02 && (loss.value - 0.0201).abs() < 1e-12, "{loss:?}");
        assert_eq!(guard.observe(at("2024-02-01T07:59"), 10_500.0), None, "a gain does not lift it");
        let change = guard.observe(at("2024-02-01T08:00"), 9_700.0).unwrap();
        assert_eq!((change.0, change.1, change.2), (Halted, Active, Cause::NewPeriod));
        // The new day begins at 9,700: 9,506 is its floor.
        assert_eq!(guard.observe(at("2024-02-01T09:00"), 9_507.0), None);
        assert!(guard.observe(at("2024-02-01T09:01"), 9_506.0).is_some());
    }

    #[test]
    fn weeks_and_months_outlast_days() {
        let budget = Budget { daily_loss: Some(0.02), weekly_loss: Some(0.03), ..Budget::default() };
        let mut guard = guard(budget, 0);
        // 2024-02-29 was a Thursday.
        guard.observe(at("2024-02-29T00:00"), 1_000.0);
        assert_eq!(guard.observe(at("2024-02-29T12:00"), 969.0).unwrap().2, Cause::WeeklyLoss);
        assert_eq!(guard.observe(at("2024-03-01T00:00"), 969.0), None, "the week still halts");
        assert_eq!(guard.observe(at("2024-03-03T23:59"), 1_000.0), None);
        assert_eq!(guard.observe(at("2024-03-04T00:00"), 1_000.0).unwrap().1, Active, "Monday");
    }

    #[test]
    fn months_end_in_leap_years_too() {
        let mut guard = guard(Budget { monthly_loss: Some(0.1), ..Budget::default() }, 0);
        guard.observe(at("2024-02-01T00:00"), 1_000.0);
        assert_eq!(guard.observe(at("2024-02-28T12:00"), 900.0).unwrap().2, Cause::MonthlyLoss);
        assert_eq!(guard.observe(at("2024-02-29T12:00"), 950.0), None, "still February");
        assert_eq!(guard.observe(at("2024-03-01T00:00"), 950.0).unwrap().1, Active);
    }

    #[test]
    fn a_peak_within_a_day_counts_at_once() {
        let budget = Budget { halt_at_drawdown: Some(0.2), ..Budget::default() };
        let mut guard = guard(budget, 0);
        for (time, equity) in [("09:00", 1_000.0), ("10:00", 2_000.0), ("11:00", 1_601.0)] {
            assert_eq!(guard.observe(at(&format!("2024-01-01T{time}")), equity), None, "{time}");
        }
        let evidence = Evidence { limit: 1_600.0, value: 1_600.0 };
        let change = Some((Active, Halted, Cause::Drawdown, evidence));
        assert_eq!(guard.observe(at("2024-01-01T12:00"), 1_600.0), change, "20 % below 2,000");
    }

    #[test]
    fn drawdown_is_measured_from_the_peak_and_lifted_by_hand() {
        let budget =
            Budget { reduce_from_drawdown: Some(0.1), halt_at_drawdown: Some(0.2), ..Budget::default() };
        let mut guard = guard(budget, 0);
        guard.observe(at("2024-01-01T00:00"), 1_000.0);
        guard.observe(at("2024-01-02T00:00"), 2_000.0);
        assert_eq!(guard.observe(at("2024-01-03T00:00"), 1_700.0), None);
        assert!((guard.scale(1_700.0) - 0.5).abs() < 1e-12, "15 % below 2,000");
        assert_eq!(guard.observe(at("2024-01-04T00:00"), 1_600.0).unwrap().2, Cause::Drawdown);
        assert_eq!(guard.observe(at("2024-02-05T00:00"), 1_900.0), None, "no time lifts it");
        assert!(guard.resume());
        assert_eq!(guard.state(), Active);
        assert_eq!(guard.observe(at("2024-02-05T01:00"), 1_900.0), None);
        assert_eq!(guard.scale(1_900.0), 1.0, "the peak began anew");
    }

    #[test]
    fn a_command_outlasts_a_new_day() {
        let mut guard = guard(Budget { daily_loss: Some(0.02), ..Budget::default() }, 0);
        guard.observe(at("2024-01-01T00:00"), 1_000.0);
        guard.set_command(Reducing);
        assert_eq!(guard.observe(at("2024-01-01T01:00"), 900.0).unwrap().1, Halted);
        let change = guard.observe(at("2024-01-02T00:00"), 900.0).unwrap();
        assert_eq!((change.0, change.1), (Halted, Reducing));
    }
}
