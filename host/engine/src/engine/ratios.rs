//! How near accounts come to liquidation: their margin ratios at the worse mark price of every bar.
//!
//! A position is liquidated inside a bar, so that the mark it closes at does not tell how near it came. What counts is
//! the low of the mark price for a long and the high for a short (and for a long that is paid in full), of every bar
//! through which the position was held; in one inside which it changed, the price of the fill and the close. Several
//! cross positions share a wallet: one of them at a time is taken at its worse mark, the others at their newest one.

use cryptobot_model::{Bar, Fill, FillRule, Timestamp};
use cryptobot_sim::BarInterval;

use super::margin::{Accounts, Margin};
use super::market::Market;
use crate::feed::Feed;

/// What the ratios of the exchange accounts are looked for at, beside the newest marks.
#[derive(Debug)]
pub(super) struct Nearness {
    /// From when on a position has been what it is, by account and instrument.
    held_from: Vec<Timestamp>,
    /// By account: the highest ratio since the newest step that the step to come does not show; NaN = none.
    touched: Vec<f64>,
    /// Lowest and highest mark price of the bar whose fills are booked.
    range: [f64; 2],
    /// Whether several strategies share an account: inside a bar each is matched by itself.
    is_divided: bool,
}

impl Nearness {
    pub(super) fn new(accounts: usize, instruments: usize, is_divided: bool) -> Self {
        Self {
            held_from: vec![Timestamp(i64::MIN); accounts * instruments],
            touched: vec![f64::NAN; accounts],
            range: [0.0; 2],
            is_divided,
        }
    }

    /// A fill changes a position. What it leaves at the open of a bar is there for the whole bar, but not where several
    /// strategies share the account: there each is matched by itself.
    fn change(&mut self, position: usize, fill: &Fill) {
        self.held_from[position] = Timestamp(fill.ts.0 + i64::from(self.is_divided));
    }
}

/// The worse mark price of a bar.
const fn worse(bar: &Bar, fears_lows: bool) -> f64 {
    if fears_lows { bar.low } else { bar.high }
}

impl Margin {
    /// The highest margin ratios of a step, per strategy: those of the account behind it, NaN while it is flat.
    pub(super) fn ratios(&mut self, markets: &[Market], now: Timestamp, marks: &[f64], into: &mut [f64]) {
        for account in 0..self.accounts.len() {
            let inside = self.ratio_inside(account, markets, now, marks);
            let touched = std::mem::replace(&mut self.nearness.touched[account], f64::NAN);
            let ratio = inside.max(touched);
            match self.kind {
                Accounts::Shared => into.fill(ratio),
                Accounts::Separate => into[account] = ratio,
            }
        }
    }

    fn ratio_inside(&self, account: usize, markets: &[Market], now: Timestamp, marks: &[f64]) -> f64 {
        let held_from = &self.nearness.held_from[account * marks.len()..];
        self.accounts[account].highest_ratio(marks, |index, fears_lows| {
            let interval = markets[index].closed_at(now);
            let held = interval.filter(|interval| held_from[index] <= interval.open_ts);
            held.map_or(marks[index], |interval| worse(&interval.bar, fears_lows))
        })
    }

    /// The same for the next `rows` steps, at which the bars of all markets close and no position changes. `marks`,
    /// `worst` and `into` are columns, `stride` apart, by instrument and by strategy; `worst` is for use in here.
    pub(super) fn ratios_ahead(
        &self,
        (rows, stride): (usize, usize),
        markets: &[Market],
        marks: &[f64],
        worst: &mut [f64],
        into: &mut [f64],
    ) {
        for (account, state) in self.accounts.iter().enumerate() {
            for (index, fears_lows) in state.worse_marks() {
                let bars = &markets[index].mark.as_ref().unwrap_or(&markets[index].feed).ahead()[..rows];
                let column = &mut worst[index * stride..][..rows];
                read_worse(bars, fears_lows, column);
                // A fill may have come since the newest step.
                if self.nearness.held_from[account * markets.len() + index] > bars[0].open_ts {
                    column[0] = marks[index * stride];
                }
            }
            let strategy = if self.kind == Accounts::Shared { 0 } else { account };
            state.highest_ratios(marks, worst, stride, &mut into[strategy * stride..][..rows]);
        }
        if self.kind == Accounts::Shared {
            let (first, others) = into.split_at_mut(stride);
            others.chunks_mut(stride).for_each(|column| column[..rows].copy_from_slice(&first[..rows]));
        }
    }

    /// Looks at the bars that close now with the positions as they are, before funding changes what stands behind them.
    #[cold]
    pub(super) fn look_inside(&mut self, markets: &[Market], now: Timestamp, marks: &[f64]) {
        for account in 0..self.accounts.len() {
            let ratio = self.ratio_inside(account, markets, now, marks);
            self.touch(account, ratio);
        }
        self.nearness.held_from.fill(now);
    }

    /// The mark prices of the bar whose fills come next.
    pub(super) fn match_within(&mut self, bar: &Bar) {
        self.nearness.range = [bar.low, bar.high];
    }

    /// Looks at a position before a fill of an account changes it, at the fill's price as far as the mark price went. A
    /// liquidation tells of itself.
    pub(super) fn look_at_fill(&mut self, account: usize, fill: &Fill) {
        let (instrument, instruments) = (fill.instrument, self.marks.len());
        let held = self.accounts[account].position(instrument).quantity();
        if !held.is_zero() && fill.rule != FillRule::Liquidation {
            let [low, high] = self.nearness.range;
            let at = fill.price.to_f64().max(low).min(high);
            let price =
                |index: usize| if index == instrument.index() { at } else { self.marks[index].to_f64() };
            let ratio = self.accounts[account].ratio_of(instrument, price);
            self.touch(account, ratio);
        }
        self.nearness.change(account * instruments + instrument.index(), fill);
    }

    /// A ratio before something changes the account. Where it is 1 or more, the change came first, or the mark price was
    /// not there: the position would be gone.
    fn touch(&mut self, account: usize, ratio: f64) {
        if ratio < 1.0 {
            let touched = &mut self.nearness.touched[account];
            *touched = touched.max(ratio);
        }
    }
}

/// Reads the worse mark of each bar.
// Loops of their own, which stay in registers.
#[inline(never)]
fn read_worse(bars: &[BarInterval], fears_lows: bool, into: &mut [f64]) {
    if fears_lows {
        into.iter_mut().zip(bars).for_each(|(worst, interval)| *worst = interval.bar.low);
    } else {
        into.iter_mut().zip(bars).for_each(|(worst, interval)| *worst = interval.bar.high);
    }
}

impl Market {
    /// The mark prices of the bar that closes now, its own where there are none; `None` where no bar does.
    #[inline]
    fn closed_at(&self, now: Timestamp) -> Option<&BarInterval> {
        let last = self.feed.newest();
        if last.bar.ts != now {
            return None;
        }
        let mark = self.mark.as_ref().map(Feed::newest);
        Some(mark.filter(|mark| mark.bar.ts == now).unwrap_or(last))
    }
}
