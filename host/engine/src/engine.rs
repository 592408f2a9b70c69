//! The loop.
//!
//! Order of things at one time T: (1) what the market data ending at T covers is matched, (2) funding is paid on the
//! positions after it, (3) whose margin is gone is liquidated, (4) accounts are marked and the operator's
//! commands are executed, (5) news of orders and positions that is back by T is delivered,
//! (6) bars, base timeframe before higher ones, (7) timers. What a strategy asks for in a callback is decided and sent
//! right after that callback; what is to be said about it is news of the next step.

use std::ops::ControlFlow;
use std::time::Duration;

use cryptobot_ledger::MarginAccount;
use cryptobot_model::{Bar, InstrumentId, Money, OrderRequest, Price, StrategyId, Timestamp};
use cryptobot_risk::{Approved, Limits, RiskEngine};
use cryptobot_sim::Report;

use crate::change::{ChangeReport, Changes};
use crate::desk::{Intent, TimerCommand};
use crate::fault::{Fault, GuestCall};
use crate::feed::NEVER;
use crate::prices::PriceBoard;
use crate::recorder::{Mark, Recorder};
use crate::setup::{InstrumentSetup, SetupError, StrategySetup};
use crate::slot::{Holders, News, Slot};
use crate::source::SourceError;
use crate::timers::Timers;
use crate::venue::Venue;

mod arrival;
mod changes;
mod faults;
mod funding;
mod limits;
pub(crate) mod margin;
pub(crate) mod market;
mod operator;
mod orders;
mod quiet;
mod ratios;
mod reports;
mod requests;
mod stretch;

use margin::Margin;
use market::Market;
use operator::Operator;
use stretch::{NewestBar, Stretch};

pub use operator::{OperatorCommand, RefusedCommand};

/// Steps between two looks at progress and interruption.
const STEPS_PER_REPORT: u64 = 4_096;

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The setup contradicts itself.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A strategy failed while it went through a page of bars. At which of them is not known, so that nothing that came
    /// of the run counts: it has to be made again with one call per event, where the fault is an event of the run.
    #[error("the strategy failed inside a page: {0}")]
    InPage(Fault),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Event time.
    pub now: Timestamp,
    /// Base bars so far.
    pub bars: u64,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Base bars of all instruments.
    pub bars: u64,
    /// Event time of the last step.
    pub ended_at: Timestamp,
    /// Whether it was stopped before the data ended.
    pub interrupted: bool,
    /// Whether it ended before the data did because all strategies were stopped for good and had nothing left.
    pub abandoned: bool,
    /// Wall time of the calls of each strategy, all of its instances together; `None` where it is not taken.
    pub called: Vec<Option<Duration>>,
    /// Final wallets and equities, per strategy.
    pub accounts: Vec<FinalAccount>,
    /// The accounts at the exchange: one of all strategies, or one of each; none where margin is not simulated.
    pub exchange_accounts: Vec<MarginAccount>,
    /// Commands of the operator that were not followed, in the order in which they were given.
    pub refused_commands: Vec<RefusedCommand>,
    /// Faults, in the order in which they happened.
    pub faults: Vec<(StrategyId, Fault)>,
    /// What became of the changes that were asked for, in the order in which they were made.
    pub changes: Vec<ChangeReport>,
}

/// Takes what is left of instances that are not needed any more.
pub type Retire = Box<dyn FnMut(Box<dyn Send>)>;

/// A strategy's account at the end, open positions marked at the newest prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalAccount {
    /// Wallet balance.
    pub wallet: Money,
    /// Wallet plus unrealised profit, exact.
    pub equity: Money,
}

/// One run.
pub struct Engine<V> {
    venue: V,
    risk: RiskEngine,
    margin: Option<Margin>,
    markets: Vec<Market>,
    slots: Vec<Slot>,
    /// Newest closes.
    prices: Vec<f64>,
    /// Newest mark prices; closes where there are none. The board shows the same ones to the desks.
    marks: Vec<f64>,
    board: PriceBoard,
    equities: Vec<f64>,
    /// Empty where margin is not simulated.
    margin_ratios: Vec<f64>,
    timers: Timers,
    now: Timestamp,
    bars: u64,
    /// When the next base bar closes.
    next_close: Timestamp,
    /// When funding is due next, of any market.
    next_funding: Timestamp,
    has_higher_bars: bool,
    has_news: bool,
    operator: Operator,
    /// When the next report that is under way is back, a fresh instance takes over, or the operator gives a command.
    next_event: Timestamp,
    changes: Changes,
    retire: Option<Retire>,
    // Kept between steps for their memory only.
    stretch: Stretch,
    due: Vec<usize>,
    reports: Vec<Report>,
    exits: Vec<Approved<OrderRequest>>,
    intents: Vec<Intent>,
    timer_commands: Vec<TimerCommand>,
    /// What a fault is to name: the newest call that left something behind, and how many requests of it are handled.
    calling: GuestCall,
    handling: usize,
    faults: Vec<(StrategyId, Fault)>,
    /// A fault in a page, which ends the run: see [`EngineError::InPage`].
    lost: Option<Fault>,
}

impl<V: Venue> Engine<V> {
    /// Opens the sources and wires the series of all strategies.
    pub fn new(
        instruments: Vec<InstrumentSetup>,
        strategies: Vec<StrategySetup>,
        venue: V,
    ) -> Result<Self, EngineError> {
        let count = instruments.len();
        let mut slots: Vec<Slot> = strategies
            .into_iter()
            .enumerate()
            .map(|(index, setup)| Slot::new(StrategyId::from(index), setup, count))
            .collect();
        let board = PriceBoard::new(count);
        for slot in &mut slots {
            slot.strategy.desk().account.marks = board.clone();
        }
        let mut markets = Vec::with_capacity(count);
        for (index, setup) in instruments.into_iter().enumerate() {
            markets.push(Market::wire(InstrumentId::from(index), setup, &mut slots)?);
        }
        Ok(Self {
            venue,
            risk: RiskEngine::new(Limits::default(), slots.len(), count),
            margin: None,
            next_close: markets.iter().map(|market: &Market| market.next_close).min().unwrap_or(NEVER),
            next_funding: markets.iter().map(Market::next_funding).min().unwrap_or(NEVER),
            has_news: false,
            operator: Operator::default(),
            next_event: NEVER,
            has_higher_bars: markets.iter().any(|market| !market.higher.is_empty()),
            prices: vec![f64::NAN; count],
            marks: vec![f64::NAN; count],
            board,
            equities: vec![0.0; slots.len()],
            margin_ratios: Vec::new(),
            stretch: Stretch::new(&markets, slots.len()),
            markets,
            slots,
            timers: Timers::default(),
            now: Timestamp(i64::MIN),
            bars: 0,
            changes: Changes::default(),
            retire: None,
            due: Vec::new(),
            reports: Vec::new(),
            exits: Vec::new(),
            intents: Vec::new(),
            timer_commands: Vec::new(),
            calling: GuestCall::Init,
            handling: 0,
            faults: Vec::new(),
            lost: None,
        })
    }

    /// Runs until the data end, all strategies are stopped for good with nothing left, or `progress` breaks.
    pub fn run(
        &mut self,
        recorder: &mut dyn Recorder,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Outcome, EngineError> {
        let (mut interrupted, mut abandoned) = (false, false);
        self.start(recorder);
        self.stretch.newest_bar = NewestBar::MayWait;
        let mut steps: u64 = 0;
        loop {
            let until_report = STEPS_PER_REPORT - steps % STEPS_PER_REPORT;
            let passed = self.pass(until_report, recorder)?;
            steps += passed;
            if passed == 0 {
                if !self.advance(recorder)? {
                    break;
                }
                steps += 1;
            }
            if steps.is_multiple_of(STEPS_PER_REPORT) {
                self.deliver_waiting(recorder)?;
                if progress(Progress { now: self.now, bars: self.bars }).is_break() {
                    interrupted = true;
                    break;
                }
                if self.is_over() {
                    abandoned = true;
                    break;
                }
            }
        }
        Ok(Outcome { abandoned, ..self.finish(interrupted, recorder) })
    }

    /// Makes one step, for whoever drives the engine himself: [`Engine::start`], steps, [`Engine::finish`]. `false` where
    /// the data have ended.
    #[inline]
    pub fn advance(&mut self, recorder: &mut dyn Recorder) -> Result<bool, EngineError> {
        let Some(mut at) = self.next_time() else { return Ok(false) };
        if self.changes.are_due(at, self.bars) {
            self.make_changes(at, recorder);
            // A version that took over may have set a timer.
            at = self.next_time().unwrap_or(at);
        }
        self.step(at, recorder)?;
        self.check_page()?;
        Ok(true)
    }

    /// Ends a run: the strategies stop.
    pub fn finish(&mut self, interrupted: bool, recorder: &mut dyn Recorder) -> Outcome {
        self.stop(recorder);
        self.changes.end();
        let changes = std::mem::take(&mut self.changes.reports);
        let called = self.slots.iter_mut().map(Slot::called).collect();
        Outcome { called, changes, ..self.outcome(interrupted) }
    }

    /// The strategies, for their logs and state after the run.
    pub fn into_strategies(self) -> Vec<Box<dyn crate::Strategy>> {
        self.slots.into_iter().map(|slot| slot.strategy).collect()
    }

    /// Begins a run: the strategies are initialised.
    pub fn start(&mut self, recorder: &mut dyn Recorder) {
        self.now = if self.next_close == NEVER { Timestamp(0) } else { self.next_close };
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            slot.strategy.desk().begin(self.now);
            let asked = slot.strategy.init().map(|()| slot.asked());
            self.finish_callback(index, GuestCall::Init, asked, recorder);
            self.slots[index].strategy.desk().accepting = true;
        }
        self.now = Timestamp(i64::MIN);
    }

    fn stop(&mut self, recorder: &mut dyn Recorder) {
        for index in 0..self.slots.len() {
            if self.slots[index].is_active() {
                let desk = self.slots[index].strategy.desk();
                desk.accepting = false;
                desk.begin(self.now);
                let slot = &mut self.slots[index];
                let asked = slot.strategy.stop().map(|()| slot.asked());
                self.finish_callback(index, GuestCall::Stop, asked, recorder);
            }
        }
    }

    /// The time of the next step: the next bar, higher bar, report or timer. `None` when the base bars have ended.
    #[inline]
    fn next_time(&self) -> Option<Timestamp> {
        if self.next_close == NEVER { None } else { Some(self.next_step()) }
    }

    /// The time of the next step, whether more base bars are known or not; [`NEVER`] where nothing is due.
    #[inline]
    fn next_step(&self) -> Timestamp {
        let mut next = self.next_close.min(self.next_event);
        if self.has_higher_bars {
            for (aggregator, _) in self.markets.iter().flat_map(|market| &market.higher) {
                next = next.min(aggregator.closes_at());
            }
        }
        if self.timers.is_empty() {
            return next;
        }
        self.timers.next_after(self.now).map_or(next, |timer| timer.min(next))
    }

    #[inline]
    fn step(&mut self, at: Timestamp, recorder: &mut dyn Recorder) -> Result<(), SourceError> {
        self.now = at;
        self.take_bars(recorder)?;
        if self.next_funding <= at {
            if let Some(margin) = &mut self.margin {
                margin.look_inside(&self.markets, at, &self.marks);
            }
            self.pay_funding(recorder);
        }
        self.settle(recorder);
        Ok(())
    }

    /// What a step does once prices are known and funding is paid.
    fn settle(&mut self, recorder: &mut dyn Recorder) {
        if let Some(margin) = &mut self.margin
            && !margin.is_safe(&self.marks)
        {
            self.liquidate(recorder);
        }
        self.mark(recorder);
        if self.next_event <= self.now {
            self.receive_reports(recorder);
        }
        if self.has_news {
            self.deliver_news(recorder);
        }
        if self.newest_bar_may_wait() {
            self.stretch.newest_bar = NewestBar::Waits;
        } else {
            self.deliver_bars(0, 0, recorder);
        }
    }

    /// Takes the bars that close now and matches orders with them, instrument by instrument.
    #[inline]
    fn take_bars(&mut self, recorder: &mut dyn Recorder) -> Result<(), SourceError> {
        self.due.clear();
        self.next_close = NEVER;
        let Self { venue, markets, slots, prices, reports, .. } = self;
        for (index, (market, price)) in markets.iter_mut().zip(prices).enumerate() {
            if market.next_close == self.now {
                let (interval, mark) = market.take()?;
                *price = interval.bar.close;
                let marked = mark.map_or(*price, |mark| mark.bar.close);
                self.marks[index] = marked;
                self.board.set(index, marked);
                self.due.push(index);
                let instrument = InstrumentId::from(index);
                venue.on_bar(
                    instrument,
                    interval,
                    mark,
                    &Holders { slots, margin: self.margin.as_ref() },
                    reports,
                );
                if !reports.is_empty() {
                    if let Some(margin) = &mut self.margin {
                        margin.match_within(&mark.unwrap_or(interval).bar);
                    }
                    let booked = reports::book(
                        slots,
                        instrument,
                        self.now,
                        reports,
                        &mut self.risk,
                        &mut self.margin,
                        recorder,
                    );
                    self.has_news |= booked.has_news;
                    self.next_event =
                        self.next_event.min(booked.next_event).min(self.operator.after_fills(self.now));
                }
            }
            self.next_close = self.next_close.min(market.next_close);
        }
        self.venue.fault().map_or(Ok(()), Err)?;
        self.bars += self.due.len() as u64;
        if self.risk.watches_bars() {
            self.watch_bars(recorder);
        }
        Ok(())
    }

    fn mark(&mut self, recorder: &mut dyn Recorder) {
        for (equity, slot) in self.equities.iter_mut().zip(&self.slots) {
            *equity = slot.equity(&self.marks);
        }
        if self.risk.watches_equity() {
            self.watch_equity(recorder);
        }
        if let Some(margin) = &mut self.margin {
            margin.ratios(&self.markets, self.now, &self.marks, &mut self.margin_ratios);
        }
        recorder.mark(&Mark {
            ts: self.now,
            prices: &self.prices,
            equities: &self.equities,
            margin_ratios: &self.margin_ratios,
        });
    }

    #[inline(never)]
    fn deliver_news(&mut self, recorder: &mut dyn Recorder) {
        self.has_news = false;
        for index in 0..self.slots.len() {
            if self.slots[index].news.is_empty() {
                continue;
            }
            if !self.is_own_step(index) {
                self.has_news = true;
                continue;
            }
            if !self.slots[index].is_active() {
                self.look_after(index, recorder);
                continue;
            }
            let mut all_news = std::mem::take(&mut self.slots[index].news);
            for news in &all_news {
                let slot = &mut self.slots[index];
                if !slot.is_active() {
                    break;
                }
                slot.strategy.desk().begin(self.now);
                let (call, result) = match news {
                    News::Order(event) => (GuestCall::OnOrder, slot.strategy.on_order(event)),
                    News::Closed(series, trade) => {
                        (GuestCall::OnPositionClose, slot.strategy.on_position_close(*series, trade))
                    }
                };
                let asked = result.map(|()| slot.asked());
                self.finish_callback(index, call, asked, recorder);
            }
            // What came up meanwhile is for the next step; the old list's memory is kept.
            all_news.clear();
            all_news.append(&mut self.slots[index].news);
            self.slots[index].news = all_news;
        }
    }

    /// Delivers the bars of this step, and what comes after them. Of the due market at `position` those are told that
    /// come at or after `subscriber`; of the ones before it, nobody.
    fn deliver_bars(&mut self, position: usize, subscriber: usize, recorder: &mut dyn Recorder) {
        let (position, mut subscriber) = self.deliver_in_page(position, subscriber, recorder);
        for position in position..self.due.len() {
            let market = self.due[position];
            // Looked up anew for every subscriber: what one of them asks for may touch anything.
            while let Some((index, series)) = self.markets[market].base.get(subscriber) {
                let (index, bar) = (*index, &self.markets[market].feed.newest().bar);
                let asked = self.slots[index].bar_closed(self.now, *series, bar);
                if !matches!(asked, Ok(false)) {
                    self.finish_callback(index, GuestCall::OnBar, asked, recorder);
                }
                subscriber += 1;
            }
            subscriber = 0;
        }
        if self.has_higher_bars {
            for index in &self.due {
                self.markets[*index].build_higher();
            }
            self.deliver_higher_bars(recorder);
        }
        if !self.timers.is_empty() {
            self.deliver_timers(recorder);
        }
    }

    /// Delivers the higher bars that close now: by timeframe, then instrument.
    #[inline(never)]
    fn deliver_higher_bars(&mut self, recorder: &mut dyn Recorder) {
        let mut closed: Vec<(i64, usize, usize, Bar)> = Vec::new();
        for (market_index, market) in self.markets.iter_mut().enumerate() {
            for (position, (aggregator, _)) in market.higher.iter_mut().enumerate() {
                if aggregator.closes_at() == self.now
                    && let Some(bar) = aggregator.close()
                {
                    closed.push((aggregator.length_ns(), market_index, position, bar));
                }
            }
        }
        closed.sort_by_key(|(length, market, position, _)| (*length, *market, *position));
        for (_, market, position, bar) in closed {
            for subscriber in 0..self.markets[market].higher[position].1.len() {
                let (index, series) = self.markets[market].higher[position].1[subscriber];
                let asked = self.slots[index].bar_closed(self.now, series, &bar);
                self.finish_callback(index, GuestCall::OnBar, asked, recorder);
            }
        }
    }

    #[inline(never)]
    fn deliver_timers(&mut self, recorder: &mut dyn Recorder) {
        let mut due = Vec::new();
        self.timers.take_due(self.now, &mut due);
        for position in 0..due.len() {
            let (at, strategy, id) = due[position];
            let is_overdue = at < self.now;
            if is_overdue
                && !self.is_own_step(strategy.index())
                && !due.iter().any(|(at, of, _)| *of == strategy && *at == self.now)
            {
                self.timers.set(strategy, id, at);
                continue;
            }
            let slot = &mut self.slots[strategy.index()];
            if slot.is_active() && slot.wants.timers {
                slot.strategy.desk().begin(self.now);
                let called = slot.count_timer(self.bars).and_then(|()| slot.strategy.on_timer(id, self.now));
                let asked = called.map(|()| slot.asked());
                self.finish_callback(strategy.index(), GuestCall::OnTimer, asked, recorder);
            }
        }
    }

    /// After every callback: a fault quarantines, what was asked for is decided and sent.
    #[inline(never)]
    fn finish_callback(
        &mut self,
        index: usize,
        call: GuestCall,
        asked: Result<bool, Fault>,
        recorder: &mut dyn Recorder,
    ) {
        self.calling = call;
        match asked {
            Ok(false) => {}
            Ok(true) => self.handle_requests(index, recorder),
            Err(fault) => self.quarantine(index, fault, recorder),
        }
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        let accounts = self.slots.iter().map(|slot| {
            let open = slot.account.positions().iter().zip(&self.marks);
            let unrealised = open
                .filter(|(position, _)| !position.quantity().is_zero())
                .map(|(position, price)| {
                    position.quantity().at(Price::from_f64(*price).unwrap_or_default()) - position.cost()
                })
                .sum::<Money>();
            FinalAccount { wallet: slot.wallet(), equity: slot.wallet() + unrealised }
        });
        Outcome {
            bars: self.bars,
            ended_at: self.now,
            interrupted,
            abandoned: false,
            called: Vec::new(),
            accounts: accounts.collect(),
            exchange_accounts: self.margin.as_ref().map(Margin::accounts).unwrap_or_default().to_vec(),
            refused_commands: self.operator.refused.clone(),
            faults: self.faults.clone(),
            changes: Vec::new(),
        }
    }
}
