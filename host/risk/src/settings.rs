//! Settings: a profile and what is stated over it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The setting, as a path from the section: `portfolio.daily_loss`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl RiskSettings {
    /// The settings over their profile, checked.
    pub fn resolve(&self) -> Result<Limits, SettingsError> {
        let base = self.profile.limits();
        let limits = Limits {
            reset_hour_utc: self.reset_hour_utc.unwrap_or(base.reset_hour_utc),
            portfolio: self.portfolio.over(base.portfolio),
            strategy: self.strategy.over(base.strategy),
            orders: self.orders.over(base.orders),
            market: self.market.over(base.market),
        };
        if limits.reset_hour_utc > 23 {
            return Err(wrong("reset_hour_utc", format!("must lie in 0..23, not {}", limits.reset_hour_utc)));
        }
        check_budget("portfolio", &limits.portfolio)?;
        check_strategy("strategy", &limits.strategy, &limits.orders)?;
        check_orders(&limits.orders, &limits.market)?;
        check_market(&limits.market)?;
        Ok(limits)
    }
}

impl Limits {
    /// The limits of one strategy: what it states over what applies to each. `path` names its settings in errors.
    pub fn strategy_limits(&self, path: &str, own: StrategyLimits) -> Result<StrategyLimits, SettingsError> {
        let limits = own.over(self.strategy);
        check_strategy(path, &limits, &self.orders)?;
        Ok(limits)
    }
}

fn check_strategy(path: &str, limits: &StrategyLimits, orders: &OrderLimits) -> Result<(), SettingsError> {
    within(&join(path, "min_confidence"), limits.min_confidence, 0.0, 1.0)?;
    check_budget(&join(path, "budget"), &limits.budget)?;
    let Some(sizer) = limits.sizer else { return Ok(()) };
    let path = join(path, "sizer");
    check_sizer(&path, &sizer)?;
    if let (Sizer::FixedFractional { risk } | Sizer::Atr { risk, .. }, Some(most)) =
        (sizer, orders.max_risk_per_trade)
        && risk > most
    {
        let problem =
            format!("is {risk}, more than orders.max_risk_per_trade = {most}: no order would pass whole");
        return Err(wrong(&join(&path, "risk"), problem));
    }
    Ok(())
}

fn check_sizer(path: &str, sizer: &Sizer) -> Result<(), SettingsError> {
    let field = |name, value, most| above_zero(&join(path, name), Some(value), most);
    match *sizer {
        Sizer::FixedQuantity { quantity } => field("quantity", quantity, 1e12),
        Sizer::FixedNotional { notional } => field("notional", notional, 1e12),
        Sizer::PercentOfEquity { fraction } => field("fraction", fraction, LEVERAGE_CAP),
        Sizer::FixedFractional { risk } => field("risk", risk, 1.0),
        Sizer::Kelly { fraction, min_trades, max_fraction, start } => {
            field("fraction", fraction, 1.0)?;
            field("max_fraction", max_fraction, LEVERAGE_CAP)?;
            at_least_one(&join(path, "min_trades"), Some(min_trades))?;
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
            within(&join(path, "max_leverage"), Some(max_leverage), 1.0, LEVERAGE_CAP)
        }
    }
}

fn check_budget(path: &str, budget: &Budget) -> Result<(), SettingsError> {
    let field = |name: &str| join(path, name);
    above_zero(&field("max_leverage"), budget.max_leverage, LEVERAGE_CAP)?;
    above_zero(&field("max_notional"), budget.max_notional, 1e15)?;
    above_zero(&field("max_instrument_notional"), budget.max_instrument_notional, 1e15)?;
    above_zero(&field("max_exposure"), budget.max_exposure, LEVERAGE_CAP)?;
    above_zero(&field("max_heat"), budget.max_heat, 1.0)?;
    at_least_one(&field("max_positions"), budget.max_positions)?;
    at_least_one(&field("max_orders"), budget.max_orders)?;
    above_zero(&field("daily_loss"), budget.daily_loss, 1.0)?;
    above_zero(&field("weekly_loss"), budget.weekly_loss, 1.0)?;
    above_zero(&field("monthly_loss"), budget.monthly_loss, 1.0)?;
    above_zero(&field("reduce_from_drawdown"), budget.reduce_from_drawdown, 1.0)?;
    above_zero(&field("halt_at_drawdown"), budget.halt_at_drawdown, 1.0)?;
    let losses = [
        ("daily_loss", budget.daily_loss),
        ("weekly_loss", budget.weekly_loss),
        ("monthly_loss", budget.monthly_loss),
    ];
    for (shorter, longer) in [(0, 1), (1, 2), (0, 2)] {
        let ((shorter, less), (longer, more)) = (losses[shorter], losses[longer]);
        if let (Some(less), Some(more)) = (less, more)
            && less > more
        {
            let problem =
                format!("is {less}, more than {longer} = {more}, and could never act; make it smaller");
            return Err(wrong(&field(shorter), problem));
        }
    }
    match (budget.reduce_from_drawdown, budget.halt_at_drawdown) {
        (Some(start), Some(end)) if start >= end => Err(wrong(
            &field("reduce_from_drawdown"),
            format!("is {start} and must be less than halt_at_drawdown = {end}"),
        )),
        (Some(_), None) => Err(wrong(
            &field("reduce_from_drawdown"),
            "needs halt_at_drawdown, where sizes reach zero".into(),
        )),
        _ => Ok(()),
    }
}

fn check_orders(orders: &OrderLimits, market: &MarketLimits) -> Result<(), SettingsError> {
    if let Some(rate) = orders.rate {
        at_least_one("orders.rate.orders", Some(rate.orders))?;
        at_least_one("orders.rate.per_s", Some(rate.per_s))?;
    }
    above_zero("orders.price_collar", orders.price_collar, 1.0)?;
    above_zero("orders.max_risk_per_trade", orders.max_risk_per_trade, 1.0)?;
    within("orders.min_stop_distance", orders.min_stop_distance, 0.0, 1.0)?;
    above_zero("orders.max_stop_distance", orders.max_stop_distance, 1.0)?;
    if let (Some(min), Some(max)) = (orders.min_stop_distance, orders.max_stop_distance)
        && min >= max
    {
        let problem = format!("is {min} and must be less than max_stop_distance = {max}");
        return Err(wrong("orders.min_stop_distance", problem));
    }
    let Some(AtrStop { multiple, period }) = orders.atr_stop else { return Ok(()) };
    above_zero("orders.atr_stop.multiple", Some(multiple), 100.0)?;
    let window = market.window_bars.unwrap_or(MarketLimits::WINDOW_BARS);
    if !(1..=window).contains(&period) {
        let problem = format!("must lie in 1..{window}, the bars of market.window_bars, not {period}");
        return Err(wrong("orders.atr_stop.period", problem));
    }
    Ok(())
}

fn check_market(market: &MarketLimits) -> Result<(), SettingsError> {
    if let Some(bars) = market.window_bars
        && !(crate::window::LEAST_RETURNS as u32 + 1..=100_000).contains(&bars)
    {
        let least = crate::window::LEAST_RETURNS + 1;
        return Err(wrong("market.window_bars", format!("must lie in {least}..100000, not {bars}")));
    }
    above_zero("market.min_daily_turnover", market.min_daily_turnover, 1e15)?;
    above_zero("market.max_volatility", market.max_volatility, 1e6)?;
    if let Some(breaker) = market.circuit_breaker {
        above_zero("market.circuit_breaker.jump", Some(breaker.jump), 10.0)?;
        at_least_one("market.circuit_breaker.within_s", Some(breaker.within_s))?;
        at_least_one("market.circuit_breaker.halt_s", Some(breaker.halt_s))?;
    }
    if let Some(correlation) = market.correlation {
        within("market.correlation.limit", Some(correlation.limit), 0.0, 1.0)?;
        at_least_one("market.correlation.max_positions", Some(correlation.max_positions))?;
        above_zero("market.correlation.max_notional", Some(correlation.max_notional), 1e15)?;
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}

fn wrong(field: &str, problem: String) -> SettingsError {
    SettingsError { field: field.to_owned(), problem }
}

fn within(field: &str, value: Option<f64>, min: f64, max: f64) -> Result<(), SettingsError> {
    match value {
        Some(value) if !(min..=max).contains(&value) => {
            Err(wrong(field, format!("must lie in {min}..{max}, not {value}")))
        }
        _ => Ok(()),
    }
}

fn above_zero(field: &str, value: Option<f64>, max: f64) -> Result<(), SettingsError> {
    match value {
        Some(value) if !(value > 0.0 && value <= max) => Err(wrong(
            field,
            format!(
                "must be greater than 0 and at most {max}, not {value}; leave it out for the profile's value"
            ),
        )),
        _ => Ok(()),
    }
}

fn at_least_one(field: &str, value: Option<u32>) -> Result<(), SettingsError> {
    if value == Some(0) {
        return Err(wrong(field, "must be at least 1; leave it out for the profile's value".into()));
    }
    Ok(())
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
        let limits =
            resolve(r#"{"profile": "standard", "portfolio": {"daily_loss": 0.05}, "reset_hour_utc": 8}"#);
        let limits = limits.unwrap();
        assert_eq!((limits.portfolio.daily_loss, limits.portfolio.halt_at_drawdown), (Some(0.05), Some(0.2)));
        assert_eq!((limits.strategy.budget.daily_loss, limits.reset_hour_utc), (Some(0.02), 8));
        let own = StrategyLimits { min_confidence: Some(0.75), ..StrategyLimits::default() };
        let bot = limits.strategy_limits("bots.a.risk", own).unwrap();
        assert_eq!((bot.min_confidence, bot.budget.daily_loss), (Some(0.75), Some(0.02)));
        let own = StrategyLimits { min_confidence: Some(1.5), ..StrategyLimits::default() };
        let error = limits.strategy_limits("bots.a.risk", own).unwrap_err();
        assert_eq!(error.to_string(), "bots.a.risk.min_confidence: must lie in 0..1, not 1.5");
    }

    #[test]
    fn contradictions_are_named() {
        for (text, field) in [
            (r#"{"portfolio": {"daily_loss": -0.1}}"#, "portfolio.daily_loss"),
            (r#"{"portfolio": {"max_leverage": 50}}"#, "portfolio.max_leverage"),
            (r#"{"portfolio": {"daily_loss": 0.1, "weekly_loss": 0.05}}"#, "portfolio.daily_loss"),
            (r#"{"portfolio": {"daily_loss": 0.1, "monthly_loss": 0.05}}"#, "portfolio.daily_loss"),
            (r#"{"portfolio": {"weekly_loss": 0.1, "monthly_loss": 0.05}}"#, "portfolio.weekly_loss"),
            (
                r#"{"profile": "standard", "portfolio": {"halt_at_drawdown": 0.1}}"#,
                "portfolio.reduce_from_drawdown",
            ),
            (
                r#"{"strategy": {"budget": {"reduce_from_drawdown": 0.1}}}"#,
                "strategy.budget.reduce_from_drawdown",
            ),
            (
                r#"{"orders": {"min_stop_distance": 0.1, "max_stop_distance": 0.1}}"#,
                "orders.min_stop_distance",
            ),
            (r#"{"orders": {"rate": {"orders": 0, "per_s": 1}}}"#, "orders.rate.orders"),
            (r#"{"orders": {"atr_stop": {"multiple": 0}}}"#, "orders.atr_stop.multiple"),
            (r#"{"orders": {"atr_stop": {"period": 0}}}"#, "orders.atr_stop.period"),
            (r#"{"orders": {"atr_stop": {"period": 101}}}"#, "orders.atr_stop.period"),
            (
                r#"{"profile": "standard", "strategy": {"sizer": {"model": "atr", "risk": 0.03}}}"#,
                "strategy.sizer.risk",
            ),
            (
                r#"{"strategy": {"sizer": {"model": "fixed-notional", "notional": 0}}}"#,
                "strategy.sizer.notional",
            ),
            (r#"{"strategy": {"sizer": {"model": "kelly", "start": 0}}}"#, "strategy.sizer.start"),
            (
                r#"{"strategy": {"sizer": {"model": "kelly", "start": 0.2, "max_fraction": 0.1}}}"#,
                "strategy.sizer.start",
            ),
            (r#"{"strategy": {"budget": {"max_positions": 0}}}"#, "strategy.budget.max_positions"),
            (r#"{"market": {"window_bars": 3}}"#, "market.window_bars"),
            (r#"{"reset_hour_utc": 24}"#, "reset_hour_utc"),
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
    fn settings_survive_their_own_file() {
        let text = r#"{"profile": "benchmark", "strategy": {"sizer": {"model": "kelly", "fraction": 0.25}}}"#;
        let settings: RiskSettings = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<RiskSettings>(&again).unwrap(), settings);
        assert!(schemars::schema_for!(RiskSettings).to_value().to_string().contains("halt_at_drawdown"));
    }
}
