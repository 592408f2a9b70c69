//! From a configuration to a run that only has to be started.

use std::path::PathBuf;
use std::time::Instant;

use cryptobot_analytics::{RunFolder, RunIdentity, StrategyInfo};
use cryptobot_data::{HashJob, ReadAhead, reference_sha256};
use cryptobot_engine::{
    BarSource, Delivery, Desk, DeskLimits, Engine, Exchange, FaultPolicy, InstrumentSetup, Origin,
    RecordedExchange, Strategy, StrategySetup,
};
use cryptobot_model::{Instrument, InstrumentId, Money, SeriesInfo, StrategyId, Timeframe, Timestamp};
use cryptobot_plugin::{Limits, Loader, Plugin};
use cryptobot_wasm::{Compiler, RuntimeConfig};

use crate::bots::{self, LoadedBot};
use crate::changes;
use crate::config::RunConfig;
use crate::error::RunError;
use crate::faults;
use crate::identity;
use crate::markets::{self, Markets};
use crate::operator;
use crate::permissions::{self, Acceptance, Gate};
use crate::recordings;
use crate::risk;
use crate::venue::Simulated;
use crate::versions::{kept_bars, look_back, version};

/// Folders that a run uses besides its data.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where plugins are looked up by name.
    pub plugin_folders: Vec<PathBuf>,
    /// Where compiled plugins and file hashes are kept between runs; `None` = nowhere.
    pub cache_folder: Option<PathBuf>,
    /// Where plugins are compiled that are not in the cache.
    pub compiler: Compiler,
    /// What the user has accepted that plugins may do.
    pub acceptance: Acceptance,
    /// The run folder; `None` = `runs/<plugin>-<symbol>` in the working folder.
    pub out: Option<PathBuf>,
    /// When the process began, for the figures of `timing`.
    pub started: Instant,
}

/// A run that is checked and ready.
pub struct PreparedRun {
    pub(crate) config: RunConfig,
    pub(crate) folder: RunFolder,
    pub(crate) engine: Engine<Simulated>,
    pub(crate) identity: RunIdentity,
    pub(crate) hash: HashJob,
    pub(crate) instruments: Vec<Instrument>,
    /// Length of the bars that the orders of each instrument are matched with.
    pub(crate) fill_timeframes: Vec<Timeframe>,
    pub(crate) strategies: Vec<(String, Money, StrategyInfo)>,
    /// The plugins that each strategy begins with or is swapped to.
    pub(crate) plugins: Vec<Vec<Plugin>>,
    /// The instrument of each series, by strategy.
    pub(crate) series: Vec<Vec<InstrumentId>>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) timeframe: Timeframe,
    pub(crate) expected_bars: u64,
    pub(crate) synthetic: bool,
    /// Of each instrument, whether it has no mark prices.
    pub(crate) without_mark: Vec<bool>,
    pub(crate) warnings: Vec<String>,
    pub(crate) started: Instant,
}

/// Checks a configuration against plugins and data and builds the run.
pub fn prepare(mut config: RunConfig, environment: &Environment) -> Result<PreparedRun, RunError> {
    config.check()?;
    risk::check_modes(&config)?;
    let loader = Loader::new(RuntimeConfig {
        cache_dir: environment.cache_folder.clone(),
        strict: config.limits.strict,
        compiler: environment.compiler.clone(),
    });
    let mut warnings = Vec::new();
    let gate = Gate {
        mode: config.mode.run_mode(),
        limits: config.limits.stated(),
        acceptance: &environment.acceptance,
    };
    let bots = bots::load(&mut config, &loader, &environment.plugin_folders, &gate, &mut warnings)?;
    let mut markets = markets::open(&mut config, &bots)?;
    permissions::check_all_instruments(&config, &bots)?;
    markets.warnings.splice(0..0, warnings);
    let mut traded: Vec<&mut Instrument> =
        markets.list.iter_mut().map(|market| &mut market.instrument).collect();
    risk::complete(&config, &mut traded, &mut markets.warnings)?;
    let period = (markets.from, markets.to);
    let hashes = environment.cache_folder.as_ref().map(|cache| cache.join("file-hashes.json"));
    let hash = HashJob::start(markets.touched.clone(), period, hashes);
    let instruments: Vec<Instrument> = markets.list.iter().map(|market| market.instrument.clone()).collect();
    let commands = operator::commands(&config, markets.from, markets.to)?;
    rehearse(&config, &bots, &markets)?;
    let folder = RunFolder::prepare(&out_folder(environment, &bots, &markets))?;
    let identity = identity::begin(&config, &bots, reference_sha256(&instruments))?;

    let expected_bars = markets.list.iter().map(|market| market.expected_bars).sum();
    let strategies =
        bots.iter().map(|bot| (bot.name.clone(), bot.balance, strategy_info(bot, &config))).collect();
    let without_mark = markets.list.iter().map(|market| market.mark.is_none()).collect();
    let Markets { list, series, from, to, timeframe, synthetic, warnings, .. } = markets;
    let fill_timeframes = list.iter().map(|market| market.timeframe).collect();
    let instruments_of = |series: &Vec<SeriesInfo>| series.iter().map(|info| info.instrument).collect();
    let instruments_of_series = series.iter().map(instruments_of).collect();
    let requests = changes::requests(&config, &bots, &instruments);
    let mut setups = Vec::with_capacity(bots.len());
    for (slot, (bot, series)) in bots.iter().zip(series).enumerate() {
        let version = version(&bot.plugin, &bot.info, series.clone(), &bot.limits);
        let desk = desk(&config, bot, StrategyId::from(slot), series, instruments.len());
        setups.push(StrategySetup {
            strategy: instantiate(bot, desk)?,
            origin: Some(Origin { version, params: bot.params.clone() }),
            wants: bot.info.wants,
            balance: bot.balance,
            leverage: f64::from(config.execution.margin.leverage),
            max_open_orders: bot.limits.open_orders.map_or(usize::MAX, |most| most as usize),
            faults: bot_policy(&config, bot),
        });
    }
    let mut events = Vec::new();
    let sources = list.into_iter().map(|market| {
        events.extend(market.events);
        let source = market.source;
        let mark = market.mark.map(|mark| Box::new(ReadAhead::new(mark)) as Box<dyn BarSource>);
        let setup = InstrumentSetup::new(market.instrument, market.timeframe, source);
        InstrumentSetup { mark, funding: market.funding, ..setup }
    });
    let sources = sources.collect();
    let exchange = config.execution.exchange(config.seed)?;
    let venue = match recordings::matching(&config.execution) {
        None => Simulated::Bars(Exchange::new(&instruments, &exchange)),
        Some(matching) => {
            let (latency, seed) = (exchange.latency, exchange.seed);
            Simulated::Recorded(RecordedExchange::new(&instruments, events, matching, latency, seed))
        }
    };
    let engine = risk::guard(&config, &instruments, Engine::new(sources, setups, venue)?)?;
    let mut engine = engine.with_commands(commands);
    if let Some(retire) = (!requests.is_empty()).then(changes::retirement).flatten() {
        engine = engine.with_retirement(retire);
    }
    for request in requests {
        engine.request_change(request);
    }
    Ok(PreparedRun {
        config,
        folder,
        engine,
        identity,
        hash,
        instruments,
        fill_timeframes,
        strategies,
        plugins: bots.into_iter().map(bots::plugins).collect(),
        series: instruments_of_series,
        from,
        to,
        timeframe,
        expected_bars,
        synthetic,
        without_mark,
        warnings,
        started: environment.started,
    })
}

/// Lets every plugin begin once and throws the result away, so that a run whose only plugin refuses its parameters ends
/// before it replaces an earlier one. With several, those that can begin are run and the others reported.
fn rehearse(config: &RunConfig, bots: &[LoadedBot], markets: &Markets) -> Result<(), RunError> {
    let mut first_fault = None;
    for (slot, (bot, series)) in bots.iter().zip(&markets.series).enumerate() {
        let desk = desk(config, bot, StrategyId::from(slot), series.clone(), markets.list.len());
        let mut strategy = instantiate(bot, desk)?;
        strategy.desk().begin(markets.from);
        match strategy.init() {
            Ok(()) => return Ok(()),
            Err(fault) => first_fault = first_fault.or(Some((bot, fault))),
        }
    }
    first_fault.map_or(Ok(()), |(bot, fault)| Err(RunError::plugin_fault(&bot.name, &bot.plugin, fault)))
}

fn instantiate(bot: &LoadedBot, desk: Desk) -> Result<Box<dyn Strategy>, RunError> {
    bot.plugin
        .instantiate(desk, bot.params.clone(), &Limits::default().with(&bot.limits), Delivery::Event)
        .map_err(|fault| RunError::plugin_fault(&bot.name, &bot.plugin, fault))
}

fn desk(
    config: &RunConfig,
    bot: &LoadedBot,
    strategy: StrategyId,
    series: Vec<SeriesInfo>,
    instruments: usize,
) -> Desk {
    let history = look_back(&bot.plugin, &bot.info, &bot.limits);
    let limits = DeskLimits::default().with(&bot.limits);
    let desk = Desk::new(strategy, series, instruments, history, config.seed, limits);
    if bot.swaps.is_empty() { desk } else { desk.keeping(kept_bars(bot)) }
}

fn out_folder(environment: &Environment, bots: &[LoadedBot], markets: &Markets) -> PathBuf {
    environment.out.clone().unwrap_or_else(|| {
        let names = bots.iter().map(|bot| bot.name.as_str()).collect::<Vec<_>>().join("+");
        let symbols = markets.list.iter().map(|market| market.instrument.symbol.as_str());
        let symbols = if markets.list.len() <= 3 {
            symbols.collect::<Vec<_>>().join("+")
        } else {
            format!("{}-symbols", markets.list.len())
        };
        PathBuf::from("runs").join(format!("{names}-{symbols}-{}", markets.timeframe))
    })
}

fn bot_policy(config: &RunConfig, bot: &LoadedBot) -> FaultPolicy {
    config.bots.get(&bot.name).map(faults::policy).unwrap_or_default()
}

fn strategy_info(bot: &LoadedBot, config: &RunConfig) -> StrategyInfo {
    StrategyInfo {
        plugin: format!("{} {}", bot.info.name, bot.info.version),
        plugin_sha256: bot.plugin.sha256().to_owned(),
        params: bot.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        symbols: config.bots.get(&bot.name).map(|entry| entry.symbols.clone()).unwrap_or_default(),
    }
}
