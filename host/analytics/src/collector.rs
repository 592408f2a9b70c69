//! Listens to the engine and keeps what reports need.

use std::ops::Range;

use cryptobot_engine::{Columns, Entry, Mark, Marks, Recorder, StateChange};
use cryptobot_model::{
    ClosedTrade, Fill, FundingPayment, InstrumentId, Liquidation, Money, OrderEvent, OrderId, RefusalReason,
    StrategyId, Timestamp,
};

use crate::account::Activity;
use crate::curve::{Clock, EquityTrack, MarginTrack, PriceTrack, Tracks};
use crate::orders::{OrderBook, OrderOrigin};
use crate::positions::Held;
use crate::reasons::Verdict;
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
    /// The instrument of each of its series, by series: what an order was meant for that never got further.
    pub series: Vec<InstrumentId>,
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
    /// Equities by strategy; the portfolio's follows where there are several.
    tracks: Tracks,
    /// By strategy, then the portfolio's.
    activities: Vec<Activity>,
    /// By strategy and instrument.
    positions: Vec<Held>,
    /// Whether the rows of tables are kept: orders, fills and payments, and why orders ended.
    tables: bool,
    orders: OrderBook,
    fills: Vec<Fill>,
    trades: Vec<ClosedTrade>,
    funding: Vec<FundingPayment>,
    liquidations: Vec<Liquidation>,
    states: Vec<StateChange>,
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
            tracks: Tracks {
                equities: balances
                    .iter()
                    .map(|balance| EquityTrack::new(setup.from, balance.to_f64()))
                    .collect(),
                prices: vec![PriceTrack::new(); instruments],
                margins: vec![MarginTrack::new(); strategies],
            },
            activities: vec![Activity::default(); strategies + 1],
            positions: vec![Held::flat(setup.from); strategies * instruments],
            orders: OrderBook::new(setup.strategies.iter().map(|label| label.series.clone()).collect()),
            tables: true,
            fills: Vec::new(),
            trades: Vec::new(),
            funding: Vec::new(),
            liquidations: Vec::new(),
            states: Vec::new(),
            faults: Vec::new(),
            setup,
        }
    }

    /// A collector for the figures of a run that leaves no tables: its record has no rows of orders, fills and funding
    /// and does not tell why orders were refused. All else, the metrics among it, is the same.
    pub fn of_figures(setup: Setup) -> Self {
        Self { tables: false, ..Self::new(setup) }
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

    fn held(&mut self, strategy: StrategyId, instrument: InstrumentId) -> Option<&mut Held> {
        self.positions.get_mut(strategy.index() * self.setup.instruments.len() + instrument.index())
    }

    fn decision(&mut self, ts: Timestamp, id: OrderId, verdict: Verdict<'_>) {
        let tables = self.tables;
        if tables {
            self.orders.decision(ts, id, verdict);
        }
        if let Some(strategy) = id.strategy().filter(|_| !verdict.follows_its_entry()) {
            let error = verdict.reason.filter(|_| tables).and_then(|reason| self.venue_error(id, reason));
            self.count(strategy, |activity| {
                if tables {
                    activity.reasons.decision(verdict, error);
                }
                if verdict.sent.is_some() {
                    activity.orders += 1;
                } else {
                    activity.refused += 1;
                }
            });
        }
    }

    /// The host closes a position, of a strategy that is stopped or else at the operator's command.
    fn closing(&mut self, id: OrderId) {
        let mut faults = self.faults.iter().rev();
        let newest = faults.find(|fault| Some(fault.strategy) == id.strategy());
        let is_stopped = newest.is_some_and(|fault| fault.restarted_at.is_none());
        self.orders.closing(id, if is_stopped { OrderOrigin::AfterFault } else { OrderOrigin::Kill });
    }

    fn event(&mut self, event: &OrderEvent) {
        let told = if self.tables { self.orders.event(event) } else { None };
        if let Some(lived) = told {
            let error = event.reason.and_then(|reason| self.venue_error(event.id, reason));
            self.count(event.strategy, |activity| activity.reasons.event(event, lived, error));
        }
    }

    /// What the venue of an order has for a refusal.
    fn venue_error(&mut self, id: OrderId, reason: RefusalReason) -> Option<&'static str> {
        let order = self.orders.row(id)?;
        let venue = &self.setup.instruments[order.instrument?.index()].venue;
        reason.venue_error(venue, order.side, order.terms.tif)
    }

    fn fill(&mut self, fill: &Fill) {
        let notional = fill.quantity.at(fill.price);
        self.count(fill.strategy, |activity| activity.fill(fill, notional));
        if let Some(held) = self.held(fill.strategy, fill.instrument) {
            let before = held.quantity;
            held.fill(fill);
            let after = held.quantity;
            self.count(fill.strategy, |activity| {
                activity.position(fill.ts, before, after);
            });
        }
        if self.tables {
            self.orders.fill(fill);
            self.fills.push(*fill);
        }
    }

    fn trade(&mut self, trade: &ClosedTrade) {
        // What the fund bears for a wallet that an ordinary fill empties, no liquidation tells.
        let told = self.held(trade.strategy, trade.instrument);
        let told = told.map_or(Money::ZERO, |held| std::mem::take(&mut held.insurance));
        self.count(trade.strategy, |activity| {
            activity.trades += 1;
            activity.insurance += trade.insurance - told;
        });
        self.trades.push(*trade);
    }

    fn funding(&mut self, payment: &FundingPayment) {
        self.count(payment.strategy, |activity| activity.funding(payment));
        if let Some(held) = self.held(payment.strategy, payment.instrument)
            && !held.quantity.is_zero()
        {
            held.costs.funding += payment.paid;
        }
        if self.tables {
            self.funding.push(*payment);
        }
    }

    fn liquidation(&mut self, liquidation: &Liquidation) {
        self.count(liquidation.strategy, |activity| {
            activity.liquidation(liquidation);
            activity.insurance += liquidation.insurance;
        });
        if let Some(held) = self.held(liquidation.strategy, liquidation.instrument) {
            held.insurance += liquidation.insurance;
        }
        // The mark price that brought the ratio to 1 may lie inside a bar, where no mark of the engine shows it.
        if let Some(track) = self.tracks.margins.get_mut(liquidation.strategy.index()) {
            track.step(liquidation.ts.0, 1.0);
        }
        self.liquidations.push(*liquidation);
    }

    /// Takes steps that belong to the open bucket.
    fn bucket(&mut self, marks: &Marks<'_>, rows: Range<usize>) {
        let times = &marks.ts[rows.clone()];
        let Tracks { equities, prices, margins } = &mut self.tracks;
        for (track, column) in equities.iter_mut().zip(marks.equities.iter()) {
            track.steps(times, &column[rows.clone()]);
        }
        // One strategy is its own portfolio.
        if let Some(portfolio) = equities.get_mut(marks.equities.len()) {
            for (row, ts) in rows.clone().zip(times) {
                portfolio.step(ts.0, marks.equities.iter().fold(0.0, |total, column| total + column[row]));
            }
        }
        for (track, column) in prices.iter_mut().zip(marks.prices.iter()) {
            track.steps(&column[rows.clone()]);
        }
        for (track, column) in margins.iter_mut().zip(marks.margin_ratios.iter()) {
            times.iter().zip(&column[rows.clone()]).for_each(|(ts, ratio)| track.step(ts.0, *ratio));
        }
        self.clock.last = times.last().map_or(self.clock.last, |ts| ts.0);
    }

    #[cold]
    fn roll(&mut self, ts: i64) {
        if self.started {
            self.clock.close(&mut self.tracks);
        }
        self.clock.open(ts, &mut self.tracks);
        self.started = true;
    }

    /// Ends the run. `final_equities` are the ledger's exact equities by strategy; where one is missing, the
    /// newest marked equity is taken.
    pub fn finish(mut self, final_equities: &[Money]) -> Record {
        let end = Timestamp(self.clock.last);
        let open_positions = self.open_positions();
        if self.started {
            self.clock.close(&mut self.tracks);
        }
        let step_nanos = self.clock.step_nanos();
        let Tracks { equities, prices, margins } = self.tracks;
        let mut curves = equities.into_iter().map(|track| track.finish(end));
        let mut strategies = Vec::new();
        for ((index, label), margin) in self.setup.strategies.into_iter().enumerate().zip(margins) {
            let curve = curves.next().unwrap_or_default();
            let mut account =
                AccountRecord::new(label.name, label.initial_balance, curve, &self.activities[index], end);
            if let Some(exact) = final_equities.get(index) {
                account.final_equity = *exact;
            }
            account.instruments = label.instruments;
            (account.margin, account.margin_peak) = margin.finish();
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
            prices: prices.into_iter().map(PriceCurve::new).collect(),
            instruments: self.setup.instruments,
            strategies,
            portfolio,
            orders: self.orders.into_rows(),
            fills: self.fills,
            trades: self.trades,
            funding: self.funding,
            liquidations: self.liquidations,
            states: self.states,
            faults: self.faults,
            open_positions,
        }
    }

    fn open_positions(&self) -> Vec<OpenPosition> {
        let instruments = self.setup.instruments.len();
        let open = self.positions.iter().enumerate().filter(|(_, held)| !held.quantity.is_zero());
        open.map(|(index, held)| OpenPosition {
            strategy: StrategyId::from(index / instruments),
            instrument: (index % instruments).into(),
            quantity: held.quantity,
            opened_at: held.opened_at,
            price: self.tracks.prices[index % instruments].last(),
            costs: held.costs,
            insurance: held.insurance,
        })
        .collect()
    }
}

impl Recorder for Collector {
    fn entry(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Intent { ts, strategy, intent } => {
                self.count(strategy, |activity| activity.intents += 1);
                if self.tables {
                    self.orders.intent(ts, strategy, intent);
                }
            }
            Entry::Decision { ts, id, decision } => self.decision(ts, id, decision.into()),
            Entry::Order(event) => self.event(event),
            Entry::Fill(fill) => self.fill(fill),
            Entry::Trade(trade) => self.trade(trade),
            Entry::Funding(payment) => self.funding(payment),
            Entry::Liquidation(liquidation) => self.liquidation(liquidation),
            Entry::State(change) => self.states.push(*change),
            Entry::Closing { id, .. } => self.closing(id),
            Entry::Wallet { .. } | Entry::Market(_) => {}
            Entry::Fault { ts, strategy, fault } => {
                self.faults.push(FaultRecord { ts, strategy, fault: fault.clone(), restarted_at: None });
            }
            Entry::Restart { ts, strategy } => {
                if let Some(fault) = self.faults.iter_mut().rev().find(|fault| fault.strategy == strategy) {
                    fault.restarted_at = Some(ts);
                }
            }
        }
    }

    fn marks(&mut self, marks: &Marks<'_>) {
        let mut begin = 0;
        while let Some(ts) = marks.ts.get(begin) {
            if ts.0 > self.clock.end || !self.started {
                self.roll(ts.0);
            }
            let rest = &marks.ts[begin..];
            let rows = begin..begin + rest.partition_point(|ts| ts.0 <= self.clock.end).max(1);
            self.bucket(marks, rows.clone());
            begin = rows.end;
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.marks(&Marks {
            ts: &[mark.ts],
            prices: Columns::new(mark.prices, 1, 1),
            equities: Columns::new(mark.equities, 1, 1),
            margin_ratios: Columns::new(mark.margin_ratios, 1, 1),
        });
    }
}
