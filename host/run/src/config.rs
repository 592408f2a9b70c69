//! The run file: everything that a run depends on, in YAML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cryptobot_engine::{Delivery, RiskSettings, StrategyLimits};
use cryptobot_model::{Money, ParamValue, PluginLimits, RunMode, Timeframe, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::changes::{Swap, Tuning};
use crate::error::RunError;
use crate::execution::Execution;
use crate::faults::{self, OnFault, Restart};
use crate::fees::{self, Fees};
use crate::funding::Funding;
use crate::operator::PlannedCommand;
use crate::origin;
use crate::permissions::Grants;
use crate::places::Places;
use crate::risk::Stake;
use crate::spelled::Spelled;
use crate::sweep::Sweep;

/// A run file. Every key has a default but the bots; unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// How the run is driven.
    pub mode: Mode,
    /// Folder of market data, relative to the working folder.
    pub data: PathBuf,
    /// Seed of all randomness.
    pub seed: u64,
    /// Balance of the whole run, divided equally among bots that do not state their own.
    #[schemars(with = "f64")]
    pub balance: Money,
    /// Currency of the balance, for reports.
    pub currency: String,
    /// Part of the stored data to run on; without it everything that all series have.
    pub period: Period,
    /// Runs although bars are missing; on record as a warning.
    pub allow_gaps: bool,
    /// How bars are handed to plugins, with the same results: one by one (`event`, or `single` without a driver), in pages
    /// (`paged`, refused where that is impossible), or in pages where that is possible (`auto`).
    pub delivery: Spelled<Delivery>,
    /// Settings per venue.
    pub venues: BTreeMap<String, Venue>,
    /// The simulated exchange.
    pub execution: Execution,
    /// Limits between the bots and the exchange.
    pub risk: RiskSettings,
    /// Commands of the operator during the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operator: Vec<PlannedCommand>,
    /// What every plugin may use.
    pub limits: Limits,
    /// Choices about metrics.
    pub metrics: Metrics,
    /// The strategies by name; they run in the order of their names.
    pub bots: BTreeMap<String, Bot>,
    /// What `host sweep` tries; `host run` takes no notice of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

/// How a run is driven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Stored data as fast as possible against the simulated exchange.
    #[default]
    Backtest,
    /// Stored data that arrive when they happened, by the wall clock, against the simulated exchange.
    Simulation,
}

/// A period by open time of bars, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Period {
    /// First bar, inclusive.
    pub from: Option<Spelled<Timestamp>>,
    /// End, exclusive.
    pub to: Option<Spelled<Timestamp>>,
}

/// Settings of one venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Venue {
    /// Funding payments of perpetuals: `required`, `none` or `assume:RATE`.
    #[schemars(extend("pattern" = "^(required|none|assume:-?[0-9.]+)$"))]
    pub funding: Spelled<Funding>,
    /// Fees of its trades, before those of `execution.fees`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees: Option<Fees>,
    /// The same as a level of the venue's own table, such as `vip-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_tier: Option<String>,
}

/// What every plugin may use; one whose manifest or bot states less has less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory, MiB.
    pub memory_mib: usize,
    /// Wall time of one callback, ms.
    pub callback_deadline_ms: u64,
    /// Wall time of `init`, ms.
    pub init_deadline_ms: u64,
    /// Operations of one callback of a script: about one per operator, call and statement.
    pub script_operations: u64,
    /// Wall time of all callbacks of one plugin in the run, seconds; no limit where it is absent.
    pub total_callbacks_s: Option<u64>,
    /// Orders, signals, changes and cancels in one callback.
    pub orders_per_callback: usize,
    /// The same in a minute of event time.
    pub orders_per_minute: usize,
    /// Log lines in one callback.
    pub log_lines_per_callback: usize,
    /// Log lines in a minute of event time.
    pub log_lines_per_minute: usize,
    /// Timers set and not yet due, and timer calls in one callback.
    pub timers: usize,
    /// Timer calls in a minute of event time.
    pub timers_per_minute: usize,
    /// Orders open at once.
    pub open_orders: usize,
    /// Indicators that it may create.
    pub indicators: usize,
    /// Size of a snapshot, KiB.
    pub state_kib: usize,
    /// Closed bars that a plugin can look back on through the host.
    pub history_bars: usize,
    /// Counts instructions and canonicalises NaN: slower, for audits and checks across machines.
    pub strict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let host = cryptobot_plugin::host_limits();
        // The host states all of them.
        let of = |limit: Option<u64>| limit.unwrap_or_default();
        let count = |limit: Option<u64>| of(limit) as usize;
        Self {
            memory_mib: count(host.memory_mib),
            callback_deadline_ms: of(host.callback_deadline_ms),
            init_deadline_ms: of(host.init_deadline_ms),
            script_operations: of(host.script_operations),
            total_callbacks_s: host.total_callbacks_s,
            orders_per_callback: count(host.orders_per_callback),
            orders_per_minute: count(host.orders_per_minute),
            log_lines_per_callback: count(host.log_lines_per_callback),
            log_lines_per_minute: count(host.log_lines_per_minute),
            timers: count(host.timers),
            timers_per_minute: count(host.timers_per_minute),
            open_orders: count(host.open_orders),
            indicators: count(host.indicators),
            state_kib: count(host.state_kib),
            history_bars: count(host.history_bars),
            strict: false,
        }
    }
}

impl Limits {
    /// All limits as the run file has them.
    pub(crate) fn stated(&self) -> PluginLimits {
        let count = |limit: usize| Some(limit as u64);
        PluginLimits {
            memory_mib: count(self.memory_mib),
            callback_deadline_ms: Some(self.callback_deadline_ms),
            init_deadline_ms: Some(self.init_deadline_ms),
            script_operations: Some(self.script_operations),
            total_callbacks_s: self.total_callbacks_s,
            orders_per_callback: count(self.orders_per_callback),
            orders_per_minute: count(self.orders_per_minute),
            open_orders: count(self.open_orders),
            log_lines_per_callback: count(self.log_lines_per_callback),
            log_lines_per_minute: count(self.log_lines_per_minute),
            timers: count(self.timers),
            timers_per_minute: count(self.timers_per_minute),
            indicators: count(self.indicators),
            history_bars: count(self.history_bars),
            state_kib: count(self.state_kib),
        }
    }
}

/// Choices about metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Risk-free rate per year, a fraction.
    pub risk_free: f64,
}

/// One strategy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bot {
    /// Path or name of its plugin.
    pub plugin: String,
    /// Values of its parameters.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub params: BTreeMap<String, ParamValue>,
    /// Other versions of its plugin that take over on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub swaps: Vec<Swap>,
    /// New values of tunable parameters on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tuning: Vec<Tuning>,
    /// Symbols it trades.
    pub symbols: Vec<String>,
    /// Venue of the symbols; may be left out where the data have only one.
    pub venue: Option<String>,
    /// Length of the bars it decides on.
    pub timeframe: Option<Spelled<Timeframe>>,
    /// Its own balance.
    #[schemars(with = "Option<f64>")]
    pub balance: Option<Money>,
    /// How large the positions of its signals are.
    pub stake: Option<Stake>,
    /// Least confidence of its signals, 0 to 1.
    pub min_confidence: Option<f64>,
    /// Positions at once.
    pub max_positions: Option<u32>,
    /// Modes that it may run in; without it all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<RunMode>,
    /// Its own limits, over those that `risk` states for each bot.
    pub risk: StrategyLimits,
    /// What its plugin may use of what it declares.
    pub grants: Grants,
    /// What its plugin may use, where that is less than `limits` and its manifest say.
    pub limits: PluginLimits,
    /// What becomes of its orders and positions after a fault of its plugin.
    pub on_fault: OnFault,
    /// Whether and when a fresh instance takes over after a fault; without it the bot stays stopped.
    pub restart: Option<Restart>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            data: PathBuf::from("data"),
            seed: 42,
            balance: Money::from_units(10_000 * 100_000_000),
            currency: "USDT".to_owned(),
            period: Period::default(),
            allow_gaps: false,
            delivery: Spelled::default(),
            venues: BTreeMap::new(),
            execution: Execution::default(),
            risk: RiskSettings::default(),
            operator: Vec::new(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            bots: BTreeMap::new(),
            sweep: None,
        }
    }
}

impl RunConfig {
    /// Reads a run file and checks its values.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        read_file(path).map(|(config, _)| config)
    }

    /// The configuration as a run file.
    pub fn to_yaml(&self) -> Result<String, RunError> {
        serde_saphyr::to_string(self)
            .map_err(|error| RunError::Document { document: "run.yaml", reason: error.to_string() })
    }

    /// The JSON Schema of run files.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// Checks what can be checked without plugins and data.
    pub fn check(&self) -> Result<(), RunError> {
        if self.bots.is_empty() {
            return Err(RunError::config(
                "bots",
                "there is no bot; give --plugin or a run file with `bots:`",
            ));
        }
        if let Some((name, _)) = self.bots.iter().find(|(_, bot)| bot.plugin.is_empty()) {
            return Err(RunError::config(format!("bots.{name}.plugin"), "is missing; give a path or a name"));
        }
        crate::operator::check(self)?;
        crate::recordings::check_used(&self.execution)?;
        self.check_values()
    }

    /// Checks the values that are there: in a run file flags may complete the rest.
    fn check_values(&self) -> Result<(), RunError> {
        positive("balance", self.balance)?;
        for (name, bot) in &self.bots {
            if !is_bot_name(name) {
                let problem =
                    "a bot's name has letters, digits, `-` and `_`, at most 64: it names folders and files";
                return Err(RunError::config(format!("bots.{name:?}"), problem));
            }
            if let Some((limit, problem)) = bot.limits.problem() {
                return Err(RunError::config(format!("bots.{name}.limits.{limit}"), problem));
            }
            if let Some(balance) = bot.balance {
                positive(&format!("bots.{name}.balance"), balance)?;
            }
            faults::check(name, bot)?;
        }
        if let (Some(from), Some(to)) = (self.period.from, self.period.to)
            && from.0 >= to.0
        {
            return Err(RunError::config(
                "period",
                format!("the period begins {} and ends {}: --from must be before --to", from.0, to.0),
            ));
        }
        self.execution.check()?;
        fees::check(self)?;
        crate::risk::check(self)?;
        if let Some((name, problem)) = self.limits.stated().problem() {
            return Err(RunError::config(format!("limits.{name}"), problem));
        }
        in_range("metrics.risk_free", self.metrics.risk_free, -1.0, 1.0)
    }
}

/// A run file whose values are checked, and its text.
pub(crate) fn read_file(path: &Path) -> Result<(RunConfig, String), RunError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| RunError::ConfigFile { path: path.to_owned(), source })?;
    let config: RunConfig = serde_saphyr::from_str(&text).map_err(|error| syntax_error(path, &error))?;
    config.check_values().map_err(|error| match error {
        RunError::Config { field, problem } => origin::locate(path, &Places::of(&text), field, problem),
        other => other,
    })?;
    Ok((config, text))
}

/// One line that says where and what, in words for people.
fn syntax_error(path: &Path, error: &serde_saphyr::Error) -> RunError {
    let options = serde_saphyr::render_options! {
        formatter: &serde_saphyr::UserMessageFormatter,
        snippets: serde_saphyr::SnippetMode::Off,
    };
    let rendered = error.render_with_options(options);
    let at = error.location().map(|location| (location.line(), location.column()));
    // The place stands beside the file's name already.
    let place = at.map(|(line, column)| format!(" at line {line}, column {column}")).unwrap_or_default();
    let message = in_words(rendered.strip_suffix(&place).unwrap_or(&rendered)).replace('\n', " ");
    RunError::ConfigAt { path: path.to_owned(), at, message }
}

/// What the parser says in names of types, for people.
fn in_words(message: &str) -> &str {
    match message {
        "invalid u64" | "invalid usize" => "must be a whole number, 0 or more",
        "invalid floating point" => "must be a number",
        "invalid boolean" | "invalid bool" => "must be true or false",
        "expected string scalar" => "must be a single value",
        other => other,
    }
}

/// Whether a name can stand in paths, tables and before the dot of `--set bot.name=value`.
fn is_bot_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|letter| bot_letter(letter) == letter)
}

/// The letter itself where a bot's name may have it, else `-`.
pub(crate) fn bot_letter(letter: char) -> char {
    if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }
}

fn positive(field: &str, value: Money) -> Result<(), RunError> {
    if value > Money::ZERO {
        Ok(())
    } else {
        Err(RunError::config(field, format!("must be greater than zero, not {value}")))
    }
}

pub(crate) fn in_range(field: &str, value: f64, min: f64, max: f64) -> Result<(), RunError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(RunError::config(field, format!("must lie in {min}..{max}, not {value}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RunConfig, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_configuration_survives_its_own_file() {
        let config = parse(
            "balance: 12345.67\nperiod: {from: 2024-01-01, to: 2024-06-01}\nexecution: {fees: {maker: -0.0001, taker: 0.0004}, latency: {model: constant, base_ms: 10}}\nbots: {a: {plugin: trend, params: {fast: 10, ratio: 1.5, name: x, on: true}, timeframe: 15m}}\n",
        )
        .unwrap();
        assert_eq!(config.balance.to_string(), "12345.67");
        assert_eq!(config.bots["a"].params["fast"], ParamValue::Integer(10));
        assert_eq!(config.bots["a"].params["ratio"], ParamValue::Number(1.5));
        assert_eq!(config.bots["a"].params["on"], ParamValue::Flag(true));
        assert_eq!(parse(&config.to_yaml().unwrap()).unwrap(), config);
    }

    #[test]
    fn errors_name_the_place_and_the_key() {
        let error = parse("seed: 1\nexecution:\n  slipage: {model: none}\nbots: {}\n").unwrap_err();
        assert!(error.contains("slipage") && error.contains('3'), "{error}");
        let error = parse("period: {from: soon}\n").unwrap_err();
        assert!(error.contains("soon") && error.contains("2024-01-31"), "{error}");
        assert!(parse("mode: paper\n").unwrap_err().contains("backtest"));
    }

    #[test]
    fn values_are_checked() {
        let check = |text: &str| parse(text).unwrap().check().unwrap_err().to_string();
        assert!(check("{}").starts_with("bots:"));
        let bots = "bots: {a: {plugin: x}}";
        assert!(check(&format!("balance: 0\n{bots}")).starts_with("balance: must be greater"));
        assert!(
            check(&format!("execution: {{fees: {{maker: 0, taker: -0.1}}}}\n{bots}"))
                .starts_with("execution.fees.taker")
        );
        assert!(
            check(&format!("execution: {{slippage: {{model: fixed, bps: -1}}}}\n{bots}"))
                .starts_with("execution.slippage.bps")
        );
        assert!(
            check(&format!("period: {{from: 2024-02-01, to: 2024-01-01}}\n{bots}")).starts_with("period")
        );
    }
}
