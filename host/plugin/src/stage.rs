//! A stage for one plugin: instruments with bars in memory, an account and the simulated exchange.

use std::slice;

use cryptobot_engine::{
    AccountKind, BarBlock, BarSource, Desk, DeskLimits, EmptyColumns, Engine, EngineError, Exchange,
    ExchangeConfig, FaultPolicy, InstrumentSetup, Limits, MarginSettings, MemorySource, Strategy,
    StrategySetup,
};
use cryptobot_model::{
    FundingRate, Instrument, InstrumentId, Money, PluginInfo, SeriesId, SeriesInfo, StrategyId, Timeframe,
};

use crate::loaded::Loaded;

/// Closed bars that the host keeps for plugins that look back, at least.
const HISTORY_BARS: usize = 1_000;
/// A longer warm-up does not make it keep more.
const MOST_HISTORY_BARS: usize = 100_000;
/// Orders that may be open at once.
const OPEN_ORDERS: usize = 200;

/// An instrument with what happens in its market.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) instrument: Instrument,
    pub(crate) bars: BarBlock,
    /// Mark prices as bars of the same length; where there are none the last price stands in.
    pub(crate) marks: Option<BarBlock>,
    pub(crate) funding: Vec<FundingRate>,
}

impl Market {
    /// A market with bars alone.
    pub(crate) fn new(instrument: Instrument, bars: BarBlock) -> Self {
        Self { instrument, bars, marks: None, funding: Vec::new() }
    }
}

/// Everything around a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) markets: Vec<Market>,
    /// Length of the bars.
    pub(crate) timeframe: Timeframe,
    pub(crate) balance: Money,
    /// Largest notional per unit of equity.
    pub(crate) leverage: f64,
    /// Positions stand on an exchange account with margin; `None` = they are never liquidated.
    pub(crate) margin: Option<MarginSettings>,
    pub(crate) exchange: ExchangeConfig,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
}

impl Stage {
    /// The series that a plugin is given: what it asks for, once per symbol.
    pub(crate) fn series(&self, info: &PluginInfo) -> Vec<SeriesInfo> {
        let mut series = Vec::new();
        for (index, Market { instrument, .. }) in self.markets.iter().enumerate() {
            for spec in &info.series {
                series.push(SeriesInfo {
                    id: SeriesId::from(series.len()),
                    role: spec.role.clone(),
                    instrument: InstrumentId::from(index),
                    symbol: instrument.symbol.clone(),
                    venue: instrument.venue.clone(),
                    timeframe: spec.timeframe_ns.and_then(Timeframe::from_nanos).unwrap_or(self.timeframe),
                    tick: instrument.tick.to_f64(),
                    lot: instrument.lot.to_f64(),
                    min_notional: instrument.min_notional.to_f64(),
                });
            }
        }
        series
    }

    /// A desk for a plugin.
    pub(crate) fn desk(&self, plugin: &Loaded) -> Desk {
        let warm_up = (plugin.info().warmup_bars as usize).min(MOST_HISTORY_BARS);
        let history = if plugin.looks_back() { warm_up.max(HISTORY_BARS) } else { 0 };
        let series = self.series(plugin.info());
        let (instruments, limits) = (self.markets.len(), plugin.desk_limits());
        Desk::new(StrategyId(0), series, instruments, history, self.seed, limits)
            .with_features(Box::new(EmptyColumns))
    }

    /// A desk without series, for a strategy that is only called.
    pub(crate) fn empty_desk(&self) -> Desk {
        Desk::new(StrategyId(0), Vec::new(), self.markets.len(), 0, self.seed, DeskLimits::default())
    }

    /// The engine with a strategy at a desk of this stage.
    pub(crate) fn engine(
        &self,
        strategy: Box<dyn Strategy>,
        info: &PluginInfo,
    ) -> Result<Engine<Exchange>, EngineError> {
        let instruments: Vec<Instrument> =
            self.markets.iter().map(|market| market.instrument.clone()).collect();
        let source = |bars: &BarBlock| -> Box<dyn BarSource> {
            Box::new(MemorySource::new(slice::from_ref(bars), self.timeframe))
        };
        let sources = self.markets.iter().map(|market| InstrumentSetup {
            mark: market.marks.as_ref().map(source),
            funding: market.funding.clone(),
            ..InstrumentSetup::new(market.instrument.clone(), self.timeframe, source(&market.bars))
        });
        let setup = StrategySetup {
            strategy,
            origin: None,
            wants: info.wants,
            balance: self.balance,
            leverage: self.leverage,
            max_open_orders: OPEN_ORDERS,
            faults: FaultPolicy::default(),
        };
        let exchange = Exchange::new(&instruments, &self.exchange);
        let engine = Engine::new(sources.collect(), vec![setup], exchange)?;
        let engine = engine.with_limits(self.limits, &[self.limits.strategy]);
        match self.margin {
            None => Ok(engine),
            Some(settings) => engine
                .with_margin(AccountKind::Shared, settings)
                .map_err(|error| EngineError::Source(Box::new(error))),
        }
    }
}
