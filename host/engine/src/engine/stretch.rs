//! Stretches of bars that cause nothing but callbacks: most of a run.
//!
//! Between two orders a step is one price, one mark of the accounts and one callback for each market. Whether steps are
//! of that kind can be told before they are made: they lie before the horizon, at which something else is due, their
//! bars stay within the calm of their markets, and positions stay as they are, so that equities are known too. So a
//! stretch is computed column by column, shown to the strategies bar by bar, and taken as far as they let it pass: up
//! to the first bar on which one of them asks for something.
//!
//! What such steps leave behind is what [`Engine::step`](super::Engine) leaves behind, to the bit.

use cryptobot_model::{Bar, InstrumentId, StrategyId, Timestamp};
use cryptobot_risk::Scope;

use super::Engine;
use super::market::Market;
use crate::fault::Fault;
use crate::feed::NEVER;
use crate::recorder::{Columns, Marks, Recorder};
use crate::source::SourceError;
use crate::venue::Venue;

/// Longest stretch: long enough to be worth its preparation, short enough to stay in the nearest cache and not to
/// compute much that an order makes void.
const ROWS: usize = 64;

/// Rows of the first stretch after an order.
const LEAST_ROWS: usize = 16;

/// The numbers of a stretch, in columns of [`ROWS`].
pub(super) struct Stretch {
    ts: Vec<Timestamp>,
    /// By instrument.
    closes: Vec<f64>,
    /// By instrument.
    marks: Vec<f64>,
    /// By strategy.
    equities: Vec<f64>,
    /// Of all strategies together.
    portfolio: Vec<f64>,
    /// By strategy; used where margin is simulated.
    margin_ratios: Vec<f64>,
    /// Rows to look ahead: fewer after an order, which is often followed by another one.
    reach: usize,
}

impl Stretch {
    pub(super) fn new(instruments: usize, strategies: usize) -> Self {
        Self {
            ts: vec![Timestamp(0); ROWS],
            closes: vec![0.0; instruments * ROWS],
            marks: vec![0.0; instruments * ROWS],
            equities: vec![0.0; strategies * ROWS],
            portfolio: vec![0.0; ROWS],
            margin_ratios: vec![0.0; strategies * ROWS],
            reach: LEAST_ROWS,
        }
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
    pub(super) fn pass(&mut self, most: u64, recorder: &mut dyn Recorder) -> Result<u64, SourceError> {
        let horizon = self.horizon();
        if self.next_close >= horizon {
            return Ok(0);
        }
        let rows = self.calm_rows(horizon, (most as usize).min(self.stretch.reach));
        let rows = if rows == 0 { 0 } else { self.compute(rows) };
        if rows == 0 {
            return Ok(0);
        }
        let (passed, interruption) = self.show(rows);
        self.commit(passed, recorder)?;
        self.stretch.reach = (2 * self.stretch.reach).min(ROWS);
        if let Some(Interruption { market, subscriber, slot, asked }) = interruption {
            self.stretch.reach = LEAST_ROWS;
            self.due.clear();
            self.due.extend(0..self.markets.len());
            self.finish_callback(slot, asked, recorder);
            self.deliver_bars(market, subscriber + 1, recorder);
        } else {
            self.markets.iter_mut().for_each(Market::build_higher);
        }
        Ok(passed as u64)
    }

    /// When something other than a base bar is due; the beginning of time where it is due already.
    fn horizon(&self) -> Timestamp {
        const NOW: Timestamp = Timestamp(i64::MIN);
        if self.has_news {
            return NOW;
        }
        let mut horizon = self.next_arrival.min(self.next_funding).min(self.risk.quiet_until());
        if self.has_higher_bars {
            for (aggregator, _) in self.markets.iter().flat_map(|market| &market.higher) {
                // The next base bar opens one that is not open yet.
                horizon = horizon.min(aggregator.opened_until().unwrap_or(NOW));
            }
        }
        horizon.min(self.timers.next().unwrap_or(horizon))
    }

    /// How many steps ahead, of `most`, are those of all markets at once, before the horizon and in the calm.
    fn calm_rows(&mut self, horizon: Timestamp, most: usize) -> usize {
        let mut rows = most;
        for index in 0..self.markets.len() {
            let instrument = InstrumentId::from(index);
            let mut calm = self.venue.calm(instrument).and(self.risk.calm(instrument));
            if let Some(margin) = &self.margin {
                calm = calm.and(margin.calm(instrument));
            }
            let ahead = self.markets[index].feed.ahead();
            let is_calm = |bar: &Bar| bar.ts < horizon && calm.holds(bar);
            rows = ahead.iter().take(rows).take_while(|next| is_calm(&next.bar)).count();
            if let Some(mark) = &self.markets[index].mark {
                let beside = mark.ahead().iter().zip(ahead);
                let passes = beside
                    .take(rows)
                    .take_while(|(mark, next)| mark.bar.ts == next.bar.ts && calm.holds(&mark.bar));
                rows = passes.count();
            }
            if index > 0 {
                let lead = self.markets[0].feed.ahead().iter().zip(ahead);
                rows = lead.take(rows).take_while(|(lead, next)| lead.bar.ts == next.bar.ts).count();
            }
        }
        rows
    }

    /// Computes the numbers of `rows` steps; returns how many of them change no trading state.
    fn compute(&mut self, rows: usize) -> usize {
        let Self { markets, slots, stretch, risk, margin, .. } = self;
        for (ts, row) in stretch.ts.iter_mut().zip(&markets[0].feed.ahead()[..rows]) {
            *ts = row.bar.ts;
        }
        for (market, (closes, marks)) in
            markets.iter().zip(stretch.closes.chunks_mut(ROWS).zip(stretch.marks.chunks_mut(ROWS)))
        {
            let ahead = &market.feed.ahead()[..rows];
            closes.iter_mut().zip(ahead).for_each(|(close, row)| *close = row.bar.close);
            let marked = market.mark.as_ref().map_or(ahead, |mark| &mark.ahead()[..rows]);
            marks.iter_mut().zip(marked).for_each(|(mark, row)| *mark = row.bar.close);
        }
        for (slot, equities) in slots.iter().zip(stretch.equities.chunks_mut(ROWS)) {
            slot.equities(&stretch.marks, ROWS, &mut equities[..rows]);
        }
        let mut ignored = rows;
        if risk.watches_equity() {
            let portfolio = &mut stretch.portfolio[..rows];
            portfolio.fill(-0.0);
            for (strategy, equities) in stretch.equities.chunks(ROWS).enumerate() {
                portfolio.iter_mut().zip(equities).for_each(|(total, equity)| *total += equity);
                let scope = Scope::Strategy(StrategyId::from(strategy));
                ignored =
                    equities[..ignored].iter().take_while(|equity| risk.ignores(scope, **equity)).count();
            }
            let own = portfolio[..ignored].iter();
            ignored = own.take_while(|equity| risk.ignores(Scope::Portfolio, **equity)).count();
        }
        if let Some(margin) = margin {
            margin.ratios_at(ignored, ROWS, &stretch.marks, &mut stretch.margin_ratios);
        }
        ignored
    }

    /// Shows the bars of a stretch to the strategies until one asks for something; returns the steps that were made.
    fn show(&mut self, rows: usize) -> (usize, Option<Interruption>) {
        let Self { markets, slots, stretch, .. } = self;
        if let [market] = &markets[..]
            && let [(slot, series)] = market.base[..]
        {
            let (bars, marks) = (&market.feed.ahead()[..rows], &stretch.marks[..rows]);
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

    fn show_row(&mut self, row: usize) -> Option<Interruption> {
        let Self { markets, slots, stretch, board, .. } = self;
        for index in 0..markets.len() {
            board.set(index, stretch.marks[index * ROWS + row]);
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
        let (last, stretch) = (rows - 1, &self.stretch);
        let newest = |columns: &[f64], into: &mut [f64]| {
            into.iter_mut().zip(columns.chunks(ROWS)).for_each(|(value, column)| *value = column[last]);
        };
        newest(&stretch.closes, &mut self.prices);
        newest(&stretch.marks, &mut self.marks);
        newest(&stretch.equities, &mut self.equities);
        newest(&stretch.margin_ratios, &mut self.margin_ratios);
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
            self.risk.pass(instrument, taken.iter().map(|interval| &interval.bar));
            market.advance(rows)?;
            self.next_close = self.next_close.min(market.next_close);
        }
        Ok(())
    }
}
