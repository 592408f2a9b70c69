//! Bars ahead of a strategy that takes pages.

use cryptobot_model::{SeriesId, Timestamp};
use cryptobot_sim::BarInterval;

use crate::engine::market::Market;
use crate::feed::NEVER;

/// Rows that can be read ahead, where steps have no more: handing them over costs a call, and they should still be close
/// to the strategy when it comes to them.
const ROWS_AT_HAND: usize = 4_096;

/// A series whose bar is a row of every step.
#[derive(Clone, Copy, Debug)]
pub struct RowSeries {
    pub(crate) market: usize,
    pub(crate) subscriber: usize,
    /// The series.
    pub series: SeriesId,
}

/// The steps ahead of a strategy: in each of them one bar of each of its series closes.
///
/// The first ones are free: nothing but these bars happens in them. Those behind are there to be read only, so that what
/// is prepared for a strategy serves it longer than until the next thing that happens.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    markets: &'a [Market],
    rows: &'a [RowSeries],
    marks: &'a [f64],
    stride: usize,
    steps: usize,
    /// The first step has been made, and of its rows those before this one are delivered. `None` = all steps are to come.
    within: Option<usize>,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(
        markets: &'a [Market],
        rows: &'a [RowSeries],
        marks: &'a [f64],
        stride: usize,
        steps: usize,
    ) -> Self {
        Self { markets, rows, marks, stride, steps, within: None }
    }

    /// What is left of the step that is being made, from a row on.
    pub(crate) fn within(
        markets: &'a [Market],
        rows: &'a [RowSeries],
        marks: &'a [f64],
        first_row: usize,
    ) -> Self {
        Self { markets, rows, marks, stride: 1, steps: 1, within: Some(first_row) }
    }

    /// The step that was made last, of which nothing has been delivered, and those to come; `marks` are those of the only
    /// instrument.
    pub(crate) fn from_newest(markets: &'a [Market], rows: &'a [RowSeries], marks: &'a [f64]) -> Self {
        Self { markets, rows, marks, stride: marks.len(), steps: marks.len(), within: Some(0) }
    }

    /// Rows of the first step that have been delivered.
    pub fn first_row(&self) -> usize {
        self.within.unwrap_or_default()
    }

    /// Steps that the strategy may go through now, at least one.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The rows of a step, in the order in which they are delivered.
    pub fn rows(&self) -> &'a [RowSeries] {
        self.rows
    }

    /// Steps that can be read: those in which all series have a bar, at least [`Ahead::steps`] and not very many.
    pub fn at_hand(&self) -> usize {
        let same = |one: &[BarInterval], other: &[BarInterval]| {
            one.iter().zip(other).take_while(|(one, other)| one.bar.ts == other.bar.ts).count()
        };
        let first = self.bars(0);
        let most = (ROWS_AT_HAND / self.rows.len().max(1)).max(self.steps);
        let first = &first[..first.len().min(most)];
        (1..self.rows.len()).map(|row| same(first, self.bars(row))).min().unwrap_or(first.len())
    }

    /// When the bars of the first step close.
    pub fn begins(&self) -> Timestamp {
        self.bars(0).first().map_or(NEVER, |interval| interval.bar.ts)
    }

    /// The bars of a row, step by step; empty for a row that is not there.
    pub fn bars(&self, row: usize) -> &'a [BarInterval] {
        let Some(row) = self.rows.get(row) else { return &[] };
        let feed = &self.markets[row.market].feed;
        if self.within.is_some() { feed.newest_and_ahead() } else { feed.ahead() }
    }

    /// The mark prices of each instrument of the run at the steps that may be gone through now.
    pub fn marks(&self) -> impl Iterator<Item = &'a [f64]> {
        self.marks.chunks(self.stride).map(|marks| &marks[..self.steps])
    }
}
