//! Limits of budgets where they are written: by a bot, in the section `risk`, or in a profile. What is written nearer to
//! the bot holds; a value farther away that can no longer act gives way to it.

use crate::limits::{Budget, StrategyLimits};
use crate::settings::{LEVERAGE_CAP, Profile, RiskSettings, SettingsError, above_zero, at_least_one, wrong};

/// Where a value is written, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Bot,
    Section,
    Profile,
}

/// A value in force.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    pub(crate) value: f64,
    pub(crate) layer: Layer,
    /// The section that it is written in; of a profile's, the one where it can be.
    section: String,
    name: &'static str,
}

/// What a limit is measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A part of the account's own equity.
    Share,
    Amount,
    Count,
}

/// A limit of a budget.
struct Limit {
    name: &'static str,
    of: fn(&Budget) -> Option<f64>,
    unit: Unit,
    /// Largest value that makes sense; of counts there is none.
    most: f64,
}

const fn share(name: &'static str, of: fn(&Budget) -> Option<f64>, most: f64) -> Limit {
    Limit { name, of, unit: Unit::Share, most }
}

const fn amount(name: &'static str, of: fn(&Budget) -> Option<f64>) -> Limit {
    Limit { name, of, unit: Unit::Amount, most: 1e15 }
}

const fn count(name: &'static str, of: fn(&Budget) -> Option<f64>) -> Limit {
    Limit { name, of, unit: Unit::Count, most: f64::INFINITY }
}

const NOTIONAL: Limit = amount("max_notional", |budget| budget.max_notional);
const INSTRUMENT: Limit = amount("max_instrument_notional", |budget| budget.max_instrument_notional);
const HEAT: Limit = share("max_heat", |budget| budget.max_heat, 1.0);
const DAILY: Limit = share("daily_loss", |budget| budget.daily_loss, 1.0);
const WEEKLY: Limit = share("weekly_loss", |budget| budget.weekly_loss, 1.0);
const MONTHLY: Limit = share("monthly_loss", |budget| budget.monthly_loss, 1.0);
const REDUCE: Limit = share("reduce_from_drawdown", |budget| budget.reduce_from_drawdown, 1.0);
const HALT: Limit = share("halt_at_drawdown", |budget| budget.halt_at_drawdown, 1.0);

const LIMITS: [Limit; 12] = [
    share("max_leverage", |budget| budget.max_leverage, LEVERAGE_CAP),
    NOTIONAL,
    INSTRUMENT,
    share("max_exposure", |budget| budget.max_exposure, LEVERAGE_CAP),
    HEAT,
    count("max_positions", |budget| budget.max_positions.map(f64::from)),
    count("max_orders", |budget| budget.max_orders.map(f64::from)),
    DAILY,
    WEEKLY,
    MONTHLY,
    REDUCE,
    HALT,
];

/// The budget of an account with everything that is written about it.
pub(crate) struct Budgets<'a> {
    /// What a bot states of its own, and where.
    pub(crate) own: Option<(&'a str, &'a Budget)>,
    /// What the section `risk` states, and where.
    pub(crate) section: (&'a str, &'a Budget),
    /// What the profile says.
    pub(crate) base: &'a Budget,
    pub(crate) profile: Profile,
}

impl Budgets<'_> {
    /// What is in force of a limit from a layer on.
    fn value(&self, limit: &Limit, from: Layer) -> Option<InForce> {
        let layers = [
            self.own.map(|(section, budget)| (Layer::Bot, section, budget)),
            Some((Layer::Section, self.section.0, self.section.1)),
            Some((Layer::Profile, self.section.0, self.base)),
        ];
        layers.into_iter().flatten().filter(|(layer, ..)| *layer >= from).find_map(
            |(layer, section, budget)| {
                let value = (limit.of)(budget)?;
                Some(InForce { value, layer, section: section.to_owned(), name: limit.name })
            },
        )
    }

    /// Checks what is written nearest: each value by itself, then those that shut each other out.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let (layer, below, (section, budget)) = match self.own {
            Some(own) => (Layer::Bot, Layer::Section, own),
            None => (Layer::Section, Layer::Profile, self.section),
        };
        for limit in &LIMITS {
            let Some(value) = (limit.of)(budget) else { continue };
            let field = format!("{section}.{}", limit.name);
            let left_out = match self.value(limit, below) {
                None => "; leave it out for no limit".to_owned(),
                Some(other) => format!("; leave it out for {}", other.words(section, self.profile)),
            };
            match limit.unit {
                Unit::Count => at_least_one(&field, value as u32, &left_out)?,
                Unit::Share | Unit::Amount => above_zero(&field, value, limit.most, &left_out)?,
            }
        }
        for (less, more) in [(DAILY, WEEKLY), (WEEKLY, MONTHLY), (DAILY, MONTHLY), (INSTRUMENT, NOTIONAL)] {
            if let (Some(less), Some(more)) = (self.value(&less, layer), self.value(&more, layer))
                && less.value > more.value
                && less.layer <= more.layer
            {
                return Err(less.never_acts(&more, self.profile));
            }
        }
        match (self.value(&REDUCE, layer), self.value(&HALT, layer)) {
            (Some(start), Some(end)) if start.value >= end.value && start.layer <= end.layer => {
                let words = end.words(&start.section, self.profile);
                let besides = if end.layer == Layer::Profile { "; state that too" } else { "" };
                Err(wrong(
                    &start.field(),
                    format!("is {} and must be less than {words}{besides}", start.value),
                ))
            }
            (Some(start), None) => {
                Err(wrong(&start.field(), "needs halt_at_drawdown, where sizes reach zero".into()))
            }
            _ => Ok(()),
        }
    }
}

impl InForce {
    /// The setting, as a path.
    pub(crate) fn field(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Name and value, for an error about a setting in a section.
    pub(crate) fn words(&self, section: &str, profile: Profile) -> String {
        let Self { value, name, .. } = self;
        match self.layer {
            Layer::Profile => format!("{name} = {value} of the profile {}", profile.name()),
            _ if self.section == section => format!("{name} = {value}"),
            _ => format!("{} = {value}", self.field()),
        }
    }

    /// That a smaller limit always acts before this one.
    fn never_acts(&self, smaller: &Self, profile: Profile) -> SettingsError {
        let words = smaller.words(&self.section, profile);
        let besides = match smaller.layer {
            Layer::Profile => format!(", or state {} too", smaller.field()),
            Layer::Bot | Layer::Section => String::new(),
        };
        let problem =
            format!("is {}, more than {words}, and could never act; make it smaller{besides}", self.value);
        wrong(&self.field(), problem)
    }
}

/// A limit that never acts, because a smaller one of another account or of another kind always acts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// The limit, and the one that acts before it.
    pub setting: SettingsError,
    /// Whether the other one is a profile's, and nobody wrote it.
    pub by_profile: bool,
}

impl RiskSettings {
    /// The limits written for a strategy that never act beside those of the portfolio and of its orders. `path` names the
    /// strategy's own settings, `alone` says whether it is the only one: shares of its equity are then shares of the
    /// portfolio's.
    pub fn idle(&self, path: &str, own: &StrategyLimits, alone: bool) -> Vec<Idle> {
        let base = self.profile.limits();
        let own_path = format!("{path}.budget");
        let profile = self.profile;
        let strategy = Budgets {
            own: Some((&own_path, &own.budget)),
            section: ("risk.strategy.budget", &self.strategy.budget),
            base: &base.strategy.budget,
            profile,
        };
        let portfolio = Budgets {
            own: None,
            section: ("risk.portfolio", &self.portfolio),
            base: &base.portfolio,
            profile,
        };
        let mut pairs = Vec::new();
        for limit in &LIMITS {
            // Where the sizes of a strategy begin to shrink, those of the portfolio may shrink already.
            if limit.name != REDUCE.name && (alone || limit.unit != Unit::Share) {
                let values = (strategy.value(limit, Layer::Bot), portfolio.value(limit, Layer::Section));
                pairs.extend(values.0.zip(values.1));
            }
        }
        if let Some(value) = self.orders.max_risk_per_trade {
            let name = "max_risk_per_trade";
            let trade = InForce { value, layer: Layer::Section, section: "risk.orders".to_owned(), name };
            // What one bot states of its own says nothing about the others.
            let heat = strategy.value(&HEAT, Layer::Section);
            let of_all = portfolio.value(&HEAT, Layer::Section).filter(|_| alone);
            pairs.extend([heat, of_all].into_iter().flatten().map(|heat| (trade.clone(), heat)));
        }
        let never = |(one, other): &(InForce, InForce)| one.layer < Layer::Profile && one.value > other.value;
        let idle = |(one, other): (InForce, InForce)| Idle {
            setting: one.never_acts(&other, profile),
            by_profile: other.layer == Layer::Profile,
        };
        pairs.into_iter().filter(never).map(idle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits that never act, of a bot `a`.
    fn idle(text: &str, own: &str, alone: bool) -> Vec<(String, bool)> {
        let settings: RiskSettings = serde_json::from_str(text).unwrap();
        let own = StrategyLimits { budget: serde_json::from_str(own).unwrap(), ..StrategyLimits::default() };
        let idle = settings.idle("bots.a.risk", &own, alone);
        idle.into_iter().map(|idle| (idle.setting.to_string(), idle.by_profile)).collect()
    }

    #[test]
    fn amounts_above_those_of_the_portfolio_never_act_and_shares_do_where_others_are_smaller() {
        let portfolio = r#"{"portfolio": {"max_notional": 1000, "max_leverage": 2, "max_positions": 4},
                           "strategy": {"budget": {"max_leverage": 3}}}"#;
        let said = |own: &str, alone| {
            idle(portfolio, own, alone).into_iter().map(|(said, _)| said).collect::<Vec<_>>()
        };
        let never = "and could never act; make it smaller";
        assert_eq!(
            said(r#"{"max_notional": 2000, "max_positions": 5}"#, false),
            [
                format!(
                    "bots.a.risk.budget.max_notional: is 2000, more than risk.portfolio.max_notional = 1000, {never}"
                ),
                format!(
                    "bots.a.risk.budget.max_positions: is 5, more than risk.portfolio.max_positions = 4, {never}"
                ),
            ]
        );
        assert_eq!(
            said("{}", true),
            [format!(
                "risk.strategy.budget.max_leverage: is 3, more than risk.portfolio.max_leverage = 2, {never}"
            )]
        );
        // What the bot says nearer holds, and can act.
        assert!(said(r#"{"max_leverage": 2}"#, true).is_empty());
    }

    #[test]
    fn what_a_profile_shuts_out_is_told_apart() {
        let said = idle(r#"{"profile": "conservative"}"#, r#"{"max_leverage": 8}"#, true);
        let words = "more than max_leverage = 5 of the profile conservative, and could never act; make it smaller, \
                     or state risk.portfolio.max_leverage too";
        assert!(said[0].0.contains(words), "{said:?}");
        assert!(said[0].1);
        // A profile gives way to what is written.
        assert!(idle(r#"{"profile": "standard", "portfolio": {"max_leverage": 2}}"#, "{}", true).is_empty());
    }

    #[test]
    fn heat_acts_before_the_risk_of_a_larger_trade() {
        let portfolio = r#"{"portfolio": {"max_heat": 0.01}, "orders": {"max_risk_per_trade": 0.05}}"#;
        let said = idle(portfolio, "{}", true);
        assert!(said[0].0.starts_with(
            "risk.orders.max_risk_per_trade: is 0.05, more than risk.portfolio.max_heat = 0.01"
        ));
        assert!(idle(portfolio, "{}", false).is_empty());
        let each = r#"{"strategy": {"budget": {"max_heat": 0.01}}, "orders": {"max_risk_per_trade": 0.05}}"#;
        assert_eq!(idle(each, "{}", false).len(), 1);
        assert!(
            idle(r#"{"orders": {"max_risk_per_trade": 0.05}}"#, r#"{"max_heat": 0.01}"#, true).is_empty()
        );
    }
}
