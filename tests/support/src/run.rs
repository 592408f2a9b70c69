//! Runs without files.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use cryptobot_engine::{
    AccountKind, BarBlock, BarSource, ChangeRequest, Decision, Desk, DeskLimits, Engine, Entry, Exchange,
    ExchangeConfig, FaultPolicy, InstrumentSetup, Limits, MarginSettings, Mark, Marks, MemorySource,
    OperatorCommand, Origin, Outcome, Params, Recorder, StateChange, Strategy, StrategySetup, Venue, Version,
};
use cryptobot_journal::{Background, Chain, JournalHash, JournalWriter};
use cryptobot_model::{
    ClosedTrade, ContractTerms, Fill, FundingPayment, FundingRate, Instrument, InstrumentId, Liquidation,
    MarketMatch, Money, OrderEvent, OrderId, Price, Quantity, SeriesId, SeriesInfo, StrategyId, Timeframe,
    Wants,
};
use rust_decimal::Decimal;

use crate::market::in_blocks;
use crate::native::{Logic, Native};

/// An instrument on the finest grid with a taker fee of 4 and a maker fee of 2 basis points.
pub fn instrument(symbol: &str) -> Instrument {
    Instrument {
        venue: "test".to_owned(),
        symbol: symbol.to_owned(),
        tick: Price::new(Decimal::new(1, 8)),
        lot: Quantity::new(Decimal::new(1, 8)),
        min_notional: Money::ZERO,
        maker_fee: Decimal::new(2, 4),
        taker_fee: Decimal::new(4, 4),
        funding: false,
        terms: ContractTerms::default(),
    }
}

/// A desk for a strategy that trades every instrument at every one of `timeframes`.
pub fn desk(strategy: usize, instruments: &[Instrument], timeframes: &[Timeframe], seed: u64) -> Desk {
    let series = series(instruments, timeframes);
    Desk::new(StrategyId::from(strategy), series, instruments.len(), 0, seed, DeskLimits::default())
}

/// Every instrument at every one of `timeframes`.
pub fn series(instruments: &[Instrument], timeframes: &[Timeframe]) -> Vec<SeriesInfo> {
    let mut series = Vec::new();
    for (index, instrument) in instruments.iter().enumerate() {
        for timeframe in timeframes {
            series.push(SeriesInfo {
                id: SeriesId::from(series.len()),
                role: timeframe.to_string(),
                instrument: InstrumentId::from(index),
                symbol: instrument.symbol.clone(),
                venue: instrument.venue.clone(),
                timeframe: *timeframe,
                tick: instrument.tick.to_f64(),
                lot: instrument.lot.to_f64(),
                min_notional: instrument.min_notional.to_f64(),
            });
        }
    }
    series
}

/// Events that native strategies of tests get.
pub const ALL_WANTS: Wants = Wants {
    bars: true,
    trades: false,
    quotes: false,
    book: false,
    mark: false,
    funding: false,
    orders: true,
    position_closes: true,
    timers: true,
    predictions: false,
    outcomes: true,
};

/// A run over markets in memory.
pub struct MemoryRun {
    /// The instruments and their base bars.
    pub markets: Vec<(Instrument, BarBlock)>,
    /// Length of the base bars.
    pub base: Timeframe,
    /// Rows per block.
    pub block_rows: usize,
    /// The exchange.
    pub exchange: ExchangeConfig,
    /// Funding rates, by position of the market.
    pub funding: BTreeMap<usize, Vec<FundingRate>>,
    /// Mark prices beside the bars, by position of the market.
    pub marks: BTreeMap<usize, BarBlock>,
    /// Margin, where positions can be liquidated.
    pub margin: Option<(AccountKind, MarginSettings)>,
    /// Limits of the risk engine, and those of each strategy.
    pub limits: Limits,
    /// Commands of the operator.
    pub commands: Vec<OperatorCommand>,
    /// Largest notional per unit of equity.
    pub leverage: f64,
    /// Balance of each strategy.
    pub balance: Money,
    /// What happens after faults.
    pub faults: FaultPolicy,
    /// Changes of the strategies on the way.
    pub changes: Vec<ChangeRequest>,
    strategies: Vec<(Box<dyn Strategy>, Wants, Option<Origin>)>,
}

impl MemoryRun {
    /// A run of minute bars with a balance of 100 million and an ideal exchange.
    pub fn new(markets: Vec<(Instrument, BarBlock)>) -> Self {
        Self {
            markets,
            base: Timeframe::MINUTE,
            block_rows: 1 << 18,
            exchange: ExchangeConfig::default(),
            funding: BTreeMap::new(),
            marks: BTreeMap::new(),
            margin: None,
            limits: Limits::default(),
            commands: Vec::new(),
            leverage: 1.0,
            balance: Money::new(Decimal::from(100_000_000)),
            changes: Vec::new(),
            faults: FaultPolicy::default(),
            strategies: Vec::new(),
        }
    }

    /// Adds a native strategy on all instruments at the given timeframes.
    #[must_use]
    pub fn with(self, logic: impl Logic + 'static, timeframes: &[Timeframe], seed: u64) -> Self {
        let instruments: Vec<Instrument> =
            self.markets.iter().map(|(instrument, _)| instrument.clone()).collect();
        let desk = desk(self.strategies.len(), &instruments, timeframes, seed);
        self.with_strategy(Box::new(Native::new(desk, logic)))
    }

    /// Adds a strategy whose desk was made for this run.
    #[must_use]
    pub fn with_strategy(self, strategy: Box<dyn Strategy>) -> Self {
        self.with_strategy_wanting(strategy, ALL_WANTS)
    }

    /// Adds a strategy that is told only of what it wants.
    #[must_use]
    pub fn with_strategy_wanting(mut self, strategy: Box<dyn Strategy>, wants: Wants) -> Self {
        self.strategies.push((strategy, wants, None));
        self
    }

    /// Adds an instance of a version, at a desk with the version's series and seed 42. `kept` bars of each series are kept.
    #[must_use]
    pub fn with_version(mut self, version: &Arc<Version>, params: Params, kept: usize) -> Self {
        let slot = StrategyId::from(self.strategies.len());
        let (series, look_back) = (version.series.clone(), version.look_back);
        let desk = Desk::new(slot, series, self.markets.len(), look_back, 42, version.desk_limits);
        #[expect(clippy::expect_used, reason = "the first version of a test starts")]
        let mut strategy = (version.make)(&params).expect("an instance");
        *strategy.desk() = desk.keeping(kept);
        let origin = Origin { version: Arc::clone(version), params };
        self.strategies.push((strategy, version.info.wants, Some(origin)));
        self
    }

    /// Runs to the end.
    pub fn run(self, recorder: &mut dyn Recorder) -> Outcome {
        self.engine().run_all(recorder)
    }

    /// Runs to the end with something around the exchange.
    pub fn run_at<V: Venue>(self, venue: impl FnOnce(Exchange) -> V, recorder: &mut dyn Recorder) -> Outcome {
        run_to_end(&mut self.engine_at(venue), recorder)
    }

    /// The engine of this run, ready to go.
    pub fn engine(self) -> ReadyRun {
        ReadyRun(self.engine_at(|exchange| exchange))
    }

    fn engine_at<V: Venue>(self, venue: impl FnOnce(Exchange) -> V) -> Engine<V> {
        let (rows, base) = (self.block_rows, self.base);
        let source = |_, block: &BarBlock| -> Box<dyn BarSource> {
            Box::new(MemorySource::new(&in_blocks(block, rows), base))
        };
        self.engine_on(source, venue)
    }

    /// The engine of this run on other sources, which are made of their places: bars of the markets first, then marks.
    pub fn engine_on<V: Venue>(
        self,
        mut source: impl FnMut(usize, &BarBlock) -> Box<dyn BarSource>,
        venue: impl FnOnce(Exchange) -> V,
    ) -> Engine<V> {
        let instruments: Vec<Instrument> =
            self.markets.iter().map(|(instrument, _)| instrument.clone()).collect();
        let count = instruments.len();
        let setups = self.markets.iter().enumerate().map(|(index, (instrument, block))| InstrumentSetup {
            mark: self.marks.get(&index).map(|block| source(count + index, block)),
            funding: self.funding.get(&index).cloned().unwrap_or_default(),
            ..InstrumentSetup::new(instrument.clone(), self.base, source(index, block))
        });
        let (balance, leverage, faults) = (self.balance, self.leverage, self.faults);
        let own = vec![self.limits.strategy; self.strategies.len()];
        let strategies = self.strategies.into_iter().map(|(strategy, wants, origin)| StrategySetup {
            strategy,
            origin,
            wants,
            balance,
            leverage,
            max_open_orders: 200,
            faults,
        });
        let exchange = Exchange::new(&instruments, &self.exchange);
        #[expect(clippy::expect_used, reason = "tests ask for timeframes that fit")]
        let engine = Engine::new(setups.collect(), strategies.collect(), venue(exchange))
            .expect("a run in memory")
            .with_limits(self.limits, &own)
            .with_commands(self.commands);
        let mut engine = match self.margin {
            None => engine,
            #[expect(clippy::expect_used, reason = "tests ask for leverage that exists")]
            Some((kind, settings)) => engine.with_margin(kind, settings).expect("margin"),
        };
        self.changes.into_iter().for_each(|change| engine.request_change(change));
        engine
    }
}

/// A run whose bars are in place.
pub struct ReadyRun(Engine<Exchange>);

impl ReadyRun {
    /// Runs to the end.
    pub fn run_all(mut self, recorder: &mut dyn Recorder) -> Outcome {
        run_to_end(&mut self.0, recorder)
    }

    /// The engine itself, for those who drive it step by step.
    pub fn into_engine(self) -> Engine<Exchange> {
        self.0
    }
}

/// Runs an engine to the end of its bars.
pub fn run_to_end<V: Venue>(engine: &mut Engine<V>, recorder: &mut dyn Recorder) -> Outcome {
    #[expect(clippy::expect_used, reason = "sources in memory do not fail")]
    let outcome = engine.run(recorder, &mut |_| ControlFlow::Continue(())).expect("a run in memory");
    outcome
}

/// Keeps the journal's hash only: what every run pays for.
pub struct HashOnly(JournalWriter<Background>);

impl Default for HashOnly {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a machine that runs tests can start a thread")]
        Self(JournalWriter::in_background(io::sink()).expect("a thread"))
    }
}

impl HashOnly {
    /// Entries and hash of the journal.
    pub fn finish(self) -> (u64, JournalHash) {
        #[expect(clippy::expect_used, reason = "a sink does not fail")]
        (self.0.entries(), self.0.finish().expect("the hash of a journal that goes nowhere"))
    }
}

impl Recorder for HashOnly {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.0.append(entry);
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}

    fn marks(&mut self, _marks: &Marks<'_>) {}
}

/// Keeps everything a run leaves behind, and its journal's hash.
pub struct Record {
    journal: JournalWriter<Chain<io::Sink>>,
    /// Order events.
    pub events: Vec<OrderEvent>,
    /// Decisions on orders.
    pub decisions: Vec<(OrderId, Decision)>,
    /// Fills.
    pub fills: Vec<Fill>,
    /// Closed trades.
    pub trades: Vec<ClosedTrade>,
    /// Funding payments.
    pub funding: Vec<FundingPayment>,
    /// Liquidations.
    pub liquidations: Vec<Liquidation>,
    /// What recorded markets had for the fills.
    pub matches: Vec<MarketMatch>,
    /// Changes of trading states.
    pub states: Vec<StateChange>,
    /// Steps.
    pub marks: u64,
    /// Equity of all strategies after the last step.
    pub equity: f64,
    /// Prices at the last step, by instrument.
    pub last_prices: Vec<f64>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            journal: JournalWriter::new(io::sink()),
            events: Vec::new(),
            decisions: Vec::new(),
            fills: Vec::new(),
            trades: Vec::new(),
            funding: Vec::new(),
            liquidations: Vec::new(),
            matches: Vec::new(),
            states: Vec::new(),
            marks: 0,
            equity: 0.0,
            last_prices: Vec::new(),
        }
    }
}

impl Record {
    /// The journal's hash.
    pub fn journal_hash(self) -> JournalHash {
        #[expect(clippy::expect_used, reason = "a sink does not fail")]
        self.journal.finish().expect("the hash of a journal that goes nowhere")
    }
}

impl Recorder for Record {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.journal.append(entry);
        match entry {
            Entry::Order(event) => self.events.push(**event),
            Entry::Decision { id, decision, .. } => self.decisions.push((*id, **decision)),
            Entry::Fill(fill) => self.fills.push(**fill),
            Entry::Trade(trade) => self.trades.push(**trade),
            Entry::Funding(payment) => self.funding.push(**payment),
            Entry::Liquidation(liquidation) => self.liquidations.push(**liquidation),
            Entry::Market(seen) => self.matches.push(**seen),
            Entry::State(change) => self.states.push(**change),
            _ => {}
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.marks += 1;
        self.equity = mark.equities.iter().sum();
        self.last_prices.clear();
        self.last_prices.extend_from_slice(mark.prices);
    }
}
