//! Stretches of bars that cause nothing but callbacks: most of a run.
//!
//! Between two orders a step is one price, one mark of the accounts and one callback for each market. Whether steps are
//! of that kind can be told before they are made: they lie before the horizon, at which something else is due, their
//! bars stay within the calm of their markets, and positions stay as they are, so that equities are known too. So a
//! stretch is computed column by column, shown to the strategies bar by bar, and taken as far as they let it pass: up
//! to the first bar on which one of them asks for something.
//!
//! What such steps leave behind is what [`Engine::step`](super::Engine) leaves behind, to the bit.

use cryptobot_model::{Calm, InstrumentId, StrategyId, Timestamp};
use cryptobot_risk::{RiskEngine, Scope};

use super::market::Market;
use super::quiet::{EquityLine, Quiet, read_closes, read_first};
use super::{Engine, EngineError};
use crate::ahead::{Ahead, RowSeries};
use crate::fault::{Fault, GuestCall};
use crate::feed::NEVER;
use crate::recorder::{Columns, Marks, Recorder};
use crate::slot::Slot;
use crate::source::SourceError;
use crate::venue::Venue;

/// Longest stretch: long enough to be worth its preparation, short enough to stay in the nearest cache and not to
/// compute much that an order makes void.
const ROWS: usize = 64;

/// Rows of the first stretch after an order: about as many as passed before it, within these bounds. Where many markets
/// trade, orders are close together.
const LEAST_ROWS: usize = 4;
const MOST_AFTER_ORDER: usize = 32;

/// When the bar of the step that was just made is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewestBar {
    /// In its step, always.
    InItsStep,
    /// With those to come, where that makes no difference.
    MayWait,
    /// It is to be delivered with those to come.
    Waits,
}

/// The numbers of a stretch, in columns of [`ROWS`].
pub(super) struct Stretch {
    ts: Vec<Timestamp>,
    /// By instrument.
    closes: Vec<f64>,
    /// By instrument; nowhere used where all marks are closes.
    marks: Vec<f64>,
    has_marks: bool,
    /// By strategy.
    equities: Vec<f64>,
    /// Of all strategies together.
    portfolio: Vec<f64>,
    /// Whether the equities of the steps ahead are computed.
    is_valued: bool,
    /// The worse mark of each bar, by instrument; used where there is a position on margin.
    worst: Vec<f64>,
    /// By strategy; used where margin is simulated.
    margin_ratios: Vec<f64>,
    /// Rows to look ahead: fewer after an order, which is often followed by another one.
    reach: usize,
    /// Rows passed since the newest order.
    since_order: usize,
    /// By instrument: the prices between which its bars cause nothing.
    calm: Vec<Calm>,
    /// Whose bars a strategy that is alone gets in each step, in this order.
    rows: Vec<RowSeries>,
    pub(super) newest_bar: NewestBar,
    /// Mark prices that are shown with a bar that waited and those after it; kept for its memory only.
    shown: Vec<f64>,
}

impl Stretch {
    pub(super) fn new(markets: &[Market], strategies: usize) -> Self {
        let instruments = markets.len();
        let rows = markets.iter().enumerate().flat_map(|(index, market)| {
            let base = market.base.iter().enumerate();
            base.map(move |(subscriber, (_, series))| RowSeries {
                market: index,
                subscriber,
                series: *series,
            })
        });
        Self {
            rows: if strategies == 1 { rows.collect() } else { Vec::new() },
            ts: vec![Timestamp(0); ROWS],
            closes: vec![0.0; instruments * ROWS],
            marks: vec![0.0; instruments * ROWS],
            has_marks: markets.iter().any(|market| market.mark.is_some()),
            equities: vec![0.0; strategies * ROWS],
            portfolio: vec![0.0; ROWS],
            is_valued: false,
            worst: vec![0.0; instruments * ROWS],
            margin_ratios: vec![0.0; strategies * ROWS],
            reach: MOST_AFTER_ORDER,
            since_order: 0,
            calm: vec![Calm::NONE; instruments],
            newest_bar: NewestBar::InItsStep,
            shown: Vec::new(),
        }
    }
}

impl Stretch {
    /// Whether a bar waits, which does not any more.
    fn takes_waiting(&mut self) -> bool {
        let waits = self.newest_bar == NewestBar::Waits;
        if waits {
            self.newest_bar = NewestBar::MayWait;
        }
        waits
    }

    /// The mark prices, by instrument.
    fn marks(&self) -> &[f64] {
        if self.has_marks { &self.marks } else { &self.closes }
    }

    /// Computes the equities of the first `rows` steps.
    fn value(&mut self, slots: &[Slot], rows: usize) {
        let marks = if self.has_marks { &self.marks } else { &self.closes };
        for (slot, equities) in slots.iter().zip(self.equities.chunks_mut(ROWS)) {
            slot.equities(marks, ROWS, &mut equities[..rows]);
        }
    }

    /// How many of `rows` steps change no trading state by their equities.
    fn ignored(&mut self, risk: &RiskEngine, rows: usize) -> usize {
        let portfolio_calm = risk.calm_equities(Scope::Portfolio);
        let calm = |strategy: usize| risk.calm_equities(Scope::Strategy(StrategyId::from(strategy)));
        if self.equities.len() == ROWS {
            return portfolio_calm.and(calm(0)).count(&self.equities[..rows]);
        }
        let mut ignored = rows;
        for (strategy, equities) in self.equities.chunks(ROWS).enumerate() {
            ignored = calm(strategy).count(&equities[..ignored]);
        }
        let portfolio = &mut self.portfolio[..ignored];
        portfolio.fill(-0.0);
        for equities in self.equities.chunks(ROWS) {
            portfolio.iter_mut().zip(equities).for_each(|(total, equity)| *total += equity);
        }
        portfolio_calm.count(portfolio)
    }
}

/// A callback that ended a stretch.
struct Interruption {
    market: usize,
    subscriber: usize,
    slot: usize,
    asked: Result<bool, Fault>,
}

impl Interruption {
    fn is_one(&self) -> bool {
        !matches!(self.asked, Ok(false))
    }
}

impl<V: Venue> Engine<V> {
    /// Makes the steps ahead that cause nothing but callbacks, at most `most`, and returns how many. A strategy that asks
    /// for something is heard, and the step in which it did is completed.
    ///
    /// # Errors
    /// A source failed, or a strategy failed inside a page.
    pub(super) fn pass(&mut self, most: u64, recorder: &mut dyn Recorder) -> Result<u64, EngineError> {
        let one_waits = self.stretch.takes_waiting();
        let horizon = self.horizon();
        let most = most.min(self.changes.rows_before(self.bars, self.markets.len()));
        let rows = if self.next_close >= horizon || most == 0 {
            0
        } else {
            self.compute(horizon, self.stretch.reach.min(most as usize))
        };
        if rows == 0 && !one_waits {
            return Ok(0);
        }
        let in_pages = one_waits || self.takes_pages();
        let (passed, interruption) = if one_waits {
            self.show_from_newest(rows)?
        } else if in_pages {
            self.show_ahead(rows)?
        } else {
            self.show(rows)
        };
        if passed > 0 {
            self.commit(passed, recorder)?;
        }
        self.stretch.since_order += passed;
        let reach = self.stretch.reach;
        self.stretch.reach = (2 * reach).min(ROWS);
        if let Some(Interruption { market, subscriber, slot, asked }) = interruption {
            let passed = std::mem::take(&mut self.stretch.since_order);
            // A call for a page costs more than some steps that are computed for nothing: there it follows the mean.
            let expected = if in_pages { (3 * reach + 2 * passed) / 4 } else { passed.min(MOST_AFTER_ORDER) };
            self.stretch.reach = expected.clamp(LEAST_ROWS, ROWS);
            self.due.clear();
            self.due.extend(0..self.markets.len());
            self.finish_callback(slot, GuestCall::OnBar, asked, recorder);
            self.deliver_bars(market, subscriber + 1, recorder);
            self.check_page()?;
        } else {
            self.markets.iter_mut().for_each(Market::build_higher);
        }
        Ok(passed as u64)
    }

    /// An error where the strategy has failed inside a page.
    pub(super) fn check_page(&mut self) -> Result<(), EngineError> {
        self.lost.take().map_or(Ok(()), |fault| Err(EngineError::InPage(fault)))
    }

    /// When something other than a base bar is due; the beginning of time where it is due already.
    fn horizon(&self) -> Timestamp {
        const NOW: Timestamp = Timestamp(i64::MIN);
        if self.has_news {
            return NOW;
        }
        let mut horizon = self.next_event.min(self.next_funding).min(self.risk.quiet_until());
        horizon = horizon.min(self.changes.next_time());
        if self.has_higher_bars {
            for (aggregator, _) in self.markets.iter().flat_map(|market| &market.higher) {
                // The next base bar opens one that is not open yet.
                horizon = horizon.min(aggregator.opened_until().unwrap_or(NOW));
            }
        }
        horizon.min(self.timers.next().unwrap_or(horizon))
    }

    /// Finds the calm of every market; `false` where one of them has none.
    fn find_calm(&mut self) -> bool {
        let Self { venue, risk, margin, stretch, .. } = self;
        for (index, calm) in stretch.calm.iter_mut().enumerate() {
            let instrument = InstrumentId::from(index);
            *calm = venue.calm(instrument);
            if *calm == Calm::NONE {
                return false;
            }
            *calm = calm.and(risk.calm(instrument));
            if let Some(margin) = margin {
                *calm = calm.and(margin.calm(instrument));
            }
        }
        true
    }

    /// Computes the steps ahead, at most `most`, that are those of all markets at once, before the horizon, in the calm
    /// and without a change of a trading state; returns how many.
    fn compute(&mut self, horizon: Timestamp, most: usize) -> usize {
        if !self.find_calm() {
            return 0;
        }
        let line = self.equity_line();
        let Self { risk, markets, slots, stretch, .. } = self;
        let mut rows = most;
        for (index, market) in markets.iter().enumerate() {
            let calm = stretch.calm[index];
            let columns = index * ROWS..(index + 1) * ROWS;
            let (closes, marks) = (&mut stretch.closes[columns.clone()], &mut stretch.marks[columns]);
            let ahead = market.feed.ahead();
            rows = if index == 0 {
                read_first(ahead, horizon, &Quiet::new(calm, line), &mut stretch.ts[..rows], closes)
            } else {
                read_closes(ahead, &stretch.ts[..rows], calm, closes)
            };
            if let Some(mark) = &market.mark {
                rows = read_closes(mark.ahead(), &stretch.ts[..rows], calm, marks);
            } else if stretch.has_marks {
                marks[..rows].copy_from_slice(&closes[..rows]);
            }
        }
        stretch.is_valued = risk.watches_equity() && line.is_none();
        if !stretch.is_valued {
            return rows;
        }
        stretch.value(slots, rows);
        stretch.ignored(risk, rows)
    }

    /// The equity that is watched, where it follows the closes of the only market.
    fn equity_line(&self) -> Option<EquityLine> {
        let ([slot], [_]) = (&self.slots[..], &self.markets[..]) else { return None };
        if self.stretch.has_marks || !self.risk.watches_equity() {
            return None;
        }
        let (cash, position) = slot.line()?;
        let harmless = self.risk.calm_equities(Scope::Strategy(StrategyId(0)));
        Some(EquityLine::new(cash, position, harmless.and(self.risk.calm_equities(Scope::Portfolio))))
    }

    /// Shows the bars of a stretch to the strategies until one asks for something; returns the steps that were made.
    fn show(&mut self, rows: usize) -> (usize, Option<Interruption>) {
        let Self { markets, slots, stretch, .. } = self;
        if let [market] = &markets[..]
            && let [(slot, series)] = market.base[..]
        {
            let (bars, marks) = (&market.feed.ahead()[..rows], &stretch.marks()[..rows]);
            let (shown, asked) = slots[slot].bars_closed(series, bars, marks);
            let interruption = Interruption { market: 0, subscriber: 0, slot, asked };
            return (shown, interruption.is_one().then_some(interruption));
        }
        for row in 0..rows {
            if let Some(interruption) = self.show_row(row) {
                return (row + 1, Some(interruption));
            }
        }
        (rows, None)
    }

    /// Whether the only strategy takes pages. Of several, one could ask for something in the middle of what another one
    /// has seen already.
    fn takes_pages(&self) -> bool {
        let [slot] = &self.slots[..] else { return false };
        slot.wants.bars && slot.is_active() && slot.strategy.takes_pages() && !self.stretch.rows.is_empty()
    }

    /// As [`Engine::show`], for a strategy that takes pages.
    ///
    /// # Errors
    /// The strategy failed, and in which step is not known: nothing that came of the run counts.
    fn show_ahead(&mut self, steps: usize) -> Result<(usize, Option<Interruption>), EngineError> {
        let Self { markets, slots, stretch, board, .. } = self;
        let ahead = Ahead::new(markets, &stretch.rows, stretch.marks(), ROWS, steps);
        let (shown, asked) = slots[0].strategy.take_page(&ahead);
        let asked = asked.map_err(EngineError::InPage)?;
        let (passed, last) = (shown.div_ceil(stretch.rows.len()), (shown - 1) % stretch.rows.len());
        for instrument in 0..markets.len() {
            board.set(instrument, stretch.marks()[instrument * ROWS + passed - 1]);
        }
        let RowSeries { market, subscriber, .. } = stretch.rows[last];
        let interruption = Interruption { market, subscriber, slot: 0, asked: Ok(asked) };
        Ok((passed, asked.then_some(interruption)))
    }

    /// Whether the bar of the step that was just made may be delivered together with those to come: to a strategy that takes
    /// pages, where nothing is to be done between them. One call instead of two after every execution.
    pub(super) fn newest_bar_may_wait(&self) -> bool {
        self.stretch.newest_bar == NewestBar::MayWait
            && self.markets.len() == 1
            && self.stretch.rows.len() == 1
            && !self.due.is_empty()
            && !self.has_higher_bars
            && self.timers.is_empty()
            && self.takes_pages()
    }

    /// Delivers a bar that waits, by itself.
    pub(super) fn deliver_waiting(&mut self, recorder: &mut dyn Recorder) -> Result<(), EngineError> {
        if self.stretch.takes_waiting() {
            self.deliver_bars(0, 0, recorder);
            self.check_page()?;
        }
        Ok(())
    }

    /// As [`Engine::show_ahead`], with the bar of the step that was made last, which waits, before `steps` to come. Of
    /// these it returns how many were made.
    ///
    /// # Errors
    /// The strategy failed, and in which step is not known.
    fn show_from_newest(&mut self, steps: usize) -> Result<(usize, Option<Interruption>), EngineError> {
        let Self { markets, slots, stretch, marks, board, .. } = self;
        let mut shown = std::mem::take(&mut stretch.shown);
        shown.clear();
        shown.extend_from_slice(marks);
        shown.extend_from_slice(&stretch.marks()[..steps]);
        let ahead = Ahead::from_newest(markets, &stretch.rows, &shown);
        let (seen, asked) = slots[0].strategy.take_page(&ahead);
        let (asked, passed) = (asked.map_err(EngineError::InPage)?, seen - 1);
        board.set(0, shown[passed]);
        stretch.shown = shown;
        let interruption = Interruption { market: 0, subscriber: 0, slot: 0, asked: Ok(asked) };
        Ok((passed, asked.then_some(interruption)))
    }

    /// Delivers the bars of this step to a strategy that takes pages, from one on, where all of them close now. Returns
    /// the one from which on they are still to be delivered.
    pub(super) fn deliver_in_page(
        &mut self,
        market: usize,
        subscriber: usize,
        recorder: &mut dyn Recorder,
    ) -> (usize, usize) {
        if self.stretch.rows.len() < 2 || self.due.len() < self.markets.len() {
            return (market, subscriber);
        }
        let before = |row: &RowSeries| (row.market, row.subscriber) < (market, subscriber);
        let mut row = self.stretch.rows.partition_point(before);
        while row < self.stretch.rows.len() && self.takes_pages() && self.lost.is_none() {
            let Self { markets, slots, stretch, marks, .. } = self;
            let (seen, asked) =
                slots[0].strategy.take_page(&Ahead::within(markets, &stretch.rows, marks, row));
            row += seen;
            match asked {
                Ok(true) => self.finish_callback(0, GuestCall::OnBar, Ok(true), recorder),
                Ok(false) => {}
                Err(fault) => self.lost = Some(fault),
            }
        }
        self.stretch.rows.get(row).map_or((self.due.len(), 0), |next| (next.market, next.subscriber))
    }

    fn show_row(&mut self, row: usize) -> Option<Interruption> {
        let Self { markets, slots, stretch, board, .. } = self;
        for index in 0..markets.len() {
            board.set(index, stretch.marks()[index * ROWS + row]);
        }
        for (market, Market { feed, base, .. }) in markets.iter().enumerate() {
            let bar = &feed.ahead()[row].bar;
            for (subscriber, (slot, series)) in base.iter().enumerate() {
                let asked = slots[*slot].bar_closed(bar.ts, *series, bar);
                let interruption = Interruption { market, subscriber, slot: *slot, asked };
                if interruption.is_one() {
                    return Some(interruption);
                }
            }
        }
        None
    }

    /// Takes the first `rows` steps of a stretch.
    fn commit(&mut self, rows: usize, recorder: &mut dyn Recorder) -> Result<(), SourceError> {
        let (last, stretch) = (rows - 1, &mut self.stretch);
        if !stretch.is_valued {
            stretch.value(&self.slots, rows);
        }
        if let Some(margin) = &self.margin {
            let marks = if stretch.has_marks { &stretch.marks } else { &stretch.closes };
            let (worst, ratios) = (&mut stretch.worst, &mut stretch.margin_ratios);
            margin.ratios_ahead((rows, ROWS), &self.markets, marks, worst, ratios);
        }
        let newest = |columns: &[f64], into: &mut [f64]| {
            into.iter_mut().zip(columns.chunks(ROWS)).for_each(|(value, column)| *value = column[last]);
        };
        newest(&stretch.closes, &mut self.prices);
        newest(stretch.marks(), &mut self.marks);
        newest(&stretch.equities, &mut self.equities);
        newest(&stretch.margin_ratios, &mut self.margin_ratios);
        if let Some(margin) = &mut self.margin {
            margin.pass(&self.marks);
        }
        let ratios = if self.margin.is_some() { &stretch.margin_ratios[..] } else { &[] };
        recorder.marks(&Marks {
            ts: &stretch.ts[..rows],
            prices: Columns::new(&stretch.closes, rows, ROWS),
            equities: Columns::new(&stretch.equities, rows, ROWS),
            margin_ratios: Columns::new(ratios, rows, ROWS),
        });
        self.now = stretch.ts[last];
        self.bars += (rows * self.markets.len()) as u64;
        self.next_close = NEVER;
        for (index, market) in self.markets.iter_mut().enumerate() {
            let (instrument, taken) = (InstrumentId::from(index), &market.feed.ahead()[..rows]);
            self.venue.pass(instrument, taken);
            self.risk.pass(instrument, taken);
            market.advance(rows)?;
            self.next_close = self.next_close.min(market.next_close);
        }
        self.venue.fault().map_or(Ok(()), Err)
    }
}
