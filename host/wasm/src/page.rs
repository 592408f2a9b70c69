//! Pages of bars: what a plugin is given of them, where it is in them, and its desk, which follows.

use std::ops::Range;

use cryptobot_engine::{Ahead, Bank, BarInterval, Desk, Fault, FaultKind, Ohlcv};
use cryptobot_model::{Bar, SeriesId, Timestamp};
use wasmtime::Result;

use crate::bindings::pages::cryptobot::plugin::paging;
use crate::bindings::pages::exports::cryptobot::plugin::paged::{Column, Row};
use crate::drive;
use crate::host::HostState;

/// `open, high, low, close, volume`.
const BAR_VALUES: usize = 5;

/// A page, and the part of it that is being delivered.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Of each row of a step, its series and where its values begin among those of the step.
    rows: Vec<(SeriesId, usize)>,
    /// Values of a step.
    width: usize,
    /// Whether there are no values of indicators among them.
    bars_only: bool,
    /// Steps that a page may have.
    most_steps: usize,
    /// Close time of each step.
    pub(crate) steps: Vec<i64>,
    /// Values of all steps.
    pub(crate) values: Vec<f64>,
    /// The rows that may be delivered now; none between deliveries.
    open: Range<u32>,
    /// The row at which the plugin says it is.
    cursor: Option<u32>,
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
    /// Rows of a step.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// What a step consists of for a driver, which delivers bars and nothing else: the series of its rows.
    pub(crate) fn lay_out_bars(&mut self, ahead: &Ahead<'_>) -> Vec<u32> {
        self.rows = ahead.rows().iter().enumerate().map(|(row, of)| (of.series, row * BAR_VALUES)).collect();
        self.width = self.rows.len() * BAR_VALUES;
        self.bars_only = true;
        // With the layout, and aligned.
        let room = drive::MEMORY_BYTES.saturating_sub(16 + 4 * self.rows.len());
        self.most_steps = (room / (size_of::<i64>() + self.width * size_of::<f64>())).max(1);
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
            self.width += BAR_VALUES + row.columns.len();
        }
        layout
    }

    /// The step that closes at `ts`, where there is one from the next one on.
    pub(crate) fn find(&self, ts: Timestamp) -> Option<usize> {
        let ahead = self.steps.get(self.next_step..)?;
        let passed = ahead.iter().position(|step| *step >= ts.0)?;
        (ahead[passed] == ts.0).then_some(self.next_step + passed)
    }

    /// Writes the steps at hand.
    pub(crate) fn write(&mut self, ahead: &Ahead<'_>, desk: &Desk) {
        let steps = ahead.at_hand().min(self.most_steps);
        self.next_step = 0;
        self.steps.resize(steps, 0);
        self.values.resize(steps * self.width, 0.0);
        for (row, (_, at)) in self.rows.iter().enumerate() {
            let values = self.values.chunks_exact_mut(self.width).map(|values| &mut values[*at..]);
            let rows = self.steps.iter_mut().zip(values).zip(ahead.bars(row));
            for ((step, values), BarInterval { bar, .. }) in rows {
                let Bar { ts, open, high, low, close, volume } = *bar;
                // All bars of a step close at one time; each is read once only, as a whole.
                *step = ts.0;
                values[..BAR_VALUES].copy_from_slice(&[open, high, low, close, volume]);
            }
        }
        if !self.bars_only && !desk.indicators().is_empty() {
            self.write_indicators(desk.indicators().clone());
        }
    }

    /// Adds the values of indicators, computed ahead on a copy: those of the desk go with the strategy.
    fn write_indicators(&mut self, mut bank: Bank) {
        for (values, ts) in self.values.chunks_exact_mut(self.width).zip(&self.steps) {
            for (series, at) in &self.rows {
                let (bar, columns) = values[*at..].split_at_mut(BAR_VALUES);
                if let [open, high, low, close, volume] = *bar {
                    bank.update(series.index(), &Ohlcv { ts: *ts, open, high, low, close, volume });
                }
                for (column, (handle, output)) in columns.iter_mut().zip(bank.outputs_of(series.index())) {
                    *column = bank.value(handle, output, 0);
                }
            }
        }
    }

    /// Opens the rows of step `first`, which is the first one of `ahead`, and of those that may follow.
    pub(crate) fn open(&mut self, first: usize, ahead: &Ahead<'_>) {
        let (rows, steps) = (self.rows.len(), ahead.steps().min(self.steps.len() - first));
        self.open = (first * rows + ahead.first_row()) as u32..((first + steps) * rows) as u32;
        (self.cursor, self.unseen) = (None, self.open.start);
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
        if wishes && self.cursor != Some(row) {
            return Err(Fault::new(
                FaultKind::Contract,
                "it asked for something in a page without saying at which row, or went on afterwards",
            ));
        }
        self.open.start = end;
        self.next_step = end as usize / self.rows();
        let over = wishes || end == self.open.end;
        if over {
            if self.cursor != Some(row) {
                self.show(row, desk);
            }
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
        if desk.has_requests() {
            return Err(Fault::new(
                FaultKind::Contract,
                "it went on in its page after it had asked for something",
            ));
        }
        self.cursor = Some(row);
        self.show(row, desk);
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
            let ts = Timestamp(self.steps[step]);
            let values = &self.values[step * self.width + at..][..BAR_VALUES];
            if let [open, high, low, close, volume] = *values {
                desk.observe(series, &Bar { ts, open, high, low, close, volume });
            }
        }
        let step = row as usize / rows;
        desk.begin(Timestamp(self.steps[step]));
        let marks = self.marks.chunks(self.marks_stride);
        desk.show_marks(marks.map(|marks| marks[step - self.first_step]));
    }
}

impl paging::Host for HostState {
    fn cursor(&mut self, row: u32) -> Result<()> {
        if self.page.bars_only {
            // The driver tells where the plugin is. The plugin has no page, and could only look ahead.
            let message = format!("`cursor({row})` is not ahead among the rows 0..0");
            return Err(Fault::new(FaultKind::Contract, message).into());
        }
        Ok(self.page.move_to(row, &mut self.desk)?)
    }
}
