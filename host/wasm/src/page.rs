//! Pages of bars: what a plugin is given of them, where it is in them, and its desk, which follows.

use std::ops::Range;

use cryptobot_engine::{Ahead, Bank, BarInterval, Desk, Fault, FaultKind, Ohlcv};
use cryptobot_model::{Bar, SeriesId, Timestamp};
use wasmtime::Result;
use zerocopy::{FromBytes, IntoBytes};

use crate::bindings::pages::cryptobot::plugin::paging;
use crate::bindings::pages::exports::cryptobot::plugin::paged::{Column, Row};
use crate::drive;
use crate::host::HostState;

/// Numbers of a bar as it lies in memory: `open time, close time, open, high, low, close, volume`.
const BAR: usize = size_of::<BarInterval>() / size_of::<u64>();

/// A page, and the part of it that is being delivered.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Of each row of a step, its series and where its numbers begin among those of the step.
    rows: Vec<(SeriesId, usize)>,
    /// Numbers of a step.
    width: usize,
    /// Whether a driver goes through it, which delivers bars and nothing else.
    is_driven: bool,
    /// Whether the plugin can ask for indicators, at any time: then the desk may have to be shown every bar.
    needs_copies: bool,
    /// Steps that a page may have.
    most_steps: usize,
    /// Close time of each step.
    steps: Vec<Timestamp>,
    /// The numbers of all steps; none where the plugin was given the bars as they lie in memory.
    pub(crate) numbers: Vec<u64>,
    /// The rows that may be delivered now; none between deliveries.
    open: Range<u32>,
    /// The row at which the plugin says it is.
    cursor: Option<u32>,
    /// Whether it had asked for something when it said so.
    asked: bool,
    /// The first row that the desk has not been shown.
    unseen: u32,
    /// Mark prices of the steps that may be delivered, instrument by instrument, so far apart.
    marks: Vec<f64>,
    marks_stride: usize,
    /// The first of these steps.
    first_step: usize,
    /// Steps before it are not looked for any more.
    next_step: usize,
}

impl Page {
    /// No page yet, of a plugin that can ask for indicators or not.
    pub(crate) fn new(asks_for_indicators: bool) -> Self {
        Self { needs_copies: asks_for_indicators, ..Self::default() }
    }

    /// Rows of a step.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// What a step consists of for a driver, which delivers bars and nothing else: the series of its rows.
    pub(crate) fn lay_out_bars(&mut self, ahead: &Ahead<'_>) -> Vec<u32> {
        self.rows = ahead.rows().iter().enumerate().map(|(row, of)| (of.series, row * BAR)).collect();
        self.width = self.rows.len() * BAR;
        self.is_driven = true;
        // With the layout, and aligned.
        let room = drive::MEMORY_BYTES.saturating_sub(16 + 4 * self.rows.len());
        self.most_steps = (room / (self.width * size_of::<u64>())).max(1);
        ahead.rows().iter().map(|row| row.series.0).collect()
    }

    /// What a step consists of, which is found out once: series and indicators of an instance do not change.
    pub(crate) fn lay_out(&mut self, ahead: &Ahead<'_>, desk: &Desk) -> Vec<Row> {
        self.width = 0;
        let row = |series: SeriesId| {
            let outputs = desk.indicators().outputs_of(series.index());
            let columns = outputs.map(|(indicator, output)| Column { indicator, output }).collect();
            Row { series: series.0, columns }
        };
        self.most_steps = usize::MAX;
        let layout: Vec<Row> = ahead.rows().iter().map(|of_step| row(of_step.series)).collect();
        for row in &layout {
            self.rows.push((SeriesId(row.series), self.width));
            self.width += BAR + row.columns.len();
        }
        layout
    }

    /// The step that closes at `ts`, where there is one from the next one on.
    pub(crate) fn find(&self, ts: Timestamp) -> Option<usize> {
        let ahead = self.steps.get(self.next_step..)?;
        let passed = ahead.iter().position(|step| *step >= ts)?;
        (ahead[passed] == ts).then_some(self.next_step + passed)
    }

    /// Begins with the steps at hand. Returns their bars where these are the page as they lie in memory; otherwise it is
    /// what [`Page::numbers`] holds.
    pub(crate) fn begin<'a>(&mut self, ahead: &Ahead<'a>, desk: &Desk) -> Option<&'a [u64]> {
        let steps = self.steps_of(ahead);
        self.numbers.clear();
        let bars = &ahead.bars(0)[..steps];
        if self.width == BAR
            && !desk.keeps_bars()
            && !self.needs_copies
            && let Ok(rows) = <[u64]>::ref_from_bytes(bars.as_bytes())
        {
            return Some(rows);
        }
        self.write(ahead, steps);
        if !self.is_driven && !desk.indicators().is_empty() {
            self.write_indicators(desk.indicators().clone());
        }
        None
    }

    /// The plugin has the page that was begun. Only now its times are noted: the copy for the plugin reads the bars as they
    /// follow each other, which is much faster where they come from far away.
    pub(crate) fn begun(&mut self, ahead: &Ahead<'_>) {
        let steps = self.steps_of(ahead);
        self.next_step = 0;
        self.steps.clear();
        self.steps.extend(ahead.bars(0)[..steps].iter().map(|interval| interval.bar.ts));
    }

    /// The steps of a page that begins now.
    fn steps_of(&self, ahead: &Ahead<'_>) -> usize {
        ahead.at_hand().min(self.most_steps)
    }

    fn write(&mut self, ahead: &Ahead<'_>, steps: usize) {
        self.numbers.resize(steps * self.width, 0);
        for (row, (_, at)) in self.rows.iter().enumerate() {
            let rows = self.numbers.chunks_exact_mut(self.width).zip(ahead.bars(row));
            for (numbers, interval) in rows {
                numbers[*at..][..BAR].copy_from_slice(&numbers_of(interval));
            }
        }
    }

    /// Adds the values of indicators, computed ahead on a copy: those of the desk go with the strategy.
    fn write_indicators(&mut self, mut bank: Bank) {
        for numbers in self.numbers.chunks_exact_mut(self.width) {
            for (series, at) in &self.rows {
                let (bar, columns) = numbers[*at..].split_at_mut(BAR);
                let Bar { ts, open, high, low, close, volume } = bar_of(bar);
                bank.update(series.index(), &Ohlcv { ts: ts.0, open, high, low, close, volume });
                for (column, (handle, output)) in columns.iter_mut().zip(bank.outputs_of(series.index())) {
                    *column = bank.value(handle, output, 0).to_bits();
                }
            }
        }
    }

    /// Opens the rows of step `first`, which is the first one of `ahead`, and of those that may follow.
    pub(crate) fn open(&mut self, first: usize, ahead: &Ahead<'_>, desk: &mut Desk) {
        desk.leave_undated();
        let (rows, steps) = (self.rows.len(), ahead.steps().min(self.steps.len() - first));
        self.open = (first * rows + ahead.first_row()) as u32..((first + steps) * rows) as u32;
        (self.cursor, self.asked, self.unseen) = (None, false, self.open.start);
        self.first_step = first;
        self.marks.clear();
        self.marks_stride = ahead.steps();
        ahead.marks().for_each(|marks| self.marks.extend_from_slice(marks));
    }

    /// The rows that are still to be delivered.
    pub(crate) fn open_rows(&self) -> Range<u32> {
        self.open.clone()
    }

    /// Takes the plugin's word that it has gone on to row `end`; tells whether the delivery is over, and then the desk has
    /// been shown what the plugin has. Refused where it did not stop where it had to.
    pub(crate) fn advance(&mut self, end: u32, desk: &mut Desk) -> Result<bool, Fault> {
        let least = self.cursor.map_or(self.open.start, |at| at.max(self.open.start)) + 1;
        if !(least..=self.open.end).contains(&end) {
            let message = format!("`run` was given the rows {:?} and answered {end}", self.open);
            return Err(Fault::new(FaultKind::Contract, message));
        }
        let (wishes, row) = (desk.has_requests(), end - 1);
        if self.asked && self.cursor != Some(row) {
            return Err(went_on());
        }
        self.open.start = end;
        self.next_step = end as usize / self.rows();
        let over = wishes || end == self.open.end;
        if over {
            if self.cursor != Some(row) {
                self.show(row, desk);
            }
            desk.date(self.steps[row as usize / self.rows.len()])?;
            self.open = 0..0;
        }
        Ok(over)
    }

    /// Moves to a row.
    pub(crate) fn move_to(&mut self, row: u32, desk: &mut Desk) -> Result<(), Fault> {
        if !self.open.contains(&row) || self.cursor.is_some_and(|at| at >= row) {
            let message = format!("`cursor({row})` is not ahead among the rows {:?}", self.open);
            return Err(Fault::new(FaultKind::Contract, message));
        }
        if self.asked {
            return Err(went_on());
        }
        (self.cursor, self.asked) = (Some(row), desk.has_requests());
        self.show(row, desk);
        desk.leave_undated();
        Ok(())
    }

    /// Shows the desk the rows up to this one, as if it had been there all the time.
    fn show(&mut self, row: u32, desk: &mut Desk) {
        let rows = self.rows.len();
        let mut unseen = std::mem::replace(&mut self.unseen, row + 1)..row + 1;
        if !desk.keeps_bars() {
            unseen = row..row;
        }
        for unseen in unseen {
            let (step, place) = (unseen as usize / rows, unseen as usize % rows);
            let (series, at) = self.rows[place];
            desk.observe(series, &bar_of(&self.numbers[step * self.width + at..]));
        }
        let step = row as usize / rows;
        desk.begin(self.steps[step]);
        let marks = self.marks.chunks(self.marks_stride);
        desk.show_marks(marks.map(|marks| marks[step - self.first_step]));
    }
}

fn went_on() -> Fault {
    Fault::new(FaultKind::Contract, "it went on in its page after it had asked for something")
}

fn numbers_of(interval: &BarInterval) -> [u64; BAR] {
    let BarInterval { open_ts, bar: Bar { ts, open, high, low, close, volume } } = *interval;
    let [open, high, low, close, volume] = [open, high, low, close, volume].map(f64::to_bits);
    [open_ts.0.cast_unsigned(), ts.0.cast_unsigned(), open, high, low, close, volume]
}

fn bar_of(numbers: &[u64]) -> Bar {
    let value = |at: usize| f64::from_bits(numbers[at]);
    let ts = Timestamp(numbers[1].cast_signed());
    Bar { ts, open: value(2), high: value(3), low: value(4), close: value(5), volume: value(6) }
}

impl paging::Host for HostState {
    fn cursor(&mut self, row: u32) -> Result<()> {
        if self.page.is_driven {
            // The driver tells where the plugin is. The plugin has no page, and could only look ahead.
            let message = format!("`cursor({row})` is not ahead among the rows 0..0");
            return Err(Fault::new(FaultKind::Contract, message).into());
        }
        Ok(self.page.move_to(row, &mut self.desk)?)
    }
}
