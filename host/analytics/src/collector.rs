//! Listens to the engine and keeps what reports need.

use cryptobot_engine::{Entry, Mark, Recorder};
use cryptobot_model::{ClosedTrade, Fill, InstrumentId, Money, Quantity, StrategyId, Timestamp};

use crate::account::Activity;
use crate::curve::{Clock, EquityTrack, PriceTrack};
use crate::orders::OrderBook;
use crate::record::{AccountRecord, FaultRecord, OpenPosition, PriceCurve, Record};

/// A strategy as reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLabel {
    /// Name of its slot.
    pub name: String,
    /// What it begins with.
    pub initial_balance: Money,
    /// What it may trade, by which its buy-and-hold comparison is made; empty = all instruments of the run.
    pub instruments: Vec<InstrumentId>,
}

/// An instrument as reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentLabel {
    /// Venue, for example `binance-usdm`.
    pub venue: String,
    /// Symbol, for example `BTCUSDT`.
    pub symbol: String,
}

/// What a [`Collector`] has to know before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Strategies by id.
    pub strategies: Vec<AccountLabel>,
    /// Instruments by id.
    pub instruments: Vec<InstrumentLabel>,
    /// Begin of the run: the open time of its first bar. Equity is the initial balance here.
    pub from: Timestamp,
    /// Expected end. A run that goes on longer coarsens its curves; nothing else depends on it.
    pub to: Timestamp,
}

/// Keeps the curves of a run in bounded memory, and a row per order, fill and trade.
///
/// The step of [`Recorder::mark`] makes a few comparisons and one division per account; only a full bucket
/// allocates.
#[derive(Clone, Debug)]
pub struct Collector {
    setup: Setup,
    clock: Clock,
    started: bool,
    /// By strategy; the portfolio's follows where there are several.
    equities: Vec<EquityTrack>,
    prices: Vec<PriceTrack>,
    /// By strategy, then the portfolio's.
    activities: Vec<Activity>,
    /// Signed quantities and the time of their first fill, by strategy and instrument.
    positions: Vec<(Quantity, Timestamp)>,
    orders: OrderBook,
    fills: Vec<Fill>,
    trades: Vec<ClosedTrade>,
    faults: Vec<FaultRecord>,
}

impl Collector {
    /// A collector for one run.
    pub fn new(setup: Setup) -> Self {
        let (strategies, instruments) = (setup.strategies.len(), setup.instruments.len());
        let mut balances: Vec<Money> = setup.strategies.iter().map(|label| label.initial_balance).collect();
        if strategies != 1 {
            balances.push(balances.iter().copied().sum());
        }
        Self {
            clock: Clock::new(setup.from, setup.to.0.saturating_sub(setup.from.0)),
            started: false,
            equities: balances.iter().map(|balance| EquityTrack::new(setup.from, balance.to_f64())).collect(),
            prices: vec![PriceTrack::new(); instruments],
            activities: vec![Activity::default(); strategies + 1],
            positions: vec![(Quantity::ZERO, setup.from); strategies * instruments],
            orders: OrderBook::new(strategies),
            fills: Vec::new(),
            trades: Vec::new(),
            faults: Vec::new(),
            setup,
        }
    }

    /// Does `change` to the activity of a strategy and of the portfolio.
    fn count(&mut self, strategy: StrategyId, change: impl Fn(&mut Activity)) {
        let portfolio = self.setup.strategies.len();
        for index in [strategy.index(), portfolio] {
            if let Some(activity) = self.activities.get_mut(index) {
                change(activity);
            }
        }
    }

    fn fill(&mut self, fill: &Fill) {
        let notional = fill.quantity.at(fill.price);
        self.count(fill.strategy, |activity| activity.fill(fill, notional));
        let index = fill.strategy.index() * self.setup.instruments.len() + fill.instrument.index();
        if let Some((position, opened_at)) = self.positions.get_mut(index) {
            let before = *position;
            *position += fill.side.signed(fill.quantity);
            let after = *position;
            if before.signum() != after.signum() {
                *opened_at = fill.ts;
            }
            self.count(fill.strategy, |activity| {
                activity.position(fill.ts, before, after);
            });
        }
        self.orders.fill(fill);
        self.fills.push(*fill);
    }

    fn trade(&mut self, trade: &ClosedTrade) {
        self.count(trade.strategy, |activity| {
            activity.trades += 1;
            activity.costs.funding += trade.funding;
        });
        self.trades.push(*trade);
    }

    #[cold]
    fn roll(&mut self, ts: i64) {
        if self.started {
            self.clock.close(&mut self.equities, &mut self.prices);
        }
        self.clock.open(ts, &mut self.equities, &mut self.prices);
        self.started = true;
    }

    /// Ends the run. `final_equities` are the ledger's exact equities by strategy; where one is missing, the
    /// newest marked equity is taken.
    pub fn finish(mut self, final_equities: &[Money]) -> Record {
        let end = Timestamp(self.clock.last);
        let open_positions = self.open_positions();
        if self.started {
            self.clock.close(&mut self.equities, &mut self.prices);
        }
        let step_nanos = self.clock.step_nanos();
        let mut curves = self.equities.into_iter().map(|track| track.finish(end));
        let mut strategies = Vec::new();
        for (index, label) in self.setup.strategies.into_iter().enumerate() {
            let curve = curves.next().unwrap_or_default();
            let mut account =
                AccountRecord::new(label.name, label.initial_balance, curve, &self.activities[index], end);
            if let Some(exact) = final_equities.get(index) {
                account.final_equity = *exact;
            }
            account.instruments = label.instruments;
            strategies.push(account);
        }
        let curve =
            curves.next().or_else(|| strategies.first().map(AccountRecord::curve)).unwrap_or_default();
        let balance = strategies.iter().map(|account| account.initial_balance).sum();
        let activity = &self.activities[strategies.len()];
        let mut portfolio = AccountRecord::new("portfolio".to_owned(), balance, curve, activity, end);
        portfolio.final_equity = strategies.iter().map(|account| account.final_equity).sum();
        Record {
            from: self.setup.from,
            to: end,
            step_nanos,
            times: self.clock.finish(),
            prices: self.prices.into_iter().map(PriceCurve::new).collect(),
            instruments: self.setup.instruments,
            strategies,
            portfolio,
            orders: self.orders.into_rows(),
            fills: self.fills,
            trades: self.trades,
            faults: self.faults,
            open_positions,
        }
    }

    fn open_positions(&self) -> Vec<OpenPosition> {
        let instruments = self.setup.instruments.len();
        let open = self.positions.iter().enumerate().filter(|(_, (quantity, _))| !quantity.is_zero());
        open.map(|(index, (quantity, opened_at))| OpenPosition {
            strategy: StrategyId::from(index / instruments),
            instrument: (index % instruments).into(),
            quantity: *quantity,
            opened_at: *opened_at,
            price: self.prices[index % instruments].last(),
        })
        .collect()
    }
}

impl Recorder for Collector {
    fn entry(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Intent { ts, strategy, intent } => {
                self.count(strategy, |activity| activity.intents += 1);
                self.orders.intent(ts, strategy, intent);
            }
            Entry::Decision { ts, id, decision } => {
                let approved = self.orders.decision(ts, id, decision);
                if let Some(strategy) = id.strategy() {
                    self.count(strategy, |activity| {
                        if approved {
                            activity.orders += 1;
                        } else {
                            activity.refused += 1;
                        }
                    });
                }
            }
            Entry::Order(event) => self.orders.event(event),
            Entry::Fill(fill) => self.fill(fill),
            Entry::Trade(trade) => self.trade(trade),
            Entry::Wallet { .. } | Entry::Funding(_) | Entry::Liquidation(_) | Entry::State(_) => {}
            Entry::Fault { ts, strategy, fault } => {
                self.faults.push(FaultRecord { ts, strategy, fault: fault.clone() });
            }
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        let ts = mark.ts.0;
        if ts > self.clock.end || !self.started {
            self.roll(ts);
        }
        self.clock.last = ts;
        let mut total = 0.0;
        for (track, equity) in self.equities.iter_mut().zip(mark.equities) {
            track.step(ts, *equity);
            total += equity;
        }
        // One strategy is its own portfolio.
        if let Some(portfolio) = self.equities.get_mut(mark.equities.len()) {
            portfolio.step(ts, total);
        }
        for (track, price) in self.prices.iter_mut().zip(mark.prices) {
            track.step(*price);
        }
    }
}
