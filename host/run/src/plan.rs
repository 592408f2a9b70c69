//! A checked configuration with its plugins and instruments, from which engines are built, one or many.

use std::path::PathBuf;
use std::sync::Arc;

use cryptobot_analytics::{AccountLabel, InstrumentLabel, RunIdentity, Setup, StrategyInfo};
use cryptobot_data::{Catalog, HashJob, reference_sha256};
use cryptobot_engine::{
    Delivery, Desk, DeskLimits, Engine, Exchange, ExchangeConfig, FaultPolicy, InstrumentSetup,
    OperatorCommand, Origin, Params, RecordedExchange, StrategySetup, Version,
};
use cryptobot_features::StoredFeatures;
use cryptobot_model::{FundingRate, Instrument, InstrumentId, StrategyId, Timeframe, Timestamp};
use cryptobot_plugin::Loader;
use cryptobot_wasm::RuntimeConfig;

use crate::bots::{self, LoadedBot};
use crate::changes;
use crate::config::{Mode, RunConfig};
use crate::error::RunError;
use crate::faults;
use crate::identity;
use crate::left_out::LeftOut;
use crate::markets::{self, Market, Markets};
use crate::operator;
use crate::permissions::{self, Acceptance, Gate};
use crate::prepare::{Environment, instantiate};
use crate::recordings;
use crate::risk;
use crate::signals;
use crate::successor::Successors;
use crate::supply::{Feed, Supply};
use crate::venue::Simulated;
use crate::versions::{kept_bars, look_back, max_open_orders, version};

/// Everything about a run but the bars themselves.
pub(crate) struct Plan {
    /// Complete: nothing is left open.
    pub(crate) config: RunConfig,
    pub(crate) bots: Vec<LoadedBot>,
    /// What each bot begins with, and its series.
    pub(crate) versions: Vec<Arc<Version>>,
    pub(crate) instruments: Vec<Instrument>,
    /// Length of the bars that the orders of each instrument are matched with.
    pub(crate) fill_timeframes: Vec<Timeframe>,
    funding: Vec<Vec<FundingRate>>,
    /// Of each instrument, whether it has no mark prices.
    pub(crate) without_mark: Vec<bool>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) timeframe: Timeframe,
    pub(crate) expected_bars: u64,
    pub(crate) synthetic: bool,
    /// Bots that are not part of it because of their plugins.
    pub(crate) left_out: LeftOut,
    pub(crate) warnings: Vec<String>,
    /// All but the hash of the data and what follows from it.
    pub(crate) identity: RunIdentity,
    exchange: ExchangeConfig,
    commands: Vec<OperatorCommand>,
    /// For plugins that are loaded on the way.
    runtime: RuntimeConfig,
    acceptance: Acceptance,
    features: StoredFeatures,
}

/// What a plan reads, by instrument, and the hash of it that is under way.
pub(crate) struct Inputs {
    pub(crate) supplies: Vec<Supply>,
    pub(crate) hash: HashJob,
}

/// The loader of a run's plugins.
pub(crate) fn loader(config: &RunConfig, environment: &Environment) -> Loader {
    Loader::new(runtime(config, environment))
}

fn runtime(config: &RunConfig, environment: &Environment) -> RuntimeConfig {
    RuntimeConfig {
        cache_dir: environment.cache_folder.clone(),
        strict: config.limits.strict,
        compiler: environment.compiler.clone(),
    }
}

/// The delivery that a run has where `wanted` is asked for: pages are for one bot whose plugin takes them.
pub(crate) fn resolve(wanted: Delivery, bots: &[LoadedBot]) -> Result<Delivery, RunError> {
    let obstacle = match bots {
        [bot] if bot.plugin.takes_pages() => {
            return Ok(if wanted == Delivery::Auto { Delivery::Paged } else { wanted });
        }
        [bot] => format!("{} takes its bars one by one only", bot.name),
        bots => format!(
            "{} bots share the run, and one could act in the middle of another one's page",
            bots.len()
        ),
    };
    if wanted == Delivery::Paged {
        return Err(RunError::config("delivery", format!("paged: {obstacle}; use auto or event")));
    }
    Ok(if wanted == Delivery::Single { wanted } else { Delivery::Event })
}

/// Loads the bots and leaves out those whose plugin cannot be loaded or is not made for what they trade.
fn load(
    config: &mut RunConfig,
    loader: &Loader,
    folders: &[PathBuf],
    gate: &Gate<'_>,
    left_out: &mut LeftOut,
    warnings: &mut Vec<String>,
) -> Result<Vec<LoadedBot>, RunError> {
    let bots = bots::load(config, loader, folders, gate, left_out, warnings)?;
    markets::complete(config, &bots)?;
    let bots = permissions::check_all_instruments(config, bots, left_out, warnings)?;
    warnings.splice(0..0, left_out.warnings());
    warnings.extend(signals::warnings(config, &bots));
    Ok(bots)
}

impl Plan {
    /// Checks a configuration against its plugins and data.
    pub(crate) fn new(
        mut config: RunConfig,
        loader: &Loader,
        environment: &Environment,
    ) -> Result<(Self, Inputs), RunError> {
        // A run is the same run whatever else is tried with its file.
        config.sweep = None;
        config.check()?;
        risk::check_modes(&config)?;
        let mut warnings = Vec::new();
        let gate = Gate {
            mode: config.mode.run_mode(),
            limits: config.limits.stated(),
            acceptance: &environment.acceptance,
        };
        let mut left_out = LeftOut::default();
        let folders = &environment.plugin_folders;
        let bots = load(&mut config, loader, folders, &gate, &mut left_out, &mut warnings)?;
        let mut markets = markets::open(&mut config, &bots)?;
        markets.warnings.splice(0..0, warnings);
        let mut traded: Vec<&mut Instrument> =
            markets.list.iter_mut().map(|market| &mut market.instrument).collect();
        risk::complete(&config, &mut traded, &mut markets.warnings)?;
        let Markets { list, series, from, to, timeframe, synthetic, mut touched, mut warnings } = markets;
        let features = StoredFeatures::new(Catalog::at(&config.data), from, to, config.allow_gaps);
        touched.extend(markets::of_features(&config, &features, &bots, &series)?);
        let hashes = environment.cache_folder.as_ref().map(|cache| cache.join("file-hashes.json"));
        let hash = HashJob::start(touched, (from, to), hashes);
        let commands = operator::commands(&config, from, to)?;
        let (mut instruments, mut funding, mut supplies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut fill_timeframes, mut expected_bars) = (Vec::new(), 0);
        for market in list {
            let Market { instrument, timeframe, expected_bars: bars, supply, funding: rates } = market;
            instruments.push(instrument);
            fill_timeframes.push(timeframe);
            expected_bars += bars;
            supplies.push(supply);
            funding.push(rates);
        }
        let (delivery, of_versions) = match (config.mode, config.delivery.0) {
            (Mode::Backtest, wanted) => {
                let resolved = resolve(wanted, &bots)?;
                (resolved, resolved)
            }
            (_, Delivery::Paged) => {
                let problem = format!("paged: bars arrive one by one in a {}", config.mode.run_mode());
                return Err(RunError::config("delivery", problem));
            }
            // There is one bar at a time, and nothing to drive.
            _ => (Delivery::Event, Delivery::Single),
        };
        let of = |(bot, series): (&LoadedBot, _)| {
            version(&bot.plugin, &bot.info, series, &bot.limits, of_versions)
        };
        let exchange = config.execution.exchange(config.seed)?;
        warnings.extend(config.execution.latency.outside(&exchange.latency, from, to));
        let plan = Self {
            versions: bots.iter().zip(series).map(of).collect(),
            identity: identity::begin(&config, &bots, reference_sha256(&instruments), delivery)?,
            exchange,
            runtime: runtime(&config, environment),
            acceptance: environment.acceptance.clone(),
            without_mark: supplies.iter().map(|supply| !supply.has_mark()).collect(),
            config,
            bots,
            instruments,
            fill_timeframes,
            funding,
            from,
            to,
            timeframe,
            expected_bars,
            synthetic,
            left_out,
            warnings,
            commands,
            features,
        };
        Ok((plan, Inputs { supplies, hash }))
    }

    /// The funding of each instrument, which engines are not given at once from here on.
    pub(crate) fn take_funding(&mut self) -> Vec<Vec<FundingRate>> {
        self.funding.iter_mut().map(std::mem::take).collect()
    }

    /// What makes versions of files that may take over from a bot.
    pub(crate) fn successors(&self, slot: usize) -> Successors {
        let name = self.bots[slot].name.clone();
        Successors {
            bot: self.config.bots.get(&name).cloned().unwrap_or_default(),
            name,
            instruments: self.instruments.clone(),
            mode: self.config.mode.run_mode(),
            limits: self.config.limits.stated(),
            acceptance: self.acceptance.clone(),
            runtime: self.runtime.clone(),
        }
    }

    /// The parameters that the configuration gives to each bot.
    pub(crate) fn params(&self) -> Vec<Params> {
        self.bots.iter().map(|bot| bot.params.clone()).collect()
    }

    /// Lets every plugin begin once and throws the result away, so that a run whose only plugin refuses its parameters
    /// ends before it replaces an earlier one. With several, those that can begin are run and the others reported.
    pub(crate) fn rehearse(&self) -> Result<(), RunError> {
        let mut first_fault = None;
        for (slot, bot) in self.bots.iter().enumerate() {
            let mut strategy = instantiate(bot, self.desk(slot), bot.params.clone(), Delivery::Single)?;
            strategy.desk().begin(self.from);
            match strategy.init() {
                Ok(()) => return Ok(()),
                Err(fault) => first_fault = first_fault.or(Some((bot, fault))),
            }
        }
        first_fault.map_or(Ok(()), |(bot, fault)| Err(RunError::plugin_fault(&bot.name, &bot.plugin, fault)))
    }

    /// An engine over what it reads of each instrument. `params` are those of each bot, all declared ones in the declared
    /// order.
    pub(crate) fn engine(
        &self,
        feeds: Vec<Feed>,
        params: Vec<Params>,
        delivery: Delivery,
    ) -> Result<Engine<Simulated>, RunError> {
        let delivery = resolve(delivery, &self.bots)?;
        let mut setups = Vec::with_capacity(self.bots.len());
        for (slot, (bot, params)) in self.bots.iter().zip(params).enumerate() {
            setups.push(StrategySetup {
                strategy: instantiate(bot, self.desk(slot), params.clone(), delivery)?,
                origin: Some(Origin { version: Arc::clone(&self.versions[slot]), params }),
                wants: bot.info.wants,
                balance: bot.balance,
                leverage: f64::from(self.config.execution.margin.leverage),
                max_open_orders: max_open_orders(&bot.limits),
                faults: self.fault_policy(bot),
            });
        }
        let (mut sources, mut events) = (Vec::with_capacity(feeds.len()), Vec::new());
        for (index, feed) in feeds.into_iter().enumerate() {
            events.extend(feed.events);
            let (instrument, timeframe) = (self.instruments[index].clone(), self.fill_timeframes[index]);
            let setup = InstrumentSetup::new(instrument, timeframe, feed.bars);
            sources.push(InstrumentSetup { mark: feed.mark, funding: self.funding[index].clone(), ..setup });
        }
        let venue = match recordings::matching(&self.config.execution) {
            None => Simulated::Bars(Exchange::new(&self.instruments, &self.exchange)),
            Some(matching) => {
                let (latency, seed) = (self.exchange.latency.clone(), self.exchange.seed);
                let exchange = RecordedExchange::new(&self.instruments, events, matching, latency, seed);
                Simulated::Recorded(exchange)
            }
        };
        let engine = Engine::new(sources, setups, venue)?;
        let engine = risk::guard(&self.config, &self.instruments, engine)?;
        let mut engine = engine.with_commands(self.commands.clone());
        let requests = changes::requests(&self.config, &self.bots, &self.instruments, delivery);
        if let Some(retire) = (!requests.is_empty()).then(changes::retirement).flatten() {
            engine = engine.with_retirement(retire);
        }
        for request in requests {
            engine.request_change(request);
        }
        Ok(engine)
    }

    fn desk(&self, slot: usize) -> Desk {
        let bot = &self.bots[slot];
        let history = look_back(&bot.plugin, &bot.info, &bot.limits);
        let limits = DeskLimits::default().with(&bot.limits);
        let series = self.versions[slot].series.clone();
        let (strategy, instruments) = (StrategyId::from(slot), self.instruments.len());
        let desk = Desk::new(strategy, series, instruments, history, self.config.seed, limits)
            .with_features(Box::new(self.features.clone()));
        let is_backtest = self.config.mode == Mode::Backtest;
        if bot.swaps.is_empty() && is_backtest { desk } else { desk.keeping(kept_bars(bot)) }
    }

    fn fault_policy(&self, bot: &LoadedBot) -> FaultPolicy {
        self.config.bots.get(&bot.name).map(faults::policy).unwrap_or_default()
    }

    /// What a collector has to know of the run.
    pub(crate) fn labels(&self) -> Setup {
        let strategies = self.bots.iter().zip(&self.versions).map(|(bot, version)| AccountLabel {
            name: bot.name.clone(),
            initial_balance: bot.balance,
            instruments: self.traded(&bot.name),
            series: version.series.iter().map(|series| series.instrument).collect(),
        });
        let instruments = self.instruments.iter().map(|instrument| InstrumentLabel {
            venue: instrument.venue.clone(),
            symbol: instrument.symbol.clone(),
        });
        Setup {
            strategies: strategies.collect(),
            instruments: instruments.collect(),
            from: self.from,
            to: self.to,
        }
    }

    /// The instruments that a bot trades.
    fn traded(&self, bot: &str) -> Vec<InstrumentId> {
        let Some(bot) = self.config.bots.get(bot) else { return Vec::new() };
        let traded = |instrument: &Instrument| {
            bot.venue.as_ref() == Some(&instrument.venue) && bot.symbols.contains(&instrument.symbol)
        };
        let indices = self.instruments.iter().enumerate().filter(|(_, instrument)| traded(instrument));
        indices.map(|(index, _)| InstrumentId::from(index)).collect()
    }

    /// What reports say of each bot's plugin.
    pub(crate) fn strategy_infos(&self) -> Vec<StrategyInfo> {
        let of = |bot: &LoadedBot| StrategyInfo {
            plugin: format!("{} {}", bot.info.name, bot.info.version),
            plugin_sha256: bot.plugin.sha256().to_owned(),
            params: bot.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            symbols: self.config.bots.get(&bot.name).map(|entry| entry.symbols.clone()).unwrap_or_default(),
        };
        self.bots.iter().map(of).collect()
    }

    /// The run folder where none is given.
    pub(crate) fn usual_folder(&self) -> PathBuf {
        let names = self.bots.iter().map(|bot| bot.name.as_str()).collect::<Vec<_>>().join("+");
        let symbols = self.instruments.iter().map(|instrument| instrument.symbol.as_str());
        let symbols = if self.instruments.len() <= 3 {
            symbols.collect::<Vec<_>>().join("+")
        } else {
            format!("{}-symbols", self.instruments.len())
        };
        PathBuf::from("runs").join(format!("{names}-{symbols}-{}", self.timeframe))
    }
}
