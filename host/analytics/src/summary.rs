//! `summary.json`: what a run was and what it came to.

use std::collections::BTreeMap;

use cryptobot_engine::{GuestCall, Resources, Scope, StateChange};
use cryptobot_model::{Money, StrategyId, Timestamp};
use serde::{Serialize, Serializer};

use crate::curve::MarginPeak;
use crate::metrics::{Metrics, MetricsOptions};
use crate::reasons::ReasonCount;
use crate::record::{AccountRecord, Record};

/// What makes a run the same run: equal identities give an equal journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunIdentity {
    /// Name of the run.
    pub id: String,
    /// Version of the host.
    pub host_version: String,
    /// The plugin's name, or its strategies' names joined by commas.
    pub plugin: String,
    /// SHA-256 of the plugin.
    pub plugin_sha256: String,
    /// SHA-256 of the models, where there are any.
    pub models_sha256: Option<String>,
    /// SHA-256 of the data and the period.
    pub data_sha256: String,
    /// SHA-256 of instruments, brackets and fees.
    pub reference_sha256: String,
    /// SHA-256 of the configuration.
    pub config_sha256: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// `backtest`, `simulation`, `paper` or `live`.
    pub mode: String,
    /// `event` or `paged`.
    pub delivery: String,
}

/// Wall-clock times; they are no part of a run's identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// Seconds until the first bar.
    pub load_s: f64,
    /// Seconds in the engine.
    pub engine_s: f64,
    /// Seconds for tables and report.
    pub report_s: f64,
    /// Seconds of the whole process.
    pub total_s: f64,
    /// Bars per second of engine time.
    pub bars_per_s: f64,
    /// Seconds in the calls of each strategy, all of its instances together, sampled every 10 ms: an estimate. Without
    /// those that are not measured.
    pub calls_s: BTreeMap<String, f64>,
}

/// What the caller knows about a run that the engine's record does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// Identity.
    pub run: RunIdentity,
    /// Whether the market data were generated.
    pub synthetic: bool,
    /// The account's currency, for example `USDT`; empty where it is not known.
    pub currency: String,
    /// The base timeframe, for example `15m`.
    pub timeframe: String,
    /// End of the period, exclusive, as it was asked for.
    pub to: Timestamp,
    /// Base bars of all instruments.
    pub bars: u64,
    /// Length of the bars that orders were matched with, by instrument, for example `1m`.
    pub fill_timeframes: Vec<String>,
    /// SHA-256 of every data file that was read, by path below the data folder.
    pub data_files: BTreeMap<String, String>,
    /// By strategy: its plugin and parameters.
    pub strategies: Vec<StrategyInfo>,
    /// What a reader must know before trusting the figures.
    pub warnings: Vec<String>,
    /// SHA-256 of the journal's entries.
    pub journal_sha256: String,
    /// Wall-clock times.
    pub timing: Timing,
    /// Whether the run was stopped before its data ended.
    pub interrupted: bool,
    /// Versions that took over on the way, and those that did not.
    pub swaps: Vec<SwapSummary>,
    /// New values of parameters on the way.
    pub tuning: Vec<TuningSummary>,
    /// Bots that were left out because their plugins could not be loaded.
    pub left_out: Vec<FaultSummary>,
    /// Choices about metrics.
    pub metrics: MetricsOptions,
}

/// A strategy's plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StrategyInfo {
    /// Name of the plugin.
    pub plugin: String,
    /// SHA-256 of the plugin.
    pub plugin_sha256: String,
    /// Parameters in the plugin's order, as text.
    pub params: Vec<(String, String)>,
    /// Symbols it trades.
    pub symbols: Vec<String>,
}

/// Begin (inclusive) and end (exclusive) by open time of bars, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Begin.
    #[serde(serialize_with = "as_text")]
    pub from: Timestamp,
    /// End.
    #[serde(serialize_with = "as_text")]
    pub to: Timestamp,
}

/// What trading cost, in the account's currency: over all fills and payments, those of positions that are still open
/// included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// Fees paid; negative = rebates.
    #[serde(serialize_with = "as_text")]
    pub fees: Money,
    /// Slippage against the reference price of each fill; already part of the fill prices.
    #[serde(serialize_with = "as_text")]
    pub slippage: Money,
    /// Funding paid (positive) or received (negative).
    #[serde(serialize_with = "as_text")]
    pub funding: Money,
    /// The part of `fees` that liquidations cost.
    #[serde(serialize_with = "as_text")]
    pub liquidation_fees: Money,
}

impl Costs {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        fees: Money::ZERO,
        slippage: Money::ZERO,
        funding: Money::ZERO,
        liquidation_fees: Money::ZERO,
    };
}

/// The closest approach of an account to liquidation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MarginSummary {
    /// Highest margin ratio: maintenance margin by margin balance, at the worse mark price of each bar. Liquidation comes
    /// at 1.
    pub max_ratio: f64,
    /// The close of the bar, or the liquidation.
    #[serde(serialize_with = "as_text")]
    pub ts: Timestamp,
    /// Name of the strategy whose account it was.
    pub strategy: String,
}

/// One strategy's share of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategySummary {
    /// Name of its slot.
    pub name: String,
    /// Name of its plugin.
    pub plugin: String,
    /// SHA-256 of its plugin.
    pub plugin_sha256: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Symbols it trades.
    pub symbols: Vec<String>,
    /// Orders and cancels that it wanted.
    pub intents: u64,
    /// Orders that the host let through.
    pub orders: u64,
    /// Orders and cancels that the host refused; an entry with its stop and target counts once.
    pub refused: u64,
    /// Executions.
    pub fills: u64,
    /// Closed positions.
    pub trades: u64,
    /// What it began with.
    #[serde(serialize_with = "as_text")]
    pub initial_balance: Money,
    /// What it ended with.
    #[serde(serialize_with = "as_text")]
    pub final_equity: Money,
    /// What its trading cost.
    pub costs: Costs,
    /// Positions, or parts of them, that the exchange closed.
    pub liquidations: u64,
    /// Losses beyond the margin, borne by the insurance fund.
    #[serde(serialize_with = "as_text")]
    pub insurance: Money,
    /// Closest approach to liquidation; `None` where margin was not simulated or there was no position.
    pub margin: Option<MarginSummary>,
    /// Why its orders were refused, cut or ended, the most frequent reason first.
    pub refusals: Vec<ReasonCount>,
    /// Its figures.
    pub metrics: Metrics,
}

/// A trading state that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateSummary {
    /// When.
    #[serde(serialize_with = "as_text")]
    pub ts: Timestamp,
    /// `portfolio`, the name of a strategy, or a symbol.
    pub scope: String,
    /// The state before: `active`, `reducing` or `halted`.
    pub from: &'static str,
    /// The state from then on.
    pub to: &'static str,
    /// Why.
    pub cause: &'static str,
    /// The limit that was reached; `None` for commands and the passing of time.
    pub limit: Option<f64>,
    /// What reached it.
    pub value: Option<f64>,
}

/// A strategy that was quarantined, or left out of the run because its plugin could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultSummary {
    /// When; the begin of the run where it was left out.
    #[serde(serialize_with = "as_text")]
    pub ts: Timestamp,
    /// Name of the strategy.
    pub strategy: String,
    /// Kind of the fault.
    pub kind: &'static str,
    /// What happened.
    pub message: String,
    /// The call that it happened in.
    pub call: Option<&'static str>,
    /// Functions of the plugin that were running, the innermost first; empty where they are not known.
    pub backtrace: Vec<String>,
    /// What it had in use.
    pub used: ResourceSummary,
    /// When a fresh instance took over; `None` where none did.
    pub restarted_at: Option<String>,
}

impl FaultSummary {
    /// The kind where the plugin could not be loaded.
    pub const NOT_LOADED: &str = "not-loaded";
}

/// What a strategy had in use when it was quarantined; `None` = not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResourceSummary {
    /// Memory of the instance, bytes.
    pub memory_bytes: Option<u64>,
    /// Instructions of the call, in strict mode.
    pub instructions: Option<u64>,
    /// Wall time of all calls of the instance so far, ms, sampled.
    pub called_ms: Option<u64>,
    /// Orders, changes and cancels of the call.
    pub orders: usize,
    /// Log lines of the call.
    pub log_lines: usize,
}

impl From<Resources> for ResourceSummary {
    fn from(used: Resources) -> Self {
        let Resources { memory_bytes, fuel: instructions, called, orders, log_lines } = used;
        let called_ms = called.map(|called| called.as_millis() as u64);
        Self { memory_bytes, instructions, called_ms, orders, log_lines }
    }
}

/// A version that took over on the way, or did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwapSummary {
    /// Name of the strategy.
    pub strategy: String,
    /// The moment that was asked for: a time or `bar:N`.
    pub at: String,
    /// The moment on the clock of events; `None` where the run ended before it.
    #[serde(serialize_with = "as_optional_text")]
    pub ts: Option<Timestamp>,
    /// Name and version of the plugin; `None` where the file is none.
    pub plugin: Option<String>,
    /// SHA-256 of the plugin.
    pub plugin_sha256: Option<String>,
    /// Values of parameters that were given.
    pub set: BTreeMap<String, String>,
    /// Whether it took over.
    pub done: bool,
    /// Why it did not.
    pub reason: Option<String>,
    /// Size of the state that was moved.
    pub state_bytes: usize,
    /// Parameters that the new version does not have.
    pub dropped: Vec<String>,
}

/// New values of parameters on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TuningSummary {
    /// Name of the strategy.
    pub strategy: String,
    /// The moment that was asked for: a time or `bar:N`.
    pub at: String,
    /// The moment on the clock of events; `None` where the run ended before it.
    #[serde(serialize_with = "as_optional_text")]
    pub ts: Option<Timestamp>,
    /// The values.
    pub set: BTreeMap<String, String>,
    /// Whether the plugin took them.
    pub done: bool,
    /// Why it did not.
    pub reason: Option<String>,
}

/// A position that was open at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionSummary {
    /// Name of the strategy.
    pub strategy: String,
    /// Symbol.
    pub symbol: String,
    /// Signed amount as a decimal; negative = short.
    pub quantity: String,
    /// Time of its first fill.
    #[serde(serialize_with = "as_text")]
    pub opened_at: Timestamp,
    /// Price at which it is marked.
    pub price: f64,
    /// What it has cost so far; part of the run's costs, of no closed trade's.
    pub costs: Costs,
    /// What the insurance fund bore when parts of it were liquidated; part of the run's insurance.
    #[serde(serialize_with = "as_text")]
    pub insurance: Money,
}

/// The whole of `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Identity.
    pub run: RunIdentity,
    /// Period.
    pub period: Period,
    /// `venue/symbol` of each instrument.
    pub instruments: Vec<String>,
    /// Base timeframe.
    pub timeframe: String,
    /// Length of the bars that orders were matched with, by instrument.
    pub fill_timeframes: Vec<String>,
    /// The account's currency.
    pub currency: String,
    /// Whether the market data were generated.
    pub synthetic: bool,
    /// Whether the run was stopped before its data ended.
    pub interrupted: bool,
    /// Base bars of all instruments.
    pub bars: u64,
    /// Orders that the host let through.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Closed positions.
    pub trades: u64,
    /// Orders and cancels that strategies wanted.
    pub intents: u64,
    /// Orders and cancels that the host refused; an entry with its stop and target counts once.
    pub refused: u64,
    /// Sum of the strategies' balances.
    #[serde(serialize_with = "as_text")]
    pub initial_balance: Money,
    /// Sum of the strategies' final equities.
    #[serde(serialize_with = "as_text")]
    pub final_equity: Money,
    /// What trading cost.
    pub costs: Costs,
    /// Positions, or parts of them, that the exchange closed.
    pub liquidations: u64,
    /// Losses beyond the margin, borne by the insurance fund.
    #[serde(serialize_with = "as_text")]
    pub insurance: Money,
    /// Closest approach of any account to liquidation; `None` where margin was not simulated or there was no position.
    pub margin: Option<MarginSummary>,
    /// Why orders were refused, cut or ended, the most frequent reason first.
    pub refusals: Vec<ReasonCount>,
    /// Figures of all strategies together.
    pub metrics: Metrics,
    /// The same per strategy.
    pub strategies: Vec<StrategySummary>,
    /// What was not closed.
    pub open_positions: Vec<PositionSummary>,
    /// Halts by limits and by the operator, and their ends.
    pub states: Vec<StateSummary>,
    /// Whether the run can be repeated exactly: not where wall time decided something, as a deadline does.
    pub reproducible: bool,
    /// Who was quarantined, and why.
    pub faults: Vec<FaultSummary>,
    /// Versions that took over on the way, and those that did not.
    pub swaps: Vec<SwapSummary>,
    /// New values of parameters on the way.
    pub tuning: Vec<TuningSummary>,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// SHA-256 of the journal's entries.
    pub journal_sha256: String,
    /// SHA-256 of every data file that was read, by path below the data folder.
    pub data_files: BTreeMap<String, String>,
    /// Wall-clock times.
    pub timing: Timing,
    /// Names of the files in the run folder, by what they hold.
    pub files: BTreeMap<String, String>,
}

impl Summary {
    /// The summary of a record. `files` is filled by whoever writes them.
    pub fn new(record: &Record, info: RunInfo) -> Self {
        let whole = &record.portfolio;
        let strategies = record.strategies.iter().enumerate().map(|(index, account)| {
            let of_strategy = info.strategies.get(index).cloned().unwrap_or_default();
            let metrics = Metrics::of(record, Some(StrategyId::from(index)), info.metrics);
            strategy_summary(account, of_strategy, metrics)
        });
        Self {
            strategies: strategies.collect(),
            period: Period { from: record.from, to: info.to },
            instruments: record
                .instruments
                .iter()
                .map(|label| format!("{}/{}", label.venue, label.symbol))
                .collect(),
            timeframe: info.timeframe,
            fill_timeframes: info.fill_timeframes,
            currency: info.currency,
            synthetic: info.synthetic,
            interrupted: info.interrupted,
            bars: info.bars,
            orders: whole.orders,
            fills: whole.fills,
            trades: whole.trades,
            intents: whole.intents,
            refused: whole.refused,
            initial_balance: whole.initial_balance,
            final_equity: whole.final_equity,
            costs: whole.costs,
            liquidations: whole.liquidations,
            insurance: whole.insurance,
            margin: closest(&record.strategies),
            refusals: whole.reasons.clone(),
            metrics: Metrics::of(record, None, info.metrics),
            open_positions: open_positions(record),
            states: states(record),
            reproducible: !record.faults.iter().any(|fault| fault.fault.kind.is_of_wall_time()),
            faults: info.left_out.into_iter().chain(faults(record)).collect(),
            swaps: info.swaps,
            tuning: info.tuning,
            warnings: info.warnings,
            journal_sha256: info.journal_sha256,
            data_files: info.data_files,
            timing: info.timing,
            files: BTreeMap::new(),
            run: info.run,
        }
    }

    /// The summary as pretty JSON with a newline at the end.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

fn strategy_summary(account: &AccountRecord, info: StrategyInfo, metrics: Metrics) -> StrategySummary {
    StrategySummary {
        name: account.name.clone(),
        plugin: info.plugin,
        plugin_sha256: info.plugin_sha256,
        params: info.params.into_iter().collect(),
        symbols: info.symbols,
        intents: account.intents,
        orders: account.orders,
        refused: account.refused,
        fills: account.fills,
        trades: account.trades,
        initial_balance: account.initial_balance,
        final_equity: account.final_equity,
        costs: account.costs,
        liquidations: account.liquidations,
        insurance: account.insurance,
        margin: margin_summary(account),
        refusals: account.reasons.clone(),
        metrics,
    }
}

fn margin_summary(account: &AccountRecord) -> Option<MarginSummary> {
    let MarginPeak { ts, ratio } = account.margin_peak?;
    Some(MarginSummary { max_ratio: ratio, ts, strategy: account.name.clone() })
}

/// The account that came closest to liquidation; the first of them where several came equally close.
fn closest(accounts: &[AccountRecord]) -> Option<MarginSummary> {
    let peaks = accounts.iter().filter_map(margin_summary);
    peaks.reduce(|closest, other| if other.max_ratio > closest.max_ratio { other } else { closest })
}

fn open_positions(record: &Record) -> Vec<PositionSummary> {
    let summary = |position: &crate::record::OpenPosition| PositionSummary {
        strategy: record.strategies[position.strategy.index()].name.clone(),
        symbol: record.instruments[position.instrument.index()].symbol.clone(),
        quantity: position.quantity.to_string(),
        opened_at: position.opened_at,
        price: position.price,
        costs: position.costs,
        insurance: position.insurance,
    };
    record.open_positions.iter().map(summary).collect()
}

fn states(record: &Record) -> Vec<StateSummary> {
    let known = |number: f64| (!number.is_nan()).then_some(number);
    let summary = |change: &StateChange| StateSummary {
        ts: change.ts,
        scope: match change.scope {
            Scope::Portfolio => "portfolio".to_owned(),
            Scope::Strategy(strategy) => record.strategies[strategy.index()].name.clone(),
            Scope::Instrument(instrument) => record.instruments[instrument.index()].symbol.clone(),
        },
        from: change.from.name(),
        to: change.to.name(),
        cause: change.cause.name(),
        limit: known(change.evidence.limit),
        value: known(change.evidence.value),
    };
    record.states.iter().map(summary).collect()
}

fn faults(record: &Record) -> impl Iterator<Item = FaultSummary> {
    record.faults.iter().map(|fault| FaultSummary {
        ts: fault.ts,
        strategy: record
            .strategies
            .get(fault.strategy.index())
            .map_or_else(String::new, |account| account.name.clone()),
        kind: fault.fault.kind.name(),
        message: fault.fault.message.clone(),
        call: fault.fault.call.map(GuestCall::name),
        backtrace: fault.fault.detail.backtrace.clone(),
        used: fault.fault.detail.used.into(),
        restarted_at: fault.restarted_at.map(|ts| ts.to_string()),
    })
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
fn as_optional_text<T: std::fmt::Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Money as an exact decimal, times as ISO 8601.
fn as_text<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
