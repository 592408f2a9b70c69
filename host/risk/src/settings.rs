//! Settings: a profile and what is stated over it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budgets::Budgets;
use crate::limits::{
    Budget, CircuitBreaker, CorrelationLimit, Limits, MarketLimits, OrderLimits, OrderRate, StrategyLimits,
};
use crate::sizing::Sizer;
use crate::stop::AtrStop;

/// Highest leverage that settings may allow.
pub const LEVERAGE_CAP: f64 = 20.0;

/// A named set of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Only what the exchange itself enforces.
    #[default]
    None,
    /// Daily loss 1 %, halt at a drawdown of 10 %, leverage up to 5.
    Conservative,
    /// Daily loss 2 %, sizes shrink from a drawdown of 10 % to nothing at 20 %, leverage up to 10.
    Standard,
    /// For runs of 24 hours: daily loss 3 %, halt at a drawdown of 10 %.
    Benchmark,
}

impl Profile {
    /// Its name in a run file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Conservative => "conservative",
            Self::Standard => "standard",
            Self::Benchmark => "benchmark",
        }
    }

    /// The limits of the profile.
    pub fn limits(self) -> Limits {
        let budget = match self {
            Self::None => return Limits::default(),
            Self::Conservative => Budget {
                max_leverage: Some(5.0),
                daily_loss: Some(0.01),
                halt_at_drawdown: Some(0.10),
                ..common_budget()
            },
            Self::Standard => Budget {
                max_leverage: Some(10.0),
                daily_loss: Some(0.02),
                reduce_from_drawdown: Some(0.10),
                halt_at_drawdown: Some(0.20),
                ..common_budget()
            },
            Self::Benchmark => Budget {
                max_leverage: Some(10.0),
                daily_loss: Some(0.03),
                halt_at_drawdown: Some(0.10),
                ..common_budget()
            },
        };
        Limits {
            reset_hour_utc: 0,
            portfolio: budget,
            strategy: StrategyLimits {
                sizer: Some(Sizer::FixedFractional { risk: 0.005 }),
                min_confidence: None,
                budget,
            },
            orders: common_orders(),
            market: common_market(),
        }
    }
}

fn common_budget() -> Budget {
    Budget {
        max_instrument_notional: Some(100_000.0),
        max_exposure: Some(0.10),
        max_heat: Some(0.15),
        ..Budget::default()
    }
}

fn common_orders() -> OrderLimits {
    OrderLimits {
        rate: Some(OrderRate { orders: 60, per_s: 60 }),
        price_collar: Some(0.05),
        max_risk_per_trade: Some(0.02),
        require_stop: Some(false),
        min_stop_distance: Some(0.001),
        max_stop_distance: Some(0.20),
        atr_stop: None,
        cooldown_s: Some(3_600),
        duplicate_window_s: Some(1),
    }
}

fn common_market() -> MarketLimits {
    MarketLimits {
        circuit_breaker: Some(CircuitBreaker { jump: 0.10, within_s: 300, halt_s: 900 }),
        correlation: Some(CorrelationLimit { limit: 0.7, max_positions: 5, max_notional: 100_000.0 }),
        ..MarketLimits::default()
    }
}

/// The section `risk` of a run file: a profile, and whatever is stated replaces what the profile says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RiskSettings {
    /// The limits to begin with.
    pub profile: Profile,
    /// The hour, UTC, at which days, weeks and months of the loss limits begin.
    pub reset_hour_utc: Option<u8>,
    /// Limits of the sum of all strategies.
    pub portfolio: Budget,
    /// Limits of each strategy.
    pub strategy: StrategyLimits,
    /// Limits of each order that opens or enlarges a position.
    pub orders: OrderLimits,
    /// What the market must be like for positions to be opened.
    pub market: MarketLimits,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// The setting, as a path in the run file: `risk.portfolio.daily_loss`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl RiskSettings {
    /// The settings over their profile, checked. Where a value of the profile contradicts one that is stated, the profile
    /// gives way if it is the one that could no longer act.
    pub fn resolve(&self) -> Result<Limits, SettingsError> {
        let base = self.profile.limits();
        let reset_hour_utc = self.reset_hour_utc.unwrap_or(base.reset_hour_utc);
        if reset_hour_utc > 23 {
            return Err(wrong("risk.reset_hour_utc", format!("must lie in 0..23, not {reset_hour_utc}")));
        }
        let profile = self.profile;
        let portfolio = Budgets {
            own: None,
            section: ("risk.portfolio", &self.portfolio),
            base: &base.portfolio,
            profile,
        };
        portfolio.check()?;
        let section = ("risk.strategy.budget", &self.strategy.budget);
        Budgets { own: None, section, base: &base.strategy.budget, profile }.check()?;
        self.check_strategy("risk.strategy", &self.strategy)?;
        self.check_orders(&base.orders)?;
        self.check_atr_stop()?;
        check_market(&self.market, &base.market)?;
        let mut orders = self.orders.over(base.orders);
        // A stated one is less, so this is the profile's.
        let least_fits = |least: &f64| orders.max_stop_distance.is_none_or(|most| *least < most);
        orders.min_stop_distance = orders.min_stop_distance.filter(least_fits);
        Ok(Limits {
            reset_hour_utc,
            portfolio: self.portfolio.over(base.portfolio),
            strategy: self.strategy.over(base.strategy),
            orders,
            market: self.market.over(base.market),
        })
    }

    /// The limits of one strategy: what it states over what applies to each. `path` names its settings in errors.
    pub fn strategy_limits(&self, path: &str, own: StrategyLimits) -> Result<StrategyLimits, SettingsError> {
        let base = self.profile.limits().strategy;
        let own_path = join(path, "budget");
        let budgets = Budgets {
            own: Some((&own_path, &own.budget)),
            section: ("risk.strategy.budget", &self.strategy.budget),
            base: &base.budget,
            profile: self.profile,
        };
        budgets.check()?;
        self.check_strategy(path, &own)?;
        Ok(own.over(self.strategy).over(base))
    }

    /// Checks what is stated of a strategy, but for its budget.
    fn check_strategy(&self, path: &str, stated: &StrategyLimits) -> Result<(), SettingsError> {
        if let Some(confidence) = stated.min_confidence {
            within(&join(path, "min_confidence"), confidence, 0.0, 1.0)?;
        }
        let Some(sizer) = stated.sizer else { return Ok(()) };
        let path = join(path, "sizer");
        check_sizer(&path, &sizer)?;
        let of_profile = || format!(" of the profile {}", self.profile.name());
        let (most, whose) = match self.orders.max_risk_per_trade {
            Some(most) => (Some(most), String::new()),
            None => (self.profile.limits().orders.max_risk_per_trade, of_profile()),
        };
        if let (Sizer::FixedFractional { risk } | Sizer::Atr { risk, .. }, Some(most)) = (sizer, most)
            && risk > most
        {
            let problem = format!(
                "is {risk}, more than risk.orders.max_risk_per_trade = {most}{whose}: no order would pass whole; make it smaller, or state a larger one"
            );
            return Err(wrong(&join(&path, "risk"), problem));
        }
        Ok(())
    }

    fn check_orders(&self, base: &OrderLimits) -> Result<(), SettingsError> {
        let orders = &self.orders;
        if let Some(rate) = orders.rate {
            at_least_one("risk.orders.rate.orders", rate.orders, "")?;
            at_least_one("risk.orders.rate.per_s", rate.per_s, "")?;
        }
        if let Some(collar) = orders.price_collar {
            above_zero("risk.orders.price_collar", collar, 1.0, &left_out(base.price_collar))?;
        }
        if let Some(risk) = orders.max_risk_per_trade {
            above_zero("risk.orders.max_risk_per_trade", risk, 1.0, &left_out(base.max_risk_per_trade))?;
        }
        if let Some(most) = orders.max_stop_distance {
            above_zero("risk.orders.max_stop_distance", most, 1.0, &left_out(base.max_stop_distance))?;
        }
        let Some(least) = orders.min_stop_distance else { return Ok(()) };
        within("risk.orders.min_stop_distance", least, 0.0, 1.0)?;
        let (most, whose) = match orders.max_stop_distance {
            Some(most) => (Some(most), String::new()),
            None => {
                (base.max_stop_distance, format!(" of the profile {}; state that too", self.profile.name()))
            }
        };
        match most {
            Some(most) if least >= most => {
                let problem = format!("is {least} and must be less than max_stop_distance = {most}{whose}");
                Err(wrong("risk.orders.min_stop_distance", problem))
            }
            _ => Ok(()),
        }
    }

    fn check_atr_stop(&self) -> Result<(), SettingsError> {
        let Some(AtrStop { multiple, period }) = self.orders.atr_stop else { return Ok(()) };
        above_zero("risk.orders.atr_stop.multiple", multiple, 100.0, "")?;
        let window = self.market.window_bars.unwrap_or(MarketLimits::WINDOW_BARS);
        if !(1..=window).contains(&period) {
            let problem =
                format!("must lie in 1..{window}, the bars of risk.market.window_bars, not {period}");
            return Err(wrong("risk.orders.atr_stop.period", problem));
        }
        Ok(())
    }
}

fn check_sizer(path: &str, sizer: &Sizer) -> Result<(), SettingsError> {
    let field = |name, value, most| above_zero(&join(path, name), value, most, "");
    match *sizer {
        Sizer::FixedQuantity { quantity } => field("quantity", quantity, 1e12),
        Sizer::FixedNotional { notional } => field("notional", notional, 1e12),
        Sizer::PercentOfEquity { fraction } => field("fraction", fraction, LEVERAGE_CAP),
        Sizer::FixedFractional { risk } => field("risk", risk, 1.0),
        Sizer::Kelly { fraction, min_trades, max_fraction, start } => {
            field("fraction", fraction, 1.0)?;
            field("max_fraction", max_fraction, LEVERAGE_CAP)?;
            at_least_one(&join(path, "min_trades"), min_trades, "")?;
            let Some(start) = start else { return Ok(()) };
            field("start", start, LEVERAGE_CAP)?;
            if start > max_fraction {
                let problem = format!("is {start}, more than max_fraction = {max_fraction}; make it smaller");
                return Err(wrong(&join(path, "start"), problem));
            }
            Ok(())
        }
        Sizer::Atr { risk, multiplier } => {
            field("risk", risk, 1.0)?;
            field("multiplier", multiplier, 100.0)
        }
        Sizer::VolatilityTarget { target, base_leverage, max_leverage } => {
            field("target", target, 100.0)?;
            field("base_leverage", base_leverage, LEVERAGE_CAP)?;
            within(&join(path, "max_leverage"), max_leverage, 1.0, LEVERAGE_CAP)
        }
    }
}

fn check_market(market: &MarketLimits, base: &MarketLimits) -> Result<(), SettingsError> {
    if let Some(bars) = market.window_bars
        && !(crate::window::LEAST_RETURNS as u32 + 1..=100_000).contains(&bars)
    {
        let least = crate::window::LEAST_RETURNS + 1;
        return Err(wrong("risk.market.window_bars", format!("must lie in {least}..100000, not {bars}")));
    }
    if let Some(turnover) = market.min_daily_turnover {
        let otherwise = left_out(base.min_daily_turnover);
        above_zero("risk.market.min_daily_turnover", turnover, 1e15, &otherwise)?;
    }
    if let Some(volatility) = market.max_volatility {
        above_zero("risk.market.max_volatility", volatility, 1e6, &left_out(base.max_volatility))?;
    }
    if let Some(breaker) = market.circuit_breaker {
        above_zero("risk.market.circuit_breaker.jump", breaker.jump, 10.0, "")?;
        at_least_one("risk.market.circuit_breaker.within_s", breaker.within_s, "")?;
        at_least_one("risk.market.circuit_breaker.halt_s", breaker.halt_s, "")?;
    }
    if let Some(correlation) = market.correlation {
        within("risk.market.correlation.limit", correlation.limit, 0.0, 1.0)?;
        at_least_one("risk.market.correlation.max_positions", correlation.max_positions, "")?;
        above_zero("risk.market.correlation.max_notional", correlation.max_notional, 1e15, "")?;
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}

/// What a setting that may be left out is then, as the end of an error.
fn left_out(of_profile: Option<f64>) -> String {
    match of_profile {
        Some(value) => format!("; leave it out for the profile's {value}"),
        None => "; leave it out for no limit".to_owned(),
    }
}

pub(crate) fn wrong(field: &str, problem: String) -> SettingsError {
    SettingsError { field: field.to_owned(), problem }
}

fn within(field: &str, value: f64, min: f64, max: f64) -> Result<(), SettingsError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(wrong(field, format!("must lie in {min}..{max}, not {value}")))
    }
}

/// `otherwise` ends the error, with what can be done besides.
pub(crate) fn above_zero(field: &str, value: f64, max: f64, otherwise: &str) -> Result<(), SettingsError> {
    if value > 0.0 && value <= max {
        Ok(())
    } else {
        Err(wrong(field, format!("must be greater than 0 and at most {max}, not {value}{otherwise}")))
    }
}

/// As [`above_zero`].
pub(crate) fn at_least_one(field: &str, value: u32, otherwise: &str) -> Result<(), SettingsError> {
    if value > 0 { Ok(()) } else { Err(wrong(field, format!("must be at least 1, not 0{otherwise}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Limits, String> {
        let settings: RiskSettings = serde_json::from_str(text).map_err(|error| error.to_string())?;
        settings.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn profiles_have_the_stated_numbers() {
        let of = |profile: Profile| RiskSettings { profile, ..RiskSettings::default() }.resolve().unwrap();
        let numbers = |profile| {
            let Budget { max_leverage, daily_loss, reduce_from_drawdown, halt_at_drawdown, .. } =
                of(profile).portfolio;
            (max_leverage, daily_loss, reduce_from_drawdown, halt_at_drawdown)
        };
        assert_eq!(numbers(Profile::Conservative), (Some(5.0), Some(0.01), None, Some(0.1)));
        assert_eq!(numbers(Profile::Standard), (Some(10.0), Some(0.02), Some(0.1), Some(0.2)));
        assert_eq!(numbers(Profile::Benchmark), (Some(10.0), Some(0.03), None, Some(0.1)));
        assert_eq!(of(Profile::None), Limits::default());
        let standard = of(Profile::Standard);
        assert_eq!(standard.portfolio.max_instrument_notional, Some(100_000.0));
        assert_eq!((standard.portfolio.max_exposure, standard.portfolio.max_heat), (Some(0.1), Some(0.15)));
        assert_eq!(standard.orders.cooldown_s, Some(3_600));
        let correlation = standard.market.correlation.unwrap();
        assert_eq!((correlation.limit, correlation.max_positions), (0.7, 5));
    }

    #[test]
    fn what_is_stated_replaces_what_the_profile_says() {
        let text = r#"{"profile": "standard", "portfolio": {"daily_loss": 0.05}, "reset_hour_utc": 8}"#;
        let settings: RiskSettings = serde_json::from_str(text).unwrap();
        let limits = settings.resolve().unwrap();
        assert_eq!((limits.portfolio.daily_loss, limits.portfolio.halt_at_drawdown), (Some(0.05), Some(0.2)));
        assert_eq!((limits.strategy.budget.daily_loss, limits.reset_hour_utc), (Some(0.02), 8));
        let own = StrategyLimits { min_confidence: Some(0.75), ..StrategyLimits::default() };
        let bot = settings.strategy_limits("bots.a.risk", own).unwrap();
        assert_eq!((bot.min_confidence, bot.budget.daily_loss), (Some(0.75), Some(0.02)));
        let own = StrategyLimits { min_confidence: Some(1.5), ..StrategyLimits::default() };
        let error = settings.strategy_limits("bots.a.risk", own).unwrap_err();
        assert_eq!(error.to_string(), "bots.a.risk.min_confidence: must lie in 0..1, not 1.5");
    }

    #[test]
    fn contradictions_are_named() {
        for (text, field) in [
            (r#"{"portfolio": {"daily_loss": -0.1}}"#, "risk.portfolio.daily_loss"),
            (r#"{"portfolio": {"max_leverage": 50}}"#, "risk.portfolio.max_leverage"),
            (r#"{"portfolio": {"daily_loss": 0.1, "weekly_loss": 0.05}}"#, "risk.portfolio.daily_loss"),
            (r#"{"portfolio": {"daily_loss": 0.1, "monthly_loss": 0.05}}"#, "risk.portfolio.daily_loss"),
            (r#"{"portfolio": {"weekly_loss": 0.1, "monthly_loss": 0.05}}"#, "risk.portfolio.weekly_loss"),
            (
                r#"{"profile": "conservative", "portfolio": {"reduce_from_drawdown": 0.15}}"#,
                "risk.portfolio.reduce_from_drawdown",
            ),
            (
                r#"{"portfolio": {"max_notional": 1000, "max_instrument_notional": 5000}}"#,
                "risk.portfolio.max_instrument_notional",
            ),
            (
                r#"{"profile": "standard", "orders": {"min_stop_distance": 0.5}}"#,
                "risk.orders.min_stop_distance",
            ),
            (
                r#"{"strategy": {"budget": {"reduce_from_drawdown": 0.1}}}"#,
                "risk.strategy.budget.reduce_from_drawdown",
            ),
            (
                r#"{"orders": {"min_stop_distance": 0.1, "max_stop_distance": 0.1}}"#,
                "risk.orders.min_stop_distance",
            ),
            (r#"{"orders": {"rate": {"orders": 0, "per_s": 1}}}"#, "risk.orders.rate.orders"),
            (r#"{"orders": {"atr_stop": {"multiple": 0}}}"#, "risk.orders.atr_stop.multiple"),
            (r#"{"orders": {"atr_stop": {"period": 0}}}"#, "risk.orders.atr_stop.period"),
            (r#"{"orders": {"atr_stop": {"period": 101}}}"#, "risk.orders.atr_stop.period"),
            (
                r#"{"profile": "standard", "strategy": {"sizer": {"model": "atr", "risk": 0.03}}}"#,
                "risk.strategy.sizer.risk",
            ),
            (
                r#"{"strategy": {"sizer": {"model": "fixed-notional", "notional": 0}}}"#,
                "risk.strategy.sizer.notional",
            ),
            (r#"{"strategy": {"sizer": {"model": "kelly", "start": 0}}}"#, "risk.strategy.sizer.start"),
            (
                r#"{"strategy": {"sizer": {"model": "kelly", "start": 0.2, "max_fraction": 0.1}}}"#,
                "risk.strategy.sizer.start",
            ),
            (r#"{"strategy": {"budget": {"max_positions": 0}}}"#, "risk.strategy.budget.max_positions"),
            (r#"{"market": {"window_bars": 3}}"#, "risk.market.window_bars"),
            (r#"{"reset_hour_utc": 24}"#, "risk.reset_hour_utc"),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.starts_with(&format!("{field}: ")), "{text}: {error}");
        }
        assert!(resolve(r#"{"proflie": "standard"}"#).unwrap_err().contains("unknown field `proflie`"));
        assert!(resolve(r#"{"profile": "yolo"}"#).unwrap_err().contains("`conservative`"));
    }

    #[test]
    fn a_stop_by_the_range_is_as_specified_unless_stated() {
        let of = |text| resolve(text).unwrap().orders.atr_stop;
        assert_eq!(of(r#"{"profile": "standard"}"#), None);
        let stated = of(r#"{"profile": "standard", "orders": {"atr_stop": {}}}"#);
        assert_eq!(stated, Some(AtrStop { multiple: 1.5, period: 14 }));
        let wide = of(r#"{"orders": {"atr_stop": {"period": 200}}, "market": {"window_bars": 200}}"#);
        assert_eq!(wide.map(|stop| stop.period), Some(200));
    }

    #[test]
    fn settings_that_are_not_stated_leave_the_file_as_it_was() {
        let text = serde_json::to_string(&RiskSettings::default()).unwrap();
        assert!(!text.contains("atr_stop"), "{text}");
        let kelly: Sizer = serde_json::from_str(r#"{"model": "kelly"}"#).unwrap();
        let text = serde_json::to_string(&kelly).unwrap();
        assert_eq!(text, r#"{"model":"kelly","fraction":0.5,"min_trades":30,"max_fraction":1.0}"#);
    }

    #[test]
    fn a_profile_gives_way_where_it_could_no_longer_act() {
        let limits = resolve(
            r#"{"profile": "standard", "portfolio": {"halt_at_drawdown": 0.08, "max_notional": 50000},
                "orders": {"max_stop_distance": 0.0005, "max_risk_per_trade": 0.003}}"#,
        )
        .unwrap();
        assert_eq!((limits.portfolio.scale_at(0.07), limits.portfolio.scale_at(0.08)), (1.0, 0.0));
        assert_eq!((limits.orders.min_stop_distance, limits.orders.max_stop_distance), (None, Some(0.0005)));
        assert_eq!(limits.strategy.sizer, Some(Sizer::FixedFractional { risk: 0.005 }));
    }

    #[test]
    fn a_fix_is_one_that_helps() {
        let said = |text: &str| resolve(text).unwrap_err();
        let ends = |text: &str, end: &str| assert!(said(text).ends_with(end), "{}", said(text));
        ends(r#"{"portfolio": {"max_heat": 0}}"#, "at most 1, not 0; leave it out for no limit");
        ends(
            r#"{"profile": "standard", "portfolio": {"max_heat": 2}}"#,
            "at most 1, not 2; leave it out for max_heat = 0.15 of the profile standard",
        );
        ends(
            r#"{"profile": "standard", "orders": {"price_collar": 0}}"#,
            "; leave it out for the profile's 0.05",
        );
        ends(
            r#"{"strategy": {"sizer": {"model": "fixed-quantity", "quantity": 0}}}"#,
            "at most 1000000000000, not 0",
        );
        ends(
            r#"{"profile": "standard", "orders": {"min_stop_distance": 0.5}}"#,
            "less than max_stop_distance = 0.2 of the profile standard; state that too",
        );
        ends(
            r#"{"profile": "conservative", "strategy": {"budget": {"reduce_from_drawdown": 0.15}}}"#,
            "less than halt_at_drawdown = 0.1 of the profile conservative; state that too",
        );
        let settings: RiskSettings =
            serde_json::from_str(r#"{"strategy": {"budget": {"max_positions": 3, "weekly_loss": 0.05}}}"#)
                .unwrap();
        let bot = |budget: Budget| {
            let own = StrategyLimits { budget, ..StrategyLimits::default() };
            settings.strategy_limits("bots.a.risk", own).map_err(|error| error.to_string())
        };
        assert_eq!(
            bot(Budget { max_positions: Some(0), ..Budget::default() }).unwrap_err(),
            "bots.a.risk.budget.max_positions: must be at least 1, not 0; leave it out for \
             risk.strategy.budget.max_positions = 3"
        );
        assert_eq!(
            bot(Budget { daily_loss: Some(0.06), ..Budget::default() }).unwrap_err(),
            "bots.a.risk.budget.daily_loss: is 0.06, more than risk.strategy.budget.weekly_loss = 0.05, and could \
             never act; make it smaller"
        );
        // What is stated for each bot gives way to what a bot states of its own.
        bot(Budget { monthly_loss: Some(0.04), ..Budget::default() }).unwrap();
    }

    #[test]
    fn settings_survive_their_own_file() {
        let text = r#"{"profile": "benchmark", "strategy": {"sizer": {"model": "kelly", "fraction": 0.25}}}"#;
        let settings: RiskSettings = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<RiskSettings>(&again).unwrap(), settings);
        assert!(schemars::schema_for!(RiskSettings).to_value().to_string().contains("halt_at_drawdown"));
    }
}
