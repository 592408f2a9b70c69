//! Margin, limits and stakes in the run file.

use std::collections::BTreeSet;

use cryptobot_engine::{
    AccountKind, Engine, Idle, Limits, MarginSettings, SettingsError, Sizer, StrategyLimits,
};
use cryptobot_model::{Brackets, Instrument, Money, Rate, RunMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bot, Mode, RunConfig};
use crate::error::RunError;

/// Highest leverage of any instrument.
const LARGEST_LEVERAGE: u32 = 125;
/// Maintenance margin of contracts whose bracket table is not there: 1 %, more than the first bracket of any known one.
const ASSUMED_MAINTENANCE_UNITS: i128 = 1_000_000;
/// Highest leverage without a bracket table.
const ASSUMED_LEVERAGE: u32 = 20;

/// Margin of perpetual contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Margin {
    /// What stands behind a position.
    pub mode: MarginMode,
    /// Largest notional per unit of margin, 1 to 125; no more than the instrument's bracket table allows.
    pub leverage: u32,
    /// Whose margin it is.
    pub accounts: Accounts,
}

impl Default for Margin {
    fn default() -> Self {
        Self { mode: MarginMode::Isolated, leverage: 1, accounts: Accounts::Shared }
    }
}

/// What stands behind a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarginMode {
    /// A margin of its own.
    #[default]
    Isolated,
    /// The wallet, together with all other positions.
    Cross,
    /// Nothing is ever liquidated; on record as a warning.
    None,
}

/// Whose margin it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Accounts {
    /// One exchange account, of which the bots have virtual parts, as it is live.
    #[default]
    Shared,
    /// An exchange account per bot; on record as a warning.
    Separate,
}

/// How large the positions of a bot's signals are; one of the three.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stake {
    /// Notional per unit of the bot's equity; 0.02 = 2 %.
    PercentOfEquity(f64),
    /// Notional.
    Notional(f64),
    /// In base units.
    Quantity(f64),
}

impl Mode {
    pub(crate) const fn run_mode(self) -> RunMode {
        match self {
            Self::Backtest => RunMode::Backtest,
            Self::Simulation => RunMode::Simulation,
        }
    }
}

impl Margin {
    pub(crate) fn check(self) -> Result<(), RunError> {
        if (1..=LARGEST_LEVERAGE).contains(&self.leverage) {
            return Ok(());
        }
        let problem = format!("must lie in 1..{LARGEST_LEVERAGE}, not {}", self.leverage);
        Err(RunError::config("execution.margin.leverage", problem))
    }
}

/// Checks limits and stakes of a configuration.
pub(crate) fn check(config: &RunConfig) -> Result<(), RunError> {
    limits(config)?;
    own_limits(config).map(|_| ())
}

/// Refuses bots that may not run in the mode of the run.
pub(crate) fn check_modes(config: &RunConfig) -> Result<(), RunError> {
    for (name, bot) in &config.bots {
        if !bot.modes.is_empty() && !bot.modes.contains(&config.mode.run_mode()) {
            let modes: Vec<String> = bot.modes.iter().map(ToString::to_string).collect();
            let mode = config.mode.run_mode();
            let problem = format!(
                "may run in {} only, and this is a {mode}; add the mode or leave the bot out",
                modes.join(", ")
            );
            return Err(RunError::config(format!("bots.{name}.modes"), problem));
        }
    }
    Ok(())
}

/// The limits that the run file states.
pub(crate) fn limits(config: &RunConfig) -> Result<Limits, RunError> {
    config.risk.resolve().map_err(|SettingsError { field, problem }| RunError::config(field, problem))
}

/// The limits of each bot, in the order of their names.
pub(crate) fn own_limits(config: &RunConfig) -> Result<Vec<StrategyLimits>, RunError> {
    let own = |(name, bot): (&String, &Bot)| {
        let stated = stated(name, bot)?;
        config.risk.strategy_limits(&format!("bots.{name}.risk"), stated).map_err(|error| {
            let SettingsError { field, problem } = as_written(name, bot, error);
            RunError::config(field, problem)
        })
    };
    config.bots.iter().map(own).collect()
}

/// Limits of the run and its bots that never act beside smaller ones.
pub(crate) fn idle(config: &RunConfig) -> Result<Vec<Idle>, RunError> {
    let alone = config.bots.len() == 1;
    let mut all: Vec<Idle> = Vec::new();
    for (name, bot) in &config.bots {
        let idle = config.risk.idle(&format!("bots.{name}.risk"), &stated(name, bot)?, alone);
        let named = idle
            .into_iter()
            .map(|Idle { setting, by_profile }| Idle { setting: as_written(name, bot, setting), by_profile });
        // What is stated for each bot is said once.
        all.extend(named.filter(|idle| !all.contains(idle)).collect::<Vec<_>>());
    }
    Ok(all)
}

/// An error about a bot's own limits, with the short form where that is what the file has.
fn as_written(name: &str, bot: &Bot, error: SettingsError) -> SettingsError {
    let below = error.field.strip_prefix(&format!("bots.{name}.risk.")).unwrap_or_default();
    let short = match (below, bot.stake) {
        ("min_confidence", _) if bot.min_confidence.is_some() => "min_confidence",
        ("budget.max_positions", _) if bot.max_positions.is_some() => "max_positions",
        (sizer, Some(Stake::PercentOfEquity(_))) if sizer.starts_with("sizer.") => "stake.percent_of_equity",
        (sizer, Some(Stake::Notional(_))) if sizer.starts_with("sizer.") => "stake.notional",
        (sizer, Some(Stake::Quantity(_))) if sizer.starts_with("sizer.") => "stake.quantity",
        _ => return error,
    };
    SettingsError { field: format!("bots.{name}.{short}"), ..error }
}

/// What a bot states of its own: its section `risk`, and the short forms beside it.
fn stated(name: &str, bot: &Bot) -> Result<StrategyLimits, RunError> {
    let twice = |field: &str| {
        let problem = format!("is stated twice: as bots.{name}.{field} and below bots.{name}.risk");
        Err(RunError::config(format!("bots.{name}.{field}"), problem))
    };
    let mut own = bot.risk;
    if let Some(stake) = bot.stake {
        if own.sizer.is_some() {
            return twice("stake");
        }
        own.sizer = Some(match stake {
            Stake::PercentOfEquity(fraction) => Sizer::PercentOfEquity { fraction },
            Stake::Notional(notional) => Sizer::FixedNotional { notional },
            Stake::Quantity(quantity) => Sizer::FixedQuantity { quantity },
        });
    }
    if bot.min_confidence.is_some() {
        if own.min_confidence.is_some() {
            return twice("min_confidence");
        }
        own.min_confidence = bot.min_confidence;
    }
    if bot.max_positions.is_some() {
        if own.budget.max_positions.is_some() {
            return twice("max_positions");
        }
        own.budget.max_positions = bot.max_positions;
    }
    Ok(own)
}

/// Whether an instrument is a contract that is traded on margin.
fn has_margin(instrument: &Instrument) -> bool {
    !instrument.terms.liquidation_fee.is_zero() || !instrument.terms.brackets.is_empty()
}

/// Completes the margin terms of the instruments of a run and checks the leverage against them.
pub(crate) fn complete(
    config: &RunConfig,
    instruments: &mut [&mut Instrument],
    warnings: &mut Vec<String>,
) -> Result<(), RunError> {
    warnings.extend(
        idle(config)?.into_iter().filter(|idle| idle.by_profile).map(|idle| idle.setting.to_string()),
    );
    let Margin { mode, leverage, accounts } = config.execution.margin;
    let mut assumed = BTreeSet::new();
    for instrument in instruments.iter_mut().filter(|instrument| leverage > 1 || has_margin(instrument)) {
        if instrument.terms.brackets.is_empty() {
            let rate = Rate::from_units(ASSUMED_MAINTENANCE_UNITS);
            instrument.terms.brackets = Brackets::flat(ASSUMED_LEVERAGE, rate)
                .map_err(|error| RunError::config("execution.margin", error.to_string()))?;
            assumed.insert(instrument.symbol.clone());
        }
        let highest = instrument.terms.brackets.max_leverage(Money::ZERO).unwrap_or(LARGEST_LEVERAGE);
        if leverage > highest {
            let problem = format!(
                "is {leverage}, and {} allows {highest} at most; lower it, or load its bracket table with \
                 `host data brackets FILE`",
                instrument.symbol
            );
            return Err(RunError::config("execution.margin.leverage", problem));
        }
    }
    if leverage > 1 && !assumed.is_empty() {
        let symbols: Vec<String> = assumed.into_iter().collect();
        warnings.push(format!(
            "{}: no bracket table, a maintenance margin of 1 % is assumed; `host data brackets FILE` loads them",
            symbols.join(", ")
        ));
    }
    if mode == MarginMode::None && leverage > 1 {
        warnings.push("margin mode none: positions are never liquidated, whatever they lose".to_owned());
    }
    let venues: BTreeSet<&str> = instruments
        .iter()
        .filter(|instrument| has_margin(instrument))
        .map(|instrument| instrument.venue.as_str())
        .collect();
    if mode != MarginMode::None && venues.len() > 1 {
        let venues: Vec<&str> = venues.into_iter().collect();
        warnings.push(format!(
            "{}: positions share one wallet, which no exchange offers across venues; one run per venue tells more",
            venues.join(", ")
        ));
    }
    if accounts == Accounts::Separate && config.bots.len() > 1 {
        warnings.push(
            "separate accounts: bots do not share margin, as they would on one exchange account".to_owned(),
        );
    }
    Ok(())
}

/// Puts limits and margin around an engine.
pub(crate) fn guard<V: cryptobot_engine::Venue>(
    config: &RunConfig,
    instruments: &[Instrument],
    engine: Engine<V>,
) -> Result<Engine<V>, RunError> {
    let limits = limits(config)?;
    let own = own_limits(config)?;
    let engine = engine.with_limits(limits, &own);
    let Margin { mode, leverage, accounts } = config.execution.margin;
    let mode = match mode {
        MarginMode::Isolated => cryptobot_engine::MarginMode::Isolated,
        MarginMode::Cross => cryptobot_engine::MarginMode::Cross,
        MarginMode::None => return Ok(engine),
    };
    if !instruments.iter().any(has_margin) {
        return Ok(engine);
    }
    let kind = match accounts {
        Accounts::Shared => AccountKind::Shared,
        Accounts::Separate => AccountKind::Separate,
    };
    let wrong = |error: cryptobot_engine::MarginError| {
        RunError::config("execution.margin.leverage", error.to_string())
    };
    engine.with_margin(kind, MarginSettings::new(mode, leverage).map_err(wrong)?).map_err(wrong)
}
