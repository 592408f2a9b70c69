//! The loop.
//!
//! Order of things at one time T: (1) what the market data ending at T covers is matched, (2) prices are marked,
//! (3) news of orders and positions is delivered, (4) bars, base timeframe before higher ones, (5) timers. What a
//! strategy asks for in a callback is decided and sent right after that callback; what is to be said about it is news
//! of the next step.

use std::ops::ControlFlow;

use cryptobot_model::{Bar, Fill, InstrumentId, Money, Price, SeriesId, StrategyId, Timestamp};
use cryptobot_sim::Report;

use crate::desk::{Intent, TimerCommand};
use crate::fault::Fault;
use crate::feed::NEVER;
use crate::recorder::{Entry, Mark, Recorder};
use crate::setup::{InstrumentSetup, SetupError, StrategySetup};
use crate::slot::{News, Slot};
use crate::source::SourceError;
use crate::timers::Timers;
use crate::venue::Venue;

mod market;
mod requests;

use market::Market;

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
    /// Final wallets and equities, per strategy.
    pub accounts: Vec<FinalAccount>,
    /// Faults, in the order of strategies.
    pub faults: Vec<(StrategyId, Fault)>,
}

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
    markets: Vec<Market>,
    slots: Vec<Slot>,
    prices: Vec<f64>,
    equities: Vec<f64>,
    timers: Timers,
    now: Timestamp,
    bars: u64,
    /// When the next base bar of each market closes.
    next_closes: Vec<Timestamp>,
    has_higher_bars: bool,
    has_news: bool,
    // Kept between steps for their memory only.
    due: Vec<usize>,
    reports: Vec<Report>,
    intents: Vec<Intent>,
    timer_commands: Vec<TimerCommand>,
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
        let mut markets = Vec::with_capacity(count);
        for (index, setup) in instruments.into_iter().enumerate() {
            markets.push(Market::wire(InstrumentId::from(index), setup, &mut slots)?);
        }
        Ok(Self {
            venue,
            next_closes: markets.iter().map(|market: &Market| market.feed.next_close()).collect(),
            has_news: false,
            has_higher_bars: markets.iter().any(|market| !market.higher.is_empty()),
            prices: vec![f64::NAN; count],
            equities: vec![0.0; slots.len()],
            markets,
            slots,
            timers: Timers::default(),
            now: Timestamp(i64::MIN),
            bars: 0,
            due: Vec::new(),
            reports: Vec::new(),
            intents: Vec::new(),
            timer_commands: Vec::new(),
        })
    }

    /// Runs until the data end, all strategies are quarantined or `progress` breaks.
    pub fn run(
        &mut self,
        recorder: &mut dyn Recorder,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Outcome, EngineError> {
        let mut interrupted = false;
        self.start(recorder);
        let mut steps: u64 = 0;
        while let Some(at) = self.next_time() {
            self.step(at, recorder)?;
            steps += 1;
            if steps.is_multiple_of(STEPS_PER_REPORT) {
                if progress(Progress { now: self.now, bars: self.bars }).is_break() {
                    interrupted = true;
                    break;
                }
                if self.slots.iter().all(|slot| !slot.is_active()) {
                    break;
                }
            }
        }
        self.stop(recorder);
        Ok(self.outcome(interrupted))
    }

    /// The strategies, for their logs and state after the run.
    pub fn into_strategies(self) -> Vec<Box<dyn crate::Strategy>> {
        self.slots.into_iter().map(|slot| slot.strategy).collect()
    }

    fn start(&mut self, recorder: &mut dyn Recorder) {
        self.now = self.markets.iter().map(|market| market.feed.next_close()).min().unwrap_or(Timestamp(0));
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            slot.strategy.desk().begin(self.now);
            let result = slot.strategy.init();
            self.finish_callback(index, result, recorder);
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
                let result = self.slots[index].strategy.stop();
                self.finish_callback(index, result, recorder);
            }
        }
    }

    /// The time of the next step: the next bar, higher bar or timer. `None` when the base bars have ended.
    fn next_time(&self) -> Option<Timestamp> {
        let mut next = NEVER;
        for close in &self.next_closes {
            next = next.min(*close);
        }
        if next == NEVER {
            return None;
        }
        if self.has_higher_bars {
            for (aggregator, _) in self.markets.iter().flat_map(|market| &market.higher) {
                next = next.min(aggregator.closes_at());
            }
        }
        if self.timers.is_empty() {
            return Some(next);
        }
        Some(self.timers.next_after(self.now).map_or(next, |timer| timer.min(next)))
    }

    fn step(&mut self, at: Timestamp, recorder: &mut dyn Recorder) -> Result<(), SourceError> {
        self.now = at;
        self.due.clear();
        for (index, (close, market)) in self.next_closes.iter_mut().zip(&mut self.markets).enumerate() {
            if *close == at {
                market.feed.take(&mut market.bar)?;
                *close = market.feed.next_close();
                self.prices[index] = market.bar.bar.close;
                self.due.push(index);
            }
        }
        self.bars += self.due.len() as u64;
        for position in 0..self.due.len() {
            self.match_bar(self.due[position], recorder);
        }
        self.mark(recorder);
        if std::mem::take(&mut self.has_news) {
            self.deliver_news(recorder);
        }
        self.deliver_bars(recorder);
        if !self.timers.is_empty() {
            self.deliver_timers(recorder);
        }
        Ok(())
    }

    fn match_bar(&mut self, index: usize, recorder: &mut dyn Recorder) {
        let instrument = InstrumentId::from(index);
        let slots = &self.slots;
        let position_of =
            |strategy: StrategyId| slots[strategy.index()].account.position(instrument).quantity();
        self.venue.on_bar(instrument, &self.markets[index].bar, &position_of, &mut self.reports);
        if !self.reports.is_empty() {
            self.apply_reports(instrument, recorder);
        }
    }

    // Kept out of the loop, which most bars go through without any report: the loop stays in registers.
    #[inline(never)]
    fn apply_reports(&mut self, instrument: InstrumentId, recorder: &mut dyn Recorder) {
        let mut reports = std::mem::take(&mut self.reports);
        for report in reports.drain(..) {
            self.apply(instrument, &report, recorder);
        }
        self.reports = reports;
    }

    fn apply(&mut self, instrument: InstrumentId, report: &Report, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[report.event.strategy.index()];
        recorder.entry(&Entry::Order(&report.event));
        slot.follow(&report.event);
        slot.refresh_pending(instrument);
        slot.news.push(News::Order(report.event));
        self.has_news = true;
        if let Some(fill) = &report.fill {
            apply_fill(slot, report.event.series, fill, recorder);
        }
    }

    fn mark(&mut self, recorder: &mut dyn Recorder) {
        for index in &self.due {
            let market = &self.markets[*index];
            for trader in &market.traders {
                self.slots[*trader].strategy.desk().account.marks[*index] = market.bar.bar.close;
            }
        }
        for (equity, slot) in self.equities.iter_mut().zip(&self.slots) {
            *equity = slot.equity(&self.prices);
        }
        recorder.mark(&Mark { ts: self.now, prices: &self.prices, equities: &self.equities });
    }

    #[inline(never)]
    fn deliver_news(&mut self, recorder: &mut dyn Recorder) {
        for index in 0..self.slots.len() {
            if self.slots[index].news.is_empty() {
                continue;
            }
            let mut all_news = std::mem::take(&mut self.slots[index].news);
            for news in all_news.drain(..) {
                let slot = &mut self.slots[index];
                if !slot.is_active() {
                    break;
                }
                slot.strategy.desk().begin(self.now);
                let result = match news {
                    News::Order(event) if slot.wants.orders => slot.strategy.on_order(&event),
                    News::Closed(series, trade) if slot.wants.position_closes => {
                        slot.strategy.on_position_close(series, &trade)
                    }
                    News::Order(_) | News::Closed(..) => continue,
                };
                self.finish_callback(index, result, recorder);
            }
            // What came up meanwhile is for the next step; the old list's memory is kept.
            all_news.append(&mut self.slots[index].news);
            self.slots[index].news = all_news;
        }
    }

    fn deliver_bars(&mut self, recorder: &mut dyn Recorder) {
        for position in 0..self.due.len() {
            let market = self.due[position];
            for subscriber in 0..self.markets[market].base.len() {
                let (slot, series) = self.markets[market].base[subscriber];
                let bar = self.markets[market].bar.bar;
                self.deliver_bar(slot, series, &bar, recorder);
            }
        }
        if self.has_higher_bars {
            for index in &self.due {
                let market = &mut self.markets[*index];
                for (aggregator, _) in &mut market.higher {
                    aggregator.push(&market.bar);
                }
            }
            self.deliver_higher_bars(recorder);
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
                let (slot, series) = self.markets[market].higher[position].1[subscriber];
                self.deliver_bar(slot, series, &bar, recorder);
            }
        }
    }

    fn deliver_bar(&mut self, index: usize, series: SeriesId, bar: &Bar, recorder: &mut dyn Recorder) {
        let slot = &mut self.slots[index];
        if !slot.is_active() {
            return;
        }
        let desk = slot.strategy.desk();
        desk.begin(self.now);
        desk.observe(series, bar);
        if slot.wants.bars {
            let result = slot.strategy.on_bar(series, bar);
            self.finish_callback(index, result, recorder);
        }
    }

    #[inline(never)]
    fn deliver_timers(&mut self, recorder: &mut dyn Recorder) {
        let mut due = Vec::new();
        self.timers.take_due(self.now, &mut due);
        for (strategy, id) in due {
            let slot = &mut self.slots[strategy.index()];
            if slot.is_active() && slot.wants.timers {
                slot.strategy.desk().begin(self.now);
                let result = slot.strategy.on_timer(id, self.now);
                self.finish_callback(strategy.index(), result, recorder);
            }
        }
    }

    /// After every callback: a fault quarantines, what was asked for is decided and sent.
    #[inline]
    fn finish_callback(&mut self, index: usize, result: Result<(), Fault>, recorder: &mut dyn Recorder) {
        match result {
            Ok(()) if !self.slots[index].strategy.desk().has_requests() => {}
            Ok(()) => self.handle_requests(index, recorder),
            Err(fault) => self.quarantine(index, fault, recorder),
        }
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        let accounts = self.slots.iter().map(|slot| {
            let open = slot.account.positions().iter().zip(&self.prices);
            let unrealised = open
                .filter(|(position, _)| !position.quantity().is_zero())
                .map(|(position, price)| {
                    position.quantity().at(Price::from_f64(*price).unwrap_or_default()) - position.cost()
                })
                .sum::<Money>();
            FinalAccount { wallet: slot.wallet(), equity: slot.wallet() + unrealised }
        });
        let faults = self.slots.iter().filter_map(|slot| slot.fault.clone().map(|fault| (slot.id, fault)));
        Outcome {
            bars: self.bars,
            ended_at: self.now,
            interrupted,
            accounts: accounts.collect(),
            faults: faults.collect(),
        }
    }
}

fn apply_fill(slot: &mut Slot, series: SeriesId, fill: &Fill, recorder: &mut dyn Recorder) {
    recorder.entry(&Entry::Fill(fill));
    let closed = slot.apply(fill);
    recorder.entry(&Entry::Wallet { ts: fill.ts, strategy: slot.id, wallet: slot.wallet() });
    if let Some(trade) = closed {
        recorder.entry(&Entry::Trade(&trade));
        slot.news.push(News::Closed(series, trade));
    }
}
